"""Observations as they are, params that vary, and pools of start states."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl.errors import InputError
from envs import vector

KEY = jax.random.key(0)


@pytest.fixture(scope="module")
def cartpole():
    return vector.make("CartPole-v1")


@pytest.fixture(scope="module")
def pendulum():
    return vector.make("Pendulum-v1")


def one_step(env, action, key=KEY):
    """Return the first step of two envs that get the same action."""
    start = env.reset(key, (2,))
    return env.step(jax.random.split(key, 2), start[1], jnp.stack([action, action]), start)


def test_the_spec_of_an_observation(cartpole):
    assert cartpole.obs_spec == jax.ShapeDtypeStruct((4,), jnp.float32)


def test_starts_and_steps_have_strong_types(pendulum):
    step = one_step(pendulum, jnp.zeros(1))
    assert not any(x.weak_type for x in jax.tree.leaves((pendulum.reset(KEY, (2,)), step)))


def test_params_that_may_vary_have_names_and_defaults(cartpole):
    defaults = cartpole.param_defaults
    assert cartpole.param_names == tuple(defaults)
    assert {name: defaults[name] for name in ("length", "masspole")} == {"length": 0.5, "masspole": 0.1}
    assert not defaults.keys() & {"max_steps_in_episode", "total_mass", "polemass_length"}


def test_without_params_the_env_is_itself(cartpole):
    assert cartpole.with_params({}) is cartpole


def test_given_the_defaults_steps_are_the_same(cartpole):
    given = cartpole.with_params(cartpole.param_defaults)
    same = jax.tree.map(np.array_equal, one_step(given, jnp.int32(1)), one_step(cartpole, jnp.int32(1)))
    assert all(jax.tree.leaves(same))


@pytest.mark.parametrize("name", ["length", "masspole", "masscart", "gravity"])
def test_a_param_changes_the_dynamics(cartpole, name):
    step = jax.jit(lambda value: one_step(cartpole.with_params({name: value}), jnp.int32(1)).state.theta_dot)
    default = cartpole.param_defaults[name]
    np.testing.assert_array_equal(step(default), one_step(cartpole, jnp.int32(1)).state.theta_dot)
    assert (step(2 * default) != step(default)).all()


def test_params_that_follow_from_others_are_computed_anew(cartpole):
    params = cartpole.with_params({"masspole": 0.5, "length": 2.0}).params
    assert (params.total_mass, params.polemass_length) == (1.5, 1.0)


def test_lanes_may_have_params_of_their_own(pendulum):
    def theta_dot(torque):
        return one_step(pendulum.with_params({"max_torque": torque}), jnp.full(1, 2.0)).state.theta_dot[0]

    lanes = jax.jit(jax.vmap(theta_dot))(jnp.array([1.0, 2.0]))
    np.testing.assert_allclose(lanes, [theta_dot(1.0), theta_dot(2.0)], rtol=1e-6)
    assert lanes[0] < lanes[1]


def test_static_facts_do_not_depend_on_traced_params(pendulum):
    def facts(torque):
        env = pendulum.with_params({"max_torque": torque})
        assert (env.bounded, env.action_size, env.obs_size, env.episode_limit) == (True, 1, 3, 200)
        return env.scaled(jnp.ones(1))

    assert jax.jit(facts)(7.0).tolist() == [2.0]


def test_replaced_params_add_up(cartpole):
    params = cartpole.with_params({"length": 1.0}).with_params({"gravity": 5}).params
    assert (params.length, params.gravity, params.polemass_length) == (1.0, 5.0, 0.1)
    assert isinstance(params.gravity, float)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"lenght": 1.0}, "unknown parameter 'lenght' of environment 'CartPole-v1': did you mean 'length'"),
        ({"max_steps_in_episode": 5}, "can't vary: it is the episode limit"),
        ({"total_mass": 5.0}, "can't vary: it follows from masscart and masspole"),
    ],
)
def test_names_that_can_not_vary_are_refused(cartpole, values, reason):
    for refuse in (cartpole.with_params, cartpole.check_params):
        with pytest.raises(InputError, match=reason):
            refuse(values)


@pytest.mark.parametrize(
    ("value", "rule"), [("long", "must be a number"), (True, "must be a number"), (float("nan"), "must be finite")]
)
def test_values_of_another_type_are_refused(cartpole, value, rule):
    with pytest.raises(InputError, match=f"parameter 'length' of environment 'CartPole-v1' {rule}, got {value!r}"):
        cartpole.check_params({"length": value})


def test_good_values_are_accepted(cartpole):
    cartpole.check_params({"length": 0.7, "gravity": 5})


def test_fresh_starts_are_the_resets(cartpole):
    assert cartpole.pool(KEY) is None
    starts = cartpole.starts(jax.random.split(KEY, (3, 2)), None)
    same = jax.tree.map(np.array_equal, starts, cartpole.reset(KEY, (3, 2)))
    assert all(jax.tree.leaves(same))
    assert cartpole.fresh(None, starts) is starts


def test_starts_come_from_a_pool(cartpole):
    env = dataclasses.replace(cartpole, reset_pool=4)
    pool = env.pool(KEY)
    starts = env.starts(jax.random.split(KEY, (50, 2)), pool)
    assert starts.shape == (50, 2)
    assert set(np.unique(starts)) == {0, 1, 2, 3}
    assert pool[0].shape == (4, 4)
    obs, state = env.fresh(pool, starts[7])
    np.testing.assert_array_equal(obs, pool[0][starts[7]])
    np.testing.assert_array_equal(obs[:, 0], state.x)
