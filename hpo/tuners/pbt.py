"""Population-based training (Jaderberg et al. 2017): agents are trained side by side and tuned while they are.

Training goes in intervals. After each, every member of the population that is among the worst takes the agent *and* the
hyperparameters of one of the best (exploit), then changes the hyperparameters (explore). The others go on as they are.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import Hyperparameter, NumericalHyperparameter

from arl import spaces
from arl.errors import InputError
from arl.scalars import Scalar
from hpo.trial import Result, Trial
from hpo.tuners import brackets, options

Config = Mapping[str, Scalar]


class PBT:
    """A population that is trained to the full fidelity in intervals; then another one, while the budget pays for it.

    A member goes on when a quorum of the population has finished its interval, and is compared with those that have. Where
    all must have, the sizes of the asks change nothing. Where all members have diverged or failed, none is left to copy from:
    a new population is begun with the rest of the budget.

    Args:
        budget: full runs.
        mutable: names of the hyperparameters that may change while an agent is trained; all by default. The others are
            copied with the agent.
        min_interval: the fewest env steps that train every config.
        population: number of members; by default as many as the budget pays for, a full run each.
        num_intervals: into how many a full run is divided; fewer where one would be shorter than `min_interval`.
        quantile: the share of the population that is replaced, and the share that it is replaced from; by default a fifth
            (Jaderberg et al. 2017, section 4.1.1).
        resample: how likely a hyperparameter is drawn anew instead of perturbed.
        own_networks: whether each member of a population starts from untrained networks of its own; else all from the same.
        asynchronous: whether results are told as they come.
        quorum: the share of the population that must have finished an interval; by default all, and half of it where results
            are told as they come.
    """

    any_batch = True
    has_fidelities = True
    asynchronous = True

    def __init__(
        self,
        space: ConfigurationSpace,
        fidelity: int,
        budget: float,
        seed: int = 0,
        mutable: Collection[str] | None = None,
        min_interval: int = 1,
        population: int | None = None,
        num_intervals: int = 10,
        quantile: float = 0.2,
        resample: float = 0.25,
        own_networks: bool = True,
        asynchronous: bool = False,
        quorum: float | None = None,
    ):
        self.own_networks = own_networks
        self.quorum = quorum if quorum is not None else 0.5 if asynchronous else 1.0
        self.space, self.fidelity, self.seed, self.quantile, self.resample = space, fidelity, seed, quantile, resample
        self.remaining_steps = brackets.affordable_steps(budget, fidelity)
        self._check(min_interval, population, num_intervals)
        self.population = population if population is not None else self.remaining_steps // fidelity
        self.changeable = changeable(space, mutable)
        if not self.changeable:
            raise InputError(
                "mutable must name a hyperparameter of the space that may change in mid-run, got none, as on landscapes"
            )
        num_intervals = max(1, min(num_intervals, fidelity // min_interval))
        self.ends = [fidelity * i // num_intervals for i in range(1, num_intervals + 1)]
        self.earlier = list[Result]()
        self.next_id, self.size, self.waiting = 0, 0, list[Trial]()
        self.results, self.ready = list[list[Result]](), list[list[Result]]()  # by interval; ready ones wait to go on
        self._begin()

    def ask(self, n: int) -> list[Trial]:
        asked, self.waiting = self.waiting[:n], self.waiting[n:]
        return asked

    def warm_start(self, results: Sequence[Result]) -> None:
        """Begin the first population with the best configs, at most half of it."""
        self.earlier += results
        best = [result.trial.config for result in brackets.ranked(self.earlier)[: self.size // 2]]
        for i, config in enumerate(best):
            self.waiting[i] = dataclasses.replace(self.waiting[i], config=config)

    def tell(self, results: Sequence[Result]) -> None:
        for result in results:
            interval = self.ends.index(result.trial.fidelity)
            self.results[interval].append(result)
            self.ready[interval].append(result)
        for interval in range(len(self.ends)):
            self._go_on(interval)

    def _go_on(self, interval: int) -> None:
        """Let the members go on that have finished an interval, if enough others have; begin anew after the last one."""
        finished = sorted(self.results[interval], key=lambda result: result.trial.id)
        ready = sorted(self.ready[interval], key=lambda result: result.trial.id)
        if not ready or len(finished) < self.quorum * self.size:
            return
        is_alive = any(brackets.worth(result) > -math.inf for result in finished)
        if is_alive and interval + 1 < len(self.ends):
            self.ready[interval], self.interval = [], interval + 1
            self._open(self._offspring(ready, finished))
        elif len(finished) == self.size:
            self._begin()

    def _begin(self) -> None:
        """Open a population of random configs, of as many as the remaining budget pays full runs for."""
        self.interval = 0
        self.results, self.ready = [[] for _ in self.ends], [[] for _ in self.ends]
        self.size = min(self.population, self.remaining_steps // self.fidelity)
        self._open([self._member(i) for i in range(self.next_id, self.next_id + self.size)])

    def _member(self, trial_id: int) -> Trial:
        """Return a member of a new population, whose id numbers its networks."""
        config = spaces.sample(self.space, [self.seed, trial_id])
        return Trial(trial_id, config, self.ends[0], network_seed=trial_id if self.own_networks else 0)

    def _open(self, trials: list[Trial]) -> None:
        start = self.ends[self.interval - 1] if self.interval > 0 else 0
        self.remaining_steps -= len(trials) * (self.ends[self.interval] - start)
        self.next_id += len(trials)
        self.waiting += trials

    def _offspring(self, results: list[Result], finished: list[Result]) -> list[Trial]:
        """Return what follows on the results of some members, in their order; `finished`: all that they are compared with."""
        winners, losers = truncate(finished, self.quantile)
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

    def _explore(self, config: Config, trial_id: int, running: Sequence[Config]) -> dict[str, Scalar]:
        """Return a changed copy of the config; `running` are those that will be trained beside it."""
        return self._perturbed(config, self.changeable, trial_id)

    def _perturbed(self, config: Config, names: Sequence[str], trial_id: int) -> dict[str, Scalar]:
        """Return the config with each of these hyperparameters drawn anew with probability `resample`, else perturbed."""
        rng = np.random.default_rng([self.seed, trial_id, 1])
        fresh, changed = spaces.sample(self.space, [self.seed, trial_id]), dict(config)
        for name in names:
            anew = rng.random() < self.resample
            if name in config:
                changed[name] = fresh.get(name, config[name]) if anew else perturb(self.space[name], config[name], rng)
        return spaces.repair(self.space, changed)

    def _check(self, min_interval: int, population: int | None, num_intervals: int) -> None:
        options.check_whole("min_interval", min_interval)
        if population is not None:
            options.check_whole("population", population)
        options.check_whole("num_intervals", num_intervals)
        affordable = self.remaining_steps // self.fidelity
        if affordable < 1:
            raise InputError("budget must pay for a full run, a member's training, got less")
        if population is not None and population > affordable:
            raise InputError(f"population must be at most the {affordable} that the budget pays for, got {population}")
        options.check_share("quantile", self.quantile, most=0.5)
        options.check_share("resample", self.resample)
        options.check_share("quorum", self.quorum)


def truncate(results: Sequence[Result], quantile: float) -> tuple[list[Trial], set[int]]:
    """Return the best trials of a generation, to copy from, and the ids of the trials that copy (truncation selection).

    The worst trials copy, and all that diverged or failed. Among equal scores, the earlier trial is the better one.
    """
    order = sorted(results, key=lambda result: (-brackets.worth(result), result.trial.id))
    count = min(math.ceil(quantile * len(order)), len(order) // 2)
    sound = [result.trial for result in order if brackets.worth(result) > -math.inf]
    winners = sound[: max(1, count)]
    losers = {result.trial.id for result in order[len(order) - count :]}
    losers |= {result.trial.id for result in order if brackets.worth(result) == -math.inf}
    return winners, losers - {trial.id for trial in winners}


def perturb(hyperparameter: Hyperparameter, value: Any, rng: np.random.Generator) -> Any:
    """Return a number as `scaled` changes it; of choices, the same or a neighbour in their order."""
    if isinstance(hyperparameter, NumericalHyperparameter):
        return scaled(hyperparameter, value, rng)
    values: Any = spaces.choices(hyperparameter)
    i = values.index(value)
    near = values[max(i - 1, 0) : i + 2]
    return near[rng.integers(len(near))]


def scaled(hyperparameter: NumericalHyperparameter, value: Any, rng: np.random.Generator) -> Any:
    """Return a number times 0.8 or 1.2 (Jaderberg et al. 2017, section 4.1.1), moved by at least 1 if it is an integer.

    On a linear scale the lower bound counts as zero, so that a discount in [0.8, 1] is not thrown out of its range.
    """
    lower, upper = hyperparameter.lower, hyperparameter.upper
    zero = 0 if hyperparameter.log else lower
    factor = (0.8, 1.2)[rng.integers(2)]
    moved = zero + (value - zero) * factor
    if isinstance(value, int):
        moved = min(round(moved), value - 1) if factor < 1 else max(round(moved), value + 1)
    return type(value)(min(max(moved, lower), upper))


def changeable(space: ConfigurationSpace, mutable: Collection[str] | None) -> list[str]:
    """Return the hyperparameters that may change in mid-run: mutable ones on which only such depend.

    One that switches others on and off, which must not change, must not change itself.
    """

    def may_change(name: str) -> bool:
        is_mutable = mutable is None or name in mutable
        return is_mutable and all(may_change(child.name) for child in space.children_of[name])

    return [name for name in space if may_change(name) and space[name].size > 1]
