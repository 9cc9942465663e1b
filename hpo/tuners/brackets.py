"""Rungs, brackets and budgets: what the tuners of several fidelities share.

A bracket trains many configs up to its lowest rung, the best `1 / eta` of them up to the next one, and so on to the full
fidelity. By default a promoted config goes on from the agent that it has, so each env step is trained once.
"""

import bisect
import dataclasses
import math
from collections.abc import Callable, Sequence

from arl.errors import InputError
from arl.scalars import Scalar
from hpo.trial import Result, Trial
from hpo.tuners import options

ConfigOf = Callable[[int], dict[str, Scalar]]  # a new config, by its trial's id


@dataclasses.dataclass(frozen=True)
class Bracket:
    """How many configs are trained up to which fidelity, lowest rung first.

    Attributes:
        rungs: env steps.
        sizes: configs at each rung.
        continued: whether a promoted config goes on from its agent or is trained anew.
    """

    rungs: tuple[int, ...]
    sizes: tuple[int, ...]
    continued: bool

    @property
    def env_steps(self) -> int:
        """Env steps that training the whole bracket takes."""
        starts = (0, *self.rungs[:-1]) if self.continued else (0,) * len(self.rungs)
        return sum(size * (end - start) for size, start, end in zip(self.sizes, starts, self.rungs, strict=True))


@dataclasses.dataclass(frozen=True)
class Ladder:
    """The rungs that a tuner's configs climb, and what it may spend.

    Attributes:
        rungs: env steps, lowest first; the highest is the full fidelity.
        eta: one in `eta` configs is promoted.
        continued: whether a promoted config goes on from its agent or is trained anew.
        budget: in full runs.
    """

    rungs: tuple[int, ...]
    eta: float
    continued: bool
    budget: float

    @property
    def env_steps(self) -> int:
        """Env steps that the budget pays for."""
        return affordable_steps(self.budget, self.rungs[-1])

    def too_dear(self) -> InputError:
        """Return the error that not even one config can be trained up to the highest rung."""
        return InputError(
            f"budget must pay for a config that climbs all of {len(self.rungs)} rungs, got {self.budget:g}"
        )


def ladder(fidelity: int, budget: float, eta: float, num_rungs: int, min_fidelity: int, continued: bool) -> Ladder:
    """Return the ladder of these options of a tuner.

    Raises:
        InputError: an option that makes no sense.
    """
    options.check_continued(continued)
    return Ladder(rungs(fidelity, eta, num_rungs, min_fidelity), eta, continued, budget)


def rungs(fidelity: int, eta: float, num_rungs: int, min_fidelity: int) -> tuple[int, ...]:
    """Return the fidelities `R eta^-k`, R the full one, to the nearest env step, lowest first (Li et al. 2018, Algorithm 1).

    At most `num_rungs`; fewer where a rung, or the stretch up to the next one, would be shorter than `min_fidelity`.

    Raises:
        InputError: an `eta` that is not above 1, or a number that is not whole and positive.
    """
    options.check_eta(eta)
    options.check_whole("num_rungs", num_rungs)
    options.check_whole("min_fidelity", min_fidelity)
    levels = [fidelity]
    while len(levels) < num_rungs:
        lower = round(fidelity / eta ** len(levels))
        if min(lower, levels[-1] - lower) < min_fidelity:
            break
        levels.append(lower)
    return tuple(reversed(levels))


def bracket(num_configs: int, rungs: tuple[int, ...], eta: float, continued: bool) -> Bracket:
    """Return the bracket of `floor(n eta^-k)` configs at rung k (Li et al. 2018, Algorithm 1, line 5), but never none."""
    sizes = (max(1, whole(num_configs / eta**level)) for level in range(len(rungs)))
    return Bracket(rungs, tuple(sizes), continued)


def fitting(num_configs: int, rungs: tuple[int, ...], eta: float, continued: bool, env_steps: int) -> Bracket | None:
    """Return the largest bracket of at most `num_configs` configs that `env_steps` pay for; None if they pay for none."""
    affordable = bisect.bisect_right(
        range(1, num_configs + 1), env_steps, key=lambda num: bracket(num, rungs, eta, continued).env_steps
    )
    return bracket(affordable, rungs, eta, continued) if affordable else None


class Climb:
    """One bracket on its way up, rung after rung.

    The ids of its trials, from `first_id` on, are set beforehand: what a trial is does not depend on the sizes of the asks.
    """

    def __init__(self, bracket: Bracket, first_id: int, new_config: ConfigOf):
        self.bracket, self.first_id, self.new_config = bracket, first_id, new_config
        self.level = 0
        self.waiting: list[Trial | None] = [None] * bracket.sizes[0]  # what the trials to come are promoted from
        self.num_open, self.results = len(self.waiting), list[Result]()

    @property
    def end_id(self) -> int:
        """The first id beyond the bracket's."""
        return self.first_id + sum(self.bracket.sizes)

    def ask(self, n: int) -> list[Trial]:
        """Return up to `n` trials of the present rung."""
        next_id = self.first_id + sum(self.bracket.sizes[: self.level]) + self.num_open - len(self.waiting)
        asked, self.waiting = self.waiting[:n], self.waiting[n:]
        return [self._trial(next_id + i, promoted) for i, promoted in enumerate(asked)]

    def tell(self, results: Sequence[Result]) -> None:
        """Take results; with the last one of a rung, its best configs are promoted."""
        self.results += results
        if self.num_open and len(self.results) == self.num_open:
            self._rise()

    def _rise(self) -> None:
        self.level += 1
        size = self.bracket.sizes[self.level] if self.level < len(self.bracket.sizes) else 0
        self.waiting = [result.trial for result in ranked(self.results)[:size]]
        self.num_open, self.results = len(self.waiting), []

    def _trial(self, trial_id: int, promoted: Trial | None) -> Trial:
        fidelity = self.bracket.rungs[self.level]
        if promoted is None:
            return Trial(trial_id, self.new_config(trial_id), fidelity)
        return Trial(trial_id, promoted.config, fidelity, parent=promoted.id if self.bracket.continued else None)


class BracketTuner:
    """A tuner that is a list of brackets. None depends on another: what one can't give to an ask, the next one gives."""

    any_batch = True
    has_fidelities = True

    def __init__(self, brackets: Sequence[Bracket], new_config: ConfigOf):
        self.climbs = list[Climb]()
        for bracket in brackets:
            first_id = self.climbs[-1].end_id if self.climbs else 0
            self.climbs.append(Climb(bracket, first_id, new_config))

    def ask(self, n: int) -> list[Trial]:
        trials: list[Trial] = []
        for climb in self.climbs:
            trials += climb.ask(n - len(trials))
        return trials

    def tell(self, results: Sequence[Result]) -> None:
        for climb in self.climbs:
            climb.tell([result for result in results if climb.first_id <= result.trial.id < climb.end_id])


def ranked(results: Sequence[Result]) -> list[Result]:
    """Return the results that may be promoted, best first, equals in the order of asking.

    A trial that diverged or failed is left out: its agent is of no use, so a rung with too few others gets smaller.
    """
    return sorted(filter(may_rise, results), key=order)


def may_rise(result: Result) -> bool:
    """Return whether a trial may be promoted: it did not diverge or fail, and its score is finite."""
    return worth(result) > -math.inf


def order(result: Result) -> tuple[float, int]:
    """Return by what results that may be promoted are sorted, the best first."""
    return -result.score, result.trial.id


def worth(result: Result) -> float:
    """Return the score; minus infinity if the trial diverged or failed, or if its score is not finite."""
    return result.score if result.status == "completed" and math.isfinite(result.score) else -math.inf


def affordable_steps(budget: float, fidelity: int) -> int:
    """Return the env steps that a budget of full runs pays for.

    >>> affordable_steps(0.29, 100)  # although 0.29 * 100 is 28.999999999999996
    29
    """
    return int((budget + 5e-10) * fidelity)


def whole(number: float) -> int:
    """Return the floor of a number that may have been rounded to just below an integer."""
    return math.floor(number + 1e-9)
