"""The interface of loggers: what a sweep trains, as it is recorded."""

import importlib
import math
from typing import Any

from arl import distribution
from arl.errors import InputError
from arl.records.settings import SweepSettings
from arl.records.store import PointRecord, RunRecord, TrialRecord
from arl.records.sweep import SweepRecord


class Logger:
    """Hears of what a sweep trains; this base class does nothing with it.

    A trial is heard of when it is on record: its points, run by run and in the order of env steps, then the trial. Trials
    that are read from the store, as a sweep goes on, are not heard of again.

    Args:
        sweep: the sweep's name.
        settings: what was asked for.
    """

    def __init__(self, sweep: str, settings: SweepSettings):
        self.sweep, self.settings = sweep, settings

    def on_point(self, trial: TrialRecord, run: RunRecord, point: PointRecord) -> None:
        """Hear of an evaluation of a run of a trial."""

    def on_trial(self, trial: TrialRecord) -> None:
        """Hear of a trial, after all its points."""

    def on_sweep(self, sweep: SweepRecord) -> None:
        """Hear that the sweep has ended; not where it was stopped."""


def values(run: RunRecord, point: PointRecord) -> dict[str, float]:
    """Return the finite numbers of an evaluation by name, such as `return/seed0`: its return and the training metrics."""
    numbers = {
        "return": point.return_mean,
        "return_std": point.return_std,
        "episode_length": point.episode_length_mean,
        **point.metrics,
    }
    return {f"{name}/seed{run.seed}": value for name, value in numbers.items() if math.isfinite(value)}


def required(package: str, extra: str) -> Any:
    """Return a package that an extra installs.

    Raises:
        InputError: it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        install = distribution.install(extra)
        raise InputError(f"logger {extra!r} needs the package {package!r}: {install}") from error
