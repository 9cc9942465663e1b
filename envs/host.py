"""Calls from compiled programs to functions of the host, such as the step of an environment that Python makes."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, PyTree


def call(function: Callable[..., Any], specs: PyTree[jax.ShapeDtypeStruct], *arguments: PyTree[Array]) -> PyTree[Array]:
    """Return what a function of the host gives, in a compiled program.

    Side by side, it is called for each lane in turn, and once where lanes have the same arguments: those that have not
    parted yet.

    Args:
        function: maps pytrees of NumPy arrays to one.
        specs: the shapes and types that it gives.
        arguments: of one lane.
    """
    rank = np.ndim(jax.tree.leaves(arguments)[0])

    def of_lanes(*arguments: Any) -> PyTree[np.ndarray]:
        arguments = jax.tree.map(np.asarray, arguments)
        first = jax.tree.leaves(arguments)[0]
        lanes = first.shape[: first.ndim - rank]
        results = _each(function, [jax.tree.map(lambda x, i=i: x[i], arguments) for i in np.ndindex(lanes)])
        return jax.tree.map(
            lambda spec, *x: np.stack(x).astype(spec.dtype).reshape(lanes + spec.shape), specs, *results
        )

    return jax.pure_callback(of_lanes, specs, *arguments, vmap_method="broadcast_all")


def _each(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> list[Any]:
    """Return the results of some calls, of which the same ones are made once."""
    results: dict[bytes, Any] = {}
    keys = [b"".join(np.ascontiguousarray(x).tobytes() for x in jax.tree.leaves(arguments)) for arguments in calls]
    for key, arguments in zip(keys, calls, strict=True):
        if key not in results:
            results[key] = function(*arguments)
    return [results[key] for key in keys]
