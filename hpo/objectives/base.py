"""The interface of objectives: trials of one task in, their records out, by training or otherwise.

A user's objective is a class that derives from `Objective` and defines `evaluate`, given to the command line as
`module:Class` or `file.py:Class`, and to `hpo.sweep` also as the class or an instance of it. `hpo.testing.check_objective`
tells whether it keeps the contract.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Protocol

from arl import spaces
from arl.errors import InputError
from arl.records.store import TrialRecord
from hpo import tasks
from hpo.results import result
from hpo.tasks import Task
from hpo.trial import Result, Trial


class Progress(Protocol):
    """How far an objective is with the trials at hand."""

    @property
    def env_steps(self) -> int:
        """Env steps trained so far, over all trials."""
        ...

    @property
    def words(self) -> str:
        """What else there is to say of the workers; empty for nothing."""
        ...

    @property
    def details(self) -> Sequence[str]:
        """What there is to say of each of them in the end, a line each."""
        ...


OnSegment = Callable[[Progress], None]


def ignore(progress: Progress) -> None:
    """Do nothing; the default of `on_segment`."""


class Objective(Protocol):
    """Answers trials of one task under some seeds.

    Class attributes:
        label: part of the default name of a sweep; empty for none.
        instant: whether answers take no time; they are then recorded a batch at a time instead of one by one.
        shares_runs: whether a run is the same to the last bit whichever sweep of a process asks for it, given its config,
            fidelity, seed and `provenance()`.
        sources: the values that `outcome.source` of its runs may have; empty where every run is measured. Scores that
            need a measured run are refused otherwise, see `hpo.scores.check_sources`.

    Attributes:
        task: the task whose trials are answered.
        seeds: the seeds of a trial that names none.
        batch: how many trials are asked for at a time.
    """

    label: ClassVar[str] = ""
    instant: ClassVar[bool] = False
    shares_runs: ClassVar[bool] = False
    sources: ClassVar[frozenset[str]] = frozenset()

    task: Task
    seeds: tuple[int, ...]
    batch: int

    def __init__(self, task: Task, seeds: Sequence[int], batch: int = 1):
        self.task, self.seeds, self.batch = task, tuple(seeds), batch

    @classmethod
    def check_task(cls, task: Task) -> None:
        """Refuse a task that can't be answered, before anything is made.

        Raises:
            InputError: the task can't be answered; the line says why.
        """
        return

    @classmethod
    def available_seeds(cls, task: Task) -> list[int] | None:
        """Return the seeds under which a task can be answered, or None if any seed will do."""
        return None

    @classmethod
    def on(cls, subject: Any, seeds: Sequence[int] | None = None, batch: int = 1) -> "Objective":
        """Return an objective on a task or a landscape, which may be given by name.

        Args:
            subject: a task, a landscape, or the name of one of these.
            seeds: by default all available seeds, or seed 0 where any seed will do.
            batch: how many trials it is asked for at a time.
        """
        task = tasks.get(subject) if isinstance(subject, str) else subject
        available = cls.available_seeds(task)
        return cls(task, seeds if seeds is not None else available if available is not None else [0], batch)

    @property
    def version(self) -> str | None:
        """The version of the data that answers, None without such data; a sweep goes on with the same version only."""
        return None

    @property
    def min_fidelity(self) -> int:
        """The fewest env steps at which every config of the space can be answered."""
        return 1

    @property
    def mutable(self) -> frozenset[str]:
        """The tuned hyperparameters in which a trial may differ from its parent."""
        return frozenset()

    def check(self) -> None:
        """Refuse a task on which every trial would fail, whatever a tuner asks for.

        Raises:
            InputError: no trial of the task could succeed; the line says why.
        """
        return

    def evaluate(self, trials: Sequence[Trial], on_segment: OnSegment = ignore) -> Iterator[TrialRecord]:
        """Yield the record of each trial as soon as it is finished, in any order.

        A trial that can't be answered fails, which is a result: its status is `failed`, its score the worst return.

        Args:
            trials: checked against the space, the fidelity, the seeds and their parents.
            on_segment: called now and then, from any thread.

        Raises:
            TunerError: a trial that a tuner must not ask of this objective.
        """
        ...

    def admit(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the trials that are evaluated and recorded in the place of those that a tuner asks for, in their order.

        They are the same, unless an objective has certain configs only; fewer, if it has no more of these.
        """
        return list(trials)

    def remember(self, trials: Sequence[Trial]) -> None:
        """Take note of trials that are already on record, so that others can go on from them."""

    def seeds_of(self, trial: Trial) -> tuple[int, ...]:
        """Return the seeds that a trial runs under."""
        return self.seeds if trial.seeds is None else tuple(trial.seeds)

    def costs(self) -> dict[str, float]:
        """Return the seconds spent so far, by phase."""
        return {}

    def provenance(self) -> dict[str, Any]:
        """Return the provenance of a run beyond the sweep's versions and device, as JSON values."""
        return {}

    def fresh(self, seeds: Sequence[int] | None = None) -> "Objective":
        """Return an objective of the same task and batch for another sweep, which has seen no trial.

        What is costly and never changes, such as compiled programs, may be shared.

        `seeds`: by default those of this objective.
        """
        return type(self)(self.task, self.seeds if seeds is None else seeds, self.batch)

    def __call__(self, trials: Sequence[Trial]) -> list[Result]:
        """Return results in the order of the trials that are admitted. A config may also be a row of a DataFrame, NaN where
        inactive.

        Raises:
            InputError: a config that is not in the space, or a fidelity, parent or seeds that can't be answered.
        """
        checked = self.admit([self._checked(trial) for trial in trials])
        records = {record.trial: record for record in self.evaluate(checked)}
        return [result(trial, records[trial.id]) for trial in checked]

    def _checked(self, trial: Trial) -> Trial:
        config = spaces.from_row(self.task.space, trial.config)
        spaces.check(self.task.space, config)
        if trial.fidelity > self.task.fidelity:
            raise InputError(f"fidelity must be at most {self.task.fidelity}, got {trial.fidelity}")
        strays = [seed for seed in trial.seeds or () if seed not in self.seeds]
        if strays:
            raise InputError(f"seeds must be among {self.seeds}, got {strays[0]}")
        return dataclasses.replace(trial, config=config)
