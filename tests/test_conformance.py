"""The conformance checks find what they are there to find."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest
from conftest import SMALL

from arl import algorithms, testing
from arl import config as configs
from arl.algorithms import ppo
from arl.errors import InputError
from envs import vector

ENV = vector.make("ProbeDelayed")


def altered(**parts):
    return SimpleNamespace(**{name: getattr(ppo, name) for name in algorithms.registry.MEMBERS} | parts)


def without(name):
    algorithm = altered()
    delattr(algorithm, name)
    return algorithm


def forgets(state, config, env, key, env_steps, num_iterations):
    """Trains by the number of iterations of the call: cut in two, it is another training."""
    return ppo.train(state, config, env, jax.random.fold_in(key, num_iterations), env_steps, num_iterations)


def renames(state, config, env, key, env_steps, num_iterations):
    state, metrics = ppo.train(state, config, env, key, env_steps, num_iterations)
    return state, {"loss": metrics["policy_loss"]}


def wide(state, config, env, obs, key, explore):
    return jnp.zeros((obs.shape[0], 1), jnp.int32)


@pytest.mark.parametrize("name", algorithms.registry.MEMBERS)
def test_a_part_that_is_missing_is_named(name):
    with pytest.raises(InputError, match=f"it lacks {name}$"):
        testing.check_algorithm(without(name), ENV, SMALL["ppo"])


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"train": forgets}, "Values not equal|not equal|mismatch"),
        ({"train": renames}, "train must give the metrics .*'policy_loss'.*, got \\['loss'\\]"),
        ({"act": wide}, r"act must give actions of shape \(3,\), got \(3, 1\)"),
    ],
)
def test_a_breach_is_found(parts, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_algorithm(altered(**parts), ENV, SMALL["ppo"])


def test_a_second_program_is_found():
    """A value that is static compiles anew, which is what no other may."""
    train = testing._Training(ppo, ENV)
    train.at_once(configs.make(ppo.Config, SMALL["ppo"]))
    train.at_once(configs.make(ppo.Config, {**SMALL["ppo"], "gamma": 0.5, "num_epochs": 1}))
    with pytest.raises(AssertionError, match="traced"):
        train.at_once(configs.make(ppo.Config, {**SMALL["ppo"], "hidden_size": 4}))
