"""Training many runs at once: whole training runs are the lanes of one compiled program.

A *block* is a rectangle of lanes, `(seed, config)`, that one worker trains: a core or a GPU. The lanes of a row share a
seed, so every random number is drawn once per row and all its configs meet the same chance. A worker goes through its
block in *segments*, the training between two evaluations; the same compiled segment serves whole runs and continued ones.

    runs --group by structure--> blocks --init--> states --segment by segment--> points --> finished runs

Workers are threads that call compiled programs, so that none waits for another: blocks differ in how long they take.
"""

import dataclasses
import functools
import itertools
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PyTree

from arl import config as configs
from arl.algorithms import Algorithm
from arl.algorithms.parts import Part
from arl.errors import InputError
from arl.training import backend, evaluation
from arl.training.programs import BlockPrograms, Compiler, EnvParams
from envs.vector import VectorEnv


@dataclasses.dataclass(frozen=True)
class Agent:
    """A trained agent: its place in a block's states, which stay in memory as long as one of the block's agents does.

    Attributes:
        env_steps: env steps it was trained for.
        block: the states of a block, arrays `(seed, config, ...)`.
        index: its place in the block.
        diverged: whether it diverged; then all that go on from it have.
    """

    env_steps: int
    block: Any
    index: tuple[int, int]
    diverged: bool = False

    @property
    def state(self) -> Any:
        """The agent's own state, a pytree."""
        return jax.tree.map(lambda x: x[self.index], self.block)

    @property
    def shapes(self) -> list[Any]:
        """Shape and type of each array of the state, without copying it."""
        return [(x.shape[2:], x.dtype) for x in jax.tree.leaves(self.block)]

    @property
    def block_bytes(self) -> int:
        """Memory of the block that is kept with the agent."""
        return sum(x.nbytes for x in jax.tree.leaves(self.block))


@dataclasses.dataclass(frozen=True)
class Run:
    """A config to train under a seed.

    Attributes:
        config: the algorithm's complete config.
        seed: the seed that all random numbers come from.
        points: env steps at which it is evaluated; they lie beyond the parent's.
        parent: the agent to go on from instead of from scratch.
        env_params: params of the env that differ from its defaults.
    """

    config: Any
    seed: int
    points: tuple[int, ...]
    parent: Agent | None = None
    env_params: Mapping[str, float] = dataclasses.field(default_factory=dict)


class Point(NamedTuple):
    """An evaluation: mean and spread over episodes, and the training metrics since the last one."""

    return_mean: Float[Array, "*lane"]
    return_std: Float[Array, "*lane"]
    length_mean: Float[Array, "*lane"]
    finite: Bool[Array, "*lane"]
    metrics: dict[str, Float[Array, "*lane"]]


@dataclasses.dataclass(frozen=True)
class Curve:
    """The learning curve of a run, a row per point. After the agent or its return diverged, returns are NaN.

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
    """Counts and costs of all training so far; seconds are summed over workers."""

    env_steps: int = 0
    programs: int = 0
    compile_seconds: float = 0.0
    train_seconds: float = 0.0
    _lock: threading.Lock = dataclasses.field(default_factory=threading.Lock, repr=False)

    def add(self, **counts: float) -> None:
        """Add to counters; workers call this side by side."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)


@dataclasses.dataclass(frozen=True)
class _Failed:
    """The error that kept a worker from training a block."""

    error: BaseException


class Runner:
    """Trains runs of one algorithm on one env; keeps its compiled programs.

    `width` is how many configs the lanes of a row hold, `rows` how many rows a block has; both are fixed for all calls,
    so that a run gives the same numbers whatever else is trained, and nothing compiles twice. They follow from how many
    configs of one structure, under how many seeds, are expected at a time, and from the memory that one lane needs; or
    `lanes` says what they are, to get the numbers of an earlier run.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        env: VectorEnv,
        num_configs: int,
        num_seeds: int,
        num_episodes: int = 128,
        lane_bytes: int = 1,
        lanes: tuple[int, int] | None = None,
    ):
        self.algorithm, self.env, self.num_episodes = algorithm, env, num_episodes
        self.workers, self.memory = backend.workers(), backend.memory_bytes()
        self.width, self.rows = lanes or self._fitting_lanes(num_configs, num_seeds, lane_bytes)
        self.report = Report()
        self._bytes: dict[Any, int] = {}
        self.compiler = Compiler(env, self.rows, self.width, self._on_compiled)
        self._evaluate = Part(self._evaluation)

    def _on_compiled(self, seconds: float) -> None:
        self.report.add(programs=1, compile_seconds=seconds)

    def _fitting_lanes(self, num_configs: int, num_seeds: int, lane_bytes: int) -> tuple[int, int]:
        """Return width and rows of blocks that keep all workers busy and fit in memory."""
        most = backend.lanes_per_worker(lane_bytes)
        width = min(_power_of_two(num_configs), most)
        rows_each = -(-num_seeds * -(-num_configs // width) // len(self.workers))
        blocks_each = -(-rows_each * width // most)
        return width, -(-rows_each // blocks_each)

    def train(
        self, runs: Sequence[Run], on_segment: Callable[[Report], None] = lambda report: None
    ) -> Iterator[list[tuple[int, Curve]]]:
        """Train the runs; as each block ends, give its runs' curves with their positions in `runs`.

        Raises:
            InputError: a run too short for one iteration of its algorithm.
        """
        runs = [dataclasses.replace(run, config=self.algorithm.canonical(run.config)) for run in runs]
        for run in runs:
            self.check(run)
        blocks = self._blocks(runs)
        todo, events, stop = queue.SimpleQueue[Any](), queue.SimpleQueue[Any](), threading.Event()
        for block in blocks:
            todo.put(block)
        threads = [
            threading.Thread(target=self._work, args=(device, runs, todo, events, stop), daemon=True)
            for device in self.workers
        ]
        for thread in threads:
            thread.start()
        try:
            for _ in blocks:
                while (event := events.get()) is None:
                    on_segment(self.report)
                if isinstance(event, _Failed):
                    raise event.error
                yield event
        finally:
            stop.set()
            for thread in threads:  # a process that ends while one of them trains is aborted
                thread.join()

    def _work(
        self,
        device: jax.Device,
        runs: Sequence[Run],
        todo: "queue.SimpleQueue[Any]",
        events: "queue.SimpleQueue[Any]",
        stop: threading.Event,
    ) -> None:
        """Train one block after the other; an event is None after a segment, curves after a block."""
        with jax.default_device(device):
            try:
                while not (todo.empty() or stop.is_set()):
                    events.put(self._train_block(runs, todo.get_nowait(), device, lambda: events.put(None), stop))
            except queue.Empty:  # another worker took the last block
                return
            except BaseException as error:
                events.put(_Failed(error))

    def _blocks(self, runs: Sequence[Run]) -> list[list[list[int]]]:
        """Return positions of the runs as blocks of rows; the runs of a block share all that steers control flow."""
        positions = sorted(range(len(runs)), key=lambda i: str(self._group(runs[i])))
        blocks = []
        for _, group in itertools.groupby(positions, key=lambda i: self._group(runs[i])):
            rows = self._in_rows(runs, list(group))
            blocks += [rows[first : first + self.rows] for first in range(0, len(rows), self.rows)]
        return blocks

    def check(self, run: Run) -> None:
        """Refuse a run that can't be trained.

        Raises:
            InputError: its config or its env params are not for this env or can't learn, a block of such runs does not fit
                in memory, or its points do not allow one iteration.
        """
        self.env.check_params(run.env_params)
        self.algorithm.check(run.config, self.env)
        self._check_memory(run.config)
        if self._iterations(run)[-1] <= 0:
            unit = self.algorithm.iteration_steps(run.config)
            asked = run.points[-1] - _start(run)
            raise InputError(f"fidelity must allow one iteration of {unit} env steps, got {asked} to train")

    def _check_memory(self, config: Any) -> None:
        num_lanes, lane_bytes = self.width * self.rows, self._lane_bytes(config)
        if num_lanes * lane_bytes > self.memory:
            needed = f"{num_lanes} agents of {lane_bytes / 2**20:,.0f} MiB trained together"
            raise InputError(f"{needed} must fit in memory, got {self.memory / 2**20:,.0f} MiB free")

    def _lane_bytes(self, config: Any) -> int:
        key = configs.structure(config)
        if key not in self._bytes:
            self._bytes[key] = lane_bytes(self.algorithm, config, self.env)
        return self._bytes[key]

    def _group(self, run: Run) -> tuple[Any, ...]:
        params = tuple(sorted(run.env_params))
        return (*configs.batch_key(run.config), params, self._iterations(run), _start(run), run.parent is None)

    def _iterations(self, run: Run) -> tuple[int, ...]:
        """Return iterations of this run up to each point: the most that keep within its env steps."""
        return tuple((point - _start(run)) // self.algorithm.iteration_steps(run.config) for point in run.points)

    def _in_rows(self, runs: Sequence[Run], positions: list[int]) -> list[list[int]]:
        """Return rows of at most `width` runs of one seed; the seeds of a config stand in neighbouring rows."""
        by_seed: dict[int, list[int]] = {}
        for i in positions:
            by_seed.setdefault(runs[i].seed, []).append(i)
        columns = range(0, max(map(len, by_seed.values())), self.width)
        rows = [lanes[first : first + self.width] for first in columns for lanes in by_seed.values()]
        return [row for row in rows if row]

    def _train_block(
        self,
        runs: Sequence[Run],
        rows: list[list[int]],
        device: jax.Device,
        on_segment: Callable[[], None],
        stop: threading.Event,
    ) -> list[tuple[int, Curve]]:
        lanes = _padded(rows, self.rows, self.width)
        first = runs[rows[0][0]]
        config = configs.stack([[runs[i].config for i in row] for row in lanes])
        params = self._stacked_params([[runs[i].env_params for i in row] for row in lanes])
        keys = _run_keys([runs[row[0]].seed for row in lanes])
        programs = BlockPrograms(self.compiler, config, params, device)
        num_lanes = sum(map(len, rows))
        unit, start, done = self.algorithm.iteration_steps(first.config), _start(first), 0

        started = time.perf_counter()
        untrained = functools.partial(self.algorithm.init, keys.init, config, self.env, programs)
        states = _stack_agents(runs, lanes) if first.parent else untrained()
        env_steps, points = [], []
        for iterations in self._iterations(first):
            if stop.is_set():
                raise InterruptedError
            trained = start + done * unit, iterations - done
            states, metrics = self.algorithm.train(states, config, self.env, keys.train, *trained, programs)
            env_steps.append(start + iterations * unit)
            agent = self.algorithm.actor(states)
            evaluated = programs.call(self._evaluate, (), agent, config, self.env, keys.evaluate, env_steps[-1])
            points.append(jax.device_get(Point(**evaluated, metrics=metrics)))
            self.report.add(env_steps=(iterations - done) * unit * num_lanes)
            done = iterations
            on_segment()
        seconds = time.perf_counter() - started - programs.compile_seconds

        self.report.add(train_seconds=seconds)
        stacked = jax.tree.map(lambda *x: np.stack(x, axis=-1), *points)
        return [
            (i, _curve(runs[i], stacked, (s, w), np.array(env_steps), done * unit, seconds / num_lanes, states))
            for s, row in enumerate(rows)
            for w, i in enumerate(row)
        ]

    def _stacked_params(self, params: Sequence[Sequence[Mapping[str, float]]]) -> EnvParams:
        """Return env params `[seed][config]` of the same names as arrays `(seed, config)`."""
        defaults = self.env.param_defaults if params[0][0] else {}
        dtypes = {bool: np.bool_, int: np.int32, float: np.float32}
        return {
            name: np.array([[lane[name] for lane in row] for row in params], dtypes[type(defaults[name])])
            for name in params[0][0]
        }

    def _evaluation(
        self, changed: Any, agent: Any, config: Any, env: VectorEnv, key: Array, env_steps: Array
    ) -> dict[str, Array]:
        """Return an agent's `Point` after some env steps, without metrics."""
        key = jax.random.fold_in(key, env_steps)

        def policy(obs: PyTree[Array]) -> Array:
            return self.algorithm.act(agent, config, env, obs, key, explore=False)

        episodes = evaluation.evaluate(env, policy, key, self.num_episodes)
        return {
            "return_mean": jnp.mean(episodes.episode_return),
            "return_std": jnp.std(episodes.episode_return),
            "length_mean": jnp.mean(episodes.length.astype(jnp.float32)),
            "finite": _all_finite(agent),
        }


def lane_bytes(algorithm: Algorithm, config: Any, env: VectorEnv) -> int:
    """Return the bytes of an agent's state, replay included, without making it.

    Raises:
        InputError: the config is not for this env, so that no agent can be made.
    """
    try:
        state = jax.eval_shape(lambda key: algorithm.init(key, config, env), jax.random.key(0))
    except Exception:  # a network of the user's can fail in any way
        algorithm.check(config, env)
        raise
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state))


class RunKeys(NamedTuple):
    """The keys of a run, all from its seed; evaluation has its own branch."""

    init: Array
    train: Array
    evaluate: Array


def _start(run: Run) -> int:
    """Return env steps trained before the run."""
    return run.parent.env_steps if run.parent else 0


def _run_keys(seeds: list[int]) -> RunKeys:
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed), 3))(np.array(seeds))
    return RunKeys(*(keys[:, i] for i in range(3)))


def _padded(rows: list[list[int]], num_rows: int, width: int) -> list[list[int]]:
    """Return rows of full width, the last lanes and rows repeated; what is repeated is thrown away."""
    wide = [row + [row[-1]] * (width - len(row)) for row in rows]
    return wide + [wide[-1]] * (num_rows - len(wide))


def _stack_agents(runs: Sequence[Run], lanes: list[list[int]]) -> Any:
    """Return the parents' states in the places of their lanes: one gather from each block that holds some of them.

    Lanes whose parents are at (0, 1) of block A, (2, 0) of block B and (0, 0) of block A:

        gathered from A  A[0, 1]  A[0, 0]  A[0, 0]       gathered from B  B[0, 0]  B[2, 0]  B[0, 0]
        merged           A[0, 1]  B[2, 0]  A[0, 0]
    """
    parents = [parent for row in lanes for i in row if (parent := runs[i].parent)]
    shape = len(lanes), len(lanes[0])
    places = np.array([parent.index for parent in parents]).reshape(*shape, 2)
    blocks = {id(parent.block): parent.block for parent in parents}
    block_ids = np.array([id(parent.block) for parent in parents]).reshape(shape)
    states = None
    for block_id, block in blocks.items():
        is_in_block = block_ids == block_id
        gathered = _gathered(block, places * is_in_block[..., None])
        states = gathered if states is None else _merged(is_in_block, gathered, states)
    return states


@jax.jit
def _gathered(block: Any, places: Int[Array, "seed config two"]) -> Any:
    return jax.tree.map(lambda x: x[places[..., 0], places[..., 1]], block)


@functools.partial(jax.jit, donate_argnums=2)
def _merged(is_new: Bool[Array, "seed config"], new: Any, states: Any) -> Any:
    """Return the states with those of some lanes replaced."""
    return jax.tree.map(lambda x, y: jnp.where(is_new.reshape(is_new.shape + (1,) * (x.ndim - 2)), x, y), new, states)


def _curve(
    run: Run,
    points: Point,
    lane: tuple[int, int],
    env_steps: np.ndarray,
    trained_steps: int,
    seconds: float,
    states: Any,
) -> Curve:
    point = jax.tree.map(lambda x: x[lane], points)
    finite = point.finite & np.isfinite(point.return_mean) & (run.parent is None or not run.parent.diverged)
    alive = np.logical_and.accumulate(finite)

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
        agent=Agent(int(env_steps[-1]), states, lane, diverged=not alive[-1]),
    )


def _all_finite(tree: Any) -> Bool[Array, ""]:
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.all(jnp.array([jnp.all(jnp.isfinite(x)) for x in floats]))


def _power_of_two(count: int) -> int:
    """Return the smallest power of two that is at least `count`."""
    return 1 << max(count - 1, 0).bit_length()
