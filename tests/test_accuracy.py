"""How well scores are predicted, on predictions whose figures are known."""

import numpy as np
import pytest

from landscapes import accuracy

SCORES = np.arange(40.0)
SEEDS = np.stack([SCORES - 1, SCORES, SCORES + 1, SCORES], axis=1)


def test_predictions_without_error():
    assert accuracy.measure(SCORES, SEEDS) == pytest.approx((1, 1, 1, 0, 0))


def test_peaks_that_are_flattened_are_seen_at_the_top_alone():
    flattened = np.minimum(SCORES, 30.0)
    got = accuracy.measure(flattened, SEEDS)
    assert got.r2 > 0.9
    assert got.spearman > 0.98
    assert np.isnan(got.spearman_top)
    assert got.bias_top == pytest.approx(30 - np.mean([36, 37, 38, 39]))
    assert got.mean_absolute_error == pytest.approx(sum(range(10)) / 40)


def test_order_among_the_best_is_told_apart_from_that_of_all():
    turned = SCORES.copy()
    turned[30:] = turned[30:][::-1]
    got = accuracy.measure(turned, SEEDS)
    assert got.spearman > 0.95
    assert got.spearman_top == pytest.approx(-1)


def test_a_top_tenth_that_luck_has_chosen_is_measured_under_other_seeds():
    """All configs are worth 0: a model that says so has no bias, though the best means are far above 0."""
    scores = np.random.default_rng(0).normal(size=(400, 4))
    assert accuracy.measure(np.zeros(400), scores).bias_top == pytest.approx(0.0, abs=0.1)
    assert accuracy.measure(np.zeros(400), scores[:, :1]).bias_top < -1.5, "of one seed, luck counts as worth"


def test_those_that_tie_are_among_the_best():
    assert accuracy.best(np.array([1.0, 3.0, 2.0, 3.0, 3.0]), 0.2).tolist() == [1, 3, 4]
    assert accuracy.best(np.arange(4.0), 0.1).tolist() == [3]


def test_scores_that_are_all_the_same_have_neither_variance_nor_ranks():
    got = accuracy.measure(np.zeros(20), np.zeros((20, 2)))
    assert np.isnan([got.r2, got.spearman, got.spearman_top]).all()
    assert (got.bias_top, got.mean_absolute_error) == (0.0, 0.0)


def test_the_score_of_the_best_is_measured_under_seeds_that_did_not_choose_it():
    scores = np.array([[5.0, 1.0], [5.0, 3.0], [0.0, 4.0]])
    assert accuracy.score_of_best(scores) == np.mean([(1 + 3) / 2, 0])
    assert accuracy.score_of_best(scores[:, :1]) == 5.0
