"""A scrambled Sobol sequence (Owen 1998): more even than random draws, and any prefix of it can be extended."""

import contextlib
import warnings
from collections.abc import Sequence

from ConfigSpace import ConfigurationSpace

from arl import spaces
from arl.errors import InputError
from arl.scalars import Scalar
from hpo.trial import Result, Trial

MOST_FORBIDDEN = 10_000  # points in a row


class Sobol:
    """Trial i is the i-th point of the sequence that the space does not forbid, mapped to the space axis by axis."""

    any_batch = True
    asynchronous = True

    def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0):
        from scipy.stats import qmc

        self.space, self.fidelity, self.num_asked = space, fidelity, 0
        self.sequence = qmc.Sobol(len(space), scramble=True, rng=seed)

    def ask(self, n: int) -> list[Trial]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # balance needs a power of two; a prefix need not be balanced
            configs = [self._next_config() for _ in range(n)]
        first, self.num_asked = self.num_asked, self.num_asked + n
        return [Trial(i, config, self.fidelity) for i, config in enumerate(configs, first)]

    def tell(self, results: Sequence[Result]) -> None:
        """Ignore the results: the sequence does not depend on them."""

    def _next_config(self) -> dict[str, Scalar]:
        for _ in range(MOST_FORBIDDEN):
            (point,) = self.sequence.random(1)
            with contextlib.suppress(InputError):
                return spaces.from_unit(self.space, point.tolist())
        raise InputError(f"space must allow one of {MOST_FORBIDDEN} points in a row, got none")
