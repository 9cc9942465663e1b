"""What a worker does: it trains jobs, and keeps runners with their compiled programs, and the agents it trained last."""

import collections
import functools
import os
import threading
import time
from collections.abc import Mapping
from typing import Any

import distributed
import jax

from arl import algorithms, files
from arl import config as configs
from arl.errors import InputError
from arl.records import user_files
from arl.training import backend, provenance, saved_agents
from arl.training.programs import Lanes
from arl.training.runner import Agent, Curve, Report, Run, Runner
from arl.training.saved_agents import SavedAgent
from envs import vector
from hpo.cluster.jobs import Job, JobResult, JobRun, Refusal, Setup, StoredAgent, TrainedRun
from hpo.results import run_record

SMALL = 2**20  # bytes of an agent up to which it returns to the driver
TOPIC = "arl-env-steps"  # of the events in which workers tell how many env steps they have trained
VERSIONS = ("arl", "jax")  # packages whose versions must be the driver's
_SECONDS_BETWEEN_EVENTS = 1.0
_NUM_RUNNERS = 4


def dask_setup(worker: distributed.Worker) -> None:
    """Prepare a worker's process; Dask calls it where it preloads this module.

    XLA gets a pool of one thread, as a worker has one core. With jax 0.10.1 and two threads, a program that decomposes
    matrices may wait for ever, though nothing else runs in the process: 2 of 6 sweeps with two workers on two cores, none
    of 10 with one thread.
    """
    os.environ.setdefault("PJRT_NPROC", "1")


def describe() -> dict[str, Any]:
    """Return the versions and the device of this process."""
    return provenance.now()


def difference(versions: Mapping[str, str | None]) -> str | None:
    """Return in one line which version is not the driver's; None if all are."""
    here = provenance.versions()
    different = (name for name, version in versions.items() if here[name] != version)
    return next((f"{name} must be the driver's {versions[name]}, got {here[name]}" for name in different), None)


def refusal(reason: str) -> Refusal:
    """Return this worker's refusal."""
    worker = distributed.get_worker()
    return Refusal(worker.address, reason, str(worker.name))


def train(job: Job) -> JobResult | Refusal:
    """Train a job's runs."""
    started = time.perf_counter()
    if reason := _unfit(job.setup):
        return refusal(reason)
    try:
        runner = _runner(job.setup.algorithm, job.setup.env, job.setup.num_episodes, job.setup.lanes)
    except InputError as error:  # the driver has made the same env: an extra is missing here
        return refusal(str(error))
    compiled = runner.report.compile_seconds
    outcomes = _train(runner, [_run(runner, run) for run in job.runs])
    trained = [_trained(job.setup, run, outcome) for run, outcome in zip(job.runs, outcomes, strict=True)]
    compile_seconds, busy = runner.report.compile_seconds - compiled, time.perf_counter() - started
    costs = {"compile": compile_seconds, "train": busy - compile_seconds, "busy": busy}
    return JobResult(distributed.get_worker().address, describe()["device"], trained, costs)


def _unfit(setup: Setup) -> str | None:
    """Return in one line why this worker can't train; None if it can."""
    if reason := difference(setup.versions):
        return reason
    backend.setup()
    if (here := jax.default_backend()) != setup.backend:
        return f"backend must be the sweep's {setup.backend}, got {here}"
    checksums = user_files.checksums(setup.sources)
    changed = (name for name, checksum in setup.user_files.items() if checksums.get(name) != checksum)
    return next((f"file {name!r} must be the driver's, got none or another" for name in changed), None)


@functools.lru_cache(_NUM_RUNNERS)
def _runner(algorithm: str, env: str, num_episodes: int, lanes: Lanes) -> Runner:
    made = algorithms.get(algorithm), vector.make(env)
    return Runner(*made, 1, 1, num_episodes, lanes, may_halve=True, workers=jax.local_devices()[:1])


def _train(runner: Runner, runs: list[Run]) -> list[Curve | InputError]:
    """Return the outcomes of runs in their order; tell the driver of env steps meanwhile."""
    tell, outcomes = _Telling(runner.report), dict[int, Curve | InputError]()
    for block in runner.train(runs, tell):
        outcomes.update(block)
    tell(runner.report, now=True)
    return [outcomes[i] for i in range(len(runs))]


class _Telling:
    """Tells the driver of env steps, once a second at most."""

    def __init__(self, report: Report):
        self.env_steps, self.last = report.env_steps, time.perf_counter()

    def __call__(self, report: Report, now: bool = False) -> None:
        if now or time.perf_counter() - self.last > _SECONDS_BETWEEN_EVENTS:
            distributed.get_worker().log_event(TOPIC, report.env_steps - self.env_steps)
            self.env_steps, self.last = report.env_steps, time.perf_counter()


def _run(runner: Runner, run: JobRun) -> Run:
    config = configs.make(runner.algorithm.Config, run.config)
    parent = None if run.parent is None else _agents.get(run.parent)
    return Run(config, run.seed, run.points, parent, run.env_params)


def _trained(setup: Setup, run: JobRun, outcome: Curve | InputError) -> TrainedRun | str:
    if isinstance(outcome, InputError):
        return str(outcome)
    lanes = outcome.agent.lanes or setup.lanes
    record = run_record(run.seed, outcome, setup.worst, {**describe(), **lanes._asdict()})
    return TrainedRun(record, None if run.agent is None else _stored(setup, run, run.agent, outcome.agent, lanes))


def _stored(setup: Setup, run: JobRun, key: str, agent: Agent, lanes: Lanes) -> StoredAgent:
    """Return an agent for the driver; one that is large is written to the folder that all workers share."""
    config = configs.make(algorithms.get(setup.algorithm).Config, run.config)
    saved = SavedAgent(setup.algorithm, setup.env, config, run.env_params, run.seed, agent.env_steps, agent.state)
    _agents.keep(key, _alone(saved.state, agent.env_steps, agent.diverged, lanes))
    data = saved_agents.packed(saved)
    worker = distributed.get_worker().address
    if setup.folder is None or len(data) <= SMALL:
        return StoredAgent(key, agent.env_steps, agent.diverged, lanes, data, worker)
    path = files.write_bytes(setup.folder / f"{key}.agent", data)
    return StoredAgent(key, agent.env_steps, agent.diverged, lanes, path, worker)


def _alone(state: Any, env_steps: int, diverged: bool, lanes: Lanes) -> Agent:
    """Return an agent in a block of its own."""
    return Agent(env_steps, jax.tree.map(lambda x: x[None, None], state), (0, 0), diverged, lanes)


class _Agents:
    """The agents that this process trained or read last, as far as its memory for agents goes; threads may share them."""

    def __init__(self) -> None:
        self.kept: collections.OrderedDict[str, Agent] = collections.OrderedDict()
        self.lock = threading.Lock()

    def get(self, stored: StoredAgent) -> Agent:
        """Return an agent, read from its bytes if it is not kept here."""
        with self.lock:
            agent = self.kept.get(stored.key)
        if agent is None:
            state = saved_agents.unpacked(stored.read()).state
            agent = _alone(state, stored.env_steps, stored.diverged, stored.lanes)
        self.keep(stored.key, agent)
        return agent

    def keep(self, key: str, agent: Agent) -> None:
        """Keep an agent; drop those that were used longest ago while all take too much memory, but never this one."""
        memory = backend.agent_bytes()
        with self.lock:
            self.kept[key] = agent
            self.kept.move_to_end(key)
            used = sum(kept.num_bytes for kept in self.kept.values())
            while used > memory and len(self.kept) > 1:
                used -= self.kept.popitem(last=False)[1].num_bytes


_agents = _Agents()
