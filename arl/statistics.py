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
from typing import Any, NamedTuple

import numpy as np

LEVEL = 0.95
POWER = 0.8
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


class Difference(NamedTuple):
    """The difference of two scores, its interval, its standard error, and the least difference that is detected.

    `detectable`: a true difference of this size is found, at the level of the interval, in 80 % of such comparisons.
    """

    value: float
    low: float
    high: float
    error: float
    detectable: float


def difference(scores: np.ndarray, others: np.ndarray) -> Difference:
    """Return by how much `mean_iqm` of `(task, repeat)` scores differs from that of others, paired by repeats.

    Yuen's test of dependent trimmed means on each task (Wilcox 2012, section 5.9.5): the squared error is the sum of squares
    of the differences of winsorised scores over h (h - 1), h the number of repeats that the mean keeps. All but the value is
    NaN of one repeat.
    """
    from scipy.stats import t

    num_tasks, num_repeats = scores.shape
    value = float(mean_iqm(scores) - mean_iqm(others))
    num_kept = num_repeats - 2 * (num_repeats // 4)
    if num_kept < 2:
        return Difference(value, *[math.nan] * 4)
    differences = winsorized(scores) - winsorized(others)
    squares = ((differences - differences.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    error = math.sqrt(squares.sum() / (num_kept * (num_kept - 1))) / num_tasks
    freedom = num_tasks * (num_kept - 1)
    margin = float(t.ppf((1 + LEVEL) / 2, freedom)) * error
    return Difference(value, value - margin, value + margin, error, detectable(error, freedom))


def winsorized(scores: np.ndarray) -> np.ndarray:
    """Return scores in which those that `iqm` cuts, along the last axis, are the nearest ones that it keeps."""
    ordered = np.sort(scores, axis=-1)
    cut = scores.shape[-1] // 4
    return np.clip(scores, ordered[..., cut, None], ordered[..., -1 - cut, None])


def detectable(error: float, freedom: float, power: float = POWER) -> float:
    """Return the difference that a two-sided t-test finds with some power: (t of the level + t of the power) x error."""
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, freedom) + t.ppf(power, freedom)) * error


def num_needed(error: float, num: int, size: float) -> int:
    """Return how many repeats detect a difference of a size, where `num` of them give a standard error."""
    return math.ceil(num * (detectable(error, math.inf) / size) ** 2)


def ranks(scores: np.ndarray) -> np.ndarray:
    """Return the ranks of tuners within each task, of `(task, tuner)`: 1 is the highest score, ties share their mean rank."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(-scores, axis=1))


@dataclass(frozen=True)
class RankTest:
    """What can be said of mean ranks.

    Attributes:
        reason: why there is no test; None if there is one.
        statistic, p: Iman and Davenport's F, of the hypothesis that all tuners are alike.
        pairs: p of each pair of tuners, corrected for their number; None where that hypothesis is not rejected.
    """

    mean_ranks: tuple[float, ...]
    reason: str | None = None
    statistic: float | None = None
    p: float | None = None
    pairs: dict[tuple[int, int], float] | None = None


def rank_test(scores: np.ndarray) -> RankTest:
    """Return the test of `(task, tuner)` scores, and of each pair of tuners if it rejects that all are alike.

    Repeats are averaged before.
    """
    by_task = ranks(scores)
    means = tuple(by_task.mean(axis=0).tolist())
    for what, num in zip(("tasks", "tuners"), scores.shape, strict=True):
        if num < FEWEST:
            return RankTest(means, f"rank tests need at least {FEWEST} {what}, got {num}")
    if (by_task == by_task[0, 0]).all():
        return RankTest(means, "rank tests need tuners that differ, got ties on every task")
    from scipy.stats import friedmanchisquare

    statistic, p = iman_davenport(float(friedmanchisquare(*scores.T).statistic), *scores.shape)
    return RankTest(means, None, statistic, p, pairwise(scores) if p <= 1 - LEVEL else None)


def iman_davenport(chi2: float, num_tasks: int, num_tuners: int) -> tuple[float, float]:
    """Return F = (N - 1) chi2 / (N (k - 1) - chi2) and its p, of Friedman's chi-squared for k tuners on N tasks.

    Iman and Davenport 1980; Friedman's own test is too conservative (Demšar 2006, section 3.2.2).
    """
    from scipy.stats import f

    freedom = num_tuners - 1
    rest = num_tasks * freedom - chi2  # 0 where all tasks rank the tuners alike
    statistic = (num_tasks - 1) * chi2 / rest if rest > 1e-9 else math.inf
    return statistic, float(f.sf(statistic, freedom, freedom * (num_tasks - 1)))


def pairwise(scores: np.ndarray) -> dict[tuple[int, int], float]:
    """Return p of each pair of tuners of `(task, tuner)` scores: Wilcoxon's signed-rank test, Holm's correction.

    It rests on the two tuners' own scores, where a test of mean ranks depends on which others are compared (Benavoli et al.
    2016, "Should we really use post-hoc tests based on mean-ranks?").
    """
    pairs = list(itertools.combinations(range(scores.shape[1]), 2))
    return dict(zip(pairs, holm([signed_rank(scores[:, i] - scores[:, j]) for i, j in pairs]), strict=True))


def signed_rank(differences: np.ndarray) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test; differences of 0 count half for each side.

    Exact; with ties among more than 13 differences, from random signs.
    """
    from scipy.stats import PermutationMethod, wilcoxon

    if not differences.any():
        return 1.0
    sizes = np.abs(differences)
    has_ties = not sizes.all() or len(np.unique(sizes)) < len(sizes)
    method = PermutationMethod(n_resamples=9999, rng=0) if has_ties else "exact"
    return float(wilcoxon(differences, zero_method="zsplit", method=method).pvalue)


def fewest_tasks(num_tuners: int) -> int:
    """Return on how many tasks at least two of some tuners can be told apart by `pairwise`: one may win on all of them.

    The least p of N differences is 2 / 2^N, and Holm's correction multiplies it by the number of pairs.
    """
    num_pairs = math.comb(num_tuners, 2)
    return math.ceil(1 + math.log2(num_pairs / (1 - LEVEL)))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number, step down (Holm 1979)."""
    order = np.argsort(p, kind="stable")
    factors = len(p) - np.arange(len(p))
    corrected = np.minimum(1.0, np.maximum.accumulate(np.asarray(p)[order] * factors))
    return corrected[np.argsort(order, kind="stable")].tolist()


def groups(mean_ranks: Sequence[float], pairs: dict[tuple[int, int], float] | None) -> list[list[int]]:
    """Return the neighbours in rank that the test can't tell apart: the longest bars of a critical-difference diagram.

    Demšar 2006, figure 1. Without pairs, the test can't tell any apart.
    """
    order = sorted(range(len(mean_ranks)), key=lambda i: mean_ranks[i])
    if pairs is None:
        return [order]
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
