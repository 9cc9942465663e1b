"""Sweeps on many machines: the driver asks the tuner and keeps the records, workers train blocks of runs.

    driver: tuner -> trials -> runs --grouped--> jobs ==Dask==> worker: job -> runner -> records, agents ==Dask==> driver

A job is what one worker trains as one block of lanes. Lanes have the shape that the driver chooses, whoever trains them, so
that a run gives the same numbers on every worker of one kind.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, Union

from arl.errors import InputError
from arl.records.settings import DEFAULT_OBJECTIVE
from hpo import objectives
from hpo.objectives import Objective, ObjectiveLike
from hpo.tasks import Task

if TYPE_CHECKING:
    from hpo.cluster.connection import Cluster

T = TypeVar("T")

DEFAULT_WAIT = 300.0  # seconds


@dataclasses.dataclass(frozen=True)
class Address:
    """Where a cluster is, or which is to be begun.

    Attributes:
        name: `local:N` for N processes of this machine; `slurm:FILE`, a YAML file of dask-jobqueue's settings, and of the
            number of `jobs`; `tcp://HOST:PORT` or `tls://HOST:PORT`, a scheduler; or a scheduler's file, `FILE.json`. Where
            it names none that answers, one is begun here, and the file is written for workers to read.
        host: the address at which a scheduler that is begun here listens; by default 127.0.0.1, which no other machine
            reaches.
        wait: seconds within which a scheduler must answer, and a first worker must come.
    """

    name: str
    host: str | None = None
    wait: float = DEFAULT_WAIT


ClusterLike = Union[str, Path, Address, "Cluster"]


def silent(line: str) -> None:
    """Say nothing."""


@contextlib.contextmanager
def connect(cluster: ClusterLike, say: Callable[[str], None] = silent) -> "Iterator[Cluster]":
    """Connect to a cluster, and begin what is missing of it, which ends with the context; one that is given stays.

    `say`: hears where the scheduler and its dashboard are.

    Example:
        >>> with hpo.cluster.connect("local:4") as cluster:
        ...     hpo.sweep("ppo/CartPole-v1", "asha", budget=16, cluster=cluster)

    Raises:
        InputError: a scheduler that does not answer, no worker in time, settings that can't be read, or a host that can't be
            listened on.
    """
    if not isinstance(cluster, str | Path | Address):
        yield cluster
        return
    from hpo.cluster import connection

    address = cluster if isinstance(cluster, Address) else Address(str(cluster))
    with connection.connect(address.name, address.host, address.wait) as connected:
        say(connected.place)
        yield connected


def connect_if(
    cluster: ClusterLike | None, say: Callable[[str], None] = silent
) -> "contextlib.AbstractContextManager[Cluster | None]":
    """Return the context of a cluster, which gives None if there is none."""
    return contextlib.nullcontext() if cluster is None else connect(cluster, say)


def check_objective(objective: ObjectiveLike, cluster: ClusterLike | None) -> None:
    """Refuse a cluster for an objective that answers by other means than training.

    Raises:
        InputError: such an objective and a cluster.
    """
    if cluster is not None and objective != DEFAULT_OBJECTIVE:
        raise InputError(f"a cluster trains: objective must be training, got {objectives.path(objective)}")


def make_objective(
    objective: ObjectiveLike,
    task: Task,
    seeds: Sequence[int],
    batch: int,
    cluster: "Cluster | None",
    num_at_once: int = 1,
) -> Objective:
    """Return an objective as `objectives.make` does; one that trains on the cluster if there is one.

    `num_at_once`: how many such objectives share the driver's memory for agents.
    """
    if cluster is None:
        return objectives.make(objective, task, seeds, batch)
    from arl.training import backend
    from hpo.cluster.training import ClusterTraining

    return ClusterTraining(task, seeds, batch, cluster, agent_memory=backend.agent_bytes() // num_at_once)


def at_once(cluster: "Cluster | None", functions: Sequence[Callable[[], T]], most: int) -> list[T]:
    """Return the results of functions, which are called at the same time on a cluster, one after the other without one."""
    return [function() for function in functions] if cluster is None else cluster.at_once(functions, most)
