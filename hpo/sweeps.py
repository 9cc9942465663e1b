"""The sweep loop: a tuner run against an objective until the budget is spent, every trial recorded.

Resuming is replay: the same sweep started again asks the same tuner the same questions, checks that the answers are those
on record, takes their results from the store, and trains the rest.
"""

import collections
import contextlib
import copy
import dataclasses
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arl.errors import InputError
from arl.records.store import Store, TrialRecord, dumps, full_runs
from arl.records.sweep import SweepRecord
from arl.training import provenance
from hpo import contract, scores, tasks, tuners
from hpo.plans import Plan, default_name, plan
from hpo.results import result, trial_record
from hpo.shared_runs import Pool
from hpo.trial import Result, Trial, TunerContext, TunerError, as_dict, copied
from landscapes import catalogue

if TYPE_CHECKING:
    from arl.training.runner import Report
    from hpo.objectives.tabular import Table
    from hpo.objectives.training import Training


class View:
    """What a sweep shows of its progress; this one shows nothing."""

    def started(self, plan: "Plan", name: str, num_recorded: int) -> None:
        """The sweep begins, or goes on from `num_recorded` trials."""

    def segment(self, report: "Report") -> None:
        """A segment of a block of lanes has been trained and evaluated."""

    def trial(self, record: TrialRecord) -> None:
        """A trial has finished, or was found in the store."""

    def closed(self) -> None:
        """The sweep has ended or was interrupted."""


def sweep(
    task: str | tasks.Task,
    tuner: str | type = "random",
    *,
    name: str | None = None,
    store: Store | str | Path | None = None,
    view: View | None = None,
    **settings: Any,
) -> SweepRecord:
    """Run a sweep, or finish one that was begun; `settings` are those of `plan`.

    Example:
        >>> sweep = hpo.sweep("ppo/CartPole-v1", tuner="random", trials=64, seeds=4)
        >>> sweep.trials.sort_values("score").tail()

    Raises:
        InputError: bad settings, a name taken by another sweep, or a tuner that breaks its contract.
    """
    chosen = plan(task, tuner, **settings)
    store, name = store if isinstance(store, Store) else Store(store), name or default_name(chosen)
    if settings.get("batch") is None and name in store:
        chosen = dataclasses.replace(chosen, batch=store.sweep(name)["settings"]["batch"])
    return Sweep(chosen, name, store, tuner, view or View()).run()


class Sweep:
    """One sweep with its tuner, objective and store.

    `pool`: what it has in common with other sweeps of the task in this process.
    """

    def __init__(self, plan: Plan, name: str, store: Store, tuner: str | type, view: View, pool: Pool | None = None):
        self.plan, self.name, self.store, self.view = plan, name, store, view
        self.pool = pool if plan.objective == "training" else None
        task = plan.task
        self.before = store.sweep(name) if name in store else None
        context = TunerContext(
            space=copy.deepcopy(task.space),  # some tuners reseed the space they are given
            fidelity=task.fidelity,
            seed=plan.tuner_seed,
            budget=self._planned().full_runs,
            scores=plan.scores,
            mutable=task.mutable,
            min_fidelity=task.min_fidelity if plan.objective == "training" else task.points(task.fidelity)[0],
        )
        self.tuner = tuners.make(tuner, context, plan.options)
        self.recorded = self._recorded()
        self.timing_before: dict[str, float] = self.before["timing"] if self.before and self.recorded else {}
        self.finished: dict[int, TrialRecord] = {}
        self.asked: dict[int, Trial] = {}
        self.spent = 0.0
        self.objective = self._objective()
        self.costs_before = self.objective.costs()
        self.seconds: dict[str, float] = collections.defaultdict(float)
        self.started = time.perf_counter()

    def run(self) -> SweepRecord:
        """Ask, train, record and tell until the budget is spent or the tuner has no more to ask."""
        self.objective.check()
        trials = self._ask()
        if not trials:
            self._check_all_replayed()
            raise TunerError(
                f"tuner {self.plan.tuner!r} must ask for at least one trial that the budget pays for, got none"
            )
        self.view.started(self.plan, self.name, len(self.recorded))
        try:
            while trials:
                self._call("tell", self._results(trials))
                trials = self._ask()
        finally:
            self.view.closed()
        self._check_all_replayed()
        return self._record_of_all()

    def _record_of_all(self) -> SweepRecord:
        """As `load_sweep` would give it; the trials need not be read back."""
        about = self.store.sweep(self.name)
        about = {key: about[key] for key in ("settings", "provenance", "timing", "space")}
        return SweepRecord(self.name, **about, records=dict(sorted(self.finished.items())))

    def _objective(self) -> "Training | Table":
        task, seeds = self.plan.task, self.plan.seeds
        if self.plan.objective == "training":
            from hpo.objectives.training import Training

            training = Training(task, seeds, self.plan.batch, self.pool.runner if self.pool else None)
            if self.pool:
                self.pool.runner = training.runner
            return training
        from hpo.objectives.tabular import Table

        return Table(task, seeds, catalogue.get(task.landscape), self.plan.objective)

    def _ask(self) -> list[Trial]:
        room = self.plan.batch if self.plan.trials is None else min(self.plan.batch, self.plan.trials - len(self.asked))
        if room <= 0 or (self.plan.budget is not None and self.spent >= self.plan.budget):
            return []
        trials = contract.check(self._call("ask", room), room, self.plan, self.asked, self.finished)
        return self._affordable(trials)

    def _call(self, method: str, argument: Any) -> Any:
        """Ask or tell; what goes wrong in a tuner is the tuner's."""
        with self._timed("tuner"), self._timed("tuner_cpu", time.process_time):
            try:
                return getattr(self.tuner, method)(argument)
            except (Exception, SystemExit) as error:
                cause = f"{type(error).__name__}: {' '.join(str(error).split())} ({_place(error)})"
                raise TunerError(f"tuner {self.plan.tuner!r} failed in {method}: {cause}") from error

    def _affordable(self, trials: list[Trial]) -> list[Trial]:
        """The first trials that the rest of the budget pays for."""
        chosen, full = [], {"fidelity": self.plan.task.fidelity, "seeds": self.plan.seeds}
        for trial in trials:
            self.asked[trial.id] = trial
            cost = full_runs(trial, self.asked, full)
            if self.plan.budget is not None and self.spent + cost > self.plan.budget + 1e-9:
                del self.asked[trial.id]
                break
            self.spent += cost
            chosen.append(trial)
        return chosen

    def _results(self, trials: list[Trial]) -> list[Result]:
        """Results in the order of asking: from the store where they are recorded, else by training."""
        known = [trial for trial in trials if trial.id in self.recorded]
        for trial in known:
            self._check_replay(trial, self.recorded[trial.id], self.objective.seeds_of(trial))
            self._finish(self.recorded[trial.id])
        self.objective.remember(known)
        missing = [trial for trial in trials if trial.id not in self.recorded]
        if missing:
            self._check_all_replayed()
        missing = self._trained_elsewhere(missing)
        records = self.objective.evaluate(missing, self.view.segment) if missing else iter(())
        # What was trained is recorded at once; what was looked up, together.
        for group in ([record] for record in records) if self.plan.objective == "training" else [list(records)]:
            self._record(group)
        return [result(copied(trial), self.finished[trial.id], self._scores(trial)) for trial in trials]

    def _scores(self, trial: Trial) -> dict[str, float]:
        """All scores of a finished trial if there are several."""
        names = self.plan.scores if len(self.plan.scores) > 1 else ()
        return scores.several(self.finished[trial.id], names, self.plan.task.settings(), self.finished)

    def _trained_elsewhere(self, trials: list[Trial]) -> list[Trial]:
        """Take over the trials that another sweep of the pool has trained; give those that are left to train."""
        left = []
        for trial in trials:
            seeds = self.objective.seeds_of(trial)
            runs = self.pool.find(trial, seeds, self.objective.provenance()) if self.pool else None
            if runs is None:
                left.append(trial)
                continue
            self._record([trial_record(trial, runs)])
            self.objective.remember([trial])
        return left

    def _record(self, records: Sequence[TrialRecord]) -> None:
        """Score and record trials; the first ones begin the sweep, so that a sweep that fails at once leaves nothing."""
        settings = self.plan.task.settings()
        scored = [scores.score(record, self.plan.scores, settings, self.finished) for record in records]
        with self._timed("store"), self.store.transaction():
            if scored and not set(self.finished) - set(self.recorded):
                self._begin()
            self.store.add_trials(self.name, scored)
            self.store.set_timing(self.name, self._timing())
        for record in scored:
            self._finish(record)

    def _planned(self) -> Plan:
        """The plan as it was at first: a sweep that is prolonged must ask its tuner the same questions again."""
        recorded = self.before["settings"] if self.before else {}
        first = recorded.get("planned_trials", recorded.get("trials", self.plan.trials))
        return dataclasses.replace(self.plan, trials=first)

    def _begin(self) -> None:
        """Record the sweep itself, or that it is prolonged."""
        if self.before:
            settings = {**self.plan.settings(), "planned_trials": self._planned().trials}
            self.store.set_settings(self.name, settings)
        else:
            space = self.plan.task.space.to_serialized_dict()
            self.store.add_sweep(self.name, self.plan.settings(), provenance.now(), space)

    def _finish(self, record: TrialRecord) -> None:
        self.finished[record.trial] = record
        if self.pool:
            self.pool.add(self.name, record)
        self.view.trial(record)

    def _check_all_replayed(self) -> None:
        """Whatever is on record was asked before anything new: else the tuner is not the one that was recorded."""
        left = sorted(set(self.recorded) - set(self.asked))
        if left:
            raise TunerError(
                f"tuner {self.plan.tuner!r} must ask the same when resumed: trial {left[0]} is on record and was not asked"
            )

    def _check_replay(self, trial: Trial, record: TrialRecord, seeds: tuple[int, ...]) -> None:
        now = {**as_dict(trial), "seeds": list(seeds)}
        then = {
            "id": record.trial,
            "config": dict(record.config),
            "fidelity": record.fidelity,
            "parent": record.parent,
            "seeds": list(record.seeds),
        }
        if dumps(now) != dumps(then):
            raise TunerError(
                f"tuner {self.plan.tuner!r} must ask the same when resumed: trial {trial.id} is on record as "
                f"{dumps(then)}, got {dumps(now)}; if it was changed, use another name or `arl delete {self.name}`"
            )

    def _recorded(self) -> dict[int, TrialRecord]:
        """The trials on record, none if the sweep is new; one that was begun with fewer trials is prolonged.

        Raises:
            InputError: the name is taken by a sweep with other settings.
        """
        settings, space = self.plan.settings(), self.plan.task.space.to_serialized_dict()
        if not self.before:
            return {}
        theirs = self.before
        for key, value in {**settings, "space": space}.items():
            unnamed = {"scores": [scores.DEFAULT], "objective": "training"}  # in older records
            recorded = {**unnamed, **theirs["settings"]}
            other = theirs["space"] if key == "space" else recorded.get(key)
            if key == "trials" and value is not None and other is not None and value > other:
                continue
            if dumps(value) != dumps(other):
                detail = "another" if key == "space" else f"{other!r}, not {value!r}"
                raise InputError(
                    f"sweep name {self.name!r} is taken by a sweep whose {key} is {detail}: choose another --name"
                )
        return self.store.trials(self.name)

    def _timing(self) -> dict[str, float]:
        """What the sweep has cost up to now, earlier processes included, in seconds by phase."""
        spent = {name: cost - self.costs_before[name] for name, cost in self.objective.costs().items()}
        costs = {"total": time.perf_counter() - self.started, **spent, **self.seconds}
        return {key: round(self.timing_before.get(key, 0.0) + value, 3) for key, value in costs.items()}

    @contextlib.contextmanager
    def _timed(self, phase: str, clock: Callable[[], float] = time.perf_counter) -> Iterator[None]:
        started = clock()
        try:
            yield
        finally:
            self.seconds[phase] += clock() - started


def _place(error: BaseException) -> str:
    """File and line that an error comes from."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}, line {frame.lineno}"
