"""The tasks by name. An algorithm's tasks and spaces are one module and one row here.

Each task has two space presets:

- `published`: the hyperparameters that the reference dataset tunes, with its ranges; all others fixed to its settings.
- `full`: every hyperparameter but the choice of a network, a width of its own for the critic, and where PPO's standard
  deviations come from and within which bounds, with defaults that solve classic control.
"""

import dataclasses
import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import envs
from arl.errors import InputError, first_line, unknown
from arl.files import DATA_SUFFIXES
from arl.scalars import Scalar
from hpo.tasks import own_tasks
from hpo.tasks.settings import EnvSettings
from hpo.tasks.task import OWN, PRESETS, WITHOUT, Task

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

    from arl.records.settings import TaskSettings
    from landscapes.dataset import Landscape

    SpaceLike = str | ConfigurationSpace

MODULES: dict[str, str] = {
    "ppo": "hpo.tasks.ppo",
    "dqn": "hpo.tasks.dqn",
    "sac": "hpo.tasks.sac",
    "pqn": "hpo.tasks.pqn",
}


_PARTS = ("Config", "SETTINGS", "PUBLISHED", "NUM_HYPERPARAMETERS", "published_space", "full_space")


class AlgorithmTasks(Protocol):
    """The interface of a module of an algorithm's tasks.

    Attributes:
        Config: the algorithm's hyperparameters; those of the package are imported without JAX.
        SETTINGS: by env, the settings of its task.
        NUM_HYPERPARAMETERS: by preset, how many hyperparameters its space has; a list of tasks makes no spaces.
        PUBLISHED: hyperparameters that the reference system fixes for all its tasks, where the algorithm's own default
            differs.
    """

    Config: Any
    SETTINGS: Mapping[str, EnvSettings]
    PUBLISHED: Mapping[str, Scalar]
    NUM_HYPERPARAMETERS: Mapping[str, int]

    def published_space(self, family: str) -> "ConfigurationSpace":
        """Return what the reference dataset tunes, with its ranges for a family of envs."""
        ...

    def full_space(self, default: Mapping[str, Any], fidelity: int) -> "ConfigurationSpace":
        """Return every hyperparameter, with a task's own defaults, for runs of `fidelity` env steps."""
        ...


def of_algorithm(algorithm: str) -> AlgorithmTasks:
    """Return the tasks and spaces of an algorithm.

    Raises:
        InputError: an unknown algorithm, or a module that does not import or lacks a part.
    """
    if algorithm not in MODULES:
        raise unknown("algorithm", algorithm, MODULES)
    try:
        module: Any = importlib.import_module(MODULES[algorithm])
    except Exception as error:  # a module of another package can fail in any way
        cause = f"{type(error).__name__}: {first_line(error)}"
        raise InputError(f"tasks of algorithm {algorithm!r} must be in {MODULES[algorithm]}, got {cause}") from error
    missing = [part for part in _PARTS if not hasattr(module, part)]
    if missing:
        raise InputError(
            f"tasks of algorithm {algorithm!r} must have {', '.join(_PARTS)}, got none of {', '.join(missing)}"
        )
    tasks: AlgorithmTasks = module
    return tasks


def names() -> list[str]:
    """Return the names of the tasks that come with the package."""
    return [f"{algorithm}/{env}" for algorithm in MODULES for env in of_algorithm(algorithm).SETTINGS]


class Summary(NamedTuple):
    """A task with one of its spaces, as a listing shows it.

    Attributes:
        fidelity: env steps of a full run.
        num_hyperparameters: how many are tuned.
        num_points, num_episodes: evaluations of a full run, and episodes of each.
    """

    name: str
    preset: str
    fidelity: int
    num_hyperparameters: int
    num_points: int = Task.num_points
    num_episodes: int = Task.num_episodes


def summaries() -> list[Summary]:
    """Return a summary of each task that comes with the package, in each of its spaces, and of each registered one.

    The former are from the tables alone: neither JAX nor ConfigSpace is imported, which takes seconds.
    """
    shipped = [
        Summary(f"{algorithm}/{env}", preset, settings.fidelity(preset), tasks.NUM_HYPERPARAMETERS[preset])
        for algorithm in MODULES
        for tasks in [of_algorithm(algorithm)]
        for env, settings in tasks.SETTINGS.items()
        for preset in PRESETS
    ]
    return [*shipped, *(_summary(own_tasks.load(name)) for name in own_tasks.registered())]


def _summary(task: Task) -> Summary:
    return Summary(task.name, task.preset, task.fidelity, len(task.space), task.num_points, task.num_episodes)


def get(
    name: str,
    space: "SpaceLike" = "published",
    fidelity: int | None = None,
    fix: Mapping[str, Any] | None = None,
) -> Task:
    """Return the task `algorithm/env`; the env may be the user's own (`ppo/module:Class`, `ppo/file.py:Class`).

    The task of an imported landscape has that landscape's name, such as `arlbench:ppo/CartPole-v1`. A task of the user's has
    the name of its source, `file.py:NAME` or `module:NAME`, or the name that it is registered under.

    Args:
        name: the task's name.
        space: `published` or `full`; or a space of the user's: a `ConfigurationSpace`, or where one is, a YAML or JSON file,
            `file.py:NAME` or `module:NAME`. What it omits has the defaults of `full`.
        fidelity: env steps of a full run; the task's by default.
        fix: hyperparameters, or params of the env, that are not tuned but have these values.

    Raises:
        InputError: unknown task, algorithm, env, space or hyperparameter, a space or a value that is not the algorithm's, or
            a fidelity below 1 or from 2**31 up.
    """
    algorithm, _, env = name.partition("/")
    if is_own(name):
        return with_fixed(_of_user(name, space, fidelity), fix)
    if ":" in algorithm:
        return with_fixed(_of_imported(name, space, fidelity), fix)
    if algorithm not in MODULES or not env:
        raise unknown("task", name, [*names(), *own_tasks.registered()])
    if env not in of_algorithm(algorithm).SETTINGS and not envs.is_name(env):
        raise unknown("task", name, [*names(), *own_tasks.registered()])
    is_preset = isinstance(space, str) and not _is_source(space)
    if is_preset and space not in PRESETS:
        raise unknown("space", str(space), PRESETS)
    if fidelity is not None:
        check_fidelity(fidelity)
    task = _task(name, algorithm, env, str(space) if is_preset else "full", fidelity)
    if not is_preset:
        from hpo.tasks import own_spaces

        task = own_spaces.with_space(task, space)
    return with_fixed(task, fix)


def check_fidelity(fidelity: int) -> None:
    """Refuse a number of env steps that can't be trained.

    Raises:
        InputError: it is below 1, or from 2**31 up.
    """
    if fidelity < 1:
        raise InputError(f"fidelity must be at least 1 env step, got {fidelity}")
    if fidelity >= 2**31:
        raise InputError(f"fidelity must be below 2**31 env steps, got {fidelity}")


task = get  # as `hpo.task` for users


def with_episodes(task: Task, episodes: int | None) -> Task:
    """Return the task with so many episodes of an evaluation; without a number as it is.

    Raises:
        InputError: the number is below 1.
    """
    if episodes is None:
        return task
    if episodes < 1:
        raise InputError(f"episodes must be at least 1, got {episodes}")
    return dataclasses.replace(task, num_episodes=episodes)


def is_own(name: str) -> bool:
    """Return whether a task is the user's: in a file or a module, or registered by another package."""
    is_of_package = name.partition("/")[0] in MODULES
    return not is_of_package and (own_tasks.is_source(name) or name in own_tasks.registered())


def with_fixed(task: Task, values: Mapping[str, Any] | None) -> Task:
    """Return the task with hyperparameters, or params of the env, at these values instead of in its space.

    Raises:
        InputError: an unknown hyperparameter, a value outside its domain, one that the space forbids, or nothing left to
            tune.
    """
    if not values:
        return task
    from hpo.tasks import reduced_spaces

    if task.imported:
        raise InputError(f"fix must be of a task that can be trained, got imported task {task.name}")
    checked = {name: task.checked(name, value) for name, value in values.items()}
    space = reduced_spaces.without(task.space, checked)
    if len(space) == 0:
        raise InputError(f"fix must leave a hyperparameter to tune, got {', '.join(values)}")
    named = "" if task.preset == OWN else ", ".join(name for name in checked if name in task.space)
    return dataclasses.replace(
        task,
        space=space,
        preset_space=space,
        fixed={**task.fixed, **checked},
        changes={**task.changes, **checked},
        preset=f"{task.preset}{WITHOUT}{named}" if named else task.preset,
    )


def of_landscape(landscape: "Landscape") -> Task:
    """Return the task of a landscape, as its files say."""
    return of_record(landscape.settings, landscape.metadata["space"])


def of_record(settings: "TaskSettings", space: Mapping[str, Any]) -> Task:
    """Return the task as it was when it was recorded, by its settings and its space in ConfigSpace's own form."""
    from arl import spaces

    return Task(
        name=settings.name,
        algorithm_name=settings.algorithm,
        env_name=settings.env,
        preset=settings.preset,
        fidelity=settings.fidelity,
        fixed=settings.fixed,
        space=spaces.from_json(space),
        return_range=settings.return_range,
        num_points=settings.num_points,
        num_episodes=settings.num_episodes,
        usual_fidelity=_usual_fidelity(settings.algorithm, settings.env, settings.preset),
        changes=settings.changes,
    )


def sources(task: Task) -> list[str]:
    """Return where a task's parts are defined that may be the user's, `file.py:NAME` or `module:NAME`; names without any.

    These are the env, a task of the user's, the space, the networks, and the algorithm's module of tasks.
    """
    from arl import spaces

    networks = spaces.choices(task.space["network"]) if "network" in task.space else [task.fixed.get("network")]
    module = MODULES.get(task.algorithm_name, "")
    own = [own_tasks.source(task.name)] if is_own(task.name) else []
    space = [task.space_name] if _is_source(task.space_name) else []
    return [task.env_name.partition("?")[0], *own, *space, f"{module}:SETTINGS", *map(str, networks or [])]


def _is_source(space: str) -> bool:
    """Return whether a text says where a space is: a file's name, `module:NAME`, or the space itself as JSON."""
    return space.startswith("{") or ":" in space or Path(space).suffix in (*DATA_SUFFIXES, ".py")


def _usual_fidelity(algorithm: str, env: str, preset: str) -> int | None:
    if algorithm not in MODULES:
        return None
    return _settings(of_algorithm(algorithm), env).fidelity(preset.partition(WITHOUT)[0])


def _settings(tasks: AlgorithmTasks, env: str) -> EnvSettings:
    """Return the settings of a task on an env; arguments of the env's name change none of them."""
    return tasks.SETTINGS.get(env.partition("?")[0], EnvSettings())


def _of_user(name: str, space: "SpaceLike", fidelity: int | None) -> Task:
    task = own_tasks.load(name)
    if space not in PRESETS:  # the defaults of commands are among them
        raise InputError(f"space of task {name!r} must be its own, got {space!r}")
    if fidelity not in (None, task.fidelity):
        raise InputError(f"fidelity of task {name!r} must be its own, {task.fidelity}, got {fidelity}")
    return task


def _of_imported(name: str, space: "SpaceLike", fidelity: int | None) -> Task:
    from landscapes import catalogue, dataset

    if not isinstance(space, str):
        raise InputError(f"space of imported task {name} must be its own, got a {type(space).__name__}")
    task = of_landscape(catalogue.get(dataset.label(name, space)))
    if fidelity not in (None, task.fidelity):
        raise InputError(f"fidelity of imported task {name} must be its own, {task.fidelity}, got {fidelity}")
    return task


def _task(name: str, algorithm: str, env: str, preset: str, fidelity: int | None) -> Task:
    from arl import config

    spec, tasks = envs.spec(env), of_algorithm(algorithm)
    if spec.return_range is None:
        raise InputError(f"{spec.missing}")
    settings = _settings(tasks, env)
    usual = settings.fidelity(preset)
    steps = fidelity or usual
    defaults: dict[str, Scalar] = config.values(tasks.Config())
    if preset == "published":
        space = tasks.published_space(spec.family)
        values = {**defaults, **tasks.PUBLISHED, **settings.published}
    else:
        values = {**defaults, **settings.full}
        space = tasks.full_space(values, steps)
    values = {**values, **{key: value for key, value in _sizes(space, steps).items() if key in values}}
    fixed = {key: value for key, value in values.items() if key not in space}
    return Task(
        name,
        algorithm,
        env,
        preset,
        steps,
        fixed,
        space,
        return_range=spec.return_range,
        usual_fidelity=usual,
        preset_space=space,
    )


def _sizes(space: "ConfigurationSpace", fidelity: int) -> dict[str, Scalar]:
    """Return what follows from the task: env steps of a full run, and memory for the largest replay."""
    sizes: dict[str, Scalar] = {"schedule_steps": fidelity}
    if "buffer_size" in space:
        largest: Any = space["buffer_size"]
        sizes["max_buffer_size"] = int(largest.upper)
    return sizes
