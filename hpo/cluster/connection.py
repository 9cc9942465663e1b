"""The cluster of a sweep: a Dask scheduler, begun here or elsewhere, and the workers that come and go."""

import asyncio
import collections
import concurrent.futures
import contextlib
import functools
import importlib.util
import logging
import math
import os
import queue
import shutil
import socket
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import dask
import distributed
import yaml
from distributed.comm.addressing import get_address_host_port

from arl import distribution
from arl.errors import InputError, first_line
from arl.text import plural
from arl.training import provenance
from hpo.cluster import DEFAULT_WAIT, worker
from hpo.cluster.jobs import Refusal

LOCAL, SLURM = "local:", "slurm:"
SUBMIT = "sbatch"  # the command that submits a job of Slurm
DRIVER = "arl-driver"  # under which a scheduler keeps the versions of the driver that it works for
REFUSED = "arl-refused"  # under which it keeps why workers are not used, by their names
_LOST = (OSError, asyncio.CancelledError, concurrent.futures.CancelledError)  # of calls that lose the scheduler
_SECONDS_TO_ANSWER = 3.0
_SECONDS_BETWEEN_COUNTS = 1.0
_SECONDS_BETWEEN_TRIES = 0.1
_SECONDS_BETWEEN_LOOKS = 1.0

T = TypeVar("T")

PRELOAD = [worker.__name__]  # what a worker's process imports while it starts
CONFIG = {  # Dask's settings
    "distributed.scheduler.allowed-failures": 10,  # workers that die under a job before it is given up
    "distributed.scheduler.worker-saturation": 1.0,  # jobs wait at the scheduler: none behind a long one
    "distributed.admin.low-level-log-length": 10,  # messages kept of each connection, which would hold every call
    # without Dask's MALLOC_TRIM_THRESHOLD_, by which memory goes back to the system and comes again all the time
    "distributed.nanny.pre-spawn-environ": {"OMP_NUM_THREADS": "1"},
    "logging.distributed": "critical",  # of workers; each says much about how it ends
}


class Sent(NamedTuple):
    """A call that a worker is to make.

    Attributes:
        function, argument: what is called, and with what.
        label: what the caller tells it apart by.
        worker: the address of the worker that should preferably make it.
    """

    function: Callable[[Any], Any]
    argument: Any
    label: Any = None
    worker: str | None = None


class Stopped(Exception):
    """What uses the cluster at the same time has failed, or was interrupted."""


class Done(NamedTuple):
    """What a worker has done: jobs, env steps, and the seconds that they took; the lanes of a job; the kind of its device."""

    jobs: int = 0
    env_steps: int = 0
    seconds: float = 0.0
    lanes: int = 0
    device: str = ""


class Cluster:
    """The workers of a scheduler, as the driver of a sweep sees them.

    Attributes:
        folder: a folder of this driver's that all workers share; None if there is none.
        wait: seconds within which a scheduler must answer, and a first worker must come.
        env_steps: those that the workers have trained.
        num_lost: workers that ended while the cluster was in use.
        num_at_first: workers that were there when the first one was met.
        done: by worker, what it has done.
    """

    def __init__(self, client: distributed.Client, folder: Path | None = None, wait: float = DEFAULT_WAIT):
        self.client, self.folder, self.wait = client, folder, wait
        self.env_steps = self.num_lost = self.num_at_first = 0
        self.done: dict[str, Done] = {}  # by worker
        self.present: dict[str, float] = collections.defaultdict(float)  # seconds, by worker
        self.refused: dict[str, str] = {}
        self.workers: dict[str, int] = {}
        self.counted = time.perf_counter() - _SECONDS_BETWEEN_COUNTS
        self.connection: object = None  # to the scheduler that knows of this driver
        self.is_stopped = threading.Event()  # for all that use the cluster at the same time
        self.reach()

    def reach(self) -> None:
        """Wait for a scheduler that answers, where the connection is lost, and tell it of this driver.

        What is submitted while the connection is lost does not arrive.

        Raises:
            InputError: the scheduler has ended and does not come back.
        """
        ends = time.monotonic() + self.wait
        while not self._is_known():
            if time.monotonic() > ends or self.client.status == "closed":
                raise InputError("cluster must keep its scheduler, got no answer from it any more")
            time.sleep(_SECONDS_BETWEEN_TRIES)

    def _is_known(self) -> bool:
        """Return whether the scheduler that is connected knows of this driver; tell it if it does not."""
        if self.client.status != "running":
            return False
        if (connection := self.client.scheduler_comm) is not self.connection:
            try:
                self.client.set_metadata(DRIVER, _versions())
            except OSError:
                return False
            self.client.subscribe_topic(worker.TOPIC, self._on_progress)
            self.client.subscribe_topic("all", self._on_event)
            self.connection = connection
        return True

    @functools.cached_property
    def description(self) -> dict[str, Any]:
        """The versions and the device of the first worker that can train for this driver, which is waited for.

        Raises:
            InputError: none comes in time.
        """
        calls, ends = Calls(self), time.monotonic() + self.wait
        calls.submit(Sent(_introduce, _versions()))
        try:
            _, described = calls.next(ends)
        except TimeoutError:
            calls.cancel()
            refused = "".join(f"; {address}: {reason}" for address, reason in self.refused.items())
            raise InputError(f"cluster must have a worker within {self.wait:g} s, got none{refused}") from None
        self._count()
        self.num_at_first = len(self.workers)
        return dict(described)

    @property
    def num_workers(self) -> int:
        """The workers that are connected now."""
        if time.perf_counter() - self.counted > _SECONDS_BETWEEN_COUNTS:
            self._count()
        return len(self.workers)

    def _count(self) -> None:
        now = time.perf_counter()
        for address in self.workers:
            self.present[address] += now - self.counted
        self.counted = now
        with contextlib.suppress(OSError):  # no scheduler answers at the moment
            self.workers = self.client.nthreads()

    @property
    def words(self) -> str:
        """How many workers there are, and which share of their time they work."""
        return f"{plural(self.num_workers, 'worker')} {self._share(*self.present):.0%} busy"

    def _share(self, *workers: str) -> float:
        """Return the share of the time of workers in which they trained."""
        busy, present = (
            (sum(seconds) for seconds in zip(*map(self._seconds, workers), strict=True)) if workers else (0, 0)
        )
        return min(busy / present, 1.0) if present else 0.0

    def _seconds(self, worker: str) -> tuple[float, float]:
        return self.done.get(worker, Done()).seconds, self.present[worker]

    @property
    def details(self) -> list[str]:
        """A line on each worker."""
        lines = [
            f"worker {address}: {plural(done.jobs, 'job')} of {plural(done.lanes, 'lane')} in {done.seconds:.1f} s, "
            f"{self._share(address):.0%} busy, {done.env_steps / max(done.seconds, 1e-9):,.0f} env steps/s, {done.device}"
            for address, done in sorted(self.done.items())
        ]
        lost = [f"{plural(self.num_lost, 'worker')} ended before the sweep"] if self.num_lost else []
        return [*lines, *lost]

    @property
    def place(self) -> str:
        """Where the scheduler is, and its dashboard, which needs an extra."""
        address = self.client.scheduler_info(1)["address"]
        shown = self.client.run_on_scheduler(_has_dashboard)
        install = distribution.install("dask-dashboard")
        dashboard = f"its dashboard at {self.client.dashboard_link}" if shown else f"its dashboard needs {install}"
        return f"cluster at {address} with {plural(self.num_workers, 'worker')}, {dashboard}"

    def add(self, address: str, env_steps: int, seconds: float, lanes: int, device: str) -> None:
        """Note what a worker has done: a job."""
        before = self.done.get(address, Done())
        self.done[address] = Done(
            before.jobs + 1, before.env_steps + env_steps, before.seconds + seconds, lanes, device
        )

    def refuse(self, refusal: Refusal) -> None:
        """Do without a worker that can't train, after a warning."""
        address, reason = refusal.worker, refusal.reason
        if address not in self.refused:
            self.refused[address] = reason
            warnings.warn(f"worker {address} is not used: {reason}", stacklevel=2)
            self.client.set_metadata([REFUSED, refusal.name], reason)
            self.client.run_on_scheduler(_remove, address=address)

    def at_once(self, functions: Sequence[Callable[[], T]], most: int) -> list[T]:
        """Call functions that use the cluster, at most so many at the same time; return their results in order.

        Where one fails, or this is interrupted, the others are stopped as soon as they wait for a worker.
        """
        with concurrent.futures.ThreadPoolExecutor(most) as threads:
            futures = [threads.submit(function) for function in functions]
            try:
                for future in concurrent.futures.as_completed(futures):
                    future.result()
            except BaseException:
                self.is_stopped.set()
                threads.shutdown(cancel_futures=True)
                self.is_stopped.clear()
                raise
        return [future.result() for future in futures]

    def close(self) -> None:
        """Hear no more of the workers."""
        with contextlib.suppress(OSError):  # the scheduler has ended
            for topic in (worker.TOPIC, "all"):
                self.client.unsubscribe_topic(topic)

    def _on_progress(self, event: tuple[float, int]) -> None:
        self.env_steps += event[1]

    def _on_event(self, event: tuple[float, Mapping[str, Any]]) -> None:
        message = event[1]
        if message.get("action") == "remove-worker" and not message.get("expected"):
            self.num_lost += 1


class Calls:
    """Calls that workers make for one caller, and their results as they come."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.finished: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()  # keys and results, or exceptions
        self.sent: dict[str, tuple[Sent, distributed.Future]] = {}

    def __len__(self) -> int:
        return len(self.sent)

    @property
    def is_ready(self) -> bool:
        """Whether a call is finished that `next` has not given."""
        return not self.finished.empty()

    def submit(self, call: Sent) -> None:
        """Have a worker make a call.

        Raises:
            InputError: the scheduler has ended and does not come back.
        """
        self.cluster.reach()
        key = f"{call.function.__name__}-{uuid.uuid4()}"
        preferred = {"workers": [call.worker], "allow_other_workers": True} if call.worker else {}
        future = self.cluster.client.submit(call.function, call.argument, key=key, pure=False, **preferred)
        self.sent[key] = call, future
        assert self.cluster.client.loop is not None  # it has been connected
        self.cluster.client.loop.add_callback(self._fetch, key, future)

    async def _fetch(self, key: str, future: distributed.Future) -> None:
        """Put a call's result with those that are finished when it has come here, which holds up no other."""
        try:
            self.finished.put((key, await future.result()))
        except (Exception, asyncio.CancelledError) as error:
            self.finished.put((key, error))

    def next(self, ends: float | None = None) -> tuple[Any, Any]:
        """Return the label and the result of the next call that is finished.

        The result is an `InputError` where all workers have died that tried.

        Raises:
            TimeoutError: none is finished when the time of `time.monotonic` comes to `ends`.
            InputError: the scheduler has ended and does not come back.
            Stopped: what uses the cluster at the same time has failed.
        """
        while True:
            key, result = self._next_finished(math.inf if ends is None else ends)
            call, future = self.sent.pop(key, (None, None))
            if call is None or future is None:  # it was taken back
                continue
            is_lost = isinstance(result, _LOST) and future.status != "error"  # by no fault of the function
            if isinstance(result, Refusal):
                self.cluster.refuse(result)
            elif not is_lost:
                return call.label, _checked(result)
            self.submit(call)

    def _next_finished(self, ends: float) -> tuple[str, Any]:
        while not self.cluster.is_stopped.is_set():
            try:
                left = max(ends - time.monotonic(), 0.0)
                return self.finished.get(timeout=min(left, _SECONDS_BETWEEN_LOOKS))
            except queue.Empty:
                if time.monotonic() >= ends:
                    raise TimeoutError from None
        raise Stopped

    def free(self) -> None:
        """Send calls again that wait for a worker that has gone, which Dask may not offer to one that comes later."""
        with contextlib.suppress(OSError):
            for key in self.cluster.client.run_on_scheduler(_waiting_keys):
                call, future = self.sent.get(key, (None, None))
                if call is not None and future is not None and call.worker is not None:
                    del self.sent[key]
                    self.cluster.client.cancel([future], force=True)
                    self.submit(call._replace(worker=None))

    def cancel(self) -> None:
        """Take back all calls that are not finished."""
        futures = [future for _, future in self.sent.values()]
        self.sent.clear()
        if futures:
            self.cluster.client.cancel(futures, force=True)


def _checked(result: Any) -> Any:
    """Return a result, or the error of a call under which all workers died; raise any other exception."""
    if isinstance(result, distributed.KilledWorker):
        return InputError(f"a worker must survive its runs, got {result.allowed_failures} that died of them")
    if isinstance(result, BaseException):
        raise result
    return result


def _introduce(versions: Mapping[str, str | None]) -> dict[str, Any] | Refusal:
    """Return the versions and the device of a worker if it can train for the driver."""
    reason = worker.difference(versions)
    return worker.refusal(reason) if reason else worker.describe()


def _versions() -> dict[str, str | None]:
    return {name: provenance.versions()[name] for name in worker.VERSIONS}


@contextlib.contextmanager
def connect(cluster: str, host: str | None, wait: float) -> Iterator[Cluster]:
    """Connect to a cluster, see `hpo.cluster.Address`."""
    check_wait(wait)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # the driver trains nothing
    with contextlib.ExitStack() as stack:
        stack.enter_context(dask.config.set(CONFIG))
        address, folder = _scheduler(cluster, host, stack)
        made = stack.enter_context(client(address, wait))
        connected = Cluster(made, None if folder is None else _own(folder, made, stack), wait)
        stack.callback(connected.close)
        yield connected


def _own(folder: Path, client: distributed.Client, stack: contextlib.ExitStack) -> Path:
    """Return this driver's folder of agents, which ends with it; delete those of drivers that are gone."""
    present = client.run_on_scheduler(_clients)
    for left in folder.glob("*"):
        if left.name not in present:
            shutil.rmtree(left, ignore_errors=True)
    own = folder / client.id
    stack.callback(_delete, own)
    return own


def _clients(dask_scheduler: distributed.Scheduler) -> list[str]:
    return list(dask_scheduler.clients)


def _waiting_keys(dask_scheduler: distributed.Scheduler) -> list[str]:
    return [str(task.key) for task in dask_scheduler.unrunnable]


async def _remove(dask_scheduler: distributed.Scheduler, address: str) -> None:
    """End a worker at once: one that is retired stays where it holds the only copy of a result, as of its refusal."""
    await dask_scheduler.remove_worker(address, stimulus_id=f"{DRIVER}-refuses", expected=True)


def _has_dashboard(dask_scheduler: distributed.Scheduler) -> bool:
    return "dashboard" in dask_scheduler.services and importlib.util.find_spec("bokeh") is not None


def _delete(own: Path) -> None:
    """Delete a driver's folder of agents, and the folder of those of all drivers if it is the last one."""
    shutil.rmtree(own, ignore_errors=True)
    with contextlib.suppress(OSError):
        own.parent.rmdir()


def _scheduler(cluster: str, host: str | None, stack: contextlib.ExitStack) -> tuple[str, Path | None]:
    """Return the address of the scheduler, and the folder that its workers share with the driver."""
    if cluster.startswith(LOCAL):
        return _local(cluster, stack).scheduler_address, None
    if cluster.startswith(SLURM):
        return _slurm(Path(cluster.removeprefix(SLURM)), stack).scheduler_address, None
    if "://" in cluster:
        return checked_address(cluster), None
    path = Path(cluster)
    if path.suffix != ".json":
        raise InputError(f"cluster must be local:N, slurm:FILE, tcp://HOST:PORT or a file .json, got {cluster!r}")
    return _of_file(path, host, stack), path.absolute().parent / "agents"


def _local(cluster: str, stack: contextlib.ExitStack) -> distributed.LocalCluster:
    number = cluster.removeprefix(LOCAL)
    if not number.isdigit() or int(number) < 1:
        raise InputError(f"cluster local:N must have at least 1 worker, got {cluster!r}")
    return _begin(stack, int(number))


def _begin(stack: contextlib.ExitStack, num_workers: int, host: str | None = None) -> distributed.LocalCluster:
    """Begin a scheduler in this process, and workers in processes of their own."""
    try:
        made = distributed.LocalCluster(
            n_workers=num_workers,
            threads_per_worker=1,
            memory_limit=0,
            preload=PRELOAD,
            host=host,
            silence_logs=logging.CRITICAL,
            dashboard_address=":0",
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise InputError(
            f"cluster host must be an address of this machine, got {host!r}: {first_line(_first_cause(error))}"
        ) from error
    return stack.enter_context(made)


def _first_cause(error: BaseException) -> BaseException:
    return error if error.__cause__ is None else _first_cause(error.__cause__)


def _of_file(path: Path, host: str | None, stack: contextlib.ExitStack) -> str:
    """Return the address of the scheduler that a file names; begin one and write the file where none answers."""
    if (address := address_in(path)) and answers(address):
        return address
    made = _begin(stack, 0, host)
    path.parent.mkdir(parents=True, exist_ok=True)
    with distributed.Client(made, set_as_default=False) as client:
        client.write_scheduler_file(path)
    stack.callback(path.unlink, missing_ok=True)  # so that workers know that they are no longer needed
    return str(made.scheduler_address)


def check_wait(wait: float) -> None:
    """Refuse to wait for a time that is none.

    Raises:
        InputError: a negative number of seconds.
    """
    if not wait >= 0:
        raise InputError(f"seconds to wait must be at least 0, got {wait:g}")


def checked_address(address: str) -> str:
    """Return the address of a scheduler if it can be one.

    Raises:
        InputError: it has no host or port, or another scheme than TCP or TLS.
    """
    try:
        host, _ = get_address_host_port(address)
    except ValueError:
        host = ""
    if not host or not address.startswith(("tcp://", "tls://")):
        raise InputError(f"address of a scheduler must be tcp://HOST:PORT or tls://HOST:PORT, got {address!r}")
    return address


def address_in(path: Path) -> str | None:
    """Return the address of the scheduler that a file names; None if there is no such file yet.

    Raises:
        InputError: a file of another kind.
    """
    try:
        return checked_address(str(yaml.safe_load(path.read_text())["address"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
        text = first_line(error) if isinstance(error, OSError | InputError) else "no address"
        raise InputError(f"cluster file {str(path)!r} must name a scheduler: {text}") from error


def answers(address: str) -> bool:
    """Return whether something listens at an address."""
    try:
        socket.create_connection(get_address_host_port(address), _SECONDS_TO_ANSWER).close()
    except (OSError, ValueError):
        return False
    return True


def client(address: str, wait: float) -> distributed.Client:
    """Return a client of a scheduler.

    Raises:
        InputError: it does not answer in time, or asks for a certificate, and Dask's settings name none.
    """
    if address.startswith("tls://") and distributed.Security().get_connection_args("client")["ssl_context"] is None:
        raise InputError(f"scheduler {address} needs a certificate: Dask's settings distributed.comm.tls must name one")
    try:
        return distributed.Client(address, timeout=wait, set_as_default=False)
    except (OSError, ValueError) as error:
        raise InputError(f"scheduler {address} must answer within {wait:g} s, got {first_line(error)}") from error


def _slurm(path: Path, stack: contextlib.ExitStack) -> Any:
    """Begin a scheduler here, and submit Slurm jobs that run workers.

    Raises:
        InputError: a file that can't be read, or settings that dask-jobqueue refuses.
    """
    from dask_jobqueue import SLURMCluster

    if shutil.which(SUBMIT) is None:
        raise InputError(f"cluster slurm:FILE must be used where jobs can be submitted, got no command {SUBMIT!r}")
    try:
        settings = yaml.safe_load(path.read_text())
        num_jobs, more = int(settings.pop("jobs", 1)), settings.pop("worker_extra_args", [])
        if num_jobs < 1:
            raise ValueError(f"jobs must be at least 1, got {num_jobs}")
        made = stack.enter_context(SLURMCluster(worker_extra_args=["--preload", *PRELOAD, *more], **settings))
        made.scale(jobs=num_jobs)
    except (OSError, yaml.YAMLError, AttributeError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"cluster file {str(path)!r} must have settings of a Slurm job, got {first_line(error)}"
        ) from error
    return made
