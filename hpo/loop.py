"""The sweep loop: a tuner run against an objective until the budget is spent, every trial recorded.

Resuming is replay: the same sweep started again asks the same tuner the same questions, checks that the answers are those
on record, takes their results from the store, and trains the rest.
"""

import collections
import contextlib
import dataclasses
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from arl.errors import InputError, cause
from arl.records.lineage import Ledger
from arl.records.settings import SweepSettings
from arl.records.store import RunRecord, Store, TrialRecord, dumps
from arl.records.sweep import SweepRecord
from arl.training import provenance
from hpo import contract, loggers, merged_runs, objectives, scores, tuners
from hpo.loggers import Logger
from hpo.merged_runs import MergedRuns
from hpo.objectives import Objective
from hpo.plans import Plan
from hpo.progress import View
from hpo.results import result
from hpo.shared_runs import SharedRuns
from hpo.trial import Result, Trial, Tuner, TunerError, as_dict, copied


def made_with(objective: Objective | type[Objective]) -> dict[str, Any]:
    """Return the versions and the machine, and the device if runs are measured, which a sweep on a landscape does without."""
    return provenance.versions() if objective.sources else provenance.now()


class Sweep:
    """One sweep: a tuner and an objective, and the store that both are recorded in.

    Args:
        plan: the plan, which agrees with what is on record under the name.
        shared: runs of the task's sweeps in this process, which this one takes over and adds to.
        loggers: what hears of the trials as they are recorded.
    """

    def __init__(
        self,
        plan: Plan,
        tuner: Tuner,
        objective: Objective,
        name: str,
        store: Store,
        view: View,
        shared: SharedRuns | None = None,
        loggers: Sequence[Logger] = (),
    ):
        self.plan, self.tuner, self.objective = plan, tuner, objective
        self.name, self.store, self.view, self.loggers = name, store, view, loggers
        self.shared = shared if objective.shares_runs else None
        self.recorded = store.trials(name) if name in store else {}
        self.is_begun = False
        self.timing_before: dict[str, float] = store.sweep(name)["timing"] if self.recorded else {}
        self.finished: dict[int, TrialRecord] = {}
        self.asked: dict[int, Trial] = {}
        self.spent = 0.0
        self.ledger = Ledger(self.asked, plan.task.fidelity, plan.settings.seeds)
        self.merged = MergedRuns(self.finished)
        self.costs_before = objective.costs()
        self.seconds: dict[str, float] = collections.defaultdict(float)
        self.started = time.perf_counter()

    def run(self) -> SweepRecord:
        """Ask, train, record and tell until the budget is spent or the tuner has no more to ask."""
        self.objective.check()
        self._tell_earlier()
        trials = self._ask()
        if not trials:
            self._check_all_replayed()
            raise TunerError(
                f"tuner {self.plan.settings.tuner!r} must ask for at least one trial that the budget pays for, got none"
            )
        self.view.started(self.plan, self.name, len(self.recorded))
        with contextlib.ExitStack() as self.held:
            self.held.callback(self.view.closed)
            while trials:
                self._call("tell", self._results(trials))
                trials = self._ask()
            self._check_all_replayed()
            if self.is_begun:
                self.store.set_ended(self.name)
        return self._ended()

    def _ended(self) -> SweepRecord:
        """Return the record of the sweep, of which the loggers hear."""
        record = self._record_of_all()
        loggers.log_sweep(self.loggers, record)
        return record

    def _record_of_all(self) -> SweepRecord:
        """Return the record that `load_sweep` would give, without reading the trials back from the store."""
        head = self.store.sweep(self.name)
        return SweepRecord(
            self.name,
            SweepSettings.from_json(head["settings"]),
            head["provenance"],
            head["timing"],
            head["space"],
            records=dict(sorted(self.finished.items())),
        )

    def _tell_earlier(self) -> None:
        """Tell the tuner the earlier trials of its warm start."""
        if self.plan.earlier:
            self._call("warm_start", self.plan.earlier)

    def _ask(self) -> list[Trial]:
        settings = self.plan.settings
        batch = settings.batch * (len(settings.seeds) if tuners.races(self.tuner) else 1)
        return self._ask_for(batch)

    def _ask_for(self, most: int) -> list[Trial]:
        """Return the tuner's next trials, at most so many, as far as trials and budget of the sweep go."""
        settings = self.plan.settings
        room = most if settings.trials is None else min(most, settings.trials - len(self.asked))
        if room <= 0 or (settings.budget is not None and self.spent >= settings.budget):
            return []
        trials = contract.check_trials(self._call("ask", room), room, self.plan, self.asked, self.finished)
        return self._affordable(self.objective.admit(trials))

    def _call(self, method: str, argument: Any) -> Any:
        """Call a method of the tuner; whatever it raises becomes a TunerError with the file and line it comes from."""
        with self._timed("tuner"), self._timed("tuner_cpu", time.process_time):
            try:
                return getattr(self.tuner, method)(argument)
            except (Exception, SystemExit) as error:
                raise TunerError(f"tuner {self.plan.settings.tuner!r} failed in {method}: {cause(error)}") from error

    def _affordable(self, trials: list[Trial]) -> list[Trial]:
        """Charge the trials to the budget, and return those before the first that it can't pay for."""
        affordable, budget = [], self.plan.settings.budget
        for trial in trials:
            self.asked[trial.id] = trial
            if budget is not None and self.spent + self.ledger.cost(trial) > budget + 1e-9:
                del self.asked[trial.id]
                break
            self.spent += self.ledger.charge(trial)
            affordable.append(trial)
        return affordable

    def _results(self, trials: list[Trial]) -> list[Result]:
        """Return results in the order of asking, from the store where they are on record, else from the objective."""
        replayed = [trial for trial in trials if trial.id in self.recorded]
        for trial in replayed:
            self._check_replay(trial, self.recorded[trial.id], self.objective.seeds_of(trial))
            self._finish(self.recorded[trial.id])
        self.objective.remember(replayed)
        missing = [trial for trial in trials if trial.id not in self.recorded]
        if missing:
            self._check_all_replayed()
            self._check_precision()
            self._begin()
        while missing:
            self._complete(merged_runs.independent(missing, self.asked, self.objective.seeds))
            missing = [trial for trial in missing if trial.id not in self.finished]
        return [result(copied(trial), self.finished[trial.id], self._scores(trial)) for trial in trials]

    def _complete(self, trials: list[Trial]) -> None:
        """Record trials: runs that were trained before are taken over, the others are the objective's."""
        runs = {trial.id: self._trained_before(trial) for trial in trials}
        missing = list[Trial]()
        for trial in trials:
            seeds = self.objective.seeds_of(trial)
            remaining = tuple(seed for seed in seeds if seed not in {run.seed for run in runs[trial.id]})
            if not remaining:
                self._record([merged_runs.completed(trial, seeds, runs[trial.id])])
            else:
                missing.append(dataclasses.replace(trial, seeds=remaining) if runs[trial.id] else trial)
        if missing:
            self._evaluate(missing, runs)
        self.objective.remember([trial for trial in trials if runs[trial.id]])

    def _trained_before(self, trial: Trial) -> list[RunRecord]:
        """Return the trial's runs that this sweep has trained, and the others if another sweep has trained them all."""
        seeds = self.objective.seeds_of(trial)
        runs = self.merged.find(trial, seeds, self.asked)
        others = [seed for seed in seeds if seed not in {run.seed for run in runs}]
        shared = self.shared.find(trial, others, self.objective.provenance()) if self.shared is not None else None
        return [*runs, *(shared or [])]

    def _evaluate(self, trials: list[Trial], runs: Mapping[int, Sequence[RunRecord]]) -> None:
        """Record the objective's answers: all at once if they take no time, else each as soon as it arrives.

        `runs`: by trial, those that it takes over.
        """
        answers = contract.checked_records(self._answers(trials), trials, self.objective, self.plan.settings.objective)
        records = (self._with_runs(record, runs[record.trial]) for record in answers)
        for group in [list(records)] if self.objective.instant else ([record] for record in records):
            self._record(group)

    def _with_runs(self, record: TrialRecord, runs: Sequence[RunRecord]) -> TrialRecord:
        """Return the record of the whole trial, whose other runs are taken over."""
        if not runs:
            return record
        trial = self.asked[record.trial]
        return merged_runs.completed(trial, self.objective.seeds_of(trial), [*record.runs, *runs])

    def _answers(self, trials: list[Trial]) -> Iterator[TrialRecord]:
        """Yield the objective's records; what a user's objective raises becomes one line."""
        name = self.plan.settings.objective
        try:
            yield from self.objective.evaluate(trials, self.view.segment)
        except InputError:
            raise
        except Exception as error:
            if name in objectives.OBJECTIVES:
                raise
            raise InputError(f"objective {name!r} failed in evaluate: {cause(error)}") from error

    def _scores(self, trial: Trial) -> dict[str, float]:
        """Return a finished trial's scores by name if the sweep has several, else an empty dict."""
        names = self.plan.settings.scores
        wanted = names if len(names) > 1 else ()
        return scores.several(self.finished[trial.id], wanted, self.plan.settings.task, self.finished)

    def _record(self, records: Sequence[TrialRecord]) -> None:
        """Score and record trials."""
        settings = self.plan.settings
        scored = [scores.score(record, settings.scores, settings.task, self.finished) for record in records]
        with self._timed("store"), self.store.transaction():
            self.store.add_trials(self.name, scored)
            self.store.set_timing(self.name, self._timing())
            self._note_recorded(scored)
        for record in scored:
            self._finish(record)
            loggers.log_trial(self.loggers, record)

    def _note_recorded(self, records: Sequence[TrialRecord]) -> None:
        """Write what belongs to trials besides themselves, in the transaction that records them."""

    def _begin(self) -> None:
        """Claim and record the sweep, or that it goes on, before anything is trained; do nothing the next time.

        Raises:
            InputError: the store can't be written to, or another process runs the sweep or has gone on with it.
        """
        if self.is_begun:
            return
        self.store.check_writable()
        self.held.enter_context(self.store.claim(self.name))
        if self.store.num_trials(self.name) != len(self.recorded):
            raise InputError(f"sweep {self.name!r} has gone on in another process meanwhile: give the command again")
        settings = self.plan.settings.to_json()
        with self.store.transaction():
            if self.recorded:
                self.store.set_settings(self.name, settings)
                self.store.set_ended(self.name, ended=False)
            else:
                self.store.delete([self.name])
                space = self.plan.task.space.to_serialized_dict()
                self.store.add_sweep(self.name, settings, made_with(self.objective), space)
        self.is_begun = True
        self.held.push(self._forget_if_empty)

    def _forget_if_empty(self, error: type | None, *_: Any) -> None:
        """Delete a sweep that failed before its first trial was finished, so that it leaves nothing."""
        if error is not None and not self.recorded and not self.finished:
            self.store.withdraw(self.name)

    def _finish(self, record: TrialRecord) -> None:
        self.finished[record.trial] = record
        self.merged.add(record)
        if self.shared is not None:
            self.shared.add(self.name, record)
        self.view.trial(record)

    def _check_precision(self) -> None:
        """Refuse to go on in another precision than that of the recorded runs.

        Raises:
            InputError: one of them was trained in another.
        """
        now = self.objective.provenance().get("dtype")
        recorded = {run.provenance.get("dtype") for record in self.recorded.values() for run in record.runs}
        for before in recorded - {now, None} if now else ():
            raise InputError(f"sweep {self.name!r} must go on in the precision of its runs, {before}, got {now}")

    def _check_all_replayed(self) -> None:
        """Check that the tuner has asked for all recorded trials before any new one, as the recorded tuner did.

        Raises:
            TunerError: a trial is on record and was not asked for.
        """
        unasked = sorted(set(self.recorded) - set(self.asked))
        if unasked:
            raise TunerError(
                f"tuner {self.plan.settings.tuner!r} must ask the same when resumed: trial {unasked[0]} is on record and "
                "was not asked"
            )

    def _check_replay(self, trial: Trial, record: TrialRecord, seeds: tuple[int, ...]) -> None:
        now = {**as_dict(trial), "seeds": list(seeds)}
        then = {
            "id": record.trial,
            "config": dict(record.config),
            "fidelity": record.fidelity,
            "parent": record.parent,
            "seeds": list(record.seeds),
            "network_seed": record.network_seed,
        }
        if dumps(now) != dumps(then):
            raise TunerError(
                f"tuner {self.plan.settings.tuner!r} must ask the same when resumed: trial {trial.id} is on record as "
                f"{dumps(then)}, got {dumps(now)}; if it was changed, use another name or "
                f"`arl delete {shlex.quote(self.name)}`"
            )

    def _timing(self) -> dict[str, float]:
        """Return what the sweep has cost up to now, earlier processes included, in seconds by phase."""
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
