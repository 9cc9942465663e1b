"""Changes to the decision process of any environment: each is an environment around another.

In the order in which they are put around it:

| argument           | param                | what changes                                                                |
|--------------------|----------------------|-----------------------------------------------------------------------------|
| limit_in_done=true |                      | episodes that it ends at its limit are truncated there                      |
| sticky_actions=p   | from 0 to 1          | with probability p the last action is taken again (Machado et al. 2018)      |
| action_repeat=k    | from k up            | an action is taken k times, or until the episode ends; rewards are summed   |
| time_limit=n       | from 1 to n          | episodes are truncated after n env steps                                    |
| frame_stack=k      | from 1 to k          | the last k observations side by side in the last axis, zeros before a start |
| reward_clip=c      | from 0 up            | rewards in training are clipped to [-c, c]; agents are scored without       |

The value of the argument is the default of a param of the same name, which may vary like those of the environment.
Shapes and loops are made for the argument.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PRNGKeyArray, PyTree

from envs import base
from envs.base import Env, EnvState, Obs, Params, Transition


class State(NamedTuple):
    """The state of the environment inside, and what the wrapper itself remembers."""

    env: EnvState
    own: PyTree[Array]


@jax.tree_util.register_pytree_with_keys_class
@dataclasses.dataclass(frozen=True)
class WithParam:
    """Params of the environment inside, under their own names, and one more."""

    env: Params
    name: str
    value: Any

    def tree_flatten_with_keys(self) -> tuple[tuple[tuple[Any, Any], ...], str]:
        """Return the leaves; those of the environment inside are named as there."""
        key = jax.tree_util.GetAttrKey
        return ((key(""), self.env), (key(self.name), self.value)), self.name

    @classmethod
    def tree_unflatten(cls, name: str, leaves: tuple[Any, Any]) -> "WithParam":
        """Return the params of some leaves."""
        return cls(leaves[0], name, leaves[1])


class Around:
    """An environment around another, whose members it has where it does not have its own.

    Args:
        env: the environment inside.
    """

    def __init__(self, env: Env):
        self.env = env

    def __getattr__(self, name: str) -> Any:
        """Return what the environment inside has under a name; functions of states and params are given its own."""
        if name == "env" or name.startswith("__"):  # asked for by pickle, before there is an environment
            raise AttributeError(name)
        member = getattr(self.env, name)
        if name == "goes_on":
            return lambda state: member(state.env)
        if name == "draw":
            return lambda state, params: member(state.env, self._inner(params))
        if name == "page":
            return lambda states, params: member([state.env for state in states], self._inner(params))
        return member

    def _inner(self, params: Params) -> Params:
        """Return the params of the environment inside."""
        return params


class LimitInDone(Around):
    """An environment whose `terminated` holds its time limit: at the limit, episodes are truncated.

    It counts the env steps itself: whether an episode that ends in the very step of the limit would have ended without it,
    can't be told, and it counts as truncated.
    """

    def reset(self, key: PRNGKeyArray, params: Params) -> tuple[Obs, State]:
        """Return a start state and what is observed there."""
        obs, state = self.env.reset(key, params)
        return obs, State(state, jnp.zeros((), jnp.int32))

    def step(self, key: PRNGKeyArray, state: State, action: Array, params: Params) -> Transition:
        """Return what an action leads to."""
        obs, after, reward, terminated, _ = self.env.step(key, state.env, action, params)
        time = state.own + 1
        at_limit = time >= self.env.episode_limit
        return Transition(obs, State(after, time), reward, jnp.asarray(terminated, bool) & ~at_limit, at_limit)


class Wrapper(Around):
    """An environment around another, with one param more. By itself it changes nothing.

    Args:
        env: the environment inside.
        value: the default of the param.

    Attributes:
        param: the name of the param.
    """

    param: ClassVar[str]

    def __init__(self, env: Env, value: float):
        super().__init__(env)
        self.value = value

    @property
    def params(self) -> WithParam:
        """The params of the environment inside, and one more."""
        return WithParam(self.env.params, self.param, self.value)

    @property
    def param_ranges(self) -> Mapping[str, tuple[float, float]]:
        """Lowest and highest values of params that have bounds."""
        return {**base.param_ranges(self.env), self.param: self.bounds}

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value of the param."""
        raise NotImplementedError

    def derive(self, params: WithParam) -> WithParam:
        """Return the params with the leaves that follow from others computed anew."""
        return dataclasses.replace(params, env=base.derive(self.env, params.env))

    def scored_params(self, params: WithParam) -> WithParam:
        """Return the params that agents are scored with."""
        return dataclasses.replace(params, env=base.scored_params(self.env, params.env))

    def _inner(self, params: WithParam) -> Params:
        return params.env

    def reset(self, key: PRNGKeyArray, params: WithParam) -> tuple[Obs, State]:
        """Return a start state and what is observed there."""
        obs, state = self.env.reset(key, params.env)
        return obs, State(state, ())

    def step(self, key: PRNGKeyArray, state: State, action: Array, params: WithParam) -> Transition:
        """Return what an action leads to."""
        after = base.strong(Transition(*self.env.step(key, state.env, action, params.env)))
        return after._replace(state=State(after.state, ()))


class StickyActions(Wrapper):
    """With the probability of its param, the last action is taken again instead of the one that was chosen."""

    param = "sticky_actions"
    bounds = (0.0, 1.0)

    def reset(self, key: PRNGKeyArray, params: WithParam) -> tuple[Obs, State]:
        """Return a start state and what is observed there."""
        obs, state = super().reset(key, params)
        low = self.env.action_low
        action = jnp.zeros((), jnp.int32) if low is None else jnp.zeros(np.shape(low))
        return obs, state._replace(own=(action, jnp.zeros((), bool)))

    def step(self, key: PRNGKeyArray, state: State, action: Array, params: WithParam) -> Transition:
        """Return what an action leads to."""
        key_sticks, key_step = jax.random.split(key)
        last, has_acted = state.own
        sticks = has_acted & jax.random.bernoulli(key_sticks, params.value)
        taken = jnp.where(sticks, last, action.astype(last.dtype))
        after = super().step(key_step, state, taken, params)
        return after._replace(state=after.state._replace(own=(taken, jnp.ones((), bool))))


class ActionRepeat(Wrapper):
    """An action is taken as often as its param says, or until the episode ends. Rewards are summed."""

    param = "action_repeat"

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value of the param: episodes may not become longer."""
        return self.value, self.env.episode_limit

    @property
    def episode_limit(self) -> int:
        """Env steps after which an episode is truncated."""
        return math.ceil(self.env.episode_limit / self.value)

    def step(self, key: PRNGKeyArray, state: State, action: Array, params: WithParam) -> Transition:
        """Return what an action leads to."""
        step = super().step

        def again(i: Array, after: Transition) -> Transition:
            following = step(jax.random.fold_in(key, i), after.state, action, params)
            following = following._replace(reward=after.reward + following.reward)
            has_ended = after.terminated | after.truncated
            return jax.tree.map(lambda old, new: jnp.where(has_ended, old, new), after, following)

        return jax.lax.fori_loop(1, params.value, again, step(key, state, action, params))


class TimeLimit(Wrapper):
    """Episodes are truncated after as many env steps as its param says."""

    param = "time_limit"

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value of the param: episodes may not become longer."""
        return 1, self.value

    @property
    def episode_limit(self) -> int:
        """Env steps after which an episode is truncated."""
        return min(int(self.value), self.env.episode_limit)

    def reset(self, key: PRNGKeyArray, params: WithParam) -> tuple[Obs, State]:
        """Return a start state and what is observed there."""
        obs, state = super().reset(key, params)
        return obs, state._replace(own=jnp.zeros((), jnp.int32))

    def step(self, key: PRNGKeyArray, state: State, action: Array, params: WithParam) -> Transition:
        """Return what an action leads to."""
        after, time = super().step(key, state, action, params), state.own + 1
        own = jnp.where(after.terminated, 0, time)  # where the next episode goes on from here
        return after._replace(state=State(after.state.env, own), truncated=after.truncated | (time >= params.value))


class FrameStack(Wrapper):
    """The last observations are seen side by side, as many as its param says, the newest last; zeros before a start.

    Of the masks of actions, the newest is seen alone.
    """

    param = "frame_stack"

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest value of the param; observations keep their shape, and the oldest are zeros."""
        return 1, self.value

    def reset(self, key: PRNGKeyArray, params: WithParam) -> tuple[Obs, State]:
        """Return a start state and what is observed there."""
        obs, state = super().reset(key, params)
        frames = jax.tree.map(lambda x: jnp.zeros((self.value, *x.shape), x.dtype).at[-1].set(x), obs)
        return self._seen(frames, params), state._replace(own=frames)

    def step(self, key: PRNGKeyArray, state: State, action: Array, params: WithParam) -> Transition:
        """Return what an action leads to."""
        after = super().step(key, state, action, params)
        frames = jax.tree.map(lambda x, new: jnp.concatenate([x[1:], new[None]]), state.own, after.obs)
        return after._replace(obs=self._seen(frames, params), state=State(after.state.env, frames))

    def _seen(self, frames: PyTree[Array], params: WithParam) -> Obs:
        is_seen = jnp.arange(self.value) >= self.value - params.value

        def side_by_side(x: Array) -> Array:
            x = jnp.where(is_seen.reshape(-1, *[1] * (x.ndim - 1)), x, jnp.zeros_like(x))
            return x if x.ndim == 1 else jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], -1)

        seen, key = jax.tree.map(side_by_side, frames), base.mask_key(self.env)
        return seen if key is None else {**seen, key: frames[key][-1]}


class RewardClip(Wrapper):
    """Rewards in training are clipped to plus or minus its param."""

    param = "reward_clip"
    bounds = (0.0, math.inf)

    def scored_params(self, params: WithParam) -> WithParam:
        """Return the params that agents are scored with, which clip nothing."""
        return dataclasses.replace(super().scored_params(params), value=math.inf)

    def step(self, key: PRNGKeyArray, state: State, action: Array, params: WithParam) -> Transition:
        """Return what an action leads to."""
        after = super().step(key, state, action, params)
        return after._replace(reward=jnp.clip(after.reward, -params.value, params.value))


WRAPPERS: dict[str, Callable[[Env, float], Any]] = {
    cls.param: cls for cls in (StickyActions, ActionRepeat, TimeLimit, FrameStack, RewardClip)
}


def wrapped(env: Env, limit_in_done: bool, values: Mapping[str, float]) -> Env:
    """Return the environment with the wrappers around it that have a value."""
    made: Any = LimitInDone(env) if limit_in_done else env
    for name, wrapper in WRAPPERS.items():
        if name in values:
            made = wrapper(made, values[name])
    return made
