"""Training metrics: means over updates and over whole episodes, however many there are."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL

from arl import algorithms
from arl import config as configs
from arl.algorithms import metrics
from arl.training import backend
from envs import vector

NAMES = ("q_loss", *metrics.COMMON)


def played(rewards, dones, episodes=None):
    """Return the episodes after steps `(time, env)`."""
    rewards, dones = jnp.array(rewards), jnp.array(dones, bool)
    episodes = metrics.no_episodes(rewards.shape[1]) if episodes is None else episodes
    for reward, done in zip(rewards, dones, strict=True):
        episodes = metrics.add_step(episodes, reward, done)
    return episodes


def of_episodes(episodes):
    results = metrics.results(metrics.no_updates(NAMES), episodes, NAMES)
    return float(results["episode_length"]), float(results["episode_return"])


def test_episodes_are_counted_whole():
    episodes = played([[1.0, 10.0], [2.0, 20.0], [4.0, 40.0]], [[0, 0], [1, 0], [0, 1]])
    assert of_episodes(episodes) == (2.5, 36.5), "lengths 2 and 3, returns 3 and 70"


def test_without_an_episode_that_ended_there_is_no_mean():
    assert np.isnan(of_episodes(played([[1.0]], [[0]]))).all()


def test_an_episode_counts_in_the_segment_that_it_ends_in():
    updates = metrics.no_updates(NAMES)
    episodes, results = metrics.end(NAMES).function(played([[3.0], [1.0]], [[1], [0]]), updates, None, None, None)
    assert (results["episode_length"], results["episode_return"]) == (1.0, 3.0)
    assert np.isnan(of_episodes(episodes)).all()
    assert of_episodes(played([[5.0]], [[1]], episodes)) == (2.0, 6.0)


def test_the_mean_over_many_episodes_moves_on():
    many = metrics.no_episodes(1)._replace(means=jnp.ones(2), num_ended=jnp.int32(2**24))
    one_more = jax.jit(lambda x: jax.lax.fori_loop(0, 1_000, lambda _, x: played([[2.0**24]], [[1]], x), x))(many)
    assert one_more.num_ended == 2**24 + 1_000
    assert float(one_more.means[0]) == pytest.approx(1_001.0, rel=1e-3)


def updated(values, active=True, updates=None):
    updates = metrics.no_updates(NAMES) if updates is None else updates
    for value in values:
        updates = metrics.add_update(updates, {"q_loss": value, "grad_norm": value}, jnp.array(active))
    return metrics.results(updates, metrics.no_episodes(1), NAMES), updates


def test_updates_have_a_mean_and_a_variance():
    results, _ = updated(jnp.array([1.0, 2.0, 6.0]))
    assert float(results["q_loss"]) == pytest.approx(3.0)
    assert float(results["grad_norm_variance"]) == pytest.approx(14 / 3)


def test_inactive_updates_do_not_count_whatever_they_are():
    results, updates = updated(jnp.array([3.0]))
    results, _ = updated(jnp.array([np.nan, 5.0]), False, updates)
    assert float(results["q_loss"]) == 3.0
    results, _ = updated(jnp.array([5.0]), False)
    assert np.isnan(results["q_loss"])


def test_updates_beyond_2_to_the_24_count():
    many = metrics.no_updates(NAMES)._replace(num=jnp.int32(2**24))
    _, updates = updated(jnp.ones(3), updates=many)
    assert updates.num == 2**24 + 3


@pytest.mark.parametrize(("name", "two_steps"), [("ppo", {"num_steps": 2}), ("dqn", {"train_freq": 2})])
def test_episodes_longer_than_a_segment_are_whole(name, two_steps):
    algorithm, env = algorithms.get(name), vector.make("ProbeEndless")
    config = configs.make(algorithm.Config, SMALL[name] | {"num_envs": 1} | two_steps)
    state = algorithm.init(jax.random.key(0), config, env)

    @functools.partial(jax.jit, compiler_options=backend.compiler_options(False))
    def train(state, env_steps):
        return algorithm.train(state, config, env, jax.random.key(1), env_steps, 1)

    segments = []
    for i in range(5):
        state, results = train(state, np.int32(2 * i))
        segments.append([float(results["episode_length"]), float(results["episode_return"])])
    none, whole = [np.nan, np.nan], [5.0, 5.0]
    np.testing.assert_array_equal(segments, [none, none, whole, none, whole])
