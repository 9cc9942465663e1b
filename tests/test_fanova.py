"""Functional ANOVA of a forest: against sums over a whole grid, and on functions whose shares are known."""

import itertools

import numpy as np
import pytest

from landscapes import fanova, forest

GRID = np.array(list(itertools.product(range(4), range(3), range(5))), float)


def test_shares_of_a_tree_are_those_of_its_predictions_on_the_whole_grid():
    y = np.random.default_rng(0).normal(size=len(GRID))
    main, pairs = fanova.variance_shares(GRID, y, [4, 3, 5], pairs=True)
    for tree, *got in zip(forest.regressor().fit(GRID, y).estimators_, main, pairs, strict=True):
        table = tree.predict(GRID).reshape(4, 3, 5)
        alone = [table.mean(axis=axes).var() for axes in ((1, 2), (0, 2), (0, 1))]
        both = [table.mean(axis=axis).var() for axis in (2, 1, 0)]
        beyond = [both[k] - alone[i] - alone[j] for k, (i, j) in enumerate(itertools.combinations(range(3), 2))]
        np.testing.assert_allclose(np.hstack(got), np.array([*alone, *beyond]) / table.var(), atol=1e-9)


def test_numbers_count_by_the_length_of_their_range():
    """A step at a tenth of the range has variance 0.1 * 0.9, a fair coin of the same height 0.25."""
    x = np.random.default_rng(0).random((4000, 2))
    x[:, 1] = x[:, 1] < 0.5
    main, _ = fanova.variance_shares(x, (x[:, 0] < 0.1) + x[:, 1], [None, 2])
    np.testing.assert_allclose(main.mean(axis=0), [0.09 / 0.34, 0.25 / 0.34], atol=0.01)


def test_what_two_decide_together_is_an_interaction():
    """f = a / 2 + 0 b + 2 c d of fair coins."""
    x = np.random.default_rng(0).integers(0, 2, (1000, 4)).astype(float)
    y = 0.5 * x[:, 0] + 2 * (x[:, 2] * x[:, 3])
    main, pairs = fanova.variance_shares(x, y, [2] * 4, pairs=True)
    a, c, d, cd = 0.25 / 4, 4 / 16, 4 / 16, 4 / 16
    np.testing.assert_allclose(main.mean(axis=0), np.array([a, 0, c, d]) / (a + c + d + cd), atol=0.03)
    shares = dict(zip(itertools.combinations("abcd", 2), pairs.mean(axis=0), strict=True))
    assert shares.pop(("c", "d")) == pytest.approx(cd / (a + c + d + cd), abs=0.03)
    assert max(shares.values()) < 0.01


def test_nothing_is_left_of_a_flat_forest():
    main, pairs = fanova.variance_shares(GRID, np.zeros(len(GRID)), [4, 3, 5], pairs=True)
    assert (main.shape, pairs.shape) == ((0, 3), (0, 3))
