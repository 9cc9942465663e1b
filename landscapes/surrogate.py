"""Predictions of scores for any config of a landscape's space, from the configs that the landscape holds.

Two ways: a regression forest over the mean curves, and the nearest recorded config. Both see configs as `spaces.encode`
gives them, so that distances and splits mean the same on linear and logarithmic scales.
"""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arl import spaces, statistics
from landscapes import dataset
from landscapes.dataset import Landscape

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

MIN_CONFIGS = 20  # fewer do not tell how well a surrogate predicts
NUM_FOLDS = 5


class Surrogate:
    """A model of a landscape: mean curves of configs that it does not hold, and the noise of its seeds."""

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
    def noise(self) -> np.ndarray:
        """Deviations from each config's mean, `(config, seed, point)`, with the seeds' own variance; 0 for a single seed."""
        num_seeds = self.landscape.cube.shape[1]
        return (self.landscape.cube - self.means[:, None]) * math.sqrt(num_seeds / max(num_seeds - 1, 1))

    @cached_property
    def forest(self) -> "RandomForestRegressor":
        """The regression forest, fitted to all mean curves."""
        return regressor().fit(self.encoded, self.means)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {_key(config): number for number, config in enumerate(self.landscape.plain_configs)}

    def number_of(self, config: Mapping[str, Any]) -> int | None:
        """Return the number of a config, None if the landscape does not hold it."""
        return self._numbers.get(_key(config))

    def nearest(self, encoded: np.ndarray) -> int:
        """Return the number of the recorded config that is nearest to an encoded one, by the sum of differences."""
        return int(np.argmin(self._distances(encoded)))

    def by_distance(self, encoded: np.ndarray) -> np.ndarray:
        """Return the numbers of all recorded configs, the nearest to an encoded one first."""
        return np.argsort(self._distances(encoded), kind="stable")

    @property
    def can_be_assessed(self) -> bool:
        """Whether there are enough configs to tell how well others are predicted."""
        return len(self.landscape.plain_configs) >= MIN_CONFIGS

    def accuracy(self) -> dict[str, float]:
        """Return how well the forest predicts configs that it has not seen, by cross-validation over 5 folds.

        `spearman` is the rank correlation with the mean scores at the full run, `mean_absolute_error` is in returns.
        """
        return self._agreement(self._cross_validated(self.means)[:, -1], self.means[:, -1])

    def accuracy_of_nearest(self) -> dict[str, float]:
        """Return how well the score of the nearest other config stands for a config's own, in the terms of `accuracy`."""
        return self._agreement(self.means[[self.by_distance(row)[1] for row in self.encoded], -1], self.means[:, -1])

    def accuracy_words(self, scores: np.ndarray) -> str:
        """Return how well a forest predicts given scores of the configs, `(config,)`, in a few words.

        Empty where there are too few configs to tell.
        """
        if not self.can_be_assessed:
            return ""
        accuracy = self._agreement(self._cross_validated(scores), scores)
        return (
            f"surrogate: rank correlation {accuracy['spearman']:.2f}, error {accuracy['mean_absolute_error']:.3g} "
            "on unseen configs"
        )

    def encode(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return configs as `spaces.encode` gives them, `(config, column)`."""
        return np.array([spaces.encode(self.space, config) for config in configs])

    def _distances(self, encoded: np.ndarray) -> np.ndarray:
        return np.abs(self.encoded - encoded).sum(axis=1)

    def _cross_validated(self, targets: np.ndarray) -> np.ndarray:
        """Return what a forest predicts for each config that was fitted to four fifths of the others."""
        from sklearn.model_selection import KFold, cross_val_predict

        folds = KFold(NUM_FOLDS, shuffle=True, random_state=0)  # the configs of a grid are sorted
        return cross_val_predict(regressor(), self.encoded, targets, cv=folds)

    def _agreement(self, predicted: np.ndarray, scores: np.ndarray) -> dict[str, float]:
        return {
            "spearman": float(statistics.spearman(predicted, scores)),
            "mean_absolute_error": float(np.abs(predicted - scores).mean()),
        }


def of_landscape(landscape: Landscape) -> Surrogate:
    """Return the surrogate of a landscape; it is read and fitted once while the landscape's files stay the same."""
    files = landscape.metadata.get("files")
    return _of_files(landscape.directory, json.dumps(files, sort_keys=True)) if files else Surrogate(landscape)


@lru_cache(maxsize=32)
def _of_files(directory: Path, files: str) -> Surrogate:
    return Surrogate(dataset.read(directory))


def regressor() -> "RandomForestRegressor":
    """Return an unfitted random forest, for one score per config or for all points of a curve at once."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=100, min_samples_leaf=2, max_features=0.7, random_state=0)


def _key(config: Mapping[str, Any]) -> str:
    """Return a config as a key, in JSON: it tells `True` from 1 and 1 from 1.0, which a dict takes for one key."""
    return json.dumps(dict(config), sort_keys=True)
