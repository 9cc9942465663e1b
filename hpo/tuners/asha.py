"""ASHA (Li et al. 2020): successive halving that never waits for a rung to fill."""

from collections.abc import Sequence

from arl import spaces
from hpo.trial import Result, Trial
from hpo.tuners import brackets


class ASHA:
    """Every place of an ask goes to the highest promotion there is, else to a new config (Li et al. 2020, Algorithm 2).

    Args:
        eta: of how many configs one is promoted, and by what the fidelity grows.
        num_rungs: at most so many fidelities; fewer where the lowest would be below `min_fidelity`.
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
        self.space, self.seed, self.eta, self.continued = space, seed, eta, continued
        self.rungs = brackets.rungs(fidelity, eta, num_rungs, min_fidelity)
        self.env_steps_left = brackets.affordable_steps(budget, fidelity)
        self.num_asked = 0
        self.results: dict[int, list[Result]] = {rung: [] for rung in self.rungs}
        self.promoted: set[int] = set()

    def ask(self, n: int) -> list[Trial]:
        trials: list[Trial] = []
        while len(trials) < n and (trial := self._promotion() or self._new()) is not None:
            trials.append(trial)
        return trials

    def tell(self, results: Sequence[Result]) -> None:
        for result in results:
            self.results[result.trial.fidelity].append(result)

    def _promotion(self) -> Trial | None:
        """The best candidate of the highest rung that has one, if what is left pays for it; else of a lower rung."""
        for rung, next_rung in reversed(list(zip(self.rungs, self.rungs[1:], strict=False))):
            candidate = self._candidate(rung)
            if candidate is not None and self._pay(next_rung - rung if self.continued else next_rung):
                self.promoted.add(candidate.id)
                return self._trial(candidate.config, next_rung, candidate.id if self.continued else None)
        return None

    def _candidate(self, rung: int) -> Trial | None:
        """The best config of a rung that is among its top `1 / eta` and not promoted yet."""
        results = self.results[rung]
        top = brackets.ranked(results)[: brackets.whole(len(results) / self.eta)]
        return next((result.trial for result in top if result.trial.id not in self.promoted), None)

    def _new(self) -> Trial | None:
        if not self._pay(self.rungs[0]):
            return None
        return self._trial(spaces.sample(self.space, [self.seed, self.num_asked]), self.rungs[0], None)

    def _trial(self, config, fidelity: int, parent: int | None) -> Trial:
        self.num_asked += 1
        return Trial(self.num_asked - 1, config, fidelity, parent)

    def _pay(self, env_steps: int) -> bool:
        """Whether what is left of the budget pays for so many env steps; if so, they are paid."""
        if env_steps > self.env_steps_left:
            return False
        self.env_steps_left -= env_steps
        return True
