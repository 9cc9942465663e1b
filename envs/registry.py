"""Environments by name, and what an environment does not say of itself.

A name is one of

    CartPole-v1                                      registered here
    gymnax/Breakout-MinAtar                          library/env
    my_module:Maze, maze.py:Maze                     a class of the user's

and may end in arguments, as in a URL: `brax/ant?backend=spring&reset_pool=256`. Some arguments are common to all:
`reset_pool`, the number of start states in a pool; `return_range`, the scale of scores; `limit_in_done`, whether the
environment reports its time limit as a natural end; and the settings of `envs.wrappers`. All others reach the library.

Importing this module imports no environment library: gymnax alone costs seconds, and `arl --help` must not pay them.
"""

import ast
import dataclasses
import functools
import importlib
import importlib.util
import math
import numbers
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from arl import distribution
from arl.errors import InputError, first_line, unknown

if TYPE_CHECKING:
    from envs.base import Env


@dataclasses.dataclass(frozen=True)
class Library:
    """A source of environments.

    Attributes:
        adapter: `module:function` that makes an `envs.base.Env` of an environment's name and arguments.
        extra: the optional dependency group that installs the library, if it is not in the base install.
        package: the package of the library, if it is one.
        family: the family of its environments; those of some suites, told by the end of their name, have another.
        wrappers: settings of `envs.wrappers` that its environments have where their name gives no others.
    """

    adapter: str
    family: str
    extra: str | None = None
    package: str | None = None
    suites: Mapping[str, str] = dataclasses.field(default_factory=dict)
    wrappers: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def is_installed(self) -> bool:
        """Whether its package is installed; it is not imported."""
        return self.package is None or importlib.util.find_spec(self.package) is not None


LIBRARIES: dict[str, Library] = {
    "gymnax": Library(
        "envs.gymnax_library:make",
        family="classic_control",
        package="gymnax",
        suites={"-MinAtar": "minatar", "-bsuite": "bsuite", "-misc": "misc"},
    ),
    "classic_control": Library("envs.classic_control:make", family="classic_control"),
    "planar": Library("envs.planar.library:make", family="box2d"),
    "brax": Library("envs.brax_library:make", family="brax", extra="brax", package="brax"),
    "xminigrid": Library("envs.xminigrid_library:make", family="minigrid", extra="minigrid", package="xminigrid"),
    "navix": Library("envs.navix_library:make", family="navix", extra="navix", package="navix"),
    "craftax": Library("envs.craftax_library:make", family="craftax", extra="craftax", package="craftax"),
    "jumanji": Library("envs.jumanji_library:make", family="jumanji", extra="jumanji", package="jumanji"),
    "pgx": Library("envs.pgx_library:make", family="pgx", extra="pgx", package="pgx"),
    "playground": Library(
        "envs.playground_library:make", family="playground", extra="playground", package="mujoco_playground"
    ),
    "gymnasium": Library("envs.gymnasium_library:make", family="gymnasium", package="gymnasium"),
    "ALE": Library(
        "envs.ale_library:make",
        family="atari",
        extra="atari",
        package="ale_py",
        wrappers={"frame_stack": 4, "reward_clip": 1.0},
    ),
    "probes": Library("envs.probes:make", family="probe"),
}
USER_CLASS = Library("envs.user_class:make", family="custom")


@dataclasses.dataclass(frozen=True)
class EnvSpec:
    """Facts about one environment.

    Attributes:
        episode_limit: env steps after which an episode is truncated.
        return_range: worst and best episode return, the scale on which scores are normalised; the worst, below which
            no return may be, is also the score of a diverged run. None where it is neither documented nor given.
        family: group of environments that share a published search space.
        source: where it is made: `library/env`, or `module:Class` of the user's.
        extra: the optional dependency group that installs it, if it is not in the base install.
        observation: dtype and shape of an observation in words, `float32[4]`.
        actions: what an action is in words, `2 discrete` or `float32[1]`.
    """

    name: str
    episode_limit: int
    return_range: tuple[float, float] | None
    family: str
    source: str
    extra: str | None = None
    observation: str = ""
    actions: str = ""

    @property
    def missing(self) -> str | None:
        """What a task still needs, in one line that says how to give it; None if nothing is missing."""
        if self.return_range is not None:
            return None
        separator = "&" if "?" in self.name else "?"
        return (
            f"environment {self.name!r} has no documented return range, and scores need a scale: "
            f"give it as '{self.name}{separator}return_range=WORST,BEST'"
        )


def _row(
    name: str, source: str, episode_limit: int, worst: float, best: float, observation: str, actions: str
) -> EnvSpec:
    library, _, env = source.partition("/")
    family, extra = _family(library, env), LIBRARIES[library].extra
    return EnvSpec(name, episode_limit, (worst, best), family, source, extra, observation, actions)


def _family(library: str, env: str) -> str:
    row = LIBRARIES[library]
    return next((family for end, family in row.suites.items() if env.endswith(end)), row.family)


# No return is below the worst: it is the score of runs that diverged. Of Pendulum it is the limit times the largest cost of a
# step, pi^2 + 0.1 max_speed^2 + 0.001 max_torque^2 = 16.274; of MountainCarContinuous the limit times 0.1, rounded down.
# Ranges of MinAtar: no reward is negative, and the best are the returns of gymnax's own PPO agents (README of gymnax 1.0.1).
# Of MiniGrid: 0 for an episode that does not reach its goal, else 1 - 0.9 time / limit.
# Of LunarLander it is below the returns of 4,000 fixed and random policies. Of BipedalWalker: a fall (-100), full torque for
# 2,000 steps (-224), the way back (-20) and the hull upside down (-16); the way to the end is worth 364, less torque.
# Of ALE: Pong's and DoubleDunk's are those of the game. In the others no reward is negative, and the best are the returns of
# human testers (Mnih et al. 2015, extended data table 2; Wang et al. 2016, arXiv:1511.06581, for Phoenix).
# Of Brax they are set, not derived: rewards are velocities, less the squares of torques, and have no bounds.
SPECS: dict[str, EnvSpec] = {
    spec.name: spec
    for spec in (
        _row("CartPole-v1", "gymnax/CartPole-v1", 500, 0.0, 500.0, "float32[4]", "2 discrete"),
        _row("Acrobot-v1", "gymnax/Acrobot-v1", 500, -500.0, -60.0, "float32[6]", "3 discrete"),
        _row("MountainCar-v0", "gymnax/MountainCar-v0", 200, -200.0, -90.0, "float32[2]", "3 discrete"),
        _row(
            "MountainCarContinuous-v0",
            "classic_control/MountainCarContinuous-v0",
            999,
            -100.0,
            99.0,
            "float32[2]",
            "float32[1]",
        ),
        _row("Pendulum-v1", "gymnax/Pendulum-v1", 200, -3255.0, -100.0, "float32[3]", "float32[1]"),
        _row("planar/LunarLander", "planar/LunarLander", 1000, -5000.0, 300.0, "float32[8]", "4 discrete"),
        _row(
            "planar/LunarLanderContinuous",
            "planar/LunarLanderContinuous",
            1000,
            -5000.0,
            300.0,
            "float32[8]",
            "float32[2]",
        ),
        *(
            _row(f"planar/{name}", f"planar/{name}", limit, -400.0, 350.0, "float32[24]", "float32[4]")
            for name, limit in (("BipedalWalker", 1600), ("BipedalWalkerHardcore", 2000))
        ),
        *(
            _row(f"{name}-MinAtar", f"gymnax/{name}-MinAtar", limit, 0.0, best, observation, actions)
            for name, limit, best, observation, actions in (
                ("Asterix", 1000, 15.0, "bool[10, 10, 4]", "5 discrete"),
                ("Breakout", 1000, 28.0, "bool[10, 10, 4]", "3 discrete"),
                ("Freeway", 2500, 58.0, "bool[10, 10, 7]", "3 discrete"),
                ("SpaceInvaders", 1000, 131.0, "bool[10, 10, 6]", "4 discrete"),
            )
        ),
        *(
            _row(f"MiniGrid-{name}", f"xminigrid/MiniGrid-{source}", limit, 0.0, 1.0, "uint8[7, 7, 2]", "6 discrete")
            for name, source, limit in (
                ("DoorKey-5x5", "DoorKey-5x5", 250),
                ("Empty-Random-5x5", "EmptyRandom-5x5", 100),
                ("FourRooms", "FourRooms", 100),
                ("Unlock", "Unlock", 288),
            )
        ),
        *(
            _row(f"brax/{name}", f"brax/{name}", 1000, worst, best, f"float32[{obs_size}]", f"float32[{action_size}]")
            for name, worst, best, obs_size, action_size in (
                ("ant", -4000.0, 8000.0, 27, 8),
                ("halfcheetah", -4000.0, 8000.0, 17, 6),
                ("hopper", -1000.0, 3000.0, 11, 3),
                ("humanoid", -2000.0, 12000.0, 244, 17),
            )
        ),
        *(
            _row(f"ALE/{name}-v5", f"ALE/{name}-v5", 27_000, worst, best, "uint8[84, 84, 4]", f"{actions} discrete")
            for name, worst, best, actions in (
                ("BattleZone", 0.0, 37_188.0, 18),
                ("Breakout", 0.0, 30.0, 4),
                ("DoubleDunk", -24.0, 24.0, 18),
                ("NameThisGame", 0.0, 8_049.0, 6),
                ("Phoenix", 0.0, 7_243.0, 8),
                ("Pong", -21.0, 21.0, 6),
                ("Qbert", 0.0, 13_455.0, 6),
            )
        ),
        _row("ProbeConstant", "probes/Constant", 2, 0.0, 1.0, "float32[1]", "2 discrete"),
        _row("ProbeObserved", "probes/Observed", 2, -1.0, 1.0, "float32[1]", "2 discrete"),
        _row("ProbeDelayed", "probes/Delayed", 3, 0.0, 1.0, "float32[1]", "2 discrete"),
        _row("ProbeEndless", "probes/Endless", 5, 0.0, 5.0, "float32[1]", "2 discrete"),
        _row("ProbeChoice", "probes/Choice", 2, -1.0, 1.0, "float32[1]", "2 discrete"),
        _row("ProbeMatching", "probes/Matching", 2, -9.0, 0.0, "float32[1]", "float32[1]"),
    )
}
_RANGES = {spec.source: spec.return_range for spec in SPECS.values()}


@dataclasses.dataclass(frozen=True)
class Request:
    """A name taken apart.

    Attributes:
        base: the name without arguments.
        source: `library/env`, or `module:Class` of the user's.
        arguments: those for the library.
        reset_pool: the number of start states in a pool; None is the default.
        return_range: the scale of scores; None is the environment's own.
        limit_in_done: whether episodes that the environment ends at its limit are truncated there.
        wrappers: the values of `envs.wrappers` by name.
    """

    base: str
    source: str
    arguments: Mapping[str, Any]
    reset_pool: int | None = None
    return_range: tuple[float, float] | None = None
    limit_in_done: bool = False
    wrappers: Mapping[str, float] = dataclasses.field(default_factory=dict)

    @property
    def library(self) -> Library:
        """The source of the environment."""
        return USER_CLASS if ":" in self.source else LIBRARIES[self.source.partition("/")[0]]

    @property
    def env(self) -> str:
        """The name of the environment within its library."""
        return self.source if ":" in self.source else self.source.partition("/")[2]

    @property
    def family(self) -> str:
        """The group of environments that share a published search space."""
        return self.library.family if ":" in self.source else _family(*self.source.split("/", 1))


def names() -> list[str]:
    """Return the registered environments."""
    return list(SPECS)


def is_name(text: str) -> bool:
    """Return whether a text has the form of an environment's name: registered, `library/env` or `module:Class`."""
    base = text.partition("?")[0]
    return base in SPECS or ":" in base or "/" in base


def full_name(name: str, **arguments: Any) -> str:
    """Return the name with more arguments written behind its question mark."""
    if not arguments:
        return name
    written = "&".join(f"{key}={_written(value)}" for key, value in arguments.items())
    return f"{name}{'&' if '?' in name else '?'}{written}"


def parse(name: str) -> Request:
    """Return the parts of a name.

    Raises:
        InputError: an unknown environment or library, arguments that are not `key=value`, or given twice, or a common
            argument out of range.
    """
    if not isinstance(name, str):
        raise InputError(f"environment must be a name, got {name!r}")
    base, _, query = name.partition("?")
    arguments = _arguments(name, query)
    pool, return_range = arguments.pop("reset_pool", None), arguments.pop("return_range", None)
    limit_in_done = arguments.pop("limit_in_done", False)
    if pool is not None and (not isinstance(pool, int) or isinstance(pool, bool) or pool < 0):
        raise InputError(f"reset_pool of environment {name!r} must be an integer from 0 up, got {pool!r}")
    checked_setting(name, "limit_in_done", limit_in_done, bool, 0, 1)
    scale = None if return_range is None else checked_range(name, return_range)
    given = {
        key: checked_setting(name, key, arguments.pop(key), *_WRAPPERS[key]) for key in _WRAPPERS if key in arguments
    }
    request = Request(base, _source(base), arguments, pool, scale, limit_in_done)
    return dataclasses.replace(request, wrappers={**request.library.wrappers, **given})


def spec(name: str, **arguments: Any) -> EnvSpec:
    """Return the facts of an environment: registered ones from here, others from their library or class.

    Raises:
        InputError: unknown name, its library is not installed, or a class that lacks what an environment needs.
    """
    return _spec(full_name(name, **arguments))


def make(name: str, **arguments: Any) -> "Env":
    """Return the environment of that name; keywords are arguments as those behind its question mark.

    Raises:
        InputError: unknown name or argument, its library is not installed, or it can't be made.
    """
    return _make(full_name(name, **arguments))


def checked_range(name: str, given: Any) -> tuple[float, float]:
    """Return a return range as two numbers.

    Raises:
        InputError: it is not two finite numbers, worst < best.
    """
    try:
        worst, best = (float(value) for value in given)
        if -math.inf < worst < best < math.inf:
            return worst, best
    except (TypeError, ValueError):
        pass
    raise InputError(
        f"environment {name!r} must have a return_range of two finite numbers, worst < best, got {given!r}"
    )


def checked_limit(name: str, given: Any) -> int:
    """Return an episode limit as an integer.

    Raises:
        InputError: it is no integer from 1 up.
    """
    if isinstance(given, numbers.Real) and not isinstance(given, bool):
        steps = float(given)
        if steps >= 1 and steps.is_integer():
            return int(steps)
    raise InputError(f"environment {name!r} must have an episode limit of at least 1 env step, got {given!r}")


def checked_setting(name: str, key: str, value: Any, kind: type, low: float, high: float) -> Any:
    """Return an argument of an environment's name as a value of its type: bool, int or float.

    Raises:
        InputError: it is no such value, or not from `low` to `high`.
    """
    if kind is bool:
        if isinstance(value, bool):
            return value
        raise InputError(f"{key} of environment {name!r} must be true or false, got {value!r}")
    is_number = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    if is_number and low <= value <= high and math.isfinite(value):
        return kind(value)
    words = "an integer" if kind is int else "a number"
    top = f"to {high:g}" if high < 2**31 - 1 else "up"
    raise InputError(f"{key} of environment {name!r} must be {words} from {low:g} {top}, got {value!r}")


# Settings of `envs.wrappers`: their type, lowest and highest value.
_WRAPPERS: dict[str, tuple[type, float, float]] = {
    "sticky_actions": (float, 0.0, 1.0),
    "action_repeat": (int, 1, 1_000),
    "time_limit": (int, 1, 2**31 - 1),
    "frame_stack": (int, 1, 1_000),
    "reward_clip": (float, 0.0, math.inf),
}


@functools.cache
def _spec(name: str) -> EnvSpec:
    request = parse(name)
    row = SPECS.get(request.base)
    if row is not None and not request.arguments and request.wrappers == request.library.wrappers:
        return dataclasses.replace(row, name=name, return_range=request.return_range or row.return_range)
    env = _make(name)
    return EnvSpec(
        name=name,
        episode_limit=env.episode_limit,
        return_range=request.return_range or env.return_range or _documented_range(request),
        family=request.family,
        source=request.source,
        extra=request.library.extra,
        observation=observation_words(env),
        actions=action_words(env),
    )


def observation_words(env: "Env") -> str:
    """Return dtypes and shapes of an observation; empty if it can't be traced, which is refused where it is trained."""
    import jax

    try:
        obs, _ = jax.eval_shape(lambda key: env.reset(key, env.params), jax.random.key(0))
    except Exception:  # the user's class can fail in any way
        return ""
    return ", ".join(f"{leaf.dtype}{list(leaf.shape)}" for leaf in jax.tree.leaves(obs))


def action_words(env: "Env") -> str:
    """Return what an action is in words."""
    if env.num_actions is not None:
        return f"{env.num_actions} discrete"
    return f"float32{list(env.action_low.shape)}" if env.action_low is not None else ""


def _documented_range(request: Request) -> tuple[float, float] | None:
    """Return the range of the same environment under its registered name; arguments make it another environment."""
    return None if request.arguments else _RANGES.get(request.source)


def _make(name: str) -> "Env":
    request = parse(name)
    library = request.library
    try:
        made = _adapter(library)(request.env, **request.arguments)
        return _wrapped(made, request) if request.limit_in_done or request.wrappers else made
    except InputError:
        raise
    except ModuleNotFoundError as error:
        package = str(error.name).partition(".")[0]
        hint = distribution.install(library.extra) if library.extra else f"pip install {package}"
        raise InputError(f"environment {name!r} needs the package {package!r}: {hint}") from error
    except (Exception, SystemExit) as error:  # a library or a user's class can fail in any way
        raise InputError(f"environment {name!r} can't be made: {type(error).__name__}: {first_line(error)}") from error


def _wrapped(env: "Env", request: Request) -> "Env":
    from envs import wrappers

    return wrappers.wrapped(env, request.limit_in_done, request.wrappers)


def _adapter(library: Library) -> "Callable[..., Env]":
    module, _, function = library.adapter.partition(":")
    return getattr(importlib.import_module(module), function)


def _source(base: str) -> str:
    if base in SPECS:
        return SPECS[base].source
    library, slash, env = base.partition("/")
    if ":" in base:
        return base
    if slash and library not in LIBRARIES:
        raise unknown("environment library", library, LIBRARIES)
    if slash and env:
        return base
    raise unknown("environment", base, SPECS)


def _arguments(name: str, query: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    for pair in query.split("&") if query else []:
        key, equals, text = pair.partition("=")
        if not (key.isidentifier() and equals):
            raise InputError(f"arguments of environment {name!r} must be key=value joined by &, got {pair!r}")
        if key in arguments:
            raise InputError(f"environment {name!r} must get each argument once, got {key} twice")
        arguments[key] = _read(text)
    return arguments


def _read(text: str) -> Any:
    """Return a Python literal, `true` or `false`, else the text itself."""
    if text in ("true", "false"):
        return text == "true"
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ",".join(_written(item) for item in value)
    if isinstance(value, str | numbers.Number):
        return str(value)
    raise InputError(f"arguments of an environment must be numbers, texts or tuples of them, got {value!r}")
