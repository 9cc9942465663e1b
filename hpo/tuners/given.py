"""Trials that are set beforehand, asked for as soon as the agents that they go on from are trained."""

from collections.abc import Sequence

from hpo.trial import Result, Trial


class Given:
    """Asks for the trials it is made with, in their order; the descendants of a trial that failed are left out.

    A trial whose parent is not trained yet holds up those after it, so that the order of asking never changes.
    """

    any_batch = True

    def __init__(self, trials: Sequence[Trial]):
        self.trials = list(trials)
        self.trained: set[int] = set()
        self.lost: set[int] = set()

    def ask(self, n: int) -> list[Trial]:
        asked: list[Trial] = []
        while self.trials and len(asked) < n and self._is_settled(self.trials[0].parent):
            trial = self.trials.pop(0)
            if trial.parent in self.lost:
                self.lost.add(trial.id)
            else:
                asked.append(trial)
        return asked

    def tell(self, results: Sequence[Result]) -> None:
        for result in results:
            (self.lost if result.status == "failed" else self.trained).add(result.trial.id)

    def _is_settled(self, parent: int | None) -> bool:
        """Return whether it is decided if a trial of this parent can be trained."""
        return parent is None or parent in self.trained or parent in self.lost
