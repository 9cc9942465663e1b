"""Hyperband (Li et al. 2018): successive halving with several trade-offs of many configs against long training."""

import itertools
import math
from collections.abc import Iterator

from arl import spaces
from arl.errors import InputError
from hpo.tuners import brackets
from hpo.tuners.brackets import Bracket


class Hyperband(brackets.Climbs):
    """The brackets from the widest to the one that trains every config in full, again and again until the budget is spent.

    Args:
        eta: of how many configs one is promoted, and by what the fidelity grows.
        num_rungs: at most so many fidelities, and as many brackets; fewer where the lowest would be below `min_fidelity`.
        continued: whether a promoted config goes on from its agent (default) or is trained anew.
    """

    def __init__(
        self,
        space,
        fidelity: int,
        budget: float,
        seed: int = 0,
        eta: float = 3,
        num_rungs: int = 4,
        min_fidelity: int = 1,
        continued: bool = True,
    ):
        brackets.check_continued(continued)
        rungs = brackets.rungs(fidelity, eta, num_rungs, min_fidelity)
        env_steps = brackets.affordable_steps(budget, fidelity)
        chosen = list(within(rungs, eta, lambda i: continued, env_steps))
        if not chosen:
            raise InputError(f"budget must pay for a config that climbs all of {len(rungs)} rungs, got {budget:g}")
        super().__init__(chosen, lambda i: spaces.sample(space, [seed, i]), continued)


def within(rungs: tuple[int, ...], eta: float, continued, env_steps: int) -> Iterator[Bracket]:
    """Hyperband's brackets as long as the env steps last; the last one is as wide as what is left pays for.

    `continued`: of a bracket's number, whether its promoted configs go on from their agents.
    """
    for i, (num_configs, own_rungs) in enumerate(itertools.cycle(shapes(rungs, eta))):
        bracket = brackets.fitting(num_configs, own_rungs, eta, continued(i), env_steps)
        if bracket is None:
            return
        env_steps -= bracket.env_steps(continued(i))
        yield bracket


def shapes(rungs: tuple[int, ...], eta: float) -> list[tuple[int, tuple[int, ...]]]:
    """`ceil((s_max + 1) / (s + 1) eta^s)` configs start at `R eta^-s`, s from s_max to 0 (Li et al. 2018, Algorithm 1)."""
    s_max = len(rungs) - 1
    return [(math.ceil((s_max + 1) / (s + 1) * eta**s - 1e-9), rungs[s_max - s :]) for s in range(s_max, -1, -1)]
