"""Parts of spaces that several algorithms share.

Hyperparameters that only matter together with another are conditional on it: an inactive one is absent from a config.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arl.hyperparameters.agent import NO_LIMIT
from arl.scalars import Scalar

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

MAX_BUFFER_SIZE = 120_000


def choice(name: str, values: Sequence[int], default: Mapping[str, Any]) -> Any:
    """Return a choice among some numbers and the task's own default."""
    from ConfigSpace import Categorical

    return Categorical(name, sorted({*values, default[name]}), default=default[name])


def of_networks(default: Mapping[str, Any]) -> list[Any]:
    """Return the hyperparameters of the networks and of their inputs, with a task's own defaults."""
    from ConfigSpace import Categorical

    return [
        Categorical("normalize_observations", [True, False], default=default["normalize_observations"]),
        choice("hidden_size", [32, 64, 128, 256], default),
        Categorical("num_layers", [1, 2, 3], default=default["num_layers"]),
        Categorical("activation", ["tanh", "relu"], default=default["activation"]),
    ]


def of_rewards(default: Mapping[str, Any]) -> list[Any]:
    """Return the hyperparameters of the scale of rewards, with a task's own defaults."""
    from ConfigSpace import Categorical, Float

    return [
        Float("reward_scale", (0.01, 10.0), default=default["reward_scale"], log=True),
        Categorical("normalize_rewards", [True, False], default=default["normalize_rewards"]),
    ]


def of_adam(default: Mapping[str, Any]) -> list[Any]:
    """Return the hyperparameters of Adam besides its learning rate, with a task's own defaults."""
    from ConfigSpace import Float

    return [
        Float("adam_beta1", (0.5, 0.99), default=default["adam_beta1"]),
        Float("adam_beta2", (0.9, 0.9999), default=default["adam_beta2"]),
        Float("adam_eps", (1e-10, 1e-2), default=default["adam_eps"], log=True),
    ]


def of_replay(default: Mapping[str, Any], fidelity: int) -> list[Any]:
    """Return the hyperparameters of learning from a replay; learning starts within the first half of a full run."""
    from ConfigSpace import Categorical, Float, Integer

    starts = min(default["learning_starts"], fidelity // 10)
    largest = max(MAX_BUFFER_SIZE, default["max_buffer_size"])
    return [
        Float("learning_rate", (1e-6, 0.1), default=default["learning_rate"], log=True),
        Float("gamma", (0.8, 0.9999), default=default["gamma"]),
        Integer("buffer_size", (1024, largest), default=default["buffer_size"], log=True),
        choice("batch_size", [16, 32, 64, 128, 256, 512, 1024], default),
        Integer("learning_starts", (0, max(fidelity // 2, 1)), default=starts),
        choice("num_envs", [1, 4, 8, 16], default),
        Categorical("train_freq", [1, 2, 4, 8, 16, 32, 64], default=default["train_freq"]),
        Categorical("gradient_steps", [1, 2, 4, 8, 16], default=default["gradient_steps"]),
        Categorical("n_step", [1, 2, 3, 5], default=default["n_step"]),
        Categorical("use_target_network", [True, False], default=default["use_target_network"]),
        Float("tau", (0.001, 1.0), default=default["tau"], log=True),
        Categorical("max_grad_norm", [0.5, 1.0, 10.0, NO_LIMIT], default=default["max_grad_norm"]),
        *of_rewards(default),
        *of_adam(default),
    ]


def with_priorities(
    space: "ConfigurationSpace", epsilon: tuple[float, float], default: Mapping[str, Any] | None = None
) -> "ConfigurationSpace":
    """Return the space with the switch of prioritized replay, and its hyperparameters where that is on.

    Args:
        space: the space to add to.
        epsilon: the range of `priority_epsilon`.
        default: a task's own defaults; those of the reference dataset by default.
    """
    from ConfigSpace import Categorical, Float

    priorities: dict[str, Scalar] = {"priority_alpha": 0.9, "priority_beta": 0.9, "priority_epsilon": epsilon[1]}
    default = default or {"prioritized": False, **priorities}
    space.add(
        Categorical("prioritized", [True, False], default=default["prioritized"]),
        Float("priority_alpha", (0.01, 1.0), default=default["priority_alpha"]),
        Float("priority_beta", (0.01, 1.0), default=default["priority_beta"]),
        Float("priority_epsilon", epsilon, default=default["priority_epsilon"], log=True),
    )
    for name in priorities:
        require(space, name, "prioritized")
    return space


def with_annealing(space: "ConfigurationSpace", default: Mapping[str, Any]) -> "ConfigurationSpace":
    """Return the space with the switch of annealing where prioritized replay is on, with a task's own default."""
    from ConfigSpace import Categorical

    space.add(Categorical("anneal_priority_beta", [True, False], default=default["anneal_priority_beta"]))
    require(space, "anneal_priority_beta", "prioritized")
    return space


def require(space: "ConfigurationSpace", name: str, switch: str) -> None:
    """Make `name` active only where `switch` is on."""
    from ConfigSpace import EqualsCondition

    space.add(EqualsCondition(space[name], space[switch], True))
