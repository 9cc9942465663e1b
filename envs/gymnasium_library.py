"""Environments of Gymnasium, stepped by the host within compiled programs.

A state is a value, as in any other environment: the seed of its episode and all actions since. The host keeps those
episodes alive that were stepped last, and finds one by the digest of all that happened in it. An episode that it does not
have, because the state was saved or stepped before, is played again from its seed; that it then is another one is an error.
Only an environment whose episodes follow from the seed and the actions can be gone on with so.
"""

import collections
import copy
import dataclasses
import hashlib
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gymnasium import spaces
from jaxtyping import Array, Bool, Int, PRNGKeyArray, PyTree, UInt32

from arl.errors import InputError, first_line, unknown
from envs import host
from envs.base import EnvFailure, Obs, Params, Transition
from envs.registry import checked_limit, checked_range

DEFAULT_LIMIT = 1000
MOST_ALIVE = 4096  # episodes; more than are stepped side by side
_DIGEST = jax.ShapeDtypeStruct((2,), jnp.uint32)
_NARROWER = {"float64": "float32", "int64": "int32", "uint64": "uint32"}  # JAX is in 32-bit mode


class EpisodeState(NamedTuple):
    """An episode: its seed, its actions so far, and a digest of all that happened in it.

    `num_steps` is no scalar: it can't be set like the clock of other environments.
    """

    seed: UInt32[Array, ""]
    num_steps: Int[Array, "1"]
    has_ended: Bool[Array, ""]
    actions: Array
    digest: UInt32[Array, "2"]


@dataclasses.dataclass(frozen=True, eq=False)
class GymnasiumEnv:
    """An environment of Gymnasium in the form of `envs.base.Env`. Its params are none."""

    host: "Host"
    episode_limit: int
    num_actions: int | None
    action_low: np.ndarray | None
    action_high: np.ndarray | None
    return_range: tuple[float, float] | None
    params: Params = ()
    dear_reset: bool = True

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, EpisodeState]:
        """Return a start state and what is observed there."""
        seed = jax.random.bits(key, (), jnp.uint32)
        obs, digest = host.call(self.host.reset, (self.host.obs_spec, _DIGEST), seed)
        shape, dtype = ((), jnp.int32) if self.action_low is None else (self.action_low.shape, jnp.float32)
        actions = jnp.zeros((self.episode_limit, *shape), dtype)
        return obs, EpisodeState(seed, jnp.zeros(1, jnp.int32), jnp.zeros((), bool), actions, digest)

    def step(self, key: PRNGKeyArray, state: EpisodeState, action: Array, params: Params) -> Transition:
        """Return what an action leads to. What is random follows from the seed of the episode, not from the key."""
        flag = jax.ShapeDtypeStruct((), jnp.bool_)
        specs = _Step(self.host.obs_spec, _DIGEST, jax.ShapeDtypeStruct((), jnp.float32), flag, flag)
        action = action.astype(state.actions.dtype)
        obs, digest, reward, terminated, truncated = host.call(self.host.step, specs, state, action)
        actions, num_steps = state.actions.at[state.num_steps[0]].set(action), state.num_steps + 1
        after = EpisodeState(state.seed, num_steps, terminated | truncated, actions, digest)
        return Transition(obs, after, reward, terminated, truncated | (num_steps[0] >= self.episode_limit))


class DrawnGymnasiumEnv(GymnasiumEnv):
    """An environment of Gymnasium that was made to render RGB pictures."""

    def draw(self, state: EpisodeState, params: Params) -> np.ndarray:
        """Return an RGB picture of a state, `(height, width, 3)` of uint8."""
        return self.host.draw(jax.tree.map(np.asarray, state))


class _Step(NamedTuple):
    """What a step gives, or of what shapes and types; programs get the digest as two integers."""

    obs: Any
    digest: Any
    reward: Any
    terminated: Any
    truncated: Any


class Host:
    """The live environments of the episodes that were stepped last, at most `MOST_ALIVE`.

    Args:
        make: makes an environment.
        name: what errors call it.

    Raises:
        InputError: its observations can't be arrays of one shape.
    """

    def __init__(self, make: Callable[[], Any], name: str):
        self.make, self.name = make, name
        self.lock = threading.Lock()
        self.alive: collections.OrderedDict[bytes, Any] = (
            collections.OrderedDict()
        )  # by digest, stepped last at the end
        self.idle = [make()]
        self.obs_space, self.action_space = self.idle[0].observation_space, self.idle[0].action_space
        self.obs_spec = _obs_spec(self.obs_space, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Host":
        """Return itself: live environments are no part of a state."""
        return self

    def reset(self, seed: np.ndarray) -> tuple[PyTree[np.ndarray], np.ndarray]:
        """Return the observation and the digest at the start of an episode."""
        with self.lock:
            env, obs, digest = self._started(seed)
            self._keep(digest, env)
        return obs, _numbers(digest)

    def step(self, state: EpisodeState, action: np.ndarray) -> "_Step":
        """Return what an action leads to."""
        with self.lock:
            after = self._after_end(state) if state.has_ended else self._step(state, action)
        return after._replace(digest=_numbers(after.digest))

    def draw(self, state: EpisodeState) -> np.ndarray:
        """Return an RGB picture of a state."""
        with self.lock:
            env = self._played(state)
            self.idle.append(env)
            return np.asarray(self._called(env.render, "render"), np.uint8)

    def _step(self, state: EpisodeState, action: np.ndarray) -> _Step:
        digest = state.digest.tobytes()
        env = self.alive.pop(digest) if digest in self.alive else self._played(state)
        after = self._stepped(env, action, digest)
        if after.terminated or after.truncated:
            self.idle.append(env)
        else:
            self._keep(after.digest, env)
        return after

    def _after_end(self, state: EpisodeState) -> _Step:
        """Return a step that changes nothing: an environment must not be stepped after its end."""
        blank = jax.tree.map(lambda spec: np.zeros(spec.shape, spec.dtype), self.obs_spec)
        return _Step(blank, state.digest.tobytes(), 0.0, terminated=True, truncated=False)

    def _played(self, state: EpisodeState) -> Any:
        """Return an environment in a state that none is in any more.

        Raises:
            EnvFailure: it gets elsewhere from the same seed by the same actions.
        """
        env, _, digest = self._started(np.asarray(state.seed))
        for action in state.actions[: state.num_steps[0]]:
            digest = self._stepped(env, action, digest).digest
        if digest != state.digest.tobytes():
            raise EnvFailure(
                f"environment {self.name!r} is not resumable: the same seed and actions must lead to the same episode, "
                f"got another one by env step {state.num_steps[0]}"
            )
        return env

    def _started(self, seed: np.ndarray) -> tuple[Any, PyTree[np.ndarray], bytes]:
        env = self.idle.pop() if self.idle else self.make()
        obs, _ = self._called(env.reset, "reset", seed=int(seed))
        obs = self._checked(obs, "reset")
        return env, obs, _digest(seed.tobytes(), *jax.tree.leaves(obs))

    def _stepped(self, env: Any, action: np.ndarray, digest: bytes) -> _Step:
        native = self._native(action)
        obs, reward, terminated, truncated, _ = self._called(env.step, "step", native)
        obs, flags = self._checked(obs, "step"), (bool(terminated), bool(truncated))
        numbers = np.float32(reward), np.array(flags)
        return _Step(obs, _digest(digest, action, *numbers, *jax.tree.leaves(obs)), float(reward), *flags)

    def _native(self, action: np.ndarray) -> Any:
        if isinstance(self.action_space, spaces.Discrete):
            return self.action_space.start + action.astype(self.action_space.dtype)
        return action.astype(self.action_space.dtype)

    def _called(self, function: Callable[..., Any], what: str, *arguments: Any, **keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except Exception as error:  # the user's class can fail in any way
            cause = f"{type(error).__name__}: {first_line(error)}"
            raise EnvFailure(f"environment {self.name!r} failed in {what}: {cause}") from error

    def _checked(self, obs: Any, what: str) -> PyTree[np.ndarray]:
        """Return an observation as arrays, copied: an environment may write into its own.

        Raises:
            EnvFailure: they are not of the shapes that its space has.
        """
        arrays = self._called(_arrays, what, self.obs_space, obs)
        for array, spec in zip(jax.tree.leaves(arrays), jax.tree.leaves(self.obs_spec), strict=True):
            if array.shape != spec.shape:
                raise EnvFailure(
                    f"environment {self.name!r} must give observations of its space, {spec.dtype}{list(spec.shape)}, "
                    f"got shape {list(array.shape)} by a {what}"
                )
        return arrays

    def _keep(self, digest: bytes, env: Any) -> None:
        replaced = self.alive.pop(digest, None)
        self.alive[digest] = env
        if replaced is not None:
            self.idle.append(replaced)
        if len(self.alive) > MOST_ALIVE:
            self.idle.append(self.alive.popitem(last=False)[1])


def make(name: str, episode_limit: int | None = None, **arguments: Any) -> GymnasiumEnv:
    """Return the environment of Gymnasium with that id; the arguments are those of `gymnasium.make`.

    Raises:
        InputError: no such id, or spaces that no agent can be trained on.
    """
    import gymnasium

    if name not in gymnasium.registry:
        raise unknown("gymnasium environment", name, gymnasium.registry)
    limit = {} if episode_limit is None else {"max_episode_steps": checked_limit(f"gymnasium/{name}", episode_limit)}
    return adapt(
        lambda: gymnasium.make(name, disable_env_checker=True, **limit, **arguments), f"gymnasium/{name}", episode_limit
    )


def adapt(make: Callable[[], Any], name: str, episode_limit: int | None = None) -> GymnasiumEnv:
    """Return an environment of Gymnasium in the form of `envs.base.Env`.

    Args:
        make: makes an environment.
        name: what errors call it.
        episode_limit: env steps of an episode; by default that under which it is registered, or `DEFAULT_LIMIT`.

    Raises:
        InputError: spaces that no agent can be trained on, or a wrong limit or return range.
    """
    host = Host(make, name)
    raw, space = host.idle[0], host.action_space
    limit = episode_limit or getattr(raw.spec, "max_episode_steps", None) or DEFAULT_LIMIT
    is_discrete, is_box = isinstance(space, spaces.Discrete), isinstance(space, spaces.Box)
    if not (is_discrete or (is_box and np.issubdtype(space.dtype, np.floating))):
        raise InputError(
            f"environment {name!r} must have an action space that is discrete or a box of reals, got {space}"
        )
    return_range = getattr(raw.unwrapped, "return_range", None)
    cls = DrawnGymnasiumEnv if raw.render_mode == "rgb_array" else GymnasiumEnv
    return cls(
        host=host,
        episode_limit=checked_limit(name, limit),
        num_actions=int(space.n) if is_discrete else None,
        action_low=None if is_discrete else space.low.astype(np.float32),
        action_high=None if is_discrete else space.high.astype(np.float32),
        return_range=None if return_range is None else checked_range(name, return_range),
    )


def _obs_spec(space: spaces.Space, name: str) -> PyTree[jax.ShapeDtypeStruct]:
    """Return the shapes and types of observations of a space, which are those of a sample."""
    if not space.is_np_flattenable:
        raise InputError(f"environment {name!r} must have observations of fixed shapes, got {space}")
    sample = _arrays(space, copy.deepcopy(space).sample())
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), sample)


def _arrays(space: spaces.Space, obs: Any) -> PyTree[np.ndarray]:
    """Return an observation as a pytree of new arrays; a choice as a one-hot vector."""
    if isinstance(space, spaces.Dict):
        return {key: _arrays(part, obs[key]) for key, part in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(_arrays(part, x) for part, x in zip(space.spaces, obs, strict=True))
    if isinstance(space, spaces.Box):
        return np.array(obs, _NARROWER.get(str(space.dtype), space.dtype))
    return np.array(spaces.flatten(space, obs), np.float32)


def _digest(*parts: bytes | np.ndarray | np.generic) -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        digest.update(part if isinstance(part, bytes) else part.tobytes())
    return digest.digest()


def _numbers(digest: bytes) -> np.ndarray:
    """Return a digest as two integers."""
    return np.frombuffer(digest, np.uint32)
