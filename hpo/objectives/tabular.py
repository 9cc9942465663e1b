"""Objectives that train nothing: results from a landscape, exact, from the nearest config, or from a surrogate.

Which of these a run comes from is in its outcome. A table answers under the landscape's own seeds, a surrogate under any,
with noise like theirs, so that a sweep on a landscape sees the noise that a sweep on training sees. Between evaluation points
a curve is interpolated linearly; trials below the first one can't be answered.
"""

import dataclasses
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from arl import spaces
from arl.errors import InputError
from arl.records.settings import TaskSettings
from arl.records.store import COMPLETED, DIVERGED, FAILED, Outcome, PointRecord, RunRecord, TrialRecord, dumps
from hpo import tasks
from hpo.objectives.base import Objective, OnSegment, ignore
from hpo.results import trial_record
from hpo.tasks import Task
from hpo.trial import Trial, TunerError
from landscapes import catalogue, surrogate
from landscapes.dataset import Landscape


class Answer(NamedTuple):
    """A landscape's answer to a config.

    Attributes:
        source: `exact`, `nearest` or `surrogate`.
        number: the recorded config that it is based on.
        values: `(seed, point, column)`; the columns are env steps, mean and deviation of returns, mean length, then metrics.
    """

    source: str
    number: int
    values: np.ndarray


class Tabular(Objective):
    """Answers trials of a task from a landscape, in the way that a subclass defines.

    `landscape`: the task's own by default.
    """

    instant: ClassVar[bool] = True

    def __init__(self, task: Task, seeds: Sequence[int], batch: int = 1, landscape: Landscape | None = None):
        super().__init__(task, seeds, batch)
        given = catalogue.get(task.landscape) if landscape is None else landscape
        answered = self.seeds_on(given)
        missing = [seed for seed in seeds if answered is not None and seed not in answered]
        if missing:
            raise InputError(f"seeds must be among those of landscape {given.name}, {answered}, got {missing[0]}")
        if other := difference(given, task):
            raise InputError(f"landscape {given.name} must have {other}")
        self.surrogate = surrogate.of_landscape(given)
        self.landscape = self.surrogate.landscape
        self.trials: dict[int, Trial] = {}
        self._steps, self._metrics = task.points(task.fidelity), self.landscape.metrics

    @classmethod
    def on(cls, subject: Any, seeds: Sequence[int] | None = None, batch: int = 1) -> "Tabular":
        """Return an objective on a landscape, or on the landscape of a task or of a name."""
        name = subject.landscape if isinstance(subject, Task) else subject
        landscape = catalogue.get(name) if isinstance(name, str) else name
        chosen = landscape.seeds if seeds is None else seeds
        return cls(tasks.of_landscape(landscape), chosen, batch, landscape)

    @classmethod
    def available_seeds(cls, task: Task) -> list[int] | None:
        """Return the seeds under which the task's landscape answers, or None if any seed will do."""
        return cls.seeds_on(catalogue.get(task.landscape))

    @classmethod
    def seeds_on(cls, landscape: Landscape) -> list[int] | None:
        """Return the seeds under which a landscape answers: those that it holds. None stands for any."""
        return landscape.seeds

    @property
    def version(self) -> str | None:
        """The version of the landscape's files."""
        return self.landscape.version

    @property
    def min_fidelity(self) -> int:
        """Env steps of the first evaluation."""
        return self._steps[0]

    def provenance(self) -> dict[str, Any]:
        """Return the label of the objective and the name of the landscape."""
        return {"objective": self.label, "landscape": self.landscape.name}

    def remember(self, trials: Sequence[Trial]) -> None:
        """Take note of trials that are already on record, so that others can go on from them."""
        self.trials.update({trial.id: trial for trial in trials})

    def costs(self) -> dict[str, float]:
        """Return the seconds spent by phase: nothing is trained."""
        return {"compile": 0.0, "train": 0.0}

    def fresh(self, seeds: Sequence[int] | None = None) -> "Tabular":
        """Return an objective on the same landscape that has seen no trial; `seeds`: by default those of this one."""
        return type(self)(self.task, self.seeds if seeds is None else seeds, self.batch, self.landscape)

    def evaluate(self, trials: Sequence[Trial], on_segment: OnSegment = ignore) -> Iterator[TrialRecord]:
        """Yield the records of the trials.

        Raises:
            TunerError: a config that the landscape does not answer; a fidelity below the first evaluation; a trial that goes
                on from another config's agent, as those of population-based tuners do.
        """
        low = next((trial for trial in trials if trial.fidelity < self.min_fidelity), None)
        if low is not None:
            raise TunerError(
                f"trial {low.id}: fidelity must be at least {self.min_fidelity}, where the landscape's curves begin, "
                f"got {low.fidelity}"
            )
        self.remember(trials)
        for trial, answer in zip(trials, self.answers([dict(trial.config) for trial in trials]), strict=True):
            yield self._record(trial, answer)

    @abstractmethod
    def answers(self, configs: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        """Yield the landscape's answer to each config."""

    def numbers(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return the numbers `(config,)` of the recorded configs that are nearest to these."""
        return np.array([self.surrogate.nearest(spaces.encode(self.task.space, config)) for config in configs])

    def scores(self, numbers: np.ndarray, point: int = -1) -> np.ndarray:
        """Return the mean scores over the seeds of recorded configs by number, `(config,)`, at an evaluation point."""
        return self._means[numbers, point]

    @cached_property
    def _values(self) -> np.ndarray:
        """The landscape's values under the seeds of this objective, `(config, seed, point, column)`."""
        return self.landscape.values_under(self.seeds)

    def _is_filled(self, answer: Answer, row: int, env_steps: int) -> bool:
        """Return whether the run lacks a point up to `env_steps`, in whose place stands the mean of the other seeds."""
        if answer.source == "surrogate":
            return False
        num_used = 1 + sum(steps < env_steps for steps in self._steps)
        recorded = self.landscape.seeds.index(self.seeds[row])
        return bool(self.landscape.missing[answer.number, recorded, :num_used].any())

    @cached_property
    def _means(self) -> np.ndarray:
        returns = self._values[..., 1]
        return np.where(np.isnan(returns), self.task.return_range[0], returns).mean(axis=1)

    def _record(self, trial: Trial, answer: Answer) -> TrialRecord:
        start = self._start(trial)
        steps = self.task.points(trial.fidelity, start)
        rows = {seed: self.seeds.index(seed) for seed in self.seeds_of(trial)}
        runs = [
            self._run(
                seed,
                Outcome(source=answer.source, config=answer.number, filled=self._is_filled(answer, row, steps[-1])),
                steps,
                start,
                answer.values[row],
            )
            for seed, row in rows.items()
        ]
        return trial_record(trial, runs)

    def _run(self, seed: int, outcome: Outcome, steps: Sequence[int], start: int, values: np.ndarray) -> RunRecord:
        """Return the record of a run, from its values `(point, column)` at the landscape's evaluation points."""
        worst, provenance = self.task.return_range[0], self.provenance()
        if np.isnan(values[-1, 0]):  # it could not be trained, and has no points
            return RunRecord(seed, FAILED, worst, 0, 0.0, provenance, [], outcome)
        rows = self._at(steps, values).tolist()
        points = [
            PointRecord(int(env_steps), mean, std, length, dict(zip(self._metrics, metrics, strict=False)))
            for env_steps, mean, std, length, *metrics in rows
        ]
        trained = points[-1].env_steps - (int(self._at((start,), values)[0, 0]) if start else 0)
        diverged = math.isnan(points[-1].return_mean)
        status, score = (DIVERGED, worst) if diverged else (COMPLETED, points[-1].return_mean)
        return RunRecord(seed, status, score, trained, 0.0, provenance, points, outcome)

    def _at(self, steps: Sequence[int], values: np.ndarray) -> np.ndarray:
        """Return the rows of `values` at some env steps, `(step, column)`.

        A run trains whole iterations: up to a few env steps fewer than were planned for a point, and from there to the
        planned ones it is the same agent. Of a run that trained 90 and 190 env steps where 100 and 200 were planned, the
        env steps 90 to 100 are row 0, 190 to 200 row 1, and 145, halfway from 100 to 190, is the mean of both rows.
        """
        if steps == self._steps:
            return values
        # Env steps 90, 100, 190, 200 are at the row numbers 0, 0, 1, 1; what lies between, in proportion.
        ends = np.maximum.accumulate(np.stack([values[:, 0], self._steps], axis=1).ravel())
        row_numbers = np.interp(steps, ends, np.repeat(np.arange(len(values)), 2))
        below, share = row_numbers.astype(int), (row_numbers % 1)[:, None]
        above = np.minimum(below + 1, len(values) - 1)
        rows = np.where(share == 0, values[below], (1 - share) * values[below] + share * values[above])
        rows[:, 0] = np.where(share[:, 0] == 0, rows[:, 0], steps)
        return rows

    def _start(self, trial: Trial) -> int:
        if trial.parent is None:
            return 0
        parent = self.trials.get(trial.parent)
        if parent is None:
            raise TunerError(f"trial {trial.id}: parent must be a trial that was asked for before, got {trial.parent}")
        if dict(parent.config) != dict(trial.config):
            raise TunerError(
                f"trial {trial.id} goes on from trial {parent.id} with another config: a table can't answer that, "
                "train with --objective training"
            )
        return parent.fidelity

    def _exact(self, config: Mapping[str, Any]) -> Answer | None:
        """Return what is recorded of a config, or None if the landscape does not hold it."""
        number = self.surrogate.number_of(config)
        return None if number is None else Answer("exact", number, self._values[number])


class Exact(Tabular):
    """Answers the configs of a landscape, and no others."""

    label: ClassVar[str] = "exact"
    sources: ClassVar[frozenset[str]] = frozenset({"exact"})

    def answers(self, configs: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        """Yield what is recorded of each config.

        Raises:
            TunerError: a config that is not among the landscape's.
        """
        for config in configs:
            answer = self._exact(config)
            if answer is None:
                raise TunerError(
                    f"config {config} must be one of the {len(self.landscape.plain_configs)} of landscape "
                    f"{self.landscape.name}; --objective table or surrogate answers others"
                )
            yield answer


class Pool(Exact):
    """Answers each config of a landscape once: what a tuner asks for becomes the nearest one that was not taken before.

    A config that the landscape holds stays as it is, and one that is asked for again becomes the same as before.
    """

    label: ClassVar[str] = "pool"

    def __init__(self, task: Task, seeds: Sequence[int], batch: int = 1, landscape: Landscape | None = None):
        super().__init__(task, seeds, batch, landscape)
        self._taken: dict[str, int] = {}

    def admit(self, trials: Sequence[Trial]) -> list[Trial]:
        """Return the trials with recorded configs, up to the first for which none is free."""
        admitted = []
        for trial in trials:
            number = self._take(trial.config)
            if number is None:
                break
            admitted.append(dataclasses.replace(trial, config=self.landscape.config(number)))
        return admitted

    def _take(self, config: Mapping[str, Any]) -> int | None:
        """Return the number of the recorded config that a config becomes, from now on; None if all are taken."""
        key = surrogate.key(config)
        if key not in self._taken:
            recorded = self.surrogate.number_of(config)
            number = self._nearest_free(config) if recorded is None else recorded
            if number is None:
                return None
            self._taken[key] = number
        return self._taken[key]

    def _nearest_free(self, config: Mapping[str, Any]) -> int | None:
        order = self.surrogate.by_distance(spaces.encode(self.task.space, config)).tolist()
        taken = set(self._taken.values())
        return next((number for number in order if number not in taken), None)


class Table(Tabular):
    """Answers any config with the nearest one that a landscape holds."""

    label: ClassVar[str] = "table"
    sources: ClassVar[frozenset[str]] = frozenset({"exact", "nearest"})

    def answers(self, configs: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        """Yield what is recorded of each config, or of the nearest one."""
        for config in configs:
            yield self._exact(config) or self._nearest(config)

    def _nearest(self, config: Mapping[str, Any]) -> Answer:
        number = self.surrogate.nearest(spaces.encode(self.task.space, config))
        return Answer("nearest", number, self._values[number])


class Surrogate(Tabular):
    """Answers any config under any seed with a predicted mean curve and noise like that of the recorded runs."""

    label: ClassVar[str] = "surrogate"
    sources: ClassVar[frozenset[str]] = frozenset({"surrogate"})

    @classmethod
    def seeds_on(cls, landscape: Landscape) -> list[int] | None:
        """Return None, for any seed; of a single recorded seed, that one, since it does not tell how far seeds differ."""
        return None if len(landscape.seeds) > 1 else landscape.seeds

    @property
    def version(self) -> str:
        """The version of the landscape's files, and of what predicts from them."""
        return f"{self.landscape.version}, {surrogate.VERSION}"

    def answers(self, configs: Sequence[Mapping[str, Any]]) -> Iterator[Answer]:
        """Yield predictions; deviations, lengths and metrics are NaN."""
        for config in configs:
            returns = self.surrogate.curves(config, self.seeds)
            steps, unknown = np.broadcast_to(self.landscape.steps, returns.shape), np.full_like(returns, np.nan)
            values = np.stack([steps, returns, unknown, unknown], axis=-1)
            yield Answer("surrogate", int(self.surrogate.neighbours(config)[0]), values)


def difference(landscape: Landscape, task: Task) -> str | None:
    """Return the first setting in which a landscape and its present task differ, as text for an error; None if none does."""
    if dumps(landscape.metadata["space"]) != dumps(task.space.to_serialized_dict()):
        return "the space of the task as it is now, got another"
    recorded = landscape.settings.to_json()
    now = TaskSettings.from_json(task.settings().to_json()).to_json()  # as it would be read back
    for name, value in now.items():
        if dumps(recorded[name]) != dumps(value):
            return f"{name} {value!r}, got {recorded[name]!r}"
    return None
