"""Environments by name, and what an environment does not say of itself.

Importing this module imports no environment library: gymnax alone costs seconds, and `arl --help` must not pay them.
"""

import dataclasses
import functools
import math
import numbers
from typing import TYPE_CHECKING, Any

from arl.errors import InputError, first_line, load_object, unknown

if TYPE_CHECKING:
    from envs.base import Env


@dataclasses.dataclass(frozen=True)
class EnvSpec:
    """Facts about one environment.

    Attributes:
        episode_limit: env steps after which an episode is truncated.
        return_range: worst and best episode return, the scale on which scores are normalised; the worst is also the
            score of a diverged run.
        family: group of environments that share a published search space.
        source: where it is made: `gymnax`, or `module:Class` of a gymnax-style class.
        extra: the optional dependency group that installs it, if it is not in the base install.
    """

    name: str
    episode_limit: int
    return_range: tuple[float, float]
    family: str
    source: str
    extra: str | None = None


def _classic(name: str, episode_limit: int, worst: float, best: float) -> EnvSpec:
    return EnvSpec(name, episode_limit, (worst, best), "classic_control", "gymnax")


def _probe(name: str, episode_limit: int, worst: float, best: float) -> EnvSpec:
    return EnvSpec(f"Probe{name}", episode_limit, (worst, best), "probe", f"envs.probes:{name}")


SPECS: dict[str, EnvSpec] = {
    spec.name: spec
    for spec in (
        _classic("CartPole-v1", 500, 0.0, 500.0),
        _classic("Acrobot-v1", 500, -500.0, -60.0),
        _classic("MountainCar-v0", 200, -200.0, -90.0),
        _classic("MountainCarContinuous-v0", 999, -99.9, 99.0),
        _classic("Pendulum-v1", 200, -1800.0, -100.0),
        _probe("Constant", 1, 0.0, 1.0),
        _probe("Observed", 1, -1.0, 1.0),
        _probe("Delayed", 2, 0.0, 1.0),
        _probe("Endless", 5, 0.0, 5.0),
        _probe("Choice", 1, -1.0, 1.0),
        _probe("Matching", 1, -9.0, 0.0),
    )
}


_NEEDED = ("default_params", "reset_env", "step_env", "is_truncated", "action_space", "return_range")


def names() -> list[str]:
    """The registered environments."""
    return list(SPECS)


def spec(name: str) -> EnvSpec:
    """What is known of an environment, registered or the user's own (`module:Class`, `file.py:Class`).

    A class of the user's must have a class attribute `return_range = (worst, best)`.

    Raises:
        InputError: unknown name, or a class that lacks what a task needs.
    """
    if not isinstance(name, str):
        raise InputError(f"environment must be a name, got {name!r}")
    if name in SPECS:
        return SPECS[name]
    if ":" not in name:
        raise unknown("environment", name, SPECS)
    return _custom_spec(name)


def make(name: str) -> "Env":
    """Return the environment of that name.

    Raises:
        InputError: unknown name, or the environment's library is not installed.
    """
    known = spec(name)
    try:
        return _make_gymnax(name) if known.source == "gymnax" else _make_class(known.source)
    except ModuleNotFoundError as error:
        hint = f"pip install 'arl[{known.extra}]'" if known.extra else f"pip install {error.name}"
        raise InputError(f"environment {name!r} needs the package {error.name!r}: {hint}") from error


def _make_gymnax(name: str) -> "Env":
    from envs import gymnax_library

    return gymnax_library.make(name)


def _make_class(source: str) -> "Env":
    from envs import gymnax_library

    raw, params = _make_raw(source)
    return gymnax_library.adapt(raw, params, raw.return_range)


def _make_raw(source: str) -> tuple[Any, Any]:
    cls = load_object(source, "environment")
    missing = [needed for needed in _NEEDED if not hasattr(cls, needed)]
    if missing:
        raise InputError(
            f"environment {source!r} must be gymnax-style with a class attribute return_range = (worst, best); "
            f"it lacks {', '.join(missing)}"
        )
    try:
        env = cls()
        return env, env.default_params
    except Exception as error:  # the user's class can fail in any way
        raise InputError(
            f"environment {source!r} can't be made: {type(error).__name__}: {first_line(error)}"
        ) from error


@functools.cache
def _custom_spec(name: str) -> EnvSpec:
    env, params = _make_raw(name)
    limit = getattr(params, "max_steps_in_episode", None)
    if not isinstance(limit, numbers.Integral) or limit < 1:
        raise InputError(f"environment {name!r} must have params with max_steps_in_episode >= 1, got {limit!r}")
    return EnvSpec(name, int(limit), _return_range(name, env.return_range), "custom", name)


def _return_range(name: str, given: Any) -> tuple[float, float]:
    try:
        worst, best = (float(value) for value in given)
        if -math.inf < worst < best < math.inf:
            return worst, best
    except (TypeError, ValueError):
        pass
    raise InputError(
        f"environment {name!r} must have a return_range of two finite numbers, worst < best, got {given!r}"
    )
