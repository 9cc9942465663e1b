"""Rungs and brackets: what the tuners built on successive halving share.

A bracket trains many configs up to its lowest rung, the best `1 / eta` of them up to the next one, and so on to the full
fidelity. By default a promoted config goes on from the agent that it has, so each env step is trained once.
"""

import bisect
import dataclasses
import math
from collections.abc import Callable, Sequence

from arl.errors import InputError
from hpo.trial import Result, Scalar, Trial


@dataclasses.dataclass(frozen=True)
class Bracket:
    """A schedule: how many configs are trained up to which fidelity, lowest rung first."""

    rungs: tuple[int, ...]
    sizes: tuple[int, ...]

    def env_steps(self, continued: bool) -> int:
        """What the bracket costs, with agents that go on from one rung to the next or ones that start anew."""
        starts = (0, *self.rungs[:-1]) if continued else (0,) * len(self.rungs)
        return sum(size * (end - start) for size, start, end in zip(self.sizes, starts, self.rungs, strict=True))


class Climb:
    """A bracket on its way up, with ids of its own from `first_id` on, rung after rung.

    Ids are set beforehand: what a trial is does not depend on the sizes of the asks.
    """

    def __init__(
        self, bracket: Bracket, first_id: int, new_config: Callable[[int], dict[str, Scalar]], continued: bool
    ):
        self.bracket, self.first_id, self.new_config, self.continued = bracket, first_id, new_config, continued
        self.level = 0
        self.waiting: list[Trial | None] = [None] * bracket.sizes[0]  # whom the trials to come are promoted from
        self.num_open, self.results = len(self.waiting), list[Result]()

    @property
    def end_id(self) -> int:
        """The first id beyond the bracket's."""
        return self.first_id + sum(self.bracket.sizes)

    def ask(self, n: int) -> list[Trial]:
        """Up to `n` trials of the present rung."""
        next_id = self.first_id + sum(self.bracket.sizes[: self.level]) + self.num_open - len(self.waiting)
        asked, self.waiting = self.waiting[:n], self.waiting[n:]
        return [self._trial(next_id + i, promoted) for i, promoted in enumerate(asked)]

    def tell(self, results: Sequence[Result]) -> None:
        """Once all of a rung are known, its best are promoted."""
        self.results += results
        if self.num_open and len(self.results) == self.num_open:
            self._rise()

    def _rise(self) -> None:
        self.level += 1
        room = self.bracket.sizes[self.level] if self.level < len(self.bracket.sizes) else 0
        self.waiting = [result.trial for result in ranked(self.results)[:room]]
        self.num_open, self.results = len(self.waiting), []

    def _trial(self, trial_id: int, promoted: Trial | None) -> Trial:
        fidelity = self.bracket.rungs[self.level]
        if promoted is None:
            return Trial(trial_id, self.new_config(trial_id), fidelity)
        return Trial(trial_id, promoted.config, fidelity, parent=promoted.id if self.continued else None)


class Climbs:
    """A tuner that is a list of brackets; none depends on another, so an ask that one can't fill takes from the next."""

    any_batch = True

    def __init__(self, brackets: Sequence[Bracket], new_config: Callable[[int], dict[str, Scalar]], continued: bool):
        self.climbs = list[Climb]()
        for bracket in brackets:
            first_id = self.climbs[-1].end_id if self.climbs else 0
            self.climbs.append(Climb(bracket, first_id, new_config, continued))

    def ask(self, n: int) -> list[Trial]:
        trials: list[Trial] = []
        for climb in self.climbs:
            trials += climb.ask(n - len(trials))
        return trials

    def tell(self, results: Sequence[Result]) -> None:
        for climb in self.climbs:
            climb.tell([result for result in results if climb.first_id <= result.trial.id < climb.end_id])


def ranked(results: Sequence[Result]) -> list[Result]:
    """The results that may be promoted, best first, equals in the order of asking.

    A trial that diverged or failed is left out: its agent is of no use, so a rung with too few others gets smaller.
    """
    sound = [result for result in results if worth(result) > -math.inf]
    return sorted(sound, key=lambda result: (-result.score, result.trial.id))


def worth(result: Result) -> float:
    """The score; below all others that of a trial that diverged, failed, or has a score that is no number."""
    return result.score if result.status == "completed" and math.isfinite(result.score) else -math.inf


def rungs(fidelity: int, eta: float, num_rungs: int, min_fidelity: int) -> tuple[int, ...]:
    """The fidelities `R eta^-k`, R the full one, to the nearest env step, lowest first (Li et al. 2018, Algorithm 1).

    At most `num_rungs`; fewer where a rung, or the stretch up to the next one, would be shorter than `min_fidelity`.

    Raises:
        InputError: numbers that make no sense.
    """
    if type(eta) not in (int, float) or not 1 < eta < math.inf:
        raise InputError(f"eta must be a number above 1, got {eta!r}")
    for name, value in {"num_rungs": num_rungs, "min_fidelity": min_fidelity}.items():
        if type(value) is not int or value < 1:
            raise InputError(f"{name} must be a whole number of at least 1, got {value!r}")
    levels = [fidelity]
    while len(levels) < num_rungs:
        lower = round(fidelity / eta ** len(levels))
        if min(lower, levels[-1] - lower) < min_fidelity:
            break
        levels.append(lower)
    return tuple(reversed(levels))


def bracket(num_configs: int, rungs: tuple[int, ...], eta: float) -> Bracket:
    """`floor(n eta^-k)` configs at rung k (Li et al. 2018, Algorithm 1, line 5), but never none."""
    return Bracket(rungs, tuple(max(1, whole(num_configs / eta**k)) for k in range(len(rungs))))


def fitting(num_configs: int, rungs: tuple[int, ...], eta: float, continued: bool, env_steps: int) -> Bracket | None:
    """The bracket of at most `num_configs` configs that is the largest these env steps pay for; None if they pay for none."""
    affordable = bisect.bisect_right(
        range(1, num_configs + 1), env_steps, key=lambda n: bracket(n, rungs, eta).env_steps(continued)
    )
    return bracket(affordable, rungs, eta) if affordable else None


def affordable_steps(budget: float, fidelity: int) -> int:
    """The env steps of so many equivalent full runs; 0.29 of 100 is 29, whatever floats say."""
    return int((budget + 5e-10) * fidelity)


def whole(number: float) -> int:
    """The floor of a number that may have been rounded to just below an integer."""
    return math.floor(number + 1e-9)


def check_continued(continued: bool) -> None:
    """Refuse an option `continued` that is neither true nor false."""
    if type(continued) is not bool:
        raise InputError(f"continued must be true or false, got {continued!r}")
