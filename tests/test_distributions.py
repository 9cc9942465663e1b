"""Action distributions against scipy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from arl.algorithms import distributions
from arl.algorithms.distributions import Categorical, DiagonalNormal
from envs import vector

LOGITS = np.array([[0.0, 2.0], [1.0, -1.0], [-3.0, 0.5]], np.float32)
PROBS = scipy.special.softmax(LOGITS.astype(np.float64), axis=0)
MEANS = np.array([[0.0, 1.5], [-2.0, 0.25]], np.float32)
LOG_STD = np.array([-1.0, 0.5], np.float32)
NO_STD = jnp.zeros(0)


def test_categorical_log_prob():
    log_prob = Categorical(3).log_prob(jnp.array(LOGITS), NO_STD, jnp.array([2, 0]))
    expected = [scipy.stats.multinomial.logpmf([0, 0, 1], 1, PROBS[:, 0]), np.log(PROBS[0, 1])]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5)


def test_categorical_log_prob_of_hopeless_actions_is_finite():
    log_prob = Categorical(2).log_prob(jnp.array([[0.0], [-1000.0]]), NO_STD, jnp.array([1]))
    assert log_prob.tolist() == [-1000.0]


def test_categorical_entropy():
    entropy = Categorical(3).entropy(jnp.array(LOGITS), NO_STD)
    np.testing.assert_allclose(entropy, scipy.stats.entropy(PROBS, axis=0), rtol=1e-5)


def test_categorical_samples_have_their_frequencies():
    num = 10_000
    noise = Categorical(3).noise(jax.random.split(jax.random.key(0), (3, num)))
    sample = Categorical(3).sample(jnp.repeat(jnp.array(LOGITS)[:, :1], num, axis=1), NO_STD, noise)
    counts = np.bincount(sample, minlength=3)
    assert scipy.stats.chisquare(counts, num * PROBS[:, 0]).pvalue > 0.01


def test_categorical_mode():
    assert Categorical(3).mode(jnp.array(LOGITS)).tolist() == [1, 0]


def test_normal_log_prob():
    action = np.array([[0.3, -1.0], [1.0, 2.0]], np.float32)
    log_prob = DiagonalNormal(2).log_prob(jnp.array(MEANS), jnp.array(LOG_STD)[:, None], jnp.array(action))
    cov = np.diag(np.exp(2 * LOG_STD))
    expected = [scipy.stats.multivariate_normal.logpdf(action[i], MEANS[:, i], cov) for i in range(2)]
    np.testing.assert_allclose(log_prob, expected, rtol=1e-5)


def test_normal_entropy():
    entropy = DiagonalNormal(2).entropy(jnp.array(MEANS), jnp.array(LOG_STD)[:, None])
    expected = scipy.stats.multivariate_normal(MEANS[:, 0], np.diag(np.exp(2 * LOG_STD))).entropy()
    np.testing.assert_allclose(entropy, [expected, expected], rtol=1e-5)


def test_normal_samples_are_distributed_so():
    num = 10_000
    noise = DiagonalNormal(2).noise(jax.random.split(jax.random.key(0), (2, num)))
    sample = DiagonalNormal(2).sample(
        jnp.repeat(jnp.array(MEANS)[:, :1], num, axis=1), jnp.array(LOG_STD)[:, None], noise
    )
    assert sample.shape == (num, 2)
    for i in range(2):
        assert scipy.stats.kstest(sample[:, i], scipy.stats.norm(MEANS[i, 0], np.exp(LOG_STD[i])).cdf).pvalue > 0.01


def test_normal_mode_is_the_mean():
    np.testing.assert_array_equal(DiagonalNormal(2).mode(jnp.array(MEANS)), MEANS.T)


@pytest.mark.parametrize("distribution", [Categorical(3), DiagonalNormal(3)])
def test_noise_of_a_rollout_is_new_at_every_step(distribution):
    noise = distribution.noise(jax.random.split(jax.random.key(0), (7, distribution.num_noise, 2)))
    assert noise.shape == (7, 3, 2)
    assert len(np.unique(noise)) == 42


@pytest.mark.parametrize(
    ("env", "kind", "num_log_std"), [("Acrobot-v1", Categorical, 0), ("Pendulum-v1", DiagonalNormal, 1)]
)
def test_distribution_of_an_env(env, kind, num_log_std):
    distribution = distributions.for_env(vector.make(env))
    assert type(distribution) is kind
    assert distribution.num_log_std == num_log_std
