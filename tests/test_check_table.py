"""What `scripts/check_table.py` says of runs that were trained again."""

from pathlib import Path

import numpy as np
import pytest
from test_analysis import by_learning_rate, landscape_of


@pytest.fixture
def check_table(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[1] / "scripts")
    import check_table

    return check_table


def curves(*finals):
    """Return the curves of runs `a`, `b`, ... with two evaluations each."""
    names = "abcdefgh"[: len(finals)]
    return {
        name: [{"env_steps": 5, "return_mean": 0.0}, {"env_steps": 10, "return_mean": final}]
        for name, final in zip(names, finals, strict=True)
    }


def test_final_returns_are_compared_with_those_of_another_seed(check_table, capsys):
    expected, trained = curves(1.0, 2.0, 3.0, np.nan), curves(2.0, 1.0, 3.0, 4.0)
    assert not check_table.compare("again", expected, trained, {"a": 4.0, "b": 3.0, "c": np.nan, "d": 1.0})
    printed = capsys.readouterr().out
    assert "1 of 4 runs the same in every number" in printed
    assert "final returns, mean and 95 %: 2.00 [1.00, 3.00], trained 2.00 [1.00, 3.00]" in printed
    assert "trained minus expected: 0.00 [-1.00, 1.00]" in printed
    assert "its size: 0.67 [0.00, 1.00]; rank correlation 0.500" in printed
    assert "its size between two seeds: 2.00 [1.00, 3.00]; rank correlation -1.000" in printed


def test_runs_that_are_the_same_need_no_comparison_of_returns(check_table, capsys):
    assert check_table.compare("again", curves(1.0, 2.0), curves(1.0, 2.0), {})
    assert "final returns" not in capsys.readouterr().out


def test_the_other_seed_is_the_next_one(check_table):
    landscape = landscape_of(by_learning_rate, num_seeds=3)
    others = check_table.finals_of_other_seeds(landscape)
    for number in (0, 1):
        finals = [others[f"{landscape.name} config {number} seed {seed}"] for seed in landscape.seeds]
        assert finals == np.roll(landscape.returns[number, :, -1], -1).tolist()
    assert check_table.finals_of_other_seeds(landscape_of(by_learning_rate, num_seeds=1)) == {}
