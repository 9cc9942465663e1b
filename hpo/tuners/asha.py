"""ASHA (Li et al. 2020): successive halving that never waits for a rung to fill."""

import bisect
import itertools
from collections.abc import Mapping, Sequence

from ConfigSpace import ConfigurationSpace

from arl import spaces
from arl.scalars import Scalar
from hpo.trial import Result, Trial
from hpo.tuners import brackets


class ASHA:
    """Fills an ask with promotions, from the highest rung down, then with new configs (Li et al. 2020, Algorithm 2).

    Args:
        budget: full runs.
        eta: one in `eta` configs is promoted, to `eta` times the fidelity (Li et al. 2018 suggest 3 or 4).
        num_rungs: at most so many fidelities; fewer where the lowest would be below `min_fidelity`.
        min_fidelity: env steps.
        continued: whether a promoted config goes on from its agent (default) or is trained anew.
    """

    has_fidelities = True
    asynchronous = True

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
        self.space, self.seed = space, seed
        self.ladder = brackets.ladder(fidelity, budget, eta, num_rungs, min_fidelity, continued)
        self.remaining_steps = self.ladder.env_steps
        self.num_asked = 0
        self.num_told: dict[int, int] = dict.fromkeys(self.ladder.rungs, 0)
        self.ranked: dict[int, list[Result]] = {
            rung: [] for rung in self.ladder.rungs
        }  # that may be promoted, best first
        self.waiting: dict[int, list[Result]] = {
            rung: [] for rung in self.ladder.rungs
        }  # those of them that are not yet

    def ask(self, n: int) -> list[Trial]:
        trials: list[Trial] = []
        while len(trials) < n and (trial := self._promotion() or self._new()) is not None:
            trials.append(trial)
        return trials

    def tell(self, results: Sequence[Result]) -> None:
        for result in results:
            rung = result.trial.fidelity
            self.num_told[rung] += 1
            for results in (self.ranked[rung], self.waiting[rung]) if brackets.may_rise(result) else ():
                bisect.insort(results, result, key=brackets.order)

    def _promotion(self) -> Trial | None:
        """Return the promotion from the highest rung that has a candidate which the remaining budget pays for."""
        rungs, continued = self.ladder.rungs, self.ladder.continued
        for rung, next_rung in reversed(list(itertools.pairwise(rungs))):
            candidate = self._candidate(rung)
            if candidate is not None and self._pay(next_rung - rung if continued else next_rung):
                del self.waiting[rung][0]
                return self._trial(candidate.config, next_rung, candidate.id if continued else None)
        return None

    def _candidate(self, rung: int) -> Trial | None:
        """Return the best trial of a rung that is among its top `1 / eta` and not promoted yet."""
        if not self.waiting[rung]:
            return None
        best = self.waiting[rung][0]
        place = bisect.bisect_left(self.ranked[rung], brackets.order(best), key=brackets.order)
        return best.trial if place < brackets.whole(self.num_told[rung] / self.ladder.eta) else None

    def _new(self) -> Trial | None:
        lowest = self.ladder.rungs[0]
        if not self._pay(lowest):
            return None
        return self._trial(spaces.sample(self.space, [self.seed, self.num_asked]), lowest, None)

    def _trial(self, config: Mapping[str, Scalar], fidelity: int, parent: int | None) -> Trial:
        self.num_asked += 1
        return Trial(self.num_asked - 1, config, fidelity, parent)

    def _pay(self, env_steps: int) -> bool:
        """Take env steps from the remaining budget; return whether it has so many."""
        if env_steps > self.remaining_steps:
            return False
        self.remaining_steps -= env_steps
        return True
