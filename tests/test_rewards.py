"""Scaling of rewards, beside stable-baselines3's rule in NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from arl.algorithms import rewards
from arl.hyperparameters.agent import AgentConfig

GAMMA = 0.5


def steps(num_steps=12, num_envs=3):
    rng = np.random.default_rng(0)
    return rng.normal(2.0, 3.0, (num_steps, num_envs)).astype(np.float32), rng.random((num_steps, num_envs)) < 0.3


def spread_by_loop(reward, done):
    """Return the standard deviation of the discounted returns from the start of an episode to each step."""
    seen, current = [], np.zeros(reward.shape[1])
    for r, d in zip(reward, done, strict=True):
        current = GAMMA * current + r
        seen += list(current)
        current = np.where(d, 0.0, current)
    return np.std(seen)


@pytest.mark.parametrize("cuts", [[12], [5, 7], [1] * 12])
def test_rewards_are_divided_by_the_spread_of_discounted_returns(cuts):
    reward, done = steps()
    returns, start = rewards.no_returns(3), 0
    for num in cuts:
        part = slice(start, start + num)
        returns, start = rewards.add_steps(returns, jnp.array(reward[part]), jnp.array(done[part]), GAMMA), start + num
    if cuts == [1] * 12:
        one_by_one = rewards.no_returns(3)
        for r, d in zip(reward, done, strict=True):
            one_by_one = rewards.add_step(one_by_one, jnp.array(r), jnp.array(d), GAMMA)
        np.testing.assert_allclose(one_by_one.moments.variance, returns.moments.variance, rtol=1e-5)
    config = AgentConfig(normalize_rewards=True, reward_scale=2.0)
    np.testing.assert_allclose(rewards.factor(returns, config), 2.0 / spread_by_loop(reward, done), rtol=1e-5)


def test_without_normalization_the_factor_is_that_of_the_config():
    returns = rewards.add_steps(rewards.no_returns(3), *map(jnp.array, steps()), GAMMA)
    assert rewards.factor(returns, AgentConfig(reward_scale=0.1)) == np.float32(0.1)


def test_before_any_step_rewards_stay_as_they_are():
    assert rewards.factor(rewards.no_returns(3), AgentConfig(normalize_rewards=True)) == 1.0
