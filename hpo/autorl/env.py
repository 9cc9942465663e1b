"""Tuning while an agent is trained, as a Gymnasium environment: an episode is a training run, a step an interval of it.

An action is a config of the hyperparameters of the task's space that may change in mid-run; the others stay as they are.
A step goes on training the agent under that config for one interval.

An observation is `(entry,)`, float32, finite, by `observation_names`: `progress`, the share of the run that is done; how the
agent did in the interval: the evaluation (`return_mean` and `return_std`, on the task's scale: its worst return is 0, its
best 1) and the training metrics as sign(x) log(1 + |x|); then for each of these whether there is one (1) or not (0, and
the entry is 0): before the first step there is none, and without updates there are no means over updates.

The reward is the gain: the return after the interval less that before it, which for the first is the untrained agent's.
With `reward="final"` it is the last return, at the end. An episode terminates after its last interval, or when the agent
diverges or can't be trained; the return is then the task's worst.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import gymnasium
import jax
import numpy as np
from ConfigSpace.hyperparameters import IntegerHyperparameter
from flax import serialization
from gymnasium import error as gymnasium_errors
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, iterate

from arl import config as configs
from arl import files, spaces
from arl.errors import InputError, first_line, unknown
from arl.records.store import dumps
from arl.training import saved_agents
from arl.training.runner import Agent, Curve, Run, Runner, lane_bytes
from arl.training.saved_agents import SavedAgent
from hpo import tasks
from hpo.autorl import schedules
from hpo.plans import FIRST_TEST_SEED
from hpo.trial import Scalar

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

REWARDS = ("gain", "final")
_EVALUATION = ("return_mean", "return_std", "episode_length_mean")
_LIMIT = 100.0  # the logarithm of any float32 is below it
_FORMAT = 1


@dataclasses.dataclass
class Episode:
    """One agent on its way through the intervals; `config` and `agent` are those of its last interval."""

    seed: int
    observation: np.ndarray
    interval: int = 0
    score: float = math.nan
    over: bool = False
    config: dict[str, Scalar] = dataclasses.field(default_factory=dict)
    agent: Agent | None = None


class Step(NamedTuple):
    """What a step of one agent gives; its observation is the episode's."""

    reward: float
    info: dict[str, Any]


class _Course:
    """What the environments share: their spaces, and how agents go through an interval side by side."""

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
        self.num_intervals, self.num_envs, self.flat, self.reward = num_intervals, num_envs, flat, reward
        self.seeds, self.fixed = tuple(seeds), dict(fixed)
        self.algorithm, self.env = self.task.algorithm, self.task.env
        self._check_arguments()
        self.controlled = self._controlled()
        variants = [self.full(config) for config in self._variants()]
        schedules.check_intervals(self.algorithm, variants, self.task.fidelity, num_intervals)
        each = lane_bytes(self.algorithm, variants[0], self.env)
        self.runner = Runner(self.algorithm, self.env, 1, num_envs, self.task.num_episodes, each)
        self.runner.check(Run(variants[0], 0, (self.end(0),)))
        self.measures = (*_EVALUATION, *self.algorithm.METRICS)
        self.observation_names = ("progress", *self.measures, *(f"has_{name}" for name in self.measures))

    def _check_arguments(self) -> None:
        if self.reward not in REWARDS:
            raise unknown("reward", self.reward, REWARDS)
        if self.num_envs < 1:
            raise InputError(f"num_envs must be at least 1, got {self.num_envs}")
        if not self.seeds or min(self.seeds) < 0:
            raise InputError(f"seeds must be at least one seed, none below 0, got {self.seeds}")
        configs.make(self.algorithm.Config, self.fixed)

    def _controlled(self) -> list[str]:
        """The hyperparameters that an action chooses: not fixed, mutable, and active by some action."""
        space, mutable = self.task.space, configs.mutable(self.algorithm.Config)
        active, chosen = self.repaired({}), []
        for name in space:
            values = spaces.choices(space[name])
            free = name in mutable and name not in self.fixed and (values is None or len(values) > 1)
            if free and (name in active or any(parent.name in chosen for parent in space.parents_of[name])):
                chosen.append(name)
        if not chosen:
            raise InputError(f"task {self.task.name!r} must have a hyperparameter that may change in mid-run, got none")
        return chosen

    def _variants(self) -> list[dict[str, Scalar]]:
        """The default config, and those that differ in one hyperparameter, which is at an end of its range."""
        ends = [(name, u) for name in self.controlled for u in (0.0, 1.0)]
        space = self.task.space
        return [self.repaired({}), *(self.repaired({name: spaces.value_at(space[name], u)}) for name, u in ends)]

    def repaired(self, values: Mapping[str, Any]) -> dict[str, Scalar]:
        """The task's config with these values: active hyperparameters only, the others as fixed or by default."""
        space = self.task.space
        return spaces.repair(space, {**{name: self.fixed[name] for name in self.fixed if name in space}, **values})

    def full(self, config: Mapping[str, Scalar]) -> Any:
        """The algorithm's config."""
        others = {name: value for name, value in self.fixed.items() if name not in self.task.space}
        return configs.make(self.algorithm.Config, {**self.task.fixed, **others, **config})

    def end(self, interval: int) -> int:
        """Env steps at the end of an interval."""
        return self.task.fidelity * (interval + 1) // self.num_intervals

    def action_space(self) -> gymnasium.Space:
        if self.flat:
            return gymnasium.spaces.Box(0.0, 1.0, (len(self.controlled),), np.float32)
        return gymnasium.spaces.Dict({name: _axis(self.task.space[name]) for name in self.controlled})

    def observation_space(self) -> gymnasium.spaces.Box:
        num = len(self.measures)
        low, high = [0.0] + [-_LIMIT] * num + [0.0] * num, [1.0] + [_LIMIT] * num + [1.0] * num
        return gymnasium.spaces.Box(np.array(low, np.float32), np.array(high, np.float32), dtype=np.float32)

    def config(self, action: Any) -> dict[str, Scalar]:
        """The config that an action chooses, with the hyperparameters that no action changes.

        Raises:
            InputError: no action of the action space.
        """
        space = self.task.space
        if self.flat:
            point = np.asarray(action, float)
            if point.shape != (len(self.controlled),) or not np.all((point >= 0.0) & (point <= 1.0)):
                raise InputError(f"action must be {len(self.controlled)} numbers in [0, 1], got {action!r}")
            return self.repaired(
                {name: spaces.value_at(space[name], u) for name, u in zip(self.controlled, point, strict=True)}
            )
        if not isinstance(action, Mapping) or set(action) != set(self.controlled):
            raise InputError(f"action must have the entries {', '.join(self.controlled)}, got {action!r}")
        return self.repaired({name: _value(space[name], action[name]) for name in self.controlled})

    def action(self, config: Mapping[str, Scalar]) -> Any:
        """The action that chooses a config, or the default for what it leaves out.

        Raises:
            InputError: a hyperparameter that an action does not choose, or a value out of range.
        """
        space = self.task.space
        for name in config:
            if name not in self.controlled:
                raise unknown("hyperparameter of an action", name, self.controlled)
        values = {name: space[name].default_value for name in self.controlled} | self.repaired(config)
        if self.flat:
            return np.array([_place(space[name], values[name]) for name in self.controlled], np.float32)
        return {name: _index(space[name], values[name]) for name in self.controlled}

    def start(self, generator: np.random.Generator) -> Episode:
        """An episode of an untrained agent, of a seed that the generator draws."""
        seed = self.seeds[generator.integers(len(self.seeds))]
        return Episode(seed, np.zeros(len(self.observation_names), np.float32))

    def advance(self, episodes: Sequence[Episode], actions: Sequence[Any]) -> list[Step]:
        """Train all agents for their next interval, side by side; the episodes are brought up to date."""
        wanted = [self.config(action) for action in actions]
        runs = [self._run(episode, config) for episode, config in zip(episodes, wanted, strict=True)]
        errors = {i: error for i, run in enumerate(runs) if (error := self._error(run)) is not None}
        left = [i for i in range(len(runs)) if i not in errors]
        curves = {
            left[i]: curve for block in self.runner.train([runs[i] for i in left]) for i, curve in block
        }  # none of an agent that can't be trained
        return [self._finish(episode, wanted[i], curves.get(i), errors.get(i)) for i, episode in enumerate(episodes)]

    def _run(self, episode: Episode, config: Mapping[str, Scalar]) -> Run:
        """The next interval's training; before the first, the untrained agent is evaluated."""
        first = (0,) if episode.agent is None else ()
        points = (*first, self.end(episode.interval))
        return Run(self.full(config), episode.seed, points, episode.agent, self.task.env_params(config))

    def _error(self, run: Run) -> str | None:
        try:
            self.runner.check(run)
        except InputError as error:
            return first_line(error)
        return None

    def _finish(self, episode: Episode, config: dict[str, Scalar], curve: Curve | None, error: str | None) -> Step:
        worst = float(self.task.return_range[0])
        failed = curve is None or curve.diverged
        score = worst if curve is None or failed else float(curve.return_mean[-1])
        if episode.agent is None:
            episode.score = worst if curve is None else _finite(curve.return_mean[0], worst)
        gain, episode.score = score - episode.score, score
        episode.interval, episode.config = episode.interval + 1, config
        episode.agent = episode.agent if curve is None else curve.agent
        episode.over = failed or episode.interval == self.num_intervals
        episode.observation = self._observation(episode, curve)
        info = {
            "seed": episode.seed,
            "status": "failed" if curve is None else "diverged" if failed else "completed",
            "score": score,
            "env_steps": episode.agent.env_steps if episode.agent else 0,
            "config": config,
            **({"error": error} if error is not None else {}),
        }
        final = score if episode.over else 0.0
        return Step(gain if self.reward == "gain" else final, info)

    def _observation(self, episode: Episode, curve: Curve | None) -> np.ndarray:
        """`(entry,)`: progress, measures, and which of them there are."""
        raw = np.array([self._measure(curve, name) for name in self.measures])
        there = np.isfinite(raw)
        values = np.clip(np.where(there, raw, 0.0), -_LIMIT, _LIMIT)
        return np.concatenate([[episode.interval / self.num_intervals], values, there]).astype(np.float32)

    def _measure(self, curve: Curve | None, name: str) -> float:
        worst, best = self.task.return_range
        if curve is None:
            return math.nan
        if name == "return_mean":
            return float(curve.return_mean[-1] - worst) / (best - worst)
        if name == "return_std":
            return float(curve.return_std[-1]) / (best - worst)
        value = curve.length_mean[-1] if name == "episode_length_mean" else curve.metrics[name][-1]
        return math.copysign(math.log1p(abs(float(value))), float(value))

    def settings(self) -> dict[str, Any]:
        """What defines the environment, as JSON-ready values."""
        names = ("num_intervals", "num_envs", "flat", "reward", "fixed")
        own = {name: getattr(self, name) for name in names}
        return {**self.task.settings().to_json(), **own, "seeds": list(self.seeds), "space": _json(self.task.space)}

    def save(self, path: Path, episodes: Sequence[Episode], generators: Sequence[np.random.Generator]) -> Path:
        """Write where all agents stand, and all random states; the file appears whole or not at all."""
        about = {
            "format": _FORMAT,
            "settings": self.settings(),
            "episodes": [
                {
                    "seed": episode.seed,
                    "interval": episode.interval,
                    "score": episode.score,
                    "over": episode.over,
                    "config": episode.config,
                    "observation": episode.observation.tolist(),
                }
                for episode in episodes
            ],
            "random": [generator.bit_generator.state for generator in generators],
        }
        packed = [self._packed(episode) for episode in episodes]
        return files.write_bytes(path, serialization.msgpack_serialize({"about": json.dumps(about), "agents": packed}))

    def _packed(self, episode: Episode) -> bytes:
        """An agent as its file would be; nothing of an untrained one."""
        if episode.agent is None:
            return b""
        config, agent = self.algorithm.canonical(self.full(episode.config)), episode.agent
        params = self.task.env_params(episode.config)
        saved = SavedAgent(
            self.task.algorithm_name, self.task.env_name, config, params, episode.seed, agent.env_steps, agent.state
        )
        return saved_agents.packed(saved)

    def restore(self, path: Path) -> tuple[list[Episode], list[np.random.Generator]]:
        """What `save` wrote.

        Raises:
            InputError: no such file, or of another environment.
        """
        try:
            data = serialization.msgpack_restore(path.read_bytes())
            about = json.loads(data["about"])
            theirs = about["settings"]
            pairs = list(zip(about["episodes"], data["agents"], strict=True))
            generators = [_generator(state) for state in about["random"]]
        except Exception as error:  # each library fails in its own way on a foreign file
            raise _unreadable(path, error) from error
        for key, value in self.settings().items():
            if dumps(value) != dumps(theirs.get(key)):
                raise InputError(f"environment file {str(path)!r} is of another environment: its {key} differs")
        try:
            return [_episode(known, packed) for known, packed in pairs], generators
        except Exception as error:
            raise _unreadable(path, error) from error


class AutoRLEnv(gymnasium.Env[np.ndarray, Any]):
    """One agent's training as an environment; the module says what its actions, observations and rewards are.

    `fixed`: hyperparameters that no action changes, static ones among them; others are the task's. `flat`: an action is a
    point of the unit cube, an axis per hyperparameter of `controlled`, on each one's own scale; otherwise it is a dict: a
    number, or of a categorical hyperparameter the index of its value. `seeds`: those of agents, one of which each reset
    draws; by default all tuning seeds. Resetting trains nothing.

    Example:
        >>> env = hpo.AutoRLEnv("ppo/CartPole-v1", num_intervals=10, flat=True)
        >>> observation, info = env.reset(seed=0)
        >>> observation, reward, terminated, truncated, info = env.step(env.action_space.sample())

    Raises:
        InputError: a task without hyperparameters to change, or intervals shorter than an iteration.
    """

    metadata = {"render_modes": []}

    def __init__(
        self,
        task: str | tasks.Task,
        num_intervals: int = 10,
        *,
        space: str = "published",
        fidelity: int | None = None,
        fixed: Mapping[str, Scalar] | None = None,
        flat: bool = False,
        reward: str = "gain",
        seeds: Sequence[int] = range(FIRST_TEST_SEED),
        render_mode: str | None = None,
    ):
        self.course = _Course(task, num_intervals, 1, space, fidelity, fixed or {}, flat, reward, seeds)
        self.controlled, self.observation_names = self.course.controlled, self.course.observation_names
        self.action_space, self.observation_space = self.course.action_space(), self.course.observation_space()
        self.render_mode = render_mode
        self.episode: Episode | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """An untrained agent; what follows depends on the seed and the actions alone."""
        super().reset(seed=seed)
        self.episode = self.course.start(self.np_random)
        return self.episode.observation, {"seed": self.episode.seed}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Train for one interval.

        Raises:
            InputError: no action of the action space.
            gymnasium.error.ResetNeeded: before the first reset, or after the end.
        """
        if self.episode is None or self.episode.over:
            raise gymnasium_errors.ResetNeeded("reset the environment before its first step and after its last")
        (step,) = self.course.advance([self.episode], [action])
        return self.episode.observation, step.reward, self.episode.over, False, step.info

    def config(self, action: Any) -> dict[str, Scalar]:
        """The config that an action chooses."""
        return self.course.config(action)

    def action(self, config: Mapping[str, Scalar]) -> Any:
        """The action that chooses a config; what it leaves out is at its default."""
        return self.course.action(config)

    def save(self, path: str | Path) -> Path:
        """Write the whole state, agent and random numbers included.

        Raises:
            InputError: before the first reset.
        """
        if self.episode is None:
            raise InputError("an environment must be reset before it is saved")
        return self.course.save(Path(path), [self.episode], [self.np_random])

    def restore(self, path: str | Path) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on from where another environment of the same settings was saved; gives what `reset` gives.

        Raises:
            InputError: no such file, or one of another environment. Nothing in it is executed.
        """
        (self.episode,), (self.np_random,) = self.course.restore(Path(path))
        return self.episode.observation, {"seed": self.episode.seed}


class AutoRLVectorEnv(VectorEnv[np.ndarray, Any, np.ndarray]):
    """Many agents, each an `AutoRLEnv`, trained side by side as lanes of one program.

    An agent whose episode has ended is replaced by a fresh one at the next step, whose action for it counts for nothing.
    Agent i after `reset(seed=s)` is that of an `AutoRLEnv` after `reset(seed=s + i)`.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        task: str | tasks.Task,
        num_envs: int,
        num_intervals: int = 10,
        *,
        space: str = "published",
        fidelity: int | None = None,
        fixed: Mapping[str, Scalar] | None = None,
        flat: bool = False,
        reward: str = "gain",
        seeds: Sequence[int] = range(FIRST_TEST_SEED),
    ):
        self.course = _Course(task, num_intervals, num_envs, space, fidelity, fixed or {}, flat, reward, seeds)
        self.controlled, self.observation_names = self.course.controlled, self.course.observation_names
        self.num_envs = num_envs
        self.single_action_space, self.single_observation_space = (
            self.course.action_space(),
            self.course.observation_space(),
        )
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.generators = [seeding.np_random(None)[0] for _ in range(num_envs)]
        self.episodes: list[Episode] = []

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Untrained agents; `seed`: one for each, or that of the first."""
        seeds = (
            [None if seed is None else seed + i for i in range(self.num_envs)]
            if not isinstance(seed, Sequence)
            else seed
        )
        if len(seeds) != self.num_envs:
            raise InputError(f"seed must be one number, or one for each of {self.num_envs} agents, got {seed!r}")
        for i, given in enumerate(seeds):
            if given is not None:
                self.generators[i] = seeding.np_random(given)[0]
        self.episodes = [self.course.start(generator) for generator in self.generators]
        return self._observations(), self._infos({i: {"seed": e.seed} for i, e in enumerate(self.episodes)})

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Train every agent for one interval.

        Raises:
            InputError: no actions of the action space.
            gymnasium.error.ResetNeeded: before the first reset.
        """
        if not self.episodes:
            raise gymnasium_errors.ResetNeeded("reset the environment before its first step")
        each = [*iterate(self.action_space, actions)]
        ended = [i for i, episode in enumerate(self.episodes) if episode.over]
        going = [i for i in range(self.num_envs) if i not in ended]
        steps = dict(
            zip(going, self.course.advance([self.episodes[i] for i in going], [each[i] for i in going]), strict=True)
        )
        for i in ended:
            self.episodes[i] = self.course.start(self.generators[i])
            steps[i] = Step(0.0, {"seed": self.episodes[i].seed})
        rewards = np.array([steps[i].reward for i in range(self.num_envs)])
        over = np.array([episode.over for episode in self.episodes])
        return self._observations(), rewards, over, np.zeros_like(over), self._infos({i: steps[i].info for i in steps})

    def config(self, action: Any) -> dict[str, Scalar]:
        """The config that one agent's action chooses."""
        return self.course.config(action)

    def action(self, config: Mapping[str, Scalar]) -> Any:
        """One agent's action that chooses a config; what it leaves out is at its default."""
        return self.course.action(config)

    def save(self, path: str | Path) -> Path:
        """Write the whole state, agents and random numbers included."""
        if not self.episodes:
            raise InputError("an environment must be reset before it is saved")
        return self.course.save(Path(path), self.episodes, self.generators)

    def restore(self, path: str | Path) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on from where another environment of the same settings was saved; gives what `reset` gives."""
        self.episodes, self.generators = self.course.restore(Path(path))
        return self._observations(), self._infos({i: {"seed": e.seed} for i, e in enumerate(self.episodes)})

    def _observations(self) -> np.ndarray:
        """`(env, entry)`."""
        return np.stack([episode.observation for episode in self.episodes])

    def _infos(self, each: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for i, info in each.items():
            infos = self._add_info(infos, info, i)
        return infos


def _axis(hyperparameter: Any) -> gymnasium.Space:
    """The values of a hyperparameter: a number, or the index of a category."""
    values = spaces.choices(hyperparameter)
    if values is not None:
        return gymnasium.spaces.Discrete(len(values))
    low, high = hyperparameter.lower, hyperparameter.upper
    if isinstance(hyperparameter, IntegerHyperparameter):
        return gymnasium.spaces.Discrete(int(high - low + 1), start=int(low))
    return gymnasium.spaces.Box(float(low), float(high), (), np.float64)


def _value(hyperparameter: Any, entry: Any) -> Any:
    """The value that an entry of an action stands for; one out of range is refused as any value is."""
    values = spaces.choices(hyperparameter)
    number = np.asarray(entry).item()
    if values is None:
        return int(number) if isinstance(hyperparameter, IntegerHyperparameter) else float(number)
    if number not in range(len(values)):
        raise InputError(f"{hyperparameter.name} must be an index below {len(values)}, got {entry!r}")
    return values[number]


def _index(hyperparameter: Any, value: Any) -> Any:
    """The entry of an action that stands for a value."""
    values = spaces.choices(hyperparameter)
    if values is not None:
        return np.int64(values.index(value))
    return np.int64(value) if isinstance(hyperparameter, IntegerHyperparameter) else np.array(float(value))


def _place(hyperparameter: Any, value: Any) -> float:
    """Where in the unit interval a value is; of a category, the middle of its part."""
    values = spaces.choices(hyperparameter)
    return (values.index(value) + 0.5) / len(values) if values is not None else float(hyperparameter.to_vector(value))


def _finite(value: Any, otherwise: float) -> float:
    return float(value) if math.isfinite(value) else otherwise


def _json(space: "ConfigurationSpace") -> Any:
    return json.loads(json.dumps(space.to_serialized_dict(), default=str))


def _generator(state: Mapping[str, Any]) -> np.random.Generator:
    generator = np.random.Generator(np.random.PCG64())
    generator.bit_generator.state = state
    return generator


def _episode(known: Mapping[str, Any], packed: bytes) -> Episode:
    agent = None
    if packed:
        saved = saved_agents.unpacked(packed)
        agent = Agent(saved.env_steps, jax.tree.map(lambda x: x[None, None], saved.state), (0, 0))
    return Episode(**{**known, "observation": np.array(known["observation"], np.float32), "agent": agent})


def _unreadable(path: Path, error: Exception) -> InputError:
    cause = f"{type(error).__name__}: {first_line(error)[:200]}"
    return InputError(f"environment file {str(path)!r} can't be read: {cause}")


gymnasium.register("AutoRL-v0", entry_point="hpo.autorl.env:AutoRLEnv")
