"""Random search (Bergstra & Bengio 2012)."""

from collections.abc import Sequence

from ConfigSpace import ConfigurationSpace

from arl import spaces
from hpo.trial import Result, Trial


class Random:
    """Independent draws from the space; trial i depends on the seed and on i alone."""

    any_batch = True
    asynchronous = True

    def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0):
        self.space, self.fidelity, self.seed, self.num_asked = space, fidelity, seed, 0

    def ask(self, n: int) -> list[Trial]:
        ids = range(self.num_asked, self.num_asked + n)
        self.num_asked += n
        return [Trial(i, spaces.sample(self.space, [self.seed, i]), self.fidelity) for i in ids]

    def tell(self, results: Sequence[Result]) -> None:
        """Ignore the results: draws do not depend on them."""
