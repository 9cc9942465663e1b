"""Sweeps as they are asked for: planned, made with their tuner and objective, and run."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arl.records.settings import DEFAULT_OBJECTIVE, DEFAULT_SCORE, SweepSettings
from arl.records.store import Store
from arl.records.sweep import SweepRecord
from hpo import agents, earlier_trials, loggers, objectives, plans, progress, tuners
from hpo import cluster as clusters
from hpo.asynchronous import AsynchronousSweep
from hpo.cluster import ClusterLike
from hpo.errors import interruptible
from hpo.loggers import Logger, LoggerLike
from hpo.loop import Sweep
from hpo.objectives import Objective, ObjectiveLike
from hpo.plans import ConfigLike, Plan
from hpo.progress import View
from hpo.shared_runs import SharedRuns
from hpo.tasks import Task
from hpo.tuners.enqueued import Enqueued

if TYPE_CHECKING:
    from hpo.tasks.registry import SpaceLike


@interruptible()
def sweep(
    task: str | Task,
    tuner: str | type = "random",
    *,
    trials: int | None = None,
    budget: float | None = None,
    seeds: int | Sequence[int] | None = None,
    tuner_seed: int = 0,
    space: "SpaceLike" = "published",
    fidelity: int | None = None,
    fix: Mapping[str, Any] | None = None,
    episodes: int | None = None,
    batch: int | None = None,
    options: Mapping[str, Any] | None = None,
    score: str | Sequence[str] = DEFAULT_SCORE,
    objective: ObjectiveLike = DEFAULT_OBJECTIVE,
    name: str | None = None,
    store: Store | str | Path | None = None,
    view: View | None = None,
    log: LoggerLike | Sequence[LoggerLike] = (),
    save_agents: str | Path | None = None,
    enqueue: ConfigLike | Sequence[ConfigLike] = (),
    warm_start: str | None = None,
    cluster: ClusterLike | None = None,
    synchronous: bool = False,
) -> SweepRecord:
    """Run a sweep, or finish one that was begun.

    Args:
        task, tuner, trials, budget, seeds, tuner_seed, space, fidelity, fix, episodes, batch, options, score, objective,
            enqueue: see `plans.plan`.
        name: by default of the task, the tuner and its seed; the same call with the same name goes on with the sweep.
        store: a file, URL or Store; by default `$ARL_STORE`, else `results/store.sqlite`.
        view: what shows its progress; by default a bar on a terminal or in a notebook, nothing elsewhere.
        log: loggers that hear of every trial: `tensorboard`, `wandb`, `mlflow`, `file.py:Class`, `module:Class`, or classes.
        save_agents: folder in which the incumbent's agents are saved, as `FOLDER/SWEEP/trial7-seed0.agent`.
        warm_start: a sweep, or a landscape such as `ppo/CartPole-v1`, whose trials the tuner is told before it is asked, see
            `hpo.earlier_trials`.
        cluster: the workers that train, see `hpo.cluster.connect`; by default this machine's cores or GPUs, in this process.
        synchronous: whether a tuner is told results a batch at a time on a cluster, too, instead of as they come.

    Example:
        >>> sweep = hpo.sweep("ppo/CartPole-v1", tuner="random", trials=64, seeds=4)
        >>> sweep.trials.sort_values("score").tail()

    Raises:
        InputError: bad settings, a name taken by another sweep, or a tuner or an objective that breaks its contract.
    """
    clusters.check_objective(objective, cluster)
    plan = plans.plan(
        task,
        tuner,
        trials=trials,
        budget=budget,
        seeds=seeds,
        tuner_seed=tuner_seed,
        space=space,
        fidelity=fidelity,
        fix=fix,
        episodes=episodes,
        batch=batch,
        options=options,
        score=score,
        objective=objective,
        enqueue=enqueue,
        asynchronous=cluster is not None and not synchronous and tuners.is_asynchronous(tuner),
    )
    store = store if isinstance(store, Store) else Store(store)
    name = plans.default_name(plan, objectives.get(objective).label) if name is None else name
    if warm_start is not None:
        plan = earlier_trials.add(plan, tuner, warm_start, store)
    if name in store:
        plan = _as_begun(plan, SweepSettings.from_json(store.sweep(name)["settings"]), batch)
    view = progress.default() if view is None else view
    with clusters.connect_if(cluster, view.note) as connected:
        made = clusters.make_objective(objective, plan.task, plan.settings.seeds, plan.settings.batch, connected)
        if save_agents is not None:
            agents.prepare(made, save_agents)
        ready = make(plan, tuner, made, name, store, view, loggers=loggers.make(log, name, plan.settings))
        record = ready.run()
        if save_agents is not None:
            agents.save(made, record, save_agents, set(ready.recorded))
    return record


def _as_begun(plan: Plan, recorded: SweepSettings, batch: int | None) -> Plan:
    """Return the plan of a sweep that goes on as it was begun: asynchronous or not, and with the same batch unless given."""
    settings = dataclasses.replace(
        plan.settings, asynchronous=recorded.asynchronous, batch=recorded.batch if batch is None else batch
    )
    return dataclasses.replace(plan, settings=settings)


def make(
    plan: Plan,
    tuner: str | type,
    objective: Objective,
    name: str,
    store: Store,
    view: View,
    shared: SharedRuns | None = None,
    loggers: Sequence[Logger] = (),
) -> Sweep:
    """Return a sweep with its tuner, ready to run; nothing is written.

    Raises:
        InputError: the name is taken by another sweep or can't be a file's, or there is no such tuner.
        TunerError: a tuner that can't be made.
    """
    plans.check_name(name)
    plan = continued(plan, objective, name, store)
    context = plan.context(objective)
    made = tuners.make(tuner, context, plan.settings.options)
    made = Enqueued(made, plan.enqueued, plan.task.fidelity) if plan.enqueued else made
    kind = AsynchronousSweep if plan.settings.asynchronous else Sweep
    return kind(plan, made, objective, name, store, view, shared, loggers)


def continued(plan: Plan, objective: Objective, name: str, store: Store) -> Plan:
    """Return the plan with the objective's version, as a plan that goes on from what is on record.

    Raises:
        InputError: the name is taken by another sweep.
    """
    settings = dataclasses.replace(plan.settings, objective_version=objective.version)
    plan = dataclasses.replace(plan, settings=settings)
    if not store.num_trials(name):
        return plan
    head = store.sweep(name)
    return plans.on_record(plan, name, SweepSettings.from_json(head["settings"]), head["space"])
