"""How well scores of configs are predicted, over all configs and among the best."""

import itertools
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from arl import statistics

if TYPE_CHECKING:
    from sklearn.model_selection import KFold

MIN_CONFIGS = 20  # fewer do not tell how well a model predicts
NUM_FOLDS = 5
TOP_QUARTER, TOP_DECILE = 0.25, 0.1


class Accuracy(NamedTuple):
    """How well scores of configs are predicted.

    Attributes:
        r2: the share of the variance of the configs' mean scores that is explained.
        spearman: rank correlation with the mean scores; NaN where all are the same.
        spearman_top: rank correlation within the quarter of the configs that score best.
        bias_top: predicted minus measured scores in the tenth of the configs that score best, on average. The tenth is
            chosen under half of the seeds and measured under the others, averaged over all halves: measured under the seeds
            that chose it, luck would count as worth. Of a single seed it does.
        mean_absolute_error: from the mean scores.
    """

    r2: float
    spearman: float
    spearman_top: float
    bias_top: float
    mean_absolute_error: float


def measure(predicted: np.ndarray, scores: np.ndarray) -> Accuracy:
    """Return how well the scores of configs `(config, seed)` are predicted by `(config,)`."""
    means = scores.mean(axis=1)
    errors, quarter = predicted - means, best(means, TOP_QUARTER)
    variance = means.var()
    return Accuracy(
        r2=float(1 - np.square(errors).mean() / variance) if variance else np.nan,
        spearman=float(statistics.spearman(predicted, means)),
        spearman_top=float(statistics.spearman(predicted[quarter], means[quarter])),
        bias_top=float(np.mean([_bias(predicted, *halves) for halves in _halves(scores)])),
        mean_absolute_error=float(np.abs(errors).mean()),
    )


def folds() -> "KFold":
    """Return the folds of cross-validations, shuffled, since the configs of a grid are sorted."""
    from sklearn.model_selection import KFold

    return KFold(NUM_FOLDS, shuffle=True, random_state=0)


def best(scores: np.ndarray, share: float) -> np.ndarray:
    """Return the numbers of the best configs, a share of all, and of those that tie with the last of them."""
    count = max(1, round(share * len(scores)))
    return np.flatnonzero(scores >= np.sort(scores)[-count])


def score_of_best(scores: np.ndarray) -> float:
    """Return what the best config scores, of scores `(config, seed)`: chosen and measured under seeds as for `bias_top`.

    Of several that are the best, the mean.
    """
    return float(np.mean([measured[chosen_by == chosen_by.max()].mean() for chosen_by, measured in _halves(scores)]))


def _halves(scores: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the mean scores `(config,)` under half of the seeds and under the others, for every half."""
    seeds = range(scores.shape[1])
    if len(seeds) == 1:
        return [(scores[:, 0], scores[:, 0])]
    halves = [list(half) for half in itertools.combinations(seeds, len(seeds) // 2)]
    return [(scores[:, half].mean(axis=1), np.delete(scores, half, axis=1).mean(axis=1)) for half in halves]


def _bias(predicted: np.ndarray, chosen_by: np.ndarray, measured: np.ndarray) -> float:
    top = best(chosen_by, TOP_DECILE)
    return float((predicted[top] - measured[top]).mean())
