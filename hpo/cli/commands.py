"""Command lines that repeat a recorded sweep or comparison."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from arl.records.settings import DEFAULT_OBJECTIVE, DEFAULT_SCORE, ComparisonSettings, TaskSettings
from arl.records.sweep import SweepRecord
from arl.task_names import is_imported
from arl.text import seed_list
from hpo.comparisons import REFERENCE
from hpo.tasks import OWN, WITHOUT, Task, is_own

DOUBLE = f"{REFERENCE}-2x"  # the baseline that can't be given as a tuner


def of_sweep(record: SweepRecord) -> list[str]:
    """Return the words of the command that repeats a sweep: `arl sweep`, or `arl train` where nothing is tuned."""
    settings = record.settings
    if settings.task.preset == "fixed":
        return _train(record)
    limits = {"trials": settings.trials, "budget": settings.budget}
    options = {
        **{name: value for name, value in limits.items() if value is not None},
        "tuner-seed": settings.tuner_seed,
        "batch": settings.batch,
        "fidelity": settings.task.fidelity,
        **_episodes(settings.task),
        "objective": settings.objective,
        **_space(settings.task, record.space),
        "seeds": seed_list(settings.seeds),
    }
    words = ["arl", "sweep", record.task, "--name", record.name, "--tuner", settings.tuner, *_flags(options)]
    words += _assignments("--fix", _fixed(settings.task))
    words += _assignments("--option", settings.options)
    words += _enqueued(settings.enqueued)
    words += ["--warm-start", settings.warm_start.source] if settings.warm_start else []
    return [*words, *_scores(settings.scores)]


def training_of(record: SweepRecord, trial: int | None = None) -> list[str] | None:
    """Return the words of the command that trains a trial's config under new seeds; without a number the incumbent's.

    None where there is no incumbent, or agents can't be trained: the task is that of an imported landscape.
    """
    if is_imported(record.task) or (trial is None and record.incumbent is None):
        return None
    return ["arl", "train", "--from", record.name if trial is None else f"{record.name}:{trial}", "--seeds", "10"]


def _train(record: SweepRecord) -> list[str]:
    settings = record.settings
    words = ["arl", "train", record.task, "--name", record.name, "--fidelity", str(settings.task.fidelity)]
    words += _flags(_episodes(settings.task))
    values = {**settings.task.fixed, **settings.options.get("schedule", {})}
    return [*words, "--seeds", seed_list(settings.seeds), *_assignments("--set", values)]


def of_comparison(name: str, settings: ComparisonSettings, space: Mapping[str, Any] | None = None) -> list[str]:
    """Return the words of the command that repeats a comparison.

    `space`: in ConfigSpace's JSON form, where it was not given by name.
    """
    task = next(iter(settings.tasks.values()))
    tuners = {label: settings.classes.get(label, label) for label in settings.tuners if label != DOUBLE}
    fidelities = [str(task.fidelity) for task in settings.tasks.values()]
    options = {
        "tuners": ",".join(tuners.values()),
        "tasks": ",".join(settings.tasks),
        "name": name,
        "repeats": settings.repeats,
        "budget": f"{settings.budget:g}",
        "seeds": _seeds(settings.seeds),
        "test-seeds": _seeds(settings.test_seeds),
        **_space(task, space),
        "batch": settings.batch,
        **_episodes(task),
        "fidelity": ",".join(fidelities if len(set(fidelities)) > 1 else fidelities[:1]),
    }
    words = ["arl", "compare", *_flags(options), *_assignments("--fix", _fixed(task))]
    words += [] if DOUBLE in settings.tuners else ["--no-baselines"]
    words += [] if settings.objective == DEFAULT_OBJECTIVE else ["--objective", settings.objective]
    words += [*_scores(settings.scores), *_enqueued(settings.enqueued)]
    for label, path in tuners.items():
        words += _assignments("--option", {f"{path}.{key}": value for key, value in settings.tuners[label].items()})
    return words


def _episodes(task: TaskSettings) -> dict[str, int]:
    """Return the option of the episodes of an evaluation if they are others than a task has by default."""
    return {} if task.num_episodes == Task.num_episodes else {"episodes": task.num_episodes}


def _space(task: TaskSettings, space: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the option of a space, by its name or as JSON where it has none; a task of the user's brings its space."""
    if is_own(task.name):
        return {}
    is_named = task.preset != OWN
    return {"space": task.preset.partition(WITHOUT)[0] if is_named else json.dumps(space, separators=(",", ":"))}


def _fixed(task: TaskSettings) -> Mapping[str, Any]:
    """Return what the user has fixed; all that is fixed where the space does not say what it stands for."""
    return task.fixed if task.preset == OWN and not is_own(task.name) else task.changes


def _seeds(by_repeat: Sequence[tuple[int, ...]]) -> str:
    """Return the seeds if they are the same in all repeats, else how many they are."""
    first = by_repeat[0]
    return seed_list(first) if all(seeds == first for seeds in by_repeat) else str(len(first))


def _flags(options: Mapping[str, Any]) -> list[str]:
    return [word for name, value in options.items() for word in (f"--{name}", str(value))]


def _assignments(flag: str, values: Mapping[str, Any]) -> list[str]:
    return [word for name, value in values.items() for word in (flag, f"{name}={json.dumps(value)}")]


def _enqueued(configs: Sequence[str | Mapping[str, Any]]) -> list[str]:
    texts = [config if isinstance(config, str) else json.dumps(config) for config in configs]
    return [word for text in texts for word in ("--enqueue", text)]


def _scores(scores: tuple[str, ...]) -> list[str]:
    return [] if scores == (DEFAULT_SCORE,) else ["--score", ",".join(scores)]
