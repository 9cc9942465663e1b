"""Seeds as a fidelity: a config is trained under more seeds for the price of the new ones."""

import pandas as pd
import pytest
import tiny
from test_resume import StopAfter
from tiny import FIDELITY, ITERATION, Listed, outcome, parabola

import hpo
from arl import spaces
from arl.errors import InputError
from arl.records.lineage import Ledger
from arl.records.store import Store
from hpo import merged_runs, reproduction, scores
from hpo.trial import Trial

A, B, C = ({"learning_rate": rate} for rate in (1e-3, 1e-2, 3e-2))
SEEDS = (0, 1, 2, 3)


@pytest.fixture
def asked(monkeypatch):
    """Return the trials that the parabola answered, as it was asked: a list that grows."""
    trials = []

    class Noting(tiny.Parabola):
        def evaluate(self, given, on_segment):
            trials.extend((trial.id, self.seeds_of(trial)) for trial in given)
            yield from super().evaluate(given, on_segment)

    monkeypatch.setattr("hpo.objectives.training.Training", Noting)
    return trials


@pytest.fixture
def sweep(tmp_path):
    def sweep(*trials, store="store", **settings):
        chosen = {"trials": len(trials), "seeds": 4, "batch": 1, "name": "a", **settings}
        return hpo.sweep(tiny.task(), asking(*trials), store=tmp_path / f"{store}.sqlite", **chosen)

    return sweep


class Told:
    """The results that tuners of a test were told."""

    results: list = []


def asking(*trials):
    def tell(self, results):
        Told.results += results

    members = {"__init__": lambda self: Listed.__init__(self, list(trials)), "tell": tell}
    Told.results = []
    return type("Asking", (Listed,), members)


def spent(trials, fidelity=100, seeds=SEEDS):
    ledger = Ledger({trial.id: trial for trial in trials}, fidelity, seeds)
    return [ledger.charge(trial) for trial in trials]


def test_what_trials_cost_by_hand():
    trials = [
        Trial(0, A, 100, seeds=(0,)),
        Trial(1, A, 100, seeds=(0, 1, 2)),  # two new seeds
        Trial(2, A, 100),  # one
        Trial(3, A, 100),  # none: it costs what the first time would have cost
        Trial(4, B, 50, seeds=(0,)),
        Trial(5, B, 100, parent=4, seeds=(0,)),
        Trial(6, B, 100, seeds=(0, 1)),  # the agent of seed 0 was trained in two steps
        Trial(7, B, 50, seeds=(0, 1)),
        Trial(8, C, 100, parent=7, seeds=(0, 1)),
        Trial(9, B, 100, parent=7, seeds=(0, 1)),  # the same agents as trial 6 has
    ]
    assert spent(trials) == [0.25, 0.5, 0.25, 1.0, 0.125, 0.125, 0.25, 0.125, 0.25, 0.25]


def test_only_new_seeds_are_trained(sweep, asked):
    record = sweep(Trial(0, A, FIDELITY, seeds=(0,)), Trial(1, A, FIDELITY, seeds=(0, 2)), Trial(2, A, FIDELITY))
    assert asked == [(0, (0,)), (1, (2,)), (2, (1, 3))]
    assert record.trials.num_seeds.tolist() == [1, 2, 4]
    assert record.trials.env_steps.tolist() == [10, 10, 20]
    assert record.trials.seconds.tolist() == [0.125, 0.125, 0.25]
    assert record.runs.merged.tolist() == [pd.NA, 0, pd.NA, 0, pd.NA, 1, pd.NA]
    score = parabola(A)
    assert Told.results[2].seed_scores == {seed: score - seed for seed in SEEDS}
    assert Told.results[2].score == pytest.approx(score - 1.5)
    assert [result.cost.env_steps for result in Told.results] == [10, 10, 20]
    assert record.incumbent["trial"] == 2


def test_a_budget_pays_for_new_seeds_only(sweep, asked):
    trials = [Trial(i, config, FIDELITY, seeds=(0,)) for i, config in enumerate((A, B, C))]
    trials += [Trial(3, B, FIDELITY), Trial(4, A, FIDELITY, seeds=(0, 1)), Trial(5, C, FIDELITY)]
    record = sweep(*trials, budget=1.75, trials=None)
    assert list(record.records) == [0, 1, 2, 3, 4], "a quarter of a run each, three quarters, and a quarter"


def test_trials_of_one_batch_share_their_runs(sweep, asked):
    trials = [Trial(0, A, FIDELITY, seeds=(1, 0)), Trial(1, A, FIDELITY, seeds=(1, 2)), Trial(2, B, FIDELITY)]
    record = sweep(*trials, batch=3)
    assert asked == [(0, (1, 0)), (2, SEEDS), (1, (2,))]
    assert record.records[1].seeds == (1, 2)
    assert Told.results[1].seed_scores == {seed: parabola(A) - seed for seed in (1, 2)}


def test_a_tuner_that_repeats_itself_comes_to_an_end(sweep, asked):
    record = sweep(*(Trial(i, A, FIDELITY) for i in range(9)), budget=3.0, trials=None)
    assert len(record.trials) == 3
    assert asked == [(0, SEEDS)]
    assert record.trials.env_steps.tolist() == [40, 0, 0]


@pytest.mark.parametrize("num", [1, 2, 3, 4])
def test_a_stopped_sweep_ends_as_a_straight_one(sweep, asked, num):
    trials = [Trial(0, A, FIDELITY, seeds=(0,)), Trial(1, B, FIDELITY, seeds=(0,)), Trial(2, A, FIDELITY, seeds=(0, 1))]
    trials += [Trial(3, A, FIDELITY), Trial(4, B, FIDELITY, seeds=(0, 3))]
    with pytest.raises(KeyboardInterrupt):
        sweep(*trials, batch=2, view=StopAfter(num))
    resumed, answered = sweep(*trials, batch=2), list(asked)
    straight = sweep(*trials, batch=2, store="straight")
    for frame, expected in zip(outcome(resumed), outcome(straight), strict=True):
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)
    assert set(answered) == set(asked[len(answered) :]), "the objective was asked for the same runs"


def test_seeds_that_are_not_the_sweeps_are_refused(sweep, asked):
    with pytest.raises(InputError, match=r"seeds must be among the tuning seeds \(0, 1, 2, 3\), got \(0, 7\)"):
        sweep(Trial(0, A, FIDELITY, seeds=(0, 7)))


def run(seed, *points, **changes):
    made = tiny.run_record(seed, points[-1][1])
    record = [made.points[0].__class__(steps, value, 0.0, 1.0, {}) for steps, value in points]
    return made.__class__(seed, "completed", points[-1][1], 10, 2.0, {}, record, **changes)


def test_a_promoted_config_keeps_the_evaluations_that_all_seeds_have():
    """Its rung at 7 env steps is no evaluation of a run that was trained at once."""
    lower = tiny.trial_record(0, runs=[run(0, (5, 1.0), (7, 2.0))], fidelity=7, config=A)
    upper = tiny.trial_record(1, runs=[run(0, (10, 3.0))], fidelity=10, config=A, parent=0)
    merged = merged_runs.MergedRuns({0: lower, 1: upper})
    for record in (lower, upper):
        merged.add(record)
    trial = Trial(2, A, 10, seeds=(0, 1))
    (old,) = merged.find(trial, (0, 1), {2: trial})
    assert (old.outcome.merged, old.env_steps, old.seconds, old.score) == (1, 0, 0.0, 3.0)
    record = merged_runs.completed(trial, (0, 1), [run(1, (5, 2.0), (10, 5.0)), old])
    assert [[(p.env_steps, p.return_mean) for p in r.points] for r in record.runs] == [
        [(5, 1.0), (10, 3.0)],
        [(5, 2.0), (10, 5.0)],
    ]
    assert (record.score, record.seeds) == (4.0, (0, 1))
    settings = tiny.task().settings()
    several = scores.several(record, ["runtime", "auc"], settings, {0: lower, 1: upper, 2: record})
    assert several == {"runtime": -(4.0 + 2.0) / 2, "auc": (2.0 + 3.5) / 2}, "of seed 0, two stretches of 2 s"


def test_failed_runs_are_trained_again():
    failed = tiny.trial_record(0, -9.0, config=A, status="failed")
    merged = merged_runs.MergedRuns({0: failed})
    merged.add(failed)
    trial = Trial(1, A, 10, seeds=(0, 1))
    assert merged.find(trial, (0, 1), {1: trial}) == []


TRAINED = [
    Trial(0, A, 4 * ITERATION, seeds=(0,)),
    Trial(1, A, FIDELITY, seeds=(0,), parent=0),
    Trial(2, A, FIDELITY, seeds=(0, 1)),
    Trial(3, B, 4 * ITERATION, seeds=(0,)),
    Trial(4, B, 4 * ITERATION),
    Trial(5, A, FIDELITY, parent=4),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Return the store of a sweep that was trained, in which some runs were taken over."""
    store = Store(tmp_path_factory.mktemp("trained") / "store.sqlite")
    hpo.sweep(tiny.task(), asking(*TRAINED), trials=6, seeds=2, batch=1, name="a", store=store)
    return store


def test_what_is_taken_over_is_what_training_gives_to_the_last_bit(store, tmp_path):
    trials = [Trial(2, A, FIDELITY), Trial(4, B, 4 * ITERATION), Trial(5, A, FIDELITY, parent=4)]
    settings = {"trials": 3, "seeds": 2, "batch": 1, "store": tmp_path / "store.sqlite"}
    straight, records = hpo.sweep(tiny.task(), asking(*trials), name="straight", **settings), store.trials("a")
    for number in (2, 4, 5):
        assert records[number].score == straight.records[number].score
        pairs = zip(records[number].runs, straight.records[number].runs, strict=True)
        assert all(merged.points == alone.points for merged, alone in pairs)


def test_env_steps_are_those_of_new_runs(store):
    first, rest = 4 * ITERATION, FIDELITY - 4 * ITERATION
    env_steps = hpo.load_sweep("a", store).trials.env_steps.tolist()
    assert env_steps == [first, rest, FIDELITY, first, first, 2 * rest]


def test_a_run_that_was_taken_over_is_reproduced_as_it_was_trained(store):
    reproduced = reproduction.reproduce("a", 2, 0, store)
    assert (reproduced.trial, reproduced.same) == (1, True)


def test_a_landscape_answers_seeds_one_after_the_other(tmp_path):
    config = spaces.default(hpo.task("ppo/CartPole-v1").space)
    trials = [Trial(0, config, 100_000, seeds=(0,)), Trial(1, config, 100_000)]
    settings = {"trials": 2, "seeds": 2, "objective": "table", "batch": 1, "store": tmp_path / "store.sqlite"}
    record = hpo.sweep("ppo/CartPole-v1", asking(*trials), name="a", **settings)
    whole = hpo.sweep("ppo/CartPole-v1", asking(trials[1]), name="b", **{**settings, "trials": 1})
    assert record.records[1].score == whole.records[1].score
    assert record.runs.merged.tolist() == [pd.NA, 0, pd.NA]
