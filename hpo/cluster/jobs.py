"""What passes between the driver and its workers."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from arl.records.store import RunRecord
from arl.scalars import Scalar
from arl.training.programs import Lanes


@dataclasses.dataclass(frozen=True)
class StoredAgent:
    """A trained agent, which any worker can go on from.

    Attributes:
        key: its name among the agents of all sweeps.
        env_steps, diverged, lanes: as those of `Agent`.
        data: its file's bytes, or the file itself, which all workers can read.
        worker: the address of the worker that trained it.
    """

    key: str
    env_steps: int
    diverged: bool
    lanes: Lanes
    data: bytes | Path
    worker: str

    @property
    def num_bytes(self) -> int:
        """The memory that it takes at the driver."""
        return len(self.data) if isinstance(self.data, bytes) else 0

    def read(self) -> bytes:
        """Return its file's bytes."""
        return self.data if isinstance(self.data, bytes) else self.data.read_bytes()


@dataclasses.dataclass(frozen=True)
class JobRun:
    """A run of a job.

    Attributes:
        config: all hyperparameters of the algorithm.
        seed, points, env_params: as those of `Run`.
        parent: the agent to go on from.
        agent: the key under which its agent is stored; None if no trial will go on from it.
    """

    config: Mapping[str, Scalar]
    seed: int
    points: tuple[int, ...]
    env_params: Mapping[str, float]
    parent: StoredAgent | None
    agent: str | None


@dataclasses.dataclass(frozen=True)
class Setup:
    """What all jobs of an objective have in common.

    Attributes:
        algorithm, env: their names.
        num_episodes: of an evaluation.
        worst: the score of a run that diverged.
        lanes: of a block; halved where a worker's memory lacks.
        versions: those that a worker must have, by package.
        backend: the kind of device that a worker must have.
        sources, user_files: where the env and the networks are defined, and the checksums of the user's own files among them.
        folder: where agents of more than `worker.SMALL` bytes are stored, a folder that all workers share; None if there is
            none, so that all return to the driver.
    """

    algorithm: str
    env: str
    num_episodes: int
    worst: float
    lanes: Lanes
    versions: Mapping[str, str | None]
    backend: str
    sources: tuple[str, ...]
    user_files: Mapping[str, str]
    folder: Path | None = None


@dataclasses.dataclass(frozen=True)
class Job:
    """Runs that one worker trains as one block of lanes."""

    setup: Setup
    runs: Sequence[JobRun]


@dataclasses.dataclass(frozen=True)
class TrainedRun:
    """The record of a run that a worker has trained, and its agent if that is needed."""

    record: RunRecord
    agent: StoredAgent | None


@dataclasses.dataclass(frozen=True)
class JobResult:
    """A job's runs in its order, each trained, or the line that says why it could not be.

    Attributes:
        worker, device: the address of the worker, and the kind of its device.
        costs: seconds that the worker spent, by phase; `busy` is all of them.
    """

    worker: str
    device: str
    runs: Sequence[TrainedRun | str]
    costs: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Refusal:
    """The line in which a worker, at an address and of a name, says why it can't take a job; another worker may."""

    worker: str
    reason: str
    name: str = ""
