"""Gymnasium environments for tuning while an agent is trained: an episode is a training run, a step an interval of it.

An action is a config of the hyperparameters of the task's space that may change in mid-run; the others stay as they are.
A step goes on training the agent under that config for one interval.

An observation is `(entry,)`, float32 and finite; `observation_names` has the names of its entries. First comes `progress`,
the share of the run that is done. Then come the measures of the last interval: the evaluation (`return_mean` and
`return_std`, on the task's scale, where the worst return is 0 and the best 1), then, as sign(x) log(1 + |x|), the episode
length and the training metrics. Last comes a flag per measure: 1 if it exists; if not, flag and measure are 0. Before the
first step no measure exists, and in an interval without updates no mean over updates.

The reward is the gain: the return after the interval minus the return before it, which before the first interval is the
untrained agent's. With `reward="final"` it is the last return, given at the end. An episode terminates after its last
interval, or when the agent diverges or can't be trained; its return is then the task's worst.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import error as gymnasium_errors
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, iterate

from arl.errors import InputError
from arl.scalars import Scalar
from hpo import tasks
from hpo.autorl import saved_episodes
from hpo.autorl.course import Course, Episode, Step
from hpo.plans import FIRST_TEST_SEED


class AutoRLEnv(gymnasium.Env[np.ndarray, Any]):
    """The training of one agent as an environment; `hpo.autorl.env` describes actions, observations and rewards.

    Resetting trains nothing.

    Args:
        fixed: values of hyperparameters that no action changes, also of static ones; the rest keep the task's values.
        flat: whether an action is a point of the unit cube, with an axis per hyperparameter of `controlled` on its own
            scale. Otherwise it is a dict of numbers, and of the indices of categorical values.
        reward: `gain` or `final`.
        seeds: seeds of agents; each reset draws one of them. By default all tuning seeds.

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
        self.course = Course(task, num_intervals, 1, space, fidelity, fixed or {}, flat, reward, seeds)
        self.controlled, self.observation_names = self.course.codec.controlled, self.course.observer.names
        self.action_space, self.observation_space = self.course.codec.action_space(), self.course.observer.space()
        self.render_mode = render_mode
        self.episode: Episode | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start with an untrained agent; what follows depends on the seed and the actions alone."""
        super().reset(seed=seed)
        self.episode = self.course.start(self.np_random)
        return self.episode.observation, {"seed": self.episode.seed}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Train for one interval.

        Raises:
            InputError: the action is not in the action space.
            gymnasium.error.ResetNeeded: before the first reset, or after the end.
        """
        if self.episode is None or self.episode.over:
            raise gymnasium_errors.ResetNeeded("reset the environment before its first step and after its last")
        (step,) = self.course.advance([self.episode], [action])
        return self.episode.observation, step.reward, self.episode.over, False, step.info

    def config(self, action: Any) -> dict[str, Scalar]:
        """Return the config that an action chooses."""
        return self.course.codec.config(action)

    def action(self, config: Mapping[str, Scalar]) -> Any:
        """Return the action that chooses a config; what it leaves out is at its default."""
        return self.course.codec.action(config)

    def save(self, path: str | Path) -> Path:
        """Write the whole state, agent and random numbers included.

        Raises:
            InputError: before the first reset.
        """
        if self.episode is None:
            raise InputError("an environment must be reset before it is saved")
        return saved_episodes.save(Path(path), self.course, [self.episode], [self.np_random])

    def restore(self, path: str | Path) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on from where another environment of the same settings was saved; return what `reset` returns.

        Raises:
            InputError: no such file, or one of another environment. Nothing in it is executed.
        """
        (self.episode,), (self.np_random,) = saved_episodes.restore(Path(path), self.course)
        return self.episode.observation, {"seed": self.episode.seed}


class AutoRLVectorEnv(VectorEnv[np.ndarray, Any, np.ndarray]):
    """Many agents, each an `AutoRLEnv`, trained side by side as lanes of one program.

    An agent whose episode has ended is replaced by a fresh one at the next step, which ignores the action for it.
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
        self.course = Course(task, num_intervals, num_envs, space, fidelity, fixed or {}, flat, reward, seeds)
        self.controlled, self.observation_names = self.course.codec.controlled, self.course.observer.names
        self.num_envs = num_envs
        self.single_action_space, self.single_observation_space = (
            self.course.codec.action_space(),
            self.course.observer.space(),
        )
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.generators = [seeding.np_random(None)[0] for _ in range(num_envs)]
        self.episodes: list[Episode] = []

    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start with untrained agents; `seed`: one for each, or that of the first."""
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
            InputError: the actions are not in the action space.
            gymnasium.error.ResetNeeded: before the first reset.
        """
        if not self.episodes:
            raise gymnasium_errors.ResetNeeded("reset the environment before its first step")
        of_agents = [*iterate(self.action_space, actions)]
        ended = [i for i, episode in enumerate(self.episodes) if episode.over]
        going = [i for i in range(self.num_envs) if i not in ended]
        steps = dict(
            zip(
                going,
                self.course.advance([self.episodes[i] for i in going], [of_agents[i] for i in going]),
                strict=True,
            )
        )
        for i in ended:
            self.episodes[i] = self.course.start(self.generators[i])
            steps[i] = Step(0.0, {"seed": self.episodes[i].seed})
        rewards = np.array([steps[i].reward for i in range(self.num_envs)])
        over = np.array([episode.over for episode in self.episodes])
        return self._observations(), rewards, over, np.zeros_like(over), self._infos({i: steps[i].info for i in steps})

    def config(self, action: Any) -> dict[str, Scalar]:
        """Return the config that one agent's action chooses."""
        return self.course.codec.config(action)

    def action(self, config: Mapping[str, Scalar]) -> Any:
        """Return one agent's action that chooses a config; what it leaves out is at its default."""
        return self.course.codec.action(config)

    def save(self, path: str | Path) -> Path:
        """Write the whole state, agents and random numbers included."""
        if not self.episodes:
            raise InputError("an environment must be reset before it is saved")
        return saved_episodes.save(Path(path), self.course, self.episodes, self.generators)

    def restore(self, path: str | Path) -> tuple[np.ndarray, dict[str, Any]]:
        """Go on from where another environment of the same settings was saved; return what `reset` returns."""
        self.episodes, self.generators = saved_episodes.restore(Path(path), self.course)
        return self._observations(), self._infos({i: {"seed": e.seed} for i, e in enumerate(self.episodes)})

    def _observations(self) -> np.ndarray:
        """Return the observations of all agents, `(env, entry)`."""
        return np.stack([episode.observation for episode in self.episodes])

    def _infos(self, of_agents: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for i, info in of_agents.items():
            infos = self._add_info(infos, info, i)
        return infos


gymnasium.register("AutoRL-v0", entry_point="hpo.autorl.env:AutoRLEnv")
