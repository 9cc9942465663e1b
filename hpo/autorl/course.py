"""Training of agents in intervals, side by side: the part that all AutoRL environments share."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from arl.errors import InputError, refusal, unknown
from arl.scalars import Scalar
from arl.training.runner import Agent, Curve, Run, Runner
from hpo import tasks
from hpo.autorl import schedules
from hpo.autorl.codec import ActionCodec
from hpo.autorl.observations import Observer

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

REWARDS = ("gain", "final")


@dataclasses.dataclass
class Episode:
    """The state of one agent's training; `config` and `agent` are those of its last interval."""

    seed: int
    observation: np.ndarray
    interval: int = 0
    score: float = math.nan
    over: bool = False
    config: dict[str, Scalar] = dataclasses.field(default_factory=dict)
    agent: Agent | None = None


class Step(NamedTuple):
    """Reward and info of one agent's step; the observation is in its `Episode`."""

    reward: float
    info: dict[str, Any]


class Course:
    """The training of agents of one task in intervals of equal length.

    Args:
        num_envs: how many agents are trained side by side.
        space, fidelity: space preset, and env steps of a full run, of a task that is given by name.
        fixed, flat: see `ActionCodec`.
        reward: `gain`, the return after an interval minus the return before it, or `final`, the last return at the end.
        seeds: seeds of agents; each episode draws one of them.

    Raises:
        InputError: a task without hyperparameters to change, or intervals shorter than an iteration.
    """

    def __init__(
        self,
        task: str | tasks.Task,
        num_intervals: int,
        num_envs: int,
        space: str,
        fidelity: int | None,
        fixed: Mapping[str, Scalar],
        flat: bool,
        reward: str,
        seeds: Sequence[int],
    ):
        self.task = tasks.get(task, space, fidelity) if isinstance(task, str) else task
        self.num_intervals, self.num_envs, self.reward, self.seeds = num_intervals, num_envs, reward, tuple(seeds)
        self._check_arguments()
        self.codec = ActionCodec(self.task, fixed, flat)
        self.observer = Observer(self.task.algorithm.METRICS, self.task.return_range)
        self.runner = self._runner()

    def _check_arguments(self) -> None:
        if self.reward not in REWARDS:
            raise unknown("reward", self.reward, REWARDS)
        if self.num_envs < 1:
            raise InputError(f"num_envs must be at least 1, got {self.num_envs}")
        if not self.seeds or min(self.seeds) < 0:
            raise InputError(f"seeds must be at least one seed, none below 0, got {self.seeds}")

    def _runner(self) -> Runner:
        task, configs = self.task, [self.codec.full(config) for config in self.codec.extremes()]
        schedules.check_intervals(task.algorithm, configs, task.fidelity, self.num_intervals)
        runner = Runner(task.algorithm, task.env, 1, self.num_envs, task.num_episodes)
        runner.check(Run(configs[0], 0, (self.end(0),)))
        return runner

    def end(self, interval: int) -> int:
        """Return the env steps at the end of an interval."""
        return self.task.fidelity * (interval + 1) // self.num_intervals

    def start(self, generator: np.random.Generator) -> Episode:
        """Return an episode with an untrained agent, whose seed the generator draws."""
        seed = self.seeds[generator.integers(len(self.seeds))]
        return Episode(seed, self.observer.untrained())

    def advance(self, episodes: Sequence[Episode], actions: Sequence[Any]) -> list[Step]:
        """Train all agents side by side for their next interval, and update their episodes."""
        configs = [self.codec.config(action) for action in actions]
        runs = [self._run(episode, config) for episode, config in zip(episodes, configs, strict=True)]
        errors = {i: error for i, run in enumerate(runs) if (error := self._refusal(run)) is not None}
        trainable = [i for i in range(len(runs)) if i not in errors]
        blocks = self.runner.train([runs[i] for i in trainable])
        outcomes = {trainable[i]: outcome for block in blocks for i, outcome in block}
        curves = {i: curve for i, curve in outcomes.items() if isinstance(curve, Curve)}
        errors |= {i: str(error) for i, error in outcomes.items() if isinstance(error, InputError)}
        return [self._finish(episode, configs[i], curves.get(i), errors.get(i)) for i, episode in enumerate(episodes)]

    def _run(self, episode: Episode, config: Mapping[str, Scalar]) -> Run:
        """Return the training of the next interval; the first one also evaluates the untrained agent."""
        first = (0,) if episode.agent is None else ()
        points = (*first, self.end(episode.interval))
        return Run(self.codec.full(config), episode.seed, points, episode.agent, self.codec.task.env_params(config))

    def _refusal(self, run: Run) -> str | None:
        return refusal(lambda: self.runner.check(run))

    def _finish(self, episode: Episode, config: dict[str, Scalar], curve: Curve | None, error: str | None) -> Step:
        """Update an episode after an interval; `curve` is None if the agent could not be trained, and `error` says why."""
        worst = float(self.task.return_range[0])
        failed = curve is None or curve.diverged
        score = worst if curve is None or failed else float(curve.return_mean[-1])
        before = episode.score if episode.agent is not None else _untrained_score(curve, worst)
        episode.interval, episode.config, episode.score = episode.interval + 1, config, score
        episode.agent = episode.agent if curve is None else curve.agent
        episode.over = failed or episode.interval == self.num_intervals
        episode.observation = self.observer.observe(episode.interval / self.num_intervals, curve)
        info = {
            "seed": episode.seed,
            "status": "failed" if curve is None else "diverged" if failed else "completed",
            "score": score,
            "env_steps": episode.agent.env_steps if episode.agent else 0,
            "config": config,
            **({"error": error} if error is not None else {}),
        }
        return Step(self._reward(score, before, episode.over), info)

    def _reward(self, score: float, before: float, over: bool) -> float:
        if self.reward == "gain":
            return score - before
        return score if over else 0.0

    def settings(self) -> dict[str, Any]:
        """Return the settings that define the environment, as JSON-ready values."""
        return {
            **self.task.settings().to_json(),
            "num_intervals": self.num_intervals,
            "num_envs": self.num_envs,
            "flat": self.codec.flat,
            "reward": self.reward,
            "fixed": self.codec.fixed,
            "seeds": list(self.seeds),
            "space": _as_json(self.task.space),
        }


def _untrained_score(curve: Curve | None, worst: float) -> float:
    """Return what an agent scored before its first interval, at the first point of its curve; `worst` if it is not finite."""
    if curve is None or not math.isfinite(curve.return_mean[0]):
        return worst
    return float(curve.return_mean[0])


def _as_json(space: "ConfigurationSpace") -> Any:
    return json.loads(json.dumps(space.to_serialized_dict(), default=str))
