"""The spaces of the tasks, by algorithm: what the reference dataset tunes (`published`), and every hyperparameter (`full`).

Hyperparameters that only matter together with another are conditional on it: an inactive one is absent from a config.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

from hpo.trial import Scalar

Defaults = Mapping[str, Any]


def ppo_published(family: str) -> ConfigurationSpace:
    """The nine hyperparameters of PPO that the reference dataset tunes, with its ranges for a family of environments."""
    sizes = {"brax": [512, 1024, 2048], "classic_control": [128, 256, 512]}.get(family, [32, 64, 128])
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


def dqn_published(family: str) -> ConfigurationSpace:
    """The twelve hyperparameters of DQN that the reference dataset tunes, with its ranges for a family of environments."""
    largest = 1_000_000 if family == "minigrid" else 120_000
    sizes = [32, 64, 128] if family == "minigrid" else [64, 128, 256]
    space = ConfigurationSpace(
        name="dqn-published",
        space=[
            Float("learning_rate", (1e-6, 0.1), default=3e-4, log=True),
            Integer("buffer_size", (1024, largest), default=largest),
            Categorical("batch_size", sizes, default=sizes[1]),
            Float("initial_epsilon", (0.5, 1.0), default=1.0),
            Float("final_epsilon", (0.001, 0.2), default=0.05),
            Integer("learning_starts", (0, 2048), default=128),
            Categorical("use_target_network", [True, False], default=True),
            Integer("target_update_interval", (1, 100), default=10),
        ],
    )
    _require(space, "target_update_interval", "use_target_network")
    return _with_priorities(space, epsilon=(1e-7, 1e-3))


def sac_published(family: str) -> ConfigurationSpace:
    """The eleven hyperparameters of SAC that the reference dataset tunes, with its ranges for a family of environments."""
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
    _require(space, "tau", "use_target_network")
    return _with_priorities(space, epsilon=(1e-9, 1e-4))


def ppo_full(default: Defaults, fidelity: int) -> ConfigurationSpace:
    """Every hyperparameter of PPO, with a task's own defaults; annealing, if any, is over a full run."""
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
            Categorical("num_envs", [1, 4, 8, 16, 32], default=default["num_envs"]),
            *_of_every_algorithm(default),
        ],
    )


def dqn_full(default: Defaults, fidelity: int) -> ConfigurationSpace:
    """Every hyperparameter of DQN, with a task's own defaults."""
    space = ConfigurationSpace(
        name="dqn-full",
        space=[
            Float("initial_epsilon", (0.5, 1.0), default=default["initial_epsilon"]),
            Float("final_epsilon", (0.001, 0.2), default=default["final_epsilon"]),
            Float("exploration_fraction", (0.005, 0.5), default=default["exploration_fraction"]),
            Float("noise_correlation", (0.0, 0.99), default=default["noise_correlation"]),
            Categorical("double_q", [True, False], default=default["double_q"]),
            Categorical("dueling", [True, False], default=default["dueling"]),
            Integer("target_update_interval", (1, 2000), default=default["target_update_interval"], log=True),
            *_of_replay(default, fidelity),
            *_of_every_algorithm(default),
        ],
    )
    _require(space, "tau", "use_target_network")
    _require(space, "target_update_interval", "use_target_network")
    return _with_priorities(space, epsilon=(1e-7, 1e-3), default=default)


def sac_full(default: Defaults, fidelity: int) -> ConfigurationSpace:
    """Every hyperparameter of SAC, with a task's own defaults."""
    scale = (0.1, 10.0)
    space = ConfigurationSpace(
        name="sac-full",
        space=[
            Float("critic_learning_rate_scale", scale, default=default["critic_learning_rate_scale"], log=True),
            Float("alpha_learning_rate_scale", scale, default=default["alpha_learning_rate_scale"], log=True),
            Float("alpha", (1e-3, 1.0), default=default["alpha"], log=True),
            Categorical("alpha_auto", [True, False], default=default["alpha_auto"]),
            Float("target_entropy_scale", (0.1, 4.0), default=default["target_entropy_scale"], log=True),
            Float("reward_scale", scale, default=default["reward_scale"], log=True),
            Float("noise_correlation", (0.0, 0.99), default=default["noise_correlation"]),
            Integer("target_update_interval", (1, 100), default=default["target_update_interval"], log=True),
            *_of_replay(default, fidelity),
            *_of_every_algorithm(default),
        ],
    )
    _require(space, "tau", "use_target_network")
    _require(space, "target_update_interval", "use_target_network")
    _require(space, "alpha_learning_rate_scale", "alpha_auto")
    _require(space, "target_entropy_scale", "alpha_auto")
    return _with_priorities(space, epsilon=(1e-9, 1e-3), default=default)


PUBLISHED: dict[str, Callable[[str], ConfigurationSpace]] = {
    "ppo": ppo_published,
    "dqn": dqn_published,
    "sac": sac_published,
}
FULL: dict[str, Callable[[Defaults, int], ConfigurationSpace]] = {"ppo": ppo_full, "dqn": dqn_full, "sac": sac_full}

MAX_BUFFER_SIZE = 120_000


def _of_every_algorithm(default: Defaults) -> list[Any]:
    return [
        Categorical("normalize_observations", [True, False], default=default["normalize_observations"]),
        Categorical("hidden_size", [32, 64, 128, 256], default=default["hidden_size"]),
        Categorical("num_layers", [1, 2, 3], default=default["num_layers"]),
        Categorical("activation", ["tanh", "relu"], default=default["activation"]),
    ]


def _of_replay(default: Defaults, fidelity: int) -> list[Any]:
    """What learning from a replay adds; learning starts within the first half of a full run."""
    starts = min(default["learning_starts"], fidelity // 10)
    return [
        Float("learning_rate", (1e-6, 0.1), default=default["learning_rate"], log=True),
        Float("gamma", (0.8, 0.9999), default=default["gamma"]),
        Integer("buffer_size", (1024, MAX_BUFFER_SIZE), default=default["buffer_size"], log=True),
        Categorical("batch_size", [16, 32, 64, 128, 256, 512, 1024], default=default["batch_size"]),
        Integer("learning_starts", (0, max(fidelity // 2, 1)), default=starts),
        Categorical("num_envs", [1, 4, 8, 16], default=default["num_envs"]),
        Categorical("train_freq", [1, 2, 4, 8, 16, 32, 64], default=default["train_freq"]),
        Categorical("gradient_steps", [1, 2, 4, 8, 16], default=default["gradient_steps"]),
        Categorical("n_step", [1, 2, 3, 5], default=default["n_step"]),
        Categorical("use_target_network", [True, False], default=default["use_target_network"]),
        Float("tau", (0.001, 1.0), default=default["tau"], log=True),
    ]


def _with_priorities(
    space: ConfigurationSpace, epsilon: tuple[float, float], default: Defaults | None = None
) -> ConfigurationSpace:
    """The space with prioritized replay, and its hyperparameters where it is on."""
    own: dict[str, Scalar] = {"priority_alpha": 0.9, "priority_beta": 0.9, "priority_epsilon": epsilon[1]}
    known = default or {"prioritized": False, **own}
    space.add(
        Categorical("prioritized", [True, False], default=known["prioritized"]),
        Float("priority_alpha", (0.01, 1.0), default=known["priority_alpha"]),
        Float("priority_beta", (0.01, 1.0), default=known["priority_beta"]),
        Float("priority_epsilon", epsilon, default=known["priority_epsilon"], log=True),
    )
    for name in own:
        _require(space, name, "prioritized")
    return space


def _require(space: ConfigurationSpace, name: str, switch: str) -> None:
    """`name` is active only where `switch` is on."""
    space.add(EqualsCondition(space[name], space[switch], True))
