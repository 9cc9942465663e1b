"""The contract of an environment: pure functions, and facts that hold whatever its parameters are.

An adapter per library fulfils it, and so may a class of the user's. An environment never resets itself; `envs.vector`
steps many side by side and starts new episodes.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray, PyTree

Obs: TypeAlias = PyTree[Array]
EnvState: TypeAlias = PyTree[Array]
Params: TypeAlias = PyTree


class EnvFailure(Exception):
    """An environment that the host steps failed in mid-run; its text is one line."""


def failure(error: BaseException) -> str | None:
    """Return the text of the `EnvFailure` that ended a compiled program with an error; None if another one did."""
    prefix = f"{EnvFailure.__name__}: "
    lines = (line.partition(prefix) for line in str(error).splitlines())
    return next((text for _, found, text in lines if found), None)


class Transition(NamedTuple):
    """What one step of one environment leads to, before any reset.

    Attributes:
        terminated: the episode came to its natural end; what follows is worth nothing.
        truncated: the time limit is reached; `terminated` may hold as well, and then counts.
    """

    obs: Obs
    state: EnvState
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]


@runtime_checkable
class Env(Protocol):
    """One environment. Facts are those of the default `params`: they are never traced.

    Attributes:
        params: default parameters, a pytree. Its scalar leaves may be replaced by others, traced ones among them.
        episode_limit: env steps after which an episode is truncated.
        return_range: worst and best episode return, the scale on which scores are normalised; None if not known.
        dear_reset: whether a reset costs more than a step, so that start states are better drawn from a pool.
        num_actions: number of discrete actions; None if actions are real-valued.
        action_low, action_high: bounds of real-valued actions, arrays of an action's shape; None if discrete.

    Nine more members are optional:
        num_categories: observations are integers below this that name things, such as tiles; agents embed them.
        fixed_params: names of scalar leaves of `params` that can't be replaced, with the reason ("is the episode limit").
        param_ranges: the lowest and the highest value of params that have bounds, by name.
        derive(params): the params with the leaves that follow from others computed anew.
        scored_params(params): the params that agents are scored with, where training is with others, such as clipped rewards.
        goes_on(state): whether the next episode goes on from the state that one has terminated in, as after a lost life.
        mask_key: where an observation, a dict, has the mask of the actions that are allowed, truth values.
        draw(state, params): an RGB picture of a state, `(height, width, 3)` of uint8.
        page(states, params): an HTML page that shows some states in motion.
    """

    @property
    def params(self) -> Params: ...
    @property
    def episode_limit(self) -> int: ...
    @property
    def return_range(self) -> tuple[float, float] | None: ...
    @property
    def dear_reset(self) -> bool: ...
    @property
    def num_actions(self) -> int | None: ...
    @property
    def action_low(self) -> np.ndarray | None: ...
    @property
    def action_high(self) -> np.ndarray | None: ...

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EnvState]:
        """Return a start state and what is observed there."""
        ...

    def step(self, key: PRNGKeyArray, state: EnvState, action: Array, params: Params) -> Transition:
        """Return what an action leads to; real-valued ones are within the bounds."""
        ...


MEMBERS = tuple(name for name in vars(Env) if not name.startswith("_"))


def fixed_params(env: Env) -> Mapping[str, str]:
    """Return the names of params that can't be replaced, with the reason."""
    return getattr(env, "fixed_params", {})


def param_ranges(env: Env) -> Mapping[str, tuple[float, float]]:
    """Return the lowest and the highest value of params that have bounds."""
    return getattr(env, "param_ranges", {})


def derive(env: Env, params: Params) -> Params:
    """Return the params with the leaves that follow from others computed anew."""
    return env.derive(params) if hasattr(env, "derive") else params


def scored_params(env: Env, params: Params) -> Params:
    """Return the params that agents are scored with."""
    return env.scored_params(params) if hasattr(env, "scored_params") else params


def num_categories(env: Env) -> int | None:
    """Return the number of categories that observations name; None if they are no categories."""
    return getattr(env, "num_categories", None)


def mask_key(env: Env) -> str | None:
    """Return where an observation has the mask of the actions that are allowed; None if all always are."""
    return getattr(env, "mask_key", None)


def scalar_leaves(params: Params) -> dict[str, Any]:
    """Return the scalar numbers among the leaves of a pytree by their dotted paths, as Python numbers."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    return {path_name(path): np.asarray(leaf).item() for path, leaf in leaves if _is_scalar(leaf)}


def path_name(path: tuple[Any, ...]) -> str:
    """Return the dotted name of a leaf's path: `sys.gravity`."""
    return jax.tree_util.keystr(path, simple=True, separator=".").lstrip(".")  # the params of a wrapper have empty keys


def _is_scalar(leaf: Any) -> bool:
    if isinstance(leaf, jax.core.Tracer):
        return False
    return np.ndim(leaf) == 0 and np.asarray(leaf).dtype.kind in "biuf"


def strong(tree: PyTree) -> PyTree[Array]:
    """Return the leaves as arrays of strong type: a program compiled for a reset's serves those of a step as well."""
    return jax.tree.map(_strong, tree)


def _strong(leaf: Any) -> Array:
    leaf = jnp.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.extended):  # random keys
        return leaf
    return jax.lax.convert_element_type(leaf, leaf.dtype)
