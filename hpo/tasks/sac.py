"""Tasks and spaces of SAC.

The published settings are those of the reference dataset's tasks; the defaults of the full spaces solve classic control
on ten seeds (`arl train TASK --seeds 10`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arl.hyperparameters.sac import SACConfig
from arl.scalars import Scalar
from hpo.tasks import common
from hpo.tasks.settings import EnvSettings

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Config = SACConfig

_BRAX: dict[str, Scalar] = {
    "num_envs": 64,
    "train_freq": 1,
    "gradient_steps": 8,
    "normalize_observations": True,
    "activation": "relu",
}

SETTINGS: dict[str, EnvSettings] = {
    "Pendulum-v1": EnvSettings(
        published_fidelity=20_000,
        published={"num_envs": 8},
        full_fidelity=20_000,
        full={"learning_rate": 1e-3, "batch_size": 128},
    ),
    "MountainCarContinuous-v0": EnvSettings(
        published_fidelity=50_000,
        published={"num_envs": 8},
        full_fidelity=50_000,
        full={
            "learning_rate": 1e-3,
            "batch_size": 128,
            "tau": 0.01,
            "num_envs": 8,
            "gradient_steps": 2,
            "n_step": 3,
            "learning_starts": 2_000,
            "noise_correlation": 0.98,
            "normalize_observations": True,
        },
    ),
    "planar/LunarLanderContinuous": EnvSettings(
        published_fidelity=500_000,
        published={"num_envs": 8, "train_freq": 8, "gradient_steps": 64},
        full_fidelity=200_000,
        full={
            "learning_rate": 7e-4,
            "num_envs": 8,
            "train_freq": 1,
            "gradient_steps": 2,
            "batch_size": 256,
            "tau": 0.01,
            "learning_starts": 8_000,
            "normalize_observations": True,
            "max_buffer_size": 500_000,
            "buffer_size": 500_000,
        },
    ),
    "planar/BipedalWalker": EnvSettings(
        published_fidelity=500_000,
        published={"num_envs": 1},
        full_fidelity=500_000,
        full={
            "learning_rate": 7e-4,
            "num_envs": 8,
            "gradient_steps": 4,
            "gamma": 0.98,
            "tau": 0.02,
            "learning_starts": 10_000,
            "normalize_observations": True,
            "max_buffer_size": 500_000,
            "buffer_size": 300_000,
        },
    ),
    **dict.fromkeys(
        ("brax/ant", "brax/halfcheetah", "brax/hopper", "brax/humanoid"),
        EnvSettings(
            published_fidelity=5_000_000,
            published=_BRAX,
            full_fidelity=5_000_000,
            full={
                **_BRAX,
                "hidden_size": 256,
                "batch_size": 2048,
                "buffer_size": 1_000_000,
                "max_buffer_size": 2_000_000,
                "learning_starts": 8_192,
            },
        ),
    ),
}

PUBLISHED: dict[str, Scalar] = {"hidden_size": 256, "activation": "tanh"}
NUM_HYPERPARAMETERS = {"published": 11, "full": 33}


def published_space(family: str) -> "ConfigurationSpace":
    """Return the eleven hyperparameters that the reference dataset tunes, with its ranges for a family of envs."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    largest = {"brax": 2_000_000, "box2d": 500_000}.get(family, 120_000)
    sizes = {"brax": [512, 1024, 2048], "box2d": [128, 256, 512]}.get(family, [256, 512, 1024])
    space = ConfigurationSpace(
        name="sac-published",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=3e-4, log=True),
            Integer("buffer_size", (1024, largest), default=largest),
            Categorical("batch_size", sizes, default=sizes[1]),
            Integer("learning_starts", (0, 8192), default=256),
            Float("reward_scale", (0.1, 10.0), default=1.0, log=True),
            Categorical("use_target_network", [True, False], default=True),
            Float("tau", (0.01, 1.0), default=1.0),
        ],
    )
    common.require(space, "tau", "use_target_network")
    return common.with_priorities(space, epsilon=(1e-9, 1e-4))


def full_space(default: Mapping[str, Any], fidelity: int) -> "ConfigurationSpace":
    """Return all hyperparameters of SAC but those that docs/spaces.md names, with a task's own defaults."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    scale = (0.1, 10.0)
    space = ConfigurationSpace(
        name="sac-full",
        space=[
            Float("critic_learning_rate_scale", scale, default=default["critic_learning_rate_scale"], log=True),
            Float("alpha_learning_rate_scale", scale, default=default["alpha_learning_rate_scale"], log=True),
            Float("alpha", (1e-3, 1.0), default=default["alpha"], log=True),
            Categorical("alpha_auto", [True, False], default=default["alpha_auto"]),
            Float("target_entropy_scale", (0.1, 4.0), default=default["target_entropy_scale"], log=True),
            Float("noise_correlation", (0.0, 0.99), default=default["noise_correlation"]),
            Integer(
                "target_update_gradient_steps", (1, 100), default=default["target_update_gradient_steps"], log=True
            ),
            *common.of_replay(default, fidelity),
            *common.of_networks(default),
        ],
    )
    common.require(space, "tau", "use_target_network")
    common.require(space, "target_update_gradient_steps", "use_target_network")
    common.require(space, "alpha_learning_rate_scale", "alpha_auto")
    common.require(space, "target_entropy_scale", "alpha_auto")
    return common.with_annealing(common.with_priorities(space, (1e-9, 1e-3), default), default)
