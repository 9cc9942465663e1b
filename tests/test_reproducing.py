"""A recorded run that is trained again gives the same numbers, and a difference is reported."""

import dataclasses

import pytest
import tiny

from arl.errors import InputError
from arl.records.store import Store
from hpo import reproduction, sweeps
from hpo.objectives.training import Training


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return the store of a sweep of continued trials, in blocks of two lanes."""
    store = Store(tmp_path_factory.mktemp("store") / "store.sqlite")
    sweeps.sweep(tiny.task(), tiny.Halving, name="halving", store=store, budget=3.0, seeds=2, batch=4)
    return store


@pytest.mark.parametrize("trial", [0, 6, None])
def test_a_run_is_the_same_bit_for_bit(store, trial):
    reproduced = reproduction.reproduce("halving", trial, 1, store)
    assert (reproduced.same, reproduced.alike, reproduced.agrees, reproduced.difference) == (True, True, True, 0.0)
    assert reproduced.lines()[-1] == "the same, bit for bit"
    if trial is None:
        assert reproduced.trial == 6, "the one of the highest fidelity"


@pytest.mark.parametrize("trial", [1, 4])
def test_members_of_a_population_keep_the_networks_that_they_started_from(store, monkeypatch, trial):
    """Trial 1 starts from networks of its own, trial 4 goes on from it, or from another member that did."""
    asked = {"name": "pbt", "store": store, "budget": 3.0, "seeds": 1, "options": {"num_intervals": 2, "quantile": 0.4}}
    record = sweeps.sweep(tiny.task(), "pbt", **asked)
    assert [record.records[i].network_seed for i in range(6)] == [0, 1, 2, 0, 0, 0]
    assert reproduction.reproduce("pbt", trial, store=store).lines()[-1] == "the same, bit for bit"
    monkeypatch.setattr(Training, "_train", None)  # nothing is trained again
    assert repr(sweeps.sweep(tiny.task(), "pbt", **asked).records) == repr(record.records)


def test_returns_are_set_beside_each_other_whatever_the_score(store):
    sweeps.sweep(tiny.task(), "default", name="auc", store=store, trials=1, score="auc")
    summary = reproduction.reproduce("auc", store=store).summary()
    assert summary["same"]
    assert summary["recorded"] == summary["trained"] != store.trials("auc")[0].score


def test_another_number_is_noticed(store):
    reproduced = reproduction.reproduce("halving", 0, 0, store)
    first, *others = reproduced.recorded.points
    other = dataclasses.replace(first, return_mean=first.return_mean + 0.1)
    changed = dataclasses.replace(
        reproduced, recorded=dataclasses.replace(reproduced.recorded, points=[other, *others])
    )
    worst, best = reproduced.return_range
    assert (changed.same, changed.agrees) == (False, False), "trained alike, so bits are owed"
    assert changed.difference == pytest.approx(0.1 / (best - worst))
    elsewhere = dataclasses.replace(changed, now={**changed.now, "jax": "9"})
    assert elsewhere.agrees
    assert not dataclasses.replace(elsewhere, tolerance=0.001).agrees
    assert elsewhere.lines()[1].endswith(", now 9")


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (("halving", 99, 0), "trial must be one of the 7 of 'halving', got 99"),
        (("halving", 0, 5), "seed must be one of 0, 1 of trial 0, got 5"),
        (("halvin", 0, 0), "unknown sweep"),
        (("ppo/Cart", 0, 0), "unknown landscape"),
    ],
)
def test_what_was_not_recorded_is_refused(store, asked, line):
    with pytest.raises(InputError, match=line):
        reproduction.reproduce(*asked, store)
