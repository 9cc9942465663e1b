"""Schedules: the configs that an agent is trained with, one after the other.

A `Schedule` is a config whose values may be lists, an entry per interval; its stretches are what is trained; a chain of
trials, each with the one before as its parent, trains them.
"""

import bisect
import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from arl.errors import InputError, first_line, unknown
from arl.records.lineage import lineage
from arl.records.store import TrialRecord
from arl.records.sweep import SweepRecord
from hpo.trial import Scalar, Trial
from hpo.tuners.given import Given

MOST_INTERVALS = 1000  # of a schedule that is written as lists


class Stretch(NamedTuple):
    """Training from one number of env steps to another under one config."""

    start: int
    end: int
    config: dict[str, Scalar]


def schedule_of(trials: SweepRecord | Iterable[Trial | TrialRecord], trial_id: int) -> list[Stretch]:
    """Return the schedule that trained a trial's agent: the stretches of its ancestors, the first one first, and its own.

    Neighbouring trials with equal configs are one stretch, since going on is the same as never having stopped. The schedule
    of a population's winner is what population-based training finds: train it again to judge it, on other seeds.

    Example:
        >>> sweep = hpo.sweep("ppo/CartPole-v1", "pbt", budget=8)
        >>> schedule_of(sweep, sweep.incumbent["trial"])

    Raises:
        InputError: no such trial.
    """
    by_id = _by_id(trials)
    if trial_id not in by_id:
        raise unknown("trial", str(trial_id), map(str, by_id))
    return _merged((trial.fidelity, trial.config) for trial in lineage(by_id[trial_id], by_id))


@dataclasses.dataclass(frozen=True)
class Schedule:
    """A config whose values may be lists, with an entry per interval; all intervals are of equal length.

    Example:
        >>> Schedule({"learning_rate": [1e-3, 3e-4, 1e-4], "gamma": 0.99}).config(1)
        {'learning_rate': 0.0003, 'gamma': 0.99}

    Raises:
        InputError: lists of unequal length, or an empty one.
    """

    values: Mapping[str, Scalar | Sequence[Scalar]]

    def __post_init__(self) -> None:
        lengths = {name: len(value) for name, value in self.values.items() if isinstance(value, list | tuple)}
        if len(set(lengths.values())) > 1 or 0 in lengths.values():
            given = ", ".join(f"{name} with {length}" for name, length in lengths.items())
            raise InputError(f"lists of a schedule must have an entry per interval, got {given}")
        for name, value in self.values.items():
            entries = value if isinstance(value, list | tuple) else [value]
            strays = [entry for entry in entries if not isinstance(entry, bool | int | float | str)]
            if strays:
                raise InputError(f"{name} of a schedule must be plain scalars or a list of them, got {strays[0]!r}")

    @property
    def num_intervals(self) -> int:
        """The number of intervals; 1 without a list."""
        return next((len(value) for value in self.values.values() if isinstance(value, list | tuple)), 1)

    @property
    def varying(self) -> dict[str, list[Scalar]]:
        """The lists by name."""
        return {name: list(value) for name, value in self.values.items() if isinstance(value, list | tuple)}

    def config(self, interval: int) -> dict[str, Scalar]:
        """Return the config of an interval, the first of which is 0."""
        return {
            name: value[interval] if isinstance(value, list | tuple) else value  # type: ignore[misc]
            for name, value in self.values.items()
        }

    def stretches(self, fidelity: int) -> list[Stretch]:
        """Return the stretches of a full run of `fidelity` env steps; neighbouring intervals with equal configs are one."""
        return _merged((end, self.config(i)) for i, end in enumerate(_ends(fidelity, self.num_intervals)))


def of_stretches(stretches: Sequence[Stretch]) -> Schedule:
    """Return the schedule of the fewest equal intervals that has these stretches; of one stretch its config.

    Raises:
        InputError: hyperparameters that are not in all configs, or stretches that end within every interval.
    """
    configs = [stretch.config for stretch in stretches]
    if any(config.keys() != configs[0].keys() for config in configs):
        raise InputError(
            "configs of a schedule must have the same hyperparameters, got some that are not always active"
        )
    ends, fidelity = [stretch.end for stretch in stretches], stretches[-1].end
    num = next((num for num in range(len(ends), MOST_INTERVALS + 1) if set(ends) <= set(_ends(fidelity, num))), None)
    if num is None:
        raise InputError(f"stretches must end where one of at most {MOST_INTERVALS} equal intervals does, got {ends}")
    intervals = [configs[bisect.bisect_left(ends, end)] for end in _ends(fidelity, num)]
    values = {name: [config[name] for config in intervals] for name in configs[0]}
    return Schedule({name: each if len(set(each)) > 1 else each[0] for name, each in values.items()})


def _ends(fidelity: int, num_intervals: int) -> list[int]:
    """Return the env steps at which equal intervals end."""
    return [fidelity * (i + 1) // num_intervals for i in range(num_intervals)]


def chain(stretches: Sequence[Stretch], first_id: int = 0) -> list[Trial]:
    """Return a trial per stretch, each with the one before as its parent, to be asked for one after the other."""
    return [
        Trial(first_id + i, stretch.config, stretch.end, first_id + i - 1 if i else None)
        for i, stretch in enumerate(stretches)
    ]


class Chain(Given):
    """Trains one schedule: a trial per stretch, each going on from the one before."""

    def __init__(self, fidelity: int, schedule: Mapping[str, Any]):
        super().__init__(chain(Schedule(schedule).stretches(fidelity)))


def read(path: Path) -> dict[str, Any]:
    """Return the values of a schedule in a JSON file.

    Raises:
        InputError: no such file, or no JSON object in it.
    """
    try:
        values = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"schedule {str(path)!r} can't be read: {first_line(error)}") from error
    if not isinstance(values, dict):
        raise InputError(f"schedule must be a JSON object of hyperparameters, got {str(path)!r} with another value")
    return values


def check_intervals(algorithm: Any, configs: Iterable[Any], fidelity: int, num_intervals: int) -> None:
    """Refuse intervals in which some config could not be trained at all.

    `configs`: of the algorithm; `fidelity`: env steps of all intervals together.

    Raises:
        InputError: no interval, or intervals shorter than an iteration.
    """
    if num_intervals < 1:
        raise InputError(f"num_intervals must be at least 1, got {num_intervals}")
    longest = max(algorithm.iteration_steps(algorithm.canonical(config)) for config in configs)
    if fidelity // num_intervals < longest:
        raise InputError(
            f"an interval must allow one iteration of {longest} env steps, "
            f"got {num_intervals} intervals in {fidelity} env steps"
        )


def _merged(ends: Iterable[tuple[int, Mapping[str, Scalar]]]) -> list[Stretch]:
    """Return a stretch for each pair of last env step and config; neighbours with equal configs become one stretch."""
    stretches: list[Stretch] = []
    for end, config in ends:
        start = stretches[-1].end if stretches else 0
        if stretches and stretches[-1].config == config:
            start = stretches.pop().start
        stretches.append(Stretch(start, end, dict(config)))
    return stretches


def _by_id(trials: SweepRecord | Iterable[Trial | TrialRecord]) -> Mapping[int, Trial | TrialRecord]:
    if isinstance(trials, SweepRecord):
        return trials.records
    return {trial.id if isinstance(trial, Trial) else trial.trial: trial for trial in trials}
