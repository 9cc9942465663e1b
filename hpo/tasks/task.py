"""A task: one algorithm on one env with its space, fidelity, evaluation points and score scale."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from arl.scalars import Scalar, plain
from arl.task_names import is_imported
from arl.text import plural

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from arl.algorithms import Algorithm
    from arl.records.settings import TaskSettings
    from envs.vector import VectorEnv

PRESETS = ("published", "full")
OWN = "own"  # instead of the preset's name, of a task whose space is another and has no name of its own
WITHOUT = " without "  # follows the name of a space in which hyperparameters are fixed


@dataclasses.dataclass(frozen=True)
class Task:
    """A task with one of its spaces.

    A config of the task holds hyperparameters of the algorithm by name, and params of the env as `env.NAME`.

    Attributes:
        name: `algorithm/env`, or an imported landscape's name.
        algorithm_name, env_name: as the registries know them.
        preset: the name of the space: `published`, `full` or the file of one of the user's, each perhaps with ` without ` and
            the hyperparameters of it that are fixed; `own` if another one has been put in its place.
        fidelity: env steps of a full run.
        fixed: hyperparameters and env params that are not tuned, and their values.
        space: what is tuned.
        return_range: worst and best episode return; the worst is the score of a diverged run.
        num_points: evaluations of a full run.
        num_episodes: episodes of an evaluation.
        usual_fidelity: the fidelity that the task's landscape has unless it is named with another.
        preset_space: the space that the preset stands for; its defaults are those of hyperparameters that `space` leaves out.
        changes: hyperparameters that the user has set or fixed; `fixed` has all that are not tuned.
    """

    name: str
    algorithm_name: str
    env_name: str
    preset: str
    fidelity: int
    fixed: Mapping[str, Scalar]
    space: "ConfigurationSpace"
    return_range: tuple[float, float]
    num_points: int = 10
    num_episodes: int = 128
    usual_fidelity: int | None = None
    preset_space: "ConfigurationSpace | None" = None
    changes: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        preset = self.preset_space
        if not (preset is None or self.space is preset or self.space == preset):
            left_out = {name: preset[name].default_value for name in preset if name not in self.space}
            object.__setattr__(self, "fixed", {**plain(left_out), **self.fixed})
            object.__setattr__(self, "changes", self._without_tuned(self.changes))
            object.__setattr__(self, "preset", OWN)
        object.__setattr__(self, "fixed", self._without_tuned(self.fixed))

    def _without_tuned(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if name not in self.space}

    def __repr__(self) -> str:
        size = f"{plural(len(self.space), 'hyperparameter')}, {self.fidelity:,} env steps"
        return f"<Task {self.name}: {self.preset} space, {size}>"

    def __getstate__(self) -> dict[str, Any]:
        """Return what is copied and pickled: the fields, without the algorithm and the env that were looked up."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @property
    def space_name(self) -> str:
        """The name of the space before hyperparameters of it were fixed."""
        return self.preset.partition(WITHOUT)[0]

    @property
    def imported(self) -> bool:
        """Whether it belongs to an imported landscape (`arlbench:ppo/CartPole-v1`), which can answer but not be trained."""
        return is_imported(self.name)

    @functools.cached_property
    def algorithm(self) -> "Algorithm":
        """The algorithm."""
        from arl import algorithms

        return algorithms.get(self.algorithm_name)

    @property
    def config_class(self) -> Any:
        """The class of the algorithm's hyperparameters."""
        from hpo.tasks import registry

        return registry.of_algorithm(self.algorithm_name).Config

    @functools.cached_property
    def env(self) -> "VectorEnv":
        """The env, ready to be stepped side by side."""
        from envs import vector

        return vector.make(self.env_name)

    @property
    def landscape(self) -> str:
        """The name of its landscape."""
        from landscapes import dataset

        usual = self.imported or self.fidelity == self.usual_fidelity
        return dataset.label(self.name, self.preset, None if usual else self.fidelity)

    @property
    def mutable(self) -> frozenset[str]:
        """The tuned hyperparameters and env params that may change while an agent is trained; none if it is imported."""
        from arl import config

        if self.imported:
            return frozenset()
        hyperparameters, params = config.split(dict.fromkeys(self.space))
        of_env = {config.ENV_PREFIX + name for name in params}
        return config.mutable(self.config_class) & set(hyperparameters) | of_env

    @property
    def min_fidelity(self) -> int:
        """The fewest env steps in which every config of the space has an iteration; fewer train some of them not at all.

        It is the iteration of the config whose numbers are all at their largest: an iteration grows with every number
        that it depends on.
        """
        if self.imported:
            return 1
        from arl import spaces

        largest = {name: spaces.largest(self.space[name]) for name in self.space}
        return self.algorithm.iteration_steps(self.algorithm.canonical(self.full(largest)))

    def full(self, config: Mapping[str, Scalar]) -> Any:
        """Return the algorithm's complete config: the fixed hyperparameters, and those of a config of the space.

        Raises:
            InputError: an unknown hyperparameter, or a value outside its domain.
        """
        from arl import config as configs

        hyperparameters, _ = configs.split({**self.fixed, **config})
        return configs.make(self.config_class, hyperparameters)

    def canonical(self, config: Mapping[str, Scalar]) -> dict[str, Any]:
        """Return a config of the space as it is trained: complete, with the params of the env that it sets.

        Configs that train the same to the last bit, by the algorithm's `canonical`, are equal.
        """
        from arl import config as configs

        params = {configs.ENV_PREFIX + name: value for name, value in self.env_params(config).items()}
        return {**configs.values(self.algorithm.canonical(self.full(config))), **params}

    def env_params(self, config: Mapping[str, Scalar]) -> dict[str, Any]:
        """Return the params of the env that a config of the space sets, fixed ones included, by their names in the env."""
        from arl import config as configs

        return configs.split({**self.fixed, **config})[1]

    def checked(self, name: str, value: Any) -> Any:
        """Return a value of a hyperparameter, or of a param of the env, `env.NAME`, as a scalar of the right type.

        Raises:
            InputError: an unknown name, or a value of the wrong type or out of range.
        """
        from arl import config as configs

        hyperparameters, params = configs.split({name: value})
        if hyperparameters:
            return getattr(configs.make(self.config_class, hyperparameters), name)
        self.env.check_params(params)
        (default,) = (self.env.param_defaults[param] for param in params)
        return type(default)(value)

    def points(self, fidelity: int, start: int = 0) -> tuple[int, ...]:
        """Return the env steps at which a run from `start` to `fidelity` is evaluated: the full run's, and `fidelity`."""
        full = (self.fidelity * i // self.num_points for i in range(1, self.num_points + 1))
        return (*(point for point in full if start < point < fidelity), fidelity)

    def settings(self) -> "TaskSettings":
        """Return the settings that define the task; its space is recorded beside them."""
        from arl.records.settings import TaskSettings

        worst, best = self.return_range
        return TaskSettings(
            name=self.name,
            algorithm=self.algorithm_name,
            env=self.env_name,
            preset=self.preset,
            fidelity=self.fidelity,
            num_points=self.num_points,
            num_episodes=self.num_episodes,
            fixed=dict(self.fixed),
            return_range=(float(worst), float(best)),
            changes=dict(self.changes),
        )
