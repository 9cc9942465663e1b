"""Training many runs at once: whole training runs are the lanes of one compiled program.

A *block* is a rectangle of lanes, `(seed, config)`. Rows are split over the devices; the lanes of a row share a seed, so
every random number is drawn once per row and all its configs meet the same chance. The host loops over *segments*, the
training between two evaluations; the same compiled segment serves whole runs and continued ones.

    runs --group by structure--> blocks --init--> states --segment by segment--> points --> finished runs
"""

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array, Bool, Float

from arl import backend, evaluation
from arl import config as configs
from arl.algorithms import Algorithm
from envs.errors import InputError
from envs.vector import VectorEnv


@dataclasses.dataclass(frozen=True)
class Agent:
    """A trained instance: where it stands in a block's states, which are kept as long as one of its agents is."""

    env_steps: int
    block: Any
    index: tuple[int, int]

    @property
    def state(self) -> Any:
        """The agent's own state, a pytree."""
        return jax.tree.map(lambda x: x[self.index], self.block)

    @property
    def bytes(self) -> int:
        """Memory of the agent's state."""
        lanes = [x.shape[0] * x.shape[1] for x in jax.tree.leaves(self.block)]
        return sum(x.nbytes // count for x, count in zip(jax.tree.leaves(self.block), lanes, strict=True))


@dataclasses.dataclass(frozen=True)
class Run:
    """One config to train under one seed, evaluated each time `points` env steps are reached.

    `parent`: go on from this agent instead of from scratch; `points` lie beyond it.
    """

    config: Any
    seed: int
    points: tuple[int, ...]
    parent: Agent | None = None


class Point(NamedTuple):
    """An evaluation: mean and spread over episodes, and the training metrics since the last one."""

    return_mean: Float[Array, "*lane"]
    return_std: Float[Array, "*lane"]
    length_mean: Float[Array, "*lane"]
    finite: Bool[Array, "*lane"]
    metrics: dict[str, Float[Array, "*lane"]]


@dataclasses.dataclass(frozen=True)
class Curve:
    """What became of a run, a row per point. After divergence, returns are NaN.

    Attributes:
        env_steps: steps really trained at each point, the parent's included; at most those asked for.
        trained_steps: steps trained in this run, without the parent's.
        seconds: the run's share of its block's wall time, without compilation.
    """

    env_steps: np.ndarray
    return_mean: np.ndarray
    return_std: np.ndarray
    length_mean: np.ndarray
    metrics: dict[str, np.ndarray]
    diverged: bool
    trained_steps: int
    seconds: float
    agent: Agent


@dataclasses.dataclass
class Report:
    """What the runner has done so far, for a live view and for the record of costs (seconds are wall time)."""

    lanes: int = 0
    lanes_padded: int = 0
    env_steps: int = 0
    programs: int = 0
    compile_seconds: float = 0.0
    train_seconds: float = 0.0


class Runner:
    """Trains runs of one algorithm on one env; keeps its compiled programs.

    `width` is how many configs the lanes of a row hold, `rows` how many rows a device steps together; both are fixed
    for all calls, so that a run gives the same numbers whatever else is trained, and nothing compiles twice.
    """

    def __init__(self, algorithm: Algorithm, env: VectorEnv, num_configs: int, num_seeds: int, num_episodes: int = 128):
        self.algorithm, self.env, self.num_episodes = algorithm, env, num_episodes
        self.mesh = backend.mesh()
        self.width = min(_power_of_two(num_configs), backend.lanes_per_device())
        rows_needed = -(-num_seeds * -(-num_configs // self.width) // self.mesh.size)
        self.rows = min(_power_of_two(rows_needed), max(1, backend.lanes_per_device() // self.width))
        self.report = Report()
        self._programs: dict[Any, tuple[Callable[..., Any], Callable[..., Any]]] = {}

    def train(
        self, runs: Sequence[Run], on_segment: Callable[[Report], None] = lambda report: None
    ) -> Iterator[list[tuple[int, Curve]]]:
        """Train the runs; after each block, give the finished ones with their positions in `runs`.

        Raises:
            InputError: a run too short for one iteration of its algorithm.
        """
        runs = [dataclasses.replace(run, config=self.algorithm.canonical(run.config)) for run in runs]
        for run in runs:
            self._check(run)
        positions = sorted(range(len(runs)), key=lambda i: str(self._group(runs[i])))
        for _, group in itertools.groupby(positions, key=lambda i: self._group(runs[i])):
            rows = self._in_rows(runs, list(group))
            num_rows = self.rows * self.mesh.size
            for first in range(0, len(rows), num_rows):
                yield self._train_block(runs, rows[first : first + num_rows], on_segment)

    def _check(self, run: Run) -> None:
        if self._iterations(run)[-1] == 0:
            unit = self.algorithm.iteration_steps(run.config)
            asked = run.points[-1] - _start(run)
            raise InputError(
                f"fidelity must allow one iteration of {unit} env steps (num_envs x num_steps), got {asked} to train"
            )

    def _group(self, run: Run) -> tuple[Any, ...]:
        return (*configs.batch_key(run.config), self._iterations(run), _start(run), run.parent is None)

    def _iterations(self, run: Run) -> tuple[int, ...]:
        """Iterations of this run up to each point: the most that keep within its env steps."""
        return tuple((point - _start(run)) // self.algorithm.iteration_steps(run.config) for point in run.points)

    def _in_rows(self, runs: Sequence[Run], positions: list[int]) -> list[list[int]]:
        """Rows of at most `width` runs of one seed; the seeds of a config stand in neighbouring rows."""
        by_seed: dict[int, list[int]] = {}
        for i in positions:
            by_seed.setdefault(runs[i].seed, []).append(i)
        columns = range(0, max(map(len, by_seed.values())), self.width)
        rows = [lanes[first : first + self.width] for first in columns for lanes in by_seed.values()]
        return [row for row in rows if row]

    def _train_block(
        self, runs: Sequence[Run], rows: list[list[int]], on_segment: Callable[[Report], None]
    ) -> list[tuple[int, Curve]]:
        lanes = _padded(rows, self.rows * self.mesh.size, self.width)
        first = runs[rows[0][0]]
        config = configs.stack([[runs[i].config for i in row] for row in lanes])
        keys = _run_keys([runs[row[0]].seed for row in lanes])
        init, segment = self._program(first.config, config, keys)
        num_lanes = sum(map(len, rows))
        unit, start, done = self.algorithm.iteration_steps(first.config), _start(first), 0

        started = time.perf_counter()
        states = _stack_agents(runs, lanes) if first.parent else init(config, keys)
        env_steps, points = [], []
        for iterations in self._iterations(first):
            states, point = segment(states, config, keys, np.int32(start + done * unit), np.int32(iterations - done))
            points.append(jax.device_get(point))
            env_steps.append(start + iterations * unit)
            self.report.env_steps += (iterations - done) * unit * num_lanes
            done = iterations
            on_segment(self.report)
        seconds = time.perf_counter() - started

        self.report.train_seconds += seconds
        self.report.lanes += num_lanes
        self.report.lanes_padded += self.width * len(lanes)
        stacked = jax.tree.map(lambda *x: np.stack(x, axis=-1), *points)
        return [
            (i, _curve(stacked, (s, w), np.array(env_steps), done * unit, seconds / num_lanes, states))
            for s, row in enumerate(rows)
            for w, i in enumerate(row)
        ]

    def _program(self, example: Any, config: Any, keys: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The compiled `init` and `segment` for this structure; compiled at its first use."""
        structure = configs.structure(example)
        if structure not in self._programs:
            started = time.perf_counter()
            self._programs[structure] = self._compile(example, config, keys)
            self.report.programs += 1
            self.report.compile_seconds += time.perf_counter() - started
        return self._programs[structure]

    def _compile(self, example: Any, config: Any, keys: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
        seed, everywhere = PartitionSpec("seed"), PartitionSpec()
        axes = configs.lane_axes(example)
        config_spec = jax.tree.map(lambda axis: everywhere if axis is None else seed, axes, is_leaf=lambda x: x is None)
        options = backend.compiler_options()

        init = jax.vmap(jax.vmap(self._init_run, in_axes=(axes, None), axis_size=self.width), in_axes=(axes, 0))
        init = jax.shard_map(init, mesh=self.mesh, in_specs=(config_spec, seed), out_specs=seed, check_vma=False)
        init = jax.jit(init, compiler_options=options).lower(config, keys)
        states = init.out_info

        segment = jax.vmap(self._segment_run, in_axes=(0, axes, None, None, None))
        segment = jax.vmap(segment, in_axes=(0, axes, 0, None, None))
        segment = jax.shard_map(
            segment,
            mesh=self.mesh,
            in_specs=(seed, config_spec, seed, everywhere, everywhere),
            out_specs=seed,
            check_vma=False,
        )
        segment = jax.jit(segment, donate_argnums=0, compiler_options=options)
        return init.compile(), segment.lower(states, config, keys, np.int32(0), np.int32(0)).compile()

    def _init_run(self, config: Any, keys: "RunKeys") -> Any:
        return self.algorithm.init(keys.init, config, self.env)

    def _segment_run(
        self, state: Any, config: Any, keys: "RunKeys", env_steps: Array, num_iterations: Array
    ) -> tuple[Any, Point]:
        """One run's stretch of training and the evaluation at its end."""
        state, metrics = self.algorithm.train(state, config, self.env, keys.train, env_steps, num_iterations)
        steps_after = env_steps + num_iterations * self.algorithm.iteration_steps(config)
        key = jax.random.fold_in(keys.evaluate, steps_after)

        def policy(obs: Array) -> Array:
            return self.algorithm.act(state, config, self.env, obs, key, explore=False)

        episodes = evaluation.evaluate(self.env, policy, key, self.num_episodes)
        return state, Point(
            return_mean=jnp.mean(episodes.episode_return),
            return_std=jnp.std(episodes.episode_return),
            length_mean=jnp.mean(episodes.length.astype(jnp.float32)),
            finite=_all_finite(state) & ((num_iterations == 0) | _all_finite(metrics)),
            metrics=metrics,
        )


class RunKeys(NamedTuple):
    """The keys of a run, all from its seed; evaluation has its own branch."""

    init: Array
    train: Array
    evaluate: Array


def _start(run: Run) -> int:
    """Env steps trained before the run."""
    return run.parent.env_steps if run.parent else 0


def _run_keys(seeds: list[int]) -> RunKeys:
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed), 3))(np.array(seeds))
    return RunKeys(*(keys[:, i] for i in range(3)))


def _padded(rows: list[list[int]], num_rows: int, width: int) -> list[list[int]]:
    """Rows of full width, the last lanes and rows repeated; what is repeated is thrown away."""
    wide = [row + [row[-1]] * (width - len(row)) for row in rows]
    return wide + [wide[-1]] * (num_rows - len(wide))


def _stack_agents(runs: Sequence[Run], lanes: list[list[int]]) -> Any:
    """The parents' states in the places of their lanes."""
    states = [[runs[i].parent.state for i in row] for row in lanes]
    rows = [jax.tree.map(lambda *x: jnp.stack(x), *row) for row in states]
    return jax.tree.map(lambda *x: jnp.stack(x), *rows)


def _curve(
    points: Point, lane: tuple[int, int], env_steps: np.ndarray, trained_steps: int, seconds: float, states: Any
) -> Curve:
    point = jax.tree.map(lambda x: x[lane], points)
    alive = np.logical_and.accumulate(point.finite)

    def while_alive(values: np.ndarray) -> np.ndarray:
        return np.where(alive, values, np.nan)

    return Curve(
        env_steps,
        while_alive(point.return_mean),
        while_alive(point.return_std),
        while_alive(point.length_mean),
        {name: while_alive(values) for name, values in point.metrics.items()},
        diverged=not alive[-1],
        trained_steps=trained_steps,
        seconds=seconds,
        agent=Agent(int(env_steps[-1]), states, lane),
    )


def _all_finite(tree: Any) -> Bool[Array, ""]:
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.all(jnp.array([jnp.all(jnp.isfinite(x)) for x in floats]))


def _power_of_two(count: int) -> int:
    """The smallest power of two that is at least `count`."""
    return 1 << max(count - 1, 0).bit_length()
