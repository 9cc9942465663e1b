"""Every registered environment, the probes' known answers, and environments of the user's own."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from envs import InputError, registry, vector

NUM_ENVS = 8


class Play(NamedTuple):
    """Random actions in every env: what was seen, chosen and given, with axes `(time, env)`."""

    name: str
    env: vector.VectorEnv
    obs: np.ndarray
    action: np.ndarray
    step: Any
    fresh_obs: np.ndarray

    @property
    def done(self):
        return self.step.terminated | self.step.truncated


def play_randomly(name, num_steps):
    env, shape = vector.make(name), (num_steps, NUM_ENVS)

    def play(key):
        key_start, key_fresh, key_action, key_step = jax.random.split(key, 4)
        sample = env.env.raw.action_space(env.params).sample
        action = jax.vmap(jax.vmap(sample))(jax.random.split(key_action, shape))
        fresh = env.reset(key_fresh, shape)

        def step(carry, drawn):
            obs, state = carry
            keys, action, fresh = drawn
            after = env.step(keys, state, action, fresh)
            return (after.obs, after.state), (obs, after)

        start = env.reset(key_start, (NUM_ENVS,))
        _, (obs, steps) = jax.lax.scan(step, start, (jax.random.split(key_step, shape), action, fresh))
        return obs, action, steps, fresh[0]

    return Play(name, env, *jax.device_get(jax.jit(play)(jax.random.key(0))))


def episode_lengths(done):
    """Return the length of each env's episode after each step."""
    lengths, length = np.zeros(done.shape, int), np.zeros(done.shape[1], int)
    for t, ended in enumerate(done):
        lengths[t] = length = length + 1
        length = np.where(ended, 0, length)
    return lengths


def first_returns(play):
    """Return the return of the first episode in each env."""
    ended_before = np.cumsum(play.done, axis=0) - play.done
    return np.sum(play.step.reward * (ended_before == 0), axis=0, dtype=np.float64)


SHORT = [name for name in envs.names() if envs.spec(name).family in ("classic_control", "probe")]


@pytest.fixture(scope="module", params=SHORT)
def play(request):
    return play_randomly(request.param, registry.spec(request.param).episode_limit + 2)


def test_shapes_and_dtypes(play):
    shape = (play.env.episode_limit + 2, NUM_ENVS)
    for obs in (play.obs, play.step.obs, play.step.next_obs):
        assert obs.shape == (*shape, play.env.obs_size)
        assert obs.dtype == np.float32
        assert np.isfinite(obs).all()
    assert play.step.reward.shape == shape
    assert play.step.reward.dtype == np.float32
    assert play.step.terminated.dtype == play.step.truncated.dtype == np.bool_


def test_no_step_both_terminates_and_truncates(play):
    assert not (play.step.terminated & play.step.truncated).any()


def test_only_ended_episodes_go_on_from_fresh_start_states(play):
    np.testing.assert_array_equal(play.step.obs[play.done], play.fresh_obs[play.done])
    np.testing.assert_array_equal(play.step.obs[~play.done], play.step.next_obs[~play.done])


def test_episodes_end_by_the_limit_and_are_truncated_only_there(play):
    lengths, limit = episode_lengths(play.done), play.env.episode_limit
    assert lengths.max() <= limit
    assert play.done[lengths == limit].all()
    assert (lengths[play.step.truncated] == limit).all()


def test_episode_limit_is_that_of_the_params(play):
    assert registry.spec(play.name).episode_limit == play.env.params.max_steps_in_episode


def test_mean_return_of_random_actions_is_within_the_range(play):
    worst, best = registry.spec(play.name).return_range
    assert worst <= first_returns(play).mean() <= best


def test_start_states_depend_on_the_key_alone():
    env = vector.make("CartPole-v1")
    first, again, other = (jax.device_get(env.reset(jax.random.key(seed), (2, 3))[0]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first, other).any()


@pytest.fixture(scope="module")
def probe():
    """Return a function that plays a probe at random, by its name."""
    return lambda name: play_randomly(f"Probe{name}", 10)


def test_constant(probe):
    play = probe("Constant")
    assert (play.obs == 0).all()
    assert (play.step.reward == 1).all()
    assert play.step.terminated.all()


def test_observed(probe):
    play = probe("Observed")
    assert set(np.unique(play.obs)) == {-1.0, 1.0}
    np.testing.assert_array_equal(play.step.reward, play.obs[..., 0])
    assert play.step.terminated.all()


def test_delayed(probe):
    play = probe("Delayed")
    assert play.obs[:4, 0, 0].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert play.step.next_obs[:4, 0, 0].tolist() == [1.0, 2.0, 1.0, 2.0], "of the end, not of the start after it"
    assert play.step.reward[:4, 0].tolist() == [0.0, 1.0, 0.0, 1.0]
    assert play.step.terminated[:4, 0].tolist() == [False, True, False, True]


def test_endless(probe):
    play = probe("Endless")
    assert (play.obs == 0).all()
    assert (play.step.reward == 1).all()
    assert not play.step.terminated.any()
    assert np.flatnonzero(play.step.truncated[:, 0]).tolist() == [4, 9]


def test_choice(probe):
    play = probe("Choice")
    fits = (play.obs[..., 0] > 0) == (play.action == 1)
    assert set(np.unique(fits)) == {False, True}
    np.testing.assert_array_equal(play.step.reward, np.where(fits, 1.0, -1.0))
    assert play.step.terminated.all()


def test_matching(probe):
    play = probe("Matching")
    np.testing.assert_allclose(play.step.reward, -np.square(play.action - play.obs)[..., 0], rtol=1e-6)
    assert play.step.terminated.all()


def test_actions_out_of_bounds_are_clipped():
    env = vector.make("ProbeMatching")
    start = env.reset(jax.random.key(0), (2,))
    obs, state = start
    keys = jax.random.split(jax.random.key(1), 2)
    reward = env.step(keys, state, 100.0 * obs, start).reward
    assert reward.tolist() == [-1.0, -1.0], "the bounds are +-2, so that the nearest to +-100 is 1 off"


@pytest.mark.parametrize(
    ("name", "discrete", "action_size", "obs_size"),
    [("CartPole-v1", True, 2, 4), ("Acrobot-v1", True, 3, 6), ("Pendulum-v1", False, 1, 3)],
)
def test_sizes(name, discrete, action_size, obs_size):
    env = vector.make(name)
    assert (env.discrete, env.action_size, env.obs_size) == (discrete, action_size, obs_size)


def test_sizes_are_known_inside_a_program():
    env = vector.make("Pendulum-v1")
    sizes = jax.jit(lambda x: x + env.action_size + env.obs_size)
    assert sizes(0) == 4


@pytest.mark.parametrize(
    ("name", "near"), [("CartPol-v1", "CartPole-v1"), ("cartpole", "CartPole-v1"), ("Pendulum", "Pendulum-v1")]
)
def test_unknown_name_is_refused_with_the_nearest(name, near):
    with pytest.raises(InputError, match=f"unknown environment '{name}': did you mean '{near}'"):
        envs.make(name)


def test_unknown_name_like_none_is_refused_with_some():
    with pytest.raises(
        InputError, match=r"unknown environment 'xyzzy': \d+ are known, such as CartPole-v1, .*Pendulum-v1$"
    ):
        envs.make("xyzzy")


CLASSES = """
from gymnax.environments.classic_control.pendulum import Pendulum

class Slow(Pendulum):
    return_range = (-2000, 0)

class NoRange(Pendulum):
    pass

class NoParams:
    return_range = (0, 1)

class NeedsArguments(Slow):
    def __init__(self, length):
        pass
"""


WRONG = """
import jax.numpy as jnp
from flax import struct
from gymnax.environments import spaces
from gymnax.environments.classic_control.pendulum import EnvParams, Pendulum

class Fine(Pendulum):
    return_range = (-2000, 0)

class OneNumber(Fine):
    return_range = 5

class Words(Fine):
    return_range = ("a", "b")

class Reversed(Fine):
    return_range = (1, 0)

class Infinite(Fine):
    return_range = (-float("inf"), 0)

class NoLimit(Fine):
    default_params = ()

class NoTime(Fine):
    default_params = EnvParams(max_steps_in_episode=0)

class OtherObs(Fine):
    def reset_env(self, key, params):
        obs, state = super().reset_env(key, params)
        return obs[:2], state

class OtherState(Fine):
    def reset_env(self, key, params):
        obs, state = super().reset_env(key, params)
        return obs, state.replace(theta=jnp.int32(state.theta))

class Six(Fine):
    def step_env(self, key, state, action, params):
        return (*super().step_env(key, state, action, params), 0)

class ManyRewards(Fine):
    def step_env(self, key, state, action, params):
        obs, state, reward, done, info = super().step_env(key, state, action, params)
        return obs, state, jnp.stack([reward, reward]), done, info

class LimitInDone(Fine):
    def step_env(self, key, state, action, params):
        obs, state, reward, done, info = super().step_env(key, state, action, params)
        return obs, state, reward, done | (state.time >= params.max_steps_in_episode), info

@struct.dataclass
class WordAmongParams(EnvParams):
    mode: str = "easy"

class Worded(Fine):
    default_params = WordAmongParams()

class Leaves(Fine):
    def __init__(self):
        raise SystemExit(3)

class NoActions(Fine):
    def action_space(self, params=None):
        return None

class TwoAxes(Fine):
    def action_space(self, params=None):
        return spaces.Box(-jnp.ones((2, 1)), jnp.array([[1.0], [3.0]]), (2, 1))

    def step_env(self, key, state, action, params):
        obs, state, _, done, info = super().step_env(key, state, action[0], params)
        return obs, state, jnp.sum(action), done, info
"""


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("OneNumber", "must have a return_range of two finite numbers, worst < best, got 5"),
        ("Words", "must have a return_range of two finite numbers"),
        ("Reversed", "must have a return_range of two finite numbers"),
        ("Infinite", "must have a return_range of two finite numbers"),
        ("NoLimit", "must have an episode limit of at least 1 env step, got None"),
        ("NoTime", "must have an episode limit of at least 1 env step, got 0"),
        ("OtherObs", r"must give the same shapes and types by a reset and by a step, got .*float32\(2,\)"),
        ("OtherState", "must give the same shapes and types by a reset and by a step, got .*int32"),
        ("Six", "can't be stepped: ValueError"),
        ("ManyRewards", r"must give one number as reward, got shape \(2,\)"),
        ("Leaves", "can't be made: SystemExit: 3"),
        ("NoActions", "must have an action space that is discrete or a box, got None"),
        ("Worded", "Worded' must have params that are numbers or bools, .*, got params.mode = 'easy'"),
        ("LimitInDone", r"must leave its time limit of 200 env steps out of terminated \(of done\)"),
    ],
)
def test_environment_of_the_users_that_is_wrong_is_refused(tmp_path, name, reason):
    (tmp_path / "wrong_envs.py").write_text(WRONG)
    with pytest.raises(InputError, match=reason) as error:
        vector.make(f"{tmp_path / 'wrong_envs.py'}:{name}")
    assert "\n" not in str(error.value)


def test_actions_may_have_two_axes(tmp_path):
    (tmp_path / "wrong_envs.py").write_text(WRONG)
    env = vector.make(f"{tmp_path / 'wrong_envs.py'}:TwoAxes")
    fresh = env.reset(jax.random.key(0), (1,))
    step = env.step(jax.random.split(jax.random.key(1), 1), fresh[1], jnp.array([[-5.0, 2.0]]), fresh)
    assert step.reward.tolist() == [1.0], "clipped to -1 and 2"


OLD_STYLE = """
import jax.numpy as jnp
from gymnax.environments import environment, spaces

class Derived(environment.Environment):
    return_range = (0.0, 1.0)

    def reset_env(self, key, params):
        state = environment.EnvState(time=0)
        return jnp.zeros(1), state

    def step_env(self, key, state, action, params):
        state = environment.EnvState(time=state.time + 1)
        done = self.is_terminal(state, params)
        return jnp.zeros(1), state, 1.0 * done, done, {"discount": self.discount(state, params)}

    def is_terminal(self, state, params):
        return state.time >= params.max_steps_in_episode

    def action_space(self, params=None):
        return spaces.Discrete(2)

class Plain:
    default_params = reset_env = step_env = action_space = None

    def is_terminal(self, state, params):
        return state.time >= params.max_steps_in_episode
"""


@pytest.mark.parametrize(
    ("name", "reason"), [("Derived", "can't be stepped: NotImplementedError"), ("Plain", "it lacks is_truncated")]
)
def test_a_class_written_for_gymnax_before_1_is_told_its_mend(tmp_path, name, reason):
    (tmp_path / "old_envs.py").write_text(OLD_STYLE)
    mend = "; it is written for gymnax before 1.0: rename is_terminal to is_terminated, leave the time limit out of it"
    with pytest.raises(InputError, match=f"{reason}{mend}"):
        vector.make(f"{tmp_path / 'old_envs.py'}:{name}")


@pytest.fixture
def class_name(tmp_path):
    file = tmp_path / "users_envs.py"
    file.write_text(CLASSES)
    return lambda name: f"{file}:{name}"


def test_environment_of_the_users(class_name):
    name = class_name("Slow")
    facts = {"observation": "float32[3]", "actions": "float32[1]"}
    assert envs.spec(name) == envs.EnvSpec(name, 200, (-2000.0, 0.0), "custom", name, **facts)
    obs, _ = vector.make(name).reset(jax.random.key(0), (5,))
    assert obs.shape == (5, 3)


def test_environment_of_the_users_without_a_range_is_told_how_to_give_one(class_name):
    name = class_name("NoRange")
    spec = envs.spec(name)
    assert spec.return_range is None
    assert f"give it as '{name}?return_range=WORST,BEST'" in spec.missing
    given = envs.spec(name, return_range=(-5, 0))
    assert (given.return_range, given.missing) == ((-5.0, 0.0), None)


def test_environment_of_the_users_of_an_importable_module():
    name = "envs.probes:Endless"
    facts = {"observation": "float32[1]", "actions": "2 discrete"}
    assert envs.spec(name) == envs.EnvSpec(name, 5, (0.0, 5.0), "custom", name, **facts)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NoParams", "it lacks .*default_params"),
        ("NeedsArguments", "length"),
        ("Slo", "did you mean 'Slow'"),
    ],
)
def test_environment_of_the_users_that_lacks_something_is_refused(class_name, name, reason):
    with pytest.raises(InputError, match=reason):
        vector.make(class_name(name))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere.py:Env", "FileNotFoundError: no file 'nowhere.py'"),
        ("no_such_module:Env", "ModuleNotFoundError"),
        (
            "envs.mazes.small:Maze",
            "the package 'envs' of arl hides a folder of that name, give 'envs/mazes/small.py:Maze'",
        ),
        (":Env", "must be given as"),
        ("module:", "must be given as"),
    ],
)
def test_environment_of_the_users_that_is_not_there_is_refused(name, reason):
    with pytest.raises(InputError, match=reason):
        envs.make(name)


def test_environment_of_the_users_that_does_not_import_is_refused(tmp_path):
    file = tmp_path / "broken.py"
    file.write_text("1 / 0")
    with pytest.raises(InputError, match="does not import: ZeroDivisionError: division by zero"):
        envs.make(f"{file}:Env")
