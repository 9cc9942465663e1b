"""Where a sweep begins: configs that are tried first, and earlier trials that its tuner is told."""

import dataclasses
import json

import numpy as np
import pytest
from tiny import counting, task

import hpo
import landscapes
from arl import spaces
from hpo.cli import commands
from hpo.testing import tuners as testing
from hpo.trial import Trial

LEARNERS = ["tpe", "cmaes", "nsga2", "smac", "smac_hyperband", "dehb", "pbt", "pb2", "racing"]
CARTPOLE = "ppo/CartPole-v1"


class Told:
    """Tries random configs, and keeps what it is told."""

    earlier: list
    later: list

    def __init__(self, space, fidelity, budget):
        Told.earlier, Told.later, Told.budget = [], [], budget
        self.space, self.fidelity, self.num_asked = space, fidelity, 0

    def ask(self, n):
        ids = range(self.num_asked, self.num_asked + n)
        self.num_asked += n
        return [Trial(i, spaces.sample(self.space, [i]), self.fidelity) for i in ids]

    def tell(self, results):
        Told.later += results

    def warm_start(self, results):
        Told.earlier += results


class Deaf(Told):
    """Learns from its own trials alone."""

    warm_start = None


@pytest.fixture
def sweep(tmp_path):
    """Return a function that runs a sweep of the recorded configs of a landscape in a new store."""

    def sweep(tuner="random", subject=CARTPOLE, objective="table", **settings):
        return hpo.sweep(subject, tuner, objective=objective, store=tmp_path / "store.sqlite", **settings)

    return sweep


@pytest.fixture
def no_training(monkeypatch):
    monkeypatch.setattr("hpo.objectives.training.Training", counting([]))


def rates(trials):
    return [trial.config["learning_rate"] for trial in trials]


def test_the_default_config_is_the_first_trial(sweep):
    record = sweep(trials=3, enqueue="default")
    assert dict(record.records[0].config) == spaces.default(hpo.task(CARTPOLE).space)
    others = sweep(trials=2, name="others")
    assert [record.records[i + 1].config for i in range(2)] == [others.records[i].config for i in range(2)]


def test_values_that_differ_from_the_default_are_enough(sweep):
    record = sweep(trials=2, enqueue=[{"learning_rate": 0.01}, {"minibatch_size": 256.0}])
    default = spaces.default(hpo.task(CARTPOLE).space)
    assert record.records[0].config == {**default, "learning_rate": 0.01}
    assert record.records[1].config == {**default, "minibatch_size": 256}


def test_what_is_enqueued_is_paid_for_and_told(sweep):
    sweep(Told, trials=8, enqueue=["default", {"learning_rate": 0.01}])
    assert Told.budget == 6
    assert [result.trial.id for result in Told.earlier] == [-1, -2]
    assert rates(result.trial for result in Told.earlier) == [3e-4, 0.01]
    assert sorted(result.trial.id for result in Told.later) == list(range(6))


@pytest.mark.parametrize(
    ("enqueue", "message"),
    [
        ("best", "enqueue must be default, or values by hyperparameter, got 'best'"),
        ({"gamma": 0.9}, "unknown hyperparameter of the space 'gamma'"),
        ({"learning_rate": 5.0}, "learning_rate must be in"),
        (["default", {}], "configs that differ"),
        (
            ["default", {"learning_rate": 0.01}, {"learning_rate": 0.02}],
            "no more configs than trials are paid for, 2, got 3",
        ),
    ],
)
def test_a_config_that_cannot_be_enqueued_is_refused(sweep, enqueue, message):
    with pytest.raises(hpo.InputError, match=message):
        sweep(trials=2, enqueue=enqueue)


def test_a_value_without_effect_is_refused(sweep, tmp_path):
    (tmp_path / "space.yaml").write_text("""hyperparameters:
  - {name: normalize_advantage, type: categorical, choices: [true, false]}
  - {name: ent_coef, type: uniform_float, lower: 0.0, upper: 0.1}
conditions:
  - {child: ent_coef, parent: normalize_advantage, type: EQ, value: true}
""")
    config = {"normalize_advantage": False, "ent_coef": 0.1}
    with pytest.raises(hpo.InputError, match="active hyperparameters, got ent_coef"):
        sweep(trials=2, objective="training", space=str(tmp_path / "space.yaml"), enqueue=config)


def test_a_promotion_goes_on_from_the_trial_of_its_tuner(sweep):
    """A tuner's parents are its own trials, whatever was enqueued before them."""
    record = sweep("successive_halving", budget=6, options={"num_configs": 9}, enqueue="default")
    parents = {trial.trial: trial.parent for trial in record.records.values() if trial.parent is not None}
    assert parents
    assert all(record.records[parent].config == record.records[trial].config for trial, parent in parents.items())


def test_a_tuner_is_told_the_trials_of_a_sweep(sweep):
    source = sweep(trials=5, seeds=2, name="source")
    record = sweep(Told, trials=3, warm_start="source", name="told")
    assert [result.trial.config for result in Told.earlier] == [source.records[i].config for i in range(5)]
    assert [result.score for result in Told.earlier] == [source.records[i].score for i in range(5)]
    assert [result.trial.id for result in Told.earlier] == [-1, -2, -3, -4, -5]
    assert (Told.budget, len(record.records)) == (3, 3)
    assert (record.settings.warm_start.source, record.settings.warm_start.num_trials) == ("source", 5)


def test_a_tuner_is_told_a_whole_landscape(sweep):
    sweep(Told, trials=1, warm_start=CARTPOLE)
    landscape = landscapes.load(CARTPOLE)
    means = landscape.scores().groupby("config").score.mean()
    assert [result.trial.config for result in Told.earlier] == landscape.plain_configs
    assert [result.score for result in Told.earlier] == pytest.approx(means.tolist())


def test_scores_are_those_of_the_sweep_that_is_told(sweep):
    sweep(trials=2, name="source")
    sweep(Told, trials=1, score="auc,final", warm_start="source", name="told")
    assert [result.score for result in Told.earlier] == [result.metrics["auc"] for result in Told.earlier]
    assert all(result.metrics["auc"] != result.metrics["final"] for result in Told.earlier)


@pytest.mark.usefixtures("no_training")
def test_configs_outside_the_space_are_left_out(sweep):
    source = sweep("sobol", task(), "training", trials=16, name="source")
    inside = [rate for rate in rates(source.records.values()) if rate <= 0.01]
    assert 0 < len(inside) < 16
    with pytest.warns(UserWarning, match=f"^{16 - len(inside)} of the 16 trials of 'source' are not told to the tuner"):
        sweep(Told, task(high=0.01), "training", trials=1, warm_start="source", name="told")
    assert rates(result.trial for result in Told.earlier) == inside


@pytest.mark.usefixtures("no_training")
def test_a_config_that_was_trained_with_other_fixed_values_is_left_out(sweep):
    sweep("sobol", task(), "training", trials=4, name="source")
    other = dataclasses.replace(task(), fixed={**task().fixed, "gamma": 0.5})
    with pytest.raises(hpo.InputError, match="got none in the 4 trials of 'source'"):
        sweep(Told, other, "training", trials=1, warm_start="source", name="told")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("nosuch", "unknown sweep 'nosuch'"),
        ("ppo/Nope", "unknown landscape 'ppo/Nope'"),
        ("dqn/CartPole-v1", "must be of task ppo/CartPole-v1, got 'dqn/CartPole-v1'"),
    ],
)
def test_a_source_of_no_use_is_refused(sweep, source, message):
    sweep(trials=1, name="other")
    with pytest.raises(hpo.InputError, match=message):
        sweep(Told, trials=1, warm_start=source, name="told")


def test_a_sweep_goes_on_from_the_same_start(sweep):
    settings = {"warm_start": "source", "enqueue": "default", "name": "told"}
    sweep(trials=6, name="source")
    sweep("tpe", trials=8, batch=2, **settings)
    prolonged = sweep("tpe", trials=12, batch=2, **settings)
    straight = sweep("tpe", trials=12, batch=2, **{**settings, "name": "straight"})
    assert rates(prolonged.records.values()) == rates(straight.records.values())


def test_a_source_that_has_changed_is_named(sweep):
    sweep(trials=4, name="source")
    sweep(Told, trials=2, warm_start="source", name="told")
    sweep(trials=5, name="source")
    with pytest.raises(hpo.InputError, match=r"^'source' has changed since sweep 'told' was recorded"):
        sweep(Told, trials=3, warm_start="source", name="told")


@pytest.mark.parametrize("settings", [{"warm_start": "source"}, {"enqueue": "default"}])
def test_a_sweep_does_not_go_on_from_another_start(sweep, settings):
    sweep(trials=4, name="source")
    sweep(Told, trials=2, name="told", **settings)
    with pytest.raises(
        hpo.InputError, match=r"sweep name 'told' is taken by a sweep with (warm_start 'source'|enqueued)"
    ):
        sweep(Told, trials=3, name="told")


def test_a_tuner_that_does_not_learn_says_so(sweep):
    sweep(trials=4, name="source")
    with pytest.warns(
        UserWarning, match="tuner 'random' learns nothing from earlier trials: the warm start has no effect"
    ):
        record = sweep(trials=2, warm_start="source", name="told")
    assert record.settings.warm_start is None


def test_the_command_repeats_the_start(sweep):
    sweep(trials=4, name="source")
    start = {"enqueue": ["default", {"learning_rate": 0.01}], "warm_start": "source"}
    words = commands.of_sweep(sweep("tpe", trials=4, name="told", **start))
    given = [words[i + 1] for i, word in enumerate(words) if word in ("--enqueue", "--warm-start")]
    assert given == ["default", json.dumps({"learning_rate": 0.01}), "source"]


def score_of(config):
    """Return a score whose optimum is at a rate of 0.01 and x of 0.5."""
    return -((np.log10(config["rate"]) + 2) ** 2) - (config["x"] - 0.5) ** 2


def first_score(tuner, num_earlier):
    """Return the median score of the first trials of a tuner that was told so many random ones."""
    space, options = testing.continuous(), {"tuner": "tpe"} if tuner == "racing" else {}
    made = testing.make(tuner, options, space)
    configs = [spaces.sample(space, [99, i]) for i in range(num_earlier)]
    results = [
        testing.result(Trial(-1 - i, config, testing.FIDELITY), score_of(config)) for i, config in enumerate(configs)
    ]
    made.warm_start(results[:-1])
    made.warm_start(results[-1:])
    return np.median([score_of(trial.config) for trial in made.ask(4)])


@pytest.mark.parametrize("tuner", [name for name in LEARNERS if name != "dehb"])
def test_earlier_trials_lead_to_better_ones(tuner):
    assert first_score(tuner, 60) > first_score(tuner, 0) + 0.3


def test_the_best_earlier_configs_are_members_of_dehb():
    tuner = testing.make("dehb", {}, testing.continuous())
    configs = [{"rate": 10.0**-i, "x": 0.5} for i in range(1, 6)]
    results = [
        testing.result(Trial(-i, config, testing.FIDELITY), score_of(config)) for i, config in enumerate(configs, 1)
    ]
    tuner.warm_start(results)
    members = [member for member in tuner.populations[testing.FIDELITY] if member is not None]
    best = sorted((result.score for result in results), reverse=True)
    assert [member.worth for member in members] == best[: len(members)]
    assert spaces.from_unit(tuner.space, members[0].point.tolist())["rate"] == pytest.approx(0.01)


@pytest.mark.parametrize("kind", testing.SPACES)
def test_a_point_of_the_cube_stands_for_a_config(kind):
    space = testing.SPACES[kind]()
    for i in range(20):
        config = spaces.sample(space, [i])
        again = spaces.from_unit(space, spaces.to_unit(space, config))
        assert again == pytest.approx(config)
