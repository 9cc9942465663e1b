"""Every registered algorithm keeps its contract: each hyperparameter has an effect, and only static ones compile anew."""

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL

from arl import algorithms, testing
from arl import config as configs
from arl.training import backend
from envs import InputError, vector

ENVS = {
    "ppo": vector.make("gymnax/Pendulum-v1?episode_limit=20"),
    "dqn": vector.make("CartPole-v1"),
    "sac": vector.make("Pendulum-v1"),
    "pqn": vector.make("CartPole-v1"),
}
NUM_ITERATIONS = 12
NUM_BEFORE = 4  # in these, learning has begun and exploration is still falling
NUM_AFTER = 8

SIZES = {("dqn", "max_buffer_size"), ("sac", "max_buffer_size")}  # not hyperparameters: what memory is taken

HYPERPARAMETERS = [
    (name, hyperparameter, kind)
    for name in algorithms.ALGORITHMS
    for hyperparameter, kind in configs.kinds(algorithms.get(name).Config).items()
    if (name, hyperparameter) not in SIZES
]

# Where the usual move would change next to nothing, or none of the few actions; standard deviations begin at exp(0).
MOVED = {
    "final_epsilon": 1.0,
    "noise_correlation": 0.9,
    "log_std_min": 0.1,
    "log_std_max": -1.0,
    "adam_eps": 0.1,
    "target_kl": 1e-6,
    "huber_delta": 0.1,
    "max_grad_norm": 0.01,
}

# What has no effect with the values of `SMALL`: `alpha_auto` adapts the temperature.
WITHOUT_EFFECT_IN_MID_RUN = {("sac", "alpha")}

# Where the usual move comes too late to matter: learning has begun, and the networks change little in an iteration.
MOVED_IN_MID_RUN = {**MOVED, "learning_starts": 40, "initial_epsilon": 0.1, "vf_clip_eps": 1e-3, "clip_eps": 1e-3}


class Program:
    """Training an algorithm from scratch as one jitted function, which counts how often it is traced."""

    def __init__(self, name):
        self.algorithm, self.env = algorithms.get(name), ENVS[name]
        self.config = configs.make(self.algorithm.Config, SMALL[name])
        self.num_traces = 0
        self.jitted = jax.jit(self.trace, compiler_options=backend.compiler_options())
        self.outcome = self.train(self.config)

    def trace(self, config, num_iterations):
        self.num_traces += 1
        key_init, key_train = jax.random.split(jax.random.key(0))
        state = self.algorithm.init(key_init, config, self.env)
        return self.algorithm.train(state, config, self.env, key_train, jnp.int32(0), num_iterations)

    def train(self, config):
        return jax.device_get(self.jitted(configs.arrays(config), np.int32(NUM_ITERATIONS)))

    @functools.cached_property
    def half_way(self):
        """Return the state after the first iterations, without weak types, which would compile again."""
        return jax.device_get(self.jitted(configs.arrays(self.config), np.int32(NUM_BEFORE)))[0]

    @functools.cached_property
    def jitted_rest(self):
        return jax.jit(self.trace_rest, compiler_options=backend.compiler_options())

    def trace_rest(self, state, config, env_steps):
        self.num_traces += 1
        key = jax.random.split(jax.random.key(0))[1]
        return self.algorithm.train(state, config, self.env, key, env_steps, jnp.int32(NUM_AFTER))

    def go_on(self, config):
        """Return state and metrics of a training that goes on from half way with a config."""
        env_steps = np.int32(NUM_BEFORE * self.algorithm.iteration_steps(self.config))
        return jax.device_get(self.jitted_rest(self.half_way, configs.arrays(config), env_steps))

    @functools.cached_property
    def unchanged(self):
        return self.go_on(self.config)


@pytest.fixture(scope="module")
def programs():
    return {name: Program(name) for name in algorithms.ALGORITHMS}


def learned(state):
    """Return all that training adapts."""
    return state.params if hasattr(state, "params") else state.learner


def differ(params, others):
    """Return whether any number of two trees of the same structure is another."""
    pairs = zip(jax.tree.leaves(params), jax.tree.leaves(others), strict=True)
    return any((x != y).any() for x, y in pairs)


def numbers(metrics):
    """Return metrics as they can be compared: None where there is none, such as a mean over no episodes."""
    return {name: None if np.isnan(value) else float(value) for name, value in metrics.items()}


def moved(domain, value):
    """Return another value of the domain, a smaller one if it has any."""
    if domain.type is str and not domain.choices:
        return "mlp_layer_norm" if value == "auto" else "mlp"
    if domain.choices:
        return next(choice for choice in domain.choices if choice != value)
    if domain.type is bool:
        return not value
    return value // 2 or 64 if domain.type is int else value / 2 or 0.5


@pytest.mark.parametrize(("name", "hyperparameter", "kind"), HYPERPARAMETERS)
def test_every_hyperparameter_changes_training(programs, name, hyperparameter, kind):
    program = programs[name]
    domain = configs.domains(program.algorithm.Config)[hyperparameter]
    value = MOVED.get(hyperparameter, moved(domain, getattr(program.config, hyperparameter)))
    num_traces = program.num_traces
    state, metrics = program.train(dataclasses.replace(program.config, **{hyperparameter: value}))
    assert program.num_traces - num_traces == (kind == "static")
    assert numbers(metrics) != numbers(program.outcome[1])
    if kind != "static":
        assert differ(learned(state), learned(program.outcome[0]))


@pytest.mark.parametrize(
    ("name", "hyperparameter"),
    [
        (name, field)
        for name, field, _ in HYPERPARAMETERS
        if field in configs.mutable(algorithms.get(name).Config) and (name, field) not in WITHOUT_EFFECT_IN_MID_RUN
    ],
)
def test_every_hyperparameter_that_may_change_in_mid_run_changes_training_from_then_on(programs, name, hyperparameter):
    program = programs[name]
    unchanged = program.unchanged
    domain, num_traces = configs.domains(program.algorithm.Config)[hyperparameter], program.num_traces
    value = MOVED_IN_MID_RUN.get(hyperparameter, moved(domain, getattr(program.config, hyperparameter)))
    state, metrics = program.go_on(dataclasses.replace(program.config, **{hyperparameter: value}))
    assert program.num_traces == num_traces, "nothing is compiled anew"
    assert numbers(metrics) != numbers(unchanged[1])
    assert differ(learned(state), learned(unchanged[0]))


@pytest.mark.parametrize("name", algorithms.ALGORITHMS)
def test_without_a_change_going_on_is_as_never_having_stopped(programs, name):
    chex.assert_trees_all_equal(programs[name].unchanged[0], programs[name].outcome[0])


@pytest.mark.parametrize(("name", "size"), sorted(SIZES))
def test_sizes_change_nothing_that_is_learned(programs, name, size):
    program = programs[name]
    state, metrics = program.train(dataclasses.replace(program.config, **{size: 128}))
    assert numbers(metrics) == numbers(program.outcome[1])
    chex.assert_trees_all_equal(learned(state), learned(program.outcome[0]))


@pytest.mark.parametrize("name", algorithms.ALGORITHMS)
def test_metrics_are_those_it_names(programs, name):
    _, metrics = programs[name].outcome
    assert tuple(sorted(metrics)) == tuple(sorted(programs[name].algorithm.METRICS))
    no_episode_ended = {"episode_length", "episode_return"} if name == "sac" else set()
    assert {name for name, value in numbers(metrics).items() if value is None} == no_episode_ended


@pytest.mark.parametrize("name", algorithms.ALGORITHMS)
def test_all_that_learns_and_nothing_of_the_envs_is_checked_for_divergence(programs, name):
    state, _ = programs[name].outcome
    checked = programs[name].algorithm.actor(state)
    of_envs = {"noise", "replay", "env_state", "obs", "episodes", "returns"} & set(state._fields)
    assert {field for field in state._fields if getattr(checked, field) is None} == of_envs
    kept = set(state._fields) - of_envs
    chex.assert_trees_all_equal(*({field: getattr(x, field) for field in kept} for x in (checked, state)))


@pytest.mark.parametrize("name", algorithms.ALGORITHMS)
def test_it_keeps_the_contract(name):
    testing.check_algorithm(algorithms.get(name), ENVS[name], SMALL[name])


def test_unknown_algorithm_is_refused_with_the_nearest():
    with pytest.raises(InputError, match="unknown algorithm 'pppo': did you mean 'ppo'"):
        algorithms.get("pppo")
