"""PPO: its equations with golden numbers, its parts, and probes whose values and best actions are known exactly."""

import dataclasses

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl.algorithms import distributions, metrics, on_policy, ppo
from arl.networks.layers import Layer
from arl.networks.mlp import MLP
from envs import InputError, vector

REWARD = jnp.array([1.0, 2.0, 3.0])
VALUE = jnp.array([0.5, 1.0, 1.5])
NEXT_VALUE = jnp.array([1.0, 1.5, 2.0])
NEVER = jnp.zeros(3, bool)
AT_1 = jnp.array([False, True, False])

gae = jax.jit(ppo.gae)


@pytest.mark.parametrize(
    ("terminated", "truncated", "advantage"),
    [
        (NEVER, NEVER, [1.59375, 2.375, 2.5]),
        (AT_1, NEVER, [1.25, 1.0, 2.5]),
        (NEVER, AT_1, [1.4375, 1.75, 2.5]),
    ],
    ids=["going on", "terminated", "truncated"],
)
def test_gae_by_hand(terminated, truncated, advantage):
    got = gae(REWARD, VALUE, NEXT_VALUE, terminated, terminated | truncated, 0.5, 0.5)
    assert got.tolist() == advantage


@st.composite
def episodes(draw):
    """Return rewards, values, next values, terminated and done of six steps in two envs; episodes end anywhere."""
    numbers = hnp.arrays(np.float32, (6, 2), elements=st.floats(-10, 10, width=32))
    flags = hnp.arrays(np.bool_, (6, 2))
    reward, value, last_value, done = draw(numbers), draw(numbers), draw(numbers), draw(flags)
    terminated = done & draw(flags)
    next_value = np.where(done, last_value, np.concatenate([value[1:], last_value[-1:]]))
    return tuple(map(jnp.asarray, (reward, value, next_value, terminated, done)))


@hypothesis.given(episodes(), st.floats(0, 1, width=32))
def test_gae_at_lambda_1_is_the_return_less_the_value(steps, gamma):
    reward, value, next_value, terminated, done = (np.asarray(x, np.float64) for x in steps)
    later = next_value[-1] * (1 - terminated[-1])
    returns = np.zeros_like(reward)
    for t in reversed(range(len(reward))):
        later = reward[t] + gamma * np.where(done[t], next_value[t] * (1 - terminated[t]), later)
        returns[t] = later
    np.testing.assert_allclose(gae(*steps, gamma, 1.0), returns - value, atol=1e-3)


@hypothesis.given(episodes(), st.floats(0, 1, width=32))
def test_gae_at_lambda_0_is_the_one_step_error(steps, gamma):
    reward, value, next_value, terminated, _ = (np.asarray(x, np.float64) for x in steps)
    error = reward + gamma * next_value * (1 - terminated) - value
    np.testing.assert_allclose(gae(*steps, gamma, 0.0), error, atol=1e-4)


@pytest.mark.parametrize("advantage", [2.0, -3.0])
def test_policy_gradient_at_ratio_1_is_the_plain_one(advantage):
    assert jax.grad(ppo.policy_loss_of)(jnp.array(0.0), jnp.array(advantage), 0.2) == -advantage


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss", "gradient"),
    [
        (1.5, 2.0, -2.4, 0.0),
        (0.5, -2.0, 1.6, 0.0),
        (0.5, 2.0, -1.0, -1.0),
        (1.5, -2.0, 3.0, 3.0),
        (1.1, 2.0, -2.2, -2.2),
    ],
)
def test_clipping_stops_only_what_would_go_on_too_far(ratio, advantage, loss, gradient):
    got = jax.value_and_grad(ppo.policy_loss_of)(jnp.log(ratio), jnp.array(advantage), 0.2)
    np.testing.assert_allclose(got, (loss, gradient), rtol=1e-5)


@pytest.mark.parametrize(
    ("value", "vf_clip_eps", "loss", "gradient"),
    [
        (3.0, jnp.inf, 2.0, 2.0),
        (-1.0, jnp.inf, 2.0, -2.0),
        (0.1, 0.2, 0.405, -0.9),
        (1.0, 0.2, 0.32, 0.0),
        (-1.0, 0.2, 2.0, -2.0),
    ],
)
def test_value_loss(value, vf_clip_eps, loss, gradient):
    got = jax.value_and_grad(ppo.value_loss_of)(jnp.array(value), jnp.array(0.0), jnp.array(1.0), vf_clip_eps)
    np.testing.assert_allclose(got, (loss, gradient), rtol=1e-5)


def value_of(state, obs):
    return MLP(1).apply(state.params.critic, jnp.array(obs, jnp.float32)[:, None])[:, 0]


def test_metrics_of_the_first_update(learn, small):
    """At obs 0 an untrained agent has V = 0 and logits 0: every metric follows."""
    config = small(num_epochs=1, minibatch_size=16, normalize_advantage=False)
    _, got = learn("ProbeConstant", config, 1)
    expected = {"policy_loss": -1.0, "value_loss": 0.5, "entropy": np.log(2), "kl": 0.0, "clip_fraction": 0.0}
    for name, value in expected.items():
        np.testing.assert_allclose(got[name], value, atol=1e-6, err_msg=name)


def any_rollout(num_steps=2, num_envs=3):
    """Return a rollout of random numbers: an observation and the next have nothing in common that hints at the order."""
    keys = jax.random.split(jax.random.key(1), 4)
    obs, next_obs = jax.random.normal(keys[0], (2, num_steps, num_envs, 1))
    action, terminated, done = jax.random.bernoulli(keys[1], shape=(3, num_steps, num_envs))
    reward = jax.random.normal(keys[2], (num_steps, num_envs))
    return ppo.Rollout(obs, next_obs, action.astype(int), reward, terminated & done, done)


def test_samples_of_a_rollout(small):
    env, config = vector.make("ProbeChoice"), small(activation="relu", gamma=0.5, gae_lambda=0.0)
    state, rollout = ppo.init(jax.random.key(0), config, env), any_rollout()
    samples = ppo._samples(state.normalizer, state.params, config, env, rollout)

    def network(layers, obs):
        return MLP(0, activation=jax.nn.relu).apply(layers, obs.reshape(-1, 1)).T

    value, next_value = (network(state.params.critic, obs)[0] for obs in (rollout.obs, rollout.next_obs))
    target = rollout.reward.ravel() + 0.5 * next_value * ~rollout.terminated.ravel()
    log_probs = jax.nn.log_softmax(network(state.params.actor, rollout.obs), axis=0)
    np.testing.assert_allclose(samples.value, value, rtol=1e-5)
    np.testing.assert_allclose(samples.target, target, rtol=1e-5)
    np.testing.assert_allclose(samples.advantage, target - value, rtol=1e-4)
    np.testing.assert_allclose(samples.log_prob, np.choose(samples.action, log_probs), rtol=1e-5)


def test_minibatches_are_drawn_anew(small, same_bits):
    env, config = vector.make("ProbeChoice"), small(num_epochs=1)
    state = ppo.init(jax.random.key(0), config, env)
    samples = ppo._samples(state.normalizer, state.params, config, env, any_rollout(8, 2))
    learner = on_policy.Learner(state.params, state.opt_state, metrics.no_updates(ppo.METRICS))
    batch = ppo.Batch(samples, jnp.float32(0.0))
    update = jax.jit(lambda key: ppo._update(learner, batch, config, env, key, 0, 16).params)
    first, again, other = (update(jax.random.key(seed)) for seed in (0, 0, 1))
    assert same_bits(first, again)
    assert not same_bits(first, other)


def test_no_iterations_change_nothing(learn, small, same_bits):
    state = ppo.init(jax.random.key(1), small(), vector.make("ProbeObserved"))
    after, got = learn("ProbeObserved", small(), 0, state)
    assert same_bits(after, state)
    assert all(np.isnan(value) for value in got.values())


def test_observations_are_counted_and_updates_made(learn, small):
    """A minibatch of 5 does not divide the rollout of 16: three updates an epoch."""
    state, _ = learn("ProbeConstant", small(minibatch_size=5, num_epochs=2), 4)
    assert state.normalizer.num_seen == 4 * 16
    assert state.opt_state.count == 4 * 2 * 3


def test_a_minibatch_holds_at_most_the_rollout(small):
    assert ppo.canonical(small(minibatch_size=999)) == small(minibatch_size=16)
    assert ppo.canonical(small(minibatch_size=4)) == small(minibatch_size=4)


def test_learning_rate_is_annealed_to_zero(learn, small, same_bits):
    def params(learning_rate, anneal_steps, *iterations):
        config = small(learning_rate=learning_rate, anneal_steps=anneal_steps)
        return learn("ProbeObserved", config, *iterations)[0].params

    assert same_bits(params(0.01, 32, 1), params(0.01, 0, 1)), "the first iteration has the full rate"
    assert same_bits(params(0.01, 32, 3), params(0.01, 32, 2)), "from 32 env steps on the rate is zero"
    half_way = ppo.init(jax.random.key(1), small(), vector.make("ProbeObserved")), 16
    assert same_bits(params(0.02, 32, 1, *half_way), params(0.01, 0, 1, *half_way))
    assert not same_bits(params(0.02, 32, 1, *half_way), params(0.02, 0, 1, *half_way))


@pytest.fixture(scope="module")
def probe(learn, small):
    """Return a function that trains PPO on a probe to the end."""

    def probe(name, **values):
        sizes = {"num_envs": 8, "minibatch_size": 32, "num_epochs": 4}
        config = small(**{**sizes, "gamma": 0.9, "vf_clip_eps": 10.0, "anneal_steps": 64 * 200, **values})
        return learn(f"Probe{name}", config, 200)[0]

    return probe


def test_constant_reward_is_valued(probe):
    np.testing.assert_allclose(value_of(probe("Constant"), [0.0]), 1.0, atol=0.02)


def test_observation_is_valued(probe):
    np.testing.assert_allclose(value_of(probe("Observed"), [-1.0, 1.0]), [-1.0, 1.0], atol=0.02)


@pytest.mark.parametrize("gamma", [0.5, 0.9])
def test_delayed_reward_is_discounted(probe, gamma):
    np.testing.assert_allclose(value_of(probe("Delayed", gamma=gamma), [0.0, 1.0]), [gamma, 1.0], atol=0.02)


@pytest.mark.parametrize(("gamma", "value"), [(0.5, 2.0), (0.9, 10.0)])
def test_time_limit_is_no_end(probe, gamma, value):
    """Without a bootstrap at the limit, the value at gamma = 0.9 is at most 4.1."""
    np.testing.assert_allclose(value_of(probe("Endless", gamma=gamma), [0.0]), value, rtol=0.02)


@pytest.mark.parametrize(("ent_coef", "bound"), [(1.0, 0.3), (-1.0, -0.3)])
def test_standard_deviations_keep_within_their_bounds(learn, small, ent_coef, bound):
    """A bonus of entropy widens them, a penalty narrows them: without bounds, until they overflow."""
    config = dataclasses.replace(small(log_std_min=-0.3, log_std_max=0.3), ent_coef=ent_coef)
    state, _ = learn("ProbeMatching", config, 10)
    assert state.params.log_std == np.float32(bound)


def test_standard_deviations_begin_within_their_bounds(small):
    state = ppo.init(jax.random.key(0), small(log_std_max=-1.0), vector.make("ProbeMatching"))
    assert state.params.log_std == -1.0


def test_bounds_of_standard_deviations_that_leave_no_value_are_refused(small):
    with pytest.raises(InputError, match="log_std_min must be at most log_std_max -30, got -20"):
        ppo.check(small(log_std_max=-30.0), vector.make("ProbeMatching"))


def test_the_network_may_give_standard_deviations_within_their_bounds(small):
    env, config = vector.make("ProbeMatching"), small(state_dependent_std=True, log_std_max=1.5)
    state = ppo.init(jax.random.key(0), config, env)
    assert state.params.log_std.size == 0
    params = state.params._replace(actor=[Layer(jnp.array([[1.0], [2.0]]), jnp.zeros(2))])
    mean, log_std = ppo._policy(params, config, env, jnp.array([[-1.0], [0.5], [1.0]]))
    np.testing.assert_allclose(mean, [[-1.0, 0.5, 1.0]])
    np.testing.assert_allclose(log_std, [[-2.0, 1.0, 1.5]])


def test_updates_end_once_the_policy_has_gone_too_far(learn, small, same_bits):
    """The first update begins at the policy of the rollout, the second beyond a limit as low as this."""
    limited = small(num_epochs=9, minibatch_size=16, target_kl=1e-6)
    state, got = learn("ProbeMatching", limited, 1)
    once, expected = learn("ProbeMatching", dataclasses.replace(limited, num_epochs=1), 1)
    assert state.opt_state.count == 1
    assert same_bits((state, got), (once, expected))
    state, _ = learn("ProbeMatching", dataclasses.replace(limited, target_kl=1e3), 1)
    assert state.opt_state.count == 9


def act(state, small, env):
    return ppo.act(state, small(), vector.make(env), jnp.array([[-1.0], [1.0]]), jax.random.key(0), explore=False)


def test_fitting_action_is_chosen(probe, small):
    assert act(probe("Choice"), small, "ProbeChoice").tolist() == [0, 1]


@pytest.mark.parametrize(("ent_coef", "entropy"), [(0.0, 0.0), (100.0, np.log(2))])
def test_entropy_is_rewarded(probe, small, ent_coef, entropy):
    params = probe("Choice", ent_coef=ent_coef).params
    logits = MLP(2).apply(params.actor, jnp.array([[-1.0], [1.0]])).T
    np.testing.assert_allclose(distributions.Categorical(2).entropy(logits, params.log_std), entropy, atol=0.05)


def test_matching_action_is_found(probe, small):
    np.testing.assert_allclose(act(probe("Matching"), small, "ProbeMatching"), [[-1.0], [1.0]], atol=0.1)


def test_actions_are_sampled_if_explored(small):
    env = vector.make("ProbeChoice")
    state = ppo.init(jax.random.key(0), small(), env)
    action = ppo.act(state, small(), env, jnp.ones((1000, 1)), jax.random.key(0), explore=True)
    assert 400 < action.sum() < 600, "an untrained policy is nearly uniform"
