"""Trained runs that the sweeps of one task share, when several run in one process."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from arl.records.store import FAILED, RunRecord, TrialRecord, dumps
from arl.training.provenance import SAME
from hpo.tasks import Task
from hpo.trial import Trial


class SharedRuns:
    """Runs of one task, to be taken over instead of trained again.

    A run is the same to the last bit whichever sweep trains it, if config, fidelity, seeds, width of lanes, device and
    versions are. Configs are compared in canonical form, as they are trained: of PPO, two sizes of a minibatch that both
    exceed the rollout are one. Runs with a parent are not shared, because ids differ from sweep to sweep, nor are failed
    ones, which cost nothing. A run that is taken over names the sweep that trained it in its outcome, under `shared`.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.runs: dict[str, RunRecord] = {}

    def add(self, sweep: str, record: TrialRecord) -> None:
        """Add the runs of a finished trial; the first sweep that trained a run keeps the credit."""
        if record.parent is not None or record.status == FAILED:
            return
        for run in (run for run in record.runs if run.outcome.merged is None):
            outcome = dataclasses.replace(run.outcome, shared=run.outcome.shared or sweep)
            (key,) = self._keys(record, [run.seed], run.provenance)
            self.runs.setdefault(key, dataclasses.replace(run, outcome=outcome))

    def find(self, trial: Trial, seeds: Sequence[int], provenance: Mapping[str, Any]) -> list[RunRecord] | None:
        """Return the trial's runs with this provenance if all of them are available, else None."""
        if trial.parent is not None:
            return None
        keys = self._keys(trial, seeds, provenance)
        return [self.runs[key] for key in keys] if all(key in self.runs for key in keys) else None

    def _keys(self, trial: Trial | TrialRecord, seeds: Sequence[int], provenance: Mapping[str, Any]) -> list[str]:
        """Return what identifies the runs of a trial without a parent, in the order of the seeds."""
        config = self.task.canonical(trial.config)
        made_with = {name: provenance.get(name) for name in (*SAME, "width", "rows")}
        return [dumps([config, trial.network_seed, trial.fidelity, seed, made_with]) for seed in seeds]
