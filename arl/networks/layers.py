"""Dense layers as pure functions, laid out for small batches on a CPU.

Activations are held feature-major, `(feature, batch)`: the thin sides of a network (4 inputs, 2 outputs) then lie along
the outer axis, where they cost in proportion to their size, and every elementwise loop runs over the long batch axis.
Against the usual `(batch, feature)`, an update of two 64x64 networks was about a fifth cheaper on CPU.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray


class Layer(NamedTuple):
    """An affine map."""

    weight: Float[Array, "out in"]
    bias: Float[Array, " out"]


class NormalizedLayer(NamedTuple):
    """An affine map whose outputs are normalised, then scaled and shifted (LayerNorm, Ba et al. 2016, arXiv:1607.06450)."""

    affine: Layer
    scale: Float[Array, " out"]
    shift: Float[Array, " out"]


Dense = Layer | NormalizedLayer

Activation = Callable[[Array], Array]

ACTIVATIONS: dict[str, Activation] = {"tanh": jnp.tanh, "relu": jax.nn.relu}

# Derivatives as functions of what was activated, so that only that is kept for the gradient.
_SLOPES: dict[str, Activation] = {"tanh": lambda y: 1.0 - jnp.square(y), "relu": lambda y: (y > 0.0).astype(y.dtype)}


def activation(choice: str | Int[Array, ""]) -> Activation:
    """Return the activation of a name in `ACTIVATIONS`, or of its place among them, which may be traced.

    All are computed and one is chosen: next to the products of the layers that costs less than a program for each.
    """
    return ACTIVATIONS[choice] if isinstance(choice, str) else functools.partial(_chosen, choice)


@jax.custom_jvp
def _chosen(choice: Int[Array, ""], x: Array) -> Array:
    return _of_choice(choice, ACTIVATIONS, x)


@_chosen.defjvp
def _chosen_jvp(primals: tuple[Any, Array], tangents: tuple[Any, Array]) -> tuple[Array, Array]:
    choice, x = primals
    y = _chosen(choice, x)
    return y, _of_choice(choice, _SLOPES, y) * tangents[1]


def _of_choice(choice: Int[Array, ""], functions: Mapping[str, Activation], x: Array) -> Array:
    return jax.lax.select_n(jnp.broadcast_to(choice, x.shape), *(f(x) for f in functions.values()))


def features(inputs: Sequence[Any]) -> Float[Array, "feature batch"]:
    """Return all numbers of some inputs, pytrees of arrays `(batch, ...)`, as float32 features side by side."""
    columns = [x.reshape(x.shape[0], -1).astype(jnp.float32).T for x in jax.tree.leaves(inputs)]
    return columns[0] if len(columns) == 1 else jnp.concatenate(columns)


class Dueling(NamedTuple):
    """Layers that end in a stream for the state's value and one for the actions' advantages, of a hidden layer each.

    Wang et al. 2016, arXiv:1511.06581; the layers before are shared.
    """

    shared: list[Dense]
    value: list[Dense]
    advantage: list[Dense]


Stack = list[Dense] | Dueling


@dataclasses.dataclass(frozen=True)
class DenseNetwork:
    """Layers one after the other: `num_layers` hidden ones of `hidden_size`, and a linear output.

    Attributes:
        activation: after each hidden layer.
        last_scale: gain of the output layer's orthogonal weights.
        dueling: end in two streams, of the state's value and the actions' advantages (see `Dueling`).
        layer_norm: normalise the outputs of hidden layers before they are activated.
    """

    num_outputs: int
    hidden_size: int = 64
    num_layers: int = 2
    activation: Activation = jnp.tanh
    last_scale: float = 1.0
    dueling: bool = False
    layer_norm: ClassVar[bool] = False

    def init_stack(self, key: PRNGKeyArray, num_inputs: int) -> Stack:
        """Return untrained layers.

        Orthogonal weights of gain sqrt(2), the last of `last_scale`, and no bias: the initialisation of Andrychowicz et
        al. 2021 ("What matters for on-policy deep actor-critic methods?", choice C56).
        """
        sizes = [num_inputs, *[self.hidden_size] * self.num_layers]
        if not self.dueling:
            return self._init_layers(key, [*sizes, self.num_outputs], self.last_scale)
        key_shared, key_value, key_advantage = jax.random.split(key, 3)
        return Dueling(
            shared=list(map(self._hidden, self._init_layers(key_shared, sizes[:-1], 2**0.5))),
            value=self._init_layers(key_value, [*sizes[-2:], 1], self.last_scale),
            advantage=self._init_layers(key_advantage, [*sizes[-2:], self.num_outputs], self.last_scale),
        )

    def apply_stack(self, stack: Stack, x: Float[Array, "in batch"]) -> Float[Array, "out batch"]:
        """Return the output."""
        activate = self.activation
        if not isinstance(stack, Dueling):
            return apply_dense(stack, x, activate)
        for layer in stack.shared:
            x = activate(dense(layer, x))
        value, advantage = (apply_dense(stream, x, activate) for stream in (stack.value, stack.advantage))
        return value + advantage - jnp.mean(advantage, axis=0)

    def _init_layers(self, key: PRNGKeyArray, sizes: Sequence[int], last_scale: float) -> list[Dense]:
        if len(sizes) < 2:
            return []
        scales = [2**0.5] * (len(sizes) - 2) + [last_scale]
        keys = jax.random.split(key, len(scales))
        layers = [
            init_layer(key, num_in, num_out, scale)
            for key, num_in, num_out, scale in zip(keys, sizes[:-1], sizes[1:], scales, strict=True)
        ]
        return [*map(self._hidden, layers[:-1]), layers[-1]]

    def _hidden(self, layer: Dense) -> Dense:
        """Return a hidden layer, with LayerNorm if there is to be one."""
        return normalized(layer) if self.layer_norm and isinstance(layer, Layer) else layer


def init_layer(key: PRNGKeyArray, num_in: int, num_out: int, scale: float) -> Layer:
    """Return an affine map with orthogonal weights of the given gain, and no bias."""
    return Layer(jax.nn.initializers.orthogonal(scale)(key, (num_out, num_in)), jnp.zeros(num_out))


def normalized(layer: Layer) -> NormalizedLayer:
    """Return a layer with LayerNorm on its outputs."""
    return NormalizedLayer(layer, jnp.ones_like(layer.bias), jnp.zeros_like(layer.bias))


def apply_dense(
    layers: Sequence[Dense], x: Float[Array, "in batch"], activate: Callable[[Array], Array]
) -> Float[Array, "out batch"]:
    """Return the output of layers one after the other, without an activation on the last."""
    for layer in layers[:-1]:
        x = activate(dense(layer, x))
    return dense(layers[-1], x)


def dense(layer: Dense, x: Float[Array, "in batch"]) -> Float[Array, "out batch"]:
    """Return a layer's output before its activation."""
    if isinstance(layer, Layer):
        return affine(layer, x)
    y = affine(layer.affine, x)
    deviation = y - jnp.mean(y, axis=0)
    standard = deviation * jax.lax.rsqrt(jnp.mean(jnp.square(deviation), axis=0) + 1e-6)
    return standard * layer.scale[:, None] + layer.shift[:, None]


@jax.custom_vjp
def affine(layer: Layer, x: Float[Array, "in batch"]) -> Float[Array, "out batch"]:
    """Return `weight @ x + bias`.

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
    return Layer(weight=_product(grad, x, 1, 1), bias=grad @ ones), _product(layer.weight, grad, 0, 0)


def _product(x: Array, y: Array, axis_x: int, axis_y: int) -> Array:
    """Return the matrix product over an axis of each, without a copy that is transposed, as `x.T @ y` makes it."""
    return jax.lax.dot_general(x, y, (((axis_x,), (axis_y,)), ((), ())))


affine.defvjp(_affine_forward, _affine_backward)
