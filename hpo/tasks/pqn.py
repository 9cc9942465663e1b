"""Tasks and spaces of PQN.

The reference dataset has no PQN; its `published` space tunes what the paper's experiments vary. The defaults solve classic
control on ten seeds (`arl train TASK --seeds 10`), but for CartPole, which one of ten loses again.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arl.hyperparameters.pqn import PQNConfig
from arl.scalars import Scalar
from hpo.tasks import common
from hpo.tasks.settings import EnvSettings

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

Config = PQNConfig

_MINATAR: dict[str, Scalar] = {
    "learning_rate": 5e-4,
    "anneal_steps": 1_000_000,
    "td_lambda": 0.65,
    "exploration_fraction": 0.1,
    "reward_scale": 1.0,
    "num_envs": 32,
    "num_steps": 32,
    "num_epochs": 2,
    "minibatch_size": 128,
}

SETTINGS: dict[str, EnvSettings] = {
    "CartPole-v1": EnvSettings(
        published_fidelity=100_000,
        published={"anneal_steps": 100_000},
        full_fidelity=100_000,
        full={"anneal_steps": 100_000},
    ),
    "Acrobot-v1": EnvSettings(
        published_fidelity=200_000,
        published={"anneal_steps": 200_000, "num_steps": 32},
        full_fidelity=200_000,
        full={"anneal_steps": 200_000, "num_steps": 32},
    ),
    **dict.fromkeys(
        ("Asterix-MinAtar", "Breakout-MinAtar", "Freeway-MinAtar", "SpaceInvaders-MinAtar"),
        EnvSettings(1_000_000, _MINATAR, 1_000_000, _MINATAR),
    ),
}

PUBLISHED: dict[str, Scalar] = {}

NUM_HYPERPARAMETERS = {"published": 8, "full": 21}


def published_space(family: str) -> "ConfigurationSpace":
    """Return the eight hyperparameters that the paper's experiments vary or that its users tune first."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    return ConfigurationSpace(
        name="pqn-published",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=3e-4, log=True),
            Float("td_lambda", (0.0, 1.0), default=0.95),
            Float("final_epsilon", (0.001, 0.2), default=0.05),
            Float("exploration_fraction", (0.005, 0.5), default=0.2),
            Float("reward_scale", (0.01, 1.0), default=0.1, log=True),
            Float("max_grad_norm", (0.1, 10.0), default=10.0, log=True),
            Integer("num_epochs", (1, 8), default=4),
            Categorical("minibatch_size", [32, 64, 128, 256], default=64),
        ],
    )


def full_space(default: Mapping[str, Any], fidelity: int) -> "ConfigurationSpace":
    """Return all hyperparameters of PQN but those that docs/spaces.md names, with a task's own defaults.

    Annealing, if any, is over a full run.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    return ConfigurationSpace(
        name="pqn-full",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=default["learning_rate"], log=True),
            Categorical("anneal_steps", [0, fidelity], default=fidelity if default["anneal_steps"] else 0),
            Float("gamma", (0.8, 1.0), default=default["gamma"]),
            Float("td_lambda", (0.0, 1.0), default=default["td_lambda"]),
            Float("initial_epsilon", (0.5, 1.0), default=default["initial_epsilon"]),
            Float("final_epsilon", (0.001, 0.2), default=default["final_epsilon"]),
            Float("exploration_fraction", (0.005, 0.5), default=default["exploration_fraction"]),
            Float("max_grad_norm", (0.1, 10.0), default=default["max_grad_norm"], log=True),
            Integer("num_epochs", (1, 8), default=default["num_epochs"]),
            Categorical("minibatch_size", [32, 64, 128, 256, 512, 1024], default=default["minibatch_size"]),
            Categorical("num_steps", [1, 4, 16, 32, 64, 128], default=default["num_steps"]),
            common.choice("num_envs", [4, 8, 16, 32, 64], default),
            *common.of_rewards(default),
            *common.of_adam(default),
            *common.of_networks(default),
        ],
    )
