"""Settings of the decision process of any environment: what they change, their bounds, and that they may vary."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

import envs
import hpo
from arl.errors import InputError
from envs import vector
from envs.base import Transition
from envs.testing import check_env
from envs.wrappers import wrapped

KEY = jax.random.key(0)
ALL = "sticky_actions=0.25&action_repeat=2&time_limit=30&frame_stack=3&reward_clip=0.5"


def played(env, actions, seed=0):
    """Return the start, and the steps that some actions lead to from it."""

    def step(state, drawn):
        after = env.step_one(drawn[0], state, drawn[1])
        return after.state, after

    obs, state = env.reset_one(jax.random.key(seed))
    keys = jax.random.split(KEY, len(actions))
    return obs, jax.jit(lambda state: jax.lax.scan(step, state, (keys, actions))[1])(state)


@pytest.mark.parametrize("name", [*(f"ProbeEndless?{setting}" for setting in ALL.split("&")), f"Pendulum-v1?{ALL}"])
def test_wrapped_envs_keep_the_contract(name):
    check_env(name)


def test_a_sticky_action_is_the_last_one_that_was_taken():
    actions = jnp.array([0, 1] * 100)
    for probability, share in ((0.0, 0.0), (0.25, 0.25), (1.0, 1.0)):
        env = vector.make("gymnax/MountainCar-v0", sticky_actions=probability)
        _, steps = played(env, actions)
        taken, has_acted = steps.state.own
        assert taken[0] == 0, "there is none before the first one"
        assert has_acted.all()
        repeats = taken[1:] == taken[:-1]
        differs = taken[:-1] != actions[1:]
        assert abs(float(jnp.sum(repeats & differs)) / max(float(jnp.sum(differs)), 1.0) - share) < 0.1


def test_a_repeated_action_sums_rewards_and_stops_at_the_end():
    plain, repeated = vector.make("CartPole-v1"), vector.make("CartPole-v1", action_repeat=3)
    _, steps = played(plain, jnp.ones(12, int))
    _, fewer = played(repeated, jnp.ones(4, int))
    end = int(np.argmax(steps.terminated)) + 1
    np.testing.assert_array_equal(fewer.obs[0], steps.obs[2])
    ended_in = int(np.argmax(fewer.terminated))
    assert fewer.terminated.any()
    assert ended_in == (end - 1) // 3
    assert float(fewer.reward[: ended_in + 1].sum()) == end
    assert (repeated.episode_limit, plain.episode_limit) == (167, 500)


def test_a_time_limit_truncates_and_does_not_terminate():
    env = vector.make("ProbeEndless", time_limit=3)
    _, steps = played(env, jnp.zeros(4, int))
    assert steps.truncated.tolist() == [False, False, True, True]
    assert not steps.terminated.any()
    assert env.episode_limit == 3


def test_frames_stand_side_by_side_the_newest_last():
    plain, stacked = vector.make("Pendulum-v1"), vector.make("Pendulum-v1", frame_stack=3)
    actions = jnp.ones((4, 1))
    first, steps = played(plain, actions)
    obs, after = played(stacked, actions)
    np.testing.assert_array_equal(obs, jnp.concatenate([jnp.zeros(6), first]))
    np.testing.assert_array_equal(after.obs[0], jnp.concatenate([jnp.zeros(3), first, steps.obs[0]]))
    np.testing.assert_array_equal(after.obs[3], steps.obs[1:].ravel())


def test_frames_of_images_are_channels():
    plain, stacked = vector.make("Breakout-MinAtar"), vector.make("Breakout-MinAtar", frame_stack=2)
    assert stacked.obs_spec == jax.ShapeDtypeStruct((10, 10, 8), jnp.bool_)
    _, steps = played(plain, jnp.zeros(3, int))
    _, after = played(stacked, jnp.zeros(3, int))
    np.testing.assert_array_equal(after.obs[2], jnp.concatenate([steps.obs[1], steps.obs[2]], axis=-1))


def test_fewer_frames_than_there_is_room_for_leave_zeros():
    env = vector.make("Pendulum-v1", frame_stack=3)
    _, after = played(env.with_params({"frame_stack": 2}), jnp.ones((4, 1)))
    assert (after.obs[3, :3] == 0).all()
    assert (after.obs[3, 3:] != 0).any()


def test_rewards_are_clipped_in_training_and_agents_are_scored_without():
    env = vector.make("Pendulum-v1", reward_clip=0.5)
    _, clipped = played(env, jnp.ones((20, 1)))
    _, steps = played(env.scored, jnp.ones((20, 1)))
    assert steps.reward.min() < -0.5
    np.testing.assert_array_equal(clipped.reward, jnp.maximum(steps.reward, -0.5))
    assert vector.make("Pendulum-v1").scored.env.episode_limit == 200


class Lives:
    """Ends an episode every second step; three of them are a game, of which the state is the time."""

    params, episode_limit, return_range, dear_reset, num_actions = (), 10, (0.0, 1.0), False, 2
    action_low = action_high = None

    def reset(self, key, params):
        return jnp.zeros(1), jnp.int32(0)

    def step(self, key, state, action, params):
        time = state + 1
        return Transition(jnp.full(1, time, jnp.float32), time, 0.0, time % 2 == 0, jnp.zeros((), bool))

    def goes_on(self, state):
        return state < 6


@pytest.mark.parametrize("wrappers", [{}, {"frame_stack": 1, "reward_clip": 1.0}])
def test_an_episode_may_go_on_from_the_state_that_the_last_one_ended_in(wrappers):
    made = wrapped(Lives(), limit_in_done=False, values=wrappers)
    env = vector.VectorEnv(made, made.params)
    obs, state = start = env.reset(KEY, (1,))
    seen = []
    for _ in range(7):
        step = env.step(KEY[None], state, jnp.zeros(1, int), start)
        obs, state = step.obs, step.state
        seen.append((int(obs[0, 0]), bool(step.terminated[0])))
    assert seen == [(1, False), (2, True), (3, False), (4, True), (5, False), (0, True), (1, False)]


def test_a_time_limit_counts_anew_where_an_episode_goes_on():
    made = wrapped(Lives(), limit_in_done=False, values={"time_limit": 3})
    _, steps = played(vector.VectorEnv(made, made.params), jnp.zeros(5, int))
    assert not steps.truncated.any()
    assert steps.state.own.tolist() == [1, 0, 1, 0, 1]


def test_a_range_is_that_of_the_env_and_facts_are_those_of_the_wrapped_one():
    spec = envs.spec(f"CartPole-v1?{ALL}")
    assert (spec.episode_limit, spec.return_range, spec.observation) == (30, (0.0, 500.0), "float32[12]")


def test_params_of_the_env_keep_their_names_and_settings_may_vary():
    env = vector.make(f"CartPole-v1?{ALL}")
    assert env.param_defaults["length"] == 0.5
    settings = {"sticky_actions": 0.25, "action_repeat": 2, "time_limit": 30, "frame_stack": 3, "reward_clip": 0.5}
    assert settings.items() <= env.param_defaults.items()
    longer = env.with_params({"length": 1.0})
    assert longer.params.env.env.env.env.env.polemass_length == pytest.approx(0.1), "it follows from length"


@pytest.mark.parametrize(
    ("name", "param", "value", "rule"),
    [
        ("sticky_actions=0.1", "sticky_actions", 1.5, r"must be in \[0, 1\], got 1.5"),
        ("action_repeat=2", "action_repeat", 1, r"must be in \[2, 500\], got 1"),
        ("time_limit=9", "time_limit", 10, r"must be in \[1, 9\], got 10"),
        ("frame_stack=4", "frame_stack", 0, r"must be in \[1, 4\], got 0"),
        ("frame_stack=4", "frame_stack", 2.5, r"must be an integer, got 2.5"),
        ("reward_clip=1", "reward_clip", -1.0, r"must be in \[0, inf\], got -1"),
    ],
)
def test_values_out_of_bounds_are_refused(name, param, value, rule):
    with pytest.raises(InputError, match=rule):
        vector.make(f"CartPole-v1?{name}").check_params({param: value})


@pytest.mark.parametrize(
    ("setting", "rule"),
    [
        ("sticky_actions=2", "sticky_actions of environment .* must be a number from 0 to 1, got 2"),
        ("action_repeat=0", "action_repeat of environment .* must be an integer from 1 to 1000, got 0"),
        ("time_limit=1.5", "time_limit of environment .* must be an integer from 1 up, got 1.5"),
        ("frame_stack=true", "frame_stack of environment .* must be an integer from 1 to 1000, got True"),
        ("reward_clip=much", "reward_clip of environment .* must be a number from 0 up, got 'much'"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(setting, rule):
    with pytest.raises(InputError, match=rule):
        envs.make(f"CartPole-v1?{setting}")


def test_settings_are_tuned_and_recorded(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    space = ConfigurationSpace(
        space=[
            Float("env.sticky_actions", (0.0, 0.5)),
            Integer("env.action_repeat", (1, 3)),
            Categorical("env.frame_stack", [1, 2]),
        ]
    )
    record = hpo.sweep(
        "ppo/ProbeEndless?sticky_actions=0.25&action_repeat=1&frame_stack=2",
        "random",
        space=space,
        fix=tiny.STATICS,
        trials=3,
        fidelity=tiny.FIDELITY,
        name="settings",
    )
    assert set(record.hyperparameters) == {"env.sticky_actions", "env.action_repeat", "env.frame_stack"}
    lengths = record.curves.groupby("trial").episode_length_mean.last()
    repeats = record.trials.set_index("trial")["env.action_repeat"]
    assert (record.trials.score == 5.0).all(), "the rewards of all five steps, however they are grouped"
    np.testing.assert_array_equal(lengths.sort_index(), np.ceil(5 / repeats.sort_index()))
