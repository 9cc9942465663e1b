"""Scores of a landscape's runs and configs, as a sweep on it gives them: `final`, `auc`, and the others of returns."""

import numpy as np

from arl import scores
from arl.errors import InputError, unknown
from arl.scores import History, Score
from landscapes.dataset import Landscape


def of_runs(landscape: Landscape, score: str = "final", point: int = -1) -> np.ndarray:
    """Return the scores of all runs `(config, seed)`, had they ended at an evaluation point.

    A run that has diverged by then, or failed, has the worst return.

    Raises:
        InputError: an unknown score, one of something else than returns, or one of more seeds than there are.
    """
    measure = _measure(landscape, score)
    num_used = landscape.returns[0, 0, : point + 1 or None].size
    returns, steps = landscape.returns[..., :num_used], _env_steps(landscape)[..., :num_used]
    values = np.full(returns.shape[:2], landscape.return_range[0])
    for run in zip(*np.nonzero(np.isfinite(returns).all(axis=-1)), strict=True):
        values[run] = measure.of_run(History(steps[run], returns[run], np.nan, 0))
    return values


def of_configs(landscape: Landscape, score: str = "final", point: int = -1) -> np.ndarray:
    """Return the scores of all configs over the seeds, `(config,)`, had their runs ended at an evaluation point.

    Raises:
        InputError: as of `of_runs`.
    """
    return over_seeds(of_runs(landscape, score, point), score)


def over_seeds(values: np.ndarray, score: str) -> np.ndarray:
    """Return the scores of configs from those of their runs under each seed, the last axis."""
    of_seeds = scores.SCORES[score].of_seeds
    return values.mean(axis=-1) if of_seeds is np.mean else np.apply_along_axis(of_seeds, -1, values)


def _measure(landscape: Landscape, score: str) -> Score:
    if score not in scores.SCORES:
        raise unknown("score", score, scores.SCORES)
    if scores.SCORES[score].worst is not None:
        raise InputError(f"score of a landscape must be one of returns, got {score!r}")
    scores.check_seeds([score], len(landscape.seeds))
    return scores.SCORES[score]


def _env_steps(landscape: Landscape) -> np.ndarray:
    """Return the env steps of all evaluations `(config, seed, point)`; the landscape's where a run lacks one."""
    reached = landscape.values[..., 0]
    return np.where(np.isnan(reached), landscape.steps, reached)
