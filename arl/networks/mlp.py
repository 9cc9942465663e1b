"""Multilayer perceptrons over all numbers of an observation."""

import dataclasses
from typing import Any

from jaxtyping import Array, Float, PRNGKeyArray

from arl.networks import layers
from arl.networks.layers import DenseNetwork, Stack


@dataclasses.dataclass(frozen=True)
class MLP(DenseNetwork):
    """A multilayer perceptron; inputs of any shape and dtype are its features as they are."""

    def init(self, key: PRNGKeyArray, *inputs: Any) -> Stack:
        """Return untrained layers for inputs of these shapes."""
        return self.init_stack(key, layers.features(inputs).shape[0])

    def apply(self, params: Stack, *inputs: Any) -> Float[Array, "batch output"]:
        """Return the outputs for inputs `(batch, ...)`."""
        return self.apply_stack(params, layers.features(inputs)).T


class LayerNormMLP(MLP):
    """An MLP with LayerNorm before each activation."""

    layer_norm = True
