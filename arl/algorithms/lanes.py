"""What lanes of one program decide together: under `vmap`, work is skipped only where no lane needs it."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

Carry = TypeVar("Carry")


@jax.custom_batching.custom_vmap
def in_any(condition: Bool[Array, ""]) -> Bool[Array, ""]:
    """Return whether a condition holds in any of the lanes: one value for all, so that it can skip work."""
    return condition


@in_any.def_vmap
def _in_any_of_these(axis_size: int, in_batched: list[bool], condition: Bool[Array, " lane"]) -> Any:
    return in_any(jnp.any(condition)), False


def when_any(condition: Bool[Array, ""], change: Callable[[Carry], Carry], carry: Carry) -> Carry:
    """Return `change(carry)` if the condition holds in any lane, else `carry` as it is.

    By a loop of at most one pass, which changes arrays in place; a conditional would copy them.
    """
    return jax.lax.fori_loop(0, in_any(condition).astype(jnp.int32), lambda _, carry: change(carry), carry)
