"""A scrambled Sobol sequence (Owen 1998): more even than random draws, and any prefix of it can be extended."""

import warnings
from collections.abc import Sequence

from ConfigSpace import ConfigurationSpace

from arl import spaces
from hpo.trial import Result, Trial


class Sobol:
    """Trial i is the i-th point of the sequence, mapped to the space axis by axis."""

    any_batch = True

    def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0):
        from scipy.stats import qmc

        self.space, self.fidelity, self.num_asked = space, fidelity, 0
        self.sequence = qmc.Sobol(len(space), scramble=True, rng=seed)

    def ask(self, n: int) -> list[Trial]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # balance needs a power of two; a prefix need not be balanced
            points = self.sequence.random(n)
        first, self.num_asked = self.num_asked, self.num_asked + n
        return [
            Trial(i, spaces.from_unit(self.space, point.tolist()), self.fidelity)
            for i, point in enumerate(points, first)
        ]

    def tell(self, results: Sequence[Result]) -> None:
        """Ignore the results: the sequence does not depend on them."""
