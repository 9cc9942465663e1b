"""A tree of sums over an array of weights: draw in proportion to the weights, and change some, in logarithmic time.

Each level holds the sums of `FAN` neighbours of the level below, in rows of `FAN`, so that one row is read per level and
draw. Against a binary tree it is a third of the levels, and on CPU each level of a draw or an update is one gather.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

FAN = 8


class SumTree(NamedTuple):
    """Levels `(row, FAN)`, the weights first; the last level is a single row."""

    levels: tuple[Float[Array, "row fan"], ...]


def init(capacity: int) -> SumTree:
    """Return a tree over `capacity` weights of zero."""
    rows = [math.ceil(capacity / FAN)]
    while rows[-1] > 1:
        rows.append(math.ceil(rows[-1] / FAN))
    return SumTree(tuple(jnp.zeros((num_rows, FAN)) for num_rows in rows))


def total(tree: SumTree) -> Float[Array, ""]:
    """Return the sum of all weights."""
    return jnp.sum(tree.levels[-1])


def get(tree: SumTree, indices: Int[Array, " batch"]) -> Float[Array, " batch"]:
    """Return the weights at `indices`."""
    return tree.levels[0][indices // FAN, indices % FAN]


def update(tree: SumTree, indices: Int[Array, " batch"], weights: Float[Array, " batch"]) -> SumTree:
    """Return the tree with new weights at `indices`; an index given twice gets the larger, one beyond the end is left out.

    Sums are made anew from the row below, never incremented: rounding errors do not pile up.
    """
    leaves = tree.levels[0].at[indices // FAN, indices % FAN].set(0.0, mode="drop")
    leaves = leaves.at[indices // FAN, indices % FAN].max(weights, mode="drop")
    levels = [leaves]
    for level in tree.levels[1:]:
        indices = indices // FAN
        sums = _sum_row(levels[-1].at[indices].get(mode="clip"))
        levels.append(level.at[indices // FAN, indices % FAN].set(sums, mode="drop"))
    return SumTree(tuple(levels))


def find(tree: SumTree, targets: Float[Array, " batch"]) -> Int[Array, " batch"]:
    """Return for each target in `[0, total)`, the index at which the running sum of weights passes it."""
    indices = jnp.zeros(targets.shape, jnp.int32)
    for level in reversed(tree.levels):
        row = level[indices]
        child = jnp.zeros_like(indices)
        below, running = jnp.zeros_like(targets), jnp.zeros_like(targets)
        for i in range(FAN - 1):
            running = running + row[:, i]
            passed = running <= targets
            child, below = child + passed, jnp.where(passed, running, below)
        targets, indices = targets - below, indices * FAN + child
    return indices


def _sum_row(rows: Float[Array, "batch fan"]) -> Float[Array, " batch"]:
    """Return the sum of each row, in the order in which `find` adds."""
    running = rows[:, 0]
    for i in range(1, FAN):
        running = running + rows[:, i]
    return running
