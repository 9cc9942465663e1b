"""The script of the large comparison on landscapes: what it compares, and what it leaves."""

import sys
from pathlib import Path

import pandas as pd
import pytest

from hpo import tuners
from landscapes import catalogue


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parent.parent / "scripts")
    import compare_tuners

    return compare_tuners


def test_it_compares_on_the_landscapes_that_have_seeds_to_tune_and_to_test_under(script):
    names = script.landscapes_of_several_seeds()
    assert {"ppo/CartPole-v1", "dqn/CartPole-v1"} <= set(names)
    assert all(len(catalogue.get(name).seeds) >= 2 and "@" not in name for name in names)


def test_all_tuners_but_populations_take_part(script):
    assert set(script.LEFT_OUT) < set(tuners.names())
    assert len(set(tuners.names()) - set(script.LEFT_OUT)) >= 10


def test_each_budget_has_a_report_and_its_cost(script, monkeypatch, tmp_path, capsys):
    words = ["--budgets", "1,2", "--task-repeats", "3", "--tuners", "sobol", "--objective", "table"]
    words += ["--tasks", "dqn/CartPole-v1,ppo/CartPole-v1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["compare_tuners.py", *words])
    script.main()
    printed = capsys.readouterr().out
    assert "budget 2: 4 task-repeats of 4 tuners, " in printed, "whole repeats on every task"
    for budget in (1, 2):
        curves = pd.read_parquet(tmp_path / f"budget-{budget}" / "curves.parquet")
        assert curves.budget.max() == budget
        assert (tmp_path / f"budget-{budget}" / "report.html").exists()
