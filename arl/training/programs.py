"""Parts of training as compiled programs, for all lanes of a block at once.

A part's program is shared by all blocks that agree in what it depends on: the shapes of its arrays, and the static
hyperparameters that were looked at while it was traced. Which these are is recorded, not declared. On a GPU, shared
hyperparameters and counts that are the same in all calls are compiled in as well: it would send how often to repeat a loop
to the host each time.
"""

import collections
import dataclasses
import functools
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
from jaxtyping import Array

from arl import config as configs
from arl.algorithms.parts import Count, Keys, Part
from arl.training import backend, program_cache
from arl.training.saved_programs import SavedPrograms
from envs.vector import VectorEnv

Carry = TypeVar("Carry")
EnvParams = dict[str, Any]  # by name, arrays with an entry per lane
_FixedCounts = tuple[int | None, ...]

MOST_PROGRAMS = 128  # that a compiler keeps; each takes some 10 MB

# Held by a part that is computed row by row: with jax 0.10.1, two threads that decompose matrices in one program at once may
# wait for ever (6 of 48 sweeps on two cores; none of 60 with the lock).
_ONE_AT_A_TIME = threading.Lock()


class Lanes(NamedTuple):
    """The shape of a block: configs of a row, and rows."""

    width: int
    rows: int

    @property
    def number(self) -> int:
        """Lanes of the block."""
        return self.width * self.rows

    def halved(self) -> "Lanes":
        """Return lanes about half as many: half of the rows, or half a row where there is one."""
        half_rows = Lanes(self.width, -(-self.rows // 2))
        return half_rows if self.rows > 1 else Lanes(-(-self.width // 2), 1)


class _Program:
    """A part for some static hyperparameters, compiled for each device at its first use there.

    Attributes:
        looked_at: the hyperparameters that it depends on.
        results: shapes and types of what it returns.
        traced: what it is compiled from; None as long as it comes from disk.
        compiled: the program of each device.
    """

    def __init__(self, looked_at: Mapping[str, Any], results: Any, traced: Any = None):
        self.looked_at, self.results, self.traced = looked_at, results, traced
        self.compiled: dict[jax.Device, Any] = {}


class Compiler:
    """Compiles parts for lanes of an env, and keeps those programs that were used last.

    A part is traced once for all devices. GPUs but the first load its program from the cache on disk, whose keys are the
    same for all of them; so does a program that is needed again after it had to make room for others. What was saved in an
    earlier process is not even traced.

    Args:
        env: the env.
        on_compiled: told how many programs are new, and the seconds that they took.
        saved: programs on disk that need not be traced.
    """

    def __init__(self, env: VectorEnv, on_compiled: Callable[[int, float], None], saved: SavedPrograms | None = None):
        self.env, self.on_compiled, self.saved = env, on_compiled, saved
        self._programs: dict[Any, list[_Program]] = collections.defaultdict(list)
        self._last_used: collections.OrderedDict[_Program, Any] = collections.OrderedDict()  # with its key, latest last
        self._lock = threading.Lock()
        self._locks: dict[Any, threading.Lock] = collections.defaultdict(threading.Lock)

    def program(
        self,
        part: Part,
        config: Any,
        arguments: tuple[Any, ...],
        fixed_counts: _FixedCounts,
        lanes: Lanes,
        device: jax.Device,
    ) -> _Program:
        """Return the program of a part for a config and arguments like these; compiled at its first use on a device.

        Args:
            part: the part.
            config: of the lanes; what is not among the arguments is compiled in.
            arguments: what changes, what is read, traced hyperparameters, params of the env, keys and counts.
            fixed_counts: values of counts that are compiled in, None for others.
            lanes: their number.
            device: where it will run.
        """
        key = (part, lanes, _described(arguments), fixed_counts)
        with self._locks[key]:
            alike = (program for program in list(self._programs[key]) if _depends_alike(program, config))
            program = next(alike, None)
            if program is not None and device in program.compiled:
                self._keep(program, key)
                return program
            started, is_new = time.perf_counter(), program is None
            trace = functools.partial(self._traced, part, config, arguments, fixed_counts, lanes)
            program = self._on_device(program, _text(key), config, device, trace)
            self._keep(program, key)
        self.on_compiled(int(is_new), time.perf_counter() - started)
        return program

    def _on_device(
        self, program: _Program | None, text: str, config: Any, device: jax.Device, trace: Callable[[], _Program]
    ) -> _Program:
        """Return the program, or a new one, for a device: as it was saved, else compiled from what is traced."""
        saved = self.saved.load(text, config, device) if self.saved else None
        if saved is not None:
            looked_at, compiled = saved
            program = program or _Program(looked_at, compiled.out_info)
        else:
            program = program if program is not None and program.traced is not None else trace()
            with jax.default_device(device), program_cache.keys_asked_for() as keys:
                compiled = program.traced.lower().compile()
            if self.saved:
                self.saved.save(text, program.looked_at, compiled, keys, device)
        program.compiled[device] = compiled
        return program

    def _keep(self, program: _Program, key: Any) -> None:
        """Keep a program as the last used one; forget the one that was not used for longest where there are too many."""
        with self._lock:
            if program not in self._last_used:
                self._programs[key].append(program)
            self._last_used[program] = key
            self._last_used.move_to_end(program)
            if len(self._last_used) > MOST_PROGRAMS:
                oldest, its_key = self._last_used.popitem(last=False)
                self._programs[its_key].remove(oldest)

    def _traced(
        self, part: Part, config: Any, arguments: tuple[Any, ...], fixed_counts: _FixedCounts, lanes: Lanes
    ) -> _Program:
        looked_at: set[str] = set()
        compiled_in = configs.values(config).keys() - arguments[2].keys()

        def one_lane(changed: Any, read: Any, values: Any, params: EnvParams, key: Any, counts: Any) -> Any:
            watched = configs.watched(dataclasses.replace(config, **values), compiled_in, looked_at)
            counts = [x if fixed is None else fixed for x, fixed in zip(counts, fixed_counts, strict=True)]
            return part.function(changed, read, watched, self.env.with_params(params), key, *counts)

        watched = configs.watched(config, compiled_in, looked_at)
        is_hot = lanes.number > 1 or (part.is_hot(watched) if callable(part.is_hot) else part.is_hot)
        axes = {name: axis for name, axis in configs.values(configs.lane_axes(config)).items() if name in arguments[2]}
        options = backend.compiler_options(is_hot, part.once)
        needs_batch = not is_hot and options != backend.compiler_options()
        row = _side_by_side(one_lane, (0, 0, axes, 0, None, None), lanes.width, batch_one=needs_batch)
        row_axes = (0, 0, axes, 0, 0, None)
        block = _row_by_row(row, lanes.rows) if part.row_by_row else _side_by_side(row, row_axes, lanes.rows)
        jitted = jax.jit(block, donate_argnums=0, compiler_options=options)
        traced = jitted.trace(*jax.tree.map(jax.typeof, arguments))
        return _Program({name: getattr(config, name) for name in sorted(looked_at)}, traced.out_info, traced)


@dataclasses.dataclass
class _Block:
    """The lanes of one block.

    Args:
        compiler: what compiles their programs.
        lanes: how many there are.
        config: of the lanes, arrays `(seed, config)` where traced.
        params: of the lanes' envs.
        device: where they are trained.
    """

    compiler: Compiler
    lanes: Lanes
    config: Any
    params: EnvParams
    device: jax.Device

    def __post_init__(self) -> None:
        self.compiles_loops_in = backend.compiles_loops_in()
        kinds, values = configs.kinds(type(self.config)), configs.values(self.config)
        if self.compiles_loops_in:
            shared = {name: values.pop(name).item() for name, kind in kinds.items() if kind == "shared"}
            self.config = dataclasses.replace(self.config, **shared)
        self.values = {name: value for name, value in values.items() if kinds[name] != "static"}

    def _arguments(self, changed: Any, read: Any, key: Keys, counts: tuple[Count, ...]) -> tuple[Any, ...]:
        return changed, read, self.values, self.params, key, tuple(map(np.int32, counts))

    def _fixed(self, counts: tuple[Count, ...]) -> _FixedCounts:
        return tuple(x if self.compiles_loops_in and isinstance(x, int) else None for x in counts)

    def _program(self, part: Part, arguments: tuple[Any, ...], fixed_counts: _FixedCounts) -> _Program:
        return self.compiler.program(part, self.config, arguments, fixed_counts, self.lanes, self.device)


class BlockPrograms(_Block):
    """Runs parts for the lanes of one block, from the host; see `arl.algorithms.parts.Programs`.

    Attributes:
        compile_seconds: waited for programs so far.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.compile_seconds = 0.0
        self._compiled: dict[tuple[Part, _FixedCounts], Callable[..., Any]] = {}

    def call(self, part: Part, changed: Any, read: Any, config: Any, env: VectorEnv, key: Keys, *counts: Count) -> Any:
        """Return what the part gives for all lanes, arrays `(seed, config, ...)`."""
        arguments, fixed = self._arguments(changed, read, key, counts), self._fixed(counts)
        compiled = self._compiled.get((part, fixed))
        if compiled is None:
            started = time.perf_counter()
            compiled = self._compiled[part, fixed] = self._program(part, arguments, fixed).compiled[self.device]
            self.compile_seconds += time.perf_counter() - started
        if not part.row_by_row:
            return compiled(*arguments)
        with _ONE_AT_A_TIME:
            return jax.block_until_ready(compiled(*arguments))

    def loop(self, num: Count, body: Callable[[Any, Carry], Carry], carry: Carry) -> Carry:
        """Return `body(num - 1, ... body(1, body(0, carry)))`."""
        for i in range(int(num)):
            carry = body(i, carry)
        return carry


class Rehearsal(_Block):
    """Compiles the parts of a block's training, and measures what memory they need, without running them.

    Training is traced meanwhile (`jax.eval_shape`), so that its arrays have no values.

    Attributes:
        peak_bytes: the most memory at a time: all arrays in use, and what the program that runs needs besides.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        self.peak_bytes = 0
        self._in_use: weakref.WeakValueDictionary[int, Array] = weakref.WeakValueDictionary()  # by `id`

    def arrays(self, like: Any) -> Any:
        """Return arrays of the shapes and types of others; they are in use until they are forgotten or used up."""
        arrays = jax.tree.map(lambda x: jax.lax.empty(x.shape, x.dtype), like)
        self._in_use.update({id(x): x for x in jax.tree.leaves(arrays)})
        return arrays

    def call(self, part: Part, changed: Any, read: Any, config: Any, env: VectorEnv, key: Keys, *counts: Count) -> Any:
        """Return arrays of the shapes of what the part gives."""
        program = self._program(part, self._arguments(changed, read, key, counts), self._fixed(counts))
        in_use = sum(x.size * x.dtype.itemsize for x in self._in_use.values())
        self.peak_bytes = max(self.peak_bytes, in_use + _bytes_besides_arguments(program.compiled[self.device]))
        for x in jax.tree.leaves(changed):
            self._in_use.pop(id(x), None)
        return self.arrays(program.results)

    def loop(self, num: Count, body: Callable[[Any, Carry], Carry], carry: Carry) -> Carry:
        """Go through the first pass and the last one: some parts do not run at the start of training."""
        for i in sorted({0, int(num) - 1} & set(range(int(num)))):
            carry = body(i, carry)
        return carry


def _depends_alike(program: _Program, config: Any) -> bool:
    return all(getattr(config, name) == value for name, value in program.looked_at.items())


def _bytes_besides_arguments(compiled: Any) -> int:
    """Return the memory for the results of a program, without those that take the place of an argument, and in between."""
    memory = compiled.memory_analysis()
    if memory is None:  # not every kind of device says
        return 0
    return int(memory.temp_size_in_bytes + memory.output_size_in_bytes - memory.alias_size_in_bytes)


def _row_by_row(row: Callable[..., Any], num_rows: int) -> Callable[..., Any]:
    """Return a function of a block that computes one row after the other."""

    def block(changed: Any, read: Any, values: Any, params: EnvParams, key: Any, counts: Any) -> Any:
        def at(i: Array) -> Any:
            lanes = jax.tree.map(lambda x: x[i] if x.ndim else x, (changed, read, values, params))
            return row(*lanes, key[i], counts)

        return jax.lax.map(at, jax.numpy.arange(num_rows))

    return block


def _side_by_side(
    function: Callable[..., Any], in_axes: tuple[Any, ...], size: int, batch_one: bool = False
) -> Callable[..., Any]:
    """Return the function over one axis more, as `jax.vmap` does.

    An axis of size 1 is only batched with `batch_one`: tracing takes a third of the time without. What XLA's older code
    generator makes trains up to 1.4 times slower without, what its new one makes as fast or faster.
    """
    if size > 1 or batch_one:
        return jax.vmap(function, in_axes=in_axes, axis_size=size)

    def of_one(*arguments: Any) -> Any:
        first = [_first(argument, axes) for argument, axes in zip(arguments, in_axes, strict=True)]
        return jax.tree.map(lambda x: x[None], function(*first))

    return of_one


def _first(tree: Any, axes: Any) -> Any:
    """Return the first entry of each array along its axis, the array itself where that is `None`."""
    if isinstance(axes, dict):
        return {name: _first(tree[name], axis) for name, axis in axes.items()}
    return tree if axes is None else jax.tree.map(lambda x: x[0], tree)


def _text(key: tuple[Any, ...]) -> str:
    """Return what tells the program of a key from others in every process."""
    part, *others = key
    return repr((part.function.__module__, part.function.__qualname__, *others))


def _described(arguments: tuple[Any, ...]) -> Any:
    """Return what programs for some arguments must agree in: their structure, shapes and types."""
    leaves, structure = jax.tree.flatten(arguments)
    return structure, tuple((x.shape, x.dtype) for x in leaves)
