"""Runs of comparisons: tuners on tasks with equal budgets, their incumbents trained again under test seeds.

Every (task, tuner, repeat) is an ordinary sweep, and the incumbents of a task are one more; all are in the store, so that a
comparison that was stopped goes on with the same command, and one that was finished takes more tuners or repeats.
"""

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arl.errors import InputError
from arl.records.lineage import Chain, chain
from arl.records.settings import DEFAULT_OBJECTIVE, DEFAULT_SCORE
from arl.records.store import Store, TrialRecord
from arl.records.sweep import SweepRecord
from hpo import cluster as clusters
from hpo import loggers, loop, objectives, plans, scores, sweeps, tuners
from hpo.cluster import ClusterLike
from hpo.comparisons import progress, recorded
from hpo.comparisons.comparison import Comparison, Swept, scale_of
from hpo.comparisons.design import Design, Seeds, design
from hpo.comparisons.progress import View
from hpo.errors import interruptible
from hpo.loggers import LoggerLike
from hpo.objectives import Objective
from hpo.plans import ConfigLike
from hpo.shared_runs import SharedRuns
from hpo.tasks import Task
from hpo.trial import Trial, TunerError
from hpo.tuners.given import Given

if TYPE_CHECKING:
    from hpo.cluster.connection import Cluster
    from hpo.tasks.registry import SpaceLike


AT_ONCE = 8  # sweeps that are run at the same time on a cluster


@interruptible()
def compare(
    tuners: Sequence[str | type],
    on: Sequence[str | Task],
    *,
    repeats: int = 10,
    budget: float = 32.0,
    seeds: Seeds = None,
    test_seeds: Seeds = None,
    space: "SpaceLike" = "published",
    fidelity: int | Sequence[int] | None = None,
    fix: Mapping[str, Any] | None = None,
    episodes: int | None = None,
    batch: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    baselines: bool = True,
    objective: str | type[Objective] = DEFAULT_OBJECTIVE,
    score: str | Sequence[str] = DEFAULT_SCORE,
    enqueue: ConfigLike | Sequence[ConfigLike] = (),
    name: str = "comparison",
    store: Store | str | Path | None = None,
    view: View | None = None,
    log: LoggerLike | Sequence[LoggerLike] = (),
    cluster: ClusterLike | None = None,
) -> Comparison:
    """Compare tuners on tasks, or finish a comparison that was begun.

    Args:
        tuners, on, repeats, budget, seeds, test_seeds, space, fidelity, fix, episodes, batch, options, baselines, objective,
            score, enqueue, name: see `design`.
        store: a file, URL or Store; by default `$ARL_STORE`, else `results/store.sqlite`.
        view: what shows its progress; by default a bar on a terminal or in a notebook, nothing elsewhere.
        log: loggers of its sweeps, see `sweeps.sweep`; each one hears of a sweep by itself, also of those of the tests.
        cluster: the workers that train, see `hpo.cluster.connect`; by default this machine's cores or GPUs, in this process.

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
        fix=fix,
        episodes=episodes,
        batch=batch,
        options=options,
        baselines=baselines,
        objective=objective,
        score=score,
        enqueue=enqueue,
        name=name,
    )
    clusters.check_objective(objective, cluster)
    store, view = store if isinstance(store, Store) else Store(store), progress.default() if view is None else view
    with clusters.connect_if(cluster, view.note) as connected:
        return run(chosen, store, view, log, connected)


def run(
    chosen: Design,
    store: Store,
    view: View,
    log: LoggerLike | Sequence[LoggerLike] = (),
    cluster: "Cluster | None" = None,
) -> Comparison:
    """Run a comparison, or finish it.

    Raises:
        InputError: a name that is taken by another sweep, or no tuner that keeps its contract.
    """
    return _Comparing(chosen, store, view, log, cluster).run()


class _Comparing:
    """The run of one comparison: the sweeps of all tuners, then the tests of their incumbents."""

    def __init__(
        self,
        design: Design,
        store: Store,
        view: View,
        log: LoggerLike | Sequence[LoggerLike],
        cluster: "Cluster | None",
    ):
        self.design, self.store, self.view, self.log, self.cluster = design, store, view, log, cluster
        self.num_at_once = 1 if cluster is None or log else AT_ONCE  # a logger's library may have one run at a time
        view.at_once = self.num_at_once > 1
        self.broken: dict[str, str] = {}
        self.number = 0

    def run(self) -> Comparison:
        try:
            return self._run()
        finally:
            recorded.forget_if_empty(self.design, self.store)

    def _run(self) -> Comparison:
        design = self.design
        kind = design.objective
        first, tests_first = design.seeds[0], design.test_seeds[0]
        make = functools.partial(clusters.make_objective, kind, cluster=self.cluster, num_at_once=self.num_at_once)
        tuning = {task.name: make(task, first, design.batch) for task in design.tasks}
        testing = {task.name: make(task, tests_first, plans.MAX_BATCH) for task in design.tasks}
        for task in design.tasks:
            self._check(task, tuning[task.name], testing[task.name])
        made_with = loop.made_with(objectives.get(kind))
        recorded.begin(design, made_with, self.store)
        groups = self._groups()
        tune = [functools.partial(self._tune, task, repeats, tuning[task.name]) for task, repeats in groups]
        of_groups = clusters.at_once(self.cluster, tune, self.num_at_once)
        swept = [done for group in of_groups for done in group if done.tuner not in self.broken]
        swept.sort(key=lambda done: [task.name for task in design.tasks].index(done.task))
        if not swept:
            raise InputError(next(iter(self.broken.values())))
        keys = [(task, seeds) for task in design.tasks for seeds in dict.fromkeys(design.test_seeds)]
        test = [functools.partial(self._test, task, seeds, swept, testing[task.name]) for task, seeds in keys]
        records = clusters.at_once(self.cluster, test, self.num_at_once)
        tests = {(task.name, seeds): record for (task, seeds), record in zip(keys, records, strict=True)}
        of_tasks = {task.name: scale_of(task, design.scores[0], kind, swept, tests) for task in design.tasks}
        comparison = Comparison(design.name, design.settings(), made_with, swept, tests, of_tasks, self.broken)
        recorded.end(comparison, design, self.store)
        return comparison

    def _check(self, task: Task, tuning: Objective, testing: Objective) -> None:
        """Check all of a task before anything is trained: every tuner can be made, no name on record is of another design."""
        design = self.design
        tuning.check()
        for entry in design.entries:
            plan = design.plan(task, entry, 0)
            plan = sweeps.continued(plan, tuning, design.sweep_name(task, entry, 0), self.store)
            tuners.make(entry.tuner, plan.context(tuning), entry.options)
        scores.check(design.scores, task.settings(), task.space, len(design.test_seeds[0]))
        for seeds in dict.fromkeys(design.test_seeds):
            sweeps.continued(design.test_plan(task, seeds), testing, design.test_name(task, seeds), self.store)

    def _groups(self) -> list[tuple[Task, Sequence[int]]]:
        """Return tasks with repeats, whose sweeps are run in this order.

        On a cluster, groups are run at the same time, with the same records: as no run of one is a run of another, each
        repeat is a group if its seeds are its own. Where a tuner breaks its contract, first repeats show it early.
        """
        repeats = range(self.design.repeats)
        seeds = list(itertools.chain(*self.design.seeds))
        if self.cluster is None or len(set(seeds)) < len(seeds):
            return [(task, repeats) for task in self.design.tasks]
        return [(task, [repeat]) for repeat in repeats for task in self.design.tasks]

    def _tune(self, task: Task, repeats: Sequence[int], objective: Objective) -> list[Swept]:
        """Run the sweeps of a task's repeats and return those of tuners that keep their contract.

        Every tuner's first repeat comes before all second ones: a tuner that breaks its contract does so early.
        """
        design, shared, swept = self.design, SharedRuns(task), list[Swept]()
        total = len(design.tasks) * design.repeats * len(design.entries)
        for repeat, entry in itertools.product(repeats, design.entries):
            self.number += 1
            if entry.label in self.broken:
                continue
            name = design.sweep_name(task, entry, repeat)
            view = self.view.sweep(name, self.number, total)
            try:
                plan = design.plan(task, entry, repeat)
                answers = objective.fresh(design.seeds[repeat])
                heard_by = loggers.make(self.log, name, plan.settings)
                sweep = sweeps.make(plan, entry.tuner, answers, name, self.store, view, shared, heard_by)
                record = sweep.run()
            except TunerError as error:
                self.broken[entry.label] = f"sweep {name!r}: {error}"
                self.view.broken(self.broken[entry.label])
                continue
            budget, test_seeds = design.budget * entry.factor, design.test_seeds[repeat]
            swept.append(Swept(entry.label, repeat, budget, test_seeds, record, list(sweep.asked)))
        return swept

    def _test(
        self, task: Task, seeds: tuple[int, ...], swept: Sequence[Swept], objective: Objective
    ) -> SweepRecord | None:
        """Train each incumbent of the task that these test seeds are for once; return the record, None without incumbents."""
        tested = [done for done in swept if done.test == (task.name, seeds)]
        at_points = itertools.chain.from_iterable(done.at_points for done in tested)
        chains = list(dict.fromkeys(incumbent.chain for incumbent in at_points if incumbent is not None))
        if not chains:
            return None
        name = self.design.test_name(task, seeds)
        trials = test_trials(chains, self.store.trials(name) if name in self.store else {})
        plan = sweeps.continued(self.design.test_plan(task, seeds), objective, name, self.store)
        view, heard_by = self.view.test(name, len(trials)), loggers.make(self.log, name, plan.settings)
        answers = objective.fresh(seeds)
        return loop.Sweep(plan, Given(trials), answers, name, self.store, view, loggers=heard_by).run()


def test_trials(chains: Sequence[Chain], recorded: Mapping[int, TrialRecord]) -> list[Trial]:
    """Return a trial for each link of the chains, one for all chains that share it; a link on record keeps its id.

    Ids that are free are given in the order of the chains, shorter ones first, so that a stopped comparison gives the
    same ids as one that was not.
    """
    ids = {chain(trial, recorded): trial.trial for trial in recorded.values()}
    links = dict.fromkeys([*ids, *(links[:num] for links in chains for num in range(1, len(links) + 1))])
    free = (i for i in itertools.count() if i not in recorded)
    for link in sorted(links, key=len):
        if link not in ids:
            ids[link] = next(free)
    return [_trial(link, ids) for link in sorted(links, key=ids.__getitem__)]


def _trial(chain: Chain, ids: Mapping[Chain, int]) -> Trial:
    steps, config = chain[-1]
    return Trial(ids[chain], json.loads(config), steps, ids[chain[:-1]] if len(chain) > 1 else None)
