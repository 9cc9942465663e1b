"""Tasks: one algorithm on one env with its space, fidelity, evaluation points and score scale.

A sweep, a landscape and a comparison all name tasks. Each has two space presets:

- `published`: the hyperparameters that the reference dataset tunes, with its ranges; all others fixed to its settings.
- `full`: every hyperparameter, with defaults that solve the task.
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import envs
from arl.errors import InputError, unknown
from hpo.trial import Scalar

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from landscapes.dataset import Landscape

PRESETS = ("published", "full")


@dataclasses.dataclass(frozen=True)
class Task:
    """A task with one of its spaces.

    Attributes:
        fidelity: env steps of a full run.
        fixed: hyperparameters that are not tuned.
        num_points, num_episodes: evaluations of a full run, and episodes of each.
        return_range: worst and best episode return; the worst is the score of a diverged run.
    """

    name: str
    algorithm: str
    env: str
    preset: str
    fidelity: int
    fixed: Mapping[str, Scalar]
    space: "ConfigurationSpace"
    return_range: tuple[float, float]
    num_points: int = 10
    num_episodes: int = 128

    @property
    def imported(self) -> bool:
        """Whether it is that of an imported landscape (`arlbench:ppo/CartPole-v1`): it can be asked, not trained."""
        return ":" in self.name.partition("/")[0]

    @property
    def landscape(self) -> str:
        """The name of its landscape."""
        from landscapes import dataset

        usual = self.imported or self.fidelity == _usual_fidelity(self.algorithm, self.env, self.preset)
        return dataset.label(self.name, self.preset, None if usual else self.fidelity)

    def points(self, fidelity: int, start: int = 0) -> tuple[int, ...]:
        """Env steps at which a run from `start` to `fidelity` is evaluated: the full run's, and `fidelity` itself."""
        full = (self.fidelity * i // self.num_points for i in range(1, self.num_points + 1))
        return (*(point for point in full if start < point < fidelity), fidelity)

    def settings(self) -> dict[str, Any]:
        """What defines the task, as JSON-ready values (the space is kept apart)."""
        names = ("algorithm", "env", "preset", "fidelity", "num_points", "num_episodes")
        fixed = {"fixed": dict(self.fixed), "return_range": list(self.return_range)}
        return {"task": self.name, **{name: getattr(self, name) for name in names}, **fixed}


@dataclasses.dataclass(frozen=True)
class _Settings:
    """Per preset: env steps of a full run, and hyperparameters that differ from the algorithm's defaults."""

    published_fidelity: int
    published: Mapping[str, Scalar]
    full_fidelity: int
    full: Mapping[str, Scalar]


# The published settings are those of the reference dataset's tasks; the defaults of the full spaces solve the task on ten
# seeds (`arl train TASK --seeds 10`).
_PPO: dict[str, _Settings] = {
    "CartPole-v1": _Settings(
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
    "Acrobot-v1": _Settings(
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
    "MountainCar-v0": _Settings(
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
    "Pendulum-v1": _Settings(
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
    "MountainCarContinuous-v0": _Settings(
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
}

_DQN: dict[str, _Settings] = {
    "CartPole-v1": _Settings(
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
    "Acrobot-v1": _Settings(
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
    "MountainCar-v0": _Settings(
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
}

_SAC: dict[str, _Settings] = {
    "Pendulum-v1": _Settings(
        published_fidelity=20_000,
        published={"num_envs": 8},
        full_fidelity=20_000,
        full={"learning_rate": 1e-3, "batch_size": 128},
    ),
    "MountainCarContinuous-v0": _Settings(
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
}

_TABLE: dict[str, dict[str, _Settings]] = {"ppo": _PPO, "dqn": _DQN, "sac": _SAC}
_CUSTOM = _Settings(published_fidelity=100_000, published={}, full_fidelity=100_000, full={})

# What the reference system fixes for all its tasks, where the algorithm's own default differs.
_PUBLISHED: dict[str, dict[str, Scalar]] = {
    "ppo": {},
    "dqn": {"double_q": False},
    "sac": {"hidden_size": 256, "activation": "tanh"},
}


def names() -> list[str]:
    """The tasks that come with the package."""
    return [f"{algorithm}/{env}" for algorithm, rows in _TABLE.items() for env in rows]


def get(name: str, preset: str = "published", fidelity: int | None = None) -> Task:
    """The task `algorithm/env`; the env may be the user's own (`ppo/module:Class`, `ppo/file.py:Class`).

    The task of an imported landscape has that landscape's name, such as `arlbench:ppo/CartPole-v1`.

    `fidelity`: env steps of a full run, if not the task's.

    Raises:
        InputError: unknown task, algorithm, env or preset, or a fidelity below 1 or from 2**31 up.
    """
    algorithm, _, env = name.partition("/")
    if ":" in algorithm:
        return _of_imported(name, preset, fidelity)
    if algorithm not in _TABLE or not env:
        raise unknown("task", name, names())
    if env not in _TABLE[algorithm] and env not in envs.names() and ":" not in env:
        raise unknown("task", name, names())
    if preset not in PRESETS:
        raise unknown("space", preset, PRESETS)
    if fidelity is not None and fidelity < 1:
        raise InputError(f"fidelity must be at least 1 env step, got {fidelity}")
    if fidelity is not None and fidelity >= 2**31:
        raise InputError(f"fidelity must be below 2**31 env steps, got {fidelity}")
    return _task(name, algorithm, env, preset, fidelity)


def _usual_fidelity(algorithm: str, env: str, preset: str) -> int:
    settings = _TABLE[algorithm].get(env, _CUSTOM)
    return settings.published_fidelity if preset == "published" else settings.full_fidelity


def _of_imported(name: str, preset: str, fidelity: int | None) -> Task:
    from landscapes import dataset

    task = of_landscape(dataset.get(dataset.label(name, preset)))
    if fidelity not in (None, task.fidelity):
        raise InputError(f"fidelity of imported task {name} must be its own, {task.fidelity}, got {fidelity}")
    return task


def of_landscape(landscape: "Landscape") -> Task:
    """The task of a landscape; of an imported one, as its files say."""
    settings = landscape.about["settings"]
    if landscape.source is None:
        return get(settings["task"], settings["preset"], settings["fidelity"])
    return of_record(settings, landscape.about["space"])


def of_record(settings: Mapping[str, Any], space: Mapping[str, Any]) -> Task:
    """The task as it was when it was recorded, by its settings and its space in ConfigSpace's own form."""
    from arl import spaces

    worst, best = settings["return_range"]
    names = ("algorithm", "env", "preset", "fidelity", "fixed", "num_points", "num_episodes")
    own = {name: settings[name] for name in names}
    return Task(settings["task"], space=spaces.from_json(space), return_range=(worst, best), **own)


def _task(name: str, algorithm: str, env: str, preset: str, fidelity: int | None) -> Task:
    from arl import algorithms, config
    from hpo.tasks import presets

    spec = envs.spec(env)
    settings = _TABLE[algorithm].get(env, _CUSTOM)
    steps = fidelity or _usual_fidelity(algorithm, env, preset)
    defaults = config.values(algorithms.get(algorithm).config())
    if preset == "published":
        space = presets.PUBLISHED[algorithm](spec.family)
        known = {**defaults, **_PUBLISHED[algorithm], **settings.published}
    else:
        known = {**defaults, **settings.full}
        space = presets.FULL[algorithm](known, steps)
    fixed = {
        key: value for key, value in {**known, **_sizes(space, steps)}.items() if key not in space and key in known
    }
    return Task(name, algorithm, env, preset, steps, fixed, space, spec.return_range)


def _sizes(space: "ConfigurationSpace", fidelity: int) -> dict[str, Scalar]:
    """Hyperparameters that follow from the task: env steps of a full run, and memory for the largest replay."""
    sizes: dict[str, Scalar] = {"schedule_steps": fidelity}
    return {**sizes, "max_buffer_size": _upper(space["buffer_size"])} if "buffer_size" in space else sizes


def _upper(hyperparameter: Any) -> int:
    return int(hyperparameter.upper)
