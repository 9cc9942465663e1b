"""SAC: its policy against scipy, its losses with golden numbers, and probes whose best actions are known exactly."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from conftest import SMALL

from arl import config as configs
from arl.algorithms import distributions, optimizer, sac
from arl.algorithms.off_policy import Progress
from arl.algorithms.replay import Transitions
from envs import InputError, vector
from envs.vector import VectorEnv

KEY = jax.random.key(0)
PROBE = {
    "num_envs": 4,
    "train_freq": 1,
    "gradient_steps": 4,
    "batch_size": 32,
    "buffer_size": 512,
    "max_buffer_size": 512,
    "target_update_gradient_steps": 1,
    "tau": 0.1,
    "schedule_steps": 4000,
    "gamma": 0.9,
    "n_step": 1,
    "prioritized": False,
    "normalize_observations": False,
    "hidden_size": 16,
}


def small(**values):
    return configs.make(sac.SACConfig, SMALL["sac"] | {"prioritized": False, "normalize_observations": False} | values)


def test_squashed_normal_has_the_density_of_a_transformed_normal():
    """p(a) = p(u) / (1 - a^2) with a = tanh u."""
    output = jnp.array([[0.3, -1.0], [-0.5, 0.7], [-1.0, 0.2], [0.0, -0.4]])
    noise = jnp.array([[0.5, -1.5], [1.0, 0.1]])
    action, log_prob = distributions.squashed_normal(output, noise)
    std = np.exp(output[2:])
    u = output[:2] + std * noise
    np.testing.assert_allclose(action, np.tanh(u), rtol=1e-5)
    expected = scipy.stats.norm.logpdf(u, output[:2], std) - np.log(1 - np.tanh(u) ** 2)
    np.testing.assert_allclose(log_prob, expected.sum(axis=0), rtol=1e-4)


def test_log_prob_of_saturated_actions_is_finite():
    action, log_prob = distributions.squashed_normal(jnp.array([[50.0], [0.0]]), jnp.zeros((1, 1)))
    assert action == 1.0
    np.testing.assert_allclose(log_prob, scipy.stats.norm.logpdf(0) + 2 * (50 - np.log(2)), rtol=1e-6)


@pytest.mark.parametrize(("env", "entropy"), [("Pendulum-v1", -1.0), ("Acrobot-v1", 0.98 * np.log(3))])
def test_target_entropy(env, entropy):
    made = vector.make(env)
    np.testing.assert_allclose(sac.target_entropy(small(), made), entropy, rtol=1e-6)
    np.testing.assert_allclose(sac.target_entropy(small(target_entropy_scale=0.5), made), entropy / 2, rtol=1e-6)


def learner_of(env, config):
    return sac.init(KEY, config, vector.make(env)).learner


def updated(env, config, learner, action, due=1):
    batch = Transitions(
        obs=jnp.zeros((2, learner.actor[0].weight.shape[1])),
        action=jnp.array(action),
        reward=jnp.array([1.0, 3.0]),
        next_obs=jnp.ones((2, learner.actor[0].weight.shape[1])),
        discount=jnp.zeros(2),
    )
    progress = Progress((jnp.array(0), jnp.array(4)), jnp.array(True), jnp.array(due))
    keys = jax.random.split(KEY, (0 if vector.make(env).discrete else 2, 2))
    return sac._update(learner, config, vector.make(env), batch, jnp.ones(2), keys, progress)


@pytest.mark.parametrize(("env", "action"), [("Pendulum-v1", [[0.3], [-0.3]]), ("Acrobot-v1", [[0.0], [2.0]])])
def test_terminal_errors_are_those_of_the_reward(env, action):
    """At obs 0 a network without biases gives 0 where no action goes in: the errors are the rewards."""
    config = small()
    learner = learner_of(env, config)
    if env == "Pendulum-v1":  # the critics see the action: make them blind
        learner = learner._replace(critics=jax.tree.map(jnp.zeros_like, learner.critics))
    _, td_error, metrics = updated(env, config, learner, action)
    np.testing.assert_allclose(td_error, [1.0, 3.0], rtol=1e-6)
    np.testing.assert_allclose(metrics["q_loss"], 2 * (1 / 2 + 9 / 2) / 2, rtol=1e-6)


def test_gradients_of_both_networks_are_scaled_down(same_bits):
    """Down to nothing, nothing is learned; the temperature is no network."""
    learner = learner_of("Pendulum-v1", small())
    new, _, _ = updated("Pendulum-v1", small(max_grad_norm=0.0), learner, [[0.3], [-0.3]])
    assert same_bits((new.actor, new.critics), (learner.actor, learner.critics))
    assert new.log_alpha != learner.log_alpha


@pytest.mark.parametrize(
    ("values", "due", "share"),
    [({}, 2, 0.5), ({}, 1, 0.0), ({"tau": 0.1}, 4, 0.1), ({"use_target_network": False}, 1, 1.0)],
)
def test_the_targets_take_their_share_when_it_is_due(values, due, share):
    config = small(target_update_gradient_steps=2, **values)
    learner = learner_of("Pendulum-v1", config)
    learner = learner._replace(targets=jax.tree.map(lambda x: x + 1.0, learner.targets))
    new, _, _ = updated("Pendulum-v1", config, learner, [[0.3], [-0.3]], due)
    expected = optimizer.blend(learner.targets, new.critics, share)
    chex.assert_trees_all_close(new.targets, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("scale", "direction"), [(-10.0, -1), (10.0, 1)])
def test_temperature_follows_the_entropy(scale, direction):
    """A wide target (-scale nats) is above the entropy of an untrained policy, or below it."""
    config = small(target_entropy_scale=scale, alpha=0.5)
    learner = learner_of("Pendulum-v1", config)
    new, _, _ = updated("Pendulum-v1", config, learner, [[0.3], [-0.3]])
    np.testing.assert_allclose(new.log_alpha, np.log(0.5) - 0.01 * direction, rtol=1e-5)
    np.testing.assert_allclose(sac.temperature(new, config), 0.5 * np.exp(-0.01 * direction), rtol=1e-4)


@pytest.mark.parametrize(("alpha_auto", "temperature"), [(True, 0.5), (False, 0.9)])
def test_a_change_of_alpha_is_one_of_the_temperature_unless_that_is_adapted(alpha_auto, temperature):
    learner = learner_of("Pendulum-v1", small(alpha=0.5))
    changed = small(alpha=0.9, alpha_auto=alpha_auto)
    np.testing.assert_allclose(sac.temperature(learner, changed), temperature, rtol=1e-6)


def test_learning_rates_are_apart():
    config = small(critic_learning_rate_scale=0.0, alpha_learning_rate_scale=0.0)
    learner = learner_of("Pendulum-v1", config)
    new, _, _ = updated("Pendulum-v1", config, learner, [[0.3], [-0.3]])
    chex.assert_trees_all_equal(new.critics, learner.critics)
    assert new.log_alpha == learner.log_alpha
    assert (new.actor[-1].bias != learner.actor[-1].bias).any()


def test_a_fixed_temperature_learns_nothing_meanwhile():
    config = small(alpha_auto=False)
    learner = learner_of("Pendulum-v1", config)
    new, _, _ = updated("Pendulum-v1", config, learner, [[0.3], [-0.3]])
    assert new.log_alpha == 0.0
    chex.assert_trees_all_equal(new.opt_alpha, learner.opt_alpha)


def test_a_temperature_that_can_not_grow_is_refused():
    with pytest.raises(InputError, match="alpha must be above 0 where alpha_auto adapts it"):
        sac.check(small(alpha=0.0), vector.make("Pendulum-v1"))
    sac.check(small(alpha=0.0, alpha_auto=False), vector.make("Pendulum-v1"))


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_exploration_noise_is_normal_and_correlated(correlation):
    env, config = vector.make("Pendulum-v1"), small(num_envs=500, buffer_size=500, noise_correlation=correlation)
    state = sac.init(KEY, config, env)
    learner, noise, noises = state.learner, state.noise, [state.noise[0]]
    for step in range(60):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(1), step), noise.shape)
        action, noise = sac._explore(learner, noise, config, env, jnp.zeros((500, 3)), keys, jnp.array(0))
        noises.append(noise[0])
    np.testing.assert_allclose(np.std(noises, axis=1), 1.0, atol=0.15)
    before, after = (np.ravel(part) for part in (noises[:-1], noises[1:]))
    np.testing.assert_allclose(np.corrcoef(before, after)[0, 1], correlation, atol=0.05)
    assert scipy.stats.kstest(action[:, 0], "uniform", (-1, 2)).pvalue > 0.001, "before learning, actions are uniform"


@pytest.fixture(scope="module")
def trained():
    def trained(name, num_iterations, **values):
        config, env = small(**values), vector.make(name)
        key_init, key_train = jax.random.split(KEY)
        train = jax.jit(lambda state, n: sac.train(state, config, env, key_train, jnp.int32(0), n)[0])
        return config, env, train(sac.init(key_init, config, env), num_iterations)

    return trained


@pytest.mark.parametrize("variant", [{}, {"prioritized": True, "normalize_observations": True}])
def test_matching_action_is_found(trained, variant):
    config, env, state = trained("ProbeMatching", 800, **{**PROBE, "alpha": 0.01, "alpha_auto": False, **variant})
    action = sac.act(state, config, env, jnp.array([[-1.0], [1.0]]), KEY, explore=False)
    np.testing.assert_allclose(action, [[-1.0], [1.0]], atol=0.15)


def test_fitting_discrete_action_is_chosen(trained):
    config, env, state = trained("ProbeChoice", 500, **{**PROBE, "alpha": 0.01, "alpha_auto": False})
    assert sac.act(state, config, env, jnp.array([[-1.0], [1.0]]), KEY, explore=False).tolist() == [0, 1]


def test_discrete_policy_is_the_softmax_of_the_values(trained):
    """At temperature 1 and rewards of 1 for the fitting action and 0 or -1 for the other (Haarnoja et al. 2018, eq. 4)."""
    config, env, state = trained("ProbeChoice", 800, **{**PROBE, "alpha": 1.0, "alpha_auto": False})
    obs = jnp.array([[-1.0], [1.0]])
    logits = sac._actor(config, env).apply(state.learner.actor, obs).T
    q = jnp.mean(sac._q_outputs(state.learner.critics, config, env, obs), axis=0)
    np.testing.assert_allclose(jax.nn.softmax(logits, axis=0), jax.nn.softmax(q, axis=0), atol=0.05)


@pytest.mark.parametrize("values", [{}, {"prioritized": True, "n_step": 2, "noise_correlation": 0.5}])
def test_training_in_pieces_is_training_at_once(trained, same_bits, values):
    config, env, whole = trained("Pendulum-v1", 20, **values)
    key_init, key_train = jax.random.split(KEY)
    train = jax.jit(lambda state, steps, n: sac.train(state, config, env, key_train, steps, n)[0])
    state = train(sac.init(key_init, config, env), jnp.int32(0), 8)
    assert same_bits(train(state, jnp.int32(32), 12), whole)


def test_actions_are_in_the_envs_own_units():
    env, config = vector.make("Pendulum-v1"), small()
    state = sac.init(KEY, config, env)
    action = sac.act(state, config, env, jnp.zeros((1000, 3)), KEY, explore=True)
    assert 1.5 < jnp.abs(action).max() <= 2.0


def test_unbounded_actions_are_refused():
    class Unbounded(VectorEnv):
        discrete = bounded = False

    sac.check(small(), vector.make("Pendulum-v1"))
    with pytest.raises(InputError, match="sac must have an env with discrete or bounded actions"):
        sac.check(small(), Unbounded(None, None, 1))
