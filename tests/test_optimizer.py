"""One step of Adam against optax's own chain."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from arl.algorithms import optimizer


@pytest.mark.parametrize("max_grad_norm", [0.1, 1e9])
def test_descent_is_clipped_adam(max_grad_norm):
    params = {"weight": jnp.array([[1.0, -2.0]]), "bias": jnp.array([0.5])}
    known = optax.chain(optax.clip_by_global_norm(max_grad_norm), optax.adam(0.01, eps=1e-5))
    known_params, known_state = params, known.init(params)
    opt_state = optimizer.init(params)
    for scale in (1.0, -0.3, 2.0):
        grads = optax.tree.scale(scale, jax.tree.map(jnp.cos, params))
        clipped = optimizer.clip(grads, optimizer.norm(grads), jnp.array(max_grad_norm))
        params, opt_state = optimizer.descend(params, opt_state, clipped, jnp.array(0.01), eps=1e-5)
        updates, known_state = known.update(grads, known_state)
        known_params = optax.apply_updates(known_params, updates)
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), params, known_params)


def test_blend_takes_a_share_of_the_source():
    blended = optimizer.blend({"x": jnp.array(1.0)}, {"x": jnp.array(3.0)}, 0.25)
    assert blended == {"x": 1.5}
