"""What every registered tuner must do, the answers of the baselines, and how tuners are listed and made."""

import json
import math
import re
from pathlib import Path

import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    ForbiddenAndConjunction,
    ForbiddenEqualsClause,
    Integer,
)

from arl import spaces
from arl.errors import InputError
from hpo import tasks, tuners
from hpo.trial import Cost, Result, Trial, TunerContext

FIDELITY = 1000
README = Path(__file__).parent.parent / "README.md"


def small():
    """Return a space of two axes, and a third that is active only where the size is big."""
    size, power = Categorical("size", ["small", "big"], default="big"), Integer("power", (1, 3), default=2)
    space = ConfigurationSpace(name="small", space=[size, power, Float("rate", (0.0, 1.0), default=0.25)])
    space.add(EqualsCondition(power, size, "big"))
    return space


SPACES = {
    "small": small,
    "published": lambda: tasks.get("ppo/CartPole-v1").space,
    "full": lambda: tasks.get("ppo/Acrobot-v1", "full").space,
}


SLOW = ("external", "gp", "smac", "smac_hyperband")  # they fit models or start processes: see the test file of each


def make(name, space, seed=0, budget=12.0, **options):
    context = TunerContext(space=space, fidelity=FIDELITY, seed=seed, budget=budget, seeds=(0, 1))
    return tuners.make(name, context, options)


def play(tuner, *sizes):
    """Return the trials of each ask; they are told scores that depend on their configs alone."""
    rounds = []
    for size in sizes:
        rounds.append(tuner.ask(size))
        tuner.tell([result(trial) for trial in rounds[-1]])
    return rounds


def result(trial):
    score = float(sum(map(ord, str(dict(trial.config)))) % 97)
    return Result(trial, score, {0: score}, [(trial.fidelity, score)], {}, Cost(trial.fidelity, 0.1), "completed")


def flat(rounds):
    return [trial for trials in rounds for trial in trials]


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("name", [name for name in tuners.names() if name not in SLOW])
class TestEveryTuner:
    def test_gives_at_most_what_is_asked_for(self, name, space):
        for trials, size in zip(play(make(name, space()), 1, 5, 3), (1, 5, 3), strict=True):
            assert len(trials) <= size
            assert all(type(trial) is Trial for trial in trials)

    def test_asks_for_trials_that_can_be_run(self, name, space):
        trials = flat(play(make(name, space()), 4, 4))
        assert trials
        assert len({trial.id for trial in trials}) == len(trials)
        for trial in trials:
            spaces.check(space(), trial.config)
            assert repr(json.loads(json.dumps(trial.config))) == repr(dict(trial.config))
            assert type(trial.id) is type(trial.fidelity) is int
            assert 1 <= trial.fidelity <= FIDELITY

    def test_is_determined_by_its_seed_and_the_calls(self, name, space):
        first, again = (play(make(name, space(), seed=3), 2, 4, 2) for _ in range(2))
        assert first == again

    def test_leaves_the_space_as_it_was(self, name, space):
        used = space()
        play(make(name, used), 4, 4)
        assert used == space()


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("name", ["random", "sobol", "grid"])
def test_batching_changes_nothing(name, space):
    whole, parts, singly = (flat(play(make(name, space()), *sizes)) for sizes in ((7,), (2, 4, 1), (1,) * 7))
    assert whole == parts == singly
    assert [trial.id for trial in whole] == list(range(len(whole)))
    assert len(whole) == 7 or name == "grid"


@pytest.mark.parametrize("name", ["random", "sobol"])
def test_seeds_give_other_trials(name):
    first, second = (flat(play(make(name, SPACES["published"](), seed=seed), 4)) for seed in (0, 1))
    assert not any(a.config == b.config for a, b in zip(first, second, strict=True))
    assert len({str(trial.config) for trial in first}) == 4


def test_sobol_points_fill_each_axis_evenly():
    space = ConfigurationSpace(space=[Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0))])
    configs = [trial.config for trial in make("sobol", space, seed=5).ask(16)]
    for name in space:
        assert sorted(int(config[name] * 16) for config in configs) == list(range(16))
    cells = {(int(config["x"] * 4), int(config["y"] * 4)) for config in configs}
    assert len(cells) == 16


def test_default_asks_once():
    first, second = play(make("default", small()), 5, 5)
    assert first == [Trial(0, {"size": "big", "power": 2, "rate": 0.25}, FIDELITY)]
    assert second == []


def test_grid_is_every_combination():
    tuner = make("grid", small(), points=3)
    trials = flat(play(tuner, 4, 4, 4, 4))
    big = [{"size": "big", "power": power, "rate": rate} for power in (1, 2, 3) for rate in (0.0, 0.5, 1.0)]
    little = [{"size": "small", "rate": rate} for rate in (0.0, 0.5, 1.0)]
    assert sorted(map(by_items, trials)) == sorted(sorted(config.items()) for config in big + little)
    assert tuner.ask(1) == []


def by_items(trial):
    return sorted(trial.config.items())


@pytest.mark.parametrize(("budget", "num"), [(1, 2), (2, 2), (7, 2), (8, 8), (17, 8), (18, 18), (31, 18), (32, 32)])
def test_grid_is_the_finest_that_the_budget_pays_for(budget, num):
    space = ConfigurationSpace(space=[Categorical("c", ["a", "b"]), Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0))])
    trials = make("grid", space, budget=float(budget)).ask(10_000)
    assert len(trials) == num
    assert len({str(trial.config) for trial in trials}) == num


@pytest.mark.parametrize(("budget", "num"), [(5, 2), (6, 6), (11, 6), (12, 12)])
def test_the_budget_is_for_configs_that_differ(budget, num):
    """With two points big has 2 x 2 configs and small, which has no power, 2; with three they have 3 x 3 and 3."""
    trials = make("grid", small(), budget=float(budget)).ask(10_000)
    assert len(trials) == num
    assert len({str(by_items(trial)) for trial in trials}) == num


def switched(num):
    """Return a space of a switch and hyperparameters that are active only where it is on."""
    space = ConfigurationSpace(space=[Categorical("a_switch", ["off", "on"], default="off")])
    children = [Float(f"x{i}", (0.0, 1.0)) for i in range(num)]
    space.add(children)
    space.add([EqualsCondition(child, space["a_switch"], "on") for child in children])
    return space


@pytest.mark.parametrize(("space", "budget", "num"), [(switched(30), 1e6, 2), (switched(30), 2.0**30 + 1, 40)])
def test_a_grid_of_billions_is_not_enumerated(space, budget, num):
    """The only config without children comes first or last, and is asked for once."""
    trials = make("grid", space, budget=budget).ask(40)
    assert len(trials) == num
    assert [trial.config for trial in trials if trial.config["a_switch"] == "off"] == [{"a_switch": "off"}]


def test_forbidden_parts_of_a_grid_are_left_at_once():
    """Ten million configs hold the forbidden value of the hyperparameter that varies slowest."""
    space = ConfigurationSpace(space=[Categorical(f"c{i}", range(10), default=5) for i in range(8)])
    space.add(ForbiddenEqualsClause(space["c0"], 0))
    space.add(ForbiddenAndConjunction(ForbiddenEqualsClause(space["c0"], 1), ForbiddenEqualsClause(space["c1"], 0)))
    (first,) = make("grid", space, budget=8.0).ask(1)
    assert first.config == {"c0": 1, "c1": 1, **dict.fromkeys(["c2", "c3", "c4", "c5", "c6", "c7"], 0)}


def test_grid_of_one_point_keeps_the_defaults():
    little, big = (trial.config for trial in make("grid", small(), points=1).ask(10))
    assert big == {"size": "big", "power": 2, "rate": 0.25}
    assert little == {"size": "small", "rate": 0.25}


def test_grid_is_even_on_a_log_axis():
    space = ConfigurationSpace(space=[Float("rate", (1e-4, 1e-2), log=True)])
    rates = [trial.config["rate"] for trial in make("grid", space, points=3).ask(9)]
    assert rates == pytest.approx([1e-4, 1e-3, 1e-2])


def test_grid_of_integers_asks_none_twice():
    space = ConfigurationSpace(space=[Integer("i", (1, 3))])
    assert [trial.config["i"] for trial in make("grid", space, points=16).ask(99)] == [1, 2, 3]


@pytest.mark.parametrize("points", ["abc", 1.5, 0, -1])
def test_grid_needs_a_number_of_points(points):
    with pytest.raises(InputError, match="points"):
        make("grid", small(), points=points)


def test_the_tuner_of_the_readme_keeps_its_promise():
    (code,) = re.findall(r"```python\n(# mytuner.py.*?)```", README.read_text(), flags=re.DOTALL)
    names: dict = {}
    exec(code, names)
    trials = flat(play(tuners.make(names["Mine"], TunerContext(space=small(), fidelity=5, seed=1), {}), 2, 2))
    assert [trial.config for trial in trials] == [spaces.sample(small(), [1, i]) for i in range(4)]


def test_the_tuners_of_this_package_are_registered():
    ours = {"cmaes", "default", "gp", "grid", "nsga2", "random", "smac", "smac_hyperband", "sobol", "tpe"}
    assert ours | {"racing", "intensify"} <= set(tuners.names())


class Noted:
    """Keeps what it is made with."""

    def __init__(self, fidelity, budget, depth=1):
        self.made_with = (fidelity, budget, depth)

    def ask(self, n):
        return []

    def tell(self, results):
        pass


class Open(Noted):
    def __init__(self, **options):
        self.made_with = options


class Failing(Noted):
    def __init__(self):
        raise RuntimeError("no licence\nfor this")


class NeedsMore(Noted):
    def __init__(self, colour):
        pass


class Deaf:
    def ask(self, n):
        return []


def test_a_tuner_is_made_with_what_its_constructor_names():
    context = TunerContext(space=small(), fidelity=5, seed=1, budget=2.0)
    assert tuners.make(Noted, context, {}).made_with == (5, 2.0, 1)
    assert tuners.make(Noted, context, {"depth": 4}).made_with == (5, 2.0, 4)
    assert tuners.make(Open, context, {"anything": 1}).made_with == {"anything": 1}
    assert tuners.make(f"{__name__}:Noted", context, {}).made_with == (5, 2.0, 1)
    assert tuners.make(f"{__file__}:Noted", context, {"depth": 2}).made_with == (5, 2.0, 2)


@pytest.mark.parametrize(
    ("tuner", "options", "message"),
    [
        ("rondom", {}, "unknown tuner 'rondom': did you mean 'random'"),
        ("", {}, "unknown tuner ''"),
        (Noted, {"dept": 1}, "unknown option 'dept' of tuner 'test_tuners:Noted': did you mean 'depth'"),
        ("random", {"points": 3}, "unknown option 'points' of tuner 'random': known are none"),
        (Deaf, {}, "must have a method 'tell'"),
        (f"{__name__}:math", {}, "must have a method 'ask'"),
        (f"{__name__}:Notd", {}, "unknown name 'Notd': did you mean 'Noted'"),
        (Failing, {}, "can't be made: RuntimeError: no licence"),
        (NeedsMore, {}, "can't be made: TypeError: .*'colour'"),
        ("nowhere.to:Find", {}, "does not import: ModuleNotFoundError: No module named 'nowhere'"),
        ("missing.py:Find", {}, "does not import: FileNotFoundError: no file 'missing.py'"),
        (":Find", {}, "must be given as 'module:Name' or 'file.py:Name'"),
        ("module:", {}, "must be given as 'module:Name' or 'file.py:Name'"),
    ],
)
def test_what_is_no_tuner_is_refused(tuner, options, message):
    with pytest.raises(InputError, match=message):
        tuners.make(tuner, TunerContext(space=small(), fidelity=5, seed=1), options)


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("def (", "SyntaxError: invalid syntax"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("raise ValueError('two\\nlines')", "ValueError: two"),
    ],
)
def test_a_file_that_does_not_import_is_one_line(tmp_path, code, message):
    (tmp_path / "mine.py").write_text(code + "\n")
    with pytest.raises(InputError, match=f"does not import: {message}") as caught:
        tuners.make(f"{tmp_path}/mine.py:Mine", TunerContext(space=small(), fidelity=5), {})
    assert "\n" not in str(caught.value)


def test_a_file_that_exits_does_not_end_the_program(tmp_path):
    (tmp_path / "mine.py").write_text("import sys\nsys.exit(0)\n")
    with pytest.raises(InputError):
        tuners.make(f"{tmp_path}/mine.py:Mine", TunerContext(space=small(), fidelity=5), {})


def test_a_file_may_be_named_like_a_module(tmp_path):
    (tmp_path / "math.py").write_text("class Mine:\n    ask = tell = print\n")
    assert tuners.make(f"{tmp_path}/math.py:Mine", TunerContext(space=small(), fidelity=5), {}).ask is print
    assert math.pi > 3
