"""Environments of Brax: its raw environments, without the wrappers for episodes and resets."""

import contextlib
import dataclasses
import inspect
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray

from arl.errors import unknown
from envs.base import EnvState, Obs, Params, Transition
from envs.registry import checked_limit

BACKENDS = ("mjx", "generalized", "spring", "positional")


class BraxState(NamedTuple):
    """Brax's own state, and the env steps made in the episode, which it does not count."""

    brax: Any
    time: Int[Array, ""]


@dataclasses.dataclass(frozen=True, eq=False)
class BraxEnv:
    """A raw environment of Brax in the form of `envs.base.Env`. Its params are none; its actions are in [-1, 1]."""

    raw: Any
    episode_limit: int
    action_low: np.ndarray
    action_high: np.ndarray
    params: Params = ()
    num_actions: int | None = None
    return_range: tuple[float, float] | None = None
    dear_reset: bool = True

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EnvState]:
        """Return a start state and what is observed there."""
        state = self.raw.reset(jax.random.key_data(key))
        return state.obs, BraxState(state, jnp.zeros((), jnp.int32))

    def step(self, key: PRNGKeyArray, state: BraxState, action: Array, params: Params) -> Transition:
        """Return what an action leads to."""
        before = state.brax.replace(metrics=dict(state.brax.metrics))  # the library writes into it
        after, time = self.raw.step(before, action), state.time + 1
        return Transition(after.obs, BraxState(after, time), after.reward, after.done > 0.5, time >= self.episode_limit)

    def page(self, states: Sequence[BraxState], params: Params) -> str:
        """Return an HTML page that shows some states in motion; its viewer is loaded from the web."""
        from brax.io import html

        system = self.raw.sys.tree_replace({"opt.timestep": self.raw.dt})
        return html.render(system, [state.brax.pipeline_state for state in states])


def make(name: str, episode_limit: int = 1000, backend: str = "mjx", **arguments: Any) -> BraxEnv:
    """Return the environment of Brax with that name; the arguments are those of its class.

    `mjx` is the backend of the reference dataset, 1000 env steps are the limit of Brax's own `create`.

    Raises:
        InputError: no such environment, backend or argument.
    """
    with quiet():
        from brax import envs as brax_envs
    classes = brax_envs._envs
    if name not in classes:
        raise unknown("brax environment", name, classes)
    if backend not in BACKENDS:
        raise unknown("backend of brax", backend, BACKENDS)
    allowed = _argument_names(classes[name], brax_envs.PipelineEnv)
    for argument in arguments:
        if argument not in allowed:
            raise unknown("argument", argument, allowed, f"of environment 'brax/{name}'")
    with quiet():
        raw = brax_envs.get_environment(name, backend=backend, **arguments)
    bound = np.ones(raw.action_size, np.float32)
    return BraxEnv(raw, checked_limit(f"brax/{name}", episode_limit), -bound, bound)


def _argument_names(*classes: type) -> list[str]:
    """Return arguments of an environment's class and of the class that gets the rest."""
    names = dict.fromkeys(name for cls in classes for name in inspect.signature(cls).parameters)
    return ["episode_limit", *(name for name in names if name not in ("sys", "kwargs", "debug"))]


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what MuJoCo prints about Warp, and what Brax warns about its successor, out of the output of a command."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(None):
        warnings.simplefilter("ignore")
        yield
