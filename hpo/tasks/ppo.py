"""Tasks and spaces of PPO.

The published settings are those of the reference dataset's tasks; the defaults of the full spaces solve classic control
on ten seeds (`arl train TASK --seeds 10`). MinAtar is not in that dataset.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arl.hyperparameters.agent import NO_LIMIT
from arl.hyperparameters.ppo import PPOConfig
from arl.scalars import Scalar
from hpo.tasks import common
from hpo.tasks.settings import ATARI, EnvSettings

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Config = PPOConfig

_MINIGRID: dict[str, Scalar] = {"num_envs": 8, "num_steps": 32, "num_epochs": 10, "normalize_observations": True}
_MINIGRID_FULL: dict[str, Scalar] = {
    "learning_rate": 1e-3,
    "ent_coef": 0.01,
    "num_envs": 16,
    "num_steps": 64,
    "num_epochs": 4,
    "minibatch_size": 256,
    "vf_clip_eps": 10.0,
}
_BRAX: dict[str, Scalar] = {
    "num_envs": 2048,
    "num_steps": 5,
    "num_epochs": 4,
    "normalize_observations": True,
    "hidden_size": 256,
    "activation": "relu",
}
_MINATAR: dict[str, Scalar] = {
    "learning_rate": 1e-3,
    "ent_coef": 0.01,
    "num_envs": 32,
    "num_steps": 64,
    "num_epochs": 4,
    "minibatch_size": 256,
    "hidden_size": 128,
    "activation": "relu",
    "vf_clip_eps": 10.0,
}

_ATARI: dict[str, Scalar] = {
    "num_envs": 8,
    "num_steps": 128,
    "num_epochs": 4,
    "hidden_size": 512,
    "num_layers": 1,
    "activation": "relu",
}
_ATARI_FULL: dict[str, Scalar] = {
    **_ATARI,
    "learning_rate": 2.5e-4,
    "anneal_steps": 10_000_000,
    "ent_coef": 0.01,
    "clip_eps": 0.1,
    "vf_clip_eps": 10.0,
    "minibatch_size": 256,
}

_LANDERS = ("planar/LunarLander", "planar/LunarLanderContinuous")
_LANDER = EnvSettings(
    published_fidelity=1_000_000,
    published={"num_envs": 16, "num_steps": 1024, "num_epochs": 4},
    full_fidelity=1_000_000,
    full={
        "learning_rate": 1e-3,
        "anneal_steps": 1_000_000,
        "gamma": 0.999,
        "gae_lambda": 0.98,
        "vf_clip_eps": 10.0,
        "ent_coef": 0.01,
        "normalize_observations": True,
        "normalize_rewards": True,
        "num_envs": 16,
        "num_steps": 512,
        "num_epochs": 4,
        "minibatch_size": 256,
    },
)
_WALKER = EnvSettings(
    published_fidelity=1_000_000,
    published={
        "num_envs": 1,
        "num_steps": 2048,
        "num_epochs": 10,
        "normalize_observations": True,
        "hidden_size": 128,
        "activation": "relu",
    },
    full_fidelity=2_000_000,
    full={
        "learning_rate": 3e-4,
        "anneal_steps": 2_000_000,
        "vf_clip_eps": 10.0,
        "normalize_observations": True,
        "normalize_rewards": True,
        "num_envs": 16,
        "num_steps": 512,
        "num_epochs": 10,
        "minibatch_size": 256,
    },
)

SETTINGS: dict[str, EnvSettings] = {
    "CartPole-v1": EnvSettings(
        published_fidelity=100_000,
        published={"num_envs": 8, "num_steps": 32, "num_epochs": 20},
        full_fidelity=100_000,
        full={
            "learning_rate": 1e-3,
            "anneal_steps": 100_000,
            "gamma": 0.98,
            "gae_lambda": 0.8,
            "vf_clip_eps": 10.0,
            "num_envs": 8,
            "num_steps": 32,
            "num_epochs": 20,
            "minibatch_size": 256,
        },
    ),
    "Acrobot-v1": EnvSettings(
        published_fidelity=1_000_000,
        published={"num_envs": 8, "num_steps": 128, "num_epochs": 4},
        full_fidelity=500_000,
        full={
            "learning_rate": 1e-3,
            "anneal_steps": 500_000,
            "gae_lambda": 0.94,
            "vf_clip_eps": 10.0,
            "normalize_observations": True,
            "num_envs": 16,
            "num_steps": 256,
            "num_epochs": 4,
            "minibatch_size": 128,
        },
    ),
    "MountainCar-v0": EnvSettings(
        published_fidelity=1_000_000,
        published={"num_envs": 8, "num_steps": 32, "num_epochs": 4},
        full_fidelity=1_000_000,
        full={
            "learning_rate": 1e-3,
            "gae_lambda": 0.98,
            "normalize_observations": True,
            "num_envs": 16,
            "num_steps": 32,
            "num_epochs": 4,
            "minibatch_size": 128,
        },
    ),
    "Pendulum-v1": EnvSettings(
        published_fidelity=100_000,
        published={"num_envs": 8, "num_steps": 512, "num_epochs": 10},
        full_fidelity=100_000,
        full={
            "learning_rate": 1e-3,
            "gamma": 0.9,
            "gae_lambda": 0.95,
            "vf_clip_eps": 10.0,
            "num_envs": 4,
            "num_steps": 256,
            "num_epochs": 10,
            "minibatch_size": 64,
        },
    ),
    "MountainCarContinuous-v0": EnvSettings(
        published_fidelity=20_000,
        published={"num_envs": 8, "num_steps": 1, "num_epochs": 10, "normalize_observations": True},
        full_fidelity=100_000,
        full={
            "learning_rate": 3e-4,
            "gamma": 0.99,
            "normalize_observations": True,
            "num_envs": 16,
            "num_steps": 256,
            "num_epochs": 10,
            "minibatch_size": 256,
        },
    ),
    "MiniGrid-Empty-Random-5x5": EnvSettings(100_000, _MINIGRID, 100_000, _MINIGRID_FULL),
    **dict.fromkeys(
        ("MiniGrid-DoorKey-5x5", "MiniGrid-FourRooms", "MiniGrid-Unlock"),
        EnvSettings(1_000_000, _MINIGRID, 1_000_000, _MINIGRID_FULL),
    ),
    **dict.fromkeys(_LANDERS, _LANDER),
    "planar/BipedalWalker": _WALKER,
    **dict.fromkeys(
        ("brax/ant", "brax/halfcheetah", "brax/hopper", "brax/humanoid"),
        EnvSettings(50_000_000, _BRAX, 50_000_000, {**_BRAX, "minibatch_size": 1024, "vf_clip_eps": 10.0}),
    ),
    **dict.fromkeys(
        ("Asterix-MinAtar", "Breakout-MinAtar", "Freeway-MinAtar", "SpaceInvaders-MinAtar"),
        EnvSettings(1_000_000, _MINATAR, 1_000_000, {**_MINATAR, "anneal_steps": 1_000_000}),
    ),
    **dict.fromkeys(ATARI, EnvSettings(10_000_000, _ATARI, 10_000_000, _ATARI_FULL)),
}

PUBLISHED: dict[str, Scalar] = {}
NUM_HYPERPARAMETERS = {"published": 9, "full": 24}


def published_space(family: str) -> "ConfigurationSpace":
    """Return the nine hyperparameters that the reference dataset tunes, with its ranges for a family of envs."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float

    large, medium = [512, 1024, 2048], [128, 256, 512]
    sizes = {"brax": large, "classic_control": medium, "minatar": medium, "atari": medium}.get(family, [32, 64, 128])
    return ConfigurationSpace(
        name="ppo-published",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=3e-4, log=True),
            Categorical("minibatch_size", sizes, default=sizes[0]),
            Float("gae_lambda", (0.8, 0.9999), default=0.95),
            Float("clip_eps", (0.0, 0.5), default=0.2),
            Float("vf_clip_eps", (0.0, 0.5), default=0.2),
            Categorical("normalize_advantage", [True, False], default=True),
            Float("ent_coef", (0.0, 0.5), default=0.0),
            Float("vf_coef", (0.0, 1.0), default=0.5),
            Float("max_grad_norm", (0.0, 1.0), default=0.5),
        ],
    )


def full_space(default: Mapping[str, Any], fidelity: int) -> "ConfigurationSpace":
    """Return all hyperparameters of PPO but those that docs/spaces.md names, with a task's own defaults.

    Annealing, if any, is over a full run.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    return ConfigurationSpace(
        name="ppo-full",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=default["learning_rate"], log=True),
            Categorical("anneal_steps", [0, fidelity], default=fidelity if default["anneal_steps"] else 0),
            Float("gamma", (0.8, 1.0), default=default["gamma"]),
            Float("gae_lambda", (0.8, 0.9999), default=default["gae_lambda"]),
            Float("clip_eps", (0.0, 0.5), default=default["clip_eps"]),
            Float("vf_clip_eps", (0.0, 10.0), default=default["vf_clip_eps"]),
            Categorical("normalize_advantage", [True, False], default=default["normalize_advantage"]),
            Float("ent_coef", (0.0, 0.5), default=default["ent_coef"]),
            Float("vf_coef", (0.0, 1.0), default=default["vf_coef"]),
            Float("max_grad_norm", (0.0, 1.0), default=default["max_grad_norm"]),
            Integer("num_epochs", (1, 20), default=default["num_epochs"]),
            Categorical("minibatch_size", [16, 32, 64, 128, 256, 512, 1024, 2048], default=default["minibatch_size"]),
            Categorical("num_steps", [5, 32, 64, 80, 128, 256, 512], default=default["num_steps"]),
            common.choice("num_envs", [1, 4, 8, 16, 32], default),
            Categorical("target_kl", [0.003, 0.01, 0.03, 0.1, NO_LIMIT], default=default["target_kl"]),
            *common.of_rewards(default),
            *common.of_adam(default),
            *common.of_networks(default),
        ],
    )
