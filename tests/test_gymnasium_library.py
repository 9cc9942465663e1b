"""Environments of Gymnasium within compiled programs: as they are by hand, played again, and failing in mid-run."""

import dataclasses

import gymnasium
import gymnasium_envs
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tiny
from ConfigSpace import ConfigurationSpace, Float

import envs
import hpo
from arl.errors import InputError
from envs import vector
from envs.testing import check_env
from hpo import tasks
from hpo.objectives.training import Training
from hpo.trial import Trial

WALK = "gymnasium_envs:Walk?episode_limit=20"
KEY = jax.random.key(0)


@pytest.mark.parametrize(
    "name", [WALK, "gymnasium_envs:Parts?episode_limit=9", "gymnasium/Pendulum-v1?episode_limit=30"]
)
def test_envs_of_gymnasium_keep_the_contract(name):
    check_env(name)


def test_steps_in_a_program_are_those_by_hand():
    env = vector.make("gymnasium/CartPole-v1")

    def step(state, action):
        after = env.step_one(KEY, state, action)
        return after.state, after._replace(state=())

    obs, state = env.reset_one(KEY)
    actions = jax.random.randint(KEY, (60,), 0, 2)
    _, steps = jax.jit(lambda state: jax.lax.scan(step, state, actions))(state)
    by_hand = gymnasium.make("CartPole-v1")
    np.testing.assert_array_equal(obs, by_hand.reset(seed=int(state.seed))[0])
    for i, action in enumerate(actions.tolist()):
        obs, reward, terminated, _, _ = by_hand.step(action)
        np.testing.assert_array_equal(steps.obs[i], obs)
        assert (steps.reward[i], steps.terminated[i]) == (reward, terminated)
        if terminated:
            break
    assert terminated


def test_a_state_may_be_stepped_again_and_elsewhere(same_bits):
    env = vector.make(WALK)
    _, state = env.reset_one(KEY)
    for action in (1, 0, 1):
        state = env.step_one(KEY, state, jnp.int32(action)).state
    first, other, again = (env.step_one(KEY, state, jnp.int32(action)) for action in (1, 0, 1))
    elsewhere = vector.make(WALK).step_one(KEY, state, jnp.int32(1))
    assert same_bits(first, again)
    assert same_bits(first, elsewhere)
    assert not same_bits(first, other)


def test_the_same_steps_of_two_lanes_are_made_once():
    env = vector.make(WALK)
    _, state = env.reset_one(KEY)
    states, num_before = jax.tree.map(lambda x: jnp.stack([x] * 5), state), gymnasium_envs.Walk.num_steps
    after = jax.vmap(env.step_one, in_axes=(None, 0, 0))(KEY, states, jnp.array([0, 1, 0, 1, 1]))
    assert gymnasium_envs.Walk.num_steps - num_before == 2
    np.testing.assert_array_equal(after.obs[0], after.obs[2])


def test_nothing_happens_after_an_end():
    env = vector.make("gymnasium_envs:Parts?episode_limit=20")
    _, state = env.reset_one(KEY)
    steps = []
    for _ in range(5):
        steps.append(env.step_one(KEY, state, jnp.int32(1)))
        state = steps[-1].state
    ended = [bool(step.terminated) for step in steps]
    assert sum(float(step.reward) for step in steps) == 1.0
    assert ended == sorted(ended)
    assert ended[-1]


def test_observations_are_in_types_that_jax_has():
    spec = vector.make("gymnasium_envs:Parts?episode_limit=5").obs_spec
    assert {name: str(part.dtype) for name, part in spec.items()} == {"pixels": "uint8", "place": "float32"}
    assert vector.make(WALK).obs_spec == jax.ShapeDtypeStruct((4,), jnp.float32), "a choice is one-hot"


@pytest.mark.parametrize(
    ("name", "limit"),
    [("gymnasium/Pendulum-v1", 200), ("gymnasium/Pendulum-v1?episode_limit=30", 30), ("gymnasium_envs:Walk", 1000)],
)
def test_the_limit_is_the_registered_one_or_the_given_one(name, limit):
    assert envs.spec(name).episode_limit == limit


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gymnasium/CartPol-v1", "unknown gymnasium environment 'CartPol-v1': did you mean 'CartPole-v1'"),
        ("gymnasium_envs:Walk?lenth=2", "unknown argument 'lenth' of environment .*: did you mean 'length'"),
        ("gymnasium_envs:Combined", r"must have an action space that is discrete or a box of reals, got MultiDiscrete"),
        ("gymnasium_envs:Told", r"must have observations of fixed shapes, got Sequence"),
        ("gymnasium_envs:Growing?episode_limit=5", r"its space, float32\[1\], got shape \[2\] by a step"),
        (
            "gymnasium_envs:Walk?episode_limit=5&fails_between=0,1000000000",
            "failed in step: ZeroDivisionError: the floor",
        ),
    ],
)
def test_what_can_not_be_driven_is_refused_in_one_line(name, reason):
    with pytest.raises(InputError, match=reason) as error:
        vector.make(name)
    assert "\n" not in str(error.value)


def test_an_env_that_does_not_follow_from_its_seed_can_not_be_resumed():
    env = vector.make("gymnasium_envs:Unseeded?length=30&episode_limit=40")
    _, state = env.reset_one(KEY)
    for _ in range(20):
        state = env.step_one(KEY, state, jnp.int32(1)).state
    env.env.host.alive.clear()
    with pytest.raises(Exception, match="is not resumable: the same seed and actions must lead to the same episode"):
        env.step_one(KEY, state, jnp.int32(1))


def test_runs_of_an_env_that_fails_have_failed_and_the_sweep_goes_on(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    now = gymnasium_envs.Walk.num_steps
    record = hpo.sweep(
        f"ppo/{WALK}&fails_between={now + 500},{now + 501}",
        "random",
        space=ConfigurationSpace(space=[Float("learning_rate", (1e-4, 1e-2), log=True)]),
        fix=tiny.STATICS,
        trials=2,
        batch=1,
        fidelity=tiny.FIDELITY,
        name="failing",
    )
    assert [trial.status for trial in record.records.values()] == ["failed", "completed"]
    assert record.records[0].error == "environment 'gymnasium_envs:Walk' failed in step: ZeroDivisionError: the floor"


def test_an_env_that_fails_in_one_lane_fails_that_run_alone(monkeypatch):
    trapped, space = gymnasium_envs.Trapped, ConfigurationSpace(space=[Float("learning_rate", (1e-6, 0.1), log=True)])
    task = tasks.get("ppo/gymnasium_envs:Trapped?episode_limit=10", space, 2 * tiny.ITERATION, tiny.STATICS)
    objective = Training(dataclasses.replace(task, num_points=2, num_episodes=4), [0], batch=2)
    trials, alone = [Trial(i, {"learning_rate": rate}, task.fidelity) for i, rate in enumerate((1e-6, 0.1))], []
    for trial in trials:
        monkeypatch.setattr(trapped, "played", set())
        alone.append((*objective.fresh().evaluate([trial]), trapped.played))
    (first, of_first), (_, of_second) = alone
    monkeypatch.setattr(trapped, "trap", max(of_second - of_first, key=len))
    together = {record.trial: record for record in objective.evaluate(trials)}
    assert [together[i].status for i in (0, 1)] == ["completed", "failed"]
    assert together[1].error == "environment 'gymnasium_envs:Trapped' failed in step: ZeroDivisionError: a trap"
    assert str(together[0].runs[0].points) == str(first.runs[0].points)


@pytest.mark.slow
def test_training_on_an_env_of_gymnasium_can_be_gone_on_with_twice(learn, small, same_bits):
    config = small(num_steps=32, num_envs=4, minibatch_size=32, gamma=0.9)
    state, _ = learn(WALK, config, 3)
    straight, again = (learn(WALK, config, 2, state, 3 * 128) for _ in range(2))
    assert same_bits(straight, again), "the second time, episodes are played again"
