"""The convolutional network of Mnih et al. 2015 (doi:10.1038/nature14236) for images of 84 x 84, and others from 36 x 36 up.

Three convolutions, of 8 x 8 with stride 4, 4 x 4 with stride 2 and 3 x 3, then dense layers. Convolutions are matrix products
over patches, as in `arl.networks.cnn`: the gradient of XLA's own takes twenty times as long in a loop on a CPU.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from arl.networks import cnn, layers
from arl.networks.layers import Dense, DenseNetwork, Stack

LEAST_SIZE = 36  # of an image, of which one place is left after the convolutions


class Kernel(NamedTuple):
    """The size, stride and output channels of a convolution."""

    size: int
    stride: int
    num_channels: int


KERNELS = (Kernel(8, 4, 32), Kernel(4, 2, 64), Kernel(3, 1, 64))


class NatureParams(NamedTuple):
    """The convolutions, affine maps of the pixels of a patch, and the layers after them."""

    convolutions: list[Dense]
    stack: Stack


@dataclasses.dataclass(frozen=True)
class Nature(DenseNetwork):
    """Convolutions, then dense layers; one of 512 in the paper.

    Inputs are an image `(batch, height, width, channel)` and vectors, which join the image's features after the
    convolutions. Bytes are divided by 255.
    """

    def init(self, key: PRNGKeyArray, image: Shaped[Array, "batch ..."], *vectors: Any) -> NatureParams:
        """Return untrained weights for inputs of these shapes."""
        key_stack, *keys = jax.random.split(key, 1 + len(KERNELS))
        channels = [image.shape[-1], *(kernel.num_channels for kernel in KERNELS)]
        convolutions = [
            self._hidden(layers.init_layer(key, kernel.size**2 * num_in, kernel.num_channels, 2**0.5))
            for key, kernel, num_in in zip(keys, KERNELS, channels[:-1], strict=True)
        ]
        num_features = self._features(convolutions, image, vectors).shape[0]
        return NatureParams(convolutions, self.init_stack(key_stack, num_features))

    def apply(
        self, params: NatureParams, image: Shaped[Array, "batch ..."], *vectors: Any
    ) -> Float[Array, "batch output"]:
        """Return the outputs for inputs with a leading batch axis."""
        return self.apply_stack(params.stack, self._features(params.convolutions, image, vectors)).T

    def _features(
        self, convolutions: list[Dense], image: Shaped[Array, "batch ..."], vectors: Any
    ) -> Float[Array, "feature batch"]:
        x = pixels(image)
        for layer, kernel in zip(convolutions, KERNELS, strict=True):
            rows, columns = ((side - kernel.size) // kernel.stride + 1 for side in x.shape[1:3])
            convolved = layers.dense(layer, cnn.patches(x, kernel.size, kernel.stride))
            x = self.activation(convolved).reshape(kernel.num_channels, rows, columns, image.shape[0])
        features = x.reshape(-1, image.shape[0])
        return jnp.concatenate([features, layers.features(vectors)]) if jax.tree.leaves(vectors) else features


class LayerNormNature(Nature):
    """Convolutions and dense layers with LayerNorm before each activation; of a convolution it is over the channels."""

    layer_norm = True


def pixels(image: Shaped[Array, "batch ..."]) -> Float[Array, "channel height width batch"]:
    """Return the pixels of an image, bytes divided by 255.

    Raises:
        ValueError: it is no image, or too small.
    """
    x = cnn.channels_first(image)
    if min(x.shape[1:3]) < LEAST_SIZE:
        raise ValueError(
            f"an image must have a height and a width from {LEAST_SIZE} up, got shape {list(image.shape[1:])}"
        )
    return x / 255.0 if image.dtype == jnp.uint8 else x
