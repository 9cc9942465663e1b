"""Observations: the measures of an agent's training that an environment shows.

An observation is `(entry,)`, float32 and finite: `progress`, the share of the run that is done; measures of the last
interval; then for each of these whether it exists (1) or not (0, and the measure is 0). Measures are mean and deviation of
the returns on the task's scale, where its worst return is 0 and its best 1, and, as sign(x) log(1 + |x|), the episode
length and the training metrics.
"""

import math
from collections.abc import Sequence

import gymnasium
import numpy as np

from arl.training.runner import Curve

_EVALUATION = ("return_mean", "return_std", "episode_length_mean")
_LIMIT = 100.0  # the logarithm of any float32 is below it


class Observer:
    """Makes observations of an algorithm's training.

    Args:
        metrics: names of the algorithm's training metrics.
        return_range: worst and best episode return.
    """

    def __init__(self, metrics: Sequence[str], return_range: tuple[float, float]):
        self.measures = (*_EVALUATION, *metrics)
        self.return_range = return_range

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the entries."""
        return ("progress", *self.measures, *(f"has_{name}" for name in self.measures))

    def space(self) -> gymnasium.spaces.Box:
        """Return the space of observations."""
        num = len(self.measures)
        low, high = [0.0] + [-_LIMIT] * num + [0.0] * num, [1.0] + [_LIMIT] * num + [1.0] * num
        return gymnasium.spaces.Box(np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32)

    def untrained(self) -> np.ndarray:
        """Return the observation `(entry,)` of an agent before its first interval."""
        return np.zeros(len(self.names), np.float32)

    def observe(self, progress: float, curve: Curve | None) -> np.ndarray:
        """Return the observation `(entry,)` after an interval; `curve` is None if the agent could not be trained."""
        raw = np.array([math.nan if curve is None else self._measure(curve, name) for name in self.measures])
        exists = np.isfinite(raw)
        values = np.clip(np.where(exists, raw, 0.0), -_LIMIT, _LIMIT)
        return np.concatenate([[progress], values, exists]).astype(np.float32)

    def _measure(self, curve: Curve, name: str) -> float:
        worst, best = self.return_range
        if name == "return_mean":
            return float(curve.return_mean[-1] - worst) / (best - worst)
        if name == "return_std":
            return float(curve.return_std[-1]) / (best - worst)
        value = curve.length_mean[-1] if name == "episode_length_mean" else curve.metrics[name][-1]
        return math.copysign(math.log1p(abs(float(value))), float(value))
