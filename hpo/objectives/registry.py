"""Objectives by name: those of the package, and the user's own."""

import inspect
from collections.abc import Sequence
from typing import Any

from arl.errors import InputError, first_line, load_object, object_path, unknown
from hpo.objectives.base import Objective
from hpo.tasks import Task

OBJECTIVES: dict[str, str] = {
    "training": "hpo.objectives.training:Training",
    "table": "hpo.objectives.tabular:Table",
    "exact": "hpo.objectives.tabular:Exact",
    "pool": "hpo.objectives.tabular:Pool",
    "surrogate": "hpo.objectives.tabular:Surrogate",
}

_METHODS = (
    "check",
    "admit",
    "evaluate",
    "remember",
    "seeds_of",
    "costs",
    "provenance",
    "fresh",
    "check_task",
    "available_seeds",
)
_FACTS: dict[str, type] = {"label": str, "instant": bool, "shares_runs": bool, "sources": frozenset}

# A registered name, `module:Class` or `file.py:Class`, a class, or an instance.
ObjectiveLike = str | type[Objective] | Objective


def names() -> list[str]:
    """Return the names of the objectives that come with the package."""
    return list(OBJECTIVES)


def get(objective: ObjectiveLike) -> type[Objective] | Objective:
    """Return an objective's class, or the instance that is given.

    Raises:
        InputError: an unknown name, a class that does not import, or what is no objective.
    """
    if not isinstance(objective, str):
        return _conforming(objective)
    if ":" not in objective and objective not in OBJECTIVES:
        raise unknown("objective", objective, OBJECTIVES)
    return _conforming(load_object(OBJECTIVES.get(objective, objective), "objective"))


def path(objective: ObjectiveLike) -> str:
    """Return the name under which an objective is recorded: a registered one, or `module:Class`."""
    if isinstance(objective, str):
        return objective
    cls = objective if isinstance(objective, type) else type(objective)
    given = object_path(cls)
    return next((name for name, registered in OBJECTIVES.items() if registered == given), given)


def make(objective: ObjectiveLike, task: Task, seeds: Sequence[int], batch: int) -> Objective:
    """Return an objective for a task, some seeds and a batch; an instance must be of these already.

    Raises:
        InputError: what is no objective, an objective that can't be made, or that is of another task or other seeds.
    """
    cls, name = get(objective), path(objective)
    if not isinstance(cls, type):
        return _checked(cls, name, task, seeds)
    try:
        made = cls(task, seeds, batch)
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # a user's constructor can fail in any way
        raise InputError(f"objective {name!r} can't be made: {type(error).__name__}: {first_line(error)}") from error
    return _checked(made, name, task, seeds)


def _conforming(objective: Any) -> Any:
    """Return the objective, a class or an instance, if it has the methods and class attributes of one."""
    who = f"objective {object_path(objective if isinstance(objective, type) else type(objective))!r}"
    for method in _METHODS:
        if not callable(getattr(objective, method, None)):
            raise InputError(f"{who} must have a method {method!r}, got {objective!r}")
    if getattr(objective, "evaluate", None) is Objective.evaluate:
        raise InputError(f"{who} must define evaluate, got that of hpo.Objective")
    for fact, kind in _FACTS.items():
        value = inspect.getattr_static(objective, fact, None)
        if not isinstance(value, kind):
            raise InputError(f"{who} must have a class attribute {fact} of type {kind.__name__}, got {value!r}")
    return objective


def _checked(objective: Objective, name: str, task: Task, seeds: Sequence[int]) -> Objective:
    """Return an instance if its task and seeds are the sweep's, and its other attributes are valid."""
    who = f"objective {name!r}"
    theirs = getattr(objective, "task", None)
    if not isinstance(theirs, Task) or theirs.settings() != task.settings() or theirs.space != task.space:
        raise InputError(f"{who} must be of the sweep's task {task.name}, got {getattr(theirs, 'name', theirs)!r}")
    if tuple(objective.seeds) != tuple(seeds):
        raise InputError(f"{who} must be of the sweep's seeds {tuple(seeds)}, got {objective.seeds!r}")
    if type(objective.min_fidelity) is not int or objective.min_fidelity < 1:
        raise InputError(f"{who} must have a min_fidelity of at least 1 env step, got {objective.min_fidelity!r}")
    if not isinstance(objective.mutable, frozenset) or not objective.mutable <= set(task.space):
        raise InputError(f"{who} must have a frozenset mutable of names of the space, got {objective.mutable!r}")
    return objective
