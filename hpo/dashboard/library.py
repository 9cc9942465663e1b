"""The records that the dashboard shows; each trial is read from the store once."""

import threading
from typing import NamedTuple

from arl.records import outlines
from arl.records.settings import SweepSettings
from arl.records.store import Outline, Store
from arl.records.sweep import SweepRecord
from hpo.dashboard.surrogate import Surrogate

GROWTH = 1.1  # of the number of trials, from which on a surrogate is fitted anew


class Sweep(NamedTuple):
    """A sweep as it is now.

    Attributes:
        version: another text whenever there is something new to show; it begins with the time at which the sweep was begun.
        progress: the share of its trials or its budget that is used.
    """

    version: str
    record: SweepRecord
    status: str
    progress: float
    progress_words: str

    @property
    def begun_at(self) -> str:
        """When it was begun, which tells it from an earlier sweep of the same name."""
        return self.version.partition(" ")[0]


class Library:
    """The sweeps of a store, for several threads at once."""

    def __init__(self, store: Store):
        self.store = store
        self._reading, self._fitting = threading.Lock(), threading.Lock()
        self._sweeps: dict[str, Sweep] = {}
        self._surrogates: dict[str, tuple[str, Surrogate]] = {}  # with the time at which the sweep was begun

    def sweep(self, name: str) -> Sweep:
        """Return a sweep.

        Raises:
            InputError: no such sweep.
        """
        with self._reading:
            head = self.store.sweep(name)
            (outline,) = self.store.outlines([name])
            status, words = outlines.status(outline), outlines.progress_words(outline)
            version = f"{outline.created_at} {len(outline.trials)} {status} {words}"
            before = self._sweeps.get(name)
            if before is None or before.version != version:
                is_same = before is not None and before.begun_at == outline.created_at
                records = self._records(outline, before.record.records if before and is_same else {})
                settings = SweepSettings.from_json(head["settings"])
                record = SweepRecord(name, settings, head["provenance"], head["timing"], head["space"], records)
                self._sweeps[name] = Sweep(version, record, status, min(1.0, outlines.progress(outline)), words)
            return self._sweeps[name]

    def _records(self, outline: Outline, before: dict) -> dict:
        """Return all trials of a sweep; only those that are not among `before` are read."""
        new = self.store.trials(outline.name, outline.trials.keys() - before.keys())
        return dict(sorted({**before, **new}.items()))

    def surrogate(self, name: str) -> Surrogate:
        """Return the surrogate of a sweep, fitted to all its trials but perhaps the last few.

        Raises:
            InputError: no such sweep, or too few trials.
        """
        sweep = self.sweep(name)
        with self._fitting:
            begun_at, surrogate = self._surrogates.get(name, ("", None))
            num_trials = len(sweep.record.records)
            if surrogate is None or begun_at != sweep.begun_at or num_trials > GROWTH * surrogate.num_trials:
                surrogate = Surrogate(sweep.record)
                self._surrogates[name] = (sweep.begun_at, surrogate)
            return surrogate
