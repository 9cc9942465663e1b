"""The sweep loop: what it asks, spends, records and refuses.

Where training itself does not matter, a parabola of the learning rate stands in for it.
"""

import dataclasses
import io

import numpy as np
import pandas as pd
import pytest
import tiny
from ConfigSpace import Categorical, ConfigurationSpace
from rich.console import Console
from tiny import FIDELITY, Halving, Listed, Parabola, outcome, parabola

import hpo
import landscapes
from arl import spaces
from arl.errors import InputError
from hpo import objectives, plans, sweeps
from hpo.cli import printing
from hpo.progress import SweepView
from hpo.trial import Trial

CONFIG = {"learning_rate": 1e-3}


@pytest.fixture
def trained(monkeypatch):
    """Return the ids of the trials that the parabola answered, a list that grows."""
    ids = []
    monkeypatch.setattr("hpo.objectives.training.Training", tiny.counting(ids))
    return ids


@pytest.fixture
def sweep(tmp_path):
    """Return a function that runs a sweep of the tiny task in a new store."""

    def sweep(tuner="random", task=None, name="a", **settings):
        return hpo.sweep(task or tiny.task(), tuner, name=name, store=tmp_path / "store.sqlite", **settings)

    return sweep


def asking(*trials):
    """Return a tuner that asks for these trials."""
    return type("Asking", (Listed,), {"__init__": lambda self: Listed.__init__(self, list(trials))})


@pytest.fixture(scope="module")
def trained_sweep(tmp_path_factory):
    """Return a sweep that was trained for real: three trials, two seeds, two trials at a time."""
    store = tmp_path_factory.mktemp("sweep") / "store.sqlite"
    return hpo.sweep(tiny.task(), "random", trials=3, seeds=2, batch=2, tuner_seed=5, store=store), store


def test_a_sweep_gives_its_records(trained_sweep):
    record, store = trained_sweep
    assert record.name == "ppo-ProbeMatching-random-5"
    assert record.task == "ppo/ProbeMatching"
    assert record.trials.trial.tolist() == [0, 1, 2]
    rates = [spaces.sample(tiny.task().space, [5, i])["learning_rate"] for i in range(3)]
    assert record.trials.learning_rate.tolist() == rates
    assert (record.trials.fidelity == FIDELITY).all()
    assert (record.trials.env_steps == 2 * FIDELITY).all()
    assert record.trials.status.tolist() == ["completed"] * 3
    assert len(record.runs) == 3 * 2
    assert len(record.curves) == 3 * 2 * 10
    for frame, loaded in zip(outcome(record), outcome(landscapes.load(record.name, store)), strict=True):
        pd.testing.assert_frame_equal(frame, loaded, check_exact=True)


def test_scores_are_the_ends_of_the_curves(trained_sweep):
    record, _ = trained_sweep
    ends = record.curves[record.curves.point == 9].groupby("trial").return_mean.mean()
    assert record.trials.score.tolist() == pytest.approx(ends.tolist(), rel=1e-12)
    assert record.curves.groupby("point").env_steps.unique().tolist() == [[20 * i] for i in range(1, 11)]
    assert record.trials.score.nunique() == 3


def test_a_sweep_says_with_what_it_was_done(trained_sweep):
    record, _ = trained_sweep
    assert {"arl", "commit", "python", "jax", "backend", "device"} <= set(record.provenance)
    assert {"total", "compile", "train", "tuner", "store"} <= set(record.timing)
    assert 0 < record.timing["train"] < record.timing["total"]


@pytest.fixture(scope="module")
def halving(tmp_path_factory):
    store = tmp_path_factory.mktemp("halving") / "store.sqlite"
    return hpo.sweep(tiny.task(), Halving, name="a", trials=7, seeds=2, batch=2, store=store)


def test_a_promoted_trial_equals_a_straight_one(halving, sweep):
    best = halving.records[6]
    straight = sweep(asking(Trial(0, best.config, FIDELITY)), trials=1, seeds=2, batch=2)
    lineage = [6, best.parent, halving.records[best.parent].parent]
    parts = halving.curves[halving.curves.trial.isin(lineage)].sort_values(["seed", "env_steps"])
    whole = straight.curves.sort_values(["seed", "env_steps"])
    for name in [column for column in whole if column not in ("trial", "point")]:
        assert parts[name].tolist() == whole[name].tolist()
    assert best.score == straight.records[0].score
    assert halving.incumbent["trial"] == 6


def test_continued_trials_cost_the_difference(halving):
    assert halving.trials.env_steps.tolist() == [2 * 40] * 4 + [2 * 40] * 2 + [2 * 120]
    assert halving.trials.parent.notna().tolist() == [False] * 4 + [True] * 3


@pytest.mark.parametrize(
    ("budget", "num"), [(0.2, 1), (0.79, 3), (0.8, 4), (1.0, 5), (1.2, 6), (1.79, 6), (1.8, 7), (99.0, 7)]
)
@pytest.mark.parametrize("seeds", [1, 4])
def test_budget_counts_full_runs_and_a_child_pays_the_difference(sweep, trained, budget, num, seeds):
    """Four trials of a fifth each, two on to two fifths, one on to the end: 0.8 + 0.4 + 0.6 full runs."""
    assert len(sweep(Halving, budget=budget, seeds=seeds, batch=4).trials) == num
    assert len(trained) == num


def test_budget_is_spent_to_the_last_step(sweep, trained):
    tenths = asking(*(Trial(i, CONFIG, FIDELITY // 10) for i in range(20)))
    assert len(sweep(tenths, budget=1.0, batch=3).trials) == 10


def test_fewer_seeds_cost_less(sweep, trained):
    halves = asking(*(Trial(i, CONFIG, FIDELITY, seeds=(i % 2,)) for i in range(8)))
    record = sweep(halves, budget=2.0, seeds=2)
    assert len(record.trials) == 4
    assert record.runs.seed.tolist() == [0, 1, 0, 1]


class Changing(Listed):
    """Changes in place the configs of what it asked for, and of what it is told."""

    rates = [1e-3, 1e-2, 1e-1]

    def __init__(self, space, fidelity):
        self.asked = [Trial(i, tiny.config(space, rate), fidelity) for i, rate in enumerate(self.rates)]
        super().__init__(list(self.asked))

    def tell(self, results):
        for trial in (trial for result in results for trial in (result.trial, self.asked[result.trial.id])):
            trial.config["learning_rate"] = 5e-2


def test_configs_that_a_tuner_changes_in_place_stay_as_they_were_asked_for(sweep, trained):
    assert sweep(Changing, trials=3, batch=1).trials.learning_rate.tolist() == Changing.rates


def test_among_trials_of_the_most_seeds_the_best_comes_first(sweep, trained, capsys):
    """As a mean of few is the luckier, it is the incumbent in no view."""
    few = Trial(0, tiny.config(tiny.task().space, 1e-2), FIDELITY, seeds=(0,))
    record = sweep(asking(few, Trial(1, CONFIG, FIDELITY)), trials=2, seeds=2)
    assert record.trials.num_seeds.tolist() == [1, 2]
    assert record.trials.score[0] > record.trials.score[1]
    assert record.incumbent["trial"] == 1
    printing.print_sweep(record, 2)
    table = capsys.readouterr().out.splitlines()
    assert "num_seeds" in table[1]
    assert table[3].split()[0] == "1"


def test_the_budget_or_the_number_of_trials_ends_it(sweep, trained):
    assert len(sweep(trials=3, budget=2.0).trials) == 2
    assert len(sweep(trials=3, budget=5.0, name="b").trials) == 3


def test_a_tuner_may_be_done_before_the_budget_is_spent(sweep, trained):
    assert len(sweep("default", trials=10).trials) == 1
    with pytest.raises(InputError, match="must ask for at least one trial that the budget pays for, got none"):
        sweep(asking(), trials=1, name="b")
    with pytest.raises(InputError, match="must ask for at least one trial that the budget pays for, got none"):
        sweep(budget=0.5, name="c")


class Sizes(Listed):
    """Notes how many trials were asked for, and what was told."""

    any_batch = True
    asked: list
    told: list

    def __init__(self, space, fidelity):
        super().__init__([Trial(i, tiny.config(space, 10.0 ** -(1 + i / 9)), fidelity) for i in range(9)])
        Sizes.asked, Sizes.told = [], []

    def ask(self, n):
        self.asked.append(n)
        return super().ask(n)

    def tell(self, results):
        self.told.append(results)


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        ({"trials": 5, "batch": 2}, [2, 2, 1]),
        ({"trials": 5}, [5]),
        ({"trials": 5, "batch": 99}, [5]),
        ({"budget": 3.0}, [3]),
        ({"budget": 3.0, "batch": 2}, [2, 2]),
        ({"trials": 200}, [64, 64]),
    ],
)
def test_trials_are_asked_for_in_batches(sweep, trained, settings, sizes):
    sweep(Sizes, **settings)
    assert Sizes.asked == sizes


@pytest.mark.parametrize(
    ("settings", "batch"), [({"trials": 9}, 2), ({"budget": 4.0}, 1), ({"trials": 9, "batch": 5}, 5)]
)
def test_a_tuner_that_learns_is_asked_for_an_eighth_at_a_time(settings, batch):
    assert plans.plan(tiny.task(), "tpe", **settings).settings.batch == batch


def test_of_two_limits_the_lower_one_is_what_a_tuner_may_spend():
    assert plans.plan(tiny.task(), trials=3, budget=9.0).full_runs == 3.0
    assert plans.plan(tiny.task(), trials=9, budget=2.5).full_runs == 2.5


def test_results_are_told_in_the_order_of_asking(sweep, trained):
    record = sweep(Sizes, trials=4, batch=2, seeds=[2, 7])
    assert trained == [1, 0, 3, 2]
    assert [[result.trial.id for result in results] for results in Sizes.told] == [[0, 1], [2, 3]]
    for result in (result for results in Sizes.told for result in results):
        score = parabola(result.trial.config)
        assert result.seed_scores == pytest.approx({2: score - 2, 7: score - 7})
        assert result.score == pytest.approx(score - 4.5)
    assert record.incumbent["trial"] == 3
    assert record.runs.seed.tolist() == [2, 7] * 4


class Answers:
    """Gives each of its answers once."""

    def __init__(self, answers):
        self.answers = list(answers)

    def ask(self, n):
        return self.answers.pop(0) if self.answers else []

    def tell(self, results):
        pass


def answering(*answers):
    return type("Answering", (Answers,), {"__init__": lambda self: Answers.__init__(self, answers)})


GOOD = Trial(0, CONFIG, 100)


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([[GOOD, GOOD]], "must give each trial an id of its own, got 0 twice"),
        ([[Trial(i, CONFIG, 100) for i in range(5)]], "must give at most the 4 trials asked for, got 5"),
        ([[Trial(0, {"learning_rate": 1.0}, 100)]], r"trial 0: learning_rate must be in \[1e-06, 0.1\] \(log\), got 1"),
        ([[Trial(0, {"learning_rat": 0.01}, 100)]], "unknown hyperparameter of the space 'learning_rat': did you mean"),
        ([[Trial(0, {}, 100)]], "trial 0: config {} is not in the space"),
        ([[Trial(0, {"learning_rate": np.float32(0.01)}, 100)]], r"learning_rate must be .*, got np.float32"),
        ([[Trial(0, CONFIG, 201)]], r"trial 0: fidelity must be in \[1, 200\], got 201"),
        ([[Trial(0, CONFIG, 0)]], r"trial 0: fidelity must be in \[1, 200\], got 0"),
        ([[Trial(1, CONFIG, 100, parent=0)]], "trial 1: parent must be a finished trial, got 0"),
        ([[GOOD, Trial(1, CONFIG, 200, parent=0)]], "trial 1: parent must be a finished trial, got 0"),
        ([[Trial(0, CONFIG, 100, seeds=(5,))]], r"trial 0: seeds must be among the tuning seeds \(0, 1\), got \(5,\)"),
        ([[Trial(0, CONFIG, 100, seeds=())]], r"trial 0: seeds must be among the tuning seeds \(0, 1\), got \(\)"),
        ([[{"id": 0}]], "must give hpo.Trial objects, got {'id': 0}"),
        ([[0.5]], "must give hpo.Trial objects, got 0.5"),
        pytest.param([None], "trials", id="nothing"),
        pytest.param([[Trial(0, None, 100)]], "config", id="no config"),
        pytest.param([[Trial(0, CONFIG, "100")]], "fidelity", id="fidelity as text"),
        pytest.param([[Trial(0, CONFIG, 99.5)]], "fidelity", id="half an env step"),
        pytest.param([[Trial(0, CONFIG, np.int64(100))]], "fidelity", id="fidelity of numpy"),
        pytest.param([[Trial("one", CONFIG, 100)]], "id", id="id as text"),
        pytest.param([[Trial([0], CONFIG, 100)]], "id", id="id as list"),
        pytest.param([[Trial(0, CONFIG, 100, seeds=(0, 0))]], "seeds", id="a seed twice"),
        pytest.param(
            [[Trial(0, CONFIG, 100, seeds=0)]], "seeds must be a list of int or None, got 0", id="seeds as int"
        ),
        pytest.param([[Trial(0, CONFIG, 100, seeds=([0],))]], "seeds", id="seeds as lists"),
        pytest.param([[Trial(0, CONFIG, 100, seeds=(0.0,))]], "seeds", id="seeds as floats"),
        pytest.param([[Trial(0, {None: 1}, 100)]], "config must have names", id="a config without names"),
        pytest.param([[Trial(2**63, CONFIG, 100)]], r"id must be in \[0, 2\*\*63 - 1\]", id="an id too large"),
    ],
)
def test_a_tuner_that_breaks_its_contract_is_stopped_before_training(sweep, trained, tmp_path, answers, message):
    with pytest.raises(InputError, match=message) as caught:
        sweep(answering(*answers), trials=4, batch=4, seeds=2)
    assert "\n" not in str(caught.value)
    assert trained == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (Trial(0, CONFIG, 200), "must give each trial an id of its own, got 0 twice"),
        (Trial(1, CONFIG, 100, parent=0), "trial 1: fidelity must exceed its parent's 100, got 100"),
        (Trial(1, CONFIG, 99, parent=0), "trial 1: fidelity must exceed its parent's 100, got 99"),
        pytest.param(Trial(1, CONFIG, 200, parent=0, seeds=(0, 1)), "seeds", id="seeds of no parent"),
    ],
)
def test_what_was_trained_before_a_breach_is_kept(sweep, trained, tmp_path, answer, message):
    with pytest.raises(InputError, match=message):
        sweep(answering([Trial(0, CONFIG, 100, seeds=(0,))], [answer]), trials=4, seeds=2)
    assert trained == [0]
    assert landscapes.load("a", tmp_path / "store.sqlite").trials.trial.tolist() == [0]


TOO_SHORT = "fidelity must allow one iteration of 20 env steps, got 19 to train"


class Hasty(Listed):
    """Asks for full runs, but for every other trial at a fidelity that does not allow one iteration."""

    told: list

    def __init__(self, space, fidelity):
        super().__init__([Trial(i, {"learning_rate": 1e-3 * (i + 1)}, fidelity if i % 2 else 19) for i in range(4)])
        Hasty.told = []

    def tell(self, results):
        self.told += results


def test_a_trial_that_can_not_be_trained_fails_and_the_sweep_goes_on(sweep, tmp_path):
    record = sweep(Hasty, trials=4, batch=2)
    assert record.trials.status.tolist() == ["failed", "completed"] * 2
    assert record.trials.score.tolist()[::2] == [tiny.WORST] * 2
    assert record.trials.env_steps.tolist() == [0, FIDELITY] * 2
    assert sorted(record.curves.trial.unique()) == [1, 3]
    assert record.incumbent["trial"] == 3
    assert [result.status for result in Hasty.told] == ["failed", "completed"] * 2
    assert record.records[0].error == TOO_SHORT
    again = sweep(Hasty, trials=4, batch=2)
    assert again == record
    assert [result.status for result in Hasty.told] == ["failed", "completed"] * 2
    for name in ("trials", "runs", "curves"):
        exported = pd.read_parquet(again.export(tmp_path / name) / f"{name}.parquet")
        pd.testing.assert_frame_equal(exported, getattr(record, name), check_exact=True)


def test_a_failed_trial_is_charged_as_if_it_had_been_trained(sweep, tmp_path):
    short = asking(*(Trial(i, CONFIG, 19) for i in range(50)))
    record = sweep(short, budget=1.0, batch=4)
    assert record.trials.status.tolist() == ["failed"] * 10
    assert record.incumbent is None
    assert record.curves.empty
    assert len(pd.read_parquet(record.export(tmp_path / "exported") / "curves.parquet")) == 0


def test_a_failed_trial_has_no_agent_to_go_on_from(sweep):
    message = "trial 1: parent must be a trial that was trained, got 0, which failed"
    with pytest.raises(InputError, match=message):
        sweep(answering([Trial(0, CONFIG, 19)], [Trial(1, CONFIG, 200, parent=0)]), trials=2)


class Failing(Listed):
    def __init__(self, method):
        super().__init__([GOOD])
        setattr(self, method, self.fail)

    def fail(self, argument):
        raise KeyError("my\nown")


@pytest.mark.parametrize("method", ["ask", "tell"])
def test_a_tuner_that_fails_is_one_line(sweep, trained, method):
    with pytest.raises(InputError, match=f"failed in {method}: KeyError: 'my.*own' .test_sweeps.py, line [0-9]+.$"):
        sweep(Failing, trials=2, options={"method": method})


def test_a_tuner_may_spoil_the_space_it_is_given(sweep, trained):
    class Spoiling(Listed):
        def __init__(self, space):
            space.seed(1)
            space["learning_rate"].upper = 1e9
            super().__init__([Trial(0, {"learning_rate": 1.0}, 100)])

    with pytest.raises(InputError, match="learning_rate must be in"):
        sweep(Spoiling, trials=1)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "a sweep needs trials or a budget"),
        ({"trials": 0}, "trials must be positive and finite, got 0"),
        ({"trials": -3}, "trials must be positive and finite, got -3"),
        ({"budget": 0.0}, "budget must be positive and finite, got 0.0"),
        ({"trials": 3, "budget": -1.0}, "budget must be positive and finite, got -1.0"),
        ({"trials": 3, "batch": 0}, "batch must be positive and finite, got 0"),
        ({"trials": 3, "tuner_seed": -1}, "tuner_seed must be at least 0, got -1"),
        ({"trials": 3, "seeds": 0}, "seeds must name at least one seed, got 0"),
        ({"trials": 3, "seeds": []}, r"seeds must name at least one seed, got \[\]"),
        ({"trials": 3, "seeds": [1, 2, 1]}, r"seeds must differ, got \(1, 2, 1\)"),
        ({"trials": 3, "seeds": [-1]}, r"tuning seeds must be in \[0, 999\] \(test seeds start at 1000\), got -1"),
        ({"trials": 3, "seeds": [1000]}, r"tuning seeds must be in \[0, 999\] .*, got 1000"),
        ({"trials": 3, "seeds": 1001}, r"tuning seeds must be in \[0, 999\] .*, got 1000"),
        pytest.param({"budget": float("nan")}, "budget"),
        pytest.param({"budget": float("inf")}, "budget"),
        pytest.param({"trials": 3, "fidelity": 50}, "fidelity", id="fidelity of another task"),
    ],
)
def test_settings_that_make_no_sense_are_refused(sweep, trained, tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        sweep(**settings)
    assert trained == []
    assert list(tmp_path.iterdir()) == []


def test_seeds_may_be_named(sweep, trained):
    assert sweep(trials=1, seeds=[7]).runs.seed.tolist() == [7]
    assert sweep(trials=1, seeds=[999, 0], name="b").runs.seed.tolist() == [0, 999]
    assert sweep(trials=1, seeds=3, name="c").runs.seed.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"trials": 2, "batch": 3}, "trials"),
        ({"seeds": [1]}, "seeds"),
        ({"tuner_seed": 1}, "tuner_seed"),
        ({"batch": 1}, "batch"),
        ({"budget": 9.0}, "budget"),
        ({"tuner": "sobol"}, "tuner"),
        ({"task": tiny.task(high=0.05)}, "another space"),
        ({"task": "ppo/ProbeMatching"}, "preset"),
        ({"tuner": "grid", "options": {"points": 3}}, "tuner"),
    ],
)
def test_a_name_is_for_one_sweep(sweep, trained, changes, key):
    first = sweep(trials=3)
    with pytest.raises(InputError, match=f"sweep name 'a' is taken by a sweep with {key}.*: choose another --name"):
        sweep(**{"trials": 3, **changes})
    assert len(trained) == 3
    again = sweep(trials=3)
    assert len(trained) == 3
    assert again.timing == first.timing
    for frame, expected in zip(outcome(again), outcome(first), strict=True):
        pd.testing.assert_frame_equal(frame, expected)


def test_a_sweep_is_prolonged(sweep, trained):
    sweep(trials=3, batch=2)
    longer = sweep(trials=5, batch=2)
    assert len(trained) == 5
    assert longer.settings.trials == 5
    whole = sweep(name="whole", trials=5, batch=2)
    assert [trial.config for trial in longer.records.values()] == [trial.config for trial in whole.records.values()]


@pytest.mark.parametrize("tuner", ["random", "smac", "nsga2", "tpe"])
def test_a_sweep_is_prolonged_with_the_batch_and_the_questions_that_it_began_with(sweep, trained, tuner):
    for trials in (8, 12, 16):
        record = sweep(tuner, trials=trials)
    assert len(trained) == len(record.trials) == 16
    assert record.settings.batch == (8 if tuner == "random" else 1)


def test_a_task_by_name_in_the_default_store(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARL_STORE", raising=False)
    record = hpo.sweep("ppo/ProbeChoice", "default", trials=1, space="full", fidelity=50)
    assert record.name == "ppo-ProbeChoice-default-0"
    assert landscapes.load(record.name).settings.task.preset == "full"
    assert record.trials.fidelity.tolist() == [50]
    assert (tmp_path / "results" / "store.sqlite").is_file()


class Noting(sweeps.View):
    """Notes what it hears."""

    def __init__(self):
        self.heard = []

    def started(self, plan, name, num_recorded):
        self.heard.append((name, num_recorded))

    def trial(self, record):
        self.heard.append(record.trial)

    def closed(self):
        self.heard.append("closed")


def test_a_view_hears_of_every_trial_and_of_the_end(sweep, trained):
    view, again, failing, refused = Noting(), Noting(), Noting(), Noting()
    sweep(trials=3, batch=2, view=view)
    sweep(trials=3, batch=2, view=again)
    assert view.heard == [("a", 0), 1, 0, 2, "closed"]
    assert again.heard == [("a", 3), 0, 1, 2, "closed"]
    with pytest.raises(InputError):
        sweep(answering([GOOD], [GOOD]), trials=3, name="b", view=failing)
    assert failing.heard == [("b", 0), 0, "closed"]
    with pytest.raises(InputError):
        sweep(answering([GOOD, GOOD]), trials=3, name="c", view=refused)
    assert refused.heard == []


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_shown(sweep, trained, terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, color_system=None, width=200)
    sweep(Sizes, trials=3, seeds=2, view=SweepView(console))
    shown = console.file.getvalue()
    assert "sweep a: ppo/ProbeMatching (own space)" in shown
    assert "3 trials x 2 seeds" in shown
    assert "3/3 trials" in shown
    assert "incumbent -1.1 (trial 2)" in shown


@pytest.mark.parametrize("terminal", [False, True])
def test_failed_trials_are_shown(sweep, terminal):
    console = Console(file=io.StringIO(), force_terminal=terminal, color_system=None, width=200)
    sweep(asking(*(Trial(i, CONFIG, 19) for i in range(3))), trials=3, view=SweepView(console))
    shown = console.file.getvalue()
    assert shown.count(f"trial 0 failed: {TOO_SHORT}") == 1
    assert "3/3 trials" in shown
    assert "3 failed" in shown
    assert shown.count(TOO_SHORT) == 1, "one line for one reason"


def test_a_tuner_hears_what_may_change_in_mid_run_and_how_long_an_iteration_is():
    published, full = hpo.task("ppo/CartPole-v1"), hpo.task("ppo/CartPole-v1", "full")
    assert published.mutable == set(published.space) - {"minibatch_size"}
    shaping = {"minibatch_size", "num_steps", "num_envs", "hidden_size", "num_layers", "activation"}
    assert full.mutable == set(full.space) - shaping
    assert published.min_fidelity == 8 * 32
    assert full.min_fidelity == 32 * 512
    assert tiny.task().min_fidelity == tiny.ITERATION


class Curious(Listed):
    """Keeps what it is made with."""

    def __init__(self, space, fidelity, mutable, min_fidelity, min_interval):
        Curious.heard = (mutable, min_fidelity, min_interval)
        super().__init__([Trial(0, CONFIG, fidelity)])


def test_a_sweep_tells_its_tuner(sweep, trained):
    sweep(Curious, budget=1)
    assert Curious.heard == ({"learning_rate"}, FIDELITY // 9, tiny.ITERATION)


def test_the_lowest_rung_is_the_same_in_training_and_on_landscapes():
    """A ninth of a full run, or more where an iteration is longer."""
    for task, fidelity in {"ppo/CartPole-v1": 100_000, "ppo/Pendulum-v1": 100_000}.items():
        plan = plans.plan(task, budget=1.0)
        contexts = [
            plan.context(objectives.make(kind, plan.task, (0,), 1)) for kind in ("training", "table", "surrogate")
        ]
        assert {context.min_fidelity for context in contexts} == {fidelity // 9}
    longer = plans.plan(hpo.task("ppo/Pendulum-v1", fidelity=9_000), budget=1.0)
    assert longer.context(objectives.make("training", longer.task, (0,), 1)).min_fidelity == 8 * 512


@pytest.mark.parametrize(
    ("tuner", "given", "limits"),
    [
        ("random", (None, None), (64, None)),
        ("pbt", (None, None), (None, 64.0)),
        ("pb2", (None, None), (None, 64.0)),
        ("successive_halving", (None, None), (None, 64.0)),
        ("hyperband", (None, None), (None, 64.0)),
        ("asha", (None, None), (None, 64.0)),
        ("dehb", (None, None), (None, 64.0)),
        ("smac_hyperband", (None, None), (None, 64.0)),
        ("pbt", (5, None), (5, None)),
        ("random", (None, 3.0), (None, 3.0)),
    ],
)
def test_tuners_of_several_fidelities_are_limited_by_a_budget(tuner, given, limits):
    assert plans.limits(tuner, *given) == limits


def test_promoted_configs_are_trained_for_the_difference_only(sweep):
    record = sweep("asha", budget=3.0, seeds=2, batch=2, options={"num_rungs": 3})
    rungs = {22: 1, 67: 3, 200: 10}  # and the iterations that they hold
    assert set(record.trials.fidelity) == set(rungs)
    assert record.trials.parent.notna().any()
    before = record.trials.parent.map(record.trials.set_index("trial").fidelity).map(rungs).fillna(0).astype(int)
    iterations = record.trials.fidelity.map(rungs) - before
    assert record.trials.env_steps.tolist() == (2 * tiny.ITERATION * iterations).tolist()
    assert record.trials.env_steps.sum() <= 3 * 2 * FIDELITY


def test_a_population_keeps_what_shapes_its_agents(sweep):
    """Four agents of two sizes: a loser takes the winner's agent with its size, and only the learning rate changes."""
    task = tiny.task()
    space = ConfigurationSpace(name="sized", space=[task.space["learning_rate"], Categorical("hidden_size", [8, 32])])
    task = dataclasses.replace(task, space=space)
    record = sweep(
        "pbt", task, budget=4.0, batch=2, seeds=2, options={"num_intervals": 4, "quantile": 0.5, "resample": 0.0}
    )
    iterations = np.repeat([2, 3, 2, 3], 4)  # of 20 env steps in intervals of 50
    iterations[[11, 15]] = (
        0  # at its bound a rate stays as it is: the runs are those of their parents' trials, and merged
    )
    assert record.trials.env_steps.tolist() == (2 * tiny.ITERATION * iterations).tolist()
    parents = record.trials.set_index("trial").loc[record.trials.parent.dropna()]
    assert record.trials.hidden_size[4:].tolist() == parents.hidden_size.tolist()
    assert (record.trials.learning_rate[4:].to_numpy() != parents.learning_rate.to_numpy()).sum() == 6
    schedule = hpo.schedule_of(record, record.incumbent["trial"])
    assert (schedule[0].start, schedule[-1].end) == (0, FIDELITY)
    assert schedule[-1].config == record.incumbent["config"]


@pytest.mark.parametrize("tuner", ["successive_halving", "hyperband", "asha", "dehb", "pbt", "pb2"])
def test_a_sweep_with_parents_is_resumed_from_any_of_its_trials(sweep, trained, tuner, monkeypatch):
    settings = {"budget": 5.0, "seeds": 2, "tuner_seed": 3}
    whole = sweep(tuner, name="whole", **settings)
    assert whole.trials.parent.notna().any()
    ids, stop = list(trained), len(trained) // 2
    evaluate = Parabola.evaluate

    def until_the_half(self, trials, on_segment):
        for record in evaluate(self, trials, on_segment):
            if len(trained) == len(ids) + stop:
                raise KeyboardInterrupt
            yield record

    with monkeypatch.context() as patched:
        patched.setattr(Parabola, "evaluate", until_the_half)
        with pytest.raises(KeyboardInterrupt):
            sweep(tuner, name="cut", **settings)
    resumed = sweep(tuner, name="cut", **settings)
    assert sorted(trained[len(ids) :]) == sorted([*ids, ids[stop - 1]])  # one was lost
    for frame, expected in zip(outcome(resumed), outcome(whole), strict=True):
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)
