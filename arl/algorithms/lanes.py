"""What lanes of one program decide together: under `vmap`, work is skipped only where no lane needs it."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool


@jax.custom_batching.custom_vmap
def in_any(condition: Bool[Array, ""]) -> Bool[Array, ""]:
    """Return whether a condition holds in any of the lanes: one value for all, so that it can skip work."""
    return condition


@in_any.def_vmap
def _in_any_of_these(axis_size: int, in_batched: list[bool], condition: Bool[Array, " lane"]) -> Any:
    return in_any(jnp.any(condition)), False
