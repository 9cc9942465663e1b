"""An environment of your own. Try it with: arl train ppo/env.py:Corridor --fidelity 20000."""

import jax
import jax.numpy as jnp

from envs.base import Transition

LENGTH = 20


class Corridor:
    """Walk to the right end of a corridor with a slippery floor; each step costs a little."""

    params = {"slip": 0.2}  # numbers that may vary: --set env.slip=0.3, or env.slip in a space
    episode_limit = 80  # env steps after which an episode is truncated
    return_range = (-0.8, 1.0)  # worst and best return of an episode, the scale of scores
    dear_reset = False  # whether a reset costs more than a step
    num_actions = 2  # None where actions are real numbers
    action_low = action_high = None  # their bounds, arrays of an action's shape

    def reset(self, key, params):
        """Return an observation and a state, pytrees of arrays."""
        state = {"place": jax.random.randint(key, (), 0, LENGTH // 4), "time": jnp.int32(0)}
        return self.observe(state), state

    def step(self, key, state, action, params):
        """Return what an action leads to. The time limit does not terminate an episode, and nothing is reset here."""
        move = jnp.where(jax.random.bernoulli(key, params["slip"]), 0, 2 * action - 1)
        state = {"place": jnp.clip(state["place"] + move, 0, LENGTH - 1), "time": state["time"] + 1}
        at_end = state["place"] == LENGTH - 1
        reward = jnp.where(at_end, 1.0, -0.01)
        truncated = state["time"] >= self.episode_limit
        return Transition(self.observe(state), state, reward, terminated=at_end, truncated=truncated)

    def observe(self, state):
        """Return what is seen of a state."""
        return jax.nn.one_hot(state["place"], LENGTH)
