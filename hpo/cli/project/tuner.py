"""A tuner of your own. Try it with: arl sweep ppo/CartPole-v1 --tuner tuner.py:Mine --objective table --trials 32."""

import numpy as np

import hpo
from hpo import spaces


class Mine:
    """Random search, then configs near the best one, in the unit cube that the space is mapped to."""

    def __init__(self, space, fidelity, seed=0, num_random=8, spread=0.1):
        self.space, self.fidelity, self.seed, self.num_random, self.spread = space, fidelity, seed, num_random, spread
        self.num_asked, self.best = 0, None

    def ask(self, n):
        """Return up to n trials to train now."""
        ids = range(self.num_asked, self.num_asked + n)
        self.num_asked += n
        return [hpo.Trial(i, spaces.from_unit(self.space, self.point(i)), self.fidelity) for i in ids]

    def tell(self, results):
        """Take the results of trials that were asked for, in that order."""
        self.best = max([self.best, *results] if self.best else results, key=lambda result: result.score)

    warm_start = tell  # the trials of `--warm-start SWEEP` are as good to it as its own

    def point(self, i):
        """Return the point of trial i: the same whenever it is asked for after the same results."""
        chance = np.random.default_rng([self.seed, i])
        if i < self.num_random or self.best is None:
            return chance.random(len(self.space))
        best = np.array(spaces.to_unit(self.space, self.best.trial.config))
        return np.clip(best + self.spread * chance.standard_normal(len(best)), 0.0, 1.0)
