"""The records that the dashboard shows; each trial is read from the store once, and curves only where they are drawn."""

import dataclasses
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from arl.errors import unknown
from arl.records import outlines, ranking
from arl.records.lineage import lineage
from arl.records.settings import SweepSettings
from arl.records.store import ComparisonRecord, Outline, State, Store, TrialRecord
from arl.records.sweep import SweepRecord
from hpo.reports import sweep_figures

if TYPE_CHECKING:  # its libraries take as long to import as all else
    from hpo.comparisons.incumbents import Incumbent
    from hpo.reports.surrogate import Surrogate

GROWTH = 1.1  # of the number of trials, from which on a surrogate is fitted anew


class Summary(NamedTuple):
    """What the first page says of a sweep.

    Attributes:
        progress: the share of its trials or its budget that is used; 1 once it is done.
    """

    outline: Outline
    settings: SweepSettings
    status: str
    progress: float
    progress_words: str
    score: float | None

    @property
    def version(self) -> str:
        """Another text whenever there is something new to show; it begins with the time at which the sweep was begun."""
        return f"{self.outline.created_at} {len(self.outline.trials)} {self.status} {self.progress_words}"

    @classmethod
    def of(cls, outline: Outline) -> "Summary":
        """Return the summary of an outline."""
        status = outlines.status(outline)
        return cls(
            outline,
            outlines.settings(outline),
            status,
            1.0 if status == outlines.DONE else min(1.0, outlines.progress(outline)),
            outlines.progress_words(outline),
            outlines.highest_score(outline),
        )


class Sweep(NamedTuple):
    """A sweep as it is now.

    Attributes:
        record: its runs have their points where a figure draws them, or where they decide which of two trials is better.
    """

    record: SweepRecord
    summary: Summary

    @property
    def begun_at(self) -> str:
        """When it was begun, which tells it from an earlier sweep of the same name."""
        return self.summary.outline.created_at


class Library:
    """The sweeps of a store, for several threads at once."""

    def __init__(self, store: Store):
        self.store = store
        self._reading, self._fitting = threading.RLock(), threading.Lock()
        self._states: dict[str, State] = {}
        self._summaries: dict[str, Summary] = {}
        self._sweeps: dict[str, Sweep] = {}
        self._trajectories: dict[str, tuple[str, list[Incumbent]]] = {}  # with the version of the sweep
        self._surrogates: dict[str, tuple[str, "Surrogate"]] = {}  # with the time at which the sweep was begun

    def summaries(self) -> dict[str, Summary]:
        """Return the summary of each sweep by name, oldest first."""
        with self._reading:
            states = self.store.states()
            changed = [name for name, state in states.items() if self._states.get(name) != state]
            new = {outline.name: Summary.of(outline) for outline in self.store.outlines(changed)}
            every = {**self._summaries, **new}
            self._states, self._summaries = states, {name: every[name] for name in states if name in every}
            return self._summaries

    def sweep(self, name: str) -> Sweep:
        """Return a sweep.

        Raises:
            InputError: no such sweep.
        """
        return self.sweeps([name])[0]

    def sweeps(self, names: Sequence[str]) -> list[Sweep]:
        """Return sweeps in the order of their names.

        Raises:
            InputError: no such sweep.
        """
        with self._reading:
            summaries = self.summaries()
            for name in names:
                if name not in summaries:
                    raise unknown("sweep", name, summaries, f"in {self.store.location}")
            return [self._current(summaries[name]) for name in names]

    def _current(self, summary: Summary) -> Sweep:
        name = summary.outline.name
        before = self._sweeps.get(name)
        if before is None or before.summary.version != summary.version:
            is_same = before is not None and before.begun_at == summary.outline.created_at
            record = self._record(summary, before.record.records if before and is_same else {})
            self._sweeps[name] = Sweep(record, summary)
        return self._sweeps[name]

    def trajectory(self, sweep: Sweep) -> list["Incumbent"]:
        """Return the incumbents of a sweep of a comparison, its trials in the order of their ids."""
        from hpo.comparisons import incumbents

        name, version = sweep.record.name, sweep.summary.version
        if self._trajectories.get(name, ("", []))[0] != version:
            self._trajectories[name] = version, incumbents.incumbents(sweep.record, sorted(sweep.record.records))
        return self._trajectories[name][1]

    def comparison(self, name: str) -> ComparisonRecord:
        """Return the record of a comparison.

        Raises:
            InputError: no such comparison.
        """
        comparisons = {record.name: record for record in self.store.comparisons()}
        if name not in comparisons:
            raise unknown("comparison", name, comparisons, f"in {self.store.location}")
        return comparisons[name]

    def trial(self, name: str, number: int) -> Sweep:
        """Return a sweep with the points of one of its trials, and of those that it goes on from.

        Raises:
            InputError: no such sweep.
        """
        sweep = self.sweep(name)
        with self._reading:
            self._read_points(name, sweep.record.records, sweep.record.records.keys() & {number})
        return sweep

    def _record(self, summary: Summary, before: dict[int, TrialRecord]) -> SweepRecord:
        """Return the record of a sweep; only those of its trials that are not among `before` are read."""
        name, ids = summary.outline.name, summary.outline.trials.keys()
        head = self.store.sweep(name)
        new = self.store.trials(name, ids - before.keys() if before else None, with_points=False)
        records = dict(sorted({**before, **new}.items()))
        record = SweepRecord(name, summary.settings, head["provenance"], head["timing"], head["space"], records)
        self._read_points(name, records, ranking.ties(records))
        self._read_points(name, records, sweep_figures.drawn_curves(record))
        return dataclasses.replace(record)  # without what it has derived from trials that lacked their points

    def _read_points(self, name: str, records: dict[int, TrialRecord], ids: Iterable[int]) -> None:
        """Give the runs of some trials, and of those that they go on from, their points where they lack them."""
        line = {ancestor.trial for i in ids for ancestor in lineage(records[i], records)}
        lacking = {i for i in line if not any(run.points for run in records[i].runs)}
        if not lacking:
            return
        points = self.store.points(name, lacking)
        for i in lacking:
            runs = [dataclasses.replace(run, points=points.get((i, run.seed), ())) for run in records[i].runs]
            records[i] = dataclasses.replace(records[i], runs=runs)

    def surrogate(self, name: str) -> "Surrogate":
        """Return the surrogate of a sweep, fitted to all its trials but perhaps the last few.

        Raises:
            InputError: no such sweep, or too few trials.
        """
        from hpo.reports.surrogate import Surrogate

        sweep = self.sweep(name)
        with self._fitting:
            begun_at, surrogate = self._surrogates.get(name, ("", None))
            num_trials = len(sweep.record.records)
            if surrogate is None or begun_at != sweep.begun_at or num_trials > GROWTH * surrogate.num_trials:
                surrogate = Surrogate(sweep.record)
                self._surrogates[name] = (sweep.begun_at, surrogate)
            return surrogate
