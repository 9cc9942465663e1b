"""Hyperband (Li et al. 2018): successive halving with several trade-offs of many configs against long training."""

import itertools
import math
from collections.abc import Iterable

from ConfigSpace import ConfigurationSpace

from arl import spaces
from hpo.tuners import brackets
from hpo.tuners.brackets import Bracket, Ladder


class Hyperband(brackets.BracketTuner):
    """The brackets from the widest to the one that trains every config in full, again and again until the budget is spent.

    Args:
        budget: full runs.
        eta: one in `eta` configs is promoted, to `eta` times the fidelity (Li et al. 2018 suggest 3 or 4).
        num_rungs: at most so many fidelities, and as many brackets; fewer where the lowest would be below `min_fidelity`.
        min_fidelity: env steps.
        continued: whether a promoted config goes on from its agent (default) or is trained anew.
    """

    def __init__(
        self,
        space: ConfigurationSpace,
        fidelity: int,
        budget: float,
        seed: int = 0,
        eta: float = 3,
        num_rungs: int = 4,
        min_fidelity: int = 1,
        continued: bool = True,
    ):
        ladder = brackets.ladder(fidelity, budget, eta, num_rungs, min_fidelity, continued)
        chosen = within_budget(ladder, itertools.repeat(continued))
        super().__init__(chosen, lambda trial_id: spaces.sample(space, [seed, trial_id]))


def within_budget(ladder: Ladder, continued: Iterable[bool]) -> list[Bracket]:
    """Return Hyperband's brackets as long as the budget lasts; the last one is as wide as the rest pays for.

    Args:
        continued: for each bracket in turn, whether its promoted configs go on from their agents.

    Raises:
        InputError: a budget that does not pay for one config of the first bracket.
    """
    chosen, env_steps = list[Bracket](), ladder.env_steps
    turns = itertools.cycle(shapes(ladder.rungs, ladder.eta))
    for (num_configs, bracket_rungs), goes_on in zip(turns, continued, strict=False):
        bracket = brackets.fitting(num_configs, bracket_rungs, ladder.eta, goes_on, env_steps)
        if bracket is None:
            break
        env_steps -= bracket.env_steps
        chosen.append(bracket)
    if not chosen:
        raise ladder.too_dear()
    return chosen


def shapes(rungs: tuple[int, ...], eta: float) -> list[tuple[int, tuple[int, ...]]]:
    """Return the number of configs and the rungs of each bracket, widest first.

    `ceil((s_max + 1) / (s + 1) eta^s)` configs start at `R eta^-s`, s from s_max to 0 (Li et al. 2018, Algorithm 1).
    """
    s_max = len(rungs) - 1
    return [(math.ceil((s_max + 1) / (s + 1) * eta**s - 1e-9), rungs[s_max - s :]) for s in range(s_max, -1, -1)]
