"""The algorithms by name. Adding one is one new module and one row here."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import optax

from arl.algorithms import dqn, ppo, sac
from arl.errors import unknown


@dataclasses.dataclass(frozen=True)
class Algorithm:
    """An algorithm as pure functions; `arl.algorithms.ppo` documents what each takes and gives.

    Attributes:
        check: refuses a config that the algorithm can't run on an env, with an InputError.
        canonical: the config that trains the same and shares a program with all its equals.
        iteration_steps: env steps of one iteration, the unit in which training can stop.
        metrics: names of the training metrics that `train` gives.
    """

    name: str
    config: type
    check: Callable[[Any, Any], None]
    canonical: Callable[[Any], Any]
    iteration_steps: Callable[..., int]
    init: Callable[..., Any]
    train: Callable[..., Any]
    act: Callable[..., Any]
    metrics: tuple[str, ...]


def _of_module(name: str, module: Any, config: type) -> Algorithm:
    names = ("check", "canonical", "iteration_steps", "init", "train", "act")
    functions = {function: getattr(module, function) for function in names}
    return Algorithm(name, config, metrics=module.METRICS, **functions)


ALGORITHMS: dict[str, Algorithm] = {
    "ppo": _of_module("ppo", ppo, ppo.PPOConfig),
    "dqn": _of_module("dqn", dqn, dqn.DQNConfig),
    "sac": _of_module("sac", sac, sac.SACConfig),
}


def num_parameters(algorithm: Algorithm, config: Any, env: Any) -> int:
    """How many parameters an agent trains: those that an optimizer keeps moments of."""
    state = jax.eval_shape(lambda key: algorithm.init(key, config, env), jax.random.key(0))
    moments = [moment for _, moment in optax.tree_utils.tree_get_all_with_path(state, "mu")]
    return sum(x.size for x in jax.tree.leaves(moments))


def get(name: str) -> Algorithm:
    """The algorithm of that name.

    Raises:
        InputError: unknown name.
    """
    if name not in ALGORITHMS:
        raise unknown("algorithm", name, ALGORITHMS)
    return ALGORITHMS[name]
