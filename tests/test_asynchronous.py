"""Asynchronous sweeps: results are told as they come, and a sweep that was stopped goes on by the calls on record."""

import random

import pandas as pd
import pytest
import tiny
from tiny import FIDELITY, Parabola, StopAfter, outcome

import hpo
from arl.errors import InputError
from arl.records.store import Store
from hpo import plans, results, sweeps
from hpo.trial import Trial


class Workers(Parabola):
    """Answers as a parabola does, on three workers that finish in an order of chance."""

    def __init__(self, task, seeds, batch=1, chance=0):
        super().__init__(task, seeds, batch)
        self.training, self.chance = [], random.Random(chance)

    def room(self):
        return 3 - len(self.training)

    def start(self, trials):
        self.training += trials

    def wait(self, on_segment):
        trial = self.training.pop(self.chance.randrange(len(self.training)))
        return list(self.evaluate([trial], on_segment))

    def stop(self):
        self.training.clear()


@pytest.fixture
def sweep(tmp_path):
    """Return a function that runs an asynchronous sweep of the tiny task."""

    def sweep(tuner="asha", store="store", chance=0, view=None, objective=Workers, **settings):
        chosen = {"budget": 4.0, "seeds": 2, **settings}
        plan = plans.plan(tiny.task(), tuner, asynchronous=True, **chosen)
        options = {"chance": chance} if objective is Workers else {}
        made = objective(plan.task, plan.settings.seeds, plan.settings.batch, **options)
        opened = Store(tmp_path / f"{store}.sqlite")
        return sweeps.make(plan, tuner, made, "a", opened, view or sweeps.View()).run()

    return sweep


def config(learning_rate):
    return {"learning_rate": learning_rate}


class Three:
    """Asks for one trial after the other as there is room, and notes its calls."""

    asynchronous = True
    calls: list

    def __init__(self, space, fidelity):
        self.trials = [Trial(i, config(1e-3 * (i + 1)), fidelity) for i in range(5)]
        Three.calls = []

    def ask(self, n):
        asked, self.trials = self.trials[:n], self.trials[n:]
        Three.calls.append(("ask", [trial.id for trial in asked]))
        return asked

    def tell(self, results):
        Three.calls.append(("tell", [result.trial.id for result in results]))


def test_a_tuner_is_told_each_result_as_it_comes_and_asked_when_a_worker_is_free(sweep):
    sweep(Three, trials=5, budget=None)
    assert Three.calls[0] == ("ask", [0, 1, 2])
    told = [ids for method, ids in Three.calls if method == "tell"]
    assert sorted(told) == [[0], [1], [2], [3], [4]]
    assert told != sorted(told), "workers finish in an order of chance"
    methods = [method for method, _ in Three.calls]
    assert methods[:5] == ["ask", "tell", "ask", "tell", "ask"]


@pytest.mark.parametrize("tuner", ["asha", "random", "tpe", "pbt"])
@pytest.mark.parametrize("num", [1, 2, 5, 9])
def test_a_stopped_sweep_goes_on_by_the_calls_on_record(sweep, tmp_path, tuner, num):
    with pytest.raises(KeyboardInterrupt):
        sweep(tuner, chance=1, budget=10.0, view=StopAfter(num))
    store = Store(tmp_path / "store.sqlite")
    stopped, calls = store.trials("a"), store.calls("a")
    whole = sweep(tuner, chance=2, budget=10.0)
    assert store.calls("a")[: len(calls)] == calls
    assert {i: whole.records[i] for i in stopped} == stopped
    again = sweep(tuner, chance=3, budget=10.0)
    assert again == whole, "a sweep that has ended trains nothing"


def test_what_was_asked_for_and_not_finished_is_trained_when_the_sweep_goes_on(sweep, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        sweep(Three, trials=5, budget=None, view=StopAfter(1))
    store = Store(tmp_path / "store.sqlite")
    assert [(call.method, len(call.trials)) for call in store.calls("a")] == [("ask", 3), ("tell", 1)]
    sweep(Three, trials=5, budget=None)
    assert sorted(store.trials("a")) == [0, 1, 2, 3, 4]


def test_the_order_of_results_changes_what_a_promoting_tuner_asks_for(sweep):
    first, other = sweep(chance=1), sweep(chance=2, store="other")
    assert not outcome(first)[0].equals(outcome(other)[0])


def test_random_search_gives_the_same_trials_in_any_order(sweep):
    for frame, other in zip(
        outcome(sweep("random", chance=1)), outcome(sweep("random", store="b", chance=2)), strict=True
    ):
        pd.testing.assert_frame_equal(frame, other, check_exact=True)


def test_budgets_are_exact(sweep):
    record = sweep(budget=3.0)
    assert sum(run.env_steps for trial in record.records.values() for run in trial.runs) <= 3.0 * FIDELITY * 2
    assert len(record.records) > 3


class Repeats(Three):
    """Asks for one config again and again under more seeds."""

    def __init__(self, space, fidelity):
        super().__init__(space, fidelity)
        self.trials = [Trial(i, config(1e-3), fidelity, seeds=tuple(range(i + 1))) for i in range(2)]


def test_runs_that_another_trial_is_training_are_waited_for_and_taken_over(sweep):
    record = sweep(Repeats, trials=2, budget=None)
    merged = [run.outcome.merged for run in record.records[1].runs]
    assert merged == [0, None]


def test_an_objective_that_trains_a_batch_at_a_time_goes_on_one_by_one(sweep, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        sweep(Three, trials=5, budget=None, view=StopAfter(2))
    record = sweep(Three, trials=5, budget=None, objective=Parabola)
    assert sorted(record.records) == [0, 1, 2, 3, 4]


class Fickle(Three):
    """Asks for other trials the next time."""

    first = 0

    def __init__(self, space, fidelity):
        super().__init__(space, fidelity)
        self.trials = [Trial(Fickle.first + i, config(1e-3 * (i + 1)), fidelity) for i in range(5)]


def test_a_tuner_that_asks_otherwise_is_reported(sweep, monkeypatch):
    with pytest.raises(KeyboardInterrupt):
        sweep(Fickle, trials=5, budget=None, view=StopAfter(1))
    monkeypatch.setattr(Fickle, "first", 10)
    with pytest.raises(
        InputError, match=r"must ask the same when resumed: trials \[0, 1, 2\] are on record, got \[10,"
    ):
        sweep(Fickle, trials=5, budget=None)


def test_a_sweep_goes_on_as_it_was_begun(tmp_path):
    """A sweep that was asynchronous stays so without a cluster, and one of rounds stays one."""
    settings = {"trials": 3, "name": "a", "objective": "table", "store": tmp_path / "store.sqlite"}
    record = hpo.sweep("ppo/CartPole-v1", "random", **settings)
    assert not record.settings.asynchronous
    again = sweeps._as_begun(plans.plan("ppo/CartPole-v1", trials=3, asynchronous=True), record.settings, None)
    assert not again.settings.asynchronous


def test_members_of_a_population_go_on_when_half_of_it_is_ready():
    from ConfigSpace import ConfigurationSpace, Float

    from hpo.tuners.pbt import PBT

    space = ConfigurationSpace(space=[Float("learning_rate", (1e-5, 1e-1), log=True)])
    tuner = PBT(space, 100, budget=4, num_intervals=2, asynchronous=True)
    first = tuner.ask(8)
    assert [trial.fidelity for trial in first] == [50] * 4

    def tell(trial, score):
        runs = [tiny.run_record(0, score)]
        tuner.tell([results.result(trial, results.trial_record(trial, runs))])

    tell(first[2], 1.0)
    assert tuner.ask(8) == []
    tell(first[0], 0.0)
    following = tuner.ask(8)
    assert [(trial.fidelity, trial.parent) for trial in following] == [(100, 2), (100, 2)]
    assert following[1].config == first[2].config, "the best of those that are ready goes on as it is"
    assert following[0].config != first[2].config, "the worst copies and explores"
    tell(first[1], 5.0)
    assert [trial.parent for trial in tuner.ask(8)] == [1]
