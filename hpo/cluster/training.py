"""The objective that trains on a cluster: runs go out as jobs, records come back as they finish."""

import functools
import math
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from arl import config as configs
from arl import files
from arl.errors import InputError, refusal
from arl.records import user_files
from arl.records.store import RunRecord, TrialRecord
from arl.training import backend
from arl.training.programs import Lanes
from arl.training.runner import Agent, Run, Runner, balanced
from hpo import tasks
from hpo.cluster import worker
from hpo.cluster.connection import Calls, Cluster, Sent
from hpo.cluster.jobs import Job, JobResult, JobRun, Setup, StoredAgent, TrainedRun
from hpo.objectives.base import OnSegment, ignore
from hpo.objectives.training import Training
from hpo.tasks import Task
from hpo.trial import Trial

RunId = tuple[int, int]  # trial and seed
_SECONDS_BETWEEN_LOOKS = 1.0


class ClusterTraining(Training):
    """Trains trials as `Training` does, on the workers of a cluster, and gives the same numbers.

    Trials can be added while others are trained: `start` sends them out, `wait` gives those that are finished.

    Agents return to the driver, which sends them along with the runs that go on from them, to any worker; large ones are
    files in the folder that all workers share. What exceeds the driver's memory for agents is dropped, oldest first, and
    trained again where it is needed.

    Attributes:
        num_trained_again: runs whose agent was no longer kept.
        num_workers: those that were there when trials were last asked for as there was room; infinity before.
    """

    def __init__(
        self,
        task: Task,
        seeds: Sequence[int],
        batch: int,
        cluster: Cluster,
        runner: Runner | None = None,
        agent_memory: int | None = None,
        keep_finished: bool = False,
    ):
        self.cluster = cluster
        super().__init__(task, seeds, batch, runner, agent_memory, keep_finished)
        self.id = uuid.uuid4().hex
        self.calls = Calls(cluster)
        self.stored: dict[RunId, StoredAgent] = {}
        self.queued: dict[RunId, Trial] = {}
        self.sent: dict[RunId, Trial] = {}
        self.unfinished: dict[int, dict[int, RunRecord | InputError]] = {}
        self.finished: list[TrialRecord] = []
        self.seconds: dict[str, float] = {"compile": 0.0, "train": 0.0}
        self.num_trained_again = 0
        self.num_workers = math.inf

    def fresh(self, seeds: Sequence[int] | None = None) -> "ClusterTraining":
        chosen = self.seeds if seeds is None else seeds
        return type(self)(self.task, chosen, self.batch, self.cluster, self.runner, self.agent_memory)

    @functools.cached_property
    def setup(self) -> Setup:
        """What all jobs have in common, which depends on the workers: the first one is waited for.

        The lanes are those of this machine, or of the workers' kind of device.
        """
        task, kind = self.task, self.cluster.description["backend"]
        if kind != backend.describe()["backend"]:
            configs_alike = max(1, self.batch // self._num_structures())
            most = backend.lanes_per_worker(kind)
            self.runner.lanes = balanced(configs_alike, len(self.seeds), self.cluster.num_at_first, most)
        sources = tuple(tasks.sources(task))
        return Setup(
            algorithm=task.algorithm_name,
            env=task.env_name,
            num_episodes=task.num_episodes,
            worst=task.return_range[0],
            lanes=self.runner.lanes,
            versions={name: self.cluster.description[name] for name in worker.VERSIONS},
            backend=kind,
            sources=sources,
            user_files=user_files.checksums(sources),
            folder=self.cluster.folder,
        )

    def provenance(self) -> dict[str, Any]:
        return self._made_with(self.setup.lanes)

    def _made_with(self, lanes: Lanes) -> dict[str, Any]:
        return {**self.cluster.description, **lanes._asdict()}

    def costs(self) -> dict[str, float]:
        num_workers = max(1, self.cluster.num_workers)
        return {phase: seconds / num_workers for phase, seconds in self.seconds.items()}

    def room(self) -> int:
        """Return how many more trials keep all workers busy."""
        self.num_workers = num_workers = self.cluster.num_workers
        lanes = max(1, num_workers) * self.runner.lanes.number
        free = lanes - len(self.sent) - len(self.queued)
        return max(0, -(-free // len(self.seeds)))

    def evaluate(self, trials: Sequence[Trial], on_segment: OnSegment = ignore) -> Iterator[TrialRecord]:
        self.start(trials)
        try:
            while self.unfinished or self.finished:
                yield from self.wait(on_segment)
        finally:
            self.stop()

    def start(self, trials: Sequence[Trial]) -> None:
        """Train trials, beside those that are being trained.

        Raises:
            TunerError: a config that changes what must stay as it is in the parent's agent.
        """
        self.remember(trials)
        self._check_changes(trials)
        for trial in trials:
            self.unfinished[trial.id] = {}
            self.queued.update({(trial.id, seed): trial for seed in self.seeds_of(trial)})
        self._send()

    def wait(self, on_segment: OnSegment = ignore) -> list[TrialRecord]:
        """Return all trials that have finished since; none if more workers have come than trials were asked for.

        Raises:
            InputError: the scheduler has ended and does not come back.
        """
        while self.calls.is_ready or not (self.finished or self.cluster.num_workers > self.num_workers):
            self._take_next(on_segment)
        records, self.finished = self.finished, []
        return records

    def stop(self) -> None:
        """Give up the trials that are not finished."""
        self.calls.cancel()
        for runs in (self.queued, self.sent, self.unfinished):
            runs.clear()

    def save_agents(self, trial_id: int, paths: Mapping[int, Path]) -> None:
        self._revive([(trial_id, seed) for seed in paths], ignore)
        for seed, path in paths.items():
            files.write_bytes(path, self.stored[trial_id, seed].read())

    def _revive(self, parents: Sequence[RunId], on_segment: OnSegment) -> None:
        """Train those again whose agents are no longer kept."""
        self.needed = set(parents)
        self._queue_lost(parents)
        self._send()
        while self.sent:
            self._take_next(on_segment)

    def _take_next(self, on_segment: OnSegment) -> None:
        """Take the next result, and send out what has waited for it; do nothing if none comes within a moment."""
        try:
            runs, result = self.calls.next(time.monotonic() + _SECONDS_BETWEEN_LOOKS)
        except TimeoutError:
            self.calls.free()
            on_segment(self.cluster)
            return
        if isinstance(result, JobResult):
            self._note(result)
        outcomes = result.runs if isinstance(result, JobResult) else [str(result)] * len(runs)
        for run, outcome in zip(runs, outcomes, strict=True):
            self._finish(run, self.sent.pop(run), outcome)
        self._drop_oldest()
        self._send()
        on_segment(self.cluster)

    def _note(self, result: JobResult) -> None:
        """Add what a job has cost."""
        env_steps = sum(run.record.env_steps for run in result.runs if isinstance(run, TrainedRun))
        self.cluster.add(result.worker, env_steps, result.costs["busy"], self.setup.lanes.number, result.device)
        for phase in self.seconds:
            self.seconds[phase] += result.costs[phase]

    def _finish(self, run: RunId, trial: Trial, outcome: TrainedRun | str) -> None:
        """Keep a run's agent; give the record of its trial if all its runs are finished.

        Raises:
            InputError: an agent that was trained before can't be trained again.
        """
        if isinstance(outcome, TrainedRun) and outcome.agent is not None:
            self.stored[run] = outcome.agent
        if trial.id not in self.unfinished:  # only its agent was needed
            if isinstance(outcome, str):
                raise InputError(f"trial {trial.id} must be trained again for those that go on from it: {outcome}")
            return
        runs = self.unfinished[trial.id]
        runs[run[1]] = InputError(outcome) if isinstance(outcome, str) else outcome.record
        if len(runs) == len(self.seeds_of(trial)):
            self.finished.append(self._record(trial, self.unfinished.pop(trial.id)))

    def _send(self) -> None:
        """Send out those queued runs whose parents' agents are stored, as jobs of one block each."""
        if not self.queued:
            return
        self._queue_lost([_parent(run, trial) for run, trial in self.queued.items()])
        parents = {run: _parent(run, trial) for run, trial in self.queued.items()}
        ready = [run for run, parent in parents.items() if parent is None or parent in self.stored]
        trainable: dict[RunId, Run] = {}
        for run in ready:
            self.sent[run] = trial = self.queued.pop(run)
            made = self._run(trial, run[1])
            if reason := refusal(functools.partial(self.runner.check, made)):
                self._finish(run, self.sent.pop(run), reason)
            else:
                trainable[run] = made
        runs = list(trainable)
        self.runner.lanes = self.setup.lanes
        for block in self.runner.plan(list(trainable.values())):
            self._send_job({runs[i]: trainable[runs[i]] for i in block})

    def _queue_lost(self, needed: Sequence[RunId | None]) -> None:
        """Queue runs whose agents are needed and no longer kept, and those that they go on from in turn."""
        for run in needed:
            if run is None:
                continue
            self.needed.add(run)
            if run not in self.stored and run not in self.queued and run not in self.sent:
                self.num_trained_again += 1
                self.queued[run] = self.trials[run[0]]
                self._queue_lost([_parent(run, self.queued[run])])

    def _send_job(self, runs: Mapping[RunId, Run]) -> None:
        job = Job(self.setup, [self._job_run(run, made) for run, made in runs.items()])
        parents = (run.parent for run in job.runs)
        preferred = next((parent.worker for parent in parents if parent is not None), None)
        self.calls.submit(Sent(worker.train, job, list(runs), preferred))

    def _job_run(self, run: RunId, made: Run) -> JobRun:
        trial, seed = self.sent[run], run[1]
        parent = _parent(run, trial)
        return JobRun(
            config=configs.values(made.config),
            seed=seed,
            points=made.points,
            env_params=made.env_params,
            parent=None if parent is None else self.stored[parent],
            agent=f"{self.id}-{trial.id}-{seed}" if self._may_be_needed(trial, seed) else None,
        )

    def _agent(self, trial_id: int, seed: int) -> Agent:
        """Return what a run is planned by that goes on from a stored agent, which stands in the place of its block."""
        stored = self.stored[trial_id, seed]
        return Agent(stored.env_steps, stored, (0, 0), stored.diverged, stored.lanes)

    def _drop_oldest(self) -> None:
        """Drop the oldest agents that no queued run goes on from, while all take too much memory."""
        used = sum(agent.num_bytes for agent in self.stored.values())
        waited_for = {_parent(run, trial) for run, trial in self.queued.items()}
        for run in [run for run in self.stored if run not in waited_for]:
            if used <= self.agent_memory:
                break
            used -= self.stored.pop(run).num_bytes


def _parent(run: RunId, trial: Trial) -> RunId | None:
    """Return the run that a trial's run goes on from."""
    return None if trial.parent is None else (trial.parent, run[1])
