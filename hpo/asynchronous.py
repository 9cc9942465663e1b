"""Sweeps that never wait for a round to end: a tuner is told each result as it comes, and asked when a worker is free.

The order of its calls depends on which trial is finished first, so that the store records them. A sweep is resumed by
making the recorded calls again; trials that were asked for and have no result are then trained.
"""

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from arl.records.lineage import Origin
from arl.records.store import Call, RunRecord, TrialRecord
from arl.records.sweep import SweepRecord
from hpo import contract, merged_runs
from hpo.loop import Sweep
from hpo.objectives import Objective, OnSegment
from hpo.results import result
from hpo.trial import Trial, TunerError, copied


@runtime_checkable
class Concurrent(Protocol):
    """What an objective has that trains some trials while others are added."""

    def room(self) -> int:
        """Return how many more trials keep all workers busy."""
        ...

    def start(self, trials: Sequence[Trial]) -> None:
        """Train trials, beside those that are being trained."""
        ...

    def wait(self, on_segment: OnSegment) -> list[TrialRecord]:
        """Return trials that have finished since; none if there is room for more by now."""
        ...

    def stop(self) -> None:
        """Give up the trials that are not finished."""
        ...


class OneByOne:
    """Any other objective, which answers one trial after the other."""

    def __init__(self, objective: Objective):
        self.objective = objective
        self.trials = list[Trial]()

    def room(self) -> int:
        return 0 if self.trials else 1

    def start(self, trials: Sequence[Trial]) -> None:
        self.trials += trials

    def wait(self, on_segment: OnSegment) -> list[TrialRecord]:
        return list(self.objective.evaluate([self.trials.pop(0)], on_segment))

    def stop(self) -> None:
        self.trials.clear()


class AsynchronousSweep(Sweep):
    """A sweep whose tuner is told results as they come; its class says that it can be (`asynchronous = True`)."""

    def __init__(self, *args: Any, **settings: Any):
        super().__init__(*args, **settings)
        self.concurrent = self.objective if isinstance(self.objective, Concurrent) else OneByOne(self.objective)
        self.waiting: dict[int, Trial] = {}  # for their results, in the order of asking
        self.held_back: dict[int, Trial] = {}  # those of them that are not started
        self.training: set[tuple[Origin, int]] = set()  # the runs of the others
        self.taken_over: dict[int, Sequence[RunRecord]] = {}
        self.groups = list[list[TrialRecord]]()  # recorded and not told yet
        self.unwritten = list[Call]()

    def run(self) -> SweepRecord:
        """Ask, train, record and tell until the budget is spent or the tuner has no more to ask."""
        self.objective.check()
        self.view.started(self.plan, self.name, len(self.recorded))
        with contextlib.ExitStack() as self.held:
            self.held.callback(self.view.closed)
            self.held.callback(self.concurrent.stop)
            self._tell_earlier()
            self._replay()
            self._fill()
            if not self.waiting and not self.finished:
                raise TunerError(
                    f"tuner {self.plan.settings.tuner!r} must ask for at least one trial that the budget pays for, got none"
                )
            while self.waiting:
                self._tell_next()
                self._fill()
            self._check_all_replayed()
            if self.is_begun:
                self.store.set_ended(self.name)
        return self._ended()

    def _replay(self) -> None:
        """Make the recorded calls again, with the results on record."""
        for call in self.store.calls(self.name):
            if call.method == "ask":
                trials = self._ask_for(call.room)
                self._check_asked([trial.id for trial in trials], list(call.trials))
                self._add(trials)
                continue
            records = [self.recorded[trial] for trial in call.trials]
            for record in records:
                trial = self.waiting[record.trial]
                self._check_replay(trial, record, self.objective.seeds_of(trial))
                self._finish(record)
                self.objective.remember([trial])
            self._tell(records)

    def _check_asked(self, asked: list[int], recorded: list[int]) -> None:
        if asked != recorded:
            raise TunerError(
                f"tuner {self.plan.settings.tuner!r} must ask the same when resumed: trials {recorded} are on record, "
                f"got {asked}"
            )

    def _fill(self) -> None:
        """Ask for trials if there is room for them, and start those that wait for no other."""
        self._start()
        if (room := self._room()) > 0:
            trials = self._ask_for(room)
            self.unwritten.append(Call("ask", room, tuple(trial.id for trial in trials)))
            self._add(trials)
            self._start()

    def _add(self, trials: Sequence[Trial]) -> None:
        for trial in trials:
            self.waiting[trial.id] = self.held_back[trial.id] = trial

    def _room(self) -> int:
        """Return how many trials to ask for: none while all workers are busy, else a batch at least."""
        room = self.concurrent.room()
        return max(room, self.plan.settings.batch) if room else 0

    def _start(self) -> None:
        """Start the trials none of whose runs is being trained for an earlier one."""
        ready, taken = list[Trial](), set(self.training)
        for trial in self.held_back.values():
            runs = self._runs(trial)
            if not runs & taken:
                ready.append(trial)
            taken |= runs
        if ready:
            self._check_precision()
            self._begin()
            for trial in ready:
                del self.held_back[trial.id]
                self.training |= self._runs(trial)
            self._complete(ready)

    def _runs(self, trial: Trial) -> set[tuple[Origin, int]]:
        return merged_runs.runs_of(trial, self.asked, self.objective.seeds)

    def _evaluate(self, trials: list[Trial], runs: Mapping[int, Sequence[RunRecord]]) -> None:
        self.taken_over.update({trial.id: runs[trial.id] for trial in trials})
        self.concurrent.start(trials)

    def _tell_next(self) -> None:
        """Tell the tuner of trials that are recorded; if there are none, record those that finish next, if any do."""
        if not self.groups and (records := self.concurrent.wait(self.view.segment)):
            self._record([self._answer(record) for record in records])
        groups, self.groups = self.groups, []
        for records in groups:
            self._tell(records)

    def _answer(self, record: TrialRecord) -> TrialRecord:
        """Return the record of a whole trial, some of whose runs may be taken over."""
        runs = self.taken_over.pop(record.trial)
        seeds = [run.seed for run in runs]
        trial = self.asked[record.trial]
        remaining = tuple(seed for seed in self.objective.seeds_of(trial) if seed not in seeds)
        trained = dataclasses.replace(trial, seeds=remaining)
        contract.check_record(record, trained, self.objective, self.plan.settings.objective)
        return self._with_runs(record, runs)

    def _tell(self, records: Sequence[TrialRecord]) -> None:
        """Tell the tuner of recorded trials, in the order of asking."""
        told = {record.trial for record in records}
        trials = [trial for trial in self.waiting.values() if trial.id in told]
        self._call("tell", [result(copied(trial), self.finished[trial.id], self._scores(trial)) for trial in trials])
        for trial in trials:
            del self.waiting[trial.id]
            self.held_back.pop(trial.id, None)
            self.training -= self._runs(trial)

    def _note_recorded(self, records: Sequence[TrialRecord]) -> None:
        """Write what the tuner is told next, and what it was asked before; an ask that nothing has followed may be lost."""
        self.groups.append(list(records))
        self.unwritten.append(Call("tell", 0, tuple(record.trial for record in records)))
        self.store.add_calls(self.name, self.unwritten)
        self.unwritten.clear()
