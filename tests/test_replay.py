"""The replay: what stands where, what is drawn how often, and which transitions belong together."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL

from arl import config as configs
from arl.algorithms import dqn, replay
from envs import vector

ENV = vector.make("ProbeChoice")
jitted = jax.jit(replay.gather, static_argnums=2)


def gather(memory, config, env, rows):
    return jitted(memory, configs.arrays(config), env, rows)


def small(**values):
    defaults = {"num_envs": 2, "buffer_size": 8, "max_buffer_size": 16, "gamma": 0.5, "n_step": 1, "prioritized": False}
    return configs.make(dqn.DQNConfig, SMALL["dqn"] | defaults | values)


def filled(config, steps, ends=(), terminated=True):
    """Return a replay of `steps` steps: at step t, env e observes 10 t + e and gets t + 1; episodes end after `ends`.

    What a step leads to is 5 less than where the next one is taken if it ends the episode.
    """
    num_envs = config.num_envs
    obs = jnp.arange(num_envs, dtype=jnp.float32)[:, None]
    memory = replay.init(config, ENV, obs)
    for t in range(steps):
        done = jnp.full(num_envs, t in ends)
        reward = jnp.full(num_envs, t + 1.0)
        begun = 10.0 * (t + 1) + jnp.arange(num_envs)[:, None]
        last = begun - 5.0 * (t in ends)  # an episode that ends leads to an observation of no other step
        memory = replay.add(
            memory, config, ENV, obs % 2, reward, done & terminated, done & (not terminated), last, begun
        )
        obs = begun
    return memory


def rewarded(memory):
    return memory.steps[:, 1].tolist()


def test_the_ring_turns_within_its_capacity():
    memory = filled(small(), 6)
    assert rewarded(memory)[:8] == [5, 5, 6, 6, 3, 3, 4, 4]
    assert rewarded(memory)[8:] == [0] * 8, "memory beyond the capacity is not touched"
    assert (replay.size(memory, small()), memory.time) == (4, 6)


def test_each_observation_is_stored_once():
    memory = filled(small(), 6)
    assert memory.frames[:, 0].tolist()[:10] == [50, 51, 60, 61, 20, 21, 30, 31, 40, 41]
    assert not memory.frames[10:].any()


def test_a_ring_that_does_not_hold_whole_steps_is_cut_to_them():
    memory = filled(small(buffer_size=7), 4)
    assert rewarded(memory)[:6] == [4, 4, 2, 2, 3, 3]


def test_a_transition_comes_back_whole():
    config = small()
    got = gather(filled(config, 3, ends=[1]), config, ENV, jnp.array([0, 3]))
    np.testing.assert_array_equal(got.obs[:, 0], [0, 11])
    np.testing.assert_array_equal(got.action[:, 0], [0, 1])
    np.testing.assert_array_equal(got.reward, [1, 2])
    assert got.next_obs[0] == 10
    np.testing.assert_array_equal(got.discount, [0.5, 0])


@pytest.mark.parametrize(
    ("terminated", "discounts"), [(True, [0.125, 0, 0, 0.125]), (False, [0.125, 0.25, 0.5, 0.125])]
)
def test_several_steps_end_with_the_episode(terminated, discounts):
    """Over 3 steps, after the third of which an episode ends; the discounted rewards are 1 + 2/2 + 3/4, and so on."""
    config = small(num_envs=1, buffer_size=16, n_step=3)
    memory = filled(config, 7, ends=[2], terminated=terminated)
    got = gather(memory, config, ENV, jnp.array([0, 1, 2, 3]))
    np.testing.assert_allclose(got.reward, [2.75, 3.5, 3, 4 + 2.5 + 1.5])
    assert got.next_obs[3] == 60
    if not terminated:
        np.testing.assert_array_equal(got.next_obs[:3, 0], 25)
    expected = [0, 0, 0, 0.125] if terminated else discounts
    np.testing.assert_allclose(got.discount, expected)


def test_several_steps_end_at_the_newest_and_at_the_seam():
    """A ring of 4 after 6 steps holds 4 5 2 3: from 5 on there is no next step, from 3 on comes 4."""
    config = small(num_envs=1, buffer_size=4, max_buffer_size=4, n_step=2)
    got = gather(filled(config, 6), config, ENV, jnp.arange(4))
    np.testing.assert_allclose(got.reward, [5 + 3, 6, 3 + 2, 4 + 2.5])
    np.testing.assert_allclose(got.next_obs[:, 0], [60, 60, 40, 50])
    np.testing.assert_allclose(got.discount, [0.25, 0.5, 0.25, 0.25])


def test_uniform_draws_are_uniform_over_what_is_there():
    config = small(batch_size=8000, buffer_size=8000, max_buffer_size=8000)
    rows, weights = replay.sample(
        filled(config, 2), config, jax.random.split(jax.random.key(0), config.batch_size), jnp.int32(0)
    )
    assert set(weights.tolist()) == {1.0}
    counts = np.bincount(rows, minlength=4)
    assert len(counts) == 4
    assert abs(counts - 2000).max() < 200


def prioritized(**values):
    config = small(prioritized=True, priority_alpha=0.5, priority_epsilon=1.0, num_envs=1, **values)
    memory = filled(config, 4)
    return config, replay.set_priorities(memory, config, jnp.arange(3), jnp.array([0.0, -3.0, 8.0]), jnp.array(True))


def test_priorities_are_powers_of_the_errors_and_new_transitions_get_the_largest():
    config, memory = prioritized()
    np.testing.assert_allclose(memory.priorities.rows[0, :4], [1, 2, 3, 1], rtol=1e-6)
    never, blank = jnp.zeros(1, bool), jnp.zeros((1, 1))
    memory = replay.add(memory, config, ENV, blank, jnp.zeros(1), never, never, blank, blank)
    np.testing.assert_allclose(memory.priorities.rows[0, :5], [1, 2, 3, 1, 3], rtol=1e-6)


def test_inactive_lanes_keep_their_priorities():
    config, memory = prioritized()
    after = replay.set_priorities(memory, config, jnp.arange(3), jnp.array([9.0, 9.0, 9.0]), jnp.array(False))
    chex.assert_trees_all_equal(after, memory)


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0])
def test_prioritized_draws_and_their_weights(beta):
    """Schaul et al. 2016, section 3.4: P(i) = p_i / sum p, w_i = (N P(i))^-beta / max w; p = 1 2 3 1."""
    config, memory = prioritized(priority_beta=beta)
    config = dataclasses.replace(config, batch_size=7000)
    rows, weights = replay.sample(memory, config, jax.random.split(jax.random.key(0), config.batch_size), jnp.int32(0))
    np.testing.assert_allclose(np.bincount(rows), [1000, 2000, 3000, 1000], atol=1)
    np.testing.assert_allclose(weights, np.array([1, 2, 3, 1.0])[rows] ** -beta, rtol=1e-5)


@pytest.mark.parametrize(("env_steps", "beta"), [(0, 0.5), (16, 0.625), (64, 1.0), (99, 1.0)])
def test_the_exponent_of_the_weights_may_rise_to_1_over_a_full_run(env_steps, beta):
    config, memory = prioritized(priority_beta=0.5, schedule_steps=64)
    annealed = dataclasses.replace(config, anneal_priority_beta=True, batch_size=100)
    rows, weights = replay.sample(
        memory, annealed, jax.random.split(jax.random.key(0), annealed.batch_size), jnp.int32(env_steps)
    )
    np.testing.assert_allclose(weights, np.array([1, 2, 3, 1.0])[rows] ** -beta, rtol=1e-5)


def test_it_gives_back_what_a_list_of_transitions_would():
    """Random episodes of up to 5 steps, terminated or truncated, in a ring that turns several times."""
    env, config = vector.make("ProbeEndless"), small(num_envs=2, buffer_size=14, max_buffer_size=20, n_step=3)
    draw, limit = np.random.default_rng(0), env.episode_limit
    obs, ages, written = np.array([[0.0], [0.5]]), np.zeros(2, int), []
    memory = replay.init(config, env, jnp.asarray(obs, jnp.float32))
    for t in range(40):
        ages += 1
        terminated = draw.random(2) < 0.2
        truncated = (ages == limit) & ~terminated
        done = terminated | truncated
        last, reward = obs + 1.0, draw.random(2).astype(np.float32)
        begun = np.where(done[:, None], 100.0 * (t + 1) + np.array([[0.0], [0.5]]), last)
        written.append((obs, reward, terminated, truncated, last))
        arrays = [jnp.asarray(x) for x in (reward, terminated, truncated)]
        action, observed = jnp.zeros((2, 1)), [jnp.asarray(x, jnp.float32) for x in (last, begun)]
        memory = replay.add(memory, config, env, action, *arrays, *observed)
        obs, ages = begun, np.where(done, 0, ages)
    slots = 7
    rows = jnp.arange(2 * slots)
    got = gather(memory, config, env, rows)
    for row in range(2 * slots):
        slot, lane = divmod(row, 2)
        time = max(t for t in range(40) if t % slots == slot)
        reward, discount, step = 0.0, 1.0, time
        for step in range(time, min(time + 3, 40)):
            reward, discount = reward + discount * written[step][1][lane], discount * 0.5
            if written[step][2][lane] or written[step][3][lane]:
                break
        terminated = written[step][2][lane]
        np.testing.assert_allclose(got.obs[row], written[time][0][lane])
        np.testing.assert_allclose(got.reward[row], reward, rtol=1e-5)
        np.testing.assert_allclose(got.discount[row], 0.0 if terminated else discount)
        if not terminated:
            np.testing.assert_allclose(got.next_obs[row], written[step][4][lane])
