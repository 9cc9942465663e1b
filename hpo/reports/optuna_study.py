"""A sweep as an Optuna study: for its dashboard, its plots, its measures of importance.

A trial keeps its score, active hyperparameters with their distributions, the learning curve of its agent as intermediate
values by env steps, and the rest as user attributes. A trial that diverged has its score, the worst; one that could not be
trained has failed. Of a sweep with several scores the study has as many objectives. All are maximised.
"""

import contextlib
import datetime
import math
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ConfigSpace import ConfigurationSpace

from arl import spaces
from arl.errors import InputError, first_line
from arl.records.ranking import curve
from arl.records.store import TrialRecord
from arl.records.sweep import SweepRecord
from hpo import scores, tasks

if TYPE_CHECKING:
    import optuna


def export(record: SweepRecord, path: str | Path) -> Path:
    """Add a sweep to the studies in an SQLite file, new or Optuna's, under the sweep's name.

    Raises:
        InputError: a file that is not Optuna's, or that has a study of this name.
    """
    import optuna
    from optuna.storages import RDBStorage

    path = Path(path)
    _check(path)
    space = tasks.of_record(record.settings.task, record.space).space
    trials = [_trial(record, trial, space) for trial in record.records.values()]
    path.parent.mkdir(parents=True, exist_ok=True)
    with _quiet():
        try:
            study = optuna.create_study(
                storage=RDBStorage(f"sqlite:///{path}"),
                study_name=record.name,
                directions=["maximize"] * len(record.scores),
            )
        except optuna.exceptions.DuplicatedStudyError as error:
            raise InputError(f"study {record.name!r} is in {str(path)!r} already: choose another file") from error
        study.set_metric_names(list(record.scores))
        settings = record.settings.to_json()
        for name in ("task", "tuner", "tuner_seed", "seeds", "fixed", "fidelity"):
            study.set_user_attr(name, settings[name])
        study.add_trials(trials)
    return path


def _check(path: Path) -> None:
    """Refuse an existing file that is not Optuna's: Optuna would add its tables to any database."""
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    except sqlite3.Error as error:
        raise InputError(f"{str(path)!r} must be a new file or an Optuna storage: {first_line(error)}") from error
    if not {"studies", "version_info"} <= tables:
        raise InputError(f"{str(path)!r} must be a new file or an Optuna storage, got other tables than Optuna's")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence Optuna's log of new studies and its warnings of experimental features, for the time of a `with` block."""
    import optuna

    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            yield
    finally:
        optuna.logging.set_verbosity(verbosity)


def _trial(record: SweepRecord, trial: TrialRecord, space: ConfigurationSpace) -> "optuna.trial.FrozenTrial":
    import optuna
    from optuna.trial import TrialState

    failed = trial.status == "failed"
    values = [] if failed else _values(record, trial)
    made = optuna.trial.create_trial(
        state=TrialState.FAIL if failed else TrialState.COMPLETE,
        values=values or None,
        params=dict(trial.config),
        distributions={name: spaces.to_optuna(space[name]) for name in trial.config},
        intermediate_values=_curve(record, trial) if len(values) == 1 else {},  # of several, Optuna allows none
        user_attrs=_attributes(trial),
    )
    made.datetime_complete = datetime.datetime.fromisoformat(trial.finished_at).astimezone().replace(tzinfo=None)
    seconds = sum(run.seconds for run in trial.runs)
    made.datetime_start = made.datetime_complete - datetime.timedelta(seconds=seconds)
    return made


def _values(record: SweepRecord, trial: TrialRecord) -> list[float]:
    """Return the trial's score, then the other scores of its sweep."""
    others = scores.several(trial, record.scores[1:], record.settings.task, record.records)
    return [trial.score, *others.values()]


def _curve(record: SweepRecord, trial: TrialRecord) -> dict[int, float]:
    """Return the mean return over the seeds by env steps, up to where a seed diverged."""
    by_step: dict[int, list[float]] = {}
    for run in trial.runs:
        for steps, value in curve(trial, run.seed, record.records):
            by_step.setdefault(steps, []).append(value)
    means = {steps: sum(values) / len(values) for steps, values in sorted(by_step.items())}
    return {steps: mean for steps, mean in means.items() if math.isfinite(mean)}


def _attributes(trial: TrialRecord) -> dict[str, Any]:
    """Return what Optuna has no field for, as JSON-ready values."""
    return {
        "trial": trial.trial,
        "status": trial.status,
        "fidelity": trial.fidelity,
        "parent": trial.parent,
        "env_steps": sum(run.env_steps for run in trial.runs),
        "seconds": sum(run.seconds for run in trial.runs),
        "seed_scores": {str(run.seed): run.score for run in trial.runs},
        **({"error": trial.error} if trial.error is not None else {}),
    }
