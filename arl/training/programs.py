"""Parts of training as compiled programs, for all lanes of a block at once.

A part's program is shared by all blocks that agree in what it depends on: the shapes of its arrays, and the static
hyperparameters that were looked at while it was traced. Which these are is recorded, not declared.
"""

import collections
import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import numpy as np
from jaxtyping import Array

from arl import config as configs
from arl.algorithms.parts import Count, Keys, Part
from arl.training import backend
from envs.vector import VectorEnv

Carry = TypeVar("Carry")
EnvParams = dict[str, Any]  # by name, arrays with an entry per lane


@dataclasses.dataclass(frozen=True)
class _Program:
    """A compiled part, and the static hyperparameters that it was compiled for."""

    looked_at: Mapping[str, Any]
    run: Callable[..., Any]


class Compiler:
    """Compiles parts for lanes of an env, each once, and keeps them.

    Args:
        env: the env.
        rows: rows of a block.
        width: lanes of a row.
        on_compiled: told the seconds that each program took.
    """

    def __init__(self, env: VectorEnv, rows: int, width: int, on_compiled: Callable[[float], None]):
        self.env, self.rows, self.width, self.on_compiled = env, rows, width, on_compiled
        self._programs: dict[Any, list[_Program]] = collections.defaultdict(list)
        self._locks: dict[Any, threading.Lock] = collections.defaultdict(threading.Lock)

    def program(self, part: Part, config: Any, arguments: tuple[Any, ...], device: jax.Device) -> Callable[..., Any]:
        """Return the program of a part for a config and arguments like these; compiled at its first use."""
        key = (part, device, _described(arguments))
        with self._locks[key]:
            for program in self._programs[key]:
                if all(getattr(config, name) == value for name, value in program.looked_at.items()):
                    return program.run
            started = time.perf_counter()
            program = self._compiled(part, config, arguments)
            self._programs[key].append(program)
        self.on_compiled(time.perf_counter() - started)
        return program.run

    def _compiled(self, part: Part, config: Any, arguments: tuple[Any, ...]) -> _Program:
        looked_at: set[str] = set()

        def one_lane(changed: Any, read: Any, values: Any, params: EnvParams, key: Any, counts: Any) -> Any:
            watched = configs.watched(dataclasses.replace(config, **values), looked_at)
            return part.function(changed, read, watched, self.env.with_params(params), key, *counts)

        axes = {name: axis for name, axis in configs.values(configs.lane_axes(config)).items() if name in arguments[2]}
        batch_one = not part.is_hot
        row = _side_by_side(one_lane, (0, 0, axes, 0, None, None), self.width, batch_one)
        block = self._row_by_row(row) if part.row_by_row else _side_by_side(row, (0, 0, axes, 0, 0, None), self.rows)
        jitted = jax.jit(block, donate_argnums=0, compiler_options=backend.compiler_options(part.is_hot))
        run = jitted.lower(*arguments).compile()
        return _Program({name: getattr(config, name) for name in sorted(looked_at)}, run)

    def _row_by_row(self, row: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of a block that computes one row after the other."""

        def block(changed: Any, read: Any, values: Any, params: EnvParams, key: Any, counts: Any) -> Any:
            def at(i: Array) -> Any:
                lanes = jax.tree.map(lambda x: x[i] if x.ndim else x, (changed, read, values, params))
                return row(*lanes, key[i], counts)

            return jax.lax.map(at, jax.numpy.arange(self.rows))

        return block


class BlockPrograms:
    """Runs parts for the lanes of one block, from the host; see `arl.algorithms.parts.Programs`.

    Args:
        compiler: what compiles them.
        config: of the lanes, arrays `(seed, config)` where traced.
        params: of the lanes' envs.
        device: where they run.

    Attributes:
        compile_seconds: waited for programs so far.
    """

    def __init__(self, compiler: Compiler, config: Any, params: EnvParams, device: jax.Device):
        self.compiler, self.config, self.params, self.device = compiler, config, params, device
        kinds = configs.kinds(type(config))
        self.values = {name: value for name, value in configs.values(config).items() if kinds[name] != "static"}
        self.compile_seconds = 0.0
        self._programs: dict[Part, Callable[..., Any]] = {}

    def call(self, part: Part, changed: Any, read: Any, config: Any, env: VectorEnv, key: Keys, *counts: Count) -> Any:
        """Return what the part gives for all lanes, arrays `(seed, config, ...)`."""
        arguments = (changed, read, self.values, self.params, key, tuple(map(np.int32, counts)))
        program = self._programs.get(part)
        if program is None:
            started = time.perf_counter()
            program = self._programs[part] = self.compiler.program(part, self.config, arguments, self.device)
            self.compile_seconds += time.perf_counter() - started
        return program(*arguments)

    def loop(self, num: Count, body: Callable[[Any, Carry], Carry], carry: Carry) -> Carry:
        """Return `body(num - 1, ... body(1, body(0, carry)))`."""
        for i in range(int(num)):
            carry = body(i, carry)
        return carry


def _side_by_side(
    function: Callable[..., Any], in_axes: tuple[Any, ...], size: int, batch_one: bool = False
) -> Callable[..., Any]:
    """Return the function over one axis more, as `jax.vmap` does.

    An axis of size 1 is only batched with `batch_one`: tracing takes a third of the time without. XLA's older code
    generator vectorises some functions only with it.
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


def _described(arguments: tuple[Any, ...]) -> Any:
    """Return what programs for some arguments must agree in: their structure, shapes and types."""
    leaves, structure = jax.tree.flatten(arguments)
    return structure, tuple((x.shape, x.dtype) for x in leaves)
