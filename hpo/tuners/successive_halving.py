"""Successive halving (Jamieson & Talwalkar 2016): one bracket, as wide as the budget allows."""

from ConfigSpace import ConfigurationSpace

from arl import spaces
from arl.errors import InputError
from hpo.tuners import brackets, options


class SuccessiveHalving(brackets.BracketTuner):
    """Random configs at the lowest rung; the best `1 / eta` of each rung go on to the next.

    Args:
        budget: full runs.
        eta: one in `eta` configs is promoted, to `eta` times the fidelity (Li et al. 2018 suggest 3 or 4).
        num_rungs: at most so many fidelities; fewer where the lowest would be below `min_fidelity`.
        min_fidelity: env steps.
        num_configs: configs at the lowest rung; by default as many as the budget pays for.
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
        num_configs: int | None = None,
        continued: bool = True,
    ):
        ladder = brackets.ladder(fidelity, budget, eta, num_rungs, min_fidelity, continued)
        bracket = _only_bracket(ladder, num_configs)
        super().__init__([bracket], lambda trial_id: spaces.sample(space, [seed, trial_id]))


def _only_bracket(ladder: brackets.Ladder, num_configs: int | None) -> brackets.Bracket:
    """Return the bracket of `num_configs` configs, or the largest that the budget pays for.

    Raises:
        InputError: more configs than the budget pays for, or not even one.
    """
    if num_configs is not None:
        options.check_whole("num_configs", num_configs)
    most = num_configs if num_configs is not None else ladder.env_steps // ladder.rungs[0]
    bracket = brackets.fitting(most, ladder.rungs, ladder.eta, ladder.continued, ladder.env_steps)
    if bracket is None:
        raise ladder.too_dear()
    if num_configs is not None and bracket.sizes[0] < num_configs:
        raise InputError(
            f"num_configs must be at most the {bracket.sizes[0]} that a budget of {ladder.budget:g} pays for, "
            f"got {num_configs}"
        )
    return bracket
