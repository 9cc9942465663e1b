"""The rows of `arl list`: tasks, envs, tuners, objectives, algorithms, networks, spaces, and the sweeps of a store."""

import inspect
import sys
from collections import Counter
from collections.abc import Callable
from importlib.metadata import EntryPoint
from typing import Any

from arl.errors import unknown
from arl.scalars import plain_value

Rows = list[dict[str, Any]]


def rows(what: str, store: str | None) -> Rows:
    """Return the rows of a listing.

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
        "sweeps": lambda: _sweeps(store),
    }
    if what not in listings:
        raise unknown("listing", what, listings)
    return listings[what]()


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


def _envs() -> Rows:
    """Return the registered environments, and of each library a row for all others that it has."""
    import envs
    from envs import registry

    specs = [envs.spec(name) for name in envs.names()]
    rows = [
        {
            "env": spec.name,
            "family": spec.family,
            "installed": _yes_or_no(registry.parse(spec.name).library.is_installed),
            "observation": spec.observation,
            "actions": spec.actions,
            "episode limit": spec.episode_limit,
            "worst return": spec.return_range[0] if spec.return_range else None,
            "best return": spec.return_range[1] if spec.return_range else None,
            "extra": spec.extra or "",
        }
        for spec in specs
    ]
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
        {"tuner": name, "class": entry.value, "what": _summary(entry, is_alone=num_in[entry.module] == 1)}
        for name, entry in entries.items()
    ]


def _summary(entry: EntryPoint, is_alone: bool) -> str:
    """Return the first line of a tuner's module, or of its class if the module has several tuners or no docstring."""
    tuner = entry.load()
    text = inspect.getdoc(sys.modules[entry.module]) if is_alone else None
    return (text or inspect.getdoc(tuner) or "").partition("\n")[0]


def _objectives() -> Rows:
    from hpo import objectives

    return [
        {"objective": name, "class": path, "what": (inspect.getdoc(objectives.get(name)) or "").partition("\n")[0]}
        for name, path in objectives.OBJECTIVES.items()
    ]


def _networks() -> Rows:
    from arl import networks
    from arl.errors import load_object

    return [
        {
            "network": name,
            "class": path,
            "what": (inspect.getdoc(load_object(path, "network")) or "").partition("\n")[0],
        }
        for name, path in networks.NETWORKS.items()
    ]


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


def _sweeps(store: str | None) -> Rows:
    from hpo.records import Store, load_sweep

    runs = Store(store)
    records = [load_sweep(name, runs) for name in runs.names()]
    return [
        {
            "sweep": record.name,
            "task": record.task,
            "tuner": record.settings.tuner,
            "trials": len(record.records),
            "score": record.incumbent and round(record.incumbent["score"], 2),
        }
        for record in records
    ]
