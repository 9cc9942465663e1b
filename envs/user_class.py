"""A class of the user's as an environment: of Gymnasium, in gymnax's style, or one that fulfils `envs.base.Env` itself."""

import inspect
from typing import Any

from arl.errors import InputError, load_object, unknown
from envs import gymnax_library
from envs.base import MEMBERS, Env


def make(path: str, **arguments: Any) -> Env:
    """Return the environment that a class makes of the arguments.

    Args:
        path: `module:Class` or `file.py:Class`.
        arguments: those of the class's constructor, and `episode_limit` for one in gymnax's style.

    Raises:
        InputError: there is no such class, it lacks what an environment needs, or it takes no such argument.
    """
    return of_class(load_object(path, "environment"), path, **arguments)


def of_class(cls: Any, path: str, **arguments: Any) -> Env:
    """Return the environment that a class makes of the arguments; `path` is what errors call it.

    Raises:
        InputError: as `make`.
    """
    if _is_gymnasium(cls):
        limit = arguments.pop("episode_limit", None)
        return _gymnasium_library().adapt(lambda: _constructed(cls, path, arguments), path, limit)
    if _fulfils_contract(cls):
        return of_object(_constructed(cls, path, arguments), path)
    _check_members(cls, gymnax_library.MEMBERS, path)
    limit = arguments.pop("episode_limit", None)
    return of_object(_constructed(cls, path, arguments), path, limit)


def of_object(env: Any, path: str, episode_limit: int | None = None) -> Env:
    """Return an object as an environment; the limit is for one in gymnax's style.

    Raises:
        InputError: it lacks what an environment needs.
    """
    if _fulfils_contract(env):
        _check_members(env, MEMBERS, path)
        return env
    _check_members(env, gymnax_library.MEMBERS, path)
    return gymnax_library.adapt(env, path, episode_limit, getattr(env, "return_range", None))


def _is_gymnasium(cls: Any) -> bool:
    """Return whether a class is derived from `gymnasium.Env`, which is not imported for that."""
    return any((base.__module__, base.__name__) == ("gymnasium.core", "Env") for base in getattr(cls, "__mro__", ()))


def _gymnasium_library() -> Any:
    from envs import gymnasium_library  # gymnasium's import takes a second

    return gymnasium_library


def _fulfils_contract(candidate: Any) -> bool:
    """Return whether it means to fulfil `envs.base.Env` itself; classes in gymnax's style have `reset` and `step` as well."""
    return not hasattr(candidate, "step_env") and (hasattr(candidate, "reset") or hasattr(candidate, "step"))


def _constructed(cls: Any, path: str, arguments: dict[str, Any]) -> Any:
    parameters = inspect.signature(cls).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    for argument in arguments:
        if argument not in names and not takes_any:
            raise unknown("argument", argument, names, f"of environment {path!r}")
    return cls(**arguments)


def _check_members(candidate: Any, members: tuple[str, ...], path: str) -> None:
    missing = [member for member in members if not hasattr(candidate, member)]
    if missing:
        raise InputError(
            f"environment {path!r} must be in gymnax's style ({', '.join(gymnax_library.MEMBERS)}) "
            f"or have what envs.base.Env names; it lacks {', '.join(missing)}"
            f"{gymnax_library.mend(candidate if isinstance(candidate, type) else type(candidate))}"
        )
