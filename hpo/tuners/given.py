"""Given trials: each is asked for once the one it goes on from is trained."""

from collections.abc import Sequence

from hpo.trial import Result, Trial


class Given:
    """Asks for the trials it is made with; what would go on from a trial that failed is left out."""

    def __init__(self, trials: Sequence[Trial]):
        self.trials = list(trials)
        self.trained: set[int] = set()

    def ask(self, n: int) -> list[Trial]:
        asked = [trial for trial in self.trials if trial.parent is None or trial.parent in self.trained][:n]
        self.trials = [trial for trial in self.trials if trial not in asked]
        return asked

    def tell(self, results: Sequence[Result]) -> None:
        self.trained.update(result.trial.id for result in results if result.status != "failed")
