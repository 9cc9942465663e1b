"""Statistics of comparisons: every tuner on every task under several repeats, scores normalised, higher is better.

A tuner's score is the mean over tasks of interquartile means over repeats: one over tasks and repeats together would drop
whole tasks, the easiest and the hardest, where tasks differ more than repeats do.

After Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice" (interquartile means,
stratified bootstrap, probability of improvement), and Demšar 2006, "Statistical Comparisons of Classifiers over Multiple
Data Sets" (ranks, Friedman's test, post-hoc tests). Axes are called task, repeat and tuner; repeats are exchangeable within a
task and tasks are not, so intervals resample repeats inside each task, and rank tests count tasks.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

LEVEL = 0.95
NUM_RESAMPLES = 2000
FEWEST = 3

Interval = tuple[float, float]
Statistic = Callable[[np.ndarray], np.ndarray]


def normalized(score: Any, zero: float, one: float) -> Any:
    """Return scores on the scale on which two given scores are 0 and 1."""
    return (score - zero) / (one - zero)


def iqm(scores: np.ndarray) -> np.ndarray:
    """Return the interquartile mean along the last axis: a quarter is cut at each end, rounded down to whole scores.

    As `scipy.stats.trim_mean(scores, 0.25, axis=-1)`, whose import would take longer than a query of a landscape.
    """
    ordered = np.sort(scores, axis=-1)
    cut = ordered.shape[-1] // 4
    return ordered[..., cut : ordered.shape[-1] - cut].mean(axis=-1)


def mean_iqm(scores: np.ndarray) -> np.ndarray:
    """Return the mean over tasks of the interquartile means over repeats, the last two axes."""
    return iqm(scores).mean(axis=-1)


def resampled(scores: np.ndarray, num: int, rng: np.random.Generator) -> np.ndarray:
    """Return `num` copies of `(task, repeat)` in which each task's repeats are drawn anew, with replacement."""
    num_tasks, num_repeats = scores.shape
    chosen = rng.integers(num_repeats, size=(num, num_tasks, num_repeats))
    return scores[np.arange(num_tasks)[:, None], chosen]


def interval(samples: np.ndarray, level: float = LEVEL) -> Interval:
    """Return the percentile interval of a statistic's resamples."""
    low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def pooled_mean(scores: np.ndarray) -> np.ndarray:
    """Return the mean over tasks and repeats, the last two axes."""
    return scores.mean(axis=(-2, -1))


def bootstrap(scores: np.ndarray, statistic: Statistic = mean_iqm, num: int = NUM_RESAMPLES, seed: int = 0) -> Interval:
    """Return the stratified bootstrap interval of a statistic of `(task, repeat)`; NaN of one repeat, which has no spread."""
    if scores.shape[1] < 2:
        return math.nan, math.nan
    return interval(statistic(resampled(scores, num, np.random.default_rng(seed))))


def anytime(curves: np.ndarray, num: int = NUM_RESAMPLES, seed: int = 0) -> list[tuple[float, float, float]]:
    """Return `mean_iqm` of `(task, repeat, point)` and its interval, `(mean, low, high)` at each point.

    Every point sees the same resamples: a repeat is drawn with its whole curve.
    """
    points = np.moveaxis(curves, -1, 0)
    return [(float(mean_iqm(scores)), *bootstrap(scores, num=num, seed=seed)) for scores in points]


def improvement(scores: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the probability that a repeat's score beats one of the others on a task, ties counting half; a mean over tasks.

    Of `(..., task, repeat)`: on each task the Mann-Whitney statistic over the number of pairs.
    """
    first, second = scores[..., :, None], others[..., None, :]
    wins = (first > second) + 0.5 * (first == second)
    return wins.mean(axis=(-3, -2, -1))


def improvement_interval(scores: np.ndarray, others: np.ndarray, num: int = NUM_RESAMPLES, seed: int = 0) -> Interval:
    """Return the stratified bootstrap interval of `improvement`; both sides are resampled. NaN of one repeat."""
    if scores.shape[1] < 2:
        return math.nan, math.nan
    rng = np.random.default_rng(seed)
    return interval(improvement(resampled(scores, num, rng), resampled(others, num, rng)))


def ranks(scores: np.ndarray) -> np.ndarray:
    """Return the ranks of tuners within each task, of `(task, tuner)`: 1 is the highest score, ties share their mean rank."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(-scores, axis=1))


@dataclass(frozen=True)
class RankTest:
    """What can be said of mean ranks.

    Attributes:
        reason: why there is no test; None if there is one.
        statistic, p: Friedman's, of the hypothesis that all tuners are alike.
        pairs: p of each pair of tuners, corrected for their number.
    """

    mean_ranks: tuple[float, ...]
    reason: str | None = None
    statistic: float | None = None
    p: float | None = None
    pairs: dict[tuple[int, int], float] | None = None


def rank_test(scores: np.ndarray) -> RankTest:
    """Return Friedman's test of `(task, tuner)` scores, and of each pair of tuners after it. Repeats are averaged before."""
    num_tasks, num_tuners = scores.shape
    by_task = ranks(scores)
    means = tuple(by_task.mean(axis=0).tolist())
    for what, num in (("tasks", num_tasks), ("tuners", num_tuners)):
        if num < FEWEST:
            return RankTest(means, f"rank tests need at least {FEWEST} {what}, got {num}")
    if (by_task == by_task[0, 0]).all():
        return RankTest(means, "rank tests need tuners that differ, got ties on every task")
    from scipy.stats import friedmanchisquare

    statistic, p = friedmanchisquare(*scores.T)
    return RankTest(means, None, float(statistic), float(p), pairwise(means, num_tasks))


def pairwise(mean_ranks: Sequence[float], num_tasks: int) -> dict[tuple[int, int], float]:
    """Return p of each pair of mean ranks: z = (R_i - R_j) / sqrt(k (k + 1) / 6N), two-sided, Holm's correction.

    Demšar 2006, section 3.2.2; of k tuners on N tasks.
    """
    num_tuners = len(mean_ranks)
    error = math.sqrt(num_tuners * (num_tuners + 1) / (6 * num_tasks))
    pairs = list(itertools.combinations(range(num_tuners), 2))
    z = [abs(mean_ranks[i] - mean_ranks[j]) / error for i, j in pairs]
    return dict(zip(pairs, holm([math.erfc(value / math.sqrt(2)) for value in z]), strict=True))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, step down (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    corrected = np.minimum(1.0, np.maximum.accumulate(np.asarray(p)[order] * factors))
    return corrected[np.argsort(order, kind="stable")].tolist()


def groups(mean_ranks: Sequence[float], pairs: dict[tuple[int, int], float]) -> list[list[int]]:
    """Return the neighbours in rank of which no pair differs: the longest bars of a critical-difference diagram.

    Demšar 2006, figure 1.
    """
    order = sorted(range(len(mean_ranks)), key=lambda i: mean_ranks[i])
    bars: list[list[int]] = []
    for first in range(len(order)):
        last = first
        while last + 1 < len(order) and _alike(order[first : last + 2], pairs):
            last += 1
        group = order[first : last + 1]
        if len(group) > 1 and not any(set(group) <= set(other) for other in bars):
            bars.append(group)
    return bars


def _alike(tuners: Sequence[int], pairs: dict[tuple[int, int], float]) -> bool:
    return all(pairs[min(i, j), max(i, j)] > 1 - LEVEL for i, j in itertools.combinations(tuners, 2))


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the rank correlation along the last axis, NaN where all values of a side are the same."""
    from scipy.stats import rankdata

    x, y = (rankdata(values, axis=-1) - (values.shape[-1] + 1) / 2 for values in (a, b))
    with np.errstate(invalid="ignore"):  # 0 / 0 where all are the same
        return (x * y).sum(axis=-1) / np.sqrt((x**2).sum(axis=-1) * (y**2).sum(axis=-1))
