"""What there is, as rows of a table: tasks, envs, tuners, algorithms, spaces, and the sweeps of a store."""

import sys
from collections.abc import Callable
from typing import Any

from arl.errors import unknown

Rows = list[dict[str, Any]]


def rows(what: str, store: str | None) -> Rows:
    """The rows of a listing.

    Raises:
        InputError: no such listing.
    """
    listings: dict[str, Callable[[], Rows]] = {
        "tasks": _tasks,
        "envs": _envs,
        "tuners": _tuners,
        "algorithms": _algorithms,
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
    import envs

    specs = [envs.spec(name) for name in envs.names()]
    return [
        {
            "env": spec.name,
            "family": spec.family,
            "episode limit": spec.episode_limit,
            "worst return": spec.return_range[0] if spec.return_range else None,
            "best return": spec.return_range[1] if spec.return_range else None,
            "extra": spec.extra or "",
        }
        for spec in specs
    ]


def _tuners() -> Rows:
    import collections
    import inspect

    from hpo import tuners

    entries = tuners.registered()
    num_in = collections.Counter(entry.module for entry in entries.values())

    def what(entry: Any) -> str:
        """A module of several tuners says nothing of each."""
        cls = entry.load()
        return _first_line(cls) if num_in[entry.module] == 1 else (inspect.getdoc(cls) or "").partition("\n")[0]

    return [{"tuner": name, "class": entry.value, "what": what(entry)} for name, entry in entries.items()]


def _algorithms() -> Rows:
    from arl import config
    from arl.algorithms import ALGORITHMS

    return [
        {"algorithm": name, "hyperparameter": field, "kind": config.kinds(algorithm.config)[field], "default": default}
        for name, algorithm in ALGORITHMS.items()
        for field, default in config.values(algorithm.config()).items()
    ]


def _spaces() -> Rows:
    from arl import spaces
    from hpo import tasks

    rows = [(name, preset, tasks.get(name, preset).space) for name in tasks.names() for preset in tasks.PRESETS]
    return [
        {
            "task": name,
            "space": preset,
            "hyperparameter": key,
            "values": spaces.describe(space[key]),
            "default": spaces.plain({key: space[key].default_value})[key],  # of inactive ones as well
        }
        for name, preset, space in rows
        for key in space
    ]


def _sweeps(store: str | None) -> Rows:
    from hpo.records import Store, load_sweep

    opened = Store(store)
    records = [load_sweep(name, opened) for name in opened.names()]
    return [
        {
            "sweep": record.name,
            "task": record.task,
            "tuner": record.settings["tuner"],
            "trials": len(record.records),
            "score": record.incumbent and round(record.incumbent["score"], 2),
        }
        for record in records
    ]


def _first_line(documented: Any) -> str:
    import inspect

    module = sys.modules.get(getattr(documented, "__module__", ""))
    return ((inspect.getdoc(module) or inspect.getdoc(documented) or "").splitlines() or [""])[0]
