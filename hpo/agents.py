"""The agents of a sweep's incumbent, as files."""

from pathlib import Path
from typing import Protocol, runtime_checkable

from arl import files
from arl.errors import InputError
from arl.records.sweep import SweepRecord
from hpo.objectives import Objective


@runtime_checkable
class SavesAgents(Protocol):
    """An objective that trains agents and can save them.

    Attributes:
        keep_finished: whether agents of the full fidelity are kept in memory while there is room.
    """

    keep_finished: bool

    def save_agents(self, trial_id: int, paths: dict[int, Path]) -> None:
        """Save the agents of a trial, each to the path of its seed."""
        ...


def paths(record: SweepRecord, folder: str | Path) -> dict[int, Path]:
    """Return where the incumbent's agents are saved, by seed: `FOLDER/SWEEP/trial7-seed0.agent`; none without incumbent."""
    if record.incumbent is None:
        return {}
    trial = record.records[record.incumbent["trial"]]
    return {seed: Path(folder) / record.name / f"trial{trial.trial}-seed{seed}.agent" for seed in trial.seeds}


def prepare(objective: Objective, folder: str | Path) -> None:
    """Have an objective keep its agents in memory, so that those of the incumbent need not be trained again.

    Raises:
        InputError: it trains none, or the folder can't be written to.
    """
    files.check_directory(Path(folder), "the folder of agents")
    if not isinstance(objective, SavesAgents):
        raise InputError("agents can be saved where they are trained, got an objective that trains none")
    objective.keep_finished = True


def save(objective: Objective, record: SweepRecord, folder: str | Path, recorded: set[int]) -> None:
    """Save the incumbent's agents; the files of a trial that was on record already are kept as they are."""
    saved = paths(record, folder)
    if record.incumbent is None or not isinstance(objective, SavesAgents):
        return
    trial = record.incumbent["trial"]
    if trial not in recorded or not all(path.is_file() for path in saved.values()):
        objective.save_agents(trial, saved)
