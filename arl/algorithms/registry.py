"""The algorithms by name. Adding one is its module and one row here."""

import importlib
from typing import Any, Protocol, runtime_checkable

import jax
import optax
from jaxtyping import Array, PRNGKeyArray, PyTree

from arl.algorithms.metrics import Metrics
from arl.algorithms.parts import ONE_PROGRAM, Count, Keys, Programs
from arl.errors import InputError, unknown
from envs.vector import VectorEnv

ALGORITHMS: dict[str, str] = {
    "ppo": "arl.algorithms.ppo",
    "dqn": "arl.algorithms.dqn",
    "sac": "arl.algorithms.sac",
    "pqn": "arl.algorithms.pqn",
}

AgentConfig = Any  # an instance of the algorithm's `Config`
AgentState = Any  # a pytree: all that training goes on from, but the key


@runtime_checkable
class Algorithm(Protocol):
    """An algorithm as pure functions over explicit state: a module with these names.

    Attributes:
        Config: its hyperparameters, a class decorated with `arl.config.config`.
        METRICS: names of the training metrics that `train` gives.
    """

    Config: Any
    METRICS: tuple[str, ...]

    def check(self, config: AgentConfig, env: VectorEnv, /) -> None:
        """Refuse a config that can't be run on an env.

        Raises:
            InputError: the rule, and what was given.
        """
        ...

    def canonical(self, config: AgentConfig, /) -> AgentConfig:
        """Return the config that trains the same and shares a program with all its equals."""
        ...

    def iteration_steps(self, config: AgentConfig, /) -> int:
        """Return the env steps of one iteration, the unit in which training can stop."""
        ...

    def init(self, key: Keys, config: AgentConfig, env: VectorEnv, programs: Programs = ONE_PROGRAM, /) -> AgentState:
        """Return an untrained agent at the start of its episodes."""
        ...

    def train(
        self,
        state: AgentState,
        config: AgentConfig,
        env: VectorEnv,
        key: Keys,
        env_steps: Count,
        num_iterations: Count,
        programs: Programs = ONE_PROGRAM,
        /,
    ) -> tuple[AgentState, Metrics]:
        """Train an agent that has seen `env_steps` env steps for `num_iterations` iterations.

        What an iteration does depends on the state, the key and the env steps before it alone, so that training may be cut
        into calls anywhere. How keys are split depends neither on the config nor on data: lanes of one key share all
        random numbers. The metrics are means over the call. `programs` runs the parts of the work, see
        `arl.algorithms.parts`.
        """
        ...

    def actor(self, state: AgentState, /) -> AgentState:
        """Return what `act` needs of an agent and what learns, optimizers included, with None in place of the rest.

        All of it is finite unless the agent diverged. Where the envs stand is not of it: that may be infinite.
        """
        ...

    def act(
        self,
        state: AgentState,
        config: AgentConfig,
        env: VectorEnv,
        obs: PyTree[Array],
        key: PRNGKeyArray,
        explore: bool,
    ) -> Array:
        """Return actions in the env's own units for observations `(env, ...)`: to explore with, or the best ones."""
        ...


MEMBERS = ("Config", "METRICS", "check", "canonical", "iteration_steps", "init", "train", "actor", "act")


def get(name: str) -> Algorithm:
    """Return the algorithm of that name.

    Raises:
        InputError: an unknown name, or a module that lacks a part of an algorithm.
    """
    if name not in ALGORITHMS:
        raise unknown("algorithm", name, ALGORITHMS)
    module: Any = importlib.import_module(ALGORITHMS[name])
    missing = [member for member in MEMBERS if not hasattr(module, member)]
    if missing:
        raise InputError(f"algorithm {name!r} must have {', '.join(MEMBERS)}, it lacks {', '.join(missing)}")
    algorithm: Algorithm = module
    return algorithm


def num_parameters(algorithm: Algorithm, config: AgentConfig, env: VectorEnv) -> int:
    """Return how many parameters an agent trains: those that an optimizer keeps moments of."""
    state = jax.eval_shape(lambda key: algorithm.init(key, config, env), jax.random.key(0))
    moments = [moment for _, moment in optax.tree_utils.tree_get_all_with_path(state, "mu")]
    return sum(x.size for x in jax.tree.leaves(moments))
