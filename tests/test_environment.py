"""Tuning in mid-run as an environment: it keeps Gymnasium's rules, and its episodes are real training runs."""

import dataclasses
import json
import warnings

import gymnasium
import numpy as np
import pytest
import tiny
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from flax import serialization
from gymnasium.utils.env_checker import check_env

import hpo
from arl.errors import InputError
from hpo.objectives import training
from hpo.trial import Trial

NUM_INTERVALS = 5
LAST = 10  # iterations of a whole run


def task():
    """Return the tiny task with hyperparameters of every kind: conditional, categorical, integer, log, static."""
    base = tiny.task()
    space = ConfigurationSpace(
        name="tiny",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=1e-3, log=True),
            Integer("num_epochs", (1, 3), default=1),
            Categorical("normalize_advantage", [True, False], default=True),
            Float("clip_eps", (0.0, 0.5), default=0.2),
            Categorical("hidden_size", [32, 64], default=32),
        ],
    )
    space.add(EqualsCondition(space["clip_eps"], space["normalize_advantage"], True))
    return dataclasses.replace(base, space=space, fixed={k: v for k, v in base.fixed.items() if k not in space})


def make(**changes):
    return hpo.AutoRLEnv(task(), NUM_INTERVALS, **changes)


@pytest.fixture(scope="module")
def env():
    """Return an environment for all tests that reset it first."""
    return make()


@pytest.fixture(scope="module")
def vector():
    return hpo.AutoRLVectorEnv(task(), num_envs=4, num_intervals=NUM_INTERVALS, flat=True)


def play(env, actions, seed=3):
    """Return all observations, rewards, ends and infos of an episode."""
    given = [env.reset(seed=seed)]
    return [*given, *(env.step(action) for action in actions)]


def same(first, second):
    return gymnasium.utils.env_checker.data_equivalence(first, second, exact=True)


@pytest.mark.parametrize("flat", [False, True])
def test_it_keeps_gymnasiums_rules(flat):
    made = gymnasium.make("hpo.autorl.env:AutoRL-v0", task=task(), num_intervals=NUM_INTERVALS, flat=flat)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(made.unwrapped)


def test_actions_are_configs_of_what_may_change(env):
    assert env.controlled == ["learning_rate", "normalize_advantage", "num_epochs", "clip_eps"]
    action = env.action({"learning_rate": 0.01, "num_epochs": 2, "normalize_advantage": False})
    assert env.action_space.contains(action)
    assert env.config(action) == {
        "learning_rate": 0.01,
        "num_epochs": 2,
        "normalize_advantage": False,
        "hidden_size": 32,
    }
    assert env.config(env.action({})) == {
        "learning_rate": 1e-3,
        "num_epochs": 1,
        "normalize_advantage": True,
        "clip_eps": 0.2,
        "hidden_size": 32,
    }


def test_flat_actions_are_points_of_the_unit_cube(vector):
    config = {"learning_rate": 0.01, "num_epochs": 3, "normalize_advantage": True, "clip_eps": 0.25}
    again = vector.config(vector.action(config))
    assert again == pytest.approx({**config, "hidden_size": 32}, rel=1e-5)
    assert vector.config([0.0, 0.9, 0.0, 0.5]) == {
        "learning_rate": pytest.approx(1e-6),
        "num_epochs": 1,
        "normalize_advantage": False,
        "hidden_size": 32,
    }


def test_what_is_fixed_is_no_part_of_an_action():
    changes = {"hidden_size": 64, "num_epochs": 2, "normalize_advantage": False, "ent_coef": 0.5}
    made = make(fixed=changes)
    assert made.controlled == ["learning_rate"], "the other is inactive for good"
    config = made.config(made.action({}))
    assert config == {"learning_rate": 1e-3, "num_epochs": 2, "normalize_advantage": False, "hidden_size": 64}
    assert made.course.codec.full(config).ent_coef == 0.5


def test_an_episode_is_a_training_run(env):
    """Of a constant action, what a trial of that config gives to the last bit; rewards add up to its gain."""
    action = env.action({"learning_rate": 0.01})
    (_, info), *steps = play(env, [action] * NUM_INTERVALS)
    trained = training.Training(env.course.task, [info["seed"]], batch=1)
    (record,) = trained.evaluate([Trial(0, env.config(action), tiny.FIDELITY)])
    returns = {point.env_steps: point.return_mean for point in record.runs[0].points}
    assert [step[4]["score"] for step in steps] == pytest.approx(
        [returns[40 * (i + 1)] for i in range(NUM_INTERVALS)], rel=1e-5
    )
    assert [step[4]["env_steps"] for step in steps] == [40 * (i + 1) for i in range(NUM_INTERVALS)]
    assert [step[2] for step in steps] == [False] * (NUM_INTERVALS - 1) + [True]
    gains = [step[1] for step in steps]
    assert gains[1:] == pytest.approx(np.diff([step[4]["score"] for step in steps]))
    assert gains[0] != 0.0, "the first is over the untrained agent"
    with pytest.raises(gymnasium.error.ResetNeeded):
        env.step(action)


def test_observations_say_how_training_went(env):
    (first, _), (second, *_), *_ = play(env, [env.action({})] * 2)
    names = env.observation_names
    assert env.observation_space.shape == (len(names),)
    assert names[:4] == ("progress", "return_mean", "return_std", "episode_length_mean")
    assert {"policy_loss", "grad_norm", "has_policy_loss", "has_return_mean"} <= set(names)
    assert not first.any(), "nothing is observed yet"
    values = dict(zip(names, second.tolist(), strict=True))
    assert values["progress"] == pytest.approx(1 / NUM_INTERVALS)
    assert 0.0 < values["return_mean"] <= 1.0
    assert all(values[name] == 1.0 for name in names if name.startswith("has_"))
    assert env.observation_space.contains(second)


def test_an_action_acts_from_its_interval_on(env):
    slow, fast = env.action({"learning_rate": 1e-6}), env.action({"learning_rate": 0.05})
    constant, num_programs = play(env, [slow, slow, slow]), env.course.runner.report.programs
    changed = play(env, [slow, fast, slow])
    assert same(constant[1], changed[1])
    assert not same(constant[2][0], changed[2][0])
    assert env.course.runner.report.programs == num_programs, "nothing is compiled anew"


def test_the_same_seed_gives_the_same_bits(env):
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(3)]
    assert same(play(env, actions, seed=11), play(env, actions, seed=11))
    assert same(play(env, actions, seed=11), play(make(), actions, seed=11))
    assert not same(play(env, actions, seed=11)[1][0], play(env, actions, seed=12)[1][0])


def test_the_final_score_as_the_reward():
    made = make(reward="final", seeds=[7])
    (_, info), *steps = play(made, [made.action({})] * NUM_INTERVALS)
    assert info["seed"] == 7
    assert [step[1] for step in steps] == [0.0] * (NUM_INTERVALS - 1) + [steps[-1][4]["score"]]


def test_an_agent_that_diverges_ends_with_the_worst_score():
    diverging = dataclasses.replace(
        task(), space=ConfigurationSpace(space=[Float("learning_rate", (1e-6, 3e38), log=True)])
    )
    made = hpo.AutoRLEnv(dataclasses.replace(diverging, fixed={**tiny.task().fixed}), NUM_INTERVALS)
    made.reset(seed=0)
    _, first, *_ = made.step(made.action({"learning_rate": 1e-3}))
    before = made.episode.score
    observation, gain, terminated, truncated, info = made.step(made.action({"learning_rate": 3e38}))
    assert (terminated, truncated, info["status"], info["score"]) == (True, False, "diverged", tiny.WORST)
    assert gain == tiny.WORST - before
    assert made.observation_space.contains(observation)
    assert dict(zip(made.observation_names, observation, strict=True))["has_return_mean"] == 0.0
    assert np.isfinite(first)


def test_a_config_that_can_not_be_trained_ends_the_episode():
    full = hpo.task("dqn/ProbeChoice", "full", 400)
    space = ConfigurationSpace(space=[Integer("learning_starts", (0, 400), default=0)])
    sizes = {
        "num_envs": 4,
        "buffer_size": 64,
        "max_buffer_size": 64,
        "batch_size": 8,
        "hidden_size": 8,
        "num_layers": 1,
    }
    fixed = {**hpo.spaces.default(full.space), **full.fixed, **sizes}
    made = hpo.AutoRLEnv(dataclasses.replace(full, space=space, fixed=fixed), 4)
    made.reset(seed=0)
    quiet, *_ = made.step(made.action({"learning_starts": 399}))
    seen = dict(zip(made.observation_names, quiet, strict=True))
    assert (seen["q_loss"], seen["has_q_loss"], seen["has_return_mean"]) == (0.0, 0.0, 1.0), "there was no update"
    observation, _, terminated, _, info = made.step(made.action({"learning_starts": 400}))
    assert (terminated, info["status"]) == (True, "failed")
    assert info["error"].startswith("learning_starts must be below the 400 env steps")
    assert made.observation_space.contains(observation)


@pytest.mark.parametrize("num_steps", [0, 2])
def test_a_restored_environment_goes_on_as_the_saved_one(env, tmp_path, num_steps):
    actions = [env.action({"learning_rate": rate}) for rate in (1e-3, 1e-2, 3e-2)]
    given = play(env, actions[:num_steps])
    path = env.save(tmp_path / "new" / "env.state")
    assert set(serialization.msgpack_restore(path.read_bytes())) == {"about", "agents"}
    other = make()
    observation, info = other.restore(path)
    assert same(observation, given[-1][0])
    assert info == {"seed": env.episode.seed}
    for action in actions[num_steps:]:
        assert same(other.step(action), env.step(action))
    assert same(other.reset(), env.reset()), "random numbers go on as well"


def test_a_file_of_another_environment_is_refused(env, tmp_path):
    env.reset(seed=0)
    path = env.save(tmp_path / "env.state")
    with pytest.raises(InputError, match="is of another environment: its reward differs"):
        make(reward="final").restore(path)
    for data in (b"", b"\xc1", serialization.msgpack_serialize({"about": "{}", "agents": []})):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"environment file '.*env.state' can't be read"):
            env.restore(path)
    with pytest.raises(InputError, match="can't be read: FileNotFoundError"):
        env.restore(tmp_path / "none")
    with pytest.raises(InputError, match="must be reset before it is saved"):
        make().save(path)


def test_many_agents_step_as_lanes_of_one_program(vector, env):
    rates = [1e-4, 1e-3, 1e-2, 3e-2]
    actions = np.stack([vector.action({"learning_rate": rate}) for rate in rates])
    vector.reset(seed=5)
    observations, rewards, terminations, truncations, infos = vector.step(actions)
    assert vector.observation_space.contains(observations)
    assert vector.action_space.contains(actions)
    assert (rewards.shape, terminations.tolist(), truncations.any()) == ((4,), [False] * 4, False)
    assert vector.course.runner.report.programs <= 8, "a program for each part"
    for i, rate in enumerate(rates):
        _, (alone, reward, *_, info) = play(env, [env.action({"learning_rate": rate})], seed=5 + i)
        np.testing.assert_allclose(observations[i], alone, rtol=1e-2, atol=1e-3)
        assert rewards[i] == pytest.approx(reward, rel=1e-2, abs=1e-3)
        assert infos["seed"][i] == info["seed"]
        assert infos["config"]["learning_rate"][i] == pytest.approx(rate, rel=1e-4)


def test_agents_that_have_ended_are_replaced_at_the_next_step(vector):
    vector.reset(seed=5)
    action = np.stack([vector.action({})] * 4)
    for _ in range(NUM_INTERVALS):
        observations, _, terminations, _, _ = vector.step(action)
    assert terminations.all()
    assert (observations[:, 0] == 1.0).all()
    observations, rewards, terminations, _, _ = vector.step(action)
    assert not observations.any()
    assert not rewards.any()
    assert not terminations.any()
    assert (vector.step(action)[0][:, 0] > 0.0).all()


def test_many_agents_are_saved_and_restored(vector, tmp_path):
    vector.reset(seed=[4, 5, 6, 7])
    action = np.stack([vector.action({"learning_rate": rate}) for rate in (1e-4, 1e-3, 1e-2, 3e-2)])
    vector.step(action)
    path = vector.save(tmp_path / "envs.state")
    expected = vector.step(action)
    vector.restore(path)
    assert same(vector.step(action), expected)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"reward": "gains"}, "unknown reward 'gains': did you mean 'gain'"),
        ({"num_intervals": 0}, "num_intervals must be at least 1, got 0"),
        ({"num_intervals": 11}, "an interval must allow one iteration of 20 env steps, got 11 intervals in 200"),
        ({"fixed": {"hidden": 1}}, "unknown hyperparameter of PPOConfig 'hidden': did you mean 'hidden_size'"),
        ({"fixed": {"hidden_size": 48}}, "hidden_size must be one of 32, 64, got 48"),
        (
            {"fixed": {"learning_rate": 1e-3, "num_epochs": 1, "normalize_advantage": False}},
            "must have a hyperparameter",
        ),
        ({"seeds": []}, "seeds must be at least one seed"),
    ],
)
def test_arguments_that_make_no_sense_are_one_line(changes, message):
    with pytest.raises(InputError, match=message):
        hpo.AutoRLEnv(task(), **{"num_intervals": NUM_INTERVALS, **changes})


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({}, "action must have the entries learning_rate, normalize_advantage, num_epochs, clip_eps"),
        ({"learning_rate": 1.0}, r"learning_rate must be in \[1e-06, 0.1\]"),
        ({"learning_rate": float("nan")}, "learning_rate must be in"),
        ({"num_epochs": 4}, r"num_epochs must be in \[1, 3\]"),
        ({"normalize_advantage": 2}, "normalize_advantage must be an index below 2, got 2"),
        (0.5, "action must have the entries"),
    ],
)
def test_what_is_no_action_is_one_line(env, vector, action, message):
    env.reset(seed=0)
    given = {**env.action({}), **action} if isinstance(action, dict) and action else action
    with pytest.raises(InputError, match=message):
        env.step(given)
    for flat in ([0.5], [0.5, 0.5, 0.5, 1.5], [0.5, 0.5, 0.5, float("nan")]):
        with pytest.raises(InputError, match=r"action must be 4 numbers in \[0, 1\]"):
            vector.config(flat)


def test_what_is_saved_is_json_and_arrays(env, tmp_path):
    env.reset(seed=0)
    description = json.loads(serialization.msgpack_restore(env.save(tmp_path / "e").read_bytes())["about"])
    assert description["settings"]["num_intervals"] == NUM_INTERVALS
    assert description["format"] == 1
