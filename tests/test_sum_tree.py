"""The tree of sums against plain arrays."""

import itertools

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl.algorithms import sum_tree

update, find = jax.jit(sum_tree.update), jax.jit(sum_tree.find)
CAPACITIES = [1, 7, 8, 9, 64, 65, 600]


def tree_of(weights):
    return update(sum_tree.init(len(weights)), jnp.arange(len(weights)), jnp.asarray(weights, jnp.float32))


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_total_and_weights(capacity):
    weights = np.arange(capacity) % 5
    tree = tree_of(weights)
    assert sum_tree.total(tree) == weights.sum()
    np.testing.assert_array_equal(sum_tree.get(tree, jnp.arange(capacity)), weights)


@hypothesis.given(st.sampled_from(CAPACITIES), st.integers(0, 99))
def test_find_is_a_search_in_the_running_sums(capacity, seed):
    """Whole weights, so that float32 is exact."""
    draw = np.random.default_rng(seed)
    weights = draw.integers(0, 4, capacity)
    weights[draw.integers(capacity)] += 1
    targets = draw.integers(0, 2 * weights.sum(), 64) / 2
    rows = find(tree_of(weights), jnp.asarray(targets, jnp.float32))
    np.testing.assert_array_equal(rows, np.searchsorted(np.cumsum(weights), targets, side="right"))


@hypothesis.given(st.sampled_from(CAPACITIES), st.integers(0, 99))
def test_updates_keep_all_sums(capacity, seed):
    draw = np.random.default_rng(seed)
    weights, tree = np.zeros(capacity), sum_tree.init(capacity)
    for _ in range(3):
        indices, new = draw.integers(0, capacity, 8), draw.integers(0, 9, 8)
        tree = update(tree, jnp.asarray(indices), jnp.asarray(new, jnp.float32))
        for i in set(indices):
            weights[i] = max(new[indices == i])
    first_rows = sum_tree._first_rows(tree.rows.shape[0])
    for first, after in itertools.pairwise(first_rows):
        assert jnp.sum(tree.rows[first:after]) == weights.sum()
    np.testing.assert_array_equal(sum_tree.get(tree, jnp.arange(capacity)), weights)


@pytest.mark.parametrize("capacity", CAPACITIES)
def test_an_index_beyond_the_end_is_left_out(capacity):
    tree = tree_of(np.ones(capacity))
    after = update(tree, jnp.array([1 << 30]), jnp.array([5.0]))
    jax.tree.map(np.testing.assert_array_equal, after, tree)


def test_draws_are_proportional():
    weights = np.array([1.0, 0.0, 3.0, 4.0])
    targets = (np.arange(8000) + 0.5) / 8000 * 8
    counts = np.bincount(find(tree_of(weights), jnp.asarray(targets, jnp.float32)), minlength=4)
    np.testing.assert_array_equal(counts, [1000, 0, 3000, 4000])
