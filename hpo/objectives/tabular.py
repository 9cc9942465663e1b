"""The objective that trains nothing: results from a landscape, exact, from the nearest config, or from a surrogate.

Which of these a run comes from is in its provenance. All answer with the landscape's own seeds, so that a sweep on a table
sees the noise that a sweep on training sees. Between evaluation points a curve is interpolated linearly; below the first
there is nothing to answer with.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from arl import spaces
from arl.errors import InputError
from arl.records.store import COMPLETED, DIVERGED, FAILED, PointRecord, RunRecord, TrialRecord, dumps
from hpo import tasks
from hpo.results import result, trial_record
from hpo.tasks import Task
from hpo.trial import Result, Trial, TunerError
from landscapes import catalogue, surrogate
from landscapes.dataset import Landscape

MODES = ("table", "exact", "surrogate")


class Table:
    """Answers trials of a task from a landscape.

    `mode`: `exact` knows the recorded configs only; `table` answers others with the recorded config that is nearest in the
    space; `surrogate` answers all with a regression forest's mean curve and seed noise of the nearest configs.
    """

    def __init__(self, task: Task, seeds: Sequence[int], landscape: Landscape, mode: str = "table"):
        check_mode(mode)
        missing = [seed for seed in seeds if seed not in landscape.seeds]
        if missing:
            raise InputError(
                f"seeds must be among those of landscape {landscape.name}, {landscape.seeds}, got {missing[0]}"
            )
        if other := difference(landscape, task):
            raise InputError(f"landscape {landscape.name} must have {other}")
        self.task, self.seeds, self.mode = task, tuple(seeds), mode
        self.surrogate = surrogate.of_landscape(landscape)
        self.landscape = self.surrogate.landscape
        self.trials: dict[int, Trial] = {}
        self._steps, self._metrics = task.points(task.fidelity), self.landscape.metrics
        self._rows = [landscape.seeds.index(seed) for seed in seeds]
        self.min_fidelity = self._steps[0]

    def provenance(self) -> dict[str, Any]:
        """Where the answers come from."""
        return {"objective": self.mode, "landscape": self.landscape.name}

    def check(self) -> None:
        """Any task that fits the landscape can be answered."""

    def remember(self, trials: Sequence[Trial]) -> None:
        """Take note of trials whose results are known already, so that others can go on from them."""
        self.trials.update({trial.id: trial for trial in trials})

    def seeds_of(self, trial: Trial) -> tuple[int, ...]:
        """The seeds a trial runs under."""
        return self.seeds if trial.seeds is None else trial.seeds

    def costs(self) -> dict[str, float]:
        """Seconds spent by phase: nothing is trained."""
        return {"compile": 0.0, "train": 0.0}

    def evaluate(
        self, trials: Sequence[Trial], on_segment: Callable[[Any], None] = lambda report: None
    ) -> Iterator[TrialRecord]:
        """The trials' records.

        Raises:
            TunerError: a config that is not in an `exact` table; a fidelity below the first evaluation; a trial that goes on
                from another config's agent, as those of population-based tuners do.
        """
        low = next((trial for trial in trials if trial.fidelity < self.min_fidelity), None)
        if low is not None:
            raise TunerError(
                f"trial {low.id}: fidelity must be at least {self.min_fidelity}, where the landscape's curves begin, "
                f"got {low.fidelity}"
            )
        self.remember(trials)
        for trial, answer in zip(trials, self._answers([dict(trial.config) for trial in trials]), strict=True):
            yield self._record(trial, *answer)

    def __call__(self, trials: Sequence[Trial]) -> list[Result]:
        """Results in the order of the trials. A config may also be a row of `landscape.scores()`, NaN where inactive.

        Raises:
            InputError: a config that is not in the space; a fidelity, parent or seeds that there are not.
        """
        trials = [self._checked(trial) for trial in trials]
        return [result(trial, record) for trial, record in zip(trials, self.evaluate(trials), strict=True)]

    def _checked(self, trial: Trial) -> Trial:
        config = spaces.from_row(self.task.space, trial.config)
        spaces.check(self.task.space, config)
        if trial.fidelity > self.task.fidelity:
            raise InputError(f"fidelity must be at most {self.task.fidelity}, got {trial.fidelity}")
        stray = [seed for seed in trial.seeds or () if seed not in self.seeds]
        if stray:
            raise InputError(f"seeds must be among {self.seeds}, got {stray[0]}")
        return dataclasses.replace(trial, config=config)

    def numbers(self, configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """The numbers `(config,)` of the recorded configs that are nearest to these."""
        return np.array([self.surrogate.nearest(spaces.encode(self.task.space, config)) for config in configs])

    def scores(self, numbers: np.ndarray, point: int = -1) -> np.ndarray:
        """Mean scores over the seeds of recorded configs by number, `(config,)`, at an evaluation point."""
        return self._means[numbers, point]

    @cached_property
    def _values(self) -> np.ndarray:
        """What the table's own seeds recorded, `(config, seed, point, column)`; see `Landscape.values_under`."""
        return self.landscape.values_under(self.seeds)

    def _filled(self, about: Mapping[str, Any], row: int, env_steps: int) -> dict[str, bool]:
        """Whether points of a run up to some env steps were missing, and are means over the table's other seeds."""
        if about["source"] == "surrogate":
            return {}
        num_used = 1 + sum(steps < env_steps for steps in self._steps)
        return {"filled": True} if self.landscape.missing[about["config"], self._rows[row], :num_used].any() else {}

    @cached_property
    def _means(self) -> np.ndarray:
        returns = self._values[..., 1]
        return np.where(np.isnan(returns), self.task.return_range[0], returns).mean(axis=1)

    def _record(self, trial: Trial, source: str, number: int, values: np.ndarray) -> TrialRecord:
        start = self._start(trial)
        steps = self.task.points(trial.fidelity, start)
        about = {**self.provenance(), "source": source, "config": number}
        rows = {seed: self.seeds.index(seed) for seed in self.seeds_of(trial)}
        runs = [
            self._run(seed, {**about, **self._filled(about, row, steps[-1])}, steps, start, values[row])
            for seed, row in rows.items()
        ]
        return trial_record(trial, runs)

    def _run(self, seed: int, about: dict[str, Any], steps: Sequence[int], start: int, values: np.ndarray) -> RunRecord:
        """A run by its values `(point, column)`: env steps, then what a point holds."""
        worst = self.task.return_range[0]
        if np.isnan(values[-1, 0]):  # it could not be trained, and has no points
            return RunRecord(seed, FAILED, worst, 0, 0.0, about, [])
        rows = self._at(steps, values).tolist()
        points = [
            PointRecord(int(env_steps), mean, std, length, dict(zip(self._metrics, metrics, strict=False)))
            for env_steps, mean, std, length, *metrics in rows
        ]
        trained = points[-1].env_steps - (int(self._at((start,), values)[0, 0]) if start else 0)
        if math.isnan(points[-1].return_mean):
            return RunRecord(seed, DIVERGED, worst, trained, 0.0, about, points)
        return RunRecord(seed, COMPLETED, points[-1].return_mean, trained, 0.0, about, points)

    def _at(self, steps: Sequence[int], values: np.ndarray) -> np.ndarray:
        """The rows of `values` at some env steps, `(step, column)`.

        From what a run really trained, in whole iterations, to the steps it was asked for, it is the same agent.
        """
        if steps == self._steps:
            return values
        known = np.maximum.accumulate(np.stack([values[:, 0], self._steps], axis=1).ravel())
        places = np.interp(steps, known, np.repeat(np.arange(len(values)), 2))
        below, share = places.astype(int), (places % 1)[:, None]
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

    def _answers(self, configs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int, np.ndarray]]:
        """What each answer is, the number of the recorded config it rests on, and its values `(seed, point, column)`."""
        if self.mode == "surrogate":
            yield from self._guesses(configs)
            return
        for config in configs:
            number = self.surrogate.number_of(config)
            if number is not None:
                yield "exact", number, self._values[number]
            elif self.mode == "table":
                number = self.surrogate.nearest(spaces.encode(self.task.space, config))
                yield "nearest", number, self._values[number]
            else:
                num_configs = len(self.landscape.plain_configs)
                raise TunerError(
                    f"config {config} must be one of the {num_configs} of landscape {self.landscape.name}; "
                    "--objective table or surrogate answers others"
                )

    def _guesses(self, configs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, int, np.ndarray]]:
        encoded = np.array([spaces.encode(self.task.space, config) for config in configs])
        num_seeds = len(self.landscape.seeds)
        for row, predicted in zip(encoded, self.surrogate.forest.predict(encoded), strict=True):
            # Each seed's noise comes from another config: deviations from one mean would be each other's opposites.
            near = np.resize(self.surrogate.by_distance(row), num_seeds)
            noise = self.surrogate.noise[near, np.arange(num_seeds)]
            returns = np.clip(predicted + noise[self._rows], *self.task.return_range)
            steps, unknown = np.broadcast_to(self.landscape.steps, returns.shape), np.full_like(returns, np.nan)
            yield "surrogate", int(near[0]), np.stack([steps, returns, unknown, unknown], axis=-1)


def check_mode(mode: str) -> None:
    """Refuse what is no way in which a landscape answers."""
    if mode not in MODES:
        raise InputError(f"objective must be one of training, {', '.join(MODES)}, got {mode!r}")


def difference(landscape: Landscape, task: Task) -> str | None:
    """In what settings or space a landscape is not of the task as it is now: what it must have, and has; None if in none."""
    settings = landscape.metadata["settings"]
    for key, value in task.settings().items():
        if dumps(settings.get(key)) != dumps(value):
            return f"{key} {value!r}, got {settings.get(key)!r}"
    same_space = dumps(landscape.metadata["space"]) == dumps(task.space.to_serialized_dict())
    return None if same_space else "the space of the task as it is now, got another"


def objective(mode: str, landscape: Landscape | str, seeds: Sequence[int] | None = None) -> Table:
    """A landscape, or that of a name, as an objective: `objective("table", "ppo/CartPole-v1")(trials)` gives results."""
    landscape = catalogue.get(landscape) if isinstance(landscape, str) else landscape
    return Table(tasks.of_landscape(landscape), landscape.seeds if seeds is None else seeds, landscape, mode)
