"""DQN: its target with golden numbers, and probes whose values and best actions are known exactly."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
from conftest import SMALL

from arl import config as configs
from arl.algorithms import dqn, off_policy, optimizer
from arl.algorithms.off_policy import Progress
from arl.algorithms.replay import Transitions
from arl.hyperparameters.agent import NO_LIMIT
from arl.networks.layers import Dueling, Layer
from envs import InputError, vector

KEY = jax.random.key(0)
CARTPOLE = vector.make("CartPole-v1")


def small(**values):
    return configs.make(dqn.DQNConfig, SMALL["dqn"] | {"prioritized": False, "normalize_observations": False} | values)


def linear(weight):
    """Return a network of a single affine map: two actions, one feature."""
    return [Layer(jnp.array(weight), jnp.zeros(len(weight)))]


def test_double_q_takes_the_networks_action_at_the_targets_value():
    network, target = linear([[1.0], [2.0]]), linear([[10.0], [5.0]])
    learner = dqn.Learner(network, target, None)
    obs = jnp.array([[1.0], [-1.0]])
    np.testing.assert_allclose(dqn._next_value(learner, small(double_q=False), CARTPOLE, obs), [10, -5])
    np.testing.assert_allclose(dqn._next_value(learner, small(double_q=True), CARTPOLE, obs), [5, -10])


def test_dueling_adds_advantages_of_mean_zero_to_the_value():
    network = Dueling([], value=linear([[7.0]]), advantage=linear([[1.0], [4.0]]))
    np.testing.assert_allclose(dqn._q_values(network, small(), CARTPOLE, jnp.ones((1, 1)))[:, 0], [5.5, 8.5])


@pytest.mark.parametrize(("num_layers", "num_shared"), [(1, 0), (2, 1), (3, 2)])
def test_dueling_streams_have_a_hidden_layer_each(num_layers, num_shared):
    params = dqn.init(KEY, small(dueling=True, num_layers=num_layers), CARTPOLE).learner.params
    sizes = [[layer.weight.shape[0] for layer in layers] for layers in params]
    assert sizes == [[8] * num_shared, [8, 1], [8, 2]]


def test_exploration_noise_is_normal_from_the_first_step_on():
    state = dqn.init(KEY, small(num_envs=2000, buffer_size=2000, max_buffer_size=2000), CARTPOLE)
    np.testing.assert_allclose(state.noise.std(axis=1), 1.0, atol=0.05)


def progress(last=True, env_steps=(4, 8)):
    return Progress(tuple(map(jnp.array, env_steps)), jnp.array(last), jnp.array(1))


def updated(config, learner, where):
    batch = Transitions(
        obs=jnp.array([[1.0], [1.0]]),
        action=jnp.array([[0.0], [1.0]]),
        reward=jnp.array([1.0, 1.0]),
        next_obs=jnp.array([[1.0], [1.0]]),
        discount=jnp.array([0.5, 0.0]),
    )
    return dqn._update(learner, config, CARTPOLE, batch, jnp.array([1.0, 0.5]), jax.random.split(KEY, (0, 2)), where)


def test_the_loss_is_the_weighted_square_of_the_error():
    """Q = 1 and 2, targets 1 + 0.5 max(10, 5) = 6 and 1: errors -5 and 1, weights 1 and 1/2."""
    params = linear([[1.0], [2.0]])
    learner = dqn.Learner(params, linear([[10.0], [5.0]]), optimizer.init(params))
    new, td_error, metrics = updated(small(double_q=False), learner, progress(last=False))
    np.testing.assert_allclose(td_error, [-5, 1])
    np.testing.assert_allclose(metrics["q_loss"], (25 / 2 + 0.5 / 2) / 2)
    gradient = np.array([-5, 0.5]) / 2  # of the weights and of the biases alike
    np.testing.assert_allclose(metrics["grad_norm"], np.sqrt(2 * (gradient**2).sum()), rtol=1e-6)
    np.testing.assert_allclose(new.params[0].weight[:, 0], [1 + 0.01, 2 - 0.01], rtol=1e-6)


@pytest.mark.parametrize("delta", [0.5, 3.0, NO_LIMIT])
def test_large_errors_count_linearly(delta):
    error = np.array([-7.0, -0.3, 0.0, 0.1, 2.0], np.float32)
    loss, slope = jax.vmap(jax.value_and_grad(dqn.huber), (0, None))(error, delta)
    np.testing.assert_allclose(loss, scipy.special.huber(delta, error), rtol=1e-6)
    np.testing.assert_array_equal(slope, np.clip(error, -delta, delta))


def test_gradients_are_scaled_down_to_their_largest_norm():
    """Adam divides by the norm of the gradient, but for its epsilon."""
    params = linear([[1.0], [2.0]])
    learner = dqn.Learner(params, linear([[10.0], [5.0]]), optimizer.init(params))
    config = small(adam_eps=1.0, learning_rate=1.0, double_q=False)
    _, _, metrics = updated(config, learner, progress())
    clipped = dataclasses.replace(config, max_grad_norm=float(metrics["grad_norm"]) / 10)
    new, _, same = updated(clipped, learner, progress())
    gradient = np.array([-5, 0.5]) / 2 / 10
    np.testing.assert_allclose(new.params[0].weight[:, 0], [1, 2] - gradient / (np.abs(gradient) + 1), rtol=1e-6)
    assert same["grad_norm"] == metrics["grad_norm"]


@pytest.mark.parametrize(
    ("values", "where", "share"),
    [
        ({"target_update_interval": 8}, progress(), 0.5),
        ({"target_update_interval": 8}, progress(last=False), 0.0),
        ({"target_update_interval": 9}, progress(), 0.0),
        ({"target_update_interval": 3}, progress(), 0.5),
        ({"target_update_interval": 2}, progress(), 0.75),
        ({"target_update_interval": 1}, progress(), 0.9375),
        ({"target_update_interval": 1, "tau": 1.0}, progress(), 1.0),
        ({"target_update_interval": 9, "tau": 1.0}, progress(), 0.0),
        ({"target_update_interval": 1}, progress(last=False), 0.0),
        ({"use_target_network": False}, progress(last=False), 1.0),
    ],
)
def test_the_target_takes_its_share_when_it_is_due(values, where, share):
    params, target = linear([[1.0], [2.0]]), linear([[10.0], [5.0]])
    new, _, _ = updated(small(**{"tau": 0.5, **values}), dqn.Learner(params, target, optimizer.init(params)), where)
    expected = optimizer.blend(target, new.params, share)
    chex.assert_trees_all_close(new.target, expected, rtol=1e-6)


def test_configs_whose_targets_are_the_same_are_one():
    """An iteration is four env steps."""
    for same in ({"tau": 1.0, "target_update_interval": 4}, {"use_target_network": False, "target_update_interval": 9}):
        config = small(**same)
        assert dqn.canonical(config) == dataclasses.replace(config, target_update_interval=1)
    for other in ({"tau": 1.0, "target_update_interval": 5}, {"tau": 0.5, "target_update_interval": 4}):
        assert dqn.canonical(small(**other)) == small(**other)


@pytest.mark.parametrize(("env_steps", "rate"), [(5, 1.0), (6, 0.8 - 0.6 * 6 / 16), (8, 0.5), (16, 0.2), (99, 0.2)])
def test_exploration_rate(env_steps, rate):
    config = small(initial_epsilon=0.8, final_epsilon=0.2, exploration_fraction=0.25)
    np.testing.assert_allclose(dqn.epsilon(config, jnp.array(env_steps)), rate, rtol=1e-6)


@pytest.fixture(scope="module")
def trained():
    """Return a function that trains DQN on a probe, and gives config, env and state."""

    def trained(name, num_iterations, **values):
        config, env = small(**values), vector.make(name)
        key_init, key_train = jax.random.split(KEY)
        train = jax.jit(lambda state, n: dqn.train(state, config, env, key_train, jnp.int32(0), n)[0])
        return config, env, train(dqn.init(key_init, config, env), num_iterations)

    return trained


PROBE = {
    "num_envs": 4,
    "train_freq": 1,
    "gradient_steps": 4,
    "batch_size": 32,
    "buffer_size": 512,
    "max_buffer_size": 512,
    "target_update_interval": 4,
    "tau": 0.1,
    "schedule_steps": 2000,
    "gamma": 0.9,
    "n_step": 1,
}


def q_of(config, state, obs):
    return dqn._q_values(state.learner.params, config, CARTPOLE, jnp.array(obs, jnp.float32)[:, None])


@pytest.mark.parametrize("variant", [{}, {"prioritized": True}, {"dueling": True}, {"normalize_observations": True}])
def test_fitting_action_is_chosen(trained, variant):
    config, env, state = trained("ProbeChoice", 500, **PROBE, **variant)
    action = dqn.act(state, config, env, jnp.array([[-1.0], [1.0]]), KEY, explore=False)
    assert action.tolist() == [0, 1]


@pytest.mark.parametrize("n_step", [1, 2])
def test_delayed_reward_is_discounted(trained, n_step):
    config, _, state = trained("ProbeDelayed", 500, **{**PROBE, "n_step": n_step})
    np.testing.assert_allclose(q_of(config, state, [0.0, 1.0]), [[0.9, 1.0]] * 2, atol=0.05)


@pytest.mark.parametrize("n_step", [1, 3])
def test_time_limit_is_no_end(trained, n_step):
    config, _, state = trained("ProbeEndless", 800, **{**PROBE, "gamma": 0.5, "n_step": n_step})
    np.testing.assert_allclose(q_of(config, state, [0.0]), [[2.0]] * 2, rtol=0.05)


def test_nothing_is_learned_before_learning_starts(trained, same_bits):
    config, env, state = trained("ProbeChoice", 20, **{**PROBE, "learning_starts": 80})
    assert same_bits(state.learner, dqn.init(jax.random.split(KEY)[0], config, env).learner)
    _, _, state = trained("ProbeChoice", 21, **{**PROBE, "learning_starts": 80})
    assert state.learner.opt_state.count == 4


@pytest.mark.parametrize("values", [{}, {"prioritized": True, "n_step": 2, "normalize_observations": True}])
def test_training_in_pieces_is_training_at_once(trained, same_bits, values):
    config, env, whole = trained("CartPole-v1", 30, **values)
    key_init, key_train = jax.random.split(KEY)
    train = jax.jit(lambda state, steps, n: dqn.train(state, config, env, key_train, steps, n)[0])
    state = train(dqn.init(key_init, config, env), jnp.int32(0), 12)
    assert same_bits(train(state, jnp.int32(48), 18), whole)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"batch_size": 17}, "batch_size must be at most buffer_size 16, got 17"),
        ({"num_envs": 17}, "num_envs must be at most buffer_size 16, got 17"),
        ({"buffer_size": 33}, "buffer_size must be at most max_buffer_size 32, got 33"),
        ({"learning_starts": 64}, "learning_starts must be below the 64 env steps of a full run, got 64"),
    ],
)
def test_configs_that_cannot_learn_are_refused(values, message):
    dqn.check(small(), CARTPOLE)
    with pytest.raises(InputError, match=message):
        dqn.check(dataclasses.replace(small(), **values), CARTPOLE)


def test_real_valued_actions_are_refused():
    with pytest.raises(InputError, match="dqn must have an env with discrete actions"):
        dqn.check(small(), vector.make("Pendulum-v1"))


@pytest.mark.parametrize(("hidden_size", "batch_size", "large"), [(128, 128, False), (256, 128, True)])
def test_updates_of_large_arrays_are_worth_faster_code(hidden_size, batch_size, large):
    assert off_policy.is_large(small(hidden_size=hidden_size, batch_size=batch_size)) == large
