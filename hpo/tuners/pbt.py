"""Population-based training (Jaderberg et al. 2017): agents are trained side by side and tuned while they are.

Training goes in intervals. After each, every member of the population that is among the worst takes the agent *and* the
hyperparameters of one of the best (exploit), then changes the hyperparameters (explore). The others go on as they are.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from arl import spaces
from arl.errors import InputError
from hpo.trial import Result, Scalar, Trial
from hpo.tuners import brackets


class PBT:
    """A population that is trained to the full fidelity in intervals; then another one, while the budget pays for it.

    A generation is asked when all of the one before is known, so the sizes of the asks change nothing. Where all members
    have diverged or failed, nobody is left to copy from: a new population is begun with what is left of the budget.

    Args:
        mutable: names of the hyperparameters that may change while an agent is trained; all by default. The others are
            copied with the agent.
        min_fidelity: the least env steps that train every config.
        population: number of members; by default as many as the budget pays for, a full run each.
        num_intervals: into how many a full run is divided; fewer where one would be shorter than `min_fidelity`.
        quantile: the share of the population that is replaced, and the share that it is replaced from.
        resample: how likely a hyperparameter is drawn anew instead of perturbed.
    """

    any_batch = True

    def __init__(
        self,
        space,
        fidelity: int,
        budget: float,
        seed: int = 0,
        mutable: Collection[str] | None = None,
        min_fidelity: int = 1,
        population: int | None = None,
        num_intervals: int = 10,
        quantile: float = 0.2,
        resample: float = 0.25,
    ):
        self.space, self.fidelity, self.seed, self.quantile, self.resample = space, fidelity, seed, quantile, resample
        self.env_steps_left = brackets.affordable_steps(budget, fidelity)
        self._check(min_fidelity, population, num_intervals)
        self.population = population if population is not None else self.env_steps_left // fidelity
        self.changeable = changeable(space, mutable)
        if not self.changeable:
            raise InputError("mutable must name a hyperparameter of the space that may change in mid-run, got none")
        num_intervals = max(1, min(num_intervals, fidelity // min_fidelity))
        self.ends = [fidelity * i // num_intervals for i in range(1, num_intervals + 1)]
        self.next_id, self.interval = 0, 0
        self.generation, self.waiting, self.results = list[Trial](), list[Trial](), list[Result]()
        self._begin()

    def ask(self, n: int) -> list[Trial]:
        asked, self.waiting = self.waiting[:n], self.waiting[n:]
        return asked

    def tell(self, results: Sequence[Result]) -> None:
        self.results += results
        if self.generation and len(self.results) == len(self.generation):
            results, self.results = sorted(self.results, key=lambda result: result.trial.id), []
            self._next(results)

    def _next(self, results: list[Result]) -> None:
        alive = any(brackets.worth(result) > -math.inf for result in results)
        if alive and self.interval + 1 < len(self.ends):
            self.interval += 1
            self._open(self._offspring(results))
        else:
            self._begin()

    def _begin(self) -> None:
        """A population of random configs, as far as what is left of the budget pays for full runs."""
        self.interval = 0
        size = min(self.population, self.env_steps_left // self.fidelity)
        ids = range(self.next_id, self.next_id + size)
        self._open([Trial(i, spaces.sample(self.space, [self.seed, i]), self.ends[0]) for i in ids])

    def _open(self, trials: list[Trial]) -> None:
        start = self.ends[self.interval - 1] if self.interval > 0 else 0
        self.env_steps_left -= len(trials) * (self.ends[self.interval] - start)
        self.next_id += len(trials)
        self.generation, self.waiting = trials, list(trials)

    def _offspring(self, results: list[Result]) -> list[Trial]:
        """The next generation: a trial for each member, in the members' order."""
        winners, losers = truncate(results, self.quantile)
        running = [result.trial.config for result in results if result.trial.id not in losers]
        trials = []
        for trial_id, result in enumerate(results, self.next_id):
            parent, config = result.trial, result.trial.config
            if parent.id in losers:
                parent = winners[np.random.default_rng([self.seed, trial_id]).integers(len(winners))]
                config = self._explore(parent.config, trial_id, running)
                running.append(config)
            trials.append(Trial(trial_id, config, self.ends[self.interval], parent.id))
        return trials

    def _explore(
        self, config: Mapping[str, Scalar], trial_id: int, running: Sequence[Mapping[str, Scalar]]
    ) -> dict[str, Scalar]:
        """A changed copy of the config; `running` are those that will be trained beside it."""
        return self._perturbed(config, self.changeable, trial_id)

    def _perturbed(self, config: Mapping[str, Scalar], names: Sequence[str], trial_id: int) -> dict[str, Scalar]:
        """Each of these hyperparameters drawn anew with probability `resample`, else perturbed."""
        rng = np.random.default_rng([self.seed, trial_id, 1])
        fresh, changed = spaces.sample(self.space, [self.seed, trial_id]), dict(config)
        for name in names:
            anew = rng.random() < self.resample
            if name in config:
                changed[name] = fresh.get(name, config[name]) if anew else perturb(self.space[name], config[name], rng)
        return spaces.repair(self.space, changed)

    def _check(self, min_fidelity: int, population: int | None, num_intervals: int) -> None:
        affordable = self.env_steps_left // self.fidelity
        wholes = {"min_fidelity": min_fidelity, "population": population, "num_intervals": num_intervals}
        for name, number in wholes.items():
            if (name, number) != ("population", None) and (type(number) is not int or number < 1):
                raise InputError(f"{name} must be a whole number of at least 1, got {number!r}")
        if affordable < 1:
            raise InputError("budget must pay for a full run, a member's training, got less")
        if population is not None and population > affordable:
            raise InputError(f"population must be at most the {affordable} that the budget pays for, got {population}")
        for name, share, most in (("quantile", self.quantile, 0.5), ("resample", self.resample, 1.0)):
            if type(share) not in (int, float) or not 0 <= share <= most:
                raise InputError(f"{name} must be in [0, {most:g}], got {share!r}")


def truncate(results: Sequence[Result], quantile: float) -> tuple[list[Trial], set[int]]:
    """Truncation selection: the best of a generation to copy from, and the ids of those that copy: the worst, and all that
    diverged or failed. Among equals, the earlier is the better one.
    """
    order = sorted(results, key=lambda result: (-brackets.worth(result), result.trial.id))
    count = min(math.ceil(quantile * len(order)), len(order) // 2)
    sound = [result.trial for result in order if brackets.worth(result) > -math.inf]
    winners = sound[: max(1, count)]
    lost = [result.trial for result in order[len(order) - count :]] + [
        result.trial for result in order if brackets.worth(result) == -math.inf
    ]
    return winners, {trial.id for trial in lost} - {trial.id for trial in winners}


def perturb(hyperparameter: Any, value: Any, rng: np.random.Generator) -> Any:
    """A number times 0.8 or 1.2 (Jaderberg et al. 2017, section 4.1.1), at least one step for integers; of choices the
    same or a neighbour in their order.

    On a linear scale the lower bound counts as zero, so that a discount in [0.8, 1] is not thrown out of its range.
    """
    values = spaces.choices(hyperparameter)
    if values is not None:
        i = values.index(value)
        near = values[max(i - 1, 0) : i + 2]
        return near[rng.integers(len(near))]
    zero = 0 if hyperparameter.log else hyperparameter.lower
    factor = (0.8, 1.2)[rng.integers(2)]
    moved = zero + (value - zero) * factor
    if isinstance(value, int):
        moved = min(round(moved), value - 1) if factor < 1 else max(round(moved), value + 1)
    return type(value)(min(max(moved, hyperparameter.lower), hyperparameter.upper))


def changeable(space, mutable: Collection[str] | None) -> list[str]:
    """The hyperparameters that may change in mid-run: mutable ones on which only such depend.

    One that switches others on and off, which must not change, must not change itself.
    """

    def may_change(name: str) -> bool:
        own = mutable is None or name in mutable
        return own and all(may_change(child.name) for child in space.children_of[name])

    return [name for name in space if may_change(name) and space[name].size > 1]
