"""The command `arl worker`: processes that train for the sweeps of a scheduler, one after the other."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from arl.errors import InputError
from arl.text import plural
from hpo.cluster import DEFAULT_WAIT, connection, worker

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_TO_END = 5.0
_DEVICES = "import jax; print(jax.default_backend(), jax.local_device_count())"
_WORKER = (
    *(sys.executable, "-m", "distributed.cli.dask_worker"),
    *("--no-nanny", "--no-dashboard", "--nthreads", "1", "--memory-limit", "0"),
    *("--preload", worker.__name__),
)


def serve(scheduler: str, number: int | None, wait: float) -> None:
    """Train for the sweeps of a scheduler until it has ended.

    A scheduler that ends without removing its file was killed: workers wait for the one that takes its place.

    Args:
        scheduler: its file or its address.
        number: of processes that work; by default one for each GPU or core of this machine.
        wait: seconds to wait for a scheduler.

    Raises:
        InputError: no scheduler in time, or one whose driver has other versions or can't use these workers.
    """
    connection.check_wait(wait)
    envs = _environments(number)
    address: str | None = _next_scheduler(scheduler, wait)
    while address is not None:
        _check_versions(address, wait)
        print(f"{plural(len(envs), 'worker')} at {address}    Ctrl-C ends them", flush=True)
        with _processes(address, envs) as processes:
            while connection.answers(address):
                time.sleep(_SECONDS_BETWEEN_LOOKS)
                _replace_ended(processes, address, envs)
        address = _successor(scheduler, wait)
    print("the scheduler has ended")


def _environments(number: int | None) -> list[Mapping[str, str]]:
    """Return the environment of each process, in which it finds one GPU if there are any."""
    done = subprocess.run([sys.executable, "-c", _DEVICES], capture_output=True, text=True)
    kind, num_devices = done.stdout.split()[-2:] if done.returncode == 0 else ("cpu", "1")
    if kind != "gpu":
        return [os.environ] * (number or len(os.sched_getaffinity(0)))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(int(num_devices))))).split(",")
    return [
        {**os.environ, "CUDA_VISIBLE_DEVICES": visible[i % len(visible)]} for i in range(number or int(num_devices))
    ]


def _next_scheduler(scheduler: str, wait: float) -> str:
    """Return the address of a scheduler when it answers.

    Raises:
        InputError: none does in time.
    """
    ends = time.monotonic() + wait
    while True:
        address = (
            connection.checked_address(scheduler) if "://" in scheduler else connection.address_in(Path(scheduler))
        )
        if address is not None and connection.answers(address):
            return address
        if time.monotonic() > ends:
            missing = "" if address else ", and the file is missing"
            raise InputError(f"scheduler {scheduler} must answer within {wait:g} s, got no answer{missing}")
        time.sleep(_SECONDS_BETWEEN_LOOKS)


def _successor(scheduler: str, wait: float) -> str | None:
    """Return the address of the scheduler that takes the place of one that was killed; None if it ended by itself."""
    if "://" not in scheduler and not Path(scheduler).exists():
        return None
    try:
        return _next_scheduler(scheduler, wait)
    except InputError:
        return None


def _check_versions(address: str, wait: float = DEFAULT_WAIT) -> None:
    """Refuse to work for a driver of other versions.

    Raises:
        InputError: the first version that differs.
    """
    with connection.client(address, wait) as client:
        versions = client.get_metadata([connection.DRIVER], default={})
    if reason := worker.difference(versions):
        raise InputError(reason)


def _check_used(address: str, name: str) -> None:
    """Refuse to replace a worker that the driver can't use.

    Raises:
        InputError: why it can't.
    """
    with connection.client(address, DEFAULT_WAIT) as client:
        if reason := client.get_metadata([connection.REFUSED, name], default=None):
            raise InputError(reason)


class _Process(NamedTuple):
    """A process that works, and its name among the workers."""

    popen: subprocess.Popen[bytes]
    name: str


@contextlib.contextmanager
def _processes(address: str, envs: list[Mapping[str, str]]) -> Iterator[list[_Process]]:
    """Give the processes that work for a scheduler; end them with the context."""
    processes = [_process(address, env) for env in envs]
    try:
        yield processes
    finally:
        for process, _ in processes:
            process.terminate()
        for process, _ in processes:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS_TO_END)
            process.kill()


def _process(address: str, env: Mapping[str, str]) -> _Process:
    name = f"{socket.gethostname()}-{uuid.uuid4()}"
    silent = {"DASK_LOGGING__DISTRIBUTED": "critical", "OMP_NUM_THREADS": "1"}
    command = [*_WORKER, "--name", name, address]
    return _Process(subprocess.Popen(command, env={**silent, **env}, start_new_session=True), name)


def _replace_ended(processes: list[_Process], address: str, envs: list[Mapping[str, str]]) -> None:
    """Begin processes in the place of those that have ended, unless the scheduler has.

    Raises:
        InputError: the driver can't use one that has ended, or has other versions by now.
    """
    for i, (process, name) in enumerate(processes):
        if process.poll() is not None and connection.answers(address):
            _check_used(address, name)
            _check_versions(address)
            print(f"a worker has ended with status {process.returncode}: another takes its place", flush=True)
            processes[i] = _process(address, envs[i])
