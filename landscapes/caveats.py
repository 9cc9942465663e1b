"""Caveats of a landscape: what to keep in mind when its scores are analysed, a sentence each."""

from collections.abc import Iterator

import numpy as np


def of_scores(scores: np.ndarray) -> list[str]:
    """Return the caveats that follow from scores `(config, seed)`."""
    return [*_few_seeds(scores), *_many_alike(scores)]


def _few_seeds(scores: np.ndarray) -> Iterator[str]:
    if scores.shape[1] == 1:
        yield "1 seed: luck can't be told from what a config is worth, and scores have no standard deviation."


def _many_alike(scores: np.ndarray) -> Iterator[str]:
    """Yield a caveat if more than a quarter of the configs have the same score, as where only few learn anything."""
    means, counts = np.unique(scores.mean(axis=1), return_counts=True)
    most, score = int(counts.max()), means[counts.argmax()]
    num = int(counts.sum())
    if most == num > 1:
        yield f"All {num} configs score {score:g}: nothing tells them apart."
    elif most > max(1, num / 4):
        yield f"{most} of {num} configs score {score:g}: what tells configs apart rests on the other {num - most}."
