"""Training in parts, each of which is a program of its own, or all together one.

Compiling takes longer the larger a program is, and a part depends on fewer hyperparameters than the whole: configs that
differ in all else share it. An algorithm is written once, over `Programs` that either run its parts one after the other
from the host, for all lanes of a block, or inline them into the one program that is being traced:

    def train(state, config, env, key, env_steps, num_iterations, programs=ONE_PROGRAM):
        def iteration(i, state):
            steps = env_steps + i * iteration_steps(config)
            walk, samples = programs.call(experience, state.walk, state.params, config, env, key, steps)
            return programs.call(update, state.learner, samples, config, env, key, steps)
        return programs.loop(num_iterations, iteration, state)
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, runtime_checkable

import jax
import numpy as np
from jaxtyping import Array, Int, Key

from envs.vector import VectorEnv

Carry = TypeVar("Carry")
Keys = Key[Array, "*seed"]  # one, or one for each row of a block
Count = Int[Array, ""] | np.int32 | int  # an `int` is the same in all calls for a config


@dataclasses.dataclass(frozen=True)
class Part:
    """A function of one lane that may be compiled on its own.

    Attributes:
        function: maps `(changed, read, config, env, key, *counts)` to its results. What comes in as `changed` is used up;
            `read` stays. All that its program depends on must come in this way: it is shared by all configs that agree in
            the shapes of `changed` and `read` and in the static hyperparameters that it looks at.
        is_hot: whether so much of training is spent in it that faster code is worth slower compilation, even for a single
            lane; may be a function of the config.
        once: whether it runs once for a program's other work, so that the quickest compilation is best.
        row_by_row: whether the rows of a block are computed one after the other instead of side by side, and blocks one after
            the other as well: for decompositions of matrices.
    """

    function: Callable[..., Any]
    is_hot: bool | Callable[[Any], bool] = False
    once: bool = False
    row_by_row: bool = False


@runtime_checkable
class Programs(Protocol):
    """Runs parts."""

    def call(
        self,
        part: Part,
        changed: Any,
        read: Any,
        config: Any,
        env: VectorEnv,
        key: Keys,
        *counts: Count,
    ) -> Any:
        """Return what the part's function does."""
        ...

    def loop(self, num: Count, body: Callable[[Any, Carry], Carry], carry: Carry) -> Carry:
        """Return `body(num - 1, ... body(1, body(0, carry)))`."""
        ...


class _OneProgram:
    """Parts are pieces of the program that is being traced."""

    def call(
        self,
        part: Part,
        changed: Any,
        read: Any,
        config: Any,
        env: VectorEnv,
        key: Keys,
        *counts: Count,
    ) -> Any:
        return part.function(changed, read, config, env, key, *counts)

    def loop(self, num: Count, body: Callable[[Any, Carry], Carry], carry: Carry) -> Carry:
        return jax.lax.fori_loop(0, num, body, carry)


ONE_PROGRAM: Programs = _OneProgram()
