"""Tuners by name: those of this package, those that other packages register, and the user's own classes.

`from_optuna`, `from_smac` and `from_vector` make tuner classes of other libraries' objects. They are imported at first use,
as a list of tuners does without ConfigSpace, whose import takes most of a second.
"""

import functools
import inspect
from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import lazy_loader

from arl.errors import InputError, load_object, object_path, unknown
from hpo.trial import Tuner, TunerContext, TunerError

if TYPE_CHECKING:
    from hpo.tuners.optuna import from_optuna
    from hpo.tuners.smac import from_smac
    from hpo.tuners.unit_cube import from_vector

__all__ = [
    "from_optuna",
    "from_smac",
    "from_vector",
    "has_fidelities",
    "is_asynchronous",
    "learns_from_others",
    "learns_nothing",
    "make",
    "names",
    "path",
    "races",
    "registered",
    "takes_any_batch",
]

GROUP = "arl.tuners"

__getattr__, _, _ = lazy_loader.attach(
    __name__, submod_attrs={"optuna": ["from_optuna"], "smac": ["from_smac"], "unit_cube": ["from_vector"]}
)


@functools.cache
def registered() -> dict[str, EntryPoint]:
    """Return the tuners of the entry-point group `arl.tuners` by name, this package's included."""
    return {entry.name: entry for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name)}


def names() -> list[str]:
    """Return the names of the registered tuners, sorted."""
    return list(registered())


def make(tuner: str | type, context: TunerContext, options: Mapping[str, Any]) -> Tuner:
    """Return a tuner, made with all `options` and with those keywords of `context` that its constructor names.

    An option comes before a keyword of the context with the same name.

    Args:
        tuner: a registered name, `module:Class`, `file.py:Class`, or a class.

    Raises:
        InputError: an unknown name, a class that does not import or is no tuner, an option that it does not take.
        TunerError: a constructor that fails.
    """
    cls, name, keywords = _load(tuner), path(tuner), context.keywords()
    for method in ("ask", "tell"):
        if not callable(getattr(cls, method, None)):
            raise InputError(f"tuner {name!r} must have a method {method!r}, got {cls!r}")
    parameters = inspect.signature(cls).parameters
    _check_options(name, options, parameters, keywords)
    wanted = {key: value for key, value in keywords.items() if key in parameters}
    try:
        return cls(**{**wanted, **options})
    except InputError as error:
        raise TunerError(str(error)) from error
    except (Exception, SystemExit) as error:  # a user's constructor can fail in any way
        raise TunerError(f"tuner {name!r} can't be made: {type(error).__name__}: {error}") from error


def _check_options(
    tuner: str, options: Mapping[str, Any], parameters: Mapping[str, inspect.Parameter], keywords: Iterable[str]
) -> None:
    """Refuse an option that the constructor does not name, unless it takes any (`**options`)."""
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return
    for option in options:
        if option not in parameters:
            allowed = [key for key in parameters if key not in keywords]
            raise unknown("option", option, allowed, f"of tuner {tuner!r}")


def path(tuner: str | type) -> str:
    """Return what names a tuner on the command line: `module:Class` of a class, `file.py:Class` if a script defines it.

    Raises:
        InputError: neither a name nor a class.
    """
    if isinstance(tuner, str):
        return tuner
    if not isinstance(tuner, type):
        raise InputError(f"tuner must be a name or a class, got {tuner!r}")
    return object_path(tuner)


def takes_any_batch(tuner: str | type) -> bool:
    """Return whether the tuner's class says that it may be asked for all its trials at once (`any_batch = True`)."""
    return bool(getattr(_load(tuner), "any_batch", False))


def has_fidelities(tuner: str | type) -> bool:
    """Return whether the tuner's class says that its trials are of several fidelities (`has_fidelities = True`)."""
    return bool(getattr(_load(tuner), "has_fidelities", False))


def learns_from_others(tuner: str | type) -> bool:
    """Return whether the tuner's class has a method `warm_start`, which takes results of trials that it has not asked for."""
    return callable(getattr(_load(tuner), "warm_start", None))


def learns_nothing(tuner: str | type) -> bool:
    """Return whether the tuner's class says that results make no difference to what it asks for.

    It may be asked for any number of trials at once, and has no fidelities that some of them are promoted to.
    """
    return takes_any_batch(tuner) and not has_fidelities(tuner)


def is_asynchronous(tuner: str | type) -> bool:
    """Return whether the tuner's class says that it may be told results in any order (`asynchronous = True`)."""
    return bool(getattr(_load(tuner), "asynchronous", False))


def races(tuner: Tuner) -> bool:
    """Return whether the tuner's class says that its trials begin under few of the seeds (`races_seeds = True`)."""
    return bool(getattr(tuner, "races_seeds", False))


def _load(tuner: str | type) -> Any:
    """Return the class; `Any`, as whether it is a tuner is yet to be checked.

    Raises:
        InputError: an unknown name, or a module or file that does not import.
    """
    if not isinstance(tuner, str):
        return tuner
    if ":" in tuner:
        return load_object(tuner, "tuner")
    if tuner not in registered():
        raise unknown("tuner", tuner, registered())
    return registered()[tuner].load()
