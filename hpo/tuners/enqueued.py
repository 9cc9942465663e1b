"""Configs that are tried before a tuner is asked for any, such as the default config."""

import dataclasses
from collections.abc import Mapping, Sequence

from arl.scalars import Scalar
from hpo import tuners
from hpo.trial import Result, Trial, Tuner, WarmTuner


class Enqueued:
    """Asks for given configs at the full fidelity, then for the trials of another tuner, whose ids follow theirs.

    A tuner with `warm_start` is told their results by it, before it is asked for the first time.
    """

    def __init__(self, tuner: Tuner, configs: Sequence[Mapping[str, Scalar]], fidelity: int):
        self.tuner, self.num = tuner, len(configs)
        self.waiting = [Trial(i, config, fidelity) for i, config in enumerate(configs)]
        self.results = list[Result]()
        self.races_seeds = tuners.races(tuner)
        if isinstance(tuner, WarmTuner):
            self.warm_start = tuner.warm_start

    def ask(self, n: int) -> list[Trial]:
        asked, self.waiting = self.waiting[:n], self.waiting[n:]
        must_wait = isinstance(self.tuner, WarmTuner) and len(self.results) < self.num
        if must_wait or len(asked) == n:
            return asked
        return [*asked, *(self._moved(trial, self.num) for trial in self.tuner.ask(n - len(asked)))]

    def tell(self, results: Sequence[Result]) -> None:
        first = [result for result in results if result.trial.id < self.num]
        self.results += first
        if first and len(self.results) == self.num and isinstance(self.tuner, WarmTuner):
            self.tuner.warm_start([self._negated(result) for result in self.results])
        others = [result for result in results if result.trial.id >= self.num]
        if others:
            self.tuner.tell(
                [dataclasses.replace(result, trial=self._moved(result.trial, -self.num)) for result in others]
            )

    def _moved(self, trial: Trial, distance: int) -> Trial:
        parent = None if trial.parent is None else trial.parent + distance
        return dataclasses.replace(trial, id=trial.id + distance, parent=parent)

    def _negated(self, result: Result) -> Result:
        """Return the result with the id that an earlier trial has for the tuner."""
        return dataclasses.replace(result, trial=dataclasses.replace(result.trial, id=-1 - result.trial.id))
