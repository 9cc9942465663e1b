"""Caveats of a landscape: what to keep in mind when its scores are analysed, a sentence each."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from landscapes.dataset import Landscape


def of_landscape(landscape: "Landscape") -> list[str]:
    """Return the caveats that follow from the scores, then those that were recorded when the landscape was built."""
    return [*_few_seeds(landscape), *_many_alike(landscape), *landscape.metadata.get("caveats", [])]


def _few_seeds(landscape: "Landscape") -> Iterator[str]:
    if len(landscape.seeds) == 1:
        yield "1 seed: luck can't be told from what a config is worth, and scores have no standard deviation."


def _many_alike(landscape: "Landscape") -> Iterator[str]:
    """Yield a caveat if more than a quarter of the configs have the same score, as where only few learn anything."""
    scores, counts = np.unique(landscape.cube[:, :, -1].mean(axis=1), return_counts=True)
    most, score = int(counts.max()), scores[counts.argmax()]
    num = int(counts.sum())
    if most == num > 1:
        yield f"All {num} configs score {score:g}: nothing tells them apart."
    elif most > max(1, num / 4):
        yield f"{most} of {num} configs score {score:g}: what tells configs apart rests on the other {num - most}."
