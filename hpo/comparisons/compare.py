"""Comparisons: tuners on tasks with equal budgets, their incumbents trained again under test seeds.

Every (task, tuner, repeat) is an ordinary sweep, and the incumbents of a task are one more; all are in the store, so that a
comparison that was stopped goes on with the same command, and one that was finished takes more tuners or repeats.
"""

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from arl.errors import InputError, unknown
from arl.records.settings import DEFAULT_OBJECTIVE, DEFAULT_SCORE, ComparisonSettings, SweepSettings
from arl.records.store import Store, TrialRecord
from arl.records.sweep import SweepRecord
from arl.training import provenance
from hpo import objectives, plans, scores, sweeps, tasks, tuners
from hpo.comparisons import incumbents
from hpo.comparisons.incumbents import Chain
from hpo.comparisons.results import REFERENCE, Comparison, Swept
from hpo.objectives import Objective
from hpo.shared_runs import SharedRuns
from hpo.tasks import Task
from hpo.trial import Trial, TunerError
from hpo.tuners.given import Given

NUM_SEEDS, NUM_TEST_SEEDS = 3, 5

Seeds = int | Sequence[int] | None


class View:
    """What a comparison shows of its progress; this one shows nothing."""

    def sweep(self, name: str, number: int, total: int) -> sweeps.View:
        """Return the view of the next sweep, the `number`-th of `total`."""
        return sweeps.View()

    def test(self, name: str, num_incumbents: int) -> sweeps.View:
        """Return the view of the sweep that trains a task's incumbents under the test seeds."""
        return sweeps.View()

    def broken(self, reason: str) -> None:
        """A tuner broke its contract and is left out."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A tuner in a comparison; `label` names it there, `factor` is its budget in those of the others."""

    label: str
    tuner: str | type
    options: Mapping[str, Any]
    factor: int = 1


@dataclasses.dataclass(frozen=True)
class Design:
    """All that decides what a comparison trains.

    Attributes:
        objective: a registered name, `module:Class`, `file.py:Class`, or a class.
        scores: what a tuner maximises and is judged by; of several, it is judged by the first.
    """

    name: str
    entries: tuple[Entry, ...]
    tasks: tuple[Task, ...]
    repeats: int
    budget: float
    seeds: tuple[int, ...]
    test_seeds: tuple[int, ...]
    batch: int
    objective: str | type[Objective] = DEFAULT_OBJECTIVE
    scores: tuple[str, ...] = (DEFAULT_SCORE,)

    def settings(self) -> ComparisonSettings:
        """Return the design as it is recorded."""
        return ComparisonSettings(
            tuners={entry.label: dict(entry.options) for entry in self.entries},
            tasks={task.name: task.settings() for task in self.tasks},
            repeats=self.repeats,
            budget=self.budget,
            seeds=self.seeds,
            test_seeds=self.test_seeds,
            batch=self.batch,
            objective=objectives.path(self.objective),
            scores=self.scores,
            classes={e.label: tuners.path(e.tuner) for e in self.entries if not isinstance(e.tuner, str)},
        )

    def plan(self, task: Task, entry: Entry, repeat: int) -> plans.Plan:
        """Return the sweep of a tuner on a task under a repeat, which is the tuner's seed."""
        return plans.plan(
            task,
            entry.tuner,
            budget=self.budget * entry.factor,
            seeds=self.seeds,
            tuner_seed=repeat,
            batch=self.batch,
            options=entry.options,
            objective=self.objective,
            score=self.scores,
        )

    def test_plan(self, task: Task) -> plans.Plan:
        """Return the sweep of a task's incumbents under the test seeds, which ends when all are trained."""
        settings = SweepSettings(
            task=task.settings(),
            tuner="given",
            seeds=self.test_seeds,
            batch=plans.MAX_BATCH,
            scores=self.scores,
            objective=objectives.path(self.objective),
        )
        return plans.Plan(task, settings)

    def sweep_name(self, task: Task, entry: Entry, repeat: int) -> str:
        """Return a sweep's name, such as `comparison-ppo-CartPole-v1-random-0`."""
        return _plain(self.name, task.name, entry.label, str(repeat))

    def test_name(self, task: Task) -> str:
        """Return the test's name: `comparison-ppo-CartPole-v1-test-5`, or with the test seeds if they are not the first."""
        num = len(self.test_seeds)
        first = tuple(range(plans.FIRST_TEST_SEED, plans.FIRST_TEST_SEED + num))
        listed = str(num) if self.test_seeds == first else ",".join(map(str, self.test_seeds)) + "," * (num == 1)
        return _plain(self.name, task.name, "test", listed)


def design(
    tuners: Sequence[str | type],
    on: Sequence[str | Task],
    *,
    repeats: int = 10,
    budget: float = 32.0,
    seeds: Seeds = None,
    test_seeds: Seeds = None,
    space: str = "published",
    fidelity: int | Sequence[int] | None = None,
    batch: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    baselines: bool = True,
    objective: str | type[Objective] = DEFAULT_OBJECTIVE,
    score: str | Sequence[str] = DEFAULT_SCORE,
    name: str = "comparison",
) -> Design:
    """Return a checked design.

    Args:
        tuners: registered names, `module:Class`, `file.py:Class`, or classes.
        on: tasks or their names.
        repeats: sweeps of each tuner on each task.
        budget: equivalent full runs that each sweep may spend.
        seeds, test_seeds: how many, or the seeds themselves; by default 3 tuning and 5 test seeds. Where an objective has
            certain seeds only, as a landscape has, half of them, up to 3, are tuning seeds, and up to 5 others test seeds.
        space, fidelity: of tasks that are given by name; the fidelity of all tasks, or one per task.
        batch: how many trials are asked for at a time.
        options: of tuners, by label.
        baselines: whether random search, random search with twice the budget, and the default config are added.
        objective: a registered name, `module:Class`, `file.py:Class`, or a class.
        score: what a tuner maximises and is judged by; of several, it is judged by the first.
        name: of the comparison; the same call with the same name goes on with it.

    Raises:
        InputError: unknown names, one twice, numbers that make no sense, test seeds that are tuning seeds, or an objective
            with a single seed.
    """
    if repeats < 1:
        raise InputError(f"repeats must be at least 1, got {repeats}")
    if not 0 < budget < math.inf:
        raise InputError(f"budget must be positive and finite, got {budget}")
    if batch is not None and batch < 1:
        raise InputError(f"batch must be at least 1, got {batch}")
    entries = _entries(tuners, options or {}, baselines)
    fidelities = [fidelity] * len(on) if fidelity is None or isinstance(fidelity, int) else list(fidelity)
    if len(fidelities) != len(on):
        raise InputError(f"fidelity must be one number, or one per task ({len(on)}), got {len(fidelities)}")
    chosen = tuple(
        tasks.get(task, space, steps) if isinstance(task, str) else task
        for task, steps in zip(on, fidelities, strict=True)
    )
    _check_distinct("tasks", [task.name for task in chosen])
    kind = objectives.get(objective)
    if not isinstance(kind, type):
        raise InputError(f"objective of a comparison must be a name or a class, got {objective!r}")
    for task in chosen:
        kind.check_task(task)
    tuning, tests = _seeds(kind, chosen, seeds, test_seeds)
    names = scores.chosen(score)
    scores.check_sources(names, kind.sources)
    if scores.SCORES[names[0]].worst is not None:
        raise InputError(f"score of a comparison must be one of returns, which tasks have a scale of, got {names[0]!r}")
    return Design(
        name,
        entries,
        chosen,
        repeats,
        float(budget),
        tuning,
        tests,
        batch or plans.batch_of_learner(budget),
        objective,
        names,
    )


def compare(
    tuners: Sequence[str | type],
    on: Sequence[str | Task],
    *,
    repeats: int = 10,
    budget: float = 32.0,
    seeds: Seeds = None,
    test_seeds: Seeds = None,
    space: str = "published",
    fidelity: int | Sequence[int] | None = None,
    batch: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    baselines: bool = True,
    objective: str | type[Objective] = DEFAULT_OBJECTIVE,
    score: str | Sequence[str] = DEFAULT_SCORE,
    name: str = "comparison",
    store: Store | str | Path | None = None,
    view: View | None = None,
) -> Comparison:
    """Compare tuners on tasks, or finish a comparison that was begun.

    Args:
        tuners, on, repeats, budget, seeds, test_seeds, space, fidelity, batch, options, baselines, objective, score, name:
            see `design`.
        store: a file, URL or Store; by default `$ARL_STORE`, else `results/store.sqlite`.
        view: what shows its progress; nothing by default.

    Example:
        >>> comparison = hpo.compare(["sobol"], ["ppo/CartPole-v1", "ppo/Acrobot-v1"], repeats=5, budget=16)
        >>> comparison.summary

    Raises:
        InputError: bad settings, or no tuner that keeps its contract.
    """
    chosen = design(
        tuners,
        on,
        repeats=repeats,
        budget=budget,
        seeds=seeds,
        test_seeds=test_seeds,
        space=space,
        fidelity=fidelity,
        batch=batch,
        options=options,
        baselines=baselines,
        objective=objective,
        score=score,
        name=name,
    )
    return run(chosen, store if isinstance(store, Store) else Store(store), view or View())


def run(design: Design, store: Store, view: View) -> Comparison:
    """Run a comparison, or finish it.

    Raises:
        InputError: a name that is taken by another sweep, or no tuner that keeps its contract.
    """
    return _Comparing(design, store, view).run()


class _Comparing:
    """A comparison on its way."""

    def __init__(self, design: Design, store: Store, view: View):
        self.design, self.store, self.view = design, store, view
        self.broken: dict[str, str] = {}
        self.number = 0

    def run(self) -> Comparison:
        design = self.design
        kind = design.objective
        tuning = {task.name: objectives.make(kind, task, design.seeds, design.batch) for task in design.tasks}
        testing = {task.name: objectives.make(kind, task, design.test_seeds, plans.MAX_BATCH) for task in design.tasks}
        for task in design.tasks:
            self._check(task, tuning[task.name], testing[task.name])
        swept = [done for task in design.tasks for done in list(self._tune(task, tuning[task.name]))]
        swept = [done for done in swept if done.tuner not in self.broken]
        if not swept:
            raise InputError(next(iter(self.broken.values())))
        tests = {
            task.name: self._test(task, [done for done in swept if done.task == task.name], testing[task.name])
            for task in design.tasks
        }
        return Comparison(design.name, design.settings(), provenance.now(), swept, tests, self.broken)

    def _check(self, task: Task, tuning: Objective, testing: Objective) -> None:
        """Refuse what can't be, before anything is trained: every tuner is made, every name on record is of this design."""
        design = self.design
        tuning.check()
        for entry in design.entries:
            plan = design.plan(task, entry, 0)
            plan = sweeps.continued(plan, tuning, design.sweep_name(task, entry, 0), self.store)
            tuners.make(entry.tuner, plan.context(tuning), entry.options)
        scores.check(design.scores, task.settings(), task.space, len(design.test_seeds))
        sweeps.continued(design.test_plan(task), testing, design.test_name(task), self.store)

    def _tune(self, task: Task, objective: Objective) -> Iterator[Swept]:
        """The sweeps of a task. The first repeat of every tuner comes first: what breaks, breaks early."""
        design, shared = self.design, SharedRuns()
        total = len(design.tasks) * design.repeats * len(design.entries)
        for repeat, entry in itertools.product(range(design.repeats), design.entries):
            self.number += 1
            if entry.label in self.broken:
                continue
            name = design.sweep_name(task, entry, repeat)
            view = self.view.sweep(name, self.number, total)
            try:
                plan = design.plan(task, entry, repeat)
                sweep = sweeps.make(plan, entry.tuner, objective.fresh(), name, self.store, view, shared)
                record = sweep.run()
            except TunerError as error:
                self.broken[entry.label] = f"sweep {name!r}: {error}"
                self.view.broken(self.broken[entry.label])
                continue
            yield Swept(entry.label, repeat, design.budget * entry.factor, record, list(sweep.asked))

    def _test(self, task: Task, swept: Sequence[Swept], objective: Objective) -> SweepRecord | None:
        """The record of the task's incumbents under the test seeds, each trained once; None if there are none."""
        stood = (incumbent for done in swept for incumbent in done.at_points if incumbent is not None)
        chains = list(dict.fromkeys(incumbent.chain for incumbent in stood))
        if not chains:
            return None
        name = self.design.test_name(task)
        trials = test_trials(chains, self.store.trials(name) if name in self.store else {})
        plan = sweeps.continued(self.design.test_plan(task), objective, name, self.store)
        view = self.view.test(name, len(trials))
        return sweeps.Sweep(plan, Given(trials), objective.fresh(), name, self.store, view).run()


def test_trials(chains: Sequence[Chain], recorded: Mapping[int, TrialRecord]) -> list[Trial]:
    """A trial for each link of the chains, those they have in common once; what is on record keeps its id.

    Ids that are free are given in the order of the chains, shorter ones first, so that a stopped comparison gives the
    same ids as one that was not.
    """
    ids = {incumbents.chain(recorded, trial): trial for trial in recorded}
    links = dict.fromkeys([*ids, *(chain[:num] for chain in chains for num in range(1, len(chain) + 1))])
    free = (i for i in itertools.count() if i not in recorded)
    for link in sorted(links, key=len):
        if link not in ids:
            ids[link] = next(free)
    return [_trial(link, ids) for link in sorted(links, key=ids.__getitem__)]


def _trial(chain: Chain, ids: Mapping[Chain, int]) -> Trial:
    steps, config = chain[-1]
    return Trial(ids[chain], json.loads(config), steps, ids[chain[:-1]] if len(chain) > 1 else None)


def _entries(
    given: Sequence[str | type], options: Mapping[str, Mapping[str, Any]], baselines: bool
) -> tuple[Entry, ...]:
    """The tuners given, and the baselines that are not among them."""
    labels = [tuner if isinstance(tuner, str) else tuners.path(tuner).rpartition(":")[2] for tuner in given]
    _check_distinct("tuners", labels)
    entries = [Entry(label, tuner, options.get(label, {})) for label, tuner in zip(labels, given, strict=True)]
    added = [entry for entry in _baselines() if entry.label not in labels] if baselines else []
    strays = [label for label in options if label not in labels]
    if strays:
        raise unknown("tuner with options", strays[0], labels)
    return (*entries, *added)


def _baselines() -> list[Entry]:
    """Random search, random search with twice the budget, and the task's default config."""
    return [Entry(REFERENCE, "random", {}), Entry(f"{REFERENCE}-2x", "random", {}, 2), Entry("default", "default", {})]


def _seeds(
    kind: type[Objective], on: Sequence[Task], seeds: Seeds, test_seeds: Seeds
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tuning and test seeds, of which numbers or the seeds themselves are given."""
    available = _seeds_in_common(kind, on)
    if available is None:
        tuning = plans.tuning_seeds(NUM_SEEDS if seeds is None else seeds)
        tests = NUM_TEST_SEEDS if test_seeds is None else test_seeds
        first = plans.FIRST_TEST_SEED
        chosen = tuple(range(first, first + tests)) if isinstance(tests, int) else tuple(tests)
    else:
        tuning, chosen = _shared_out(available, seeds, test_seeds)
    if not chosen or len(set(chosen)) < len(chosen):
        raise InputError(f"test seeds must be at least one, and differ, got {test_seeds!r}")
    both = [seed for seed in chosen if seed in tuning]
    if both:
        raise InputError(f"test seeds must not be tuning seeds, got {both[0]} as both")
    low = [seed for seed in chosen if seed < plans.FIRST_TEST_SEED]
    if low and available is None:
        raise InputError(f"test seeds must be at least {plans.FIRST_TEST_SEED}, below are tuning seeds, got {low[0]}")
    return tuning, chosen


def _seeds_in_common(kind: type[Objective], on: Sequence[Task]) -> list[int] | None:
    """The seeds under which all tasks can be answered, each under two at least; None if under any."""
    by_task = {task.name: seeds for task in on if (seeds := kind.available_seeds(task)) is not None}
    if not by_task:
        return None
    fewest = min(by_task, key=lambda name: len(by_task[name]))
    if len(by_task[fewest]) < 2:
        raise InputError(
            f"{objectives.path(kind)} of {fewest} must have at least 2 seeds for a comparison, to tune and to test under, "
            f"got {len(by_task[fewest])}"
        )
    return [seed for seed in by_task[fewest] if all(seed in seeds for seeds in by_task.values())]


def _shared_out(available: list[int], seeds: Seeds, test_seeds: Seeds) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the seeds that there are, tuning seeds come first; those that are named are used for nothing else."""
    named = () if test_seeds is None or isinstance(test_seeds, int) else tuple(test_seeds)
    free = [seed for seed in available if seed not in named]
    num_tests = test_seeds if isinstance(test_seeds, int) else len(named)
    if seeds is None:
        seeds = max(1, min(NUM_SEEDS, len(available) // 2, len(available) - num_tests))
    tuning = plans.tuning_seeds(free[:seeds] if isinstance(seeds, int) else seeds)
    others = [seed for seed in free if seed not in tuning]
    tests = named or tuple(others[:NUM_TEST_SEEDS] if test_seeds is None else others[:num_tests])
    if len(tests) < (1 if test_seeds is None else num_tests) or (isinstance(seeds, int) and len(tuning) < seeds):
        raise InputError(
            f"seeds must be among those that the tasks have in common, {available}, got {len(tuning)} tuning seeds and too "
            "few others to test under"
        )
    return tuning, tests


def _check_distinct(what: str, names: Sequence[str]) -> None:
    if not names:
        raise InputError(f"{what} must name at least one, got none")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{what} must differ, got {twice!r} twice")


def _plain(*parts: str) -> str:
    return "-".join(parts).replace("/", "-").replace(":", ".")
