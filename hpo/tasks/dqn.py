"""Tasks and spaces of DQN.

The published settings are those of the reference dataset's tasks; the defaults of the full spaces solve classic control
on ten seeds (`arl train TASK --seeds 10`). MinAtar is not in that dataset.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arl.hyperparameters.agent import NO_LIMIT
from arl.hyperparameters.dqn import DQNConfig
from arl.scalars import Scalar
from hpo.tasks import common
from hpo.tasks.settings import ATARI, EnvSettings

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Config = DQNConfig

_MINIGRID: dict[str, Scalar] = {"num_envs": 4, "train_freq": 1, "gradient_steps": 1}
_MINIGRID_FULL: dict[str, Scalar] = {
    **_MINIGRID,
    "learning_rate": 5e-4,
    "n_step": 3,
    "buffer_size": 100_000,
    "max_buffer_size": 1_000_000,
    "target_update_interval": 500,
    "exploration_fraction": 0.3,
}
_MINATAR: dict[str, Scalar] = {
    "learning_rate": 2.5e-4,
    "num_envs": 8,
    "train_freq": 4,
    "gradient_steps": 4,
    "batch_size": 64,
    "learning_starts": 5_000,
    "target_update_interval": 1_000,
    "hidden_size": 128,
    "activation": "relu",
}

_ATARI: dict[str, Scalar] = {
    "num_envs": 8,
    "train_freq": 1,
    "gradient_steps": 2,
    "hidden_size": 512,
    "num_layers": 1,
    "activation": "relu",
}
_ATARI_FULL: dict[str, Scalar] = {
    **_ATARI,
    "learning_rate": 1e-4,
    "batch_size": 32,
    "learning_starts": 20_000,
    "target_update_interval": 1_000,
    "final_epsilon": 0.01,
    "huber_delta": 1.0,
}

SETTINGS: dict[str, EnvSettings] = {
    "CartPole-v1": EnvSettings(
        published_fidelity=50_000,
        published={"num_envs": 8, "train_freq": 32, "gradient_steps": 128},
        full_fidelity=50_000,
        full={
            "learning_rate": 5e-4,
            "num_envs": 4,
            "train_freq": 1,
            "gradient_steps": 2,
            "n_step": 5,
            "target_update_interval": 4,
            "tau": 0.01,
            "exploration_fraction": 0.2,
            "normalize_observations": True,
        },
    ),
    "Acrobot-v1": EnvSettings(
        published_fidelity=100_000,
        published={"num_envs": 4, "train_freq": 1, "gradient_steps": 4},
        full_fidelity=100_000,
        full={
            "learning_rate": 6.3e-4,
            "num_envs": 4,
            "train_freq": 1,
            "gradient_steps": 1,
            "n_step": 3,
            "learning_starts": 2_000,
            "target_update_interval": 250,
            "exploration_fraction": 0.2,
            "noise_correlation": 0.8,
            "normalize_observations": True,
            "activation": "relu",
        },
    ),
    "MountainCar-v0": EnvSettings(
        published_fidelity=120_000,
        published={"num_envs": 8, "train_freq": 2, "gradient_steps": 8},
        full_fidelity=120_000,
        full={
            "learning_rate": 1e-3,
            "num_envs": 8,
            "train_freq": 2,
            "gradient_steps": 8,
            "n_step": 5,
            "learning_starts": 4_000,
            "target_update_interval": 600,
            "exploration_fraction": 0.2,
            "noise_correlation": 0.95,
            "normalize_observations": True,
            "activation": "relu",
        },
    ),
    "MiniGrid-Empty-Random-5x5": EnvSettings(100_000, _MINIGRID, 100_000, _MINIGRID_FULL),
    **dict.fromkeys(
        ("MiniGrid-DoorKey-5x5", "MiniGrid-FourRooms", "MiniGrid-Unlock"),
        EnvSettings(1_000_000, _MINIGRID, 1_000_000, _MINIGRID_FULL),
    ),
    "planar/LunarLander": EnvSettings(
        published_fidelity=100_000,
        published={"num_envs": 4, "train_freq": 1, "gradient_steps": 1},
        full_fidelity=300_000,
        full={
            "learning_rate": 5e-4,
            "num_envs": 4,
            "train_freq": 1,
            "gradient_steps": 1,
            "batch_size": 128,
            "n_step": 3,
            "learning_starts": 4_000,
            "target_update_interval": 4,
            "tau": 0.01,
            "exploration_fraction": 0.2,
            "normalize_observations": True,
            "hidden_size": 128,
            "activation": "relu",
        },
    ),
    **dict.fromkeys(
        ("Asterix-MinAtar", "Breakout-MinAtar", "Freeway-MinAtar", "SpaceInvaders-MinAtar"),
        EnvSettings(1_000_000, _MINATAR, 1_000_000, {**_MINATAR, "n_step": 3}),
    ),
    **dict.fromkeys(ATARI, EnvSettings(10_000_000, _ATARI, 10_000_000, _ATARI_FULL)),
}

PUBLISHED: dict[str, Scalar] = {"double_q": False}
NUM_HYPERPARAMETERS = {"published": 12, "full": 34}


def published_space(family: str) -> "ConfigurationSpace":
    """Return the twelve hyperparameters that the reference dataset tunes, with its ranges for a family of envs."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    largest = {"minigrid": 1_000_000, "atari": 100_000}.get(family, common.MAX_BUFFER_SIZE)
    sizes = {"minigrid": [32, 64, 128], "minatar": [32, 64, 128], "atari": [16, 32, 64]}.get(family, [64, 128, 256])
    starts = (1024, 32_768) if family == "atari" else (0, 2048)
    interval = 2_000 if family == "atari" else 100
    space = ConfigurationSpace(
        name="dqn-published",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=3e-4, log=True),
            Integer("buffer_size", (1024, largest), default=largest),
            Categorical("batch_size", sizes, default=sizes[1]),
            Float("initial_epsilon", (0.5, 1.0), default=1.0),
            Float("final_epsilon", (0.001, 0.2), default=0.05),
            Integer("learning_starts", starts, default=max(starts[0], 128)),
            Categorical("use_target_network", [True, False], default=True),
            Integer("target_update_interval", (1, interval), default=interval // 2 if family == "atari" else 10),
        ],
    )
    common.require(space, "target_update_interval", "use_target_network")
    return common.with_priorities(space, epsilon=(1e-7, 1e-3))


def full_space(default: Mapping[str, Any], fidelity: int) -> "ConfigurationSpace":
    """Return all hyperparameters of DQN but those that docs/spaces.md names, with a task's own defaults."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    space = ConfigurationSpace(
        name="dqn-full",
        space=[
            Float("initial_epsilon", (0.5, 1.0), default=default["initial_epsilon"]),
            Float("final_epsilon", (0.001, 0.2), default=default["final_epsilon"]),
            Float("exploration_fraction", (0.005, 0.5), default=default["exploration_fraction"]),
            Float("noise_correlation", (0.0, 0.99), default=default["noise_correlation"]),
            Categorical("double_q", [True, False], default=default["double_q"]),
            Categorical("dueling", [True, False], default=default["dueling"]),
            Categorical("huber_delta", [0.1, 1.0, 10.0, NO_LIMIT], default=default["huber_delta"]),
            Integer("target_update_interval", (1, 2000), default=default["target_update_interval"], log=True),
            *common.of_replay(default, fidelity),
            *common.of_networks(default),
        ],
    )
    common.require(space, "tau", "use_target_network")
    common.require(space, "target_update_interval", "use_target_network")
    return common.with_annealing(common.with_priorities(space, (1e-7, 1e-3), default), default)
