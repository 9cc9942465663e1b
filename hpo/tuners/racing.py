"""Races over seeds: most configs are tried under one seed, and only those that may win under more.

A score under one seed says little of how good a config is among the best ones, and the best of many such scores is mostly
luck. Both tuners here take their configs from another tuner, try them under the first tuning seed, and spend the rest of the
budget on further seeds. A trial that adds seeds to a config is paid for by the new runs only, and trials of more seeds rank
above those of fewer, so that a config becomes the incumbent once it has been confirmed.
"""

import collections
import itertools
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from ConfigSpace import ConfigurationSpace

from arl.errors import InputError
from arl.records.lineage import Ledger, Origin, lineage, origin
from arl.scores import area
from hpo import tuners
from hpo.trial import Result, Trial, TunerContext, WarmTuner
from hpo.tuners import brackets, options


class Standing(NamedTuple):
    """The key by which configs of as many seeds are compared, as `arl.records.ranking` compares trials."""

    fidelity: int
    score: float
    area: float
    worst: float


class Race:
    """The trials of a race: those of another tuner under the first seed, and agents that are trained under more seeds.

    An agent that was trained by a chain of configs, as in population-based training, is trained anew by as many trials, one
    after the other; a link that chains share is one trial.

    Args:
        tuner: what names the tuner whose configs race.
        context: what the race is made with.
        others: options of that tuner.
        share: the part of the budget that the tuner is told of.

    Raises:
        InputError: fewer than two seeds.
    """

    def __init__(self, tuner: str | type, context: TunerContext, others: Mapping[str, Any], share: float):
        if len(context.seeds) < 2:
            raise InputError(
                f"a race must have at least 2 tuning seeds, --seeds 4 for instance, got {len(context.seeds)}"
            )
        options.check_share("share", share)
        self.seeds, self.fidelity = tuple(context.seeds), context.fidelity
        self.num_runs = context.budget * len(self.seeds)
        alone = replace(context, budget=share * self.num_runs, seeds=self.seeds[:1])
        self.tuner = tuners.make(tuner, alone, others)
        self.trials, self.results = dict[int, Trial](), dict[int, Result]()
        self.ledger, self.spent = Ledger(self.trials, context.fidelity, self.seeds[:1]), 0.0
        self.given: dict[int, Trial] = {}  # the tuner's trials as it asked for them, by their ids in the race
        self.ids: dict[int, int] = {}  # ids in the race by those of the tuner
        self.by_origin: dict[tuple[Origin, int], int] = {}  # trials by origin and number of seeds
        self.standings = collections.defaultdict[int, dict[Origin, Standing]](dict)  # by number of seeds

    @property
    def num_open(self) -> int:
        """The number of trials without a result."""
        return len(self.trials) - len(self.results)

    def search(self, n: int, most: float = math.inf) -> list[Trial]:
        """Return up to `n` trials of the tuner under the first seed, while all of them cost at most so many runs."""
        trials = list[Trial]()
        for given in self.tuner.ask(n) if n > 0 else []:
            parent = None if given.parent is None else self.ids[given.parent]
            trial = replace(given, id=len(self.trials), parent=parent, seeds=self.seeds[:1])
            if self.spent + self.ledger.cost(trial) > most + 1e-9:
                break
            self._add(trial)
            self.spent += self.ledger.charge(trial)
            self.given[trial.id], self.ids[given.id] = given, trial.id
            trials.append(trial)
        return trials

    def tell(self, results: Sequence[Result]) -> None:
        """Take results, and tell the tuner of its trials."""
        self.results |= {result.trial.id: result for result in results}
        for result in results:
            if brackets.worth(result) > -math.inf:
                agent, num_seeds = origin(result.trial, self.trials), len(result.trial.seeds or ())
                self.standings[num_seeds].setdefault(agent, self._standing(result))
        given = [replace(result, trial=self.given[i]) for result in results if (i := result.trial.id) in self.given]
        if given:
            self.tuner.tell(given)

    def confirm(self, agent: Origin, num_seeds: int) -> Trial | None:
        """Return the next trial that trains an agent under the first `num_seeds` seeds.

        None if it waits for a result, or if all of the agent was trained, or a link of it failed.
        """
        network_seed, chain = agent
        for num_links in range(1, len(chain) + 1):
            trial = self.by_origin.get(((network_seed, chain[:num_links]), num_seeds))
            if trial is None:
                return self._link((network_seed, chain[:num_links]), num_seeds)
            if trial not in self.results or self.results[trial].status == "failed":
                return None
        return None

    def best(self, num_seeds: int) -> dict[Origin, Standing]:
        """Return the agents that completed under so many seeds and their keys, the best first, equals in order of asking."""
        completed = self.standings[num_seeds]
        return dict(sorted(completed.items(), key=lambda item: item[1], reverse=True))

    def _standing(self, result: Result) -> Standing:
        curve = [point for trial in lineage(result.trial, self.trials) for point in self.results[trial.id].curve]
        steps, returns = np.reshape(curve, (-1, 2)).T
        size = area(steps, returns)
        worst = min(result.seed_scores.values(), default=result.score)
        return Standing(result.trial.fidelity, result.score, size if math.isfinite(size) else -math.inf, worst)

    def _link(self, agent: Origin, num_seeds: int) -> Trial:
        network_seed, chain = agent
        fidelity, config = chain[-1]
        parent = self.by_origin[(network_seed, chain[:-1]), num_seeds] if len(chain) > 1 else None
        first = network_seed if parent is None else 0
        trial = Trial(len(self.trials), json.loads(config), fidelity, parent, self.seeds[:num_seeds], first)
        self._add(trial)
        return trial

    def _add(self, trial: Trial) -> None:
        self.trials[trial.id] = trial
        self.by_origin.setdefault((origin(trial, self.trials), len(trial.seeds or ())), trial.id)


class Racer:
    """A tuner that races the configs of another one; subclasses say which of them get more seeds.

    Args:
        budget: full runs, under all seeds.
        tuner: a registered name, `module:Class` or `file.py:Class`; it is told of `share` of the budget.
        share: the part of the runs that is spent under the first seed.
        others: options of the tuner.
    """

    has_fidelities = True
    races_seeds = True

    def __init__(
        self,
        space: ConfigurationSpace,
        fidelity: int,
        budget: float,
        seeds: Sequence[int],
        seed: int = 0,
        mutable: Collection[str] | None = None,
        min_fidelity: int = 1,
        min_interval: int = 1,
        scores: Sequence[str] = (),
        tuner: str | type = "random",
        share: float = 0.625,
        **others: Any,
    ):
        context = TunerContext(
            space=space,
            fidelity=fidelity,
            seed=seed,
            budget=budget,
            mutable=mutable,
            min_fidelity=min_fidelity,
            min_interval=min_interval,
            scores=scores,
            seeds=seeds,
        )
        self.race, self.share = Race(tuner, context, others, share), share

    def tell(self, results: Sequence[Result]) -> None:
        self.race.tell(results)

    def warm_start(self, results: Sequence[Result]) -> None:
        """Tell the tuner whose configs race, if it learns from earlier trials."""
        if isinstance(self.race.tuner, WarmTuner):
            self.race.tuner.warm_start(results)


class Racing(Racer):
    """Another tuner's best configs under one seed, confirmed under all seeds.

    The tuner spends `share` of the runs under the first seed: of 32 runs, 20 by default. Of the highest fidelity that it
    reached, as many of the best as the rest pays for are then trained under the other seeds, too: four under three more.
    """

    finalists: list[Origin] | None = None  # once the search is over

    def ask(self, n: int) -> list[Trial]:
        race = self.race
        if self.finalists is None:
            trials = race.search(n, self.share * race.num_runs)
            if trials or race.num_open:
                return trials
            self.finalists = self._best_of_search()
        confirmed = (race.confirm(agent, len(race.seeds)) for agent in self.finalists)
        return list(itertools.islice((trial for trial in confirmed if trial is not None), n))

    def _best_of_search(self) -> list[Origin]:
        """Return as many of the best agents as the rest of the budget trains under the seeds after the first."""
        race, best = self.race, self.race.best(1)
        highest = max((key.fidelity for key in best.values()), default=race.fidelity)
        runs_each = highest / race.fidelity * (len(race.seeds) - 1)
        num = brackets.whole((race.num_runs - race.spent) / runs_each)
        return [agent for agent, key in best.items() if key.fidelity == highest][:num]


class Intensify(Racer):
    """Another tuner's configs challenge the incumbent, which gets more seeds, in the manner of SMAC and irace.

    Every config runs under the first seed. Its seeds are doubled while it ranks above the incumbent, the best of those with
    the most seeds; with as many it takes the incumbent's place. So a lucky first seed costs one more run, and a config that
    was only lucky gets no third. Configs below the full fidelity get none. At most half of an ask is for more seeds, the rest
    for new configs, until the budget is spent.
    """

    def ask(self, n: int) -> list[Trial]:
        trials = self._climbing(math.ceil(n / 2))
        trials += self.race.search(n - len(trials))
        return trials + self._climbing(n - len(trials))

    def _climbing(self, n: int) -> list[Trial]:
        """Return up to `n` trials that give more seeds to the incumbent and to those above it."""
        trials = (self.race.confirm(agent, num_seeds) for agent, num_seeds in self._challengers())
        return list(itertools.islice((trial for trial in trials if trial is not None), n))

    def _challengers(self) -> list[tuple[Origin, int]]:
        """Return the agents that may get more seeds, and how many: those with the most seeds first, then the best."""
        numbers = doubled(len(self.race.seeds))
        ranked = {num: self._at_full_fidelity(num) for num in numbers}
        most = max((num for num in numbers if ranked[num]), default=1)
        bar = next(iter(ranked[most].values()), None)
        chosen = list[tuple[Origin, int]]()
        for num, more in reversed(list(itertools.pairwise(numbers))):
            if num == most:
                chosen += [(agent, more) for agent in itertools.islice(ranked[num], 1)]
            elif bar is not None:
                better = [agent for agent, key in ranked[num].items() if key[:-1] > bar[:-1]]  # whatever the worst seed
                chosen += [(agent, more) for agent in better]
        return chosen

    def _at_full_fidelity(self, num_seeds: int) -> dict[Origin, Standing]:
        race = self.race
        return {agent: key for agent, key in race.best(num_seeds).items() if key.fidelity == race.fidelity}


def doubled(num_seeds: int) -> list[int]:
    """Return 1, 2, 4, ... up to a number of seeds, which is the last."""
    return [*(2**i for i in range(num_seeds) if 2**i < num_seeds), num_seeds]
