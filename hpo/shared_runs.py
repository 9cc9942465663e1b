"""What sweeps of one task have in common, when several run in one process: compiled programs, and trained runs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arl.records.store import FAILED, RunRecord, TrialRecord, dumps
from arl.training.provenance import SAME
from hpo.trial import Trial

if TYPE_CHECKING:
    from arl.training.runner import Runner


class Pool:
    """Programs and runs of one task under one width of lanes.

    A run is the same to the last bit whichever sweep trains it, if config, fidelity, seed, width of lanes, device and
    versions are: then it is taken over instead of trained again. Not so runs with a parent, as ids are the sweep's own,
    and failed ones, which cost nothing. What is taken over says so in its provenance, under `shared`.
    """

    def __init__(self) -> None:
        self.runner: Runner | None = None
        self.runs: dict[str, RunRecord] = {}

    def add(self, sweep: str, record: TrialRecord) -> None:
        """Take note of a finished trial; the first sweep that trained a run keeps the credit."""
        if record.parent is not None or record.status == FAILED:
            return
        for run in record.runs:
            about = {"shared": sweep, **run.provenance}
            known = RunRecord(run.seed, run.status, run.score, run.env_steps, run.seconds, about, run.points)
            self.runs.setdefault(_key(record.config, record.fidelity, run.seed, run.provenance), known)

    def find(self, trial: Trial, seeds: Sequence[int], provenance: Mapping[str, Any]) -> list[RunRecord] | None:
        """The trial's runs, if all of them are known with this provenance; else None."""
        if trial.parent is not None:
            return None
        keys = [_key(trial.config, trial.fidelity, seed, provenance) for seed in seeds]
        return [self.runs[key] for key in keys] if all(key in self.runs for key in keys) else None


def _key(config: Mapping[str, Any], fidelity: int, seed: int, provenance: Mapping[str, Any]) -> str:
    about = {name: provenance.get(name) for name in (*SAME, "width", "rows")}
    return dumps([dict(config), fidelity, seed, about])
