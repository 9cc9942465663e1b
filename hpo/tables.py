"""The objective that trains nothing: results from a landscape, exactly, from the nearest config, or from a surrogate.

Which of these a result comes from is in its runs' provenance. All answer with the landscape's own seeds, so that a sweep
on a table sees the noise that a sweep on training sees. Between evaluation points a curve is interpolated linearly; before
the first it is the first.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from envs.errors import InputError
from hpo import spaces
from hpo.tasks import Task
from hpo.trial import Result, Trial
from landscapes.dataset import Landscape
from landscapes.store import PointRecord, RunRecord, TrialRecord, dumps

MODES = ("table", "nearest", "surrogate")


class Table:
    """Answers trials of a task from a landscape.

    `mode`: `table` knows the recorded configs only; `nearest` answers with the recorded config that is nearest in the
    space; `surrogate` with a regression forest's mean curve and the deviations of the nearest config's seeds from theirs.
    """

    def __init__(self, task: Task, seeds: Sequence[int], landscape: Landscape, mode: str = "table"):
        if mode not in MODES:
            raise InputError(f"objective must be one of training, {', '.join(MODES)}, got {mode!r}")
        missing = [seed for seed in seeds if seed not in landscape.seeds]
        if missing:
            raise InputError(f"seeds must be among the landscape's {landscape.seeds}, got {missing[0]}")
        settings = landscape.about["settings"]
        for key, value in task.settings().items():
            if dumps(settings[key]) != dumps(value):
                raise InputError(f"landscape {landscape.name} must have {key} {value!r}, got {settings[key]!r}")
        self.task, self.seeds, self.landscape, self.mode = task, tuple(seeds), landscape, mode
        self.trials: dict[int, Trial] = {}
        self._rows = [landscape.seeds.index(seed) for seed in seeds]
        self._steps = np.array(task.points(task.fidelity), float)

    runner = None

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
            InputError: a config that is not in the table, or one that goes on from another config's agent.
        """
        self.remember(trials)
        for trial in trials:
            yield self._record(trial)

    def __call__(self, trials: Sequence[Trial]) -> list[Result]:
        """Results in the order of the trials."""
        from hpo.objectives import result

        return [result(trial, record) for trial, record in zip(trials, self.evaluate(trials), strict=True)]

    def scores(self, configs: np.ndarray, point: int = -1) -> np.ndarray:
        """Mean scores over the seeds of recorded configs by number, `(config,)`, at an evaluation point."""
        return self._means[configs, point]

    @cached_property
    def _means(self) -> np.ndarray:
        return self.landscape.cube[:, self._rows].mean(axis=1)

    def _record(self, trial: Trial) -> TrialRecord:
        start = self._start(trial)
        steps = np.array(self.task.points(trial.fidelity, start), float)
        returns = self._curves(dict(trial.config))
        interpolated = np.array([np.interp(steps, self._steps, curve) for curve in returns])
        seeds = self.seeds_of(trial)
        runs = [
            self._run(seed, steps, interpolated[self.seeds.index(seed)], int(trial.fidelity - start)) for seed in seeds
        ]
        status = "diverged" if any(run.status == "diverged" for run in runs) else "completed"
        score = float(np.mean([run.score for run in runs]))
        return TrialRecord(trial.id, dict(trial.config), trial.fidelity, trial.parent, seeds, status, score, runs)

    def _run(self, seed: int, steps: np.ndarray, returns: np.ndarray, trained: int) -> RunRecord:
        nan, diverged = float("nan"), bool(np.isnan(returns[-1]))
        points = [
            PointRecord(int(step), float(value), nan, nan, {}) for step, value in zip(steps, returns, strict=True)
        ]
        score = self.task.return_range[0] if diverged else points[-1].return_mean
        status = "diverged" if diverged else "completed"
        return RunRecord(seed, status, score, trained, 0.0, self.provenance(), points)

    def _start(self, trial: Trial) -> int:
        if trial.parent is None:
            return 0
        parent = self.trials[trial.parent]
        if dict(parent.config) != dict(trial.config):
            raise InputError(
                f"trial {trial.id} goes on from trial {parent.id} with another config: a table can't answer that, "
                "train with --objective training"
            )
        return parent.fidelity

    def _curves(self, config: dict[str, Any]) -> np.ndarray:
        """Returns `(seed, point)` of a config."""
        if self.mode == "table":
            return self.landscape.returns[self._exact(config), self._rows]
        encoded = spaces.encode(self.task.space, config)
        nearest = int(np.argmin(np.abs(self._encoded - encoded).sum(axis=1)))
        if self.mode == "nearest":
            return self.landscape.returns[nearest, self._rows]
        deviations = self.landscape.cube[nearest, self._rows] - self._means[nearest]
        return np.clip(self._forest.predict(encoded[None])[0] + deviations, *self.task.return_range)

    def _exact(self, config: dict[str, Any]) -> int:
        key = dumps(config)
        if key not in self._numbers:
            raise InputError(
                f"config {config} must be one of the {len(self._numbers)} of landscape {self.landscape.name}; "
                "--objective nearest or surrogate answers others"
            )
        return self._numbers[key]

    @cached_property
    def configs(self) -> list[dict[str, Any]]:
        """The recorded configs as plain scalars, by number."""
        return recorded_configs(self.landscape)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {dumps(config): i for i, config in enumerate(self.configs)}

    @cached_property
    def _encoded(self) -> np.ndarray:
        return np.array([spaces.encode(self.task.space, config) for config in self.configs])

    @cached_property
    def _forest(self) -> Any:
        return forest().fit(self._encoded, self._means)

    def cross_validated(self, folds: int = 5) -> dict[str, float]:
        """How well the surrogate predicts configs it has not seen: Spearman correlation and mean absolute error."""
        import pandas as pd
        from sklearn.model_selection import cross_val_predict

        predicted, known = cross_val_predict(forest(), self._encoded, self._means, cv=folds)[:, -1], self._means[:, -1]
        correlation = pd.Series(predicted).corr(pd.Series(known), method="spearman")
        return {"spearman": float(correlation), "mean_absolute_error": float(np.abs(predicted - known).mean())}


def objective(mode: str, landscape: Landscape, seeds: Sequence[int] | None = None) -> Table:
    """A landscape as an objective: `objective("table", landscapes.load("ppo/CartPole-v1"))(trials)` gives results."""
    from hpo import tasks

    settings = landscape.about["settings"]
    own = None if landscape.source is None else tasks.imported(landscape)
    task = own or tasks.get(settings["task"], settings["preset"], settings["fidelity"])
    return Table(task, landscape.seeds if seeds is None else seeds, landscape, mode)


def recorded_configs(landscape: Landscape) -> list[dict[str, Any]]:
    """The configs of a landscape as plain scalars, active hyperparameters only, by number."""
    kinds = {known["name"]: known for known in landscape.about["space"]["hyperparameters"]}
    rows = landscape.configs.to_dict(orient="records")
    return [
        {name: _plain(kinds[name], value) for name, value in row.items() if value is not None and value == value}
        for row in rows
    ]


def _plain(known: dict[str, Any], value: Any) -> Any:
    """A value of its hyperparameter's own type: a column with nulls is read as floats or objects."""
    if known.get("choices") is not None:
        return next(choice for choice in known["choices"] if choice == value)
    return int(value) if "int" in known["type"] else float(value)


def forest() -> Any:
    """The surrogate's regressor: all points of the curve at once."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=100, min_samples_leaf=2, max_features=0.7, random_state=0)
