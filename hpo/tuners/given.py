"""Given trials: each is asked for once the one it goes on from is trained."""

from collections.abc import Sequence

from hpo.trial import Result, Trial


class Given:
    """Asks for the trials it is made with, in their order; what would go on from a trial that failed is left out.

    A trial whose parent is not trained yet holds up those after it: whatever is on record is asked for before what is new.
    """

    any_batch = True

    def __init__(self, trials: Sequence[Trial]):
        self.trials = list(trials)
        self.trained: set[int] = set()
        self.lost: set[int] = set()

    def ask(self, n: int) -> list[Trial]:
        asked: list[Trial] = []
        while self.trials and len(asked) < n and self._is_settled(self.trials[0]):
            trial = self.trials.pop(0)
            if trial.parent in self.lost:
                self.lost.add(trial.id)
            else:
                asked.append(trial)
        return asked

    def _is_settled(self, trial: Trial) -> bool:
        return trial.parent is None or trial.parent in self.trained or trial.parent in self.lost

    def tell(self, results: Sequence[Result]) -> None:
        for result in results:
            (self.lost if result.status == "failed" else self.trained).add(result.trial.id)
