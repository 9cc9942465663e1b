"""Functional ANOVA of a regression forest (Hutter, Hoos and Leyton-Brown 2014, "An Efficient Approach for Assessing
Hyperparameter Importance").

A tree is constant on the box of each leaf. What it predicts on average over all hyperparameters but some is therefore a sum
over leaves of value times volume, and its variance over the space is split, without sampling, into what each
hyperparameter explains alone (main effect), what each pair explains beyond both (interaction), and the rest.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from landscapes.forest import regressor


def variance_shares(
    x: np.ndarray, y: np.ndarray, num_choices: Sequence[int | None], pairs: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Return the shares of a fitted forest's variance over the whole space.

    Args:
        x: configs `(config, hyperparameter)`; a column of choices holds their numbers from 0, another numbers in [0, 1].
        y: scores `(config,)`.
        num_choices: how many choices a column has, None for a number; all values are equally likely.
        pairs: whether to compute interactions.

    Returns:
        Main effects `(tree, hyperparameter)`, and interactions `(tree, pair)` in the order of `itertools.combinations`, empty
        unless `pairs`. Trees that predict the same everywhere are left out.
    """
    trees = [_boxes(tree.tree_, num_choices) for tree in regressor().fit(x, y).estimators_]
    rows = [_shares(*tree, num_choices, pairs) for tree in trees if np.ptp(tree[2]) > 0]
    num_pairs = len(num_choices) * (len(num_choices) - 1) // 2 if pairs else 0
    shares = np.array(rows).reshape(len(rows), len(num_choices) + num_pairs)
    return shares[:, : len(num_choices)], shares[:, len(num_choices) :]


def _boxes(tree: Any, num_choices: Sequence[int | None]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the lower and upper bounds `(leaf, hyperparameter)` and the values `(leaf,)` of a tree's leaves."""
    low = np.tile([0.0 if num is None else -0.5 for num in num_choices], (tree.node_count, 1))
    high = np.tile([1.0 if num is None else num - 0.5 for num in num_choices], (tree.node_count, 1))
    inner = tree.children_left >= 0
    for node in np.flatnonzero(inner):  # a parent comes before its children
        below, above, axis = tree.children_left[node], tree.children_right[node], tree.feature[node]
        low[below] = low[above] = low[node]
        high[below] = high[above] = high[node]
        high[below, axis] = low[above, axis] = tree.threshold[node]
    return low[~inner], high[~inner], tree.value[~inner, 0, 0]


def _shares(
    low: np.ndarray, high: np.ndarray, values: np.ndarray, num_choices: Sequence[int | None], pairs: bool
) -> np.ndarray:
    """Return the shares of a tree's variance: each hyperparameter's, then each pair's beyond both."""
    cells, weights = zip(*(_cells(low[:, i], high[:, i], num) for i, num in enumerate(num_choices)), strict=True)
    inside = [(low[:, i, None] < at) & (at <= high[:, i, None]) for i, at in enumerate(cells)]  # (leaf, cell)
    sizes = np.stack([member @ weight for member, weight in zip(inside, weights, strict=True)], axis=1)
    volumes = sizes.prod(axis=1)
    values = values - values @ volumes
    total = values**2 @ volumes
    parts = values * volumes / sizes.T  # (hyperparameter, leaf): averaged over all the others
    main = [weight @ (part @ member) ** 2 for part, member, weight in zip(parts, inside, weights, strict=True)]
    both = [
        weights[i] @ ((inside[i].T * (parts[i] / sizes[:, j])) @ inside[j]) ** 2 @ weights[j] - main[i] - main[j]
        for i, j in (itertools.combinations(range(len(num_choices)), 2) if pairs else ())
    ]
    return np.maximum([*main, *both], 0.0) / total


def _cells(low: np.ndarray, high: np.ndarray, num_choices: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Return a point in every cell of an axis, and the cells' shares of it; within a cell no leaf begins or ends."""
    if num_choices is not None:
        return np.arange(num_choices), np.full(num_choices, 1 / num_choices)
    edges = np.unique([low, high])
    return (edges[:-1] + edges[1:]) / 2, np.diff(edges)
