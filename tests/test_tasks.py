"""Tasks: the published settings are those of the reference dataset, and evaluation points are where they should be."""

import copy
import dataclasses
import math
import re
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import pytest
import tiny
from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import CategoricalHyperparameter

import envs
from arl import algorithms, config, spaces
from arl.errors import InputError
from hpo import tasks
from hpo.tasks import registry

GAMES = [f"ALE/{game}-v5" for game in ("BattleZone", "DoubleDunk", "NameThisGame", "Phoenix", "Qbert")]

# Env steps, number of envs, steps of a rollout, epochs, and whether observations are normalised.
PUBLISHED = {
    "ppo/CartPole-v1": (100_000, 8, 32, 20, False),
    "ppo/Acrobot-v1": (1_000_000, 8, 128, 4, False),
    "ppo/MountainCar-v0": (1_000_000, 8, 32, 4, False),
    "ppo/Pendulum-v1": (100_000, 8, 512, 10, False),
    "ppo/MountainCarContinuous-v0": (20_000, 8, 1, 10, True),
    "ppo/MiniGrid-Empty-Random-5x5": (100_000, 8, 32, 10, True),
    "ppo/MiniGrid-DoorKey-5x5": (1_000_000, 8, 32, 10, True),
    "ppo/MiniGrid-FourRooms": (1_000_000, 8, 32, 10, True),
    "ppo/MiniGrid-Unlock": (1_000_000, 8, 32, 10, True),
    "ppo/planar/LunarLander": (1_000_000, 16, 1024, 4, False),
    "ppo/planar/LunarLanderContinuous": (1_000_000, 16, 1024, 4, False),
    "ppo/planar/BipedalWalker": (1_000_000, 1, 2048, 10, True),
    **{f"ppo/{game}": (10_000_000, 8, 128, 4, False) for game in GAMES},
    **{f"ppo/brax/{robot}": (50_000_000, 2048, 5, 4, True) for robot in ("ant", "halfcheetah", "hopper", "humanoid")},
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


# Env steps, number of envs, train_freq and gradient_steps.
PUBLISHED_OFF_POLICY = {
    "dqn/CartPole-v1": (50_000, 8, 32, 128),
    "dqn/Acrobot-v1": (100_000, 4, 1, 4),
    "dqn/MountainCar-v0": (120_000, 8, 2, 8),
    "dqn/MiniGrid-Empty-Random-5x5": (100_000, 4, 1, 1),
    "dqn/MiniGrid-DoorKey-5x5": (1_000_000, 4, 1, 1),
    "dqn/MiniGrid-FourRooms": (1_000_000, 4, 1, 1),
    "dqn/MiniGrid-Unlock": (1_000_000, 4, 1, 1),
    "sac/Pendulum-v1": (20_000, 8, 1, 1),
    "sac/MountainCarContinuous-v0": (50_000, 8, 1, 1),
    "dqn/planar/LunarLander": (100_000, 4, 1, 1),
    "sac/planar/LunarLanderContinuous": (500_000, 8, 8, 64),
    "sac/planar/BipedalWalker": (500_000, 1, 1, 1),
    **{f"dqn/{game}": (10_000_000, 8, 1, 2) for game in GAMES},
    **{f"sac/brax/{robot}": (5_000_000, 64, 1, 8) for robot in ("ant", "halfcheetah", "hopper", "humanoid")},
}
# Tasks that the reference dataset does not have.
OWN = [
    "pqn/CartPole-v1",
    "pqn/Acrobot-v1",
    *(
        f"{algorithm}/{game}-MinAtar"
        for algorithm in ("ppo", "dqn", "pqn")
        for game in ("Asterix", "Breakout", "Freeway", "SpaceInvaders")
    ),
    *(f"{algorithm}/ALE/{game}-v5" for algorithm in ("ppo", "dqn") for game in ("Breakout", "Pong")),
]
MINIBATCH_SIZES = {
    "classic_control": [128, 256, 512],
    "minigrid": [32, 64, 128],
    "box2d": [32, 64, 128],
    "brax": [512, 1024, 2048],
    "atari": [128, 256, 512],
}
PUBLISHED_DQN = {
    "learning_rate": (1e-6, 0.1, 3e-4),
    "buffer_size": (1024, 120_000, 120_000),
    "initial_epsilon": (0.5, 1.0, 1.0),
    "final_epsilon": (0.001, 0.2, 0.05),
    "learning_starts": (0, 2048, 128),
    "target_update_interval": (1, 100, 10),
    "priority_alpha": (0.01, 1.0, 0.9),
    "priority_beta": (0.01, 1.0, 0.9),
    "priority_epsilon": (1e-7, 1e-3, 1e-3),
}
PUBLISHED_DQN_ATARI = {
    **PUBLISHED_DQN,
    "buffer_size": (1024, 100_000, 100_000),
    "learning_starts": (1024, 32_768, 1024),
    "target_update_interval": (1, 2000, 1000),
}
PUBLISHED_SAC = {
    "learning_rate": (1e-6, 0.1, 3e-4),
    "buffer_size": (1024, 120_000, 120_000),
    "learning_starts": (0, 8192, 256),
    "reward_scale": (0.1, 10.0, 1.0),
    "tau": (0.01, 1.0, 1.0),
    "priority_alpha": (0.01, 1.0, 0.9),
    "priority_beta": (0.01, 1.0, 0.9),
    "priority_epsilon": (1e-9, 1e-4, 1e-4),
}


def test_published_off_policy_settings():
    for name, settings in PUBLISHED_OFF_POLICY.items():
        task = tasks.get(name)
        fixed = [task.fixed[key] for key in ("num_envs", "train_freq", "gradient_steps")]
        assert (task.fidelity, *fixed) == settings
        assert (task.fixed["gamma"], task.fixed["schedule_steps"]) == (0.99, task.fidelity)
        network = (64 if name.startswith("dqn") else 256, 2, "relu" if "brax" in name else "tanh")
        network = (512, 1, "relu") if "ALE" in name else network
        assert tuple(task.fixed[key] for key in ("hidden_size", "num_layers", "activation")) == network


@pytest.mark.parametrize(
    ("name", "ranges", "sizes"),
    [
        ("dqn/Acrobot-v1", PUBLISHED_DQN, [64, 128, 256]),
        ("dqn/ALE/Qbert-v5", PUBLISHED_DQN_ATARI, [16, 32, 64]),
        ("sac/Pendulum-v1", PUBLISHED_SAC, [256, 512, 1024]),
    ],
)
def test_published_off_policy_space(name, ranges, sizes):
    space = tasks.get(name).space
    assert set(space) == {*ranges, "batch_size", "prioritized", "use_target_network"}
    for key, (low, high, default) in ranges.items():
        assert (space[key].lower, space[key].upper, space[key].default_value) == (low, high, default)
        assert space[key].log == (key in ("learning_rate", "reward_scale", "priority_epsilon"))
    assert spaces.choices(space["batch_size"]) == sizes
    default = spaces.default(space)
    assert (default["prioritized"], default["use_target_network"]) == (False, True)


def test_what_a_space_of_ones_own_leaves_out_keeps_the_tasks_value():
    """The default of PPO is a minibatch of 64, that of the task 128."""
    task = tasks.get("ppo/CartPole-v1")
    own = dataclasses.replace(task, space=ConfigurationSpace(name="mine", space=[task.space["learning_rate"]]))
    assert own.full({"learning_rate": 1e-3}).minibatch_size == 128
    assert own.full({"learning_rate": 1e-3}) == task.full({**spaces.default(task.space), "learning_rate": 1e-3})
    assert (own.preset, own.settings().preset, task.preset) == ("own", "own", "published")


def test_a_copy_of_a_presets_space_is_the_preset():
    task = tasks.get("ppo/CartPole-v1")
    copied = dataclasses.replace(task, space=copy.deepcopy(task.space))
    assert (copied.preset, copied.fixed) == ("published", task.fixed)


def test_a_value_that_is_fixed_in_a_space_of_ones_own_stays():
    task = tasks.get("ppo/CartPole-v1")
    space = ConfigurationSpace(space=[task.space["learning_rate"]])
    own = dataclasses.replace(task, space=space, fixed={**task.fixed, "minibatch_size": 256})
    assert own.full({"learning_rate": 1e-3}).minibatch_size == 256


@pytest.mark.parametrize("name", PUBLISHED_OFF_POLICY)
@pytest.mark.parametrize("preset", tasks.PRESETS)
def test_inactive_hyperparameters_are_absent(name, preset):
    space = tasks.get(name, preset).space
    for seed in range(20):
        drawn = spaces.sample(space, [seed])
        assert ("priority_alpha" in drawn) == ("priority_epsilon" in drawn) == drawn["prioritized"]
        of_target = {"tau", "target_update_interval", "target_update_gradient_steps"} & set(space)
        assert of_target & set(drawn) == (of_target if drawn["use_target_network"] else set())
        assert ("target_entropy_scale" in drawn) == drawn.get("alpha_auto", False)


@pytest.mark.parametrize("name", algorithms.ALGORITHMS)
def test_the_hyperparameters_of_a_task_are_those_of_its_algorithm(name):
    assert registry.of_algorithm(name).Config is algorithms.get(name).Config


def test_tasks_of_an_unknown_algorithm_are_refused_with_the_nearest():
    with pytest.raises(InputError, match="unknown algorithm 'pppo': did you mean 'ppo'"):
        registry.of_algorithm("pppo")


def test_published_settings():
    assert set(tasks.names()) == {*PUBLISHED, *PUBLISHED_OFF_POLICY, *OWN}
    for name, settings in PUBLISHED.items():
        task = tasks.get(name)
        fixed = ("num_envs", "num_steps", "num_epochs", "normalize_observations")
        assert (task.fidelity, *(task.fixed[key] for key in fixed)) == settings
        assert (task.fixed["gamma"], task.fixed["anneal_steps"]) == (0.99, 0)
        networks = {"brax": (256, 2, "relu"), "ALE": (512, 1, "relu"), "Walker": (128, 2, "relu")}
        network = next((size for part, size in networks.items() if part in name), (64, 2, "tanh"))
        assert tuple(task.fixed[key] for key in ("hidden_size", "num_layers", "activation")) == network
        assert (task.num_points, task.num_episodes) == (10, 128)


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_space(name):
    space = tasks.get(name).space
    assert set(space) == {*PUBLISHED_SPACE, "minibatch_size", "normalize_advantage"}
    for key, (low, high, default) in PUBLISHED_SPACE.items():
        assert (space[key].lower, space[key].upper, space[key].default_value) == (low, high, default)
        assert space[key].log == (key == "learning_rate")
    assert spaces.choices(space["minibatch_size"]) == MINIBATCH_SIZES[envs.spec(name.partition("/")[2]).family]
    assert sorted(spaces.choices(space["normalize_advantage"])) == [False, True]
    assert spaces.default(space)["normalize_advantage"] is True


@pytest.mark.parametrize("name", [*PUBLISHED, *PUBLISHED_OFF_POLICY, "ppo/ProbeChoice", "sac/ProbeMatching"])
def test_a_space_and_what_is_fixed_make_a_whole_config(name):
    hyperparameters = set(config.kinds(algorithms.get(name.split("/")[0]).Config))
    for preset in tasks.PRESETS:
        task = tasks.get(name, preset)
        assert set(task.space) | set(task.fixed) == hyperparameters
        assert not set(task.space) & set(task.fixed)


NEVER_TUNED = {
    "schedule_steps",
    "max_buffer_size",
    "network",
    "network_seed",
    "critic_hidden_size",
    "log_std_min",
    "log_std_max",
    "state_dependent_std",
}


def test_full_spaces_tune_all_and_hold_the_published_ones():
    for name in tasks.names():
        full, published = tasks.get(name, "full").space, tasks.get(name).space
        kinds = config.kinds(algorithms.get(name.split("/")[0]).Config)
        assert set(full) == set(kinds) - NEVER_TUNED
        for key in published:
            if isinstance(full[key], CategoricalHyperparameter):
                assert set(published[key].choices) <= set(full[key].choices)
            else:
                assert full[key].lower <= published[key].lower
                assert published[key].upper <= full[key].upper


def test_the_documents_say_what_full_spaces_leave_out():
    text = (Path(__file__).parents[1] / "docs" / "spaces.md").read_text().partition("## What `full` leaves out")[2]
    named = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
    assert {name for cell in named for name in re.findall(r"`(\w+)`", cell)} == NEVER_TUNED


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


@pytest.mark.parametrize(
    ("preset", "fidelity", "name"),
    [("published", None, ""), ("published", 20_000, "@20000"), ("full", None, "@full"), ("full", 9, "@full@9")],
)
def test_landscapes_are_named_after_what_differs(preset, fidelity, name):
    assert tasks.get("ppo/CartPole-v1", preset, fidelity).landscape == "ppo/CartPole-v1" + name
    assert tasks.get("ppo/CartPole-v1", preset, None).fidelity == 100_000


def test_arguments_of_an_env_leave_the_settings_of_its_task():
    pytest.importorskip("xminigrid")
    for preset in tasks.PRESETS:
        task, flat = (tasks.get(f"ppo/MiniGrid-Empty-Random-5x5{query}", preset) for query in ("", "?flat=true"))
        assert (flat.fixed, flat.space, flat.fidelity) == (task.fixed, task.space, task.fidelity)
    assert flat.env.obs_spec.shape == (98,)


def test_a_replay_of_tiles_may_be_as_large_as_the_references():
    task = tasks.get("dqn/MiniGrid-DoorKey-5x5", "full")
    assert (task.space["buffer_size"].upper, task.fixed["max_buffer_size"]) == (1_000_000, 1_000_000)


def test_settings_are_plain_and_tell_tasks_apart():
    settings = tasks.get("ppo/MountainCarContinuous-v0").settings()
    assert settings.name == "ppo/MountainCarContinuous-v0"
    assert (settings.algorithm, settings.env) == ("ppo", "MountainCarContinuous-v0")
    assert settings.fixed["num_steps"] == 1
    assert settings.return_range == (-100.0, 99.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ppo/CartPole", "unknown task 'ppo/CartPole': did you mean 'ppo/CartPole-v1'"),
        ("a2c/CartPole-v1", "unknown task 'a2c/CartPole-v1': did you mean"),
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
    assert (task.env_name, task.return_range) == (f"{file}:Mine", (-3.0, 1.0))
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


def test_summaries_say_of_every_task_what_the_task_says():
    assert [(name, preset) for name, preset, *_ in tasks.summaries()] == [
        (name, preset) for name in tasks.names() for preset in tasks.PRESETS
    ]
    for name, preset, *facts in tasks.summaries():
        task = tasks.get(name, preset)
        assert facts == [task.fidelity, len(task.space), task.num_points, task.num_episodes]


def test_a_task_shows_itself_in_a_line():
    expected = "<Task dqn/CartPole-v1: published space, 12 hyperparameters, 50,000 env steps>"
    assert repr(tasks.get("dqn/CartPole-v1")) == expected
