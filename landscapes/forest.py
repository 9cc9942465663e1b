"""Regression forests over the configs of a landscape, for its analyses."""

from typing import TYPE_CHECKING

import numpy as np

from arl import statistics
from landscapes import accuracy, surrogate
from landscapes.dataset import Landscape

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor


def regressor() -> "RandomForestRegressor":
    """Return an unfitted random forest, for one score per config or several."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=100, min_samples_leaf=2, max_features=0.7, random_state=0)


def accuracy_words(landscape: Landscape, scores: np.ndarray) -> str:
    """Return how well a forest predicts scores `(config,)` of configs that it has not seen, in a few words.

    Empty where there are too few configs to tell.
    """
    if len(scores) < accuracy.MIN_CONFIGS:
        return ""
    from sklearn.model_selection import cross_val_predict

    predicted = cross_val_predict(regressor(), surrogate.of_landscape(landscape).encoded, scores, cv=accuracy.folds())
    correlation, error = statistics.spearman(predicted, scores), np.abs(predicted - scores).mean()
    return f"forest: rank correlation {correlation:.2f}, error {error:.3g} on unseen configs"
