"""A small convolutional network for small images: that of MinAtar (Young & Tian 2019, arXiv:1903.03176).

A 3x3 convolution with 16 channels and stride 1, then dense layers. The convolution is a matrix product over patches: one
whose weights differ from lane to lane would be a grouped convolution, which XLA does group by group on a CPU.
"""

import dataclasses
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from arl.networks import layers
from arl.networks.layers import Dense, DenseNetwork, Stack

KERNEL_SIZE = 3
NUM_CHANNELS = 16


class CNNParams(NamedTuple):
    """The convolution, an affine map of the pixels of a patch, and the layers after it."""

    convolution: Dense
    stack: Stack


@dataclasses.dataclass(frozen=True)
class CNN(DenseNetwork):
    """A convolution, then dense layers.

    Inputs are an image `(batch, height, width, channel)` of any dtype, and vectors, which join the image's features after
    the convolution.
    """

    def init(self, key: PRNGKeyArray, image: Shaped[Array, "batch ..."], *vectors: Any) -> CNNParams:
        """Return untrained weights for inputs of these shapes."""
        key_convolution, key_stack = jax.random.split(key)
        num_inputs = KERNEL_SIZE**2 * image.shape[-1]
        convolution = self._hidden(layers.init_layer(key_convolution, num_inputs, NUM_CHANNELS, 2**0.5))
        return CNNParams(convolution, self.init_stack(key_stack, self._features(convolution, image, vectors).shape[0]))

    def apply(
        self, params: CNNParams, image: Shaped[Array, "batch ..."], *vectors: Any
    ) -> Float[Array, "batch output"]:
        """Return the outputs for inputs with a leading batch axis."""
        return self.apply_stack(params.stack, self._features(params.convolution, image, vectors)).T

    def _features(
        self, convolution: Dense, image: Shaped[Array, "batch ..."], vectors: Any
    ) -> Float[Array, "feature batch"]:
        channels = layers.dense(convolution, patches(channels_first(image), KERNEL_SIZE))  # (channel, place * batch)
        convolved = self.activation(channels).reshape(-1, image.shape[0])
        return jnp.concatenate([convolved, layers.features(vectors)]) if jax.tree.leaves(vectors) else convolved


class LayerNormCNN(CNN):
    """A CNN with LayerNorm before each activation; that of the convolution is over the channels of each place."""

    layer_norm = True


def channels_first(image: Shaped[Array, "batch ..."]) -> Float[Array, "channel height width batch"]:
    """Return an image as real numbers, with the batch along the inner axis.

    Raises:
        ValueError: it is no image.
    """
    if image.ndim != 4:
        raise ValueError(f"an image must have a height, a width and channels, got shape {list(image.shape[1:])}")
    return jnp.transpose(image.astype(jnp.float32), (3, 1, 2, 0))


def patches(
    x: Float[Array, "channel height width batch"], size: int, stride: int = 1
) -> Float[Array, "pixel place_batch"]:
    """Return patches of `size` x `size` as columns of their pixels, the places of one image far apart: `(place, batch)`.

    They lie `stride` apart, of which `size` is a multiple: blocks of `stride` x `stride` pixels are first made the channels
    of one place, so that few shifts are left.
    """
    blocks = folded(x, stride)
    num = size // stride
    height, width = (places - num + 1 for places in blocks.shape[1:3])
    offsets = [(row, column) for row in range(num) for column in range(num)]
    shifted = jnp.stack([blocks[:, row : row + height, column : column + width] for row, column in offsets])
    return shifted.reshape(len(offsets) * blocks.shape[0], -1)


def folded(x: Float[Array, "channel height width batch"], stride: int) -> Float[Array, "pixel rows columns batch"]:
    """Return an image of blocks of `stride` x `stride` pixels; what is left at its lower and right edge is cut off."""
    channels, height, width, batch = x.shape
    rows, columns = height // stride, width // stride
    blocks = x[:, : rows * stride, : columns * stride].reshape(channels, rows, stride, columns, stride, batch)
    return jnp.transpose(blocks, (2, 4, 0, 1, 3, 5)).reshape(-1, rows, columns, batch)
