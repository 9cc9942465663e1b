"""Sweeps with tuners of other libraries and with a process: trained, stopped and resumed."""

import sys
from pathlib import Path

import pandas as pd
import pytest
import tiny

from arl.errors import InputError
from arl.records.store import Store
from hpo import sweeps

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "random_search.py"


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "runs.sqlite")


def test_smac_under_hyperband_continues_agents_and_resumes(store, tmp_path):
    settings = {"budget": 5.0, "batch": 9, "options": {"min_fidelity": 3 * tiny.ITERATION}}
    whole = sweeps.sweep(tiny.task(), "smac_hyperband", name="whole", store=store, **settings)
    assert whole.trials.parent.notna().sum() > 0
    assert set(whole.trials.fidelity) == {67, 200}

    class Stops(sweeps.View):
        num = 0

        def trial(self, record):
            self.num += 1
            if self.num == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweeps.sweep(tiny.task(), "smac_hyperband", name="parts", store=store, view=Stops(), **settings)
    parts = sweeps.sweep(tiny.task(), "smac_hyperband", name="parts", store=store, **settings)
    for straight, resumed in zip(tiny.outcome(whole), tiny.outcome(parts), strict=True):
        pd.testing.assert_frame_equal(straight, resumed)


@pytest.mark.parametrize("tuner", ["tpe", "smac"])
def test_they_tune_without_training(tuner, store, monkeypatch):
    monkeypatch.setattr("hpo.objectives.training.Training", tiny.counting([]))
    record = sweeps.sweep(tiny.task(), tuner, name=tuner, store=store, trials=24, batch=4)
    assert len(record.trials) == 24
    assert record.trials.score.max() > -0.05


def test_a_process_that_dies_leaves_the_records(store, tmp_path, monkeypatch):
    monkeypatch.setattr("hpo.objectives.training.Training", tiny.counting([]))
    dies = tmp_path / "dies"
    file = tmp_path / "mine.py"
    file.write_text(EXAMPLE.read_text().replace("        ids =", f"        open({str(dies)!r})\n        ids ="))
    dies.touch()
    settings = {"trials": 6, "batch": 2, "options": {"command": f"{sys.executable} {file}"}}

    class Removes(sweeps.View):
        def trial(self, record):
            if record.trial == 2:
                dies.unlink(missing_ok=True)

    with pytest.raises(InputError, match="ended with status 1"):
        sweeps.sweep(tiny.task(), "external", name="mine", store=store, view=Removes(), **settings)
    assert sorted(store.trials("mine")) == [0, 1, 2, 3]
    dies.touch()
    record = sweeps.sweep(tiny.task(), "external", name="mine", store=store, **settings)
    same = sweeps.sweep(tiny.task(), "random", name="random", store=store, trials=6, batch=2)
    assert record.trials.learning_rate.tolist() == same.trials.learning_rate.tolist()
