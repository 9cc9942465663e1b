"""Classic control behaves as gymnasium's, step by step, and no return is below the worst on record."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import InputError, registry, vector

NUM_STEPS, NUM_ENVS = 150, 4

# The state of gymnasium's environments, from the names of ours.
STATES = {
    "CartPole-v1": ("x", "x_dot", "theta", "theta_dot"),
    "Acrobot-v1": ("joint_angle1", "joint_angle2", "velocity_1", "velocity_2"),
    "MountainCar-v0": ("position", "velocity"),
    "MountainCarContinuous-v0": ("position", "velocity"),
    "Pendulum-v1": ("theta", "theta_dot"),
}


def play(name, choose):
    """Return the states before steps of a few envs, the actions, and what they lead to, with axes `(time, env)`."""
    env = vector.make(name)

    def step(carry, keys):
        obs, state = carry
        action = choose(obs, keys)
        after = jax.vmap(env.step_one)(keys, state, action)
        return (after.obs, after.state), (state, action, after)

    keys = jax.random.split(jax.random.key(0), (NUM_STEPS, NUM_ENVS))
    start = env.reset(jax.random.key(1), (NUM_ENVS,))
    return jax.device_get(jax.jit(lambda: jax.lax.scan(step, start, keys)[1])())


def with_the_motion(obs, keys):
    """Return actions that rock the car up to the wall on the left, and beyond the goal."""
    return jnp.where(obs[:, 1:] >= 0, 1.0, -1.0)


def at_random(size, discrete):
    def choose(obs, keys):
        if discrete:
            return jax.vmap(lambda key: jax.random.randint(key, (), 0, size))(keys)
        return jax.vmap(lambda key: jax.random.uniform(key, (size,), minval=-2.0, maxval=2.0))(keys)

    return choose


@pytest.mark.parametrize("name", STATES)
def test_each_step_is_gymnasiums(name):
    env = vector.make(name)
    choose = with_the_motion if name == "MountainCarContinuous-v0" else at_random(env.action_size, env.discrete)
    states, actions, after = play(name, choose)
    reference = gymnasium.make(name).unwrapped
    has_ended = np.cumsum(after.terminated, axis=0) - after.terminated > 0
    for t, i in np.argwhere(~has_ended):
        reference.reset()
        reference.state = np.array([getattr(states, part)[t, i] for part in STATES[name]])
        obs, reward, terminated, _, _ = reference.step(int(actions[t, i]) if env.discrete else actions[t, i])
        np.testing.assert_allclose(after.obs[t, i], obs, atol=2e-5)
        assert after.reward[t, i] == pytest.approx(reward, abs=2e-5)
        assert after.terminated[t, i] == terminated


def test_the_wall_stops_the_car_as_gymnaxs_does_not():
    def least_velocity(name):
        states, _, _ = play(name, with_the_motion)
        at_wall = states.position == np.float32(-1.2)
        assert at_wall.any()
        return states.velocity[at_wall].min()

    assert least_velocity("MountainCarContinuous-v0") == 0.0
    assert least_velocity("gymnax/MountainCarContinuous-v0") < 0.0


def test_only_what_is_other_than_gymnaxs_is_there():
    with pytest.raises(InputError, match="unknown classic_control environment 'CartPole-v1'"):
        envs.make("classic_control/CartPole-v1")


def test_the_worst_return_of_pendulum_bounds_every_return():
    env = vector.make("Pendulum-v1")
    _, state = env.reset_one(jax.random.key(0))
    upright = state.replace(theta=jnp.float32(np.pi), theta_dot=jnp.float32(-env.params.max_speed))
    reward = env.step_one(jax.random.key(0), upright, jnp.array([env.params.max_torque])).reward
    worst, _ = registry.spec("Pendulum-v1").return_range
    assert worst < env.episode_limit * float(reward) < worst + 1


def test_the_worst_return_of_the_car_bounds_its_sum_in_single_precision():
    env = vector.make("MountainCarContinuous-v0")
    _, state = env.reset_one(jax.random.key(0))
    reward = env.step_one(jax.random.key(0), state, jnp.ones(1)).reward
    total = np.float32(0.0)
    for _ in range(env.episode_limit):
        total += np.float32(reward)
    worst, _ = registry.spec("MountainCarContinuous-v0").return_range
    assert worst < float(total) < worst + 1
