"""Successive halving (Jamieson & Talwalkar 2016): one bracket, as wide as the budget allows."""

from arl import spaces
from arl.errors import InputError
from hpo.tuners import brackets


class SuccessiveHalving(brackets.Climbs):
    """Random configs at the lowest rung; the best `1 / eta` of each rung go on to the next.

    Args:
        eta: of how many configs one is promoted, and by what the fidelity grows.
        num_rungs: at most so many fidelities; fewer where the lowest would be below `min_fidelity`.
        num_configs: configs at the lowest rung; by default as many as the budget pays for.
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
        num_configs: int | None = None,
        continued: bool = True,
    ):
        brackets.check_continued(continued)
        rungs = brackets.rungs(fidelity, eta, num_rungs, min_fidelity)
        env_steps = brackets.affordable_steps(budget, fidelity)
        if num_configs is not None and (type(num_configs) is not int or num_configs < 1):
            raise InputError(f"num_configs must be a whole number of at least 1, got {num_configs!r}")
        most = num_configs if num_configs is not None else env_steps // rungs[0]
        bracket = brackets.fitting(most, rungs, eta, continued, env_steps)
        if bracket is None:
            raise InputError(f"budget must pay for a config that climbs all of {len(rungs)} rungs, got {budget:g}")
        if num_configs is not None and bracket.sizes[0] < num_configs:
            raise InputError(
                f"num_configs must be at most the {bracket.sizes[0]} that a budget of {budget:g} pays for, got {num_configs}"
            )
        super().__init__([bracket], lambda i: spaces.sample(space, [seed, i]), continued)
