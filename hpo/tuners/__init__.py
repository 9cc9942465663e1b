"""Tuners by name: ours, those other packages register, and the user's own.

`from_optuna`, `from_smac` and `from_vector` make tuner classes of other libraries' objects.
"""

import functools
import importlib
import inspect
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from arl.errors import InputError, load_object, unknown
from hpo.trial import Tuner, TunerError

_GROUP = "arl.tuners"
_WRAPPERS = {
    "from_optuna": "hpo.tuners.optuna",
    "from_smac": "hpo.tuners.smac",
    "from_vector": "hpo.tuners.unit_cube",
}


def __getattr__(name: str) -> Any:
    if name not in _WRAPPERS:
        raise AttributeError(f"module 'hpo.tuners' has no attribute {name!r}")
    return getattr(importlib.import_module(_WRAPPERS[name]), name)


@functools.cache
def registered() -> dict[str, EntryPoint]:
    """The tuners of the entry-point group `arl.tuners` by name, ours included."""
    return {entry.name: entry for entry in sorted(entry_points(group=_GROUP), key=lambda entry: entry.name)}


def names() -> list[str]:
    """The names of the registered tuners."""
    return list(registered())


def make(tuner: str | type, context: Mapping[str, Any], options: Mapping[str, Any]) -> Tuner:
    """A tuner by name, from `module:Class` or `file.py:Class`, or of a class.

    It gets the keywords of `context` that its constructor names, and all `options`.

    Raises:
        InputError: unknown name, a class that does not import or is no tuner, an option it does not take.
        TunerError: a constructor that fails.
    """
    cls, name = _class(tuner), path(tuner)
    for method in ("ask", "tell"):
        if not callable(getattr(cls, method, None)):
            raise InputError(f"tuner {name!r} must have a method {method!r}, got {cls!r}")
    accepted = inspect.signature(cls).parameters
    wanted = {key: value for key, value in context.items() if key in accepted}
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    for option in options:
        if option not in accepted and not open_ended:
            raise unknown(f"option of tuner {name!r}", option, [key for key in accepted if key not in context])
    try:
        return cls(**{**wanted, **options})
    except InputError as error:
        raise TunerError(str(error)) from error
    except (Exception, SystemExit) as error:  # a user's constructor can fail in any way
        raise TunerError(f"tuner {name!r} can't be made: {type(error).__name__}: {error}") from error


def path(tuner: str | type) -> str:
    """What names a tuner on the command line: `module:Class` of a class, `file.py:Class` if it is made in a script.

    Raises:
        InputError: neither a name nor a class.
    """
    if isinstance(tuner, str):
        return tuner
    if not isinstance(tuner, type):
        raise InputError(f"tuner must be a name or a class, got {tuner!r}")
    file = getattr(sys.modules.get(tuner.__module__), "__file__", None) if tuner.__module__ == "__main__" else None
    return f"{Path(file).name if file else tuner.__module__}:{tuner.__qualname__}"


def takes_any_batch(tuner: str | type) -> bool:
    """Whether the tuner's class says that it may be asked for all its trials at once."""
    return bool(getattr(_class(tuner), "any_batch", False))


def _class(tuner: str | type) -> Any:
    if not isinstance(tuner, str):
        return tuner
    return load_object(tuner, "tuner") if ":" in tuner else _registered(tuner)


def _registered(name: str) -> Any:
    if name not in registered():
        raise unknown("tuner", name, registered())
    return registered()[name].load()
