"""A landscape's surrogate, on made-up landscapes of which the truth is known."""

import numpy as np
import pytest
from test_analysis import TASK, by_learning_rate, landscape_of

from arl import spaces
from landscapes import surrogate
from landscapes.surrogate import Surrogate


def test_recorded_configs_have_their_numbers_others_none():
    landscape = landscape_of(by_learning_rate)
    model = Surrogate(landscape)
    assert [model.number_of(config) for config in landscape.plain_configs] == list(range(len(landscape.configs)))
    config = landscape.config(5)
    assert model.number_of({**config, "learning_rate": 0.05}) is None
    assert model.number_of({**config, "prioritized": int(config["prioritized"])}) is None, "True is not 1"


def test_the_nearest_of_a_recorded_config_is_itself_then_come_others():
    model = Surrogate(landscape_of(by_learning_rate))
    for number, row in enumerate(model.encoded[:10]):
        assert model.nearest(row) == number
        order = model.by_distance(row)
        assert order[0] == number
        assert sorted(order) == list(range(len(model.encoded)))
        assert (np.diff(np.abs(model.encoded[order] - row).sum(axis=1)) >= 0).all()


def test_the_forest_finds_what_decides():
    model = Surrogate(landscape_of(by_learning_rate, num_seeds=4))
    good, bad = ({**spaces.default(TASK.space), "learning_rate": rate} for rate in (10**-3.5, 1e-6))
    predicted = model.forest.predict(model.encode([good, bad]))
    assert predicted.shape == (2, TASK.num_points)
    assert predicted[0, -1] > 80 > 20 > predicted[1, -1]


def test_accuracy_is_high_where_the_truth_is_smooth_and_none_where_it_is_noise():
    smooth = Surrogate(landscape_of(lambda config: 100.0 * config["final_epsilon"], num_seeds=2))
    assert smooth.accuracy()["spearman"] > 0.9 > smooth.accuracy_of_nearest()["spearman"]
    noise = Surrogate(landscape_of(lambda config: 0.0, noise=10.0, num_seeds=2))
    assert abs(noise.accuracy()["spearman"]) < 0.3
    assert noise.accuracy()["mean_absolute_error"] < noise.accuracy_of_nearest()["mean_absolute_error"]


def test_accuracy_is_not_told_of_few_configs(monkeypatch):
    model = Surrogate(landscape_of(by_learning_rate))
    assert model.accuracy_words(model.means[:, -1]).startswith("surrogate: rank correlation ")
    monkeypatch.setattr(surrogate, "MIN_CONFIGS", len(model.encoded) + 1)
    assert model.accuracy_words(model.means[:, -1]) == ""


@pytest.mark.parametrize("num_seeds", [1, 2, 10])
def test_the_noise_has_the_seeds_variance(num_seeds):
    model = Surrogate(landscape_of(lambda config: 0.0, noise=10.0, num_seeds=num_seeds))
    variances = model.landscape.cube.var(axis=1, ddof=1) if num_seeds > 1 else np.zeros(model.means.shape)
    np.testing.assert_allclose((model.noise**2).mean(axis=1), variances, atol=1e-9)
