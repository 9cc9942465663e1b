"""A landscape's surrogate, on made-up landscapes of which the truth is known."""

import functools

import numpy as np
import pytest
from test_analysis import TASK, by_learning_rate, landscape_of

from arl import spaces
from landscapes import accuracy, forest
from landscapes.surrogate import Surrogate

MIDDLE = 250.0  # of the return range
CONFIGS = [spaces.sample(TASK.space, [3, i]) for i in range(60)]


def flat_landscape(noise=10.0, num_seeds=4, score=MIDDLE):
    """Return a landscape whose configs all have the same mean score at each point; their runs deviate by noise."""
    made = landscape_of(lambda config: 0.0, noise=noise, num_seeds=num_seeds)
    made.metadata["cube"] = score + made.cube - made.cube.mean(axis=1, keepdims=True)
    return made


@functools.cache
def flat(num_seeds=4):
    """Return the surrogate of a flat landscape."""
    return Surrogate(flat_landscape(num_seeds=num_seeds))


def noise_of(model, configs, seeds):
    """Return the noise of the last point, `(config, seed)`."""
    return np.array([model.curves(config, seeds)[:, -1] for config in configs]) - model.predict(configs)[:, -1:]


def moved(config, share=0.02):
    """Return a config whose numbers are moved by a share of their range."""
    vector = spaces.vector(TASK.space, config)
    values = {
        name: spaces.value_at(TASK.space[name], place + (share if place < 0.5 else -share))
        for name, place in zip(TASK.space, vector, strict=True)
        if isinstance(config.get(name), float)
    }
    return {**config, **values}


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


def test_predictions_find_what_decides():
    model = Surrogate(landscape_of(by_learning_rate, num_seeds=4))
    good, bad = ({**spaces.default(TASK.space), "learning_rate": rate} for rate in (10**-3.5, 1e-6))
    (best, worst) = model.predict([good, bad])[:, -1]
    assert best > 80 > 20 > worst


def test_peaks_are_kept():
    """Few configs come near the top; a forest, which averages over leaves, predicts far less there."""

    def score(config):
        return 100 * np.exp(-((np.log10(config["learning_rate"]) + 3.5) ** 2) - 9 * config["final_epsilon"])

    landscape = landscape_of(score, num_seeds=2)
    model, truth = Surrogate(landscape), np.array([score(config) for config in CONFIGS])
    top = accuracy.best(truth, 0.1)
    trees = forest.regressor().fit(model.encoded, model.means)
    smoothed = trees.predict(model.encode(CONFIGS))[top, -1]
    kept = model.predict(CONFIGS)[top, -1]
    assert np.mean(truth[top] - kept) < 0.4 * np.mean(truth[top] - smoothed)


def test_accuracy_is_high_where_the_truth_is_smooth_and_none_where_it_is_noise(monkeypatch):
    monkeypatch.setattr(accuracy, "NUM_FOLDS", 2)
    smooth = Surrogate(landscape_of(lambda config: 100.0 * config["final_epsilon"], num_seeds=2))
    predicted, nearest = smooth.accuracy()["final"], smooth.accuracy_of_nearest()["final"]
    assert predicted.spearman > 0.9 > nearest.spearman
    assert predicted.r2 > 0.7
    noise = Surrogate(landscape_of(lambda config: 0.0, noise=10.0, num_seeds=2))
    predicted, nearest = noise.accuracy()["final"], noise.accuracy_of_nearest()["final"]
    assert abs(predicted.spearman) < 0.3
    assert predicted.mean_absolute_error < nearest.mean_absolute_error


def test_accuracy_is_not_told_of_few_configs(monkeypatch):
    model = Surrogate(landscape_of(by_learning_rate))
    monkeypatch.setattr(accuracy, "MIN_CONFIGS", len(model.encoded) + 1)
    assert model.accuracy() is None
    assert forest.accuracy_words(model.landscape, model.means[:, -1]) == ""


def test_curves_depend_on_config_and_seed_alone():
    one, other = flat(), Surrogate(flat_landscape())
    seeds = [0, 3, 1000]
    together = [one.curves(config, seeds) for config in CONFIGS[:5]]
    for config, curves in zip(reversed(CONFIGS[:5]), reversed(together), strict=True):
        for seed, curve in zip(seeds, curves, strict=True):
            assert other.curves(config, [seed])[0].tolist() == curve.tolist()


@pytest.mark.parametrize("num_seeds", [2, 4, 10])
def test_the_noise_is_as_large_as_that_of_the_runs(num_seeds):
    model = flat(num_seeds=num_seeds)
    noise = noise_of(model, CONFIGS, range(40))
    assert noise.std() == pytest.approx(10.0, rel=0.15)
    assert noise.mean() == pytest.approx(0.0, abs=1.0)


def test_the_noise_is_that_of_the_place():
    """Runs of configs with a high learning rate deviate, others do not."""
    landscape = flat_landscape()
    rates = np.log10(landscape.configs.learning_rate.to_numpy())[:, None, None]
    landscape.metadata["cube"] = landscape.cube + 20 * rates + (rates <= -3.5) * (MIDDLE - landscape.cube)
    model = Surrogate(landscape)
    low, high = ([{**config, "learning_rate": rate} for config in CONFIGS[:20]] for rate in (1e-5, 1e-2))
    assert noise_of(model, low, range(10)).std() < 2 < 8 < noise_of(model, high, range(10)).std()


def test_the_noise_of_neighbours_is_independent_where_that_of_runs_is():
    model = flat(num_seeds=10)
    here, near = (noise_of(model, configs, range(30)) for configs in (CONFIGS, [moved(config) for config in CONFIGS]))
    assert abs(np.corrcoef(here.ravel(), near.ravel())[0, 1]) < 0.08


def test_the_noise_of_neighbours_is_correlated_as_that_of_runs_is():
    """A part of each run's deviation is the luck of its seed, the same for all configs."""
    landscape = flat_landscape(num_seeds=10)
    luck = 10 * np.random.default_rng(1).normal(size=(1, 10, 1))
    landscape.metadata["cube"] = landscape.cube + luck - luck.mean()
    model = Surrogate(landscape)
    here, near = (noise_of(model, configs, range(60)) for configs in (CONFIGS, [moved(config) for config in CONFIGS]))
    shared = luck.var(ddof=1) / (luck.var(ddof=1) + 10.0**2)
    assert shared > 0.25
    assert np.corrcoef(here.ravel(), near.ravel())[0, 1] == pytest.approx(shared, abs=0.1)


def test_noise_stays_within_the_return_range_and_keeps_the_mean():
    high = TASK.return_range[1]
    model = flat()
    for distance in (1.0, 100.0):
        mean = np.full(TASK.num_points, high - distance)
        deviations = model._deviations_near(mean, np.arange(10))
        assert (mean + deviations).max() <= high + 1e-9
        assert deviations.mean(axis=1) == pytest.approx(np.zeros((10, TASK.num_points)), abs=1e-9)
    assert (deviations == model.deviations[:10]).all(), "far from the bound they are those on record"


def test_the_noise_of_a_single_seed_is_none():
    model = flat(num_seeds=1)
    assert (noise_of(model, CONFIGS[:3], [0]) == 0).all()


@pytest.mark.parametrize("num_seeds", [1, 2, 10])
def test_deviations_have_the_seeds_variance(num_seeds):
    model = Surrogate(landscape_of(lambda config: 0.0, noise=10.0, num_seeds=num_seeds))
    variances = model.landscape.cube.var(axis=1, ddof=1) if num_seeds > 1 else np.zeros(model.means.shape)
    np.testing.assert_allclose((model.deviations**2).mean(axis=1), variances, atol=1e-9)
