"""Probe environments: so small that values and best actions are known exactly.

| probe    | observation | reward                     | episode                | known answer                       |
|----------|-------------|----------------------------|------------------------|------------------------------------|
| Constant | 0           | 1                          | 1 step, terminates     | V = 1                              |
| Observed | -1 or 1     | the observation            | 1 step, terminates     | V(o) = o                           |
| Delayed  | 0, then 1   | 0, then 1                  | 2 steps, terminates    | V(0) = gamma, V(1) = 1             |
| Endless  | 0           | 1                          | 5 steps, is truncated  | V = 1 / (1 - gamma)                |
| Choice   | -1 or 1     | 1 if the action fits else -1 | 1 step, terminates   | best action: 1 where o > 0, else 0 |
| Matching | -1 or 1     | -(action - o)^2            | 1 step, terminates     | best action: o                     |

Endless separates agents that bootstrap at a time limit from those that take it for an end: the latter learn V <= 5.
"""

from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from arl.errors import unknown
from envs import gymnax_library

Obs: TypeAlias = Float[Array, "1"]
Reward: TypeAlias = Float[Array, ""]


@struct.dataclass
class ProbeState:
    """Steps taken in the episode, and the sign that is observed."""

    time: Int[Array, ""]
    sign: Float[Array, ""]


class _Probe(environment.Environment):
    """The parts that probes share; each gives its length, reward and observation.

    Those that terminate do so one step before the limit: an end at the limit could be either.
    """

    length = 1
    limit = 2
    return_range = (0.0, 1.0)

    @property
    def default_params(self) -> environment.EnvParams:
        """The limit of an episode."""
        return environment.EnvParams(max_steps_in_episode=self.limit)

    def reset_env(self, key: PRNGKeyArray, params: environment.EnvParams) -> tuple[Obs, ProbeState]:
        """Return a start state, its sign random, and what is observed there."""
        sign = jnp.where(jax.random.bernoulli(key), 1.0, -1.0)
        state = ProbeState(time=jnp.zeros((), jnp.int32), sign=sign)
        return self.get_obs(state), state

    def step_env(
        self, key: PRNGKeyArray, state: ProbeState, action: Array, params: environment.EnvParams
    ) -> tuple[Obs, ProbeState, Reward, Bool[Array, ""], dict[str, Any]]:
        """Return what an action leads to."""
        reward = self.reward(state, action)
        state = ProbeState(time=state.time + 1, sign=state.sign)
        return self.get_obs(state), state, reward, self.is_terminated(state, params), {}

    def is_terminated(self, state: ProbeState, params: environment.EnvParams) -> Bool[Array, ""]:
        """Return whether the episode has come to its natural end."""
        return state.time >= self.length

    def get_obs(
        self, state: ProbeState, params: environment.EnvParams | None = None, key: PRNGKeyArray | None = None
    ) -> Obs:
        """Return the observation of a state."""
        return jnp.zeros(1)

    def reward(self, state: ProbeState, action: Array) -> Reward:
        """Return the reward of an action in a state."""
        return jnp.ones(())

    def action_space(self, params: environment.EnvParams | None = None) -> spaces.Space:
        """Return the space of actions: two, unless a probe says otherwise."""
        return spaces.Discrete(2)

    def observation_space(self, params: environment.EnvParams | None = None) -> spaces.Box:
        """Return the space of observations."""
        return spaces.Box(-1.0, 1.0, (1,), jnp.float32)


class Constant(_Probe):
    """One step, reward 1."""


class Observed(_Probe):
    """One step, the reward is the observation."""

    return_range = (-1.0, 1.0)

    def get_obs(
        self, state: ProbeState, params: environment.EnvParams | None = None, key: PRNGKeyArray | None = None
    ) -> Obs:
        return state.sign[None]

    def reward(self, state: ProbeState, action: Array) -> Reward:
        return state.sign


class Delayed(_Probe):
    """Two steps, only the second is rewarded."""

    length = 2
    limit = 3

    def get_obs(
        self, state: ProbeState, params: environment.EnvParams | None = None, key: PRNGKeyArray | None = None
    ) -> Obs:
        return state.time[None].astype(jnp.float32)

    def reward(self, state: ProbeState, action: Array) -> Reward:
        return (state.time == 1).astype(jnp.float32)


class Endless(_Probe):
    """Reward 1 for ever: its episodes are only ever truncated."""

    limit = 5
    return_range = (0.0, 5.0)

    def is_terminated(self, state: ProbeState, params: environment.EnvParams) -> Bool[Array, ""]:
        return jnp.zeros((), bool)


class Choice(Observed):
    """The action must fit the observed sign."""

    def reward(self, state: ProbeState, action: Array) -> Reward:
        return jnp.where((state.sign > 0) == (action == 1), 1.0, -1.0)


class Matching(Observed):
    """The continuous action must equal the observation."""

    return_range = (-9.0, 0.0)

    def reward(self, state: ProbeState, action: Array) -> Reward:
        return -jnp.square(jnp.squeeze(action) - state.sign)

    def action_space(self, params: environment.EnvParams | None = None) -> spaces.Space:
        return spaces.Box(-2.0, 2.0, (1,), jnp.float32)


PROBES: dict[str, type[_Probe]] = {
    probe.__name__: probe for probe in (Constant, Observed, Delayed, Endless, Choice, Matching)
}


def make(name: str, episode_limit: int | None = None) -> gymnax_library.GymnaxEnv:
    """Return the probe of that name.

    Raises:
        InputError: no such probe.
    """
    if name not in PROBES:
        raise unknown("probe", name, PROBES)
    probe = PROBES[name]()
    return gymnax_library.adapt(probe, f"probes/{name}", episode_limit, probe.return_range)
