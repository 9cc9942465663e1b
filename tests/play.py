"""A tuner played against a function that stands in for training, by the rules of a sweep."""

import math

from ConfigSpace import ConfigurationSpace, Float

from arl import spaces
from hpo.trial import Cost, Result


def square(num=2):
    """Return the unit square, or a cube of `num` axes."""
    return ConfigurationSpace(name="square", space=[Float(f"x{i}", (0.0, 1.0)) for i in range(num)])


def bowl(config):
    """Return a score that is best, with 0, where every axis is 0.3."""
    return -sum((value - 0.3) ** 2 for value in config.values())


def curve(config, share):
    """Return the score after a share of a full run: from -1 it rises exponentially towards that of the bowl."""
    return bowl(config) - (1 - bowl(config)) * math.exp(-6 * share)


class Sum:
    """The score of agents that are tuned while they are trained: the sum of what each interval gains.

    Args:
        gain: what a full run at this rate gains, by the config and by the middle of the interval as a share of a full run.
    """

    def __init__(self, fidelity, gain):
        self.fidelity, self.gain, self.reached = fidelity, gain, {None: (0, 0.0)}

    def __call__(self, trial):
        start, score = self.reached[trial.parent]
        middle, share = (start + trial.fidelity) / 2 / self.fidelity, (trial.fidelity - start) / self.fidelity
        self.reached[trial.id] = trial.fidelity, score + share * self.gain(trial.config, middle)
        return self.reached[trial.id][1]


def drift(config, time):
    """Return a score of at most 1, where every axis is at an optimum that moves from 0.1 to 0.9."""
    return sum(1 - 4 * (value - 0.1 - 0.8 * time) ** 2 for value in config.values()) / len(config)


def result(trial, score, status="completed"):
    return Result(trial, score, {0: score}, [(trial.fidelity, score)], {}, Cost(trial.fidelity, 0.1), status)


class Game:
    """All trials and results of a tuner that is asked until it is done.

    Args:
        score: of a trial.
        status: of a trial, that of its result.
        space: that all configs must be in; None checks none.
        most: trials after which the tuner is not asked again.
    """

    def __init__(self, tuner, score, batch=8, status=lambda trial: "completed", space=None, most=10_000):
        self.trials, self.results, self.rounds = {}, {}, []
        while (asked := tuner.ask(batch)) and len(self.trials) < most:
            assert len(asked) <= batch
            for trial in asked:
                self.check(trial, space)
                self.trials[trial.id] = trial
            told = [result(trial, score(trial), status(trial)) for trial in asked]
            self.results.update({outcome.trial.id: outcome for outcome in told})
            self.rounds.append(asked)
            tuner.tell(told)

    def check(self, trial, space):
        assert trial.id not in self.trials
        assert type(trial.id) is type(trial.fidelity) is int
        assert trial.fidelity >= 1
        if space is not None:
            spaces.check(space, trial.config)
        if trial.parent is not None:
            assert self.results[trial.parent].status != "failed"
            assert self.trials[trial.parent].fidelity < trial.fidelity

    @property
    def env_steps(self):
        """Return the env steps of all trials; a continued one took only the difference."""
        starts = {i: self.trials[t.parent].fidelity if t.parent is not None else 0 for i, t in self.trials.items()}
        return sum(trial.fidelity - starts[i] for i, trial in self.trials.items())

    @property
    def incumbent(self):
        """Return the best trial of the highest fidelity."""
        best = max(self.results.values(), key=lambda r: (r.trial.fidelity, r.score, -r.trial.id))
        return best.trial

    def at(self, fidelity):
        return [trial for trial in self.trials.values() if trial.fidelity == fidelity]
