"""One step of Adam against optax's own chain."""

import chex
import jax
import jax.numpy as jnp
import optax
import pytest

from arl.algorithms import optimizer
from arl.hyperparameters.agent import AgentConfig


@pytest.mark.parametrize("max_grad_norm", [0.1, 1e9])
@pytest.mark.parametrize(("beta1", "beta2", "eps"), [(0.9, 0.999, 1e-5), (0.0, 0.9, 0.1)])
@pytest.mark.parametrize(
    ("descend", "reference"), [(optimizer.descend, optax.adam), (optimizer.descend_rectified, optax.radam)]
)
def test_descent_is_clipped_adam(max_grad_norm, beta1, beta2, eps, descend, reference):
    config = AgentConfig(adam_beta1=beta1, adam_beta2=beta2, adam_eps=eps)
    params = {"weight": jnp.array([[1.0, -2.0]]), "bias": jnp.array([0.5])}
    reference = optax.chain(optax.clip_by_global_norm(max_grad_norm), reference(0.01, beta1, beta2, eps))
    expected, reference_state = params, reference.init(params)
    opt_state = optimizer.init(params)
    for scale in (1.0, -0.3, 2.0):
        grads = optax.tree.scale(scale, jax.tree.map(jnp.cos, params))
        flat = optimizer.flat(grads)
        clipped = optimizer.clip(flat, optimizer.norm(flat), jnp.array(max_grad_norm))
        params, opt_state = descend(params, opt_state, clipped, jnp.array(0.01), config)
        updates, reference_state = reference.update(grads, reference_state)
        expected = optax.apply_updates(expected, updates)
        chex.assert_trees_all_close(params, expected, rtol=1e-5)


@pytest.mark.parametrize("num_before", [0, 2])
def test_a_step_that_is_not_active_changes_nothing(same_bits, num_before):
    params, config = {"weight": jnp.array([[1.0, -2.0]])}, AgentConfig()
    opt_state = optimizer.init(params)
    for _ in range(num_before):
        params, opt_state = optimizer.descend(params, opt_state, optimizer.flat(params), 0.1, config)
    after = optimizer.descend(params, opt_state, jnp.full(2, jnp.nan), 0.1, config, jnp.array(False))
    assert same_bits(after, (params, opt_state))


def test_blend_takes_a_share_of_the_source():
    blended = optimizer.blend({"x": jnp.array(1.0)}, {"x": jnp.array(3.0)}, 0.25)
    assert blended == {"x": 1.5}
