"""PB2 (Parker-Holder, Nguyen & Roberts 2020): population-based training in which a bandit chooses the new values.

In interval t, an agent trained with hyperparameters x gains f_t(x) + noise in score. What f_t is changes while agents
learn: it is modelled as a Gaussian process that forgets (Bogunovic, Scarlett & Cevher 2016),

    (1)  f_1 = g_1,   f_t+1 = sqrt(1 - w) f_t + sqrt(w) g_t+1,   g_t independent draws of GP(0, k_SE)

whose covariance is

    (2)  k((t, x), (t', x')) = s exp(-|x - x'|^2 / (2 l^2)) (1 - w)^(|t - t'| / 2)

with posterior, for gains y measured at Z = ((t_1, x_1), ...), noise variance v and K = k(Z, Z) + v I,

    (3)  mu(z) = k(z, Z) K^-1 y
    (4)  sigma^2(z) = k(z, z) - k(z, Z) K^-1 k(Z, z)

s, l, w and v maximise the marginal likelihood. A member that explores trains the next interval with

    (5)  x = argmax mu(t, x) + sqrt(beta) sigma_b(t, x),   beta = max(0, c1 log(c2 n)),   c1 = 0.2, c2 = 0.4

n being the number of measured gains. The members of a generation are chosen one after the other: sigma_b is (4) with those
that are set already added to Z, with mu as their gains, which leaves mu as it is (GP-BUCB, Desautels, Krause & Burdick
2014). So no two explore the same place.

A gain is the difference of the returns of two intervals, each by its own part of the learning curve: differences of a mean
over all of training shrink as training goes on, whatever the agents do.

Gains enter as their difference from their generation's median, in standard deviations by their quartiles, cut at 3: what
all members gain says nothing about x, and one collapse must not flatten all other differences.
"""

import dataclasses
import functools
import math
import warnings
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from scipy import linalg
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import (
    ConstantKernel,
    Hyperparameter,
    Kernel,
    NormalizedKernelMixin,
    StationaryKernelMixin,
    WhiteKernel,
)
from threadpoolctl import threadpool_limits

from arl import spaces
from arl.scalars import Scalar, plain
from arl.scores import area
from hpo.trial import Result, Trial
from hpo.tuners import pbt
from hpo.tuners.pbt import Config

QUARTILES_APART = 1.349  # of a normal distribution, in standard deviations
MOST_GAINS = 400  # the latest ones; the model costs their number cubed
C1, C2 = 0.2, 0.4  # of equation (5)


class PB2(pbt.PBT):
    """PBT whose members take the numbers that a model of the latest gains finds promising or is unsure of.

    Choices are explored as in PBT, and so are numbers while no gains differ. But choices are inputs of the model, so that
    what they gain is not taken for noise: (5) is maximised over the numbers that go with the member's choices.

    Args:
        budget: full runs.
        mutable: names of the hyperparameters that may change while an agent is trained; all by default. The others are
            copied with the agent.
        min_interval: the fewest env steps that train every config.
        population: number of members; by default as many as the budget pays for, a full run each.
        num_intervals: into how many a full run is divided; fewer where one would be shorter than `min_interval`.
        quantile: the share of the population that is replaced, and the share that it is replaced from; by default a quarter
            (Parker-Holder, Nguyen & Roberts 2020).
        resample: how likely a choice is drawn anew instead of perturbed.
        scores: names of the sweep's scores; gains are those of the first one.
        own_networks: whether each member of a population starts from untrained networks of its own; else all from the same.
    """

    asynchronous = False  # the model learns from whole generations

    def __init__(
        self,
        space: ConfigurationSpace,
        fidelity: int,
        budget: float,
        seed: int = 0,
        mutable: Collection[str] | None = None,
        min_interval: int = 1,
        population: int | None = None,
        num_intervals: int = 10,
        quantile: float = 0.25,
        resample: float = 0.25,
        scores: Sequence[str] = (),
        own_networks: bool = True,
    ):
        self.score = scores[0] if scores else "final"
        self.returns: dict[int, float] = {}
        self.times: list[int] = []
        self.points: list[np.ndarray] = []
        self.gains: list[float] = []
        self.model: Model | None = None
        super().__init__(
            space,
            fidelity,
            budget,
            seed,
            mutable,
            min_interval,
            population,
            num_intervals,
            quantile,
            resample,
            own_networks,
        )
        self.numbers = [name for name in self.changeable if spaces.choices(space[name]) is None]
        self.choices = [name for name in self.changeable if name not in self.numbers]

    def _offspring(self, results: list[Result], finished: list[Result]) -> list[Trial]:
        self._learn(results)
        can_fit = self.numbers and np.std(self.gains[-MOST_GAINS:] or [0.0]) > 0
        with threadpool_limits(1):  # matrices are small, and a sum's last bits must not depend on the number of cores
            self.model = fitted(*self._data()) if can_fit else None
            return super()._offspring(results, finished)

    def _learn(self, results: list[Result]) -> None:
        """Add the gains of the interval that has ended; trials without a score have none."""
        scored = [result for result in results if result.has_score]
        self.returns |= {result.trial.id: self._return_of_interval(result) for result in scored}
        starts = [self.returns[r.trial.parent] if r.trial.parent is not None else 0.0 for r in scored]
        gains = np.array([self.returns[result.trial.id] for result in scored]) - starts
        self.gains += list(gains - np.median(gains)) if scored else []
        self.times += [self.interval - 1] * len(scored)
        self.points += [self._point(result.trial.config) for result in scored]

    def _return_of_interval(self, result: Result) -> float:
        """Return the score, of the last interval alone where the score is of the whole curve: mean (`auc`) or best return."""
        value = result.score
        if result.status == "completed" and self.score == "auc":
            start = self.ends[self.interval - 2] if self.interval > 1 else 0
            steps, returns = np.transpose(result.curve)
            value = area(steps, returns, start)
        elif result.status == "completed" and self.score == "best":
            value = max(value for _, value in result.curve)
        return value if math.isfinite(value) else result.score

    def _data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return Z, `(gain, time and coordinate)`, and y, `(gain,)`, of the latest gains."""
        rows = np.column_stack([self.times, self.points])[-MOST_GAINS:]
        gains = np.array(self.gains)[-MOST_GAINS:]
        deviation = np.subtract(*np.quantile(gains, [0.75, 0.25])) / QUARTILES_APART or np.std(gains)
        return rows, np.clip(gains / deviation, -3.0, 3.0)

    def _point(self, config: Config) -> np.ndarray:
        """Return x: the changeable numbers on their scales in [0, 1], in place of an inactive one its default; then, for
        each choice, a coordinate per value, such that two configs that differ in one choice are 1 apart.
        """
        numbers = [
            float(self.space[name].to_vector(config.get(name, self.space[name].default_value))) for name in self.numbers
        ]
        is_chosen = [
            config.get(name) == value for name in self.choices for value in spaces.choices(self.space[name]) or ()
        ]
        return np.array([*numbers, *(math.sqrt(0.5) * flag for flag in is_chosen)])

    def _explore(self, config: Config, trial_id: int, running: Sequence[Config]) -> dict[str, Scalar]:
        """Return the config with the numbers of equation (5); `running` are the next interval's members that are set."""
        if self.model is None:
            return super()._explore(config, trial_id, running)
        changed = self._perturbed(config, self.choices, trial_id)
        model = self.model.believing(np.array([[self.interval, *self._point(other)] for other in running]))
        rng, choices = np.random.default_rng([self.seed, trial_id, 2]), self._point(changed)[len(self.numbers) :]
        point = climb(lambda x: model.bound(self.interval, x, choices), len(self.numbers), rng)
        values = {name: self.space[name].to_value(float(u)) for name, u in zip(self.numbers, point, strict=True)}
        return spaces.repair(self.space, {**changed, **plain(values)})


class Forgetting(StationaryKernelMixin, NormalizedKernelMixin, Kernel):
    """The covariance of equation (2) without s; the first column of its arguments is time.

    Args:
        length_scale: l, in units of the unit cube's edge.
        rate: w, how much is forgotten in an interval.
    """

    def __init__(self, length_scale: float = 0.5, rate: float = 0.1):
        self.length_scale, self.rate = length_scale, rate

    @property
    def hyperparameter_length_scale(self) -> Hyperparameter:
        return Hyperparameter("length_scale", "numeric", (0.1, 3.0))

    @property
    def hyperparameter_rate(self) -> Hyperparameter:
        return Hyperparameter("rate", "numeric", (1e-3, 0.5))

    def __call__(self, X: np.ndarray, Y: np.ndarray | None = None, eval_gradient: bool = False) -> Any:
        """Return the covariances of the rows of X and Y; on demand their derivatives by the logarithms of l and w, too."""
        Y = X if Y is None else Y
        squared = ((X[:, None, 1:] - Y[None, :, 1:]) ** 2).sum(axis=-1)
        half_apart = np.abs(X[:, None, 0] - Y[None, :, 0]) / 2
        covariance = np.exp(-squared / (2 * self.length_scale**2)) * (1 - self.rate) ** half_apart
        if not eval_gradient:
            return covariance
        by_length_scale = squared / self.length_scale**2
        by_rate = -half_apart * self.rate / (1 - self.rate)
        return covariance, covariance[..., None] * np.stack([by_length_scale, by_rate], axis=-1)


@dataclasses.dataclass(frozen=True)
class Model:
    """The Gaussian process, conditioned on gains.

    Attributes:
        covariance: of equation (2), a function of two arrays of rows.
        noise: v, the variance of a gain.
        inputs: Z, `(gain, time and coordinate)`.
        gains: y, `(gain,)`.
        num_gains: n, how many of the gains were measured; the others are believed.
    """

    covariance: Callable[..., np.ndarray]
    noise: float
    inputs: np.ndarray
    gains: np.ndarray
    num_gains: int

    @functools.cached_property
    def factor(self) -> tuple[np.ndarray, bool]:
        """The Cholesky factor of K, as SciPy's `cho_factor` returns it."""
        return linalg.cho_factor(self.covariance(self.inputs) + self.noise * np.eye(len(self.inputs)))

    def posterior(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean (3) and the standard deviation, the root of (4), at the rows of an array."""
        across = self.covariance(at, self.inputs)
        mean = across @ linalg.cho_solve(self.factor, self.gains)
        explained = np.sum(across.T * linalg.cho_solve(self.factor, across.T), axis=0)
        return mean, np.sqrt(np.maximum(np.diag(self.covariance(at[:1])) - explained, 0.0))

    def believing(self, at: np.ndarray) -> "Model":
        """Return the model with its mean taken for gains at these rows: it is surer near them, and its mean is the same."""
        if not len(at):
            return self
        mean, _ = self.posterior(at)
        return dataclasses.replace(
            self, inputs=np.concatenate([self.inputs, at]), gains=np.concatenate([self.gains, mean])
        )

    def bound(self, time: int, numbers: np.ndarray, choices: np.ndarray) -> np.ndarray:
        """Return the upper confidence bound (5) of points at a time.

        Args:
            numbers: `(point, coordinate)`.
            choices: `(coordinate,)`, those that all points share.
        """
        rows = [np.full((len(numbers), 1), time), numbers, np.tile(choices, (len(numbers), 1))]
        mean, deviation = self.posterior(np.hstack(rows))
        beta = max(0.0, C1 * math.log(C2 * self.num_gains))
        return mean + math.sqrt(beta) * deviation


def fitted(inputs: np.ndarray, gains: np.ndarray) -> Model:
    """Return the model whose s, l, w and v make these gains most likely."""
    kernel = ConstantKernel(1.0, (0.05, 20.0)) * Forgetting() + WhiteKernel(0.1, (1e-3, 2.0))
    regressor = GaussianProcessRegressor(kernel)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a value at its bound is as good as any
        regressor.fit(inputs, gains)
    return Model(regressor.kernel_.k1, regressor.kernel_.k2.noise_level, inputs, gains, len(gains))


def climb(value: Callable[[np.ndarray], np.ndarray], num_axes: int, rng: np.random.Generator) -> np.ndarray:
    """Return the best of many points of the unit cube, first anywhere, then ever closer around the best so far.

    Args:
        value: what to maximise, of `(point, axis)`.
    """
    points = rng.random((1024, num_axes))
    for scale in (0.1, 0.03, 0.01, 0.0):
        best = points[np.argmax(value(points))]
        points = np.clip(best + scale * np.vstack([np.zeros(num_axes), rng.normal(size=(255, num_axes))]), 0.0, 1.0)
    return best
