"""Pools of start states: how long each serves, and that it is the same wherever training was cut into calls."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL

from arl import algorithms
from arl import config as configs
from arl.algorithms import reset_pools
from arl.algorithms.parts import ONE_PROGRAM
from arl.training.runner import Run, Runner
from envs import vector

STRETCH = 32
KEY = jax.random.key(0)
PROBES = [
    ("ppo", "ProbeChoice"),
    ("dqn", "ProbeChoice"),
    pytest.param("pqn", "ProbeChoice", marks=pytest.mark.slow),
    pytest.param("sac", "ProbeMatching", marks=pytest.mark.slow),
]


@pytest.fixture(autouse=True)
def short_stretches(monkeypatch):
    monkeypatch.setattr(reset_pools, "STRETCH", STRETCH)


class Numbers:
    """Gives the number of a stretch in place of its pool."""

    def __init__(self, loop):
        self.loop = loop

    def call(self, part, changed, read, config, env, key, stretch):
        return stretch


def loop_of_the_host(num, body, carry):
    for i in range(num):
        carry = body(i, carry)
    return carry


def looped(num, body, carry):
    return jax.lax.fori_loop(0, num, body, carry)


def stretches(loop, unit, env_steps, num_iterations):
    """Return the stretch of each of 8 iterations, -1 for those that are not trained."""

    def train(stretch, steps, num, stretch_of):
        assert not any(isinstance(x, int) for x in (stretch, steps, num))  # a GPU would compile again for each
        first, i = (steps - env_steps) // unit, jnp.arange(8)
        return jnp.where((i >= first) & (i < first + num), stretch, stretch_of)

    env = vector.make("ProbeChoice?reset_pool=1")
    arguments = (None, env, KEY, env_steps, num_iterations, unit, Numbers(loop))
    return reset_pools.over_stretches(train, jnp.full(8, -1), *arguments)


@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.parametrize(
    ("unit", "env_steps", "num_iterations", "expected"),
    [
        (8, 0, 7, [0, 0, 0, 0, 1, 1, 1]),
        (8, 40, 5, [1, 1, 1, 2, 2]),
        (12, 0, 8, [0, 0, 0, 1, 1, 1, 2, 2]),  # they begin at 0, 12, 24; 36, 48, 60; 72, 84
        (32, 32, 3, [1, 2, 3]),
        (40, 0, 3, [0, 1, 2]),  # longer than a stretch
        (8, 32, 0, []),
        (8, 40, 0, []),
    ],
)
def test_an_iteration_draws_from_the_stretch_that_it_begins_in(traced, unit, env_steps, num_iterations, expected):
    if traced:
        got = jax.jit(lambda *counts: stretches(looped, unit, *counts))(env_steps, num_iterations)
    else:  # the rehearsal of training is traced, but its counts are numbers
        counts = map(np.int32, (env_steps, num_iterations))
        got = jax.jit(lambda: stretches(loop_of_the_host, unit, *counts))()
    assert got.tolist() == expected + [-1] * (8 - len(expected))


def test_without_a_pool_all_iterations_are_one_call():
    env = vector.make("ProbeChoice")

    def train(pool, env_steps, num_iterations, calls):
        return [*calls, (pool, env_steps, num_iterations)]

    calls = reset_pools.over_stretches(train, [], None, env, KEY, 8, 100, 8, ONE_PROGRAM)
    assert calls == [(None, 8, 100)]


@pytest.mark.parametrize(("name", "probe"), PROBES)
def test_start_states_come_from_a_pool_that_is_renewed_after_a_stretch(name, probe, same_bits):
    """With a pool of one start state, all episodes of a stretch start with the same sign."""
    algorithm, env = algorithms.get(name), vector.make(f"{probe}?reset_pool=1")
    config = algorithm.canonical(configs.make(algorithm.Config, SMALL[name]))
    train = jax.jit(lambda state, steps, num: algorithm.train(state, config, env, KEY, steps, num)[0])
    start, half, num_halves = jax.jit(lambda: algorithm.init(KEY, config, env))(), STRETCH // 2, 12
    num = half // algorithm.iteration_steps(config)
    steps = range(0, num_halves * half, half)
    states = list(itertools.accumulate(steps, lambda state, steps: train(state, jnp.int32(steps), num), initial=start))
    signs = np.array([state.obs[:, 0] for state in states[1:]]).reshape(num_halves // 2, -1)
    assert [len(set(stretch.tolist())) for stretch in signs] == [1] * len(signs)
    assert len(set(signs[:, 0].tolist())) == 2
    assert same_bits(train(start, jnp.int32(0), num_halves * num), states[-1])


@pytest.mark.parametrize("name", ["ppo", "dqn"])
def test_cuts_do_not_matter(name, same_bits):
    algorithm = algorithms.get(name)
    config = configs.make(algorithm.Config, SMALL[name])
    runner = Runner(algorithm, vector.make("ProbeChoice?reset_pool=2"), num_configs=1, num_seeds=1, num_episodes=1)
    runs = [Run(config, 0, points) for points in ((128,), (16, 48, 80, 112, 128))]
    curves = dict(itertools.chain.from_iterable(runner.train(runs)))
    once, often = curves[0], curves[1]
    assert same_bits(once.agent.state, often.agent.state)
