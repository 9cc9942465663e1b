"""Tasks: the published settings are those of the reference dataset, and evaluation points are where they should be."""

import math

import hypothesis
import hypothesis.strategies as st
import pytest
import tiny
from ConfigSpace.hyperparameters import CategoricalHyperparameter

from arl import algorithms, config
from envs.errors import InputError
from hpo import spaces, tasks

# Env steps, number of envs, steps of a rollout, epochs, and whether observations are normalised.
PUBLISHED = {
    "ppo/CartPole-v1": (100_000, 8, 32, 20, False),
    "ppo/Acrobot-v1": (1_000_000, 8, 128, 4, False),
    "ppo/MountainCar-v0": (1_000_000, 8, 32, 4, False),
    "ppo/Pendulum-v1": (100_000, 8, 512, 10, False),
    "ppo/MountainCarContinuous-v0": (20_000, 8, 1, 10, True),
}
PUBLISHED_SPACE = {
    "learning_rate": (1e-6, 0.1, 3e-4),
    "gae_lambda": (0.8, 0.9999, 0.95),
    "clip_eps": (0.0, 0.5, 0.2),
    "vf_clip_eps": (0.0, 0.5, 0.2),
    "ent_coef": (0.0, 0.5, 0.0),
    "vf_coef": (0.0, 1.0, 0.5),
    "max_grad_norm": (0.0, 1.0, 0.5),
}


def test_published_settings():
    assert tasks.names() == list(PUBLISHED)
    for name, settings in PUBLISHED.items():
        task = tasks.get(name)
        fixed = ("num_envs", "num_steps", "num_epochs", "normalize_observations")
        assert (task.fidelity, *(task.fixed[key] for key in fixed)) == settings
        assert (task.fixed["gamma"], task.fixed["anneal_steps"]) == (0.99, 0)
        assert (task.fixed["hidden_size"], task.fixed["num_layers"], task.fixed["activation"]) == (64, 2, "tanh")
        assert (task.num_points, task.num_episodes) == (10, 128)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_space(name):
    space = tasks.get(name).space
    assert set(space) == {*PUBLISHED_SPACE, "minibatch_size", "normalize_advantage"}
    for key, (low, high, default) in PUBLISHED_SPACE.items():
        assert (space[key].lower, space[key].upper, space[key].default_value) == (low, high, default)
        assert space[key].log == (key == "learning_rate")
    assert spaces.choices(space["minibatch_size"]) == [128, 256, 512]
    assert sorted(spaces.choices(space["normalize_advantage"])) == [False, True]
    assert spaces.default(space)["normalize_advantage"] is True


@pytest.mark.parametrize("name", [*PUBLISHED, "ppo/ProbeChoice"])
def test_a_space_and_what_is_fixed_make_a_whole_config(name):
    hyperparameters = set(config.kinds(algorithms.get("ppo").config))
    for preset in tasks.PRESETS:
        task = tasks.get(name, preset)
        assert set(task.space) | set(task.fixed) == hyperparameters
        assert not set(task.space) & set(task.fixed)


def test_full_spaces_tune_all_and_hold_the_published_ones():
    for name in tasks.names():
        full, published = tasks.get(name, "full").space, tasks.get(name).space
        assert len(full) == 18
        for key in published:
            if isinstance(full[key], CategoricalHyperparameter):
                assert set(published[key].choices) <= set(full[key].choices)
            else:
                assert full[key].lower <= published[key].lower
                assert published[key].upper <= full[key].upper


def test_points_of_a_full_run_are_its_multiples():
    task = tasks.get("ppo/CartPole-v1")
    assert task.points(100_000) == tuple(range(10_000, 100_001, 10_000))
    assert task.points(25_000) == (10_000, 20_000, 25_000)
    assert task.points(20_000) == (10_000, 20_000)
    assert task.points(100_000, start=20_000) == tuple(range(30_000, 100_001, 10_000))
    assert task.points(30_000, start=25_000) == (30_000,)
    assert task.points(7) == (7,)
    assert tasks.get("ppo/CartPole-v1", fidelity=50).points(50) == tuple(range(5, 51, 5))


@hypothesis.given(full=st.integers(10, 10**9), data=st.data())
def test_points_go_on_where_others_end(full, data):
    task = tasks.get("ppo/ProbeChoice", fidelity=full)
    fidelity = data.draw(st.integers(2, full))
    start = data.draw(st.integers(1, fidelity - 1))
    points = task.points(fidelity)
    assert points[-1] == fidelity
    assert list(points) == sorted(set(points))
    assert set(points[:-1]) <= {math.floor(full * i / 10) for i in range(1, 11)}
    assert task.points(fidelity, start) == tuple(point for point in points if point > start)
    assert {*task.points(start), *task.points(fidelity, start)} == {*points, start}


def test_fidelity_can_be_chosen():
    for preset in tasks.PRESETS:
        assert tasks.get("ppo/CartPole-v1", preset, 1234).fidelity == 1234
    assert tasks.get("ppo/ProbeChoice").fidelity == 100_000


def test_settings_are_plain_and_tell_tasks_apart():
    settings = tasks.get("ppo/MountainCarContinuous-v0").settings()
    assert settings["task"] == "ppo/MountainCarContinuous-v0"
    assert (settings["algorithm"], settings["env"]) == ("ppo", "MountainCarContinuous-v0")
    assert settings["fixed"]["num_steps"] == 1
    assert settings["return_range"] == [-99.9, 99.0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ppo/CartPole", "unknown task 'ppo/CartPole': did you mean 'ppo/CartPole-v1'"),
        ("dqn/CartPole-v1", "unknown task 'dqn/CartPole-v1': did you mean 'ppo/CartPole-v1'"),
        ("CartPole-v1", "unknown task"),
        ("ppo", "unknown task"),
        ("ppo/", "unknown task"),
        ("", "unknown task ''"),
    ],
)
def test_unknown_tasks(name, message):
    with pytest.raises(InputError, match=message):
        tasks.get(name)


def test_unknown_spaces_and_bad_fidelities():
    with pytest.raises(InputError, match="unknown space 'ful': did you mean 'full'"):
        tasks.get("ppo/CartPole-v1", "ful")
    for fidelity in (0, -1):
        with pytest.raises(InputError, match=f"fidelity must be at least 1 env step, got {fidelity}"):
            tasks.get("ppo/CartPole-v1", fidelity=fidelity)


def test_environments_of_the_users_own_make_tasks(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("from envs.probes import Choice\nclass Mine(Choice):\n    return_range = (-3, 1)\n")
    task = tasks.get(f"ppo/{file}:Mine")
    assert (task.env, task.return_range) == (f"{file}:Mine", (-3.0, 1.0))
    assert set(task.space) == {*PUBLISHED_SPACE, "minibatch_size", "normalize_advantage"}
    with pytest.raises(InputError, match="unknown name 'Mime': did you mean 'Mine'"):
        tasks.get(f"ppo/{file}:Mime")
    with pytest.raises(InputError, match="does not import: ModuleNotFoundError: No module named 'nowhere'"):
        tasks.get("ppo/nowhere:Mine")


def test_the_task_of_these_tests_is_one():
    task = tiny.task()
    assert task.points(tiny.FIDELITY) == tuple(range(20, 201, 20))
    assert task.fixed["num_envs"] * task.fixed["num_steps"] == tiny.ITERATION
    assert task.return_range[0] == tiny.WORST
