"""PB2: its model against answers by hand, and its best score on a function whose optimum moves."""

import math
from dataclasses import replace

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from play import Game, Sum, bowl, drift, result, square
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel

from hpo import tuners
from hpo.trial import TunerContext
from hpo.tuners import pb2

RNG = np.random.default_rng(0)
PLACES = np.column_stack([RNG.integers(0, 5, 12), RNG.random((12, 2))])


def game(name, seed=0, space=None, budget=8.0, score=None, **options):
    context = TunerContext(space=space or square(), fidelity=40, seed=seed, budget=budget)
    return Game(tuners.make(name, context, options), score or Sum(40, drift), space=space or square())


def model(noise=0.1, rate=0.1, gains=None):
    gains = np.sin(6 * PLACES[:, 1]) if gains is None else gains
    return pb2.Model(pb2.Forgetting(0.4, rate), noise, PLACES, gains, len(gains))


class TestCovariance:
    def test_by_hand(self):
        kernel = pb2.Forgetting(length_scale=0.5, rate=0.19)
        here, apart, later = np.array([[0.0, 0.2]]), np.array([[0.0, 0.7]]), np.array([[4.0, 0.2]])
        assert kernel(here, here).item() == 1.0
        assert kernel(here, apart).item() == pytest.approx(np.exp(-0.5))
        assert kernel(here, later).item() == pytest.approx(0.81**2)
        assert kernel(apart, later).item() == pytest.approx(np.exp(-0.5) * 0.81**2)

    def test_without_forgetting_it_is_the_squared_exponential(self):
        assert pb2.Forgetting(0.4, 0.0)(PLACES) == pytest.approx(RBF(0.4)(PLACES[:, 1:]))

    def test_its_gradient_is_that_of_finite_differences(self):
        kernel, step = pb2.Forgetting(0.4, 0.1), 1e-6
        _, gradient = kernel(PLACES, eval_gradient=True)
        for i in range(2):
            theta = kernel.theta.copy()
            theta[i] += step
            difference = (kernel.clone_with_theta(theta)(PLACES) - kernel(PLACES)) / step
            assert gradient[..., i] == pytest.approx(difference, abs=1e-5)


class TestModel:
    def test_posterior_is_that_of_a_regressor(self):
        regressor = GaussianProcessRegressor(pb2.Forgetting(0.4, 0.1) + WhiteKernel(0.1), optimizer=None)
        regressor.fit(PLACES, model().gains)
        at = PLACES + np.array([1.0, 0.05, -0.05])
        mean, deviation = regressor.predict(at, return_std=True)
        assert model().posterior(at)[0] == pytest.approx(mean)
        assert model().posterior(at)[1] ** 2 + 0.1 == pytest.approx(deviation**2)

    def test_far_from_all_gains_it_is_the_prior(self):
        mean, deviation = model().posterior(np.array([[0.0, 50.0, 50.0]]))
        assert (mean.item(), deviation.item()) == pytest.approx((0.0, 1.0))

    def test_it_forgets(self):
        before, after = (model(rate=0.3).posterior(PLACES[:1] + np.array([wait, 0, 0]))[1].item() for wait in (0, 9))
        assert before < 0.5 < after

    def test_believing_makes_it_surer_but_expects_the_same(self):
        place = np.array([[5.0, 0.9, 0.1]])
        at = np.column_stack([np.full(50, 5.0), np.random.default_rng(1).random((50, 2))])
        (mean, deviation), (same, surer) = model().posterior(at), model().believing(place).posterior(at)
        assert same == pytest.approx(mean)
        assert (surer <= deviation + 1e-12).all()
        assert model().believing(place).posterior(place)[1] < 0.6 * model().posterior(place)[1]
        assert model().believing(place[:0]).inputs is PLACES

    def test_the_bound_by_hand(self):
        mean, deviation = model().posterior(np.array([[7.0, 0.3, 0.3]]))
        beta = 0.2 * np.log(0.4 * 12)
        assert model().bound(7, np.array([[0.3]]), np.array([0.3])) == pytest.approx(mean + np.sqrt(beta) * deviation)
        few = pb2.Model(pb2.Forgetting(), 0.1, PLACES[:2], np.zeros(2), 2)
        assert few.bound(0, PLACES[:2, 1:], np.zeros(0)).tolist() == [0.0, 0.0]  # below 1 / c2 gains, beta is 0

    def test_fitting_tells_fast_change_from_slow(self):
        rng = np.random.default_rng(0)
        places = np.column_stack([np.repeat(np.arange(10.0), 8), rng.random((80, 1))])
        steady = pb2.fitted(places, np.sin(5 * places[:, 1]))
        moving = pb2.fitted(places, np.sin(5 * places[:, 1] + 2 * places[:, 0]))
        assert steady.covariance.k2.rate < 0.02 < 0.2 < moving.covariance.k2.rate
        assert steady.noise < 0.01

    def test_climbing_finds_the_top(self):
        top = np.array([0.3, 0.9, 1.0])
        best = pb2.climb(lambda x: -((x - top) ** 2).sum(axis=1), 3, np.random.default_rng(0))
        assert best == pytest.approx(top, abs=0.02)


def test_finds_more_than_pbt_and_than_any_fixed_config_could():
    """Ten seeds of eight members; the best fixed config loses 0.21 to the moving optimum, which gains 1."""
    bandit, plain = (
        np.array([max(r.score for r in game(name, seed).results.values()) for seed in range(10)])
        for name in ("pb2", "pbt")
    )
    assert bandit.mean() > plain.mean() + 0.05
    assert (bandit > plain).sum() >= 8
    assert bandit.mean() > 0.9


def test_no_two_explore_the_same_place():
    played = game("pb2", budget=12.0, quantile=0.5)
    explored = [t for t in played.trials.values() if t.parent and t.config != played.trials[t.parent].config]
    for interval in {trial.fidelity for trial in explored}:
        points = np.array([list(trial.config.values()) for trial in explored if trial.fidelity == interval])
        apart = np.linalg.norm(points[:, None] - points[None], axis=-1)[np.triu_indices(len(points), 1)]
        assert (apart > 0).all()


def test_numbers_are_the_model_s_and_choices_are_perturbed():
    """Selection settles the choice that decides most, the model the numbers beside it."""
    axes = [Float("rate", (1e-4, 1.0), log=True), Integer("depth", (1, 9)), Categorical("kind", ["a", "b", "c"])]

    def gain(config, time):
        return 2 * (config["kind"] == "b") - abs(np.log10(config["rate"]) + 2) - abs(config["depth"] - 7) / 4

    played = game("pb2", space=ConfigurationSpace(space=axes), budget=12.0, score=Sum(40, gain))
    best = played.incumbent.config
    assert best["kind"] == "b"
    assert best["depth"] in (6, 7, 8)
    assert 10**-2.5 < best["rate"] < 10**-1.5


def test_one_collapse_does_not_hide_the_rest():
    tuner = tuners.make("pb2", TunerContext(space=square(), fidelity=40, budget=8.0), {})
    Game(tuner, lambda trial: -1e9 if trial.id == 3 else trial.fidelity * bowl(trial.config))
    _, gains = tuner._data()
    assert np.abs(gains).max() == 3.0
    assert gains[np.abs(gains) < 3.0].std() > 0.3
    companions = gains[:8][np.arange(8) != 3]
    assert companions.std() > 0.3


def test_where_no_gains_differ_it_is_pbt():
    bandit, plain = (game(name, score=lambda trial: 1.0, quantile=0.25) for name in ("pb2", "pbt"))
    assert bandit.trials == plain.trials


@pytest.mark.parametrize(("score", "apart"), [("auc", 3.0), ("best", 4.0), ("final", 2.0)])
def test_gains_are_those_of_the_interval_itself(score, apart):
    """Two members, evaluated twice in each interval of ten env steps; `apart`: by how much more the second one gains.

    Mean returns of their intervals are 2, 2 and 1, 4, which gain 0 and 3; over all of training they are 2, 2 and 1, 2.5.
    Best returns are 4, 3 and 2, 5, which gain -1 and 3; last returns 0, 1 and 2, 5, which gain 1 and 3.
    """
    context = TunerContext(space=square(), fidelity=30, budget=2.0, scores=(score,))
    tuner = tuners.make("pb2", context, {"num_intervals": 3, "quantile": 0.0})
    curves = [[(5, 4.0), (10, 0.0)], [(5, 0.0), (10, 2.0)], [(15, 3.0), (20, 1.0)], [(15, 3.0), (20, 5.0)]]
    scores = {"auc": (2.0, 1.0, 2.0, 2.5), "best": (4.0, 2.0, 4.0, 5.0), "final": (0.0, 2.0, 1.0, 5.0)}[score]
    for _ in range(2):
        tuner.tell([replace(result(trial, scores[trial.id]), curve=curves[trial.id]) for trial in tuner.ask(2)])
    assert tuner.gains[2:] == [-apart / 2, apart / 2]


def test_an_interval_that_diverged_gains_its_score():
    context = TunerContext(space=square(), fidelity=30, budget=2.0, scores=("auc",))
    tuner = tuners.make("pb2", context, {"num_intervals": 3})
    first, second = tuner.ask(2)
    curve = [(5, 1.0), (10, math.nan)]
    tuner.tell([replace(result(first, -9.0, "diverged"), curve=curve), replace(result(second, 2.0), curve=[(10, 3.0)])])
    assert tuner.gains == [-6.0, 6.0]
