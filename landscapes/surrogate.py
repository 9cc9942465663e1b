"""Learning curves of any config of a landscape's space, from the configs that the landscape holds.

Two ways: a Gaussian process over the mean curves with noise like that of the seeds, and the nearest recorded config. Both see
configs as `spaces.encode` gives them, so that distances mean the same on linear and logarithmic scales.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from arl import scores, spaces
from landscapes import accuracy, dataset, scoring
from landscapes.accuracy import Accuracy
from landscapes.curve_model import CurveModel
from landscapes.dataset import Landscape

VERSION = "Gaussian process 1"  # another one where predictions or noise change
NUM_NEIGHBOURS = 10  # whose runs the noise of a config is drawn from
ASSESSED = ("final", "auc")  # scores that are told how well they are predicted


class Model(Protocol):
    """What predicts the mean curves of configs."""

    def predict(self, encoded: np.ndarray) -> np.ndarray:
        """Return curves `(config, point)` of configs `(config, column)`."""
        ...


class Surrogate:
    """A model of a landscape: mean curves of configs that it does not hold, and noise like that of its seeds."""

    def __init__(self, landscape: Landscape):
        self.landscape = landscape
        self.space = landscape.space

    @cached_property
    def encoded(self) -> np.ndarray:
        """The recorded configs, `(config, column)`, as `spaces.encode` gives them."""
        return self.encode(self.landscape.plain_configs)

    @cached_property
    def means(self) -> np.ndarray:
        """Mean returns over all seeds, `(config, point)`."""
        return self.landscape.cube.mean(axis=1)

    @cached_property
    def deviations(self) -> np.ndarray:
        """Deviations from each config's mean, `(config, seed, point)`, with the seeds' own variance; 0 for a single seed."""
        num_seeds = self.landscape.cube.shape[1]
        return (self.landscape.cube - self.means[:, None]) * math.sqrt(num_seeds / max(num_seeds - 1, 1))

    @cached_property
    def model(self) -> CurveModel:
        """The Gaussian process, fitted to all mean curves."""
        return CurveModel(self.encoded, self.means)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {key(config): number for number, config in enumerate(self.landscape.plain_configs)}

    def number_of(self, config: Mapping[str, Any]) -> int | None:
        """Return the number of a config, None if the landscape does not hold it."""
        return self._numbers.get(key(config))

    def nearest(self, encoded: np.ndarray) -> int:
        """Return the number of the recorded config that is nearest to an encoded one, by the sum of differences."""
        return int(np.argmin(self._distances(encoded)))

    def by_distance(self, encoded: np.ndarray) -> np.ndarray:
        """Return the numbers of all recorded configs, the nearest to an encoded one first."""
        return np.argsort(self._distances(encoded), kind="stable")

    def predict(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return the mean curves of any configs, `(config, point)`, without noise."""
        return self.model.predict(self.encode(configs))

    def neighbours(self, config: Mapping[str, Any]) -> np.ndarray:
        """Return the numbers of the recorded configs that are most similar to any config, `(neighbour,)`."""
        (similarity,) = self.model.similarity(self.encode([config]))
        return np.argsort(-similarity, kind="stable")[:NUM_NEIGHBOURS]

    def curves(self, config: Mapping[str, Any], seeds: Sequence[int]) -> np.ndarray:
        """Return the curves of any config under any seeds, `(seed, point)`: the prediction with noise.

        The noise depends on config and seed alone. It is the deviation of a run of one of the config's neighbours, drawn for
        this config and seed, without what the neighbours' deviations under that recorded seed have in common; and of what
        they have in common, a mixture over the recorded seeds that is drawn for the seed. So it spreads as far as the
        neighbours' runs do, and configs near each other share as much of it under a seed as the neighbours do.
        """
        (mean,), neighbours = self.predict([config]), self.neighbours(config)
        common, rest = _parts(self._deviations_near(mean, neighbours))
        mixtures = np.stack([self._mixture(seed) for seed in seeds])
        draws = [self._draw(config, seed, len(neighbours)) for seed in seeds]
        alone = np.stack([rest[draw] for draw in draws])
        return np.clip(mean + alone + mixtures @ common, *self.landscape.return_range)

    def accuracy(self) -> dict[str, Accuracy] | None:
        """Return how well the model predicts configs that it has not seen, by score, in cross-validation over 5 folds.

        None where there are too few configs to tell.
        """
        if len(self.encoded) < accuracy.MIN_CONFIGS:
            return None
        return self.agreement(cross_validated(CurveModel, self.encoded, self.means))

    def accuracy_of_nearest(self) -> dict[str, Accuracy]:
        """Return how well the curve of the nearest other config stands for a config's own, by score."""
        return self.agreement(self.means[[self.by_distance(row)[1] for row in self.encoded]])

    def agreement(self, predicted: np.ndarray) -> dict[str, Accuracy]:
        """Return how well curves `(config, point)` predict the scores of the recorded configs, by score."""
        return {
            score: accuracy.measure(self._scores(predicted, score), scoring.of_runs(self.landscape, score))
            for score in ASSESSED
        }

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return configs as `spaces.encode` gives them, `(config, column)`."""
        return np.array([spaces.encode(self.space, config) for config in configs])

    def _distances(self, encoded: np.ndarray) -> np.ndarray:
        return np.abs(self.encoded - encoded).sum(axis=1)

    def _deviations_near(self, mean: np.ndarray, neighbours: np.ndarray) -> np.ndarray:
        """Return the deviations of recorded configs `(neighbour, seed, point)` as they are about a mean curve `(point,)`.

        Those of a config are smaller at a point where they would leave the return range, all in the same proportion: cut off
        at the ceiling alone, they would lower the mean.
        """
        low, high = self.landscape.return_range
        deviations = self.deviations[neighbours]
        above, below = deviations.max(axis=1), -deviations.min(axis=1)
        room = np.minimum(_ratio(high - mean, above), _ratio(mean - low, below))
        return deviations * np.clip(room, 0.0, 1.0)[:, None]

    def _mixture(self, seed: int) -> np.ndarray:
        """Return the weights of the recorded seeds in what neighbours have in common under a seed, `(recorded seed,)`."""
        num_seeds = len(self.landscape.seeds)
        draw = np.random.default_rng(_hash(self.landscape.name, seed))
        return draw.normal(scale=1 / math.sqrt(num_seeds), size=num_seeds)

    def _draw(self, config: Mapping[str, Any], seed: int, num_neighbours: int) -> tuple[int, int]:
        """Return a neighbour of a config and one of its recorded seeds, by place, drawn for the config and a seed."""
        num_seeds = len(self.landscape.seeds)
        return divmod(_hash(self.landscape.name, key(config), seed) % (num_neighbours * num_seeds), num_seeds)

    def _scores(self, curves: np.ndarray, score: str) -> np.ndarray:
        """Return the scores `(config,)` of mean curves."""
        histories = [scores.History(np.array(self.landscape.steps), curve, math.nan, 0) for curve in curves]
        return np.array([scores.SCORES[score].of_run(history) for history in histories])


def cross_validated(
    model: Callable[[np.ndarray, np.ndarray], Model], encoded: np.ndarray, curves: np.ndarray
) -> np.ndarray:
    """Return the curves that models predict for the configs of each fold, fitted to the configs of the others."""
    predicted = np.empty_like(curves)
    for rest, fold in accuracy.folds().split(encoded):
        predicted[fold] = model(encoded[rest], curves[rest]).predict(encoded[fold])
    return predicted


def of_landscape(landscape: Landscape) -> Surrogate:
    """Return the surrogate of a landscape; it is read and fitted once while the landscape's files stay the same."""
    files = landscape.metadata.get("files")
    return _of_files(landscape.directory, json.dumps(files, sort_keys=True)) if files else Surrogate(landscape)


@lru_cache(maxsize=32)
def _of_files(directory: Path, files: str) -> Surrogate:
    return Surrogate(dataset.read(directory))


def _parts(deviations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what neighbours have in common, `(seed, point)`, and the rest, `(neighbour, seed, point)`.

    Of k neighbours' deviations `(neighbour, seed, point)`, whose variances are 1 and covariances c on average, the mean has
    the variance c + (1 - c) / k. Both parts are scaled to the variances c and 1 - c.
    """
    num, mean = len(deviations), deviations.mean(axis=0)
    variance, of_mean = np.square(deviations).mean(), np.square(mean).mean()
    covariance = max(0.0, (num * of_mean - variance) / max(num - 1, 1))
    common = mean * math.sqrt(covariance / of_mean) if of_mean else mean
    return common, (deviations - mean) * math.sqrt(num / max(num - 1, 1))


def _ratio(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a / b, 1 where b is 0."""
    return np.divide(a, b, out=np.ones_like(b), where=b != 0)


def _hash(*parts: Any) -> int:
    """Return a number that depends on all parts, the same in every process."""
    return int.from_bytes(hashlib.sha256(json.dumps(parts).encode()).digest()[:8])


def key(config: Mapping[str, Any]) -> str:
    """Return a config as a key, in JSON: it tells `True` from 1 and 1 from 1.0, which a dict takes for one key."""
    return json.dumps(dict(config), sort_keys=True)
