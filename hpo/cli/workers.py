"""The options of commands that train on a cluster, and the command `arl worker`."""

import signal
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hpo.cluster import Address

ClusterOption = Annotated[
    str | None,
    typer.Option(
        help="Workers that train: local:N processes; a scheduler's file, FILE.json, or its address, tcp://HOST:PORT; or "
        "slurm:FILE.yaml. More of them come by arl worker, at any time.",
        show_default="this process",
    ),
]
HostOption = Annotated[
    str | None,
    typer.Option(
        help="Address at which the scheduler of --cluster FILE.json listens.",
        show_default="127.0.0.1: workers of this machine only",
    ),
]
WaitOption = Annotated[
    float, typer.Option(help="Seconds within which a scheduler of the cluster must answer, and a first worker come.")
]


def address(cluster: str | None, host: str | None, wait: float) -> "Address | None":
    """Return where the cluster is that the options name; None without."""
    from hpo.cluster import Address

    return None if cluster is None else Address(cluster, host, wait)


def work(scheduler: str, processes: int | None, wait: float) -> None:
    """Train for the sweeps of a scheduler until it ends, or until Ctrl-C."""
    from hpo.cluster import serving

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        serving.serve(scheduler, processes, wait)
    except KeyboardInterrupt:
        print("interrupted: what was being trained goes to other workers")
