"""Spaces: whatever makes a config makes one that can be trained, and a config that is not in the space is refused."""

import json

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest
from ConfigSpace import (
    AndConjunction,
    Categorical,
    Configuration,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    ForbiddenEqualsClause,
    GreaterThanCondition,
    InCondition,
    Integer,
    OrConjunction,
)

from arl import config as configs
from arl import spaces
from arl.errors import InputError
from hpo import tasks

TASKS = [tasks.get(name, preset) for name in [*tasks.names(), "ppo/ProbeChoice"] for preset in tasks.PRESETS]
SCALARS = (bool, int, float, str)
units = st.floats(0.0, 1.0)


def conditional():
    """Return a space with `interval` and `kind` where there is a target, and `tau` where the kind is soft as well."""
    space = ConfigurationSpace(name="conditional")
    target = Categorical("target", [True, False], default=True)
    kind = Categorical("kind", ["hard", "soft"], default="hard")
    interval = Integer("interval", (1, 1000), default=10, log=True)
    tau = Float("tau", (0.01, 1.0), default=0.5)
    space.add([target, kind, interval, tau, Float("rate", (1e-6, 0.1), default=3e-4, log=True)])
    on_target = [EqualsCondition(child, target, True) for child in (kind, interval)]
    space.add([*on_target, EqualsCondition(tau, kind, "soft")])
    return space


def tangled():
    """Return a space of all kinds of hyperparameters; the parents of `warmup` and `depth` have parents themselves."""
    space = ConfigurationSpace(name="tangled")
    network = Categorical("network", ["none", "mlp", "cnn"], default="mlp")
    size = Categorical("size", ["small", "medium", "big"], default="medium", ordered=True)
    bias, depth = Constant("bias", 3), Integer("depth", (1, 4), default=2)
    warmup, skip = Float("warmup", (0.0, 1.0), default=0.5), Categorical("skip", [True, False], default=True)
    space.add([network, size, bias, depth, warmup, skip])
    space.add([InCondition(size, network, ["mlp", "cnn"]), EqualsCondition(bias, network, "mlp")])
    space.add(GreaterThanCondition(depth, size, "small"))
    space.add(AndConjunction(EqualsCondition(warmup, network, "cnn"), GreaterThanCondition(warmup, depth, 2)))
    space.add(OrConjunction(EqualsCondition(skip, network, "none"), EqualsCondition(skip, depth, 1)))
    return space


def active_in_tangled(config):
    network, depth = config["network"], config.get("depth", 0)
    names = {"network"} | ({"size"} if network != "none" else set()) | ({"bias"} if network == "mlp" else set())
    names |= {"depth"} if config.get("size", "small") != "small" else set()
    names |= {"warmup"} if network == "cnn" and depth > 2 else set()
    return names | ({"skip"} if network == "none" or depth == 1 else set())


def active(config):
    """Return the names that a config of the conditional space must have, by its values."""
    names = {"rate", "target"}
    names |= {"kind", "interval"} if config["target"] else set()
    return names | ({"tau"} if config.get("kind") == "soft" else set())


def assert_trainable(task, config):
    spaces.check(task.space, config)
    assert all(type(value) in SCALARS for value in config.values())
    assert repr(json.loads(json.dumps(config))) == repr(config)
    configs.make(task.algorithm.Config, {**task.fixed, **config})


@hypothesis.given(task=st.sampled_from(TASKS), seed=st.lists(st.integers(0, 2**64), min_size=1, max_size=3))
def test_samples_can_be_trained(task, seed):
    assert_trainable(task, spaces.sample(task.space, seed))


@hypothesis.given(task=st.sampled_from(TASKS), data=st.data())
def test_points_of_the_unit_cube_can_be_trained(task, data):
    num = len(task.space)
    assert_trainable(task, spaces.from_unit(task.space, data.draw(st.lists(units, min_size=num, max_size=num))))


@pytest.mark.parametrize("task", TASKS, ids=lambda task: f"{task.name} {task.preset}")
def test_defaults_can_be_trained(task):
    assert_trainable(task, spaces.default(task.space))


@hypothesis.given(seed=st.integers(0, 2**32), point=st.lists(units, min_size=5, max_size=5))
def test_configs_hold_active_hyperparameters_only(seed, point):
    space = conditional()
    for config in (spaces.sample(space, [seed]), spaces.from_unit(space, point)):
        spaces.check(space, config)
        assert set(config) == active(config)


@hypothesis.settings(max_examples=200)
@hypothesis.given(seed=st.integers(0, 2**32), point=st.lists(units, min_size=6, max_size=6))
def test_configs_of_chained_conditions_hold_active_hyperparameters_only(seed, point):
    space = tangled()
    values = {name: spaces.value_at(space[name], u) for name, u in zip(space, point, strict=True)}
    some = dict(list(values.items())[::2])
    made = [spaces.sample(space, [seed]), spaces.from_unit(space, point), spaces.repair(space, values)]
    for config in (*made, spaces.repair(space, some), spaces.default(space)):
        spaces.check(space, config)
        assert set(config) == active_in_tangled(config)
        assert all(type(value) in SCALARS for value in config.values())
        assert spaces.repair(space, config) == config


def test_each_hyperparameter_is_active_by_those_before_it():
    space = tangled()
    assert spaces.is_active(space, "network", {})
    assert spaces.is_active(space, "bias", {"network": "mlp"})
    assert not spaces.is_active(space, "warmup", {"network": "cnn"})
    assert spaces.is_active(space, "warmup", {"network": "cnn", "size": "big", "depth": 3})


@pytest.mark.parametrize(
    ("config", "message"),
    [({"rat": 0.1}, "unknown hyperparameter of the space 'rat'"), ({"rate": 7.0}, "rate must be in .*, got 7.0")],
)
def test_repair_mends_conditions_alone(config, message):
    with pytest.raises(InputError, match=message):
        spaces.repair(conditional(), config)


def test_near_the_default_is_each_change_of_one_value():
    near = list(spaces.near_default(tangled()))
    assert near[0] == spaces.default(tangled())
    assert {config["network"] for config in near} == {"none", "mlp", "cnn"}
    assert {config.get("depth") for config in near} == {1, 2, 4, None}
    for config in near:
        spaces.check(tangled(), config)


def test_what_a_space_forbids_is_not_near_the_default_and_is_no_config():
    space = ConfigurationSpace(space=[Categorical("kind", ["a", "b", "c"]), Integer("size", (1, 3), default=2)])
    space.add(ForbiddenEqualsClause(space["kind"], "b"))
    assert [config["kind"] for config in spaces.near_default(space)] == ["a", "a", "c", "a", "a"]
    with pytest.raises(InputError, match=r"config must not be forbidden by the space, got .*'b'"):
        spaces.repair(space, {"kind": "b"})


@hypothesis.given(
    values=st.fixed_dictionaries(
        {},
        optional={
            "target": st.booleans(),
            "kind": st.sampled_from(["hard", "soft"]),
            "interval": st.integers(1, 1000),
            "tau": st.floats(0.01, 1.0),
            "rate": st.floats(1e-6, 0.1),
        },
    )
)
def test_repair_drops_what_is_inactive_and_fills_what_is_missing(values):
    space = conditional()
    config = spaces.repair(space, values)
    spaces.check(space, config)
    assert set(config) == active(config)
    default = {"target": True, "kind": "hard", "interval": 10, "tau": 0.5, "rate": 3e-4}
    for name, value in config.items():
        wanted = values.get(name, default[name])
        assert value == pytest.approx(wanted, rel=1e-6) if isinstance(value, float) else value == wanted
    assert spaces.repair(space, config) == config


def test_samples_depend_on_the_seed_alone():
    space = conditional()
    first = [spaces.sample(space, [0, i]) for i in range(8)]
    space.seed(99)
    assert [spaces.sample(space, [0, i]) for i in reversed(range(8))] == first[::-1]
    assert len({str(config) for config in first}) == 8
    assert spaces.sample(space, [1, 0]) != first[0]


def test_the_corners_of_the_unit_cube_are_the_bounds():
    space = tasks.get("ppo/CartPole-v1", "full").space
    low, high = ({name: hp.lower for name, hp in numeric(space)}, {name: hp.upper for name, hp in numeric(space)})
    for u, bounds in ((0.0, low), (np.nextafter(1.0, 0.0), high), (1.0, high)):
        config = spaces.from_unit(space, [u] * len(space))
        assert {name: config[name] for name in bounds} == bounds
    assert spaces.from_unit(space, [0.0] * len(space))["num_steps"] == 5
    assert spaces.from_unit(space, [np.nextafter(1.0, 0.0)] * len(space))["num_steps"] == 512


def numeric(space):
    return [(name, space[name]) for name in space if spaces.choices(space[name]) is None]


def test_the_middle_of_a_log_axis_is_the_geometric_mean():
    space = ConfigurationSpace(space=[Float("rate", (1e-6, 1e-2), log=True), Float("gamma", (0.8, 1.0))])
    assert spaces.from_unit(space, [0.5, 0.5]) == {"gamma": pytest.approx(0.9), "rate": pytest.approx(1e-4)}


def test_categories_share_the_unit_interval():
    space = ConfigurationSpace(space=[Categorical("size", [16, 32, 64, 128], default=32)])
    drawn = [spaces.from_unit(space, [u])["size"] for u in (0.0, 0.24, 0.25, 0.5, 0.74, 0.75)]
    assert drawn == [16, 16, 32, 64, 64, 128]


def test_plain_values_are_python_scalars():
    numpys = {"a": np.int64(3), "b": np.float64(0.1), "c": np.bool_(True), "d": np.str_("x"), "e": 1e-300}
    config = spaces.plain(numpys)
    assert repr(config) == "{'a': 3, 'b': 0.1, 'c': True, 'd': 'x', 'e': 1e-300}"
    space = conditional()
    sampled = spaces.plain(space.sample_configuration())
    assert all(type(value) in SCALARS for value in sampled.values())
    assert Configuration(space, values=sampled)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rates": 0.1}, "unknown hyperparameter of the space 'rates': did you mean 'rate'"),
        ({"rate": 0.2}, r"rate must be in \[1e-06, 0.1\] \(log\), got 0.2"),
        ({"rate": float("nan")}, "rate must be .*, got nan"),
        ({"rate": "0.1"}, "rate must be .*, got '0.1'"),
        ({"rate": None}, "rate must be .*, got None"),
        ({"rate": [0.1]}, r"rate must be .*, got \[0.1\]"),
        ({"interval": 0}, r"interval must be in \[1, 1000\] \(log\), got 0"),
        ({"interval": 1.5}, "interval must be .*, got 1.5"),
        ({"interval": np.int64(5)}, r"interval must be .*, got np.int64\(5\)"),
        ({"target": np.bool_(True)}, "target must be one of True, False, got np.True_"),
        ({"kind": "sof"}, "kind must be one of hard, soft, got 'sof'"),
        ({"kind": 0}, "kind must be one of hard, soft, got 0"),
        ({"tau": 0.5}, "is not in the space"),
        ({"target": False}, "is not in the space"),
    ],
)
def test_what_is_not_in_the_space_is_refused_by_one_line(changes, message):
    space = conditional()
    with pytest.raises(InputError, match=message) as caught:
        spaces.check(space, spaces.default(space) | changes)
    assert "\n" not in str(caught.value)


def test_an_active_hyperparameter_must_be_present():
    space = conditional()
    for name in spaces.default(space):
        with pytest.raises(InputError):
            spaces.check(space, {key: value for key, value in spaces.default(space).items() if key != name})


@pytest.mark.parametrize("changes", [{"interval": True}, {"target": 1}, {"size": 32.0}], ids=str)
def test_values_of_another_type_are_refused(changes):
    space = conditional()
    space.add(Categorical("size", [16, 32], default=16))
    with pytest.raises(InputError):
        spaces.check(space, spaces.default(space) | changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": "huge"}, "size must be one of small, medium, big, got 'huge'"),
        ({"bias": 4}, "bias must be 3, got 4"),
        ({"bias": 3.0}, "bias must be 3, got 3.0"),
        ({"warmup": 0.5}, "is not in the space"),
    ],
)
def test_ordinal_and_constant_values_are_checked(changes, message):
    space = tangled()
    spaces.check(space, spaces.default(space))
    with pytest.raises(InputError, match=message):
        spaces.check(space, spaces.default(space) | changes)


def test_bounds_are_in_the_space():
    space = conditional()
    for rate in (1e-6, 0.1):
        spaces.check(space, spaces.default(space) | {"rate": rate})


def test_descriptions_are_short():
    space = conditional()
    assert spaces.describe(space["rate"]) == "in [1e-06, 0.1] (log)"
    assert spaces.describe(space["tau"]) == "in [0.01, 1]"
    assert spaces.describe(space["target"]) == "one of True, False"
    assert spaces.choices(space["kind"]) == ["hard", "soft"]
    assert spaces.describe(tangled()["size"]) == "one of small, medium, big"
    assert spaces.choices(tangled()["size"]) == ["small", "medium", "big"]
    assert spaces.describe(tangled()["bias"]) == "3"
    assert spaces.choices(tangled()["bias"]) == [3]
    assert spaces.choices(space["tau"]) is None
