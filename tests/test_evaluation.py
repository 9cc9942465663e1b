"""Evaluation: whole episodes of policies whose returns are known."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl.training.evaluation import evaluate
from envs import vector
from envs.base import Transition

NUM = 16


def play(env, policy, num_episodes=NUM, seed=0):
    made = vector.make(env) if isinstance(env, str) else env
    episodes = jax.jit(lambda key: evaluate(made, policy, key, num_episodes))(jax.random.key(seed))
    return np.asarray(episodes.episode_return), np.asarray(episodes.length)


def always(action):
    return lambda obs: jnp.full(obs.shape[0], action)


@pytest.mark.parametrize(
    ("env", "policy", "episode_return", "length"),
    [
        ("ProbeDelayed", always(0), 1.0, 2),
        ("ProbeEndless", always(0), 5.0, 5),
        ("ProbeChoice", lambda obs: (obs[:, 0] > 0).astype(int), 1.0, 1),
        ("ProbeChoice", lambda obs: (obs[:, 0] < 0).astype(int), -1.0, 1),
        ("ProbeMatching", lambda obs: obs, 0.0, 1),
        ("ProbeMatching", lambda obs: -obs, -4.0, 1),
        ("MountainCar-v0", always(1), -200.0, 200),
    ],
)
def test_episodes_of_known_policies(env, policy, episode_return, length):
    returns, lengths = play(env, policy)
    np.testing.assert_allclose(returns, episode_return)
    assert (lengths == length).all()


def test_an_episode_counts_up_to_the_step_that_ends_it():
    returns, lengths = play("CartPole-v1", always(0))
    np.testing.assert_array_equal(returns, lengths, "CartPole gives 1 at every step")
    assert 8 <= lengths.min() < lengths.max() <= 11, "a pole pushed one way falls within 8 to 11 steps"


def test_episodes_start_differently_and_depend_on_the_key():
    first, again, other = (play("Pendulum-v1", lambda obs: 0.0 * obs[:, :1], seed=seed)[0] for seed in (0, 0, 1))
    assert len(np.unique(first)) == NUM
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first, other).any()


class Luck:
    """One half of the envs end at once, with a reward that is 1 or NaN; the others get 1 until the limit."""

    params: ClassVar = {}
    episode_limit, return_range, dear_reset, num_actions, action_low, action_high = 20, None, False, 2, None, None

    def reset(self, key, params):
        ends = jax.random.bernoulli(key)
        return jnp.zeros(1), {"ends": ends, "time": jnp.zeros((), jnp.int32)}

    def step(self, key, state, action, params):
        state = {**state, "time": state["time"] + 1}
        reward = jnp.where(state["ends"] & jax.random.bernoulli(key), jnp.nan, 1.0)
        return Transition(jnp.zeros(1), state, reward, state["ends"], state["time"] >= self.episode_limit)


def test_what_follows_the_end_of_an_episode_does_not_count_whatever_it_is():
    returns, lengths = play(vector.VectorEnv(Luck(), Luck.params), always(0))
    assert np.isin(lengths, [1, 20]).all()
    np.testing.assert_array_equal(returns[lengths == 20], 20.0)
    assert (returns[lengths == 1] == 1.0).any()
