"""Objectives: trials in, results out. They train, or answer from a landscape, or are the user's own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hpo.objectives.base import Objective, OnSegment, Progress
from hpo.objectives.registry import OBJECTIVES, ObjectiveLike, get, make, names, path
from hpo.tasks import Task

if TYPE_CHECKING:
    from landscapes.dataset import Landscape

__all__ = [
    "OBJECTIVES",
    "Objective",
    "ObjectiveLike",
    "OnSegment",
    "Progress",
    "get",
    "make",
    "names",
    "objective",
    "path",
]


def objective(
    kind: str | type[Objective],
    on: "str | Task | Landscape",
    seeds: Sequence[int] | None = None,
    batch: int = 64,
) -> Objective:
    """Return an objective that is called with trials and gives their results.

    Args:
        kind: a registered name, `module:Class`, `file.py:Class`, or a class.
        on: a task, a landscape, or the name of one of these.
        seeds: by default all available seeds, or seed 0 where any seed will do.
        batch: how many trials it is asked for at a time.

    Example:
        >>> hpo.objective("table", "ppo/CartPole-v1")([hpo.Trial(0, config, 100_000)])

    Raises:
        InputError: an unknown name, or seeds that can't be answered.
    """
    return get(kind).on(on, seeds, batch)
