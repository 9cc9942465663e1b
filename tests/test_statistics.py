"""Statistics of comparisons, against values worked out by hand, from the papers, or by scipy."""

import itertools

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


# Demšar 2006, table 6: ranks of C4.5, and of C4.5 with m, with cf, and with both tuned, on 14 data sets.
RANKS_OF_C45 = np.array(
    [
        [4, 3, 2, 1],
        [1, 2, 3, 4],
        [4, 1, 2, 3],
        [4, 1, 3, 2],
        [4, 2, 3, 1],
        [1, 2.5, 4, 2.5],
        [3, 2, 4, 1],
        [2.5, 2.5, 4, 1],
        [4, 3, 2, 1],
        [2.5, 2.5, 2.5, 2.5],
        [4, 2.5, 1, 2.5],
        [3, 2, 4, 1],
        [4, 1, 2, 3],
        [3, 1, 4, 2],
    ]
)
# Table 2: by how much tuning m raises the area under the ROC curve.
GAINS_OF_M = [0.005, -0.008, 0.017, 0.033, 0.006, -0.005, 0.007, 0.0, 0.063, 0.0, 0.022, 0.047, 0.009, 0.021]


def test_the_rank_test_of_the_papers_example():
    """Demšar 2006, section 3.2.2: F(3, 39) is 3.69 for a chi-squared of 9.28, beyond the critical 2.85."""
    statistic, p = statistics.iman_davenport(9.28, 14, 4)
    assert statistic == pytest.approx(3.69, abs=0.005)
    assert p == pytest.approx(stats.f.sf(3.69, 3, 39), abs=1e-4)
    test = statistics.rank_test(-RANKS_OF_C45)
    assert test.mean_ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    without_ties = 1 - (3 * (2**3 - 2) + (4**3 - 4)) / (14 * (4**3 - 4))  # the paper leaves them uncorrected
    assert test.statistic == pytest.approx(statistics.iman_davenport(9.28 / without_ties, 14, 4)[0], abs=0.01)


def test_the_rank_test_is_the_analysis_of_variance_of_ranks():
    """F of tuners in the two-way layout of ranks, tasks as blocks, ties and all."""
    ranks = RANKS_OF_C45
    rows, columns = ranks.shape
    between = rows * ((ranks.mean(axis=0) - ranks.mean()) ** 2).sum()
    within = ((ranks - ranks.mean(axis=0)) ** 2).sum()
    expected = (between / (columns - 1)) / (within / ((rows - 1) * (columns - 1)))
    assert statistics.rank_test(-ranks).statistic == pytest.approx(expected)


def test_tuners_in_the_same_order_on_every_task_differ_without_bound():
    test = statistics.rank_test(np.arange(4.0) + np.zeros((5, 1)))
    assert (test.statistic, test.p) == (np.inf, 0.0)
    assert test.mean_ranks == (4.0, 3.0, 2.0, 1.0)
    assert set(test.pairs) == {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}


def test_no_pair_is_tested_where_all_together_are_not_told_apart():
    scores = np.random.default_rng(0).normal(size=(12, 4))
    test = statistics.rank_test(scores)
    assert test.p > 0.05
    assert test.pairs is None
    assert len(statistics.groups(test.mean_ranks, test.pairs)) == 1


def test_the_signed_rank_test_of_the_papers_example():
    """Demšar 2006, section 3.1.3: the smaller sum of ranks is 12, of differences of 0 half of them each."""
    gains = np.array(GAINS_OF_M)
    ranks = stats.rankdata(np.abs(gains))
    assert ranks[gains < 0].sum() + ranks[gains == 0].sum() / 2 == 12
    signs = np.array(list(itertools.product([-1, 1], repeat=12)))
    sums = np.abs(signs @ ranks[gains != 0])
    exact = np.mean(sums >= abs((np.sign(gains) * ranks).sum()))
    assert statistics.signed_rank(gains) == pytest.approx(exact, abs=2e-3)


def test_the_signed_rank_test_by_hand():
    assert statistics.signed_rank(np.array([0.1, 0.2, 0.3, 0.4, 0.5])) == 2 / 2**5
    assert statistics.signed_rank(np.array([-0.1, 0.2, 0.3, 0.4, 0.5])) == 2 * 2 / 2**5
    assert statistics.signed_rank(np.zeros(5)) == 1.0


def test_pairs_are_tested_by_their_own_scores_and_corrected():
    rng = np.random.default_rng(1)
    scores = rng.normal(size=(12, 3)) + np.array([0.0, 0.0, 3.0])
    pairs = statistics.pairwise(scores)
    alone = {(i, j): statistics.signed_rank(scores[:, i] - scores[:, j]) for i, j in pairs}
    assert alone == pytest.approx(
        {(i, j): stats.wilcoxon(scores[:, i], scores[:, j], method="exact").pvalue for i, j in pairs}
    )
    assert list(pairs.values()) == statistics.holm(list(alone.values()))
    assert pairs[0, 2] < 0.05 < pairs[0, 1]


@pytest.mark.parametrize(("num_tuners", "fewest"), [(2, 6), (3, 7), (4, 8), (10, 11), (12, 12)])
def test_the_fewest_tasks_on_which_two_tuners_can_be_told_apart(num_tuners, fewest):
    least, num_pairs = [2 / 2**num for num in (fewest - 1, fewest)], num_tuners * (num_tuners - 1) / 2
    assert least[1] * num_pairs <= 0.05 < least[0] * num_pairs
    assert statistics.fewest_tasks(num_tuners) == fewest


def test_differences_by_hand():
    """Three repeats, of which the mean keeps all: t with 2 degrees of freedom of the differences 1, 2 and 6."""
    scores, others = np.array([[3.0, 5.0, 7.0]]), np.array([[2.0, 3.0, 1.0]])
    found = statistics.difference(scores, others)
    assert (found.value, found.error) == (3.0, pytest.approx(np.sqrt(7 / 3)))
    assert found.high - found.value == pytest.approx(4.302653 * np.sqrt(7 / 3))
    assert (found.low + found.high) / 2 == pytest.approx(found.value)
    two = statistics.difference(np.vstack([scores, scores]), np.vstack([others, others]))
    assert (two.value, two.error) == (3.0, pytest.approx(np.sqrt(7 / 3) / np.sqrt(2)))


def test_differences_are_those_of_yuens_test():
    """Of independent samples, the squared errors of both sides add up to that of scipy's test of trimmed means."""
    first, second = np.random.default_rng(0).normal(size=(2, 1, 20)) + np.array([0.5, 0.0])[:, None, None]
    yuen = stats.ttest_ind(first[0], second[0], equal_var=False, trim=0.25)
    alone = [statistics.difference(side, np.zeros_like(side)) for side in (first, second)]
    value = alone[0].value - alone[1].value
    assert value / np.hypot(*(side.error for side in alone)) == pytest.approx(yuen.statistic)
    together = statistics.difference(first, second)
    assert together.value == pytest.approx(value)
    assert statistics.difference(first + 1, first) == pytest.approx((1, 1, 1, 0, 0), abs=1e-12), "paired"


def test_one_repeat_shows_no_difference():
    found = statistics.difference(SCORES[:, :1], SCORES[:, 1:2])
    assert found.value == pytest.approx((0.1 + 0.5) / 2 - (0.9 + 0.5) / 2)
    assert np.isnan(found[1:]).all()


def test_the_detectable_difference_is_that_of_published_sample_sizes():
    """R's `power.t.test(power = .90, delta = 1)` needs 22.02 in each of two groups of deviation 1."""
    num = 22.02110
    error, freedom = np.sqrt(2 / num), 2 * (num - 1)
    assert statistics.detectable(error, freedom, power=0.9) == pytest.approx(1.0, rel=2e-3)
    assert statistics.detectable(1.0, np.inf) == pytest.approx(1.959964 + 0.841621, rel=1e-6)


def test_how_many_repeats_a_small_difference_takes():
    """Scores of deviation .07, as on CartPole: 193 repeats of both tuners for .02, whatever the number at hand."""
    for num in (15, 60):
        assert statistics.num_needed(0.07 * np.sqrt(2 / num), num, 0.02) == 193


def test_detectable_differences_are_detected_in_four_of_five_comparisons():
    rng = np.random.default_rng(0)
    least = statistics.detectable(np.sqrt(2 / 12), 11)
    scores = rng.normal(size=(4000, 12)) * np.sqrt(2) + least
    t = scores.mean(axis=1) / (scores.std(axis=1, ddof=1) / np.sqrt(12))
    assert np.mean(np.abs(t) > stats.t.ppf(0.975, 11)) == pytest.approx(0.8, abs=0.03)


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


def test_groups_join_neighbours_that_are_not_told_apart():
    far = {(0, 1): 0.9, (0, 2): 0.01, (0, 3): 0.001, (1, 2): 0.2, (1, 3): 0.01, (2, 3): 0.4}
    assert statistics.groups([1.0, 2.0, 3.0, 4.0], far) == [[0, 1], [1, 2], [2, 3]]
    assert statistics.groups([4.0, 3.0, 2.0, 1.0], dict.fromkeys(far, 0.5)) == [[3, 2, 1, 0]]
    assert statistics.groups([1.0, 2.0, 3.0, 4.0], dict.fromkeys(far, 0.01)) == []
