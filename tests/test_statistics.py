"""Statistics of comparisons, against values worked out by hand, from the papers, or by scipy."""

import numpy as np
import pytest
from scipy import stats

from arl import statistics

SCORES = np.array([[0.1, 0.9, 0.4, 0.6], [0.5, 0.5, 0.8, 0.2]])


@pytest.mark.parametrize("num", [1, 2, 3, 4, 5, 7, 8, 30])
def test_iqm_cuts_a_quarter_at_each_end(num):
    scores = np.random.default_rng(num).normal(size=(3, num))
    middle = np.sort(scores, axis=-1)[:, num // 4 : num - num // 4]
    assert statistics.iqm(scores) == pytest.approx(middle.mean(axis=-1), rel=1e-12)


def test_iqm_by_hand():
    assert statistics.iqm(np.array([8.0, 1.0, 2.0, 4.0, 100.0, -50.0, 3.0, 6.0])) == (2 + 3 + 4 + 6) / 4


def test_every_task_counts_in_the_mean_of_interquartile_means():
    """By hand: (0.4 + 0.6) / 2 and (0.5 + 0.5) / 2. Pooled, tasks at the ends of the scale would be dropped altogether."""
    assert statistics.mean_iqm(SCORES) == pytest.approx((0.5 + 0.5) / 2)
    hard, easy, middle = np.full(4, 0.0), np.full(4, 0.9), np.array([0.4, 0.5, 0.5, 0.6])
    assert statistics.mean_iqm(np.array([hard, easy, middle, middle])) == pytest.approx((0.0 + 0.9 + 0.5 + 0.5) / 4)
    better = np.array([hard + 0.2, easy, middle, middle])
    assert statistics.mean_iqm(better) == pytest.approx(
        statistics.mean_iqm(np.array([hard, easy, middle, middle])) + 0.05
    )


def test_scores_are_normalised_by_the_scale_of_the_task():
    assert statistics.normalized(-250.0, -500.0, 0.0) == 0.5
    assert statistics.normalized(np.array([0.0, 500.0]), 0.0, 500.0).tolist() == [0.0, 1.0]


def test_repeats_are_resampled_within_their_task():
    scores = np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]])
    resampled = statistics.resampled(scores, 500, np.random.default_rng(0))
    assert resampled.shape == (500, 2, 3)
    assert set(resampled[:, 0].ravel()) == {1.0, 2.0, 3.0}
    assert set(resampled[:, 1].ravel()) == {10.0, 20.0, 30.0}


def test_intervals_agree_with_scipy():
    scores = np.random.default_rng(3).normal(size=(1, 40))
    low, high = statistics.bootstrap(scores, num=20_000)
    other = stats.bootstrap(
        scores, lambda x, axis: stats.trim_mean(x, 0.25, axis=axis), n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert (low, high) == pytest.approx((other.low, other.high), abs=0.015)
    assert low < statistics.mean_iqm(scores) < high


def test_intervals_are_the_same_each_time_and_shrink_to_a_point():
    scores = np.random.default_rng(0).normal(size=(2, 8))
    assert statistics.bootstrap(scores) == statistics.bootstrap(scores)
    assert statistics.bootstrap(scores) != statistics.bootstrap(scores, seed=1)
    assert statistics.bootstrap(np.full((3, 5), 0.25)) == (0.25, 0.25)
    low, high = statistics.bootstrap(SCORES, statistics.pooled_mean)
    assert low < SCORES.mean() < high


def test_one_repeat_has_no_interval():
    first = SCORES[:, :1]
    assert np.isnan(statistics.bootstrap(first)).all()
    assert np.isnan(statistics.improvement_interval(first, first)).all()


def test_anytime_is_the_interval_at_each_point():
    curves = np.stack([SCORES, SCORES + 1], axis=-1)
    first, second = statistics.anytime(curves)
    assert first == (pytest.approx(0.5), *statistics.bootstrap(SCORES))
    assert second == pytest.approx(tuple(value + 1 for value in first))


def test_improvement_is_the_mann_whitney_statistic():
    rng = np.random.default_rng(0)
    first, second = rng.integers(6, size=(3, 8)).astype(float), rng.integers(6, size=(3, 5)).astype(float)
    u = [stats.mannwhitneyu(x, y).statistic / (8 * 5) for x, y in zip(first, second, strict=True)]
    assert statistics.improvement(first, second) == pytest.approx(np.mean(u))
    assert statistics.improvement(first, second) + statistics.improvement(second, first) == pytest.approx(1.0)


def test_improvement_by_hand():
    assert statistics.improvement(np.array([[1.0, 3.0]]), np.array([[2.0, 3.0]])) == (0 + 0 + 1 + 0.5) / 4
    assert statistics.improvement_interval(SCORES + 1, SCORES) == (1.0, 1.0)
    low, high = statistics.improvement_interval(SCORES, SCORES)
    assert low < 0.5 < high


def test_ranks_agree_with_scipy():
    scores = np.random.default_rng(1).integers(4, size=(6, 5)).astype(float)
    assert statistics.ranks(scores).tolist() == stats.rankdata(-scores, axis=1).tolist()
    assert statistics.ranks(np.array([[0.2, 0.9, 0.9, 0.1]])).tolist() == [[3.0, 1.5, 1.5, 4.0]]


def test_friedman_agrees_with_scipy():
    scores = np.random.default_rng(2).normal(size=(5, 4)) + np.arange(4)
    test, other = statistics.rank_test(scores), stats.friedmanchisquare(*scores.T)
    assert (test.statistic, test.p) == pytest.approx((other.statistic, other.pvalue))
    assert test.mean_ranks == pytest.approx(tuple(statistics.ranks(scores).mean(axis=0)))


def test_pairs_of_the_papers_example():
    """Demšar 2006, section 3.2.2: four variants of C4.5 on 14 data sets; p of the first against the others."""
    ranks = (3.143, 2.000, 2.893, 1.964)
    plain = {3: 0.016, 1: 0.019, 2: 0.607}
    pairs = statistics.pairwise(ranks, 14)
    assert pairs[0, 3] == pytest.approx(6 * plain[3], abs=3e-3)
    assert pairs[0, 1] == pytest.approx(5 * plain[1], abs=3e-3)
    assert pairs[0, 2] == 1.0


def test_pairs_agree_with_scikit_posthocs():
    """`scikit_posthocs.posthoc_siegel_friedman(scores, p_adjust="holm")` of version 0.17.1 on these scores."""
    scores = np.random.default_rng(2).normal(size=(5, 4)) + np.arange(4)
    expected = {
        (0, 1): 0.9248654529,
        (0, 2): 0.1374316806,
        (0, 3): 0.0858352706,
        (1, 2): 0.4249340709,
        (1, 3): 0.3456429319,
        (2, 3): 0.9248654529,
    }
    assert statistics.rank_test(scores).pairs == pytest.approx(expected, abs=1e-9)


def test_holm_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]) == [1.0, 1.0]
    assert statistics.holm([0.04]) == [0.04]


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        ((2, 5), "rank tests need at least 3 tasks, got 2"),
        ((5, 2), "rank tests need at least 3 tuners, got 2"),
        ((5, 3), "rank tests need tuners that differ, got ties on every task"),
    ],
)
def test_a_test_that_would_say_nothing_gives_the_reason(shape, reason):
    test = statistics.rank_test(np.zeros(shape))
    assert test.reason == reason
    assert test.p is None
    assert test.mean_ranks == ((shape[1] + 1) / 2,) * shape[1]


def test_groups_join_neighbours_that_do_not_differ():
    far = {(0, 1): 0.9, (0, 2): 0.01, (0, 3): 0.001, (1, 2): 0.2, (1, 3): 0.01, (2, 3): 0.4}
    assert statistics.groups([1.0, 2.0, 3.0, 4.0], far) == [[0, 1], [1, 2], [2, 3]]
    assert statistics.groups([4.0, 3.0, 2.0, 1.0], dict.fromkeys(far, 0.5)) == [[3, 2, 1, 0]]
    assert statistics.groups([1.0, 2.0, 3.0, 4.0], dict.fromkeys(far, 0.01)) == []
