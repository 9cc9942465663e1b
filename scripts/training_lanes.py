"""Lanes of one config, trained part by part outside a sweep: what measurements of training share."""

import collections
import time
from collections.abc import Callable, Mapping
from typing import Any

import jax
import numpy as np
from jax.stages import Compiled

from arl import algorithms
from arl import config as configs
from arl.algorithms.parts import Count, Keys, Part
from arl.training import backend
from arl.training.programs import BlockPrograms, Compiler, Lanes
from envs.vector import VectorEnv

Clock = Callable[[], float]


class TimedPrograms(BlockPrograms):
    """Runs parts; while it has a clock, waits for each one and adds up what it took.

    Attributes:
        clock: gives the time in seconds, or None.
        seconds: of each part by its name, which is that of its function.
    """

    clock: Clock | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.seconds: dict[str, float] = collections.defaultdict(float)

    def call(self, part: Part, changed: Any, read: Any, config: Any, env: VectorEnv, key: Keys, *counts: Count) -> Any:
        arguments = (part, changed, read, config, env, key, *counts)
        if self.clock is None:
            return super().call(*arguments)
        started = self.clock()
        result = jax.block_until_ready(super().call(*arguments))
        self.seconds[_name(part)] += self.clock() - started
        return result

    @property
    def compiled(self) -> dict[str, Compiled]:
        """The program of each part that has run."""
        return {_name(part): program for (part, _), program in self._compiled.items()}


class TrainingLanes:
    """Agents of one config under seed 0, as many as there are lanes.

    Args:
        algorithm: its name.
        values: hyperparameters that differ from the algorithm's defaults.
        env: the env.
        num_lanes: how many are stepped together.

    Attributes:
        state: the agents, arrays `(1, lane, ...)`.
        env_steps: those that each agent has seen.
        compile_seconds: wall seconds of compilation so far.
    """

    def __init__(self, algorithm: str, values: Mapping[str, Any], env: VectorEnv, num_lanes: int):
        backend.setup()
        self.algorithm, self.env, self.num_lanes = algorithms.get(algorithm), env, num_lanes
        self.env_steps, self.compile_seconds = 0, 0.0
        config = self.algorithm.canonical(configs.make(self.algorithm.Config, values))
        self.config = configs.stack([[config] * num_lanes])
        self.key = jax.random.key(0)[None]
        compiler = Compiler(env, self._on_compiled)
        self.programs = TimedPrograms(compiler, Lanes(num_lanes, 1), self.config, {}, jax.local_devices()[0])
        self.state = self.algorithm.init(self.key, self.config, env, self.programs)

    def train(self, env_steps: int) -> None:
        """Train for the iterations that fit in some env steps, one at least, until the device has done them."""
        unit = int(self.algorithm.iteration_steps(self.config))
        iterations = max(1, env_steps // unit)
        self.state, metrics = self.algorithm.train(
            self.state, self.config, self.env, self.key, *map(np.int32, (self.env_steps, iterations)), self.programs
        )
        jax.block_until_ready((self.state, metrics))
        self.env_steps += iterations * unit

    def seconds_by_part(self, env_steps: int, clock: Clock) -> dict[str, float]:
        """Train as `train` does, waiting for each part; return what the parts took by their names."""
        self.programs.clock, self.programs.seconds = clock, collections.defaultdict(float)
        self.train(env_steps)
        self.programs.clock = None
        return self.programs.seconds

    def _on_compiled(self, num: int, seconds: float) -> None:
        self.compile_seconds += seconds


def seconds_of(action: Callable[[], Any], clock: Clock = time.process_time) -> float:
    """Return the seconds of an action: CPU seconds of this process, unless another clock is given."""
    started = clock()
    action()
    return clock() - started


def _name(part: Part) -> str:
    return part.function.__name__.strip("_")
