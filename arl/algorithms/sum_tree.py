"""A tree of sums over an array of weights: draw in proportion to the weights, and change some, in logarithmic time.

Each level holds the sums of `FAN` neighbours of the level below, in rows of `FAN`, so that one row is read per level and
draw. Against a binary tree it is a third of the levels, and on CPU each level of a draw or an update is one gather. The rows
of all levels stand in one array, so that a loop goes through them: written out, they were a third of a program's compilation.
"""

import bisect
import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

FAN = 8
_NOWHERE = 1 << 30


class SumTree(NamedTuple):
    """The rows of all levels, the weights first; the last one is the highest level."""

    rows: Float[Array, "row fan"]


def init(capacity: int) -> SumTree:
    """Return a tree over `capacity` weights of zero."""
    return SumTree(jnp.zeros((sum(_level_sizes(math.ceil(capacity / FAN))), FAN)))


def total(tree: SumTree) -> Float[Array, ""]:
    """Return the sum of all weights."""
    return jnp.sum(tree.rows[-1])


def get(tree: SumTree, indices: Int[Array, " batch"]) -> Float[Array, " batch"]:
    """Return the weights at `indices`."""
    return tree.rows[indices // FAN, indices % FAN]


def update(tree: SumTree, indices: Int[Array, " batch"], weights: Float[Array, " batch"]) -> SumTree:
    """Return the tree with new weights at `indices`; an index given twice gets the larger, one beyond the end is left out.

    Sums are made anew from the row below, never incremented: rounding errors do not pile up.
    """
    first_rows = _first_rows(tree.rows.shape[0])
    inside = indices < first_rows[1] * FAN

    def placed(rows: Array) -> Array:
        return jnp.where(inside, rows, _NOWHERE)

    def go_up(level: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        rows, below = carry
        sums = _sum_row(rows.at[placed(jnp.asarray(first_rows)[level] + below)].get(mode="clip"))
        above = placed(jnp.asarray(first_rows)[level + 1] + below // FAN)
        return rows.at[above, below % FAN].set(sums, mode="drop"), below // FAN

    leaves = tree.rows.at[placed(indices // FAN), indices % FAN].set(0.0, mode="drop")
    leaves = leaves.at[placed(indices // FAN), indices % FAN].max(weights, mode="drop")
    rows, _ = jax.lax.fori_loop(0, len(first_rows) - 2, go_up, (leaves, indices // FAN))
    return SumTree(rows)


def find(tree: SumTree, targets: Float[Array, " batch"]) -> Int[Array, " batch"]:
    """Return for each target in `[0, total)`, the index at which the running sum of weights passes it."""
    first_rows = _first_rows(tree.rows.shape[0])
    highest = len(first_rows) - 2

    def go_down(i: Array, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        targets, indices = carry
        row = tree.rows[jnp.asarray(first_rows)[highest - i] + indices]
        child = jnp.zeros_like(indices)
        below, running = jnp.zeros_like(targets), jnp.zeros_like(targets)
        for column in range(FAN - 1):
            running = running + row[:, column]
            passed = running <= targets
            child, below = child + passed, jnp.where(passed, running, below)
        return targets - below, indices * FAN + child

    return jax.lax.fori_loop(0, highest + 1, go_down, (targets, jnp.zeros(targets.shape, jnp.int32)))[1]


@functools.cache
def _first_rows(num_rows: int) -> np.ndarray:
    """Return the first row of each level of a tree of so many rows, the lowest level first, and behind them `num_rows`."""
    leaf_rows = bisect.bisect_left(range(num_rows + 1), num_rows, key=lambda count: sum(_level_sizes(count)))
    return np.cumsum([0, *_level_sizes(leaf_rows)], dtype=np.int32)


def _level_sizes(num_leaf_rows: int) -> list[int]:
    """Return the number of rows of each level, the lowest first."""
    sizes = [num_leaf_rows]
    while sizes[-1] > 1:
        sizes.append(math.ceil(sizes[-1] / FAN))
    return sizes


def _sum_row(rows: Float[Array, "batch fan"]) -> Float[Array, " batch"]:
    """Return the sum of each row, in the order in which `find` adds."""
    running = rows[:, 0]
    for i in range(1, FAN):
        running = running + rows[:, i]
    return running
