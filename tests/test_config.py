"""Configs: what is accepted and refused on the host, and what each kind of hyperparameter means to a program."""

import dataclasses
import math

import hypothesis
import hypothesis.strategies as st
import jax
import numpy as np
import pytest

from arl import config as configs
from arl.algorithms.ppo import PPOConfig
from arl.config import shared, static, traced
from envs import InputError


@configs.config
class Example:
    rate: float = traced(0.5, low=0.0, high=1.0)
    bias: float = traced(0.0)
    flag: bool = traced(False)
    steps: int = traced(0, low=0)
    epochs: int = shared(3, low=1)
    width: int = static(8, low=1)
    kind: str = static("a", choices=("a", "b"))


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"rates": 0.1}, "unknown hyperparameter of Example 'rates': did you mean 'rate'"),
        ({"rate": "0.1"}, "rate must be of type float, got '0.1'"),
        ({"rate": True}, "rate must be of type float, got True"),
        ({"rate": None}, "rate must be of type float, got None"),
        ({"rate": math.nan}, "rate must be of type float, got nan"),
        ({"rate": 1.5}, "rate must be >= 0 and <= 1, got 1.5"),
        ({"rate": -1}, "rate must be >= 0 and <= 1, got -1.0"),
        ({"flag": 1}, "flag must be of type bool, got 1"),
        ({"flag": np.float64(1.0)}, "flag must be of type bool, got 1.0"),
        ({"steps": -1}, "steps must be >= 0, got -1"),
        ({"steps": 1.5}, "steps must be of type int, got 1.5"),
        ({"steps": math.inf}, "steps must be of type int, got inf"),
        ({"steps": 2**31}, "steps must be "),
        ({"epochs": True}, "epochs must be of type int, got True"),
        ({"width": 0}, "width must be >= 1, got 0"),
        ({"kind": "c"}, "kind must be one of a, b, got 'c'"),
        ({"kind": 1}, "kind must be of type str, got 1"),
        ({"rate": 0.1, "kind": None}, "kind must be of type str, got None"),
    ],
)
def test_bad_values_are_refused_in_one_line(values, error):
    with pytest.raises(InputError) as caught:
        configs.make(Example, values)
    assert str(caught.value).startswith(error)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("rate", 1, 1.0),
        ("rate", np.float32(0.25), 0.25),
        ("bias", math.inf, math.inf),
        ("steps", 3.0, 3),
        ("steps", np.int64(7), 7),
        ("flag", np.True_, True),
        ("kind", "b", "b"),
    ],
)
def test_good_values_become_plain_scalars_of_their_type(name, value, kept):
    made = getattr(configs.make(Example, {name: value}), name)
    assert made == kept
    assert type(made) is type(kept)


@hypothesis.given(st.floats(allow_nan=True))
def test_a_float_is_accepted_just_within_its_range(value):
    if 0.0 <= value <= 1.0:
        assert configs.make(Example, {"rate": value}).rate == value
    else:
        with pytest.raises(InputError, match="rate must be"):
            configs.make(Example, {"rate": value})


@hypothesis.given(st.builds(Example, rate=st.floats(0, 1), flag=st.booleans(), steps=st.integers(0, 2**31 - 1)))
def test_values_of_a_config_make_it_again(config):
    assert configs.make(Example, configs.values(config)) == config


def test_defaults_of_ppo_are_within_their_domains():
    assert configs.make(PPOConfig, configs.values(PPOConfig())) == PPOConfig()


def test_a_config_can_not_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Example().rate = 0.1


def test_kinds():
    assert configs.kinds(Example) == {
        "rate": "traced",
        "bias": "traced",
        "flag": "traced",
        "steps": "traced",
        "epochs": "shared",
        "width": "static",
        "kind": "static",
    }


def test_leaves_are_all_but_the_static_hyperparameters():
    assert jax.tree.leaves(Example()) == [0.5, 0.0, False, 0, 3]


@pytest.mark.parametrize(
    ("changes", "one_program", "one_batch"),
    [
        ({"rate": 0.1, "flag": True, "steps": 5}, True, True),
        ({"epochs": 4}, True, False),
        ({"width": 9}, False, False),
        ({"kind": "b"}, False, False),
    ],
)
def test_what_configs_share(changes, one_program, one_batch):
    default, changed = Example(), dataclasses.replace(Example(), **changes)
    assert (configs.structure(default) == configs.structure(changed)) == one_program
    assert (configs.batch_key(default) == configs.batch_key(changed)) == one_batch


def test_configs_of_two_classes_share_nothing():
    other = configs.config(type("Other", (), {"__annotations__": {"width": int}, "width": static(8)}))
    assert configs.structure(other()) != configs.structure(Example())


def test_lanes_share_what_is_shared():
    axes = configs.lane_axes(Example(width=4, kind="b"))
    assert axes == Example(rate=0, bias=0, flag=0, steps=0, epochs=None, width=4, kind="b")


def test_stacked_configs():
    rows = [[Example(rate=0.1, flag=True), Example(rate=0.2)], [Example(rate=0.3, steps=7), Example(rate=0.4)]]
    stacked = configs.stack(rows)
    np.testing.assert_array_equal(stacked.rate, np.array([[0.1, 0.2], [0.3, 0.4]], np.float32))
    np.testing.assert_array_equal(stacked.flag, [[True, False], [False, False]])
    np.testing.assert_array_equal(stacked.steps, [[0, 0], [7, 0]])
    assert [stacked.rate.dtype, stacked.flag.dtype, stacked.steps.dtype] == [np.float32, np.bool_, np.int32]
    assert stacked.epochs == 3
    assert stacked.epochs.shape == ()
    assert (stacked.width, stacked.kind) == (8, "a")


def test_lanes_of_a_stacked_config_are_the_configs():
    stacked = configs.stack([[Example(rate=0.25, epochs=2), Example(rate=0.5, epochs=2)]])
    per_lane = jax.vmap(lambda config: config.rate * config.epochs, in_axes=(configs.lane_axes(Example()),))
    assert per_lane(jax.tree.map(lambda x: x[0] if x.ndim else x, stacked)).tolist() == [0.5, 1.0]
