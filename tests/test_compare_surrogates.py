"""The script that compares surrogates: its figures on a made-up landscape of which the truth is known."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from test_analysis import by_learning_rate, landscape_of
from test_surrogate import flat_landscape

from landscapes import accuracy, catalogue
from landscapes.surrogate import Surrogate


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parent.parent / "scripts")
    import compare_surrogates

    monkeypatch.setattr(accuracy, "NUM_FOLDS", 2)
    monkeypatch.setattr(compare_surrogates, "NUM_RANDOM", 100)
    monkeypatch.setattr(compare_surrogates, "MODELS", dict(list(compare_surrogates.MODELS.items())[:2]))
    return compare_surrogates


def test_noise_that_is_the_same_everywhere_is_drawn_as_it_was_measured(script):
    row = script.row_of_noise(Surrogate(flat_landscape(noise=25.0, num_seeds=10)))
    assert row["spread, %"] == pytest.approx(25 / 5, rel=0.05)
    assert row["drawn, %"] == pytest.approx(row["spread, %"], rel=0.1)
    assert row["shift, %"] == pytest.approx(0.0, abs=0.2)
    assert [row["correlation"], row["drawn"]] == pytest.approx([0.0, 0.0], abs=0.1)


def test_a_surrogate_of_some_configs_knows_these_alone(script):
    surrogate = Surrogate(flat_landscape())
    part = script.part_of(surrogate, np.array([3, 5]))
    config = surrogate.landscape.config(4)
    assert set(part.neighbours(config)) == {0, 1}
    assert (part.means == surrogate.means[[3, 5]]).all()
    assert len(surrogate.neighbours(config)) == 10


def test_tables_and_figures_are_of_each_model(script, monkeypatch, tmp_path, capsys):
    made = landscape_of(by_learning_rate, noise=1.0, num_seeds=2)
    monkeypatch.setattr(catalogue, "available", lambda: {made.name: made})
    monkeypatch.setattr(sys, "argv", ["", "--landscapes", made.name, "--json", str(tmp_path / "figures.json")])
    script.main()
    printed = capsys.readouterr().out
    assert "Mean over 1 landscapes" in printed
    assert "| random forest |" in printed
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert [row["model"] for row in figures["models"]] == ["nearest config", "random forest"]
    nearest, trees = (row["final: rho"] for row in figures["models"])
    assert trees > nearest
    assert len(figures["noise"]) == 1
