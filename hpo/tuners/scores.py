"""Scores that a model can be fitted to."""

import math
from collections.abc import Sequence

from hpo.trial import Result


def usable(result: Result) -> bool:
    """Whether a result has a score; one that failed, or whose score is NaN or infinite, has none."""
    return result.status != "failed" and math.isfinite(result.score)


def worst(results: Sequence[Result], before: float | None = None) -> float | None:
    """The lowest usable score, also of those `before`; None as long as there is none."""
    known = [result.score for result in results if usable(result)]
    return min([*known, *([before] if before is not None else [])], default=None)
