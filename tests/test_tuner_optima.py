"""At an equal budget the model-based tuners beat random search on functions whose optima are known."""

import functools
import statistics

import optima
import pytest


@functools.cache
def median(tuner, function, budget, num_seeds):
    return statistics.median(optima.best(tuner, function, seed, budget) for seed in range(num_seeds))


@pytest.mark.parametrize(
    ("tuner", "function"),
    [
        *[("tpe", function) for function in optima.FUNCTIONS],
        *[("cmaes", function) for function in ("parabola", "branin", "conditional")],
        *[("nsga2", function) for function in ("parabola", "conditional", "noisy step")],
    ],
)
def test_it_beats_random_search(tuner, function):
    assert median(tuner, function, 96, 7) > median("random", function, 96, 7)


@pytest.mark.slow
@pytest.mark.parametrize("function", ["parabola", "branin", "conditional"])
def test_smac_beats_random_search(function):
    assert median("smac", function, 48, 7) > median("random", function, 48, 7)


@pytest.mark.slow
@pytest.mark.parametrize("function", ["conditional", "noisy step"])  # whose low fidelities tell more than they mislead
def test_smac_under_hyperband_beats_random_search(function):
    assert median("smac_hyperband", function, 48, 5) > median("random", function, 48, 5)


@pytest.mark.slow
@pytest.mark.parametrize("function", ["parabola", "branin", "noisy step"])
def test_gp_beats_random_search(function):
    pytest.importorskip("torch")
    assert median("gp", function, 48, 3) > median("random", function, 48, 3)
