"""Loggers by name: those of the package, each with an extra that installs its library, and the user's own."""

from collections.abc import Sequence
from typing import Any

from arl.errors import InputError, cause, load_object, object_path, unknown
from arl.records.settings import SweepSettings
from arl.records.store import TrialRecord
from arl.records.sweep import SweepRecord
from hpo.loggers.base import Logger

__all__ = ["LOGGERS", "Logger", "LoggerLike", "log", "log_sweep", "log_trial", "make"]

LOGGERS: dict[str, str] = {
    "tensorboard": "hpo.loggers.tensorboard:TensorBoard",
    "wandb": "hpo.loggers.wandb:WandB",
    "mlflow": "hpo.loggers.mlflow:MLflow",
}

# A registered name, `module:Class` or `file.py:Class`, or a class.
LoggerLike = str | type[Logger]


def make(loggers: LoggerLike | Sequence[LoggerLike], sweep: str, settings: SweepSettings) -> list[Logger]:
    """Return the loggers of a sweep.

    Raises:
        InputError: an unknown name or one twice, a class that does not import or is no logger, or a library that is not
            installed.
    """
    several = [loggers] if isinstance(loggers, str | type) else list(loggers)
    twice = next((logger for logger in several if several.count(logger) > 1), None)
    if twice is not None:
        raise InputError(f"loggers must differ, got {twice!r} twice")
    return [_made(logger, sweep, settings) for logger in several]


def _made(logger: LoggerLike, sweep: str, settings: SweepSettings) -> Logger:
    cls, name = _load(logger), logger if isinstance(logger, str) else object_path(logger)
    if not (isinstance(cls, type) and issubclass(cls, Logger)):
        raise InputError(f"logger {name!r} must be a class that derives from hpo.Logger, got {cls!r}")
    return _heard(cls, name, sweep, settings)


def _load(logger: LoggerLike) -> Any:
    if not isinstance(logger, str):
        return logger
    if ":" not in logger and logger not in LOGGERS:
        raise unknown("logger", logger, LOGGERS)
    return load_object(LOGGERS.get(logger, logger), "logger")


def log_trial(loggers: Sequence[Logger], trial: TrialRecord) -> None:
    """Tell loggers of the points of a trial, and of the trial.

    Raises:
        InputError: one of them fails.
    """
    for logger in loggers:
        for run in trial.runs:
            for point in run.points:
                _heard(logger.on_point, _name(logger), trial, run, point)
        _heard(logger.on_trial, _name(logger), trial)


def log_sweep(loggers: Sequence[Logger], sweep: SweepRecord) -> None:
    """Tell loggers that a sweep has ended.

    Raises:
        InputError: one of them fails.
    """
    for logger in loggers:
        _heard(logger.on_sweep, _name(logger), sweep)


def log(sweep: SweepRecord, loggers: LoggerLike | Sequence[LoggerLike]) -> None:
    """Tell loggers of a whole sweep that is on record.

    Example:
        >>> hpo.log(hpo.load_sweep("first"), "tensorboard")

    Raises:
        InputError: as `make`, or a logger that fails.
    """
    made = make(loggers, sweep.name, sweep.settings)
    for trial in sweep.records.values():
        log_trial(made, trial)
    log_sweep(made, sweep)


def _name(logger: Logger) -> str:
    return object_path(type(logger))


def _heard(call: Any, name: str, *arguments: Any) -> Any:
    """Return what a call of a logger returns; whatever it raises becomes one line, with the place that it comes from."""
    try:
        return call(*arguments)
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        raise InputError(f"logger {name!r} failed in {call.__name__}: {cause(error)}") from error
