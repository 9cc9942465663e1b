"""The rows of `arl list`: tasks, envs, tuners, objectives, algorithms, networks, spaces, and the sweeps of a store."""

import ast
import fnmatch
import importlib.util
import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arl.errors import load_object, unknown
from arl.scalars import plain_value

if TYPE_CHECKING:
    from arl.records.store import ComparisonRecord, Outline

Rows = list[dict[str, Any]]


def rows(what: str, store: str | None, pattern: str | None = None) -> Rows:
    """Return the rows of a listing; with a pattern such as `ppo/*` those of which a text matches it.

    Raises:
        InputError: no such listing.
    """
    listings: dict[str, Callable[[], Rows]] = {
        "tasks": _tasks,
        "envs": _envs,
        "tuners": _tuners,
        "objectives": _objectives,
        "algorithms": _algorithms,
        "networks": _networks,
        "spaces": _spaces,
        "sweeps": lambda: _sweeps(store, pattern),
    }
    if what not in listings:
        raise unknown("listing", what, listings)
    return [row for row in listings[what]() if pattern is None or _matches(row, pattern)]


def _matches(row: dict[str, Any], pattern: str) -> bool:
    return any(fnmatch.fnmatchcase(value, pattern) for value in row.values() if isinstance(value, str))


def _tasks() -> Rows:
    from hpo import tasks

    return [
        {
            "task": summary.name,
            "space": summary.preset,
            "env steps": summary.fidelity,
            "hyperparameters": summary.num_hyperparameters,
            "points": summary.num_points,
            "episodes": summary.num_episodes,
        }
        for summary in tasks.summaries()
    ]


def measured_envs(patterns: Sequence[str]) -> Rows:
    """Return the rows of environments by name, or of the installed ones that match a pattern; their speeds are measured.

    Raises:
        InputError: an unknown environment, or one that can't be made.
    """
    import envs
    from envs import registry
    from hpo.cli import env_speeds

    installed = [name for name in envs.names() if registry.parse(name).library.is_installed]
    chosen = [name for pattern in patterns for name in fnmatch.filter(installed, pattern) or [pattern]]
    speeds = {name: env_speeds.measure(name) for name in dict.fromkeys(chosen)}
    return [_env(name, speeds) for name in speeds]


def _env(name: str, speeds: Mapping[str, float]) -> dict[str, Any]:
    """Return the row of an environment, with its env steps per second if they were measured."""
    import envs
    from envs import registry

    spec = envs.spec(name)
    return {
        "env": spec.name,
        "family": spec.family,
        "installed": _yes_or_no(registry.parse(name).library.is_installed),
        "observation": spec.observation,
        "actions": spec.actions,
        "episode limit": spec.episode_limit,
        "worst return": spec.return_range[0] if spec.return_range else None,
        "best return": spec.return_range[1] if spec.return_range else None,
        "steps/s here": int(float(f"{speeds[name]:.2g}")) if name in speeds else None,
        "extra": spec.extra or "",
    }


def _envs() -> Rows:
    """Return the registered environments, and of each library a row for all others that it has."""
    import envs
    from envs import registry
    from hpo.cli import env_speeds

    speeds = env_speeds.recorded()
    rows = [_env(name, speeds) for name in envs.names()]
    blank = dict.fromkeys(rows[0])
    return rows + [
        {
            **blank,
            "env": f"{name}/...",
            "family": ", ".join(dict.fromkeys([library.family, *library.suites.values()])),
            "installed": _yes_or_no(library.is_installed),
            "extra": library.extra or "",
        }
        for name, library in registry.LIBRARIES.items()
        if library.package is not None
    ]


def _yes_or_no(fact: bool) -> str:
    return "yes" if fact else "no"


def _tuners() -> Rows:
    from hpo import tuners

    entries = tuners.registered()
    num_in = Counter(entry.module for entry in entries.values())
    return [
        {"tuner": name, "what": _summary(entry.value, is_alone=num_in[entry.module] == 1), "class": entry.value}
        for name, entry in entries.items()
    ]


def _summary(path: str, is_alone: bool = False) -> str:
    """Return the first line of the docstring of `module:Name`, or of its module if it is alone there and that has one.

    It is read from the source, where there is one: imports of numerical libraries take a second.
    """
    module, _, name = path.partition(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return (inspect.getdoc(load_object(path, "name")) or "").partition("\n")[0]
    tree = ast.parse(Path(spec.origin).read_bytes())
    nodes = [node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name]
    texts = [ast.get_docstring(node) for node in [*([tree] if is_alone else []), *nodes]]
    return next(filter(None, texts), "").partition("\n")[0]


def _objectives() -> Rows:
    from hpo import objectives

    return [{"objective": name, "what": _summary(path), "class": path} for name, path in objectives.OBJECTIVES.items()]


def _networks() -> Rows:
    from arl import networks

    return [{"network": name, "what": _summary(path), "class": path} for name, path in networks.NETWORKS.items()]


def _algorithms() -> Rows:
    from arl import config
    from hpo.tasks import registry

    return [
        {"algorithm": name, "hyperparameter": field, "kind": config.kinds(cls)[field], "default": default}
        for name, cls in ((name, registry.of_algorithm(name).Config) for name in registry.MODULES)
        for field, default in config.values(cls()).items()
    ]


def _spaces() -> Rows:
    from arl import spaces
    from hpo import tasks

    return [
        {
            "task": name,
            "space": preset,
            "hyperparameter": hyperparameter.name,
            "values": spaces.describe(hyperparameter),
            "default": plain_value(hyperparameter.default_value),  # of inactive ones as well
        }
        for name in tasks.names()
        for preset in tasks.PRESETS
        for hyperparameter in tasks.get(name, preset).space.values()
    ]


def _sweeps(store: str | None, pattern: str | None) -> Rows:
    """Return a row per sweep; without a pattern those of a comparison in one row.

    On a narrow terminal the last columns are left out.
    """
    from arl.records.store import Store

    opened = Store(store)
    outlines = {outline.name: outline for outline in opened.outlines()}
    comparisons = opened.comparisons() if pattern is None else []
    members = {comparison.name: [row["sweep"] for row in comparison.members] for comparison in comparisons}
    grouped = {name for names in members.values() for name in names}
    rows = [_sweep(outline) for name, outline in outlines.items() if name not in grouped]
    return rows + [
        _comparison(comparison, [outlines[name] for name in members[comparison.name] if name in outlines])
        for comparison in comparisons
    ]


def _sweep(outline: "Outline") -> dict[str, Any]:
    from arl.records import outlines

    settings, score = outlines.settings(outline), outlines.highest_score(outline)
    return {
        "sweep": outline.name,
        "status": outlines.status(outline),
        "trials": len(outline.trials),
        "planned": settings.trials,
        "score": None if score is None else round(score, 2),
        "task": settings.task.name,
        "tuner": settings.tuner,
        "full runs": round(outlines.spent(outline), 2),
        "budget": settings.budget,
    }


def _comparison(comparison: "ComparisonRecord", sweeps: Sequence["Outline"]) -> dict[str, Any]:
    """Return the row of a comparison; `sweeps`: those of its that are on record. Tests of incumbents are not counted."""
    from arl.records import outlines

    settings = comparison.settings
    budgets = {row["sweep"]: row["budget"] for row in comparison.members if "budget" in row}
    tuning = [sweep for sweep in sweeps if sweep.name in budgets]
    status = outlines.DONE if comparison.ended_at else outlines.STOPPED
    return {
        "sweep": comparison.name,
        "status": outlines.RUNNING if any(sweep.is_running for sweep in sweeps) else status,
        "trials": sum(len(sweep.trials) for sweep in tuning),
        "planned": None,
        "score": None,
        "task": ", ".join(settings["tasks"]),
        "tuner": f"comparison of {', '.join(settings['tuners'])}",
        "full runs": round(sum(outlines.spent(sweep) for sweep in tuning), 2),
        "budget": sum(budgets.values()),
    }
