"""A tuner of your own. Try it with: arl sweep ppo/CartPole-v1 --tuner tuner.py:Mine --objective table --trials 32."""

import numpy as np

import hpo
from hpo import spaces


class Mine:
    """Random search, then configs near the best one, in the unit cube that the space is mapped to."""

    def __init__(self, space, fidelity, seed=0, num_random=8, spread=0.1):
        self.space, self.fidelity, self.seed, self.num_random, self.spread = space, fidelity, seed, num_random, spread
        self.points, self.best = {}, None

    def ask(self, n):
        """Return up to n trials to train now."""
        first = len(self.points)
        self.points |= {i: self.point(i) for i in range(first, first + n)}
        configs = {i: spaces.from_unit(self.space, self.points[i]) for i in range(first, first + n)}
        return [hpo.Trial(i, config, self.fidelity) for i, config in configs.items()]

    def tell(self, results):
        """Take the results of trials that were asked for, in that order."""
        self.best = max([self.best, *results] if self.best else results, key=lambda result: result.score)

    def point(self, i):
        """Return the point of trial i: the same whenever it is asked for after the same results."""
        chance = np.random.default_rng([self.seed, i])
        if i < self.num_random or self.best is None:
            return chance.random(len(self.space))
        best = self.points[self.best.trial.id]
        return np.clip(best + self.spread * chance.standard_normal(len(best)), 0.0, 1.0)
