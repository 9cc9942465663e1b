"""Tasks of the user's own: in a file or a module, or registered by a package under the entry-point group `arl.tasks`."""

import dataclasses
import functools
from importlib.metadata import EntryPoint, entry_points

from arl.errors import InputError, load_object
from hpo.tasks.task import Task

GROUP = "arl.tasks"


@functools.cache
def registered() -> dict[str, EntryPoint]:
    """Return the entry points of the group `arl.tasks` by name, sorted."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def is_source(name: str) -> bool:
    """Return whether a task's name says where it is: `file.py:NAME` or `module:NAME`."""
    location, colon, _ = name.rpartition(":")
    return bool(colon) and (location.endswith(".py") or "/" not in name)


def source(name: str) -> str:
    """Return where a task of the user's is defined: `file.py:NAME` or `module:NAME`."""
    return registered()[name].value if name in registered() else name


def load(name: str) -> Task:
    """Return a task of the user's under its name.

    Args:
        name: `file.py:NAME`, `module:NAME` or a registered name, of a `Task` or of a function without arguments that
            returns one.

    Raises:
        InputError: it does not import, or is no task.
    """
    given = load_object(source(name), "task")
    task = given() if callable(given) else given
    if not isinstance(task, Task):
        raise InputError(f"task {name!r} must be a Task or a function that returns one, got {type(task).__name__}")
    return dataclasses.replace(task, name=name)
