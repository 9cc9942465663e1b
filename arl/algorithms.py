"""The algorithms by name. Adding one is one new module and one row here."""

import dataclasses
from collections.abc import Callable
from typing import Any

from arl import ppo
from envs.errors import unknown


@dataclasses.dataclass(frozen=True)
class Algorithm:
    """An algorithm as pure functions; `arl.ppo` documents what each takes and gives.

    Attributes:
        canonical: the config that trains the same and shares a program with all its equals.
        iteration_steps: env steps of one iteration, the unit in which training can stop.
        metrics: names of the training metrics that `train` gives.
    """

    name: str
    config: type
    canonical: Callable[[Any], Any]
    iteration_steps: Callable[..., int]
    init: Callable[..., Any]
    train: Callable[..., Any]
    act: Callable[..., Any]
    metrics: tuple[str, ...]


ALGORITHMS: dict[str, Algorithm] = {
    "ppo": Algorithm(
        "ppo", ppo.PPOConfig, ppo.canonical, ppo.iteration_steps, ppo.init, ppo.train, ppo.act, ppo.METRICS
    ),
}


def get(name: str) -> Algorithm:
    """The algorithm of that name.

    Raises:
        InputError: unknown name.
    """
    if name not in ALGORITHMS:
        raise unknown("algorithm", name, ALGORITHMS)
    return ALGORITHMS[name]
