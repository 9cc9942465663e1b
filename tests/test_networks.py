"""Networks: orthogonal weights, the plain formula, and a gradient written by hand."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl.hyperparameters.agent import ACTIVATIONS
from arl.networks import layers as dense_layers
from arl.networks.layers import Layer
from arl.networks.mlp import MLP


def layer_and_input(num_out=3, num_in=2, batch=5):
    keys = jax.random.split(jax.random.key(0), 3)
    layer = Layer(jax.random.normal(keys[0], (num_out, num_in)), jax.random.normal(keys[1], (num_out,)))
    return layer, jax.random.normal(keys[2], (num_in, batch))


def plain_affine(layer, x):
    return layer.weight @ x + layer.bias[:, None]


def test_the_activations_of_the_layers_are_those_of_the_hyperparameter():
    assert tuple(dense_layers.ACTIVATIONS) == ACTIVATIONS


def test_gradient_of_affine_is_that_of_the_plain_expression():
    def gradients(affine):
        return jax.grad(lambda layer, x: jnp.sum(jnp.sin(affine(layer, x))), argnums=(0, 1))(*layer_and_input())

    by_hand, expected = gradients(dense_layers.affine), gradients(plain_affine)
    chex.assert_trees_all_close(by_hand, expected, rtol=1e-5)


def test_gradient_of_affine_under_vmap_is_that_of_each_lane():
    layer, x = layer_and_input()
    lanes = jnp.stack([x, 2 * x, -x])
    bias_grad = jax.grad(lambda layer, x: jnp.sum(jnp.sin(dense_layers.affine(layer, x))))
    together = jax.vmap(bias_grad, in_axes=(None, 0))(layer, lanes)
    for i in range(3):
        np.testing.assert_allclose(together.bias[i], bias_grad(layer, lanes[i]).bias, rtol=1e-5)


@pytest.mark.parametrize("num_out", [1, 2, 3, 5, 8])
def test_gradient_of_affine_has_the_same_bits_in_every_lane(num_out):
    """Lanes merged into one matrix product of 4 x 3 rows, say, are summed one way in the first 8 and another after."""
    layer, x = layer_and_input(num_out, 6, 64)

    def gradient(layer, x):
        return jax.grad(lambda layer: jnp.sum(jnp.sin(dense_layers.affine(layer, x))))(layer)

    lanes = jax.tree.map(lambda leaf: jnp.stack([leaf] * 4), (layer, x))
    gradients = jax.device_get(jax.jit(jax.vmap(gradient))(*lanes))
    for leaf in gradients:
        assert len({lane.tobytes() for lane in leaf}) == 1


@pytest.mark.parametrize(("activation", "function"), [("tanh", jnp.tanh), ("relu", lambda x: x * (x > 0))])
def test_mlp_is_activated_between_its_layers_only(activation, function):
    network, obs = (
        MLP(3, 4, 2, dense_layers.activation(activation), last_scale=5.0),
        jnp.array([[1.0, -2.0], [0.5, 3.0]]),
    )
    layers = [layer._replace(bias=layer.bias + 0.1) for layer in network.init(jax.random.key(0), obs)]
    x = obs.T
    for layer in layers[:-1]:
        x = function(plain_affine(layer, x))
    np.testing.assert_allclose(network.apply(layers, obs), plain_affine(layers[-1], x).T, rtol=1e-5)


def test_initial_weights_are_orthogonal_with_their_gain():
    wide, square, last = MLP(2, 8, 2, last_scale=0.01).init(jax.random.key(0), jnp.zeros((1, 4)))
    np.testing.assert_allclose(wide.weight.T @ wide.weight, 2 * np.eye(4), atol=1e-5)
    np.testing.assert_allclose(square.weight @ square.weight.T, 2 * np.eye(8), atol=1e-5)
    np.testing.assert_allclose(last.weight @ last.weight.T, 1e-4 * np.eye(2), atol=1e-9)


def test_initial_biases_are_zero_and_weights_differ():
    layers = MLP(4, 4, 2, last_scale=2**0.5).init(jax.random.key(0), jnp.zeros((1, 4)))
    assert all((layer.bias == 0).all() for layer in layers)
    assert len({layer.weight.tobytes() for layer in map(jax.device_get, layers)}) == 3


def test_a_wrong_shape_is_refused_in_tests():
    layer, x = layer_and_input()
    with pytest.raises(TypeError, match="in"):
        dense_layers.affine(layer, x[0])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_traced_activation_is_that_of_its_name(name):
    x = jnp.array([-1.5, 0.25, 2.0])
    traced = jax.jit(lambda place, x: dense_layers.activation(place)(x))
    place = jnp.int32(ACTIVATIONS.index(name))
    np.testing.assert_array_equal(traced(place, x), jax.jit(dense_layers.ACTIVATIONS[name])(x))
    slopes = (
        jax.grad(lambda x, f=f: jnp.sum(f(x)))(x)
        for f in (dense_layers.activation(name), dense_layers.activation(place))
    )
    np.testing.assert_array_equal(*slopes)
