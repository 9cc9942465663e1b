"""The objective that trains: trials are lanes of few compiled programs."""

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import jax

from arl import config as configs
from arl import spaces
from arl.errors import InputError, refusal
from arl.records.store import FAILED, Outcome, RunRecord, TrialRecord
from arl.training import backend, provenance, saved_agents
from arl.training.programs import Lanes
from arl.training.runner import Agent, Curve, Run, Runner, apart
from arl.training.saved_agents import SavedAgent
from hpo.objectives.base import Objective, OnSegment, ignore
from hpo.results import run_record, trial_record
from hpo.tasks import Task
from hpo.trial import Trial, TunerError


class Training(Objective):
    """Trains each trial under its seeds, as lanes of few compiled programs.

    Agents stay in memory while there is room, for trials that go on from them: not those of the full fidelity, which none
    does. One that was dropped, or whose process ended, is trained again from its lineage, which gives the same agent.

    Args:
        batch: how many trials are asked for at a time; lanes are as many as these need.
        runner: that of another objective of the same task, seeds and batch, whose programs need not be compiled again.
        agent_memory: bytes of agents that are kept on each device; by default a share of its memory.
        keep_finished: keep agents of the full fidelity as well, for `agents_of`.
    """

    shares_runs: ClassVar[bool] = True

    def __init__(
        self,
        task: Task,
        seeds: Sequence[int],
        batch: int = 1,
        runner: Runner | None = None,
        agent_memory: int | None = None,
        keep_finished: bool = False,
    ):
        super().__init__(task, seeds, batch)
        self.check_task(task)
        backend.setup()
        self.algorithm = task.algorithm
        self.runner = runner or self._runner(batch)
        self.agent_memory = backend.agent_bytes() if agent_memory is None else agent_memory
        self.keep_finished = keep_finished
        self.trials: dict[int, Trial] = {}
        self.agents: dict[tuple[int, int], Agent] = {}  # by trial and seed
        self.needed: set[tuple[int, int]] = set()  # agents that the trials at hand go on from

    @classmethod
    def check_task(cls, task: Task) -> None:
        """Refuse the task of an imported landscape.

        Raises:
            InputError: the task is imported.
        """
        if task.imported:
            raise InputError(
                f"task {task.name} is imported: objective must be table, exact, pool or surrogate, got training"
            )

    @property
    def min_fidelity(self) -> int:
        """Env steps within which every config of the space has an iteration."""
        return self.task.min_fidelity

    @property
    def mutable(self) -> frozenset[str]:
        """The tuned hyperparameters that may change while an agent is trained."""
        return self.task.mutable

    def fresh(self, seeds: Sequence[int] | None = None) -> "Training":
        """Return an objective with the same compiled programs that has seen no trial.

        `seeds`: by default those of this one.
        """
        return type(self)(self.task, self.seeds if seeds is None else seeds, self.batch, self.runner, self.agent_memory)

    def _runner(self, batch: int) -> Runner:
        task, num_alike = self.task, max(1, batch // self._num_structures())
        return Runner(self.algorithm, task.env, num_alike, len(self.seeds), task.num_episodes)

    def _num_structures(self) -> int:
        """Return into how many groups the configs of the space fall at most; lanes of one program are of one group."""
        kinds, space = configs.kinds(self.algorithm.Config), self.task.space
        apart = (space[name] for name in space if kinds.get(name, "traced") != "traced")
        return math.prod(int(hyperparameter.size) for hyperparameter in apart)

    def remember(self, trials: Sequence[Trial]) -> None:
        """Take note of trials that are already on record, so that others can go on from them."""
        self.trials.update({trial.id: trial for trial in trials})

    def check(self) -> None:
        """Refuse a task on which every trial would fail, whatever a tuner asks for.

        Raises:
            InputError: the default config can't be trained, for a reason that no tuned hyperparameter changes.
        """
        near_default = spaces.near_default(self.task.space)
        reasons = (self._failure(Trial(-1, config, self.task.fidelity)) for config in near_default)
        reason = next(reasons)
        if reason is not None and all(other == reason for other in reasons):
            raise InputError(reason)

    def evaluate(self, trials: Sequence[Trial], on_segment: OnSegment = ignore) -> Iterator[TrialRecord]:
        """Train the trials; yield each one's record as soon as all its seeds are done.

        A trial whose config can't be trained, or not at its fidelity, fails: that is a result, and the others go on.

        Raises:
            TunerError: a config that changes what must stay as it is in the parent's agent.
        """
        self.remember(trials)
        self.needed = {
            (trial.parent, seed) for trial in trials if trial.parent is not None for seed in self.seeds_of(trial)
        }
        self._revive(sorted(self.needed), on_segment)
        failures = {trial.id: reason for trial in trials if (reason := self._failure(trial)) is not None}
        trainable = [trial for trial in trials if trial.id not in failures]
        self._check_changes(trainable)
        yield from (self._failed(trial, failures[trial.id]) for trial in trials if trial.id in failures)
        waiting: dict[int, dict[int, RunRecord | InputError]] = {trial.id: {} for trial in trainable}
        for trial, seed, curve in self._train(trainable, on_segment):
            waiting[trial.id][seed] = curve if isinstance(curve, InputError) else self._run_record(seed, curve)
            if len(waiting[trial.id]) == len(self.seeds_of(trial)):
                yield self._record(trial, waiting.pop(trial.id))

    def costs(self) -> dict[str, float]:
        """Return the seconds spent so far by phase, per worker."""
        report, num_workers = self.runner.report, len(self.runner.workers)
        return {"compile": report.compile_seconds / num_workers, "train": report.train_seconds / num_workers}

    def provenance(self) -> dict[str, Any]:
        """Return the versions, the device and the lanes that a run is trained with if these fit in memory."""
        return self._made_with(self.runner.lanes)

    def _made_with(self, lanes: Lanes) -> dict[str, Any]:
        return {**provenance.now(), **lanes._asdict()}

    def agents_of(self, trial_id: int) -> dict[int, Agent]:
        """Return the agents of a trial by seed."""
        self._revive([(trial_id, seed) for seed in self.seeds_of(self.trials[trial_id])], ignore)
        return {seed: self.agents[trial_id, seed] for seed in self.seeds_of(self.trials[trial_id])}

    def save_agents(self, trial_id: int, paths: Mapping[int, Path]) -> None:
        """Save the agents of a trial, each to the path of its seed; one that is no longer in memory is trained again."""
        task, config = self.task, self.trials[trial_id].config
        full, params = task.full(config), task.env_params(config)
        for seed, agent in self.agents_of(trial_id).items():
            saved = SavedAgent(task.algorithm_name, task.env_name, full, params, seed, agent.env_steps, agent.state)
            saved_agents.save(paths[seed], saved)

    def _train(self, trials: Sequence[Trial], on_segment: OnSegment) -> Iterator[tuple[Trial, int, Curve | InputError]]:
        pairs = [(trial, seed) for trial in trials for seed in self.seeds_of(trial)]
        for block in self.runner.train([self._run(trial, seed) for trial, seed in pairs], on_segment):
            of_block = [(*pairs[i], curve) for i, curve in block]
            trained = [(trial, seed, curve.agent) for trial, seed, curve in of_block if isinstance(curve, Curve)]
            self._keep({(trial.id, seed): agent for trial, seed, agent in trained if self._may_be_needed(trial, seed)})
            yield from of_block

    def _run(self, trial: Trial, seed: int) -> Run:
        params = self.task.env_params(trial.config)
        if trial.parent is None:
            return Run(self._from_scratch(trial), seed, self.task.points(trial.fidelity), env_params=params)
        points = self.task.points(trial.fidelity, self.trials[trial.parent].fidelity)
        return Run(self.task.full(trial.config), seed, points, self._agent(trial.parent, seed), params)

    def _agent(self, trial_id: int, seed: int) -> Agent:
        """Return the agent of a trial that another trial goes on from."""
        return self.agents[trial_id, seed]

    def _from_scratch(self, trial: Trial) -> Any:
        """Return the complete config of a trial without a parent, and the number of its networks if the algorithm has one."""
        numbered = trial.network_seed > 0 and "network_seed" in configs.kinds(self.algorithm.Config)
        return self.task.full({**trial.config, **({"network_seed": trial.network_seed} if numbered else {})})

    def _failure(self, trial: Trial) -> str | None:
        """Return why a trial can't be trained, in one line, or None if it can."""
        return refusal(lambda: self.runner.check(self._run(trial, self.seeds_of(trial)[0])))

    def _check_changes(self, trials: Sequence[Trial]) -> None:
        """Refuse a trial that changes a hyperparameter of its parent's which can't change while an agent is trained."""
        for trial in trials:
            if changed := self._changed_for_good(trial):
                name, before, now = changed
                raise TunerError(
                    f"trial {trial.id} can't go on from trial {trial.parent} with another {name}: it must stay as it is "
                    f"while an agent is trained, {before!r}, got {now!r}"
                )

    def _changed_for_good(self, trial: Trial) -> tuple[str, Any, Any] | None:
        """Return the first hyperparameter that can't change in mid-run and is not the parent's, its value and the trial's."""
        if trial.parent is None:
            return None
        full = (self.task.full(config) for config in (self.trials[trial.parent].config, trial.config))
        before, now = (configs.values(self.algorithm.canonical(config)) for config in full)
        fixed = (name for name in before if name not in configs.mutable(self.algorithm.Config))
        return next(((name, before[name], now[name]) for name in fixed if before[name] != now[name]), None)

    def _revive(self, parents: Sequence[tuple[int, int]], on_segment: OnSegment) -> None:
        """Train those parents again whose agents are no longer kept, or on a device that failed, the eldest first.

        `parents`: trials and seeds.
        """
        self.needed.update(parents)
        self.agents = {key: agent for key, agent in self.agents.items() if agent.device not in self.runner.lost}
        lost: dict[int, list[int]] = {}
        for trial_id, seed in dict.fromkeys(parents):
            if (trial_id, seed) not in self.agents:
                lost.setdefault(trial_id, []).append(seed)
        if lost:
            trials = [dataclasses.replace(self.trials[i], seeds=tuple(seeds)) for i, seeds in lost.items()]
            parents = [(trial.parent, seed) for trial in trials if trial.parent is not None for seed in lost[trial.id]]
            self._revive(parents, on_segment)
            for _, _, curve in self._train(trials, on_segment):
                if isinstance(curve, InputError):  # it was trained where there was more memory
                    raise curve

    def _may_be_needed(self, trial: Trial, seed: int) -> bool:
        return self.keep_finished or (trial.id, seed) in self.needed or trial.fidelity < self.task.fidelity

    def _keep(self, agents: Mapping[tuple[int, int], Agent]) -> None:
        """Keep the agents of a block; while those of its device take too much memory, drop the oldest.

        Agents that a trial at hand goes on from stay. Agents of one block share its memory: it is free when the last of them
        is dropped, or when those that stay are taken out of it.
        """
        droppable = [key for key in self.agents if key not in self.needed and key not in agents]
        self.agents.update(agents)
        for device in {agent.device for agent in agents.values()}:
            self._make_room(device, [key for key in droppable if self.agents[key].device == device])

    def _make_room(self, device: jax.Device, droppable: Sequence[tuple[int, int]]) -> None:
        kept = {key: agent for key, agent in self.agents.items() if agent.device == device}
        if _block_bytes(kept.values()) <= self.agent_memory:
            return
        used = sum(agent.num_bytes for agent in kept.values())
        for key in droppable:
            if used <= self.agent_memory:
                break
            used -= kept.pop(key).num_bytes
            del self.agents[key]
        if _block_bytes(kept.values()) > self.agent_memory:
            self.agents.update(_apart(kept))

    def _record(self, trial: Trial, runs: Mapping[int, RunRecord | InputError]) -> TrialRecord:
        """Return the record of a trial: a failure if one of its runs could not be trained."""
        errors = [str(run) for run in runs.values() if isinstance(run, InputError)]
        trained = [run for seed in self.seeds_of(trial) if isinstance(run := runs[seed], RunRecord)]
        return self._failed(trial, errors[0]) if errors else trial_record(trial, trained)

    def _run_record(self, seed: int, curve: Curve) -> RunRecord:
        made_with = self._made_with(curve.agent.lanes or self.runner.lanes)
        return run_record(seed, curve, self.task.return_range[0], made_with)

    def _failed(self, trial: Trial, reason: str) -> TrialRecord:
        """Return the record of a trial that can't be trained: the worst score, at no cost."""
        worst, made_with, outcome = self.task.return_range[0], self.provenance(), Outcome(error=reason)
        runs = [RunRecord(seed, FAILED, worst, 0, 0.0, made_with, [], outcome) for seed in self.seeds_of(trial)]
        return trial_record(trial, runs)


def _block_bytes(agents: Iterable[Agent]) -> int:
    """Return the memory of all blocks that hold some of the agents."""
    return sum({id(agent.block): agent.block_bytes for agent in agents}.values())


def _apart(agents: Mapping[tuple[int, int], Agent]) -> dict[tuple[int, int], Agent]:
    """Return agents in blocks of their own, if theirs hold more than twice as many lanes."""
    by_block: dict[int, dict[tuple[int, int], Agent]] = {}
    for key, agent in agents.items():
        by_block.setdefault(id(agent.block), {})[key] = agent
    mostly_free = [
        some for some in by_block.values() if _block_bytes(some.values()) > 2 * sum(x.num_bytes for x in some.values())
    ]
    return {key: agent for some in mostly_free for key, agent in apart(some).items()}
