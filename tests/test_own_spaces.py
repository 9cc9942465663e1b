"""Spaces of the user's: read from files, checked, recorded, and with hyperparameters fixed."""

import dataclasses
import importlib
import json
import shlex

import examples
import pytest
import tiny
from ConfigSpace import (
    AndConjunction,
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    ForbiddenLessThanRelation,
    GreaterThanCondition,
    InCondition,
    Integer,
    LessThanCondition,
    OrConjunction,
)
from test_cli import arl
from tiny import FIDELITY

import hpo
from arl import spaces
from arl.errors import InputError
from hpo import tasks
from hpo.cli import commands
from hpo.tasks.reduced_spaces import without

TASK = "ppo/ProbeMatching"
RATE = "  - {name: learning_rate, type: uniform_float, lower: 1e-5, upper: 1e-2, log: true}\n"
SPACE = f"""hyperparameters:
{RATE}  - {{name: normalize_advantage, type: categorical, choices: [true, false]}}
  - {{name: ent_coef, type: uniform_float, lower: 0.0, upper: 0.1}}
  - {{name: gamma, type: categorical, choices: [0.9, 0.99]}}
conditions:
  - {{child: ent_coef, parent: normalize_advantage, type: EQ, value: true}}
forbiddens:
  - {{name: gamma, type: EQUALS, value: 0.99}}
"""
FIX = [word for name, value in tiny.STATICS.items() for word in ("--fix", f"{name}={value}")]
SWEEP = ["sweep", TASK, "--fidelity", FIDELITY, "--trials", 3, "--name", "mine", *FIX]


@pytest.fixture
def home(tmp_path):
    (tmp_path / "my.yaml").write_text(SPACE)
    return tmp_path


def test_a_space_comes_from_a_file(home, monkeypatch):
    monkeypatch.chdir(home)
    task = tasks.get("ppo/CartPole-v1", "my.yaml")
    assert list(task.space) == ["gamma", "learning_rate", "normalize_advantage", "ent_coef"]
    assert (task.space["learning_rate"].lower, task.space["learning_rate"].upper) == (1e-5, 1e-2)
    assert not spaces.is_active(task.space, "ent_coef", {"normalize_advantage": False})
    with pytest.raises(InputError, match="forbidden"):
        spaces.repair(task.space, {"gamma": 0.99})


def test_names_that_it_omits_have_the_tasks_values(home, monkeypatch):
    monkeypatch.chdir(home)
    full, task = tasks.get("ppo/CartPole-v1", "full"), tasks.get("ppo/CartPole-v1", "my.yaml")
    default = {**full.fixed, **spaces.default(full.space)}
    assert set(task.fixed) | set(task.space) == set(full.fixed) | set(full.space)
    assert all(task.fixed[name] == default[name] for name in task.fixed)
    assert task.fixed["gae_lambda"] == 0.8, "the task's, which is not the algorithm's"


def test_every_form_of_a_space_is_the_same(home, monkeypatch):
    monkeypatch.chdir(home)
    space = tasks.get(TASK, "my.yaml").space
    text = json.dumps(space.to_serialized_dict())
    (home / "my.json").write_text(text)
    (home / "held.py").write_text("from hpo.tasks.own_spaces import read\nSPACE = read('my.yaml')\n")
    for given in ("my.json", "held.py:SPACE", text, space):
        assert tasks.get(TASK, given).space == space


def test_the_replay_has_room_for_the_largest_of_the_space():
    space = ConfigurationSpace({"buffer_size": [1024, 200_000]})
    assert tasks.get("dqn/CartPole-v1", space).fixed["max_buffer_size"] == 200_000


def test_a_sweep_on_it_is_recorded_and_repeated(home):
    done = arl(home, *SWEEP, "--space", "my.yaml")
    assert done.status == 0, done.err
    assert "(my.yaml space)" in done.err
    assert "set: num_envs 4, num_steps 5" in done.out
    record = hpo.load_sweep("mine", home / "results/store.sqlite")
    assert set(record.hyperparameters) == {"gamma", "learning_rate", "normalize_advantage", "ent_coef"}
    assert (record.settings.task.preset, dict(record.settings.task.changes)) == ("my.yaml", tiny.STATICS)
    _, *words = commands.of_sweep(record)
    assert "my.yaml" in words
    again = arl(home, *words, "--store", "other.sqlite")
    assert again.status == 0, again.err
    assert hpo.load_sweep("mine", home / "other.sqlite").trials.score.equals(record.trials.score)
    assert arl(home, *words).status == 0, "it goes on with its own record"
    (home / "my.yaml").write_text(SPACE + "\n")
    assert "my.yaml has changed since sweep 'mine' was recorded" in arl(home, *words).err


def test_a_space_from_python_is_in_the_command(home):
    space = ConfigurationSpace({"learning_rate": (1e-4, 1e-2), "gamma": (0.9, 0.99)})
    fix = {**tiny.STATICS, "gamma": 0.95}
    record = hpo.sweep(
        TASK, trials=2, fidelity=FIDELITY, space=space, fix=fix, name="mine", store=home / "results/store.sqlite"
    )
    assert (record.hyperparameters, record.settings.task.preset) == (["learning_rate"], "own")
    assert record.settings.task.fixed["gamma"] == 0.95
    words = shlex.split(shlex.join(commands.of_sweep(record)))
    done = arl(home, *words[1:])
    assert done.status == 0, done.err
    rate = ConfigurationSpace({"learning_rate": (1e-4, 1e-2)})
    replaced = dataclasses.replace(tasks.get(TASK, fidelity=FIDELITY, fix=tiny.STATICS), space=rate)
    record = hpo.sweep(replaced, trials=1, name="replaced", store=home / "results/store.sqlite")
    done = arl(home, *commands.of_sweep(record)[1:])
    assert done.status == 0, done.err
    assert list(space) == ["gamma", "learning_rate"], "the user's own object stays as it is"


def test_tuners_are_compared_on_it(home):
    words = ["compare", "--tuners", "sobol", "--tasks", TASK, "--fidelity", FIDELITY, "--repeats", 2, "--budget", 2]
    done = arl(home, *words, "--seeds", 1, "--test-seeds", 1, "--no-baselines", "--space", "my.yaml", *FIX, "--json")
    assert done.status == 0, done.err
    command = json.loads(done.out)["command"]
    assert command[command.index("--space") + 1] == "my.yaml"
    assert arl(home, *command[1:]).status == 0


def test_a_published_space_with_a_fixed_value():
    task = tasks.get("ppo/CartPole-v1", fix={"learning_rate": 1e-3, "gamma": 0.9})
    assert (len(task.space), "learning_rate" in task.space) == (8, False)
    assert (task.fixed["learning_rate"], task.fixed["gamma"], task.fixed["num_envs"]) == (1e-3, 0.9, 8)
    assert dict(task.changes) == {"learning_rate": 1e-3, "gamma": 0.9}
    assert (task.preset, task.space_name) == ("published without learning_rate", "published")


def test_what_another_space_tunes_is_no_longer_fixed():
    task = tasks.get("ppo/CartPole-v1", fix={"gamma": 0.9, "num_envs": 16})
    replaced = dataclasses.replace(task, space=ConfigurationSpace({"gamma": (0.9, 0.99), "gae_lambda": (0.8, 1.0)}))
    assert not {"gamma", "gae_lambda"} & set(replaced.fixed)
    assert (replaced.preset, dict(replaced.changes)) == ("own", {"num_envs": 16})


def test_a_task_may_have_the_space_of_another_preset():
    published, full = tasks.get("ppo/CartPole-v1"), tasks.get("ppo/CartPole-v1", "full")
    replaced = dataclasses.replace(published, preset="full", space=full.space, preset_space=full.space)
    assert (replaced.preset, replaced.space) == ("full", full.space)
    assert not set(replaced.fixed) & set(full.space)


def test_the_command_on_record_fixes_the_same(home):
    words = [
        "sweep",
        TASK,
        "--fidelity",
        FIDELITY,
        "--trials",
        1,
        "--name",
        "mine",
        "--fix",
        "learning_rate=0.01",
        *FIX,
    ]
    done = arl(home, *words)
    assert done.status == 0, done.err
    record = hpo.load_sweep("mine", home / "results/store.sqlite")
    assert record.settings.task.preset == "published without learning_rate, minibatch_size"
    again = arl(home, *commands.of_sweep(record)[1:])
    assert again.status == 0, again.err


def test_switches_decide_what_depends_on_them():
    space = tasks.get("dqn/CartPole-v1").space
    on, off = without(space, {"prioritized": True}), without(space, {"prioritized": False})
    assert set(space) - set(on) == {"prioritized"}
    assert spaces.is_active(on, "priority_alpha", {}), "always"
    assert set(space) - set(off) == {"prioritized", "priority_alpha", "priority_beta", "priority_epsilon"}
    assert off["target_update_interval"].upper == 100


def conditional():
    space = ConfigurationSpace({"a": [1, 2, 3], "b": (0.0, 1.0), "c": [True, False], "d": (0.0, 1.0), "e": (0.0, 1.0)})
    is_low, is_on = LessThanCondition(space["d"], space["b"], 0.5), EqualsCondition(space["d"], space["c"], True)
    either = [EqualsCondition(space["e"], space["a"], 1), EqualsCondition(space["e"], space["c"], True)]
    space.add(AndConjunction(is_low, is_on), OrConjunction(*either))
    space.add(
        ForbiddenAndConjunction(ForbiddenEqualsClause(space["a"], 2), ForbiddenEqualsClause(space["c"], False)),
    )
    return space


@pytest.mark.parametrize(
    "values", [{"a": 1}, {"a": 2}, {"a": 3}, {"b": 0.2}, {"b": 0.7}, {"c": True}, {"c": False}, {"a": 3, "c": True}]
)
def test_a_space_with_fixed_values_has_the_configs_that_have_them(values):
    space, reduced = conditional(), without(conditional(), values)
    for i in range(200):
        drawn = spaces.sample(reduced, [0, i])
        spaces.check(space, {**values, **drawn})
        config = spaces.sample(space, [1, i])
        if all(config.get(name) == value for name, value in values.items()):
            spaces.check(reduced, {name: value for name, value in config.items() if name not in values})


def test_values_that_the_space_forbids_can_not_be_fixed():
    with pytest.raises(InputError, match="fixed values must not be forbidden by the space"):
        without(conditional(), {"a": 2, "c": False})
    related = ConfigurationSpace({"a": (0.0, 1.0), "b": (0.0, 1.0)})
    related.add(ForbiddenLessThanRelation(related["a"], related["b"]))
    with pytest.raises(InputError, match="a can't be fixed: the space forbids some of its values beside those of b"):
        without(related, {"a": 0.5})


def of(*lines, conditions="[]", forbiddens="[]"):
    return f"hyperparameters:\n{RATE}{''.join(lines)}conditions: {conditions}\nforbiddens: {forbiddens}\n"


BAD = [
    ("hyperparameters: [", "does not parse: while parsing"),
    ("", "must have a list of hyperparameters"),
    ("learning_rate: [1, 2]", "must have a list of hyperparameters"),
    (of() + "condition: []\n", "unknown key 'condition' of space 'bad.yaml': did you mean 'conditions'?"),
    ("hyperparameters: []", "space must have at least one hyperparameter, got none"),
    (
        of().replace("learning_rate", "learning_rat"),
        "unknown hyperparameter of PPOConfig 'learning_rat': did you mean 'learning_rate'?",
    ),
    (of().replace("uniform_float", "uniform_flaot"), "can't be made: ValueError: No found decoder for 'uniform_flaot'"),
    (of().replace("1e-5", "-1.0").replace("log: true", "log: false"), "learning_rate must be >= 0"),
    (of("  - {name: gamma, type: uniform_float, lower: 0.5, upper: 1.5}\n"), "gamma must be >= 0 and <= 1, got 1.5"),
    (of("  - {name: gamma, type: categorical, choices: [0.9, high]}\n"), "gamma must be of type float, got 'high'"),
    (of("  - {name: num_envs, type: uniform_float, lower: 1.0, upper: 4.0}\n"), "num_envs must be of type int"),
    (of("  - {name: env.wind, type: uniform_float, lower: 0.0, upper: 1.0}\n"), "wind"),
    (
        of(conditions="[{child: learning_rate, parent: gamma, type: EQ, value: 1}]"),
        "unknown parent 'gamma' in the conditions of space 'bad.yaml': known are learning_rate",
    ),
    (
        of(conditions="[{type: AND, conditions: [{child: lerning_rate, parent: learning_rate, type: EQ, value: 1}]}]"),
        "unknown child 'lerning_rate' in the conditions of space 'bad.yaml': did you mean 'learning_rate'?",
    ),
    (
        of(forbiddens="[{name: gamma, type: EQUALS, value: 0.9}]"),
        "unknown hyperparameter 'gamma' in the forbiddens of space 'bad.yaml': known are learning_rate",
    ),
    (
        of(conditions="[{child: learning_rate, type: EQ, value: 1}]"),
        "space 'bad.yaml' must have the key 'parent' in each entry of its type, got one without",
    ),
    (
        of(conditions="[learning_rate > 1]"),
        "conditions of space 'bad.yaml' must be mappings such as {name: gamma, ...}, got 'learning_rate > 1'",
    ),
    (of(conditions="{a: 1}"), "conditions of space 'bad.yaml' must be a list, got {'a': 1}"),
    (
        of(
            "  - {name: gamma, type: categorical, choices: [0.9, 0.99]}\n",
            conditions="[{child: learning_rate, parent: gamma, type: EQ, value: 0.5}]",
        ),
        "conditional on the illegal value '0.5'",
    ),
    (
        of(
            "  - {name: gamma, type: uniform_float, lower: 0.9, upper: 0.99}\n",
            conditions="[{child: learning_rate, parent: gamma, type: GT, value: 0.99}]",
        ),
        "condition of learning_rate must hold for some config, got learning_rate | gamma > 0.99",
    ),
    (
        of(
            "  - {name: gamma, type: constant, value: 0.9}\n",
            forbiddens="[{name: gamma, type: EQUALS, value: 0.9}]",
        ),
        "space 'bad.yaml' must not forbid its default config, got the clause gamma == 0.9",
    ),
    (of(RATE), "hyperparameters of space 'bad.yaml' must have different names, got 'learning_rate' 2 times"),
    (
        of(
            "  - {name: gamma, type: categorical, choices: [0.9, 0.99]}\n",
            forbiddens="[{name: gamma, type: IN, values: [0.9, 0.99]}]",
        ),
        "space 'bad.yaml' must not forbid its default config, got the clause gamma in {0.9, 0.99}",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD, ids=range(len(BAD)))
def test_bad_spaces_are_one_line_and_write_nothing(tmp_path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    done = arl(tmp_path, *SWEEP, "--space", "bad.yaml")
    assert (done.status, done.err.count("\n"), done.out) == (2, 1, "")
    assert message in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.yaml"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--space none.yaml", "space 'none.yaml' can't be read: No such file or directory"),
        ("--space {", "space given as JSON does not parse"),
        ("--space json:loads", "space 'json:loads' must be a ConfigurationSpace, got function"),
        ("--space my.py", "space must be given as 'module:Name' or 'file.py:Name', got 'my.py'"),
        ("--fix gama=0.9", "unknown hyperparameter of PPOConfig 'gama': did you mean 'gamma'?"),
        ("--fix gamma=2", "gamma must be >= 0 and <= 1, got 2.0"),
        ("--fix gamma=[0.9,1]", "gamma must be of type float, got [0.9, 1]"),
        ("--fix gamma", "fix must be given as name=value, got 'gamma'"),
        ("--fix gamma=0.9 --fix gamma=0.99", "fix must be given once, got gamma twice"),
    ],
)
def test_bad_words_are_one_line_and_write_nothing(tmp_path, words, message):
    done = arl(tmp_path, *SWEEP, *words.split())
    assert (done.status, done.err.count("\n"), done.out) == (2, 1, "")
    assert message in done.err
    assert not list(tmp_path.iterdir())


def test_something_is_left_to_tune():
    with pytest.raises(InputError, match="fix must leave a hyperparameter to tune, got learning_rate"):
        tasks.with_fixed(tiny.task(), {"learning_rate": 0.01})


@pytest.mark.parametrize(
    ("low", "high", "holds"), [(1, 10, True), (2, 4, True), (2, 3, False), (9, 10, False), (5, 5, False)]
)
def test_conditions_on_whole_numbers_hold_or_not(low, high, holds):
    parent, child = Integer("num_epochs", (1, 10)), Float("gamma", (0.9, 0.99))
    space = ConfigurationSpace([parent, child])
    conditions = [GreaterThanCondition(child, parent, low), LessThanCondition(child, parent, high)]
    space.add(AndConjunction(*conditions))
    if holds:
        tasks.get(TASK, space)
    else:
        with pytest.raises(InputError, match="condition of gamma must hold for some config"):
            tasks.get(TASK, space)


def test_conditions_on_one_of_several_choices():
    space = ConfigurationSpace([Categorical("num_epochs", [1, 2, 3]), Float("gamma", (0.9, 0.99))])
    space.add(InCondition(space["gamma"], space["num_epochs"], [1, 2]))
    assert len(tasks.get(TASK, space).space) == 2


def test_a_space_with_a_task_is_refused():
    with pytest.raises(InputError, match="space must be given with a task's name"):
        hpo.sweep(tiny.task(), trials=1, space=tiny.task().space)


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples.run("spaces.md", tmp_path)


def test_a_landscape_is_not_built_on_it(home):
    done = arl(home, "landscape", "build", TASK, "--space", "my.yaml")
    assert (done.status, done.err) == (2, "arl: unknown space of a landscape 'my.yaml': known are published, full\n")


@pytest.mark.parametrize("tuner", ["random", "sobol", "grid"])
def test_tuners_leave_out_what_the_space_forbids(tuner):
    space = ConfigurationSpace({"gamma": [0.9, 0.95, 0.99], "learning_rate": (1e-4, 1e-2)})
    space.add(ForbiddenEqualsClause(space["gamma"], 0.99))
    made = getattr(importlib.import_module(f"hpo.tuners.{tuner}"), tuner.title())
    asked = made(space, 100, **({"budget": 12, "points": 4} if tuner == "grid" else {"seed": 0})).ask(30)
    assert len(asked) == (8 if tuner == "grid" else 30)
    assert {trial.config["gamma"] for trial in asked} == {0.9, 0.95}
