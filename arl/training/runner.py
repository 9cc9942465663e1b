"""Training many runs at once: whole training runs are the lanes of one compiled program.

A *block* is a rectangle of lanes, `(seed, config)`, that one worker trains: a core or a GPU. The lanes of a row share a
seed, so every random number is drawn once per row and all its configs meet the same chance. A worker goes through its
block in *segments*, the training between two evaluations; the same compiled segment serves whole runs and continued ones.

    runs --group by structure--> blocks --init--> states --segment by segment--> points --> finished runs

Workers are threads that call compiled programs, so that none waits for another: blocks differ in how long they take. How
many lanes a block has depends on the memory that its programs need, which is measured once they are compiled.
"""

import dataclasses
import functools
import itertools
import queue
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray, PyTree

from arl import config as configs
from arl.algorithms import Algorithm, random_keys
from arl.algorithms.parts import Part
from arl.errors import InputError, first_line
from arl.text import plural
from arl.training import backend, evaluation, saved_programs
from arl.training.programs import BlockPrograms, Compiler, EnvParams, Lanes, Rehearsal
from arl.training.work import Work
from envs.base import failure
from envs.vector import Start, VectorEnv

Name = TypeVar("Name")


@dataclasses.dataclass(frozen=True)
class Agent:
    """A trained agent: its place in a block's states, which stay in memory as long as one of the block's agents does.

    Attributes:
        env_steps: env steps it was trained for.
        block: the states of a block, arrays `(seed, config, ...)`.
        index: its place in the block.
        diverged: whether it diverged; then all that go on from it have.
        lanes: those that it was trained in; runs that go on from it are, too. None for those of the runner.
    """

    env_steps: int
    block: Any
    index: tuple[int, int]
    diverged: bool = False
    lanes: Lanes | None = None

    @property
    def state(self) -> Any:
        """The agent's own state, a pytree."""
        return jax.tree.map(lambda x: x[self.index], self.block)

    @property
    def block_bytes(self) -> int:
        """Memory of the block that is kept with the agent."""
        return sum(x.nbytes for x in jax.tree.leaves(self.block))

    @property
    def num_bytes(self) -> int:
        """Memory of the agent alone."""
        seeds, configs = jax.tree.leaves(self.block)[0].shape[:2]
        return self.block_bytes // (seeds * configs)

    @property
    def device(self) -> jax.Device:
        """Where the block is."""
        return _device(self.block)


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

    words: ClassVar[str] = ""
    details: ClassVar[tuple[str, ...]] = ()
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


class _Block(NamedTuple):
    """Runs to train together: their positions `[seed][config]`, in lanes that may be more."""

    rows: list[list[int]]
    lanes: Lanes
    is_second_try: bool = False


class _Call(NamedTuple):
    """A call of `Runner.train`; an event is None after a segment, outcomes of a block's runs after the last, or an error."""

    runs: list[Run]
    work: Work[list[int], _Block]
    events: "queue.SimpleQueue[list[tuple[int, Curve | InputError]] | BaseException | None]"


class _Following(NamedTuple):
    """What is to be done after something was done."""

    compilations: Sequence[list[int]] = ()
    blocks: Sequence[_Block] = ()


class Runner:
    """Trains runs of one algorithm on one env; keeps its compiled programs.

    Blocks have the same lanes in all calls, so that a run gives the same numbers whatever else is trained, and nothing
    compiles twice. They are as many as keep all workers busy with the configs of one structure, under so many seeds, that
    are expected at a time. Where the programs of a structure need more memory than a worker has, or run out of it, its
    lanes are halved.

    Args:
        algorithm: the algorithm.
        env: the env.
        num_configs: how many configs of one structure are expected at a time.
        num_seeds: under how many seeds.
        num_episodes: over which an agent is evaluated.
        lanes: width and rows of all blocks, to get the numbers of an earlier run.
        may_halve: whether lanes that are given may be halved where memory lacks, as others are.
        workers: the device of each worker; by default all of the machine.

    Raises:
        InputError: a version of JAX that gives wrong numbers.

    Attributes:
        lanes: those of blocks that fit in memory; an agent says in which it was trained.
        memory: bytes that the programs of a worker may use.
        lost: devices that failed; agents there are lost, too.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        env: VectorEnv,
        num_configs: int,
        num_seeds: int,
        num_episodes: int = 128,
        lanes: tuple[int, int] | None = None,
        may_halve: bool = False,
        workers: Sequence[jax.Device] | None = None,
    ):
        backend.check_jax()
        self.algorithm, self.env, self.num_episodes = algorithm, env, num_episodes
        self.workers, self.num_compilers = backend.workers() if workers is None else workers, backend.num_compilers()
        self.memory = backend.training_bytes()
        self.has_fixed_lanes = lanes is not None and not may_halve
        self.lanes = (
            Lanes(*lanes) if lanes else balanced(num_configs, num_seeds, len(self.workers), backend.lanes_per_worker())
        )
        if min(self.lanes) < 1:
            raise InputError(f"lanes must be a width and a number of rows from 1 up, got {tuple(self.lanes)}")
        self.report = Report()
        self.compiler = Compiler(env, self._on_compiled, saved_programs.of(algorithm, env, num_episodes))
        self._bytes: dict[Any, int] = {}
        self._most_lanes: dict[Any, Lanes] = {}  # by `_kind`; after a lack of memory
        self._fitting_lanes: dict[Any, Lanes] = {}  # by `_kind`; whose programs are compiled
        self.lost: set[jax.Device] = set()
        self._start_evaluation, self._evaluate = Part(self._evaluation_start), Part(self._evaluation)

    def plan(self, runs: Sequence[Run]) -> list[list[int]]:
        """Return the positions of the runs of each block, as they are trained in if there is enough memory."""
        runs = self._canonical(runs)
        return [
            _positions(block)
            for positions in self._alike(runs)
            for block in self._blocks(runs, positions, self._asked_lanes(runs[positions[0]]))
        ]

    def _canonical(self, runs: Sequence[Run]) -> list[Run]:
        return [dataclasses.replace(run, config=self.algorithm.canonical(run.config)) for run in runs]

    def _on_compiled(self, programs: int, seconds: float) -> None:
        self.report.add(programs=programs, compile_seconds=seconds)

    def train(
        self, runs: Sequence[Run], on_segment: Callable[[Report], None] = lambda report: None
    ) -> Iterator[list[tuple[int, Curve | InputError]]]:
        """Train the runs; as each block ends, give its runs' curves with their positions in `runs`.

        A run that does not fit in memory, not even alone, has an error in the place of a curve. Where a device fails, its
        block is trained again on another, once, after a warning.

        Raises:
            InputError: a run that `check` refuses.
        """
        runs = self._canonical(runs)
        for run in runs:
            self.check(run)
        call = _Call(runs, Work(_spread(self._alike(runs), len(self.workers))), queue.SimpleQueue())
        places = [*self.workers, *[None] * self.num_compilers]
        threads = [threading.Thread(target=self._work, args=(call, place), daemon=True) for place in places]
        for thread in threads:
            thread.start()
        num_left = len(runs)
        try:
            while num_left:
                event = call.events.get()
                if isinstance(event, BaseException):
                    raise event
                if event is None:
                    on_segment(self.report)
                else:
                    num_left -= len(event)
                    yield event
        finally:
            call.work.stop()
            for thread in threads:  # a process that ends while one of them trains is aborted
                thread.join()

    def _work(self, call: _Call, place: jax.Device | None) -> None:
        """Do what is to be done on a device, as long as it works; compile what will be trained where there is no place."""
        compiles, trains = place is None or not self.num_compilers, place is not None
        while place not in self.lost and (task := call.work.take(compiles, trains)) is not None:
            device = place or next(device for device in self.workers if device not in self.lost)
            following = _Following()
            try:
                with jax.default_device(device):
                    following = self._do(call, task, device)
            except InputError as error:
                call.events.put([(i, error) for i in _positions(task)])
            except BaseException as error:
                call.events.put(error)
            call.work.done(*following)

    def _do(self, call: _Call, task: list[int] | _Block, device: jax.Device) -> _Following:
        """Train a block, or compile programs; return what is to be done then.

        Raises:
            InputError: not even one run fits in memory.
        """
        if isinstance(task, _Block):
            return self._train_or_retry(call, task, device)
        return _Following(blocks=self._compile(call.runs, task, device))

    def _alike(self, runs: Sequence[Run]) -> list[list[int]]:
        """Return the positions of runs that share all programs, those of similar configs side by side."""
        positions = sorted(range(len(runs)), key=lambda i: str(self._kind(runs[i])))
        return [list(group) for _, group in itertools.groupby(positions, key=lambda i: self._kind(runs[i]))]

    def _compile(self, runs: Sequence[Run], positions: list[int], device: jax.Device) -> list[_Block]:
        """Compile the programs of runs that share them all, and return their blocks.

        Raises:
            InputError: they do not fit in memory.
        """
        first = runs[positions[0]]
        kind = self._kind(first)
        if kind not in self._fitting_lanes:
            self._fitting_lanes[kind] = self._fitting(
                first, self._most_lanes.get(kind, self._asked_lanes(first)), device
            )
        return self._blocks(runs, positions, self._fitting_lanes[kind])

    def _fitting(self, run: Run, lanes: Lanes, device: jax.Device) -> Lanes:
        """Return the lanes, halved until their programs fit in memory; compile these.

        Half as many lanes need at least half as much: those for which that is too much are not even compiled.

        Raises:
            InputError: they can't be halved further.
        """
        while (needed := self._bytes_needed(run, lanes, device)) > self.memory:
            lane_bytes = needed / lanes.number
            lanes = self._halved(lanes, _does_not_fit(lanes.number, needed, self.memory))
            while lanes.number > 1 and lanes.number * lane_bytes > self.memory:
                lanes = lanes.halved()
        return lanes

    def _halved(self, lanes: Lanes, error: InputError) -> Lanes:
        """Return half as many lanes; raise the error where there may not be fewer."""
        if self.has_fixed_lanes or lanes.number == 1:
            raise error
        return lanes.halved()

    def _bytes_needed(self, run: Run, lanes: Lanes, device: jax.Device) -> int:
        """Return the memory that training copies of a run takes in some lanes; compile the programs."""
        programs = Rehearsal(self.compiler, lanes, *self._stacked([[run] * lanes.width] * lanes.rows), device)
        keys = _run_keys([run.seed] * lanes.rows)

        def rehearse() -> None:
            states = (
                programs.arrays(_shapes(run.parent.block, lanes)) if run.parent else self._untrained(keys, programs)
            )
            for _ in self._segments(run, states, keys, programs, self._iterations(run)[-1:]):
                pass

        try:
            jax.eval_shape(rehearse)
        except jax.errors.JaxRuntimeError as error:  # compilers may try programs out
            if not _is_lack_of_memory(error):
                raise
            return self.memory + 1
        return programs.peak_bytes

    def _train_or_retry(self, call: _Call, block: _Block, device: jax.Device) -> _Following:
        """Train a block; return what to do instead where memory ran out, or the device or an environment failed.

        Raises:
            InputError: not even one run fits in memory, or the environment of a run that was trained by itself failed.
        """
        try:
            call.events.put(self._train_block(call, block, device))
            return _Following()
        except jax.errors.JaxRuntimeError as error:
            if reason := failure(error):
                return _one_by_one(block, InputError(reason))
            lacks_memory, reason = _is_lack_of_memory(error), first_line(error)
            if not lacks_memory and (block.is_second_try or {*self.workers} <= {*self.lost, device}):
                raise
        if lacks_memory:
            return self._narrowed(call.runs, block, reason)
        self.lost.add(device)
        warnings.warn(f"{device} failed ({reason}): its runs are trained again on another device", stacklevel=2)
        return _Following(blocks=[block._replace(is_second_try=True)])

    def _narrowed(self, runs: Sequence[Run], block: _Block, reason: str) -> _Following:
        """Return the compilation of a block that ran out of memory in half as many lanes, and keep to these from now on."""
        error = InputError(f"{plural(block.lanes.number, 'agent')} in training must fit in memory, got {reason}")
        kind, lanes = self._kind(runs[block.rows[0][0]]), self._halved(block.lanes, error)
        self._most_lanes[kind] = min(self._most_lanes.get(kind, lanes), lanes, key=lambda lanes: lanes.number)
        self._fitting_lanes.pop(kind, None)
        return _Following(compilations=[_positions(block)])

    def _blocks(self, runs: Sequence[Run], positions: list[int], lanes: Lanes) -> list[_Block]:
        """Return blocks of runs; those of a block share all that steers control flow."""
        positions = sorted(positions, key=lambda i: str(self._group(runs[i])))
        blocks = []
        for _, group in itertools.groupby(positions, key=lambda i: self._group(runs[i])):
            rows = _in_rows(runs, list(group), lanes.width)
            blocks += [_Block(rows[first : first + lanes.rows], lanes) for first in range(0, len(rows), lanes.rows)]
        return blocks

    def check(self, run: Run) -> None:
        """Refuse a run that can't be trained.

        Raises:
            InputError: its config or its env params are not for this env or can't learn, its agent does not fit in memory,
                or its points do not allow one iteration.
        """
        self.env.check_params(run.env_params)
        self.algorithm.check(run.config, self.env)
        self._check_memory(run.config)
        if self._iterations(run)[-1] <= 0:
            unit = self.algorithm.iteration_steps(run.config)
            asked = run.points[-1] - _start(run)
            raise InputError(f"fidelity must allow one iteration of {unit} env steps, got {asked} to train")

    def _check_memory(self, config: Any) -> None:
        """Refuse a config whose agents alone take more memory than there is, without compiling anything."""
        num_lanes = self.lanes.number if self.has_fixed_lanes else 1
        needed = num_lanes * self._lane_bytes(config)
        if needed > self.memory:
            raise _does_not_fit(num_lanes, needed, self.memory)

    def _lane_bytes(self, config: Any) -> int:
        key = configs.structure(config)
        if key not in self._bytes:
            self._bytes[key] = _lane_bytes(self.algorithm, config, self.env)
        return self._bytes[key]

    def _asked_lanes(self, run: Run) -> Lanes:
        """Return the lanes of a run if they fit in memory: those of its parent, so that going on equals going straight."""
        if self.has_fixed_lanes or run.parent is None:
            return self.lanes
        return run.parent.lanes or self.lanes

    def _kind(self, run: Run) -> tuple[Any, ...]:
        """Return what runs that share all programs, and their lanes, have in common."""
        compiled_in = configs.batch_key(run.config) if backend.compiles_loops_in() else configs.structure(run.config)
        return *compiled_in, tuple(sorted(run.env_params)), run.parent is None, self._asked_lanes(run)

    def _group(self, run: Run) -> tuple[Any, ...]:
        """Return what runs of one block have in common, besides their kind."""
        return *configs.batch_key(run.config), self._iterations(run), _start(run)

    def _iterations(self, run: Run) -> tuple[int, ...]:
        """Return iterations of this run up to each point: the most that keep within its env steps."""
        return tuple((point - _start(run)) // self.algorithm.iteration_steps(run.config) for point in run.points)

    def _train_block(self, call: _Call, block: _Block, device: jax.Device) -> list[tuple[int, Curve | InputError]]:
        lanes = [[call.runs[i] for i in row] for row in _padded(block.rows, block.lanes)]
        first, num_runs = lanes[0][0], sum(map(len, block.rows))
        keys = _run_keys([row[0].seed for row in lanes])
        programs = BlockPrograms(self.compiler, block.lanes, *self._stacked(lanes), device)
        unit, done = self.algorithm.iteration_steps(first.config), 0

        started = time.perf_counter()
        states = _stack_agents(lanes, device) if first.parent else self._untrained(keys, programs)
        env_steps, points = [], []
        segments = self._segments(first, states, keys, programs, self._iterations(first))
        for iterations, after, point in segments:
            states = after
            env_steps.append(_start(first) + iterations * unit)
            points.append(jax.device_get(point))
            self.report.add(env_steps=(iterations - done) * unit * num_runs)
            done = iterations
            call.events.put(None)
            if call.work.is_stopped:
                raise InterruptedError
        seconds = time.perf_counter() - started - programs.compile_seconds

        self.report.add(train_seconds=seconds)
        stacked = jax.tree.map(lambda *x: np.stack(x, axis=-1), *points)
        share = seconds / num_runs
        return [
            (i, _curve(call.runs[i], stacked, (s, w), np.array(env_steps), done * unit, share, states, block.lanes))
            for s, row in enumerate(block.rows)
            for w, i in enumerate(row)
        ]

    def _untrained(self, keys: "RunKeys", programs: BlockPrograms | Rehearsal) -> Any:
        return self.algorithm.init(keys.init, programs.config, self.env, programs)

    def _segments(
        self, run: Run, states: Any, keys: "RunKeys", programs: BlockPrograms | Rehearsal, points: Sequence[int]
    ) -> Iterator[tuple[int, Any, Point]]:
        """Train the lanes of a block to each of some numbers of iterations; give it, the states, and their evaluation."""
        config, unit, done = programs.config, self.algorithm.iteration_steps(run.config), 0
        for iterations in points:
            trained = np.int32(_start(run) + done * unit), np.int32(iterations - done)
            states, metrics = self.algorithm.train(states, config, self.env, keys.train, *trained, programs)
            agent, env_steps = self.algorithm.actor(states), np.int32(_start(run) + iterations * unit)
            starts = programs.call(self._start_evaluation, (), (), config, self.env, keys.evaluate, env_steps)
            evaluated = programs.call(self._evaluate, (), (agent, starts), config, self.env, keys.evaluate, env_steps)
            yield iterations, states, Point(**evaluated, metrics=metrics)
            done = iterations

    def _stacked(self, lanes: Sequence[Sequence[Run]]) -> tuple[Any, EnvParams]:
        """Return config and env params of runs `[seed][config]`, arrays `(seed, config)`."""
        config = configs.stack([[run.config for run in row] for row in lanes])
        return config, self._stacked_params([[run.env_params for run in row] for row in lanes])

    def _stacked_params(self, params: Sequence[Sequence[Mapping[str, float]]]) -> EnvParams:
        """Return env params `[seed][config]` of the same names as arrays `(seed, config)`."""
        defaults = self.env.param_defaults if params[0][0] else {}
        dtypes = {bool: np.bool_, int: np.int32, float: np.float32}
        return {
            name: np.array([[lane[name] for lane in row] for row in params], dtypes[type(defaults[name])])
            for name in params[0][0]
        }

    def _evaluation_start(
        self, changed: Any, read: Any, config: Any, env: VectorEnv, key: Array, env_steps: Array
    ) -> Start:
        """Return the start states of an evaluation, which all configs share a program for."""
        return env.scored.reset_each(self._evaluation_keys(key, env_steps)[0])

    def _evaluation_keys(self, key: Array, env_steps: Array) -> tuple[Key[Array, " episode"], PRNGKeyArray]:
        """Return the keys of an evaluation: for its start states, and for its steps."""
        start_keys, key_steps = random_keys.of_step(key, env_steps, (self.num_episodes,), ())
        return start_keys, key_steps

    def _evaluation(
        self, changed: Any, read: tuple[Any, Start], config: Any, env: VectorEnv, key: Array, env_steps: Array
    ) -> dict[str, Array]:
        """Return an agent's `Point` after some env steps, without metrics."""
        agent, start = read
        unused = jax.random.key(0)  # the best actions are not random

        def policy(obs: PyTree[Array]) -> Array:
            return self.algorithm.act(agent, config, env, obs, unused, explore=False)

        episodes = evaluation.play(env.scored, policy, start, self._evaluation_keys(key, env_steps)[1])
        return {
            "return_mean": jnp.mean(episodes.episode_return),
            "return_std": jnp.std(episodes.episode_return),
            "length_mean": jnp.mean(episodes.length.astype(jnp.float32)),
            "finite": _all_finite(agent),
        }


def balanced(num_configs: int, num_seeds: int, num_workers: int, most: int) -> Lanes:
    """Return lanes of blocks that keep all workers busy with configs under seeds, at most so many, which is fast."""
    width = min(_power_of_two(num_configs), most, -(-num_configs * num_seeds // num_workers))
    rows_each = -(-num_seeds * -(-num_configs // width) // num_workers)
    blocks_each = -(-rows_each * width // most)
    return Lanes(width, -(-rows_each // blocks_each))


def _does_not_fit(num_lanes: int, needed: int, memory: int) -> InputError:
    size, free = (f"{num_bytes / 2**20:,.0f} MiB" for num_bytes in (needed / num_lanes, memory))
    agents = f"{num_lanes} agents of {size} trained together" if num_lanes > 1 else f"an agent of {size} in training"
    return InputError(f"{agents} must fit in memory, got {free} free")


def _is_lack_of_memory(error: jax.errors.JaxRuntimeError) -> bool:
    return str(error).startswith("RESOURCE_EXHAUSTED")


def _lane_bytes(algorithm: Algorithm, config: Any, env: VectorEnv) -> int:
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
    keys = jax.vmap(lambda seed: jax.random.split(random_keys.from_seed(seed), 3))(np.array(seeds))
    return RunKeys(*(keys[:, i] for i in range(3)))


def _spread(alike: Sequence[list[int]], num_workers: int) -> list[list[int]]:
    """Return groups in an order in which workers that compile side by side seldom wait for each other's programs.

    Neighbours share most. Of seven groups, two workers take 0 and 4, then 1 and 5, 2 and 6, and 3.
    """
    size = -(-len(alike) // num_workers)
    return [alike[i] for first in range(size) for i in range(first, len(alike), size)]


def _positions(task: list[int] | _Block) -> list[int]:
    return [i for row in task.rows for i in row] if isinstance(task, _Block) else task


def _one_by_one(block: _Block, error: InputError) -> _Following:
    """Return each run of a block as a block of its own, in the same lanes; raise the error if there is one run only."""
    positions = _positions(block)
    if len(positions) == 1:
        raise error
    return _Following(blocks=[block._replace(rows=[[i]]) for i in positions])


def _in_rows(runs: Sequence[Run], positions: list[int], width: int) -> list[list[int]]:
    """Return rows of at most `width` runs of one seed; the seeds of a config stand in neighbouring rows."""
    by_seed: dict[int, list[int]] = {}
    for i in positions:
        by_seed.setdefault(runs[i].seed, []).append(i)
    columns = range(0, max(map(len, by_seed.values())), width)
    rows = [lanes[first : first + width] for first in columns for lanes in by_seed.values()]
    return [row for row in rows if row]


def _padded(rows: list[list[int]], lanes: Lanes) -> list[list[int]]:
    """Return rows of full width, the last lanes and rows repeated; what is repeated is thrown away."""
    wide = [row + [row[-1]] * (lanes.width - len(row)) for row in rows]
    return wide + [wide[-1]] * (lanes.rows - len(wide))


def _shapes(block: Any, lanes: Lanes) -> Any:
    """Return the states of a block with other lanes, without values."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct((lanes.rows, lanes.width, *x.shape[2:]), x.dtype), block)


def _stack_agents(lanes: Sequence[Sequence[Run]], device: jax.Device) -> Any:
    """Return the parents' states in the places of their lanes: one gather from each block that holds some of them.

    Lanes whose parents are at (0, 1) of block A, (2, 0) of block B and (0, 0) of block A:

        gathered from A  A[0, 1]  A[0, 0]  A[0, 0]       gathered from B  B[0, 0]  B[2, 0]  B[0, 0]
        merged           A[0, 1]  B[2, 0]  A[0, 0]
    """
    parents = [parent for row in lanes for run in row if (parent := run.parent)]
    shape = len(lanes), len(lanes[0])
    places = np.array([parent.index for parent in parents]).reshape(*shape, 2)
    blocks = {id(parent.block): parent.block for parent in parents}
    block_ids = np.array([id(parent.block) for parent in parents]).reshape(shape)
    states = None
    for block_id, block in blocks.items():
        is_in_block = block_ids == block_id
        gathered = _moved(_gathered_there(block, places * is_in_block[..., None]), device)
        states = gathered if states is None else _merged(is_in_block, gathered, states)
    return states


def apart(agents: Mapping[Name, Agent]) -> dict[Name, Agent]:
    """Return agents of one block in a block of little more than themselves, so that the rest of their block is free."""
    places = [agent.index for agent in agents.values()]
    padded = places + places[-1:] * (_power_of_two(len(places)) - len(places))  # few shapes, few compilations
    block = _gathered_there(next(iter(agents.values())).block, np.array(padded)[:, None])
    return {key: dataclasses.replace(agent, block=block, index=(i, 0)) for i, (key, agent) in enumerate(agents.items())}


def _gathered_there(block: Any, places: np.ndarray) -> Any:
    """Return states of some lanes of a block, on its device."""
    with jax.default_device(_device(block)):
        return _gathered(block, places)


def _device(block: Any) -> jax.Device:
    device: jax.Device = next(iter(jax.tree.leaves(block)[0].devices()))
    return device


def _moved(states: Any, device: jax.Device) -> Any:
    """Return states on a device."""
    return states if _device(states) == device else jax.device_put(states, device)


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
    lanes: Lanes,
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
        agent=Agent(int(env_steps[-1]), states, lane, not alive[-1], lanes),
    )


def _all_finite(tree: Any) -> Bool[Array, ""]:
    floats = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.all(jnp.isfinite(ravel_pytree(floats)[0]))


def _power_of_two(count: int) -> int:
    """Return the smallest power of two that is at least `count`."""
    return 1 << max(count - 1, 0).bit_length()
