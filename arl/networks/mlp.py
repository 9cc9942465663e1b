"""Multilayer perceptrons as pure functions over a list of layers, laid out for small batches on a CPU.

Activations are held feature-major, `(feature, batch)`: the thin sides of the network (4 inputs, 2 outputs) then lie along
the outer axis, where they cost in proportion to their size, and every elementwise loop runs over the long batch axis.
Against the usual `(batch, feature)`, an update of two 64x64 networks was about a fifth cheaper on CPU.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class Layer(NamedTuple):
    """One affine map."""

    weight: Float[Array, "out in"]
    bias: Float[Array, " out"]


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {"tanh": jnp.tanh, "relu": jax.nn.relu}


def init_mlp(key: PRNGKeyArray, sizes: Sequence[int], last_scale: float) -> list[Layer]:
    """Layers of the given sizes, input first: orthogonal weights of gain sqrt(2), the last of `last_scale`; no bias.

    The initialisation of Andrychowicz et al. 2021 ("What matters for on-policy deep actor-critic methods?", choice C56).
    """
    scales = [2**0.5] * (len(sizes) - 2) + [last_scale]
    keys = jax.random.split(key, len(scales))
    return [
        Layer(jax.nn.initializers.orthogonal(scale)(key, (num_out, num_in)), jnp.zeros(num_out))
        for key, scale, num_in, num_out in zip(keys, scales, sizes[:-1], sizes[1:], strict=True)
    ]


def apply_mlp(layers: Sequence[Layer], x: Float[Array, "in batch"], activation: str) -> Float[Array, "out batch"]:
    """The network's output, without an activation on the last layer."""
    for layer in layers[:-1]:
        x = ACTIVATIONS[activation](affine(layer, x))
    return affine(layers[-1], x)


@jax.custom_vjp
def affine(layer: Layer, x: Float[Array, "in batch"]) -> Float[Array, "out batch"]:
    """`weight @ x + bias`.

    Its gradient is the usual one. It is written out because XLA sums the bias gradient over the batch one element after
    another on CPU; as a product with a vector of ones it is four times cheaper. The ones are made of the gradient, so that
    the compiler can't see what they are, and each lane has its own: lanes must not be merged into one product.
    """
    return layer.weight @ x + layer.bias[:, None]


def _affine_forward(layer: Layer, x: Array) -> tuple[Array, tuple[Layer, Array]]:
    return affine(layer, x), (layer, x)


def _affine_backward(residuals: tuple[Layer, Array], grad: Array) -> tuple[Layer, Array]:
    layer, x = residuals
    ones = 0.0 * grad[0] + 1.0
    return Layer(weight=grad @ x.T, bias=grad @ ones), layer.weight.T @ grad


affine.defvjp(_affine_forward, _affine_backward)
