"""Settings of tasks, sweeps and comparisons: dataclasses in Python, flat JSON objects where they are recorded.

`to_json` and `from_json` are the only places where they are written and read; what earlier versions wrote is brought up
to date first, see `arl.records.migrations`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar

import msgspec

from arl.errors import InputError, first_line
from arl.records import migrations
from arl.scalars import Scalar

DEFAULT_OBJECTIVE = "training"
DEFAULT_SCORE = "final"
# Settings by which sweeps are not told apart: older records lack them, only a prolonged sweep has them, or they are compared
# by themselves.
NOT_COMPARED = ("user_files", "changes", "planned_trials", "warm_start")

Settings = TypeVar("Settings")


@dataclass(frozen=True)
class TaskSettings:
    """What defines a task, its space apart.

    Attributes:
        name: `algorithm/env`; recorded under `task`.
        preset: which of the task's spaces.
        fidelity: env steps of a full run.
        num_points, num_episodes: evaluations of a full run, and episodes of each.
        fixed: hyperparameters that are not tuned.
        return_range: worst and best episode return.
        changes: hyperparameters that the user has set or fixed to other values than the task's; `fixed` has all of them.
    """

    name: str
    algorithm: str
    env: str
    preset: str
    fidelity: int
    num_points: int
    num_episodes: int
    fixed: Mapping[str, Scalar]
    return_range: tuple[float, float]
    changes: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a JSON object."""
        values = msgspec.to_builtins(self)
        if not self.changes:
            del values["changes"]
        return {"task": values.pop("name"), **values, "return_range": list(self.return_range)}

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> "TaskSettings":
        """Return the settings that a JSON object holds; it may hold more.

        Raises:
            InputError: a setting is missing, or of another type.
        """
        return _convert(_renamed(migrations.settings(recorded)), cls)


@dataclass(frozen=True)
class WarmStart:
    """Earlier trials that a sweep's tuner is told before it is asked.

    Attributes:
        source: the name of a sweep, or of a landscape.
        num_trials: how many of its trials are told.
        checksum: of these trials, by which it is seen that the source has changed.
    """

    source: str
    num_trials: int
    checksum: str


@dataclass(frozen=True)
class SweepSettings:
    """What was asked of a sweep; two sweeps are the same if these and their spaces are.

    Attributes:
        tuner: a registered name, `module:Class` or `file.py:Class`.
        options: options of the tuner.
        trials, budget: the sweep ends with the one that is reached first; budget is in equivalent full runs.
        seeds: tuning seeds.
        batch: how many trials are asked for at a time.
        scores: what a trial is given, the first one to maximise.
        objective: a registered name, `module:Class` or `file.py:Class`.
        objective_version: the version of what answers, if it has one, such as a landscape's files.
        planned_trials: `trials` as the sweep was begun, if it was prolonged: its tuner was made for these.
        user_files: checksums of the user's own files that the sweep rests on, by their names.
        enqueued: configs that are tried before the tuner is asked: `default`, or values that differ from the default config.
        warm_start: earlier trials that the tuner is told.
        asynchronous: whether results were told as they came, instead of a batch at a time.
    """

    task: TaskSettings
    tuner: str
    seeds: tuple[int, ...]
    batch: int
    tuner_seed: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    trials: int | None = None
    budget: float | None = None
    scores: tuple[str, ...] = (DEFAULT_SCORE,)
    objective: str = DEFAULT_OBJECTIVE
    objective_version: str | None = None
    planned_trials: int | None = None
    user_files: Mapping[str, str] = field(default_factory=dict)
    enqueued: tuple[str | Mapping[str, Any], ...] = ()
    warm_start: WarmStart | None = None

    asynchronous: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the settings as one flat JSON object, the task's among them; what is not set is left out."""
        optional = ("objective_version", "planned_trials", "user_files", "enqueued", "warm_start", "asynchronous")
        values = {
            item.name: getattr(self, item.name)
            for item in fields(self)
            if item.name != "task" and not (item.name in optional and not getattr(self, item.name))
        }
        lists: dict[str, Any] = {name: list(values[name]) for name in ("seeds", "scores", "enqueued") if name in values}
        warm_start = {"warm_start": asdict(self.warm_start)} if self.warm_start else {}
        return {**self.task.to_json(), **values, **lists, **warm_start}

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> "SweepSettings":
        """Return the settings that a flat JSON object holds.

        Raises:
            InputError: a setting is missing, or of another type.
        """
        current = migrations.settings(recorded)
        return _convert({**current, "task": _renamed(current)}, cls)


@dataclass(frozen=True)
class ComparisonSettings:
    """What was asked of a comparison of tuners.

    Attributes:
        tuners: the options of each tuner, by its label.
        classes: the path of each tuner that was given as a class, by its label.
        tasks: each task's settings, by its name.
        repeats: sweeps of each tuner on each task.
        budget: equivalent full runs that each sweep may spend.
        seeds, test_seeds: of tuning, and of the incumbents' test, by repeat.
        enqueued: configs that every tuner tries first, as in `SweepSettings`.
    """

    tuners: Mapping[str, Mapping[str, Any]]
    tasks: Mapping[str, TaskSettings]
    repeats: int
    budget: float
    seeds: tuple[tuple[int, ...], ...]
    test_seeds: tuple[tuple[int, ...], ...]
    batch: int
    objective: str = DEFAULT_OBJECTIVE
    scores: tuple[str, ...] = (DEFAULT_SCORE,)
    classes: Mapping[str, str] = field(default_factory=dict)
    enqueued: tuple[str | Mapping[str, Any], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a JSON object; `enqueued` is left out where nothing is."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        enqueued = values.pop("enqueued")
        return {
            **values,
            **({"enqueued": list(enqueued)} if enqueued else {}),
            "tuners": {label: dict(options) for label, options in self.tuners.items()},
            "tasks": {name: task.to_json() for name, task in self.tasks.items()},
            **{name: [list(seeds) for seeds in values[name]] for name in ("seeds", "test_seeds")},
            "scores": list(self.scores),
        }

    @classmethod
    def from_json(cls, recorded: Mapping[str, Any]) -> "ComparisonSettings":
        """Return the settings that a JSON object holds.

        Raises:
            InputError: a setting is missing, or of another type.
        """
        tasks = {name: TaskSettings.from_json(task) for name, task in recorded["tasks"].items()}
        return replace(_convert({**recorded, "tasks": {}}, cls), tasks=tasks)


def _renamed(recorded: Mapping[str, Any]) -> dict[str, Any]:
    return {**recorded, "name": recorded.get("task")}


def _convert(values: Mapping[str, Any], cls: type[Settings]) -> Settings:
    try:
        return msgspec.convert(values, cls)
    except msgspec.ValidationError as error:
        raise InputError(f"recorded settings can't be read: {first_line(error)}") from error
