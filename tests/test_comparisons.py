"""Comparisons: equal budgets, one rule for incumbents, test seeds apart, each run trained once."""

import contextlib
import dataclasses
import json
import math

import numpy as np
import pandas as pd
import pytest
import tiny
from ConfigSpace import Categorical, ConfigurationSpace
from test_analysis import by_learning_rate, landscape_of
from tiny import FIDELITY, Halving, Listed, Parabola, parabola

import hpo
from arl import spaces, statistics
from arl.errors import InputError
from arl.records.lineage import chain
from arl.records.store import Store
from arl.records.sweep import SweepRecord
from hpo import plans, scores, sweeps, testing
from hpo.cli import commands
from hpo.comparisons import compare as comparing
from hpo.comparisons import design, incumbents, recorded, words
from hpo.comparisons.comparison import NUM_POINTS
from hpo.objectives.training import Training
from hpo.reports.comparison_report import checklist
from hpo.trial import Trial
from hpo.tuners.given import Given
from landscapes import catalogue

LABELS = ["sobol", "Halving", "random", "random-2x", "default"]
SMALL = {"repeats": 2, "budget": 2.0, "seeds": 2, "test_seeds": 2, "batch": 2}


class Exploit(Listed):
    """Two configs to a fifth of the fidelity; then the agent of the first goes on with the config of the second."""

    rates = (1e-3, 3e-2)

    def __init__(self, space, fidelity):
        first, second = (tiny.config(space, rate) for rate in self.rates)
        super().__init__(
            [
                Trial(0, first, fidelity // 5),
                Trial(1, second, fidelity // 5),
                Trial(2, first, 2 * fidelity // 5, parent=0),
                Trial(3, second, fidelity, parent=2),
            ]
        )

    def ask(self, n):
        return super().ask(2 if len(self.trials) == 4 else 1)


class Breaks(Listed):
    """Asks for the same id twice, from its second repeat on."""

    def __init__(self, space, fidelity, seed):
        trials = [Trial(0, tiny.config(space, 1e-3), fidelity), Trial(1, tiny.config(space, 1e-2), fidelity)]
        super().__init__(trials if seed == 0 else trials[:1] * 2)


class Late(Listed):
    """Can't be made in its second repeat."""

    def __init__(self, space, fidelity, seed):
        super().__init__([Trial(0, tiny.config(space, 1e-3), fidelity)])
        if seed == 1:
            raise ValueError("not now")


def test_a_tuner_that_can_not_be_made_again_is_left_out(tmp_path, trained):
    comparison = compare(tmp_path / "store.sqlite", ["sobol", Late])
    assert comparison.tuners == ["sobol", "random", "random-2x", "default"]
    assert "can't be made: ValueError: not now" in comparison.broken["Late"]
    assert f"{__name__}:Late" in " ".join(commands.of_comparison(comparison.name, comparison.settings))


def test_one_test_seed_shows_no_spread(tmp_path, trained):
    assert compare(tmp_path / "store.sqlite", test_seeds=1).incumbents.test_std.isna().all()


class Stops(comparing.View):
    """Ctrl-C after a number of trials."""

    def __init__(self, num):
        self.num = num

    def sweep(self, name, number, total):
        return self.Trials(self)

    def test(self, name, num_incumbents):
        return self.Trials(self)

    class Trials(sweeps.View):
        def __init__(self, outer):
            self.outer = outer

        def trial(self, record):
            self.outer.num -= 1
            if self.outer.num < 0:
                raise KeyboardInterrupt


@pytest.fixture
def trained(monkeypatch):
    """Return the ids of the trials that the parabola answered, a list that grows."""
    ids = []
    monkeypatch.setattr("hpo.objectives.training.Training", tiny.counting(ids))
    return ids


def compare(store, tuners=("sobol", Halving), tasks=None, **changes):
    return hpo.compare(list(tuners), tasks or [tiny.task()], store=store, **{**SMALL, **changes})


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Return a comparison that was trained for real, and its store."""
    store = Store(tmp_path_factory.mktemp("straight") / "store.sqlite")
    return compare(store, ["sobol", Halving, Exploit]), store


def frames(comparison):
    """Return the frames of a comparison without the columns that differ from one time to the next."""
    return [comparison.runs.drop(columns="seconds"), comparison.curves, comparison.incumbents, comparison.summary]


def assert_same(comparison, expected):
    for frame, expected_frame in zip(frames(comparison), frames(expected), strict=True):
        pd.testing.assert_frame_equal(frame, expected_frame, check_exact=True)


def test_baselines_are_added_and_budgets_are_equal(straight):
    comparison, _ = straight
    assert comparison.tuners == ["sobol", "Halving", "Exploit", "random", "random-2x", "default"]
    for swept in comparison.swept:
        twice = 2 if swept.tuner == "random-2x" else 1
        assert swept.budget == 2.0 * twice
        assert swept.spent <= swept.budget + 1e-9
        assert swept.record.settings.batch == 2
        assert swept.record.settings.tuner_seed == swept.repeat
    spent = comparison.costs.set_index("tuner").full_runs
    assert spent["sobol"] == spent["random"] == 2.0
    assert (spent["random-2x"], spent["default"], spent["Halving"]) == (4.0, 1.0, pytest.approx(1.8))


def test_every_tuner_but_the_default_begins_with_what_is_enqueued(tmp_path, trained):
    first = {"learning_rate": 0.02}
    store = tmp_path / "store.sqlite"
    comparison = compare(store, enqueue=["default", first], budget=3.0)
    default = spaces.default(tiny.task().space)
    for swept in comparison.swept:
        begun = [swept.record.records[trial].config for trial in swept.order]
        if swept.tuner == "default":
            assert begun == [default]
        else:
            assert begun[:2] == [default, {**default, **first}]
            assert swept.spent <= swept.budget + 1e-9
    words = commands.of_comparison(comparison.name, comparison.settings)
    assert [words[i + 1] for i, word in enumerate(words) if word == "--enqueue"] == ["default", json.dumps(first)]
    assert recorded.load(comparison.name, store).settings == comparison.settings
    assert "Every tuner begins with the same configs" in [item for _, item, _ in checklist(comparison)]


@pytest.mark.parametrize(
    ("enqueue", "message"),
    [
        ("best", "enqueue must be default, or values by hyperparameter, got 'best'"),
        ({"gamm": 0.9}, "unknown hyperparameter of the space 'gamm'"),
        (["default", {}, {"learning_rate": 0.02}], "configs that differ"),
        ([{"learning_rate": 1e-3 * i} for i in range(1, 4)], "no more configs than trials are paid for, 2, got 3"),
    ],
)
def test_what_can_not_be_enqueued_is_refused_before_anything_is_trained(tmp_path, trained, enqueue, message):
    with pytest.raises(InputError, match=message):
        compare(tmp_path / "store.sqlite", enqueue=enqueue)
    assert not trained
    assert not (tmp_path / "store.sqlite").exists()


def test_seeds_of_tuning_and_test_are_apart(straight):
    runs = straight[0].runs
    tuning, tests = (runs[runs.phase == phase].groupby("sweep").seed.unique() for phase in ("tuning", "test"))
    for repeat, seeds in enumerate([{0, 1}, {2, 3}]):
        assert all(set(found) == seeds for name, found in tuning.items() if name.endswith(f"-{repeat}"))
    assert {name: set(seeds) for name, seeds in tests.items()} == {
        "comparison-ppo-ProbeMatching-test-1000-1001": {1000, 1001},
        "comparison-ppo-ProbeMatching-test-1002-1003": {1002, 1003},
    }
    assert straight[0].seeds_rotate


def test_curves_are_the_test_scores_of_the_incumbents(straight):
    """Worked out anew, trial by trial."""
    comparison, _ = straight
    test = comparison.tests["ppo/ProbeMatching", (1002, 1003)]
    by_config = {json.dumps([t.fidelity, t.config]): t.score for t in test.records.values() if t.parent is None}
    random = next(swept for swept in comparison.swept if (swept.tuner, swept.repeat) == ("random-2x", 1))
    scores = [trial.score for _, trial in sorted(random.record.records.items())]
    curve = comparison.curves.query("tuner == 'random-2x' and repeat == 1")
    assert curve.spent.tolist() == [4.0 * i / NUM_POINTS for i in range(1, NUM_POINTS + 1)]
    for row in curve.to_dict("records"):
        done = scores[: math.floor(row["spent"])]
        if not done:
            assert row["test_score"] == row["tuning_score"] == tiny.WORST
            continue
        best = random.record.records[int(np.argmax(done))]
        tested = by_config[json.dumps([best.fidelity, best.config])]
        assert (row["tuning_score"], row["test_score"]) == (best.score, tested)
        zero, one, _ = comparison.scales["ppo/ProbeMatching"]
        assert row["score"] == pytest.approx(max(-1.0, (tested - zero) / (one - zero)))


def test_each_incumbent_is_trained_once(straight):
    comparison, _ = straight
    for (_, seeds), test in comparison.tests.items():
        chains = [chain(trial, test.records) for trial in test.records.values()]
        assert len(set(chains)) == len(chains)
        of_test = comparison.incumbents.query(f"test_seeds == '{seeds[0]},{seeds[1]}'")
        assert set(of_test.test_trial) <= set(test.records)
    assert comparison.incumbents.groupby(["test_seeds", "test_trial"]).tuner.nunique().max() > 1


def test_a_schedule_is_trained_again_as_a_chain(straight):
    comparison, _ = straight
    last = comparison.incumbents.query("tuner == 'Exploit' and repeat == 0").iloc[-1]
    task = tiny.task()
    first, second = ({"learning_rate": rate} for rate in Exploit.rates)
    assert json.loads(last.config) == [[2 * FIDELITY // 5, first], [FIDELITY, second]]
    assert last.links == 2
    objective = Training(task, [1000, 1001], batch=plans.MAX_BATCH)
    list(objective.evaluate([Trial(0, first, 2 * FIDELITY // 5)]))
    (trained,) = objective.evaluate([Trial(1, second, FIDELITY, parent=0)])
    assert trained.score == last.test_score


def test_shared_runs_are_those_that_training_gives(straight, tmp_path):
    comparison, _ = straight
    shared = comparison.runs.query("phase == 'tuning'").groupby("tuner").shared.count()
    assert (shared["random"], shared["random-2x"], shared["default"]) == (0, 2 * 2 * 2, 0)
    swept = next(swept for swept in comparison.swept if (swept.tuner, swept.repeat) == ("random-2x", 0))
    assert {run.outcome.shared for run in swept.record.records[0].runs} == {"comparison-ppo-ProbeMatching-random-0"}
    alone = hpo.sweep(
        tiny.task(), "random", budget=4.0, seeds=2, batch=2, name="alone", store=tmp_path / "store.sqlite"
    )
    for frame, expected in zip(tiny.outcome(swept.record), tiny.outcome(alone), strict=True):
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)
    same_seeds = {"seeds": [0, 1], "test_seeds": [1000], "baselines": False}
    halving = compare(tmp_path / "store.sqlite", [Halving], **same_seeds)
    assert halving.runs.query("phase == 'tuning' and repeat == 1").shared.notna().any()
    for first, second in zip(*(tiny.outcome(swept.record) for swept in halving.swept), strict=True):
        pd.testing.assert_frame_equal(first, second, check_exact=True)


class Minibatches(Listed):
    """A config that takes a whole rollout for a minibatch, as `size`."""

    size = tiny.ITERATION

    def __init__(self, space, fidelity):
        super().__init__([Trial(0, {"learning_rate": 1e-3, "minibatch_size": self.size}, fidelity)])


class BeyondTheRollout(Minibatches):
    size = 2 * tiny.ITERATION


class Smaller(Minibatches):
    size = tiny.STATICS["minibatch_size"]


def test_configs_that_train_the_same_share_their_runs(tmp_path):
    chosen = tiny.task()
    sizes = Categorical("minibatch_size", [tuner.size for tuner in (Smaller, Minibatches, BeyondTheRollout)])
    task = dataclasses.replace(chosen, space=ConfigurationSpace(space=[chosen.space["learning_rate"], sizes]))
    tuners = [Minibatches, BeyondTheRollout, Smaller]
    comparison = compare(tmp_path / "store.sqlite", tuners, [task], repeats=1, baselines=False)
    _, beyond, smaller = (swept.record for swept in comparison.swept)
    assert {run.outcome.shared for run in beyond.records[0].runs} == {"comparison-ppo-ProbeMatching-Minibatches-0"}
    assert {run.outcome.shared for run in smaller.records[0].runs} == {None}
    alone = hpo.sweep(task, BeyondTheRollout, trials=1, seeds=2, batch=2, name="alone", store=tmp_path / "alone.sqlite")
    for frame, expected in zip(tiny.outcome(beyond), tiny.outcome(alone), strict=True):
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)


def test_a_stopped_comparison_goes_on(straight, tmp_path):
    """Stopped in the sweeps, among continued trials, and again while incumbents are trained."""
    tuners = ["sobol", Halving, Exploit]
    for num in (9, 52):
        with pytest.raises(KeyboardInterrupt):
            compare(tmp_path / "store.sqlite", tuners, view=Stops(num))
    assert_same(compare(tmp_path / "store.sqlite", tuners), straight[0])


def test_wherever_it_is_stopped_nothing_is_trained_again(tmp_path, trained):
    whole = compare(tmp_path / "whole.sqlite")
    num = len(trained)
    for stop in range(0, 40, 3):
        with contextlib.suppress(KeyboardInterrupt):
            compare(tmp_path / "store.sqlite", view=Stops(stop))
    assert_same(compare(tmp_path / "store.sqlite"), whole)
    assert len(trained) == 2 * num


def test_a_finished_comparison_trains_nothing_and_takes_more_tuners(tmp_path, trained):
    store = tmp_path / "store.sqlite"
    first = compare(store)
    num = len(trained)
    assert_same(compare(store), first)
    assert len(trained) == num
    more = compare(store, ["sobol", Halving, "grid"], repeats=3)
    old = more.incumbents.query("tuner != 'grid' and repeat < 2").reset_index(drop=True)
    pd.testing.assert_frame_equal(old, first.incumbents, check_exact=True)
    assert len(more.curves) == 6 * 3 * NUM_POINTS


def test_a_finished_comparison_with_chains_takes_more_tuners(tmp_path, trained):
    compare(tmp_path / "store.sqlite", [Exploit], baselines=False)
    more = compare(tmp_path / "store.sqlite", [Exploit, "random"], baselines=False)
    assert set(more.summary.tuner) == {"Exploit", "random"}


def test_episodes_are_those_of_all_tasks(tmp_path):
    chosen = design.design(["sobol"], ["ppo/CartPole-v1", tiny.task()], episodes=7)
    assert [task.num_episodes for task in chosen.tasks] == [7, 7]
    words = commands.of_comparison("a", chosen.settings())
    assert words[words.index("--episodes") + 1] == "7"


def test_given_trials_wait_for_their_parents_in_order():
    given = Given([Trial(0, {}, 10), Trial(1, {}, 20, 0), Trial(2, {}, 10), Trial(3, {}, 20, 2), Trial(4, {}, 30, 3)])
    asked = []
    for status in ("completed", "failed", "completed"):
        asked.append([trial.id for trial in given.ask(9)])
        given.tell([testing.result(Trial(i, {}, 10), 0.0, status) for i in asked[-1]])
    assert asked == [[0], [1, 2], []]


def test_a_tuner_that_breaks_its_contract_is_left_out(tmp_path, trained):
    store = Store(tmp_path / "store.sqlite")
    comparison = compare(store, ["sobol", Breaks])
    assert comparison.tuners == ["sobol", "random", "random-2x", "default"]
    assert list(comparison.broken) == ["Breaks"]
    line = comparison.broken["Breaks"]
    assert line.startswith("sweep 'comparison-ppo-ProbeMatching-Breaks-1': tuner ")
    assert line.endswith("must give each trial an id of its own, got 0 twice")
    assert len(store.trials("comparison-ppo-ProbeMatching-Breaks-0")) == 2
    plain = compare(tmp_path / "plain.sqlite", ["sobol"])
    pd.testing.assert_frame_equal(comparison.summary, plain.summary, check_exact=True)


def test_a_comparison_of_broken_tuners_says_so(tmp_path, trained):
    with pytest.raises(InputError, match="must ask for at least one trial that the budget pays for"):
        compare(tmp_path / "store.sqlite", ["random"], budget=0.5, baselines=False)
    assert not (tmp_path / "store.sqlite").exists()


class Looks(comparing.View):
    """Notes what is on record of a comparison when its first sweep begins."""

    def __init__(self, store):
        self.store, self.seen = store, None

    def sweep(self, name, number, total):
        self.seen = self.seen or self.store.comparison("comparison")
        return super().sweep(name, number, total)


def test_a_comparison_is_on_record_from_its_beginning(tmp_path, trained):
    store = Store(tmp_path / "store.sqlite")
    looks = Looks(store)
    compare(store, ["sobol"], view=looks)
    assert looks.seen.ended_at is None
    assert store.comparison("comparison").members[0]["sweep"] == looks.seen.members[0]["sweep"]


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"tuners": ["sobl"]}, "unknown tuner 'sobl': did you mean 'sobol'"),
        ({"tasks": ["ppo/CartPol-v1"]}, "unknown task 'ppo/CartPol-v1'"),
        ({"tuners": []}, "tuners must name at least one"),
        ({"tuners": ["sobol", "sobol"]}, "tuners must differ, got 'sobol' twice"),
        ({"tasks": [tiny.task(), tiny.task()]}, "tasks must differ, got 'ppo/ProbeMatching' twice"),
        ({"repeats": 0}, "repeats must be at least 1, got 0"),
        ({"budget": 0.0}, "budget must be positive and finite, got 0.0"),
        ({"budget": math.nan}, "budget must be positive and finite, got nan"),
        ({"batch": 0}, "batch must be at least 1, got 0"),
        ({"seeds": [0, 7], "test_seeds": [1000, 7]}, "test seeds must not be tuning seeds, got 7 as both"),
        ({"test_seeds": [1000, 3]}, "test seeds must be at least 1000, below are tuning seeds, got 3"),
        ({"test_seeds": 0}, "test seeds must be at least one, and differ, got 0"),
        ({"test_seeds": [1000, 1000]}, "test seeds must be at least one, and differ"),
        ({"seeds": [1000]}, "tuning seeds must be in"),
        ({"options": {"sobl": {"x": 1}}}, "unknown tuner with options 'sobl'"),
        ({"options": {"sobol": {"x": 1}}}, "unknown option 'x' of tuner 'sobol'"),
        ({"score": "runtime,auc"}, "score of a comparison must be one of returns, .* got 'runtime'"),
        ({"score": "worst", "test_seeds": 1}, "score 'worst' must have at least 2 seeds, got 1"),
        ({"score": "fnal"}, "unknown score 'fnal': did you mean 'final'"),
        ({"tuners": ["sobol", "no.py:No"]}, "tuner 'no.py:No' does not import"),
    ],
)
def test_bad_input_is_refused_before_anything_is_trained(tmp_path, trained, changes, match):
    with pytest.raises(InputError, match=match):
        compare(tmp_path / "store.sqlite", **changes)
    assert not trained
    assert not (tmp_path / "store.sqlite").exists()


def test_tasks_may_have_their_own_fidelities():
    on = ["ppo/CartPole-v1", "dqn/CartPole-v1"]
    design = comparing.design(["sobol"], on, fidelity=[25_000, 20_000])
    assert [task.fidelity for task in design.tasks] == [25_000, 20_000]
    words = commands.of_comparison(design.name, design.settings())
    assert words[words.index("--fidelity") + 1] == "25000,20000"


def test_tuners_are_judged_by_the_score_they_maximise(tmp_path):
    comparison = compare(tmp_path / "store.sqlite", score="auc")
    record = comparison.tests["ppo/ProbeMatching", (1000, 1001)]
    last = scores.table(record, "final,auc")
    assert [trial.score for trial in record.records.values()] == last.auc.tolist() != last.final.tolist()
    words = commands.of_comparison(comparison.name, comparison.settings)
    assert words[words.index("--score") + 1] == "auc"


def test_a_name_that_is_taken_is_refused(tmp_path, trained):
    compare(tmp_path / "store.sqlite")
    num = len(trained)
    with pytest.raises(InputError, match=r"is taken by a sweep with budget 2\.0, not 3\.0: choose another --name"):
        compare(tmp_path / "store.sqlite", budget=3.0)
    assert len(trained) == num


@pytest.mark.parametrize(
    ("num_seeds", "given", "tuning", "tests"),
    [
        (2, {}, 1, 1),
        (3, {}, 1, 2),
        (4, {}, 2, 2),
        (10, {}, 3, 5),
        (4, {"seeds": 3}, 3, 1),
        (9, {"seeds": 1}, 1, 5),
        (9, {"test_seeds": 2}, 3, 2),
        (4, {"test_seeds": 3}, 1, 3),
    ],
)
def test_a_comparison_shares_out_the_seeds_that_a_landscape_has(monkeypatch, num_seeds, given, tuning, tests):
    landscape = landscape_of(by_learning_rate, num_seeds=num_seeds)
    monkeypatch.setattr(catalogue, "available", lambda: {landscape.name: landscape})
    chosen = comparing.design(["sobol"], [landscape.task], objective="table", **given)
    assert (chosen.seeds[0], chosen.test_seeds[0]) == (tuple(range(tuning)), tuple(range(tuning, tuning + tests)))


@pytest.mark.parametrize(
    ("recorded", "given", "tuning", "tests"),
    [
        ([42, 43, 44, 45], {}, (42, 43), (44, 45)),
        ([0, 1, 2, 3], {"seeds": [2]}, (2,), (0, 1, 3)),
        ([0, 1, 2, 3], {"test_seeds": [0, 1]}, (2, 3), (0, 1)),
    ],
)
def test_seeds_of_a_comparison_are_those_of_the_landscape(monkeypatch, recorded, given, tuning, tests):
    landscape = landscape_of(by_learning_rate, num_seeds=len(recorded))
    landscape.metadata["seeds"] = recorded
    monkeypatch.setattr(catalogue, "available", lambda: {landscape.name: landscape})
    chosen = comparing.design(["sobol"], [landscape.task], objective="table", **given)
    assert (chosen.seeds[0], chosen.test_seeds[0]) == (tuning, tests)


@pytest.mark.parametrize(
    ("given", "tuning", "tests"),
    [
        ({}, [(0, 1), (1, 2), (2, 3), (0, 3), (0, 1)], [(2, 3), (0, 3), (0, 1), (1, 2), (2, 3)]),
        ({"seeds": 1, "test_seeds": 1}, [(0,), (1,), (2,), (3,), (0,)], [(1,), (2,), (3,), (0,), (1,)]),
        ({"seeds": [2]}, [(2,)] * 5, [(0, 1, 3)] * 5),
        ({"test_seeds": [1, 0]}, [(2, 3)] * 5, [(1, 0)] * 5),
    ],
)
def test_on_a_landscape_seeds_change_roles_from_repeat_to_repeat(monkeypatch, given, tuning, tests):
    landscape = landscape_of(by_learning_rate, num_seeds=4)
    monkeypatch.setattr(catalogue, "available", lambda: {landscape.name: landscape})
    chosen = comparing.design(["sobol"], [landscape.task], repeats=5, objective="table", **given)
    assert chosen.seeds == tuple(tuning)
    assert chosen.test_seeds == tuple(tests)
    assert all(set(a).isdisjoint(b) for a, b in zip(tuning, tests, strict=True))


def test_in_training_each_repeat_has_seeds_of_its_own_unless_they_are_named():
    chosen = comparing.design(["sobol"], [tiny.task()], repeats=3, seeds=2, test_seeds=3)
    assert chosen.seeds == ((0, 1), (2, 3), (4, 5))
    assert chosen.test_seeds == ((1000, 1001, 1002), (1003, 1004, 1005), (1006, 1007, 1008))
    words = commands.of_comparison(chosen.name, chosen.settings())
    assert [words[words.index(flag) + 1] for flag in ("--seeds", "--test-seeds")] == ["2", "3"]
    named = comparing.design(["sobol"], [tiny.task()], repeats=3, seeds=[5], test_seeds=[1000, 1004])
    assert (named.seeds, named.test_seeds) == (((5,),) * 3, ((1000, 1004),) * 3)
    words = commands.of_comparison(named.name, named.settings())
    assert [words[words.index(flag) + 1] for flag in ("--seeds", "--test-seeds")] == ["5,", "1000,1004"]
    assert named.test_name(tiny.task(), (1000, 1004)) != named.test_name(tiny.task(), (1000, 1001, 1002, 1003, 1004))


def test_tuning_seeds_are_never_test_seeds_however_many_repeats():
    chosen = comparing.design(["sobol"], [tiny.task()], repeats=400, seeds=3)
    assert max(max(seeds) for seeds in chosen.seeds) == 999
    assert min(min(seeds) for seeds in chosen.test_seeds) == 1000
    assert all(len(set(seeds)) == 3 for seeds in chosen.seeds)


def test_no_comparison_on_a_single_seed(monkeypatch):
    landscape = landscape_of(by_learning_rate, num_seeds=1)
    monkeypatch.setattr(catalogue, "available", lambda: {landscape.name: landscape})
    with pytest.raises(InputError, match="surrogate of dqn/CartPole-v1 must have at least 2 seeds for a comparison"):
        comparing.design(["sobol"], [landscape.task], objective="surrogate")


def test_more_test_seeds_keep_the_tuning(tmp_path, trained):
    compare(tmp_path / "store.sqlite")
    num = len(trained)
    more = compare(tmp_path / "store.sqlite", test_seeds=3)
    assert len(trained) - num == sum(len(record.records) for record in more.tests.values())


def test_summary_is_the_statistics_of_the_final_scores(tmp_path, trained):
    comparison = compare(tmp_path / "store.sqlite", repeats=4)
    summary = comparison.summary.set_index("tuner")
    last = comparison.curves.query(f"point == {NUM_POINTS - 1}")
    for tuner, final in last.groupby("tuner").score:
        assert summary.score[tuner] == pytest.approx(statistics.iqm(final.to_numpy()))
        assert summary.low[tuner] <= summary.score[tuner] <= summary.high[tuner]
    gaps = (last.tuning - last.score).groupby(last.tuner).mean()
    assert summary.gap.to_dict() == pytest.approx(gaps.to_dict())
    assert summary.improvement["random"] == 0.5
    assert comparison.ranks.reason == "rank tests need at least 3 tasks, got 1"
    best = -parabola({"learning_rate": 1e-3})
    assert best == pytest.approx(1.0)


def test_one_repeat_gives_no_intervals(tmp_path, trained):
    summary = compare(tmp_path / "store.sqlite", repeats=1).summary
    assert summary[["low", "high", "gap_low", "improvement_low", "difference_low", "detectable"]].isna().all(axis=None)
    assert summary.score.notna().all()


def test_the_same_scores_in_another_order_are_a_tie(tmp_path, trained, monkeypatch):
    comparison = compare(tmp_path / "store.sqlite", baselines=False)
    final = np.array([[[0.1, 0.3, 0.6, 0.7, 0.2]], [[0.1, 0.7, 0.3, 0.6, 0.2]]])
    assert final[0].mean() != final[1].mean(), "by the last bit"
    comparison.__dict__["final"] = final
    assert comparison.ranks.mean_ranks == (1.5, 1.5)


def test_pairs_and_the_reference_have_differences_and_what_is_detectable(tmp_path, trained):
    comparison = compare(tmp_path / "store.sqlite", repeats=5)
    pairs = comparison.pairs
    assert len(pairs) == math.comb(len(LABELS), 2)
    first, second = (comparison.final[comparison.tuners.index(name)] for name in pairs.loc[0, ["tuner", "other"]])
    assert pairs.difference[0] == pytest.approx(statistics.mean_iqm(first) - statistics.mean_iqm(second))
    assert (pairs.difference >= 0).all(), "the better one first"
    summary = comparison.summary.set_index("tuner")
    to_random = summary.difference.drop("random")
    assert to_random.to_dict() == pytest.approx((summary.score - summary.score["random"]).drop("random").to_dict())
    assert math.isnan(summary.difference["random"])
    words_of = words.resolution(comparison)
    assert words_of.startswith("with 5 task-repeats, four of five such comparisons find a difference of ")
    error = pairs.error.median()
    needed = math.ceil(5 * ((1.959964 + 0.841621) * error / 0.02) ** 2)
    assert words_of.endswith(f"to find one of 0.02 takes {needed:,} task-repeats")


def test_partly_trained_incumbents_are_counted(straight):
    """The population's incumbents reach the full fidelity with its last trial only."""
    summary = straight[0].summary.set_index("tuner")
    assert summary.partial["random"] == summary.partial["sobol"] == 0.0
    assert summary.partial["Exploit"] >= 0.5


def test_three_tasks_have_a_rank_test(tmp_path, trained):
    import dataclasses

    tasks = [dataclasses.replace(tiny.task(), name=f"ppo/Task{i}") for i in range(3)]
    comparison = compare(tmp_path / "store.sqlite", tasks=tasks)
    assert comparison.tasks == [task.name for task in tasks]
    assert comparison.ranks.reason is None
    assert comparison.ranked == ["sobol", "Halving", "random"], "baselines of another budget are not ranked"
    assert len(comparison.ranks.mean_ranks) == 3
    assert comparison.summary.set_index("tuner")["rank"].isna().to_dict() == {
        label: label in ("random-2x", "default") for label in LABELS
    }
    assert comparison.anytime.task.isna().sum() == len(LABELS) * NUM_POINTS


def test_a_task_on_which_all_diverges_scores_the_worst(tmp_path, trained, monkeypatch):
    def diverged(trial, seeds):
        asked = {"config": dict(trial.config), "fidelity": trial.fidelity, "parent": trial.parent}
        return tiny.trial_record(trial.id, seeds=seeds, status="diverged", **asked)

    def evaluate(self, trials, on_segment):
        return (diverged(trial, self.seeds_of(trial)) for trial in trials)

    monkeypatch.setattr(Parabola, "evaluate", evaluate)
    comparison = compare(tmp_path / "store.sqlite", ["random"], baselines=False)
    assert comparison.final.tolist() == [[[0.0, 0.0]]]
    assert set(comparison.tests.values()) == {None}
    assert comparison.incumbents.empty
    assert not comparison.runs.empty


def test_records_are_exported_as_parquet(straight, tmp_path):
    comparison, _ = straight
    paths = comparison.export(tmp_path / "out")
    assert [path.name for path in paths] == ["runs.parquet", "curves.parquet", "incumbents.parquet"]
    for path, frame in zip(paths, (comparison.runs, comparison.curves, comparison.incumbents), strict=True):
        assert len(pd.read_parquet(path)) == len(frame)
    assert comparison.export(tmp_path / "out") == paths


def record_of(*trials, seeds=(0,)):
    settings = tiny.sweep_settings(task={"fidelity": 10}, seeds=seeds)
    return SweepRecord("a", settings, {}, {}, {"hyperparameters": []}, {trial.trial: trial for trial in trials})


def test_incumbents_are_of_the_highest_fidelity_and_the_most_seeds():
    made = [
        tiny.trial_record(4, 9.0, (0,), fidelity=5, config={"learning_rate": 4.0}),
        tiny.trial_record(1, 3.0, (0, 1), fidelity=5),
        tiny.trial_record(2, 8.0, (0, 1), status="diverged", fidelity=10, config={"learning_rate": 2.0}),
        tiny.trial_record(3, 1.0, (0, 1), fidelity=10, config={"learning_rate": 3.0}),
        tiny.trial_record(5, 1.0, (0, 1), fidelity=10, config={"learning_rate": 5.0}),
        tiny.trial_record(6, 2.0, (0, 1), fidelity=10, parent=1),
    ]
    course = incumbents.incumbents(record_of(*made, seeds=(0, 1)), [4, 1, 2, 3, 5, 6])
    assert [(incumbent.trial, incumbent.spent) for incumbent in course] == [(4, 0.25), (1, 0.75), (3, 2.75), (6, 4.25)]
    assert incumbents.at(course, 0.2) is None
    assert [incumbents.at(course, budget).trial for budget in (0.25, 0.7, 2.75, 99.0)] == [4, 4, 3, 6]


def test_promotions_of_a_config_are_one_link():
    a, b = {"learning_rate": 1.0}, {"learning_rate": 2.0}
    lineage = [(0, a, 2, None), (1, a, 4, 0), (2, b, 6, 1), (3, b, 8, 2), (4, a, 10, 3)]
    records = {
        i: tiny.trial_record(i, config=config, fidelity=steps, parent=parent) for i, config, steps, parent in lineage
    }
    links = chain(records[4], records)
    assert [(steps, json.loads(config)) for steps, config in links] == [(4, a), (8, b), (10, a)]
    trials = comparing.test_trials([links, links[:1], chain(records[2], records)], {})
    assert [(trial.id, trial.fidelity, trial.parent) for trial in trials] == [
        (0, 4, None),
        (1, 8, 0),
        (2, 6, 0),
        (3, 10, 1),
    ]
