"""The default config: the baseline that every tuner must beat."""

from collections.abc import Sequence

from ConfigSpace import ConfigurationSpace

from arl import spaces
from hpo.trial import Result, Trial


class Default:
    """One trial, the space's default config."""

    any_batch = True
    asynchronous = True

    def __init__(self, space: ConfigurationSpace, fidelity: int):
        self.trials = [Trial(0, spaces.default(space), fidelity)]

    def ask(self, n: int) -> list[Trial]:
        asked, self.trials = self.trials[:n], self.trials[n:]
        return asked

    def tell(self, results: Sequence[Result]) -> None:
        """Ignore the results: no further trial is asked for."""
