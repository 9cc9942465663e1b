"""Environments whose observations are no flat vectors, and networks of a user's own."""

import flax.linen as nn
import jax
import jax.numpy as jnp
from gymnax.environments import spaces

from envs import probes


class Picture(probes.Choice):
    """Choice, with the sign as a bright left or right half of a 4x4 image of truth values with two channels."""

    def get_obs(self, state, params=None, key=None):
        bright = jnp.where(state.sign > 0, jnp.arange(4) >= 2, jnp.arange(4) < 2)
        return jnp.broadcast_to(bright[None, :, None], (4, 4, 2))

    def observation_space(self, params=None):
        return spaces.Box(0, 1, (4, 4, 2), jnp.bool_)


class Parts(probes.Choice):
    """Choice, with the sign as an integer beside a number that says nothing."""

    def get_obs(self, state, params=None, key=None):
        return {"noise": jnp.ones(2), "sign": (state.sign > 0).astype(jnp.uint8)}

    def observation_space(self, params=None):
        return spaces.Dict({"noise": spaces.Box(-1, 1, (2,)), "sign": spaces.Discrete(2)})


class Tiles(probes.Choice):
    """Choice, with the sign as one of two categories in a 3x3 grid, beside a channel that says nothing."""

    num_categories = 5

    def get_obs(self, state, params=None, key=None):
        sign = jnp.where(state.sign > 0, 4, 2).astype(jnp.uint8)
        return jnp.broadcast_to(jnp.stack([sign, jnp.uint8(1)]), (3, 3, 2))

    def observation_space(self, params=None):
        return spaces.Box(0, 5, (3, 3, 2), jnp.uint8)


class Masked(Parts):
    """Parts, in which only the fitting action is allowed."""

    mask_key = "allowed"

    def get_obs(self, state, params=None, key=None):
        return {**super().get_obs(state), "allowed": jnp.array([state.sign <= 0, state.sign > 0])}

    def observation_space(self, params=None):
        allowed = spaces.Box(0, 1, (2,), jnp.bool_)
        return spaces.Dict({**super().observation_space(params).spaces, "allowed": allowed})


class NumberedMask(Masked):
    """Breaks the contract: a mask of numbers, one of them too many."""

    def get_obs(self, state, params=None, key=None):
        return {**super().get_obs(state), "allowed": jnp.ones(3)}


class Aimed(probes.Matching):
    """Matching, with the sign as an image: real-valued actions from pixels."""

    get_obs = Picture.get_obs
    observation_space = Picture.observation_space


class Wide(nn.Module):
    """A flax module over all numbers of an observation."""

    num_outputs: int
    hidden_size: int = 16

    @nn.compact
    def __call__(self, *inputs):
        x = jnp.concatenate([x.reshape(x.shape[0], -1).astype(jnp.float32) for x in jax.tree.leaves(inputs)], axis=1)
        return nn.Dense(self.num_outputs)(nn.relu(nn.Dense(self.hidden_size)(x)))


class Transposed(Wide):
    """Breaks the contract: outputs of shape `(output, batch)`."""

    @nn.compact
    def __call__(self, *inputs):
        return nn.Dense(self.num_outputs)(inputs[0].reshape(inputs[0].shape[0], -1).astype(jnp.float32)).T


class Nameless:
    """Breaks the contract: can't be told the size of its output."""

    def init(self, key, obs):
        return {}

    def apply(self, params, obs):
        return obs


class Overflowing(Wide):
    """Breaks the contract: outputs that are not finite."""

    @nn.compact
    def __call__(self, *inputs):
        return jnp.full((inputs[0].shape[0], self.num_outputs), jnp.nan)


class Centred(Wide):
    """Breaks the contract: a row of outputs depends on the whole batch."""

    @nn.compact
    def __call__(self, *inputs):
        x = inputs[0].reshape(inputs[0].shape[0], -1).astype(jnp.float32)
        return nn.Dense(self.num_outputs)(x - x.mean(axis=0))
