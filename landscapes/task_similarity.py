"""Similarity of tasks that share a space: how alike they rank its configs, and which few of them stand for all."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd

from arl import statistics
from arl.errors import InputError
from landscapes import scoring
from landscapes.dataset import Landscape

FOLDS = 10
NUM_RESAMPLES = 1000


def scores(landscapes: Sequence[Landscape], score: str = "final") -> pd.DataFrame:
    """Return the configs' scores at the full run on the tasks' fixed scales, where 0 is the worst return and 1 the best.

    A row per config that all landscapes have, a column per landscape.

    Raises:
        InputError: fewer than two landscapes, or of other configs, or a score that one of them can't give.
    """
    if len(landscapes) < 2:
        raise InputError(f"tasks to compare must be at least 2, got {[landscape.name for landscape in landscapes]}")
    if repeated := next((landscape.name for landscape in landscapes if landscapes.count(landscape) > 1), None):
        raise InputError(f"tasks to compare must differ, got {repeated} twice")
    first, num = landscapes[0], min(len(landscape.configs) for landscape in landscapes)
    for other in landscapes[1:]:
        if other.hyperparameters != first.hyperparameters or not other.configs[:num].equals(first.configs[:num]):
            raise InputError(f"landscape {other.name} must have the configs of {first.name}, got others")
    columns = {
        landscape.name: statistics.normalized(scoring.of_configs(landscape, score)[:num], *landscape.return_range)
        for landscape in landscapes
    }
    return pd.DataFrame(columns)


def correlation(landscapes: Sequence[Landscape], score: str = "final") -> pd.DataFrame:
    """Return the Spearman correlation of the configs' scores between all pairs of tasks.

    NaN where all configs of a task score the same.

    Raises:
        InputError: as of `scores`.
    """
    return scores(landscapes, score).corr(method="spearman")


def subsets(
    landscapes: Sequence[Landscape], largest: int | None = None, score: str = "final", ranks: bool = False
) -> pd.DataFrame:
    """Return how well subsets of the tasks predict the mean over all: a row per subset, smaller ones first, then the better.

    As ARLBench (Becktepe, Dierkes et al. 2024, section 5) after Atari-5 (Aitchison et al. 2023): linear regression of the
    mean score of a config over all tasks on its scores on the subset's, all subsets of each size. `correlation` is Spearman's
    between mean and prediction, each config predicted by a regression on the other nine tenths of them; between `low` and
    `high` are 95 % of its bootstrap resamples over configs. The mean includes the tasks of the subset.

    Args:
        largest: the most tasks of a subset; by default one less than all.
        score: a score of returns.
        ranks: whether a config's rank in a task stands for its score there, so that all tasks count alike: by scores, those
            count most in which they differ most.

    Raises:
        InputError: as of `scores`, or fewer configs than folds.
    """
    table = scores(landscapes, score)
    table = table.rank(pct=True) if ranks else table
    if len(table) < FOLDS:
        raise InputError(f"subsets need at least {FOLDS} configs, got {len(table)}")
    mean, resamples = table.mean(axis=1).to_numpy(), _resamples(len(table))
    rows = []
    for size in range(1, min(largest or len(landscapes), len(landscapes) - 1) + 1):
        for names in itertools.combinations(table, size):
            predicted = _predicted(table[list(names)].to_numpy(), mean)
            low, high = statistics.interval(statistics.spearman(mean[resamples], predicted[resamples]))
            rows.append([size, ", ".join(names), float(statistics.spearman(mean, predicted)), low, high])
    frame = pd.DataFrame(rows, columns=["size", "tasks", "correlation", "low", "high"])
    return frame.sort_values(["size", "correlation"], ascending=[True, False], ignore_index=True)


def _predicted(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return each config's prediction by a linear regression on the folds that it is not in."""
    from sklearn.linear_model import LinearRegression
    from sklearn.model_selection import KFold, cross_val_predict

    return cross_val_predict(LinearRegression(), x, y, cv=KFold(FOLDS, shuffle=True, random_state=0))


def _resamples(num: int) -> np.ndarray:
    return np.random.default_rng(0).integers(num, size=(NUM_RESAMPLES, num))
