"""Agreement of rankings: training is compared with runs of its own that it does not share."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def compare_ranks(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).resolve().parent.parent / "scripts")
    import compare_ranks

    return compare_ranks


def test_training_does_not_agree_with_itself_where_tuners_are_alike(compare_ranks):
    """Two draws from the same repeats would: a lucky repeat is in both."""
    rng = np.random.default_rng(0)
    taus = []
    for _ in range(200):
        alike = pd.DataFrame(rng.normal(size=(5, 6)))
        taus += [compare_ranks.tau(*compare_ranks.means_of_halves(alike, rng)) for _ in range(5)]
    assert np.mean(taus) < 0.1


def test_halves_have_no_repeat_in_common(compare_ranks):
    scores = pd.DataFrame([[1.0, 2.0, 4.0, 8.0, 16.0]])
    first, second = compare_ranks.means_of_halves(scores, np.random.default_rng(0))
    sums = {a + b for i, a in enumerate(scores.loc[0]) for b in scores.loc[0][i + 1 :]}
    assert {2 * first[0], 2 * second[0]} <= sums
    assert not int(2 * first[0]) & int(2 * second[0]), "each repeat is a bit of the sum"


def test_rankings_that_differ_more_than_luck_agree(compare_ranks):
    apart = pd.DataFrame(np.arange(5.0)[:, None] + np.zeros(6))
    assert compare_ranks.tau(*compare_ranks.means_of_halves(apart, np.random.default_rng(0))) == pytest.approx(1.0)
