"""What a sweep asks and trains, checked before anything is made."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

from arl.errors import InputError
from hpo import scores, tasks, tuners
from landscapes import catalogue

FIRST_TEST_SEED = 1000
MAX_BATCH = 64
NUM_ROUNDS = 8  # in which a tuner that learns spends its budget, unless the batch is given


@dataclasses.dataclass(frozen=True)
class Plan:
    """All that decides what a sweep asks and trains.

    Attributes:
        tuner: a registered name, `module:Class` or `file.py:Class`.
        trials, budget: the sweep ends with the one that is reached first; budget is in equivalent full runs of a config
            under all seeds, a continued trial charged only for the difference.
        seeds: tuning seeds, all below 1000: test seeds begin there.
        batch: how many trials are asked for at a time; by default an eighth of the budget, or all (at most 64) where the
            tuner's class says `any_batch = True`.
        objective: `training`, or how a landscape answers instead (see `hpo.objectives.tabular`).
        landscape: the version of its files, if a landscape answers.
        scores: what a trial is given (see `hpo.scores`), the first one to maximise; of several, a tuner finds each among a
            result's metrics.
    """

    task: tasks.Task
    tuner: str
    tuner_seed: int
    options: Mapping[str, Any]
    trials: int | None
    budget: float | None
    seeds: tuple[int, ...]
    batch: int
    scores: tuple[str, ...] = (scores.DEFAULT,)
    objective: str = "training"
    landscape: str | None = None

    def settings(self) -> dict[str, Any]:
        """The plan as JSON-ready values; two sweeps are the same if these and their spaces are."""
        names = ("tuner", "tuner_seed", "trials", "budget", "batch", "objective")
        own = {name: getattr(self, name) for name in names}
        lists = {"seeds": list(self.seeds), "scores": list(self.scores)}
        version = {"landscape": self.landscape} if self.landscape else {}
        return {**self.task.settings(), **own, "options": dict(self.options), **lists, **version}

    @property
    def full_runs(self) -> float:
        """What the sweep may spend at most, in equivalent full runs."""
        return float(min((limit for limit in (self.budget, self.trials) if limit is not None), default=0))


def plan(
    task: str | tasks.Task,
    tuner: str | type = "random",
    *,
    trials: int | None = None,
    budget: float | None = None,
    seeds: int | Sequence[int] = 1,
    tuner_seed: int = 0,
    space: str = "published",
    fidelity: int | None = None,
    batch: int | None = None,
    options: Mapping[str, Any] | None = None,
    score: str | Sequence[str] = scores.DEFAULT,
    objective: str = "training",
) -> Plan:
    """A checked plan.

    Raises:
        InputError: unknown names, or numbers that make no sense.
    """
    if isinstance(task, tasks.Task) and fidelity is not None:
        raise InputError(
            f"fidelity must be given with a task's name; a Task has its own, {task.fidelity}, got {fidelity}"
        )
    task = tasks.get(task, space, fidelity) if isinstance(task, str) else task
    if task.imported and objective == "training":
        raise InputError(f"task {task.name} is imported: objective must be table, exact or surrogate, got {objective}")
    if trials is None and budget is None:
        raise InputError("a sweep needs trials or a budget (in equivalent full runs), got neither")
    for name, value in {"trials": trials, "budget": budget, "batch": batch}.items():
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{name} must be positive and finite, got {value}")
    if tuner_seed < 0:
        raise InputError(f"tuner_seed must be at least 0, got {tuner_seed}")
    name = tuners.path(tuner)
    most = trials if trials is not None else max(1, int(budget or 0))
    known, names = tuning_seeds(seeds), scores.chosen(score)
    scores.check(names, task.settings(), task.space, len(known))
    scores.check_objective(names, objective)
    return Plan(
        task,
        name,
        tuner_seed,
        dict(options or {}),
        trials,
        budget,
        known,
        batch or (min(most, MAX_BATCH) if tuners.takes_any_batch(tuner) else batch_of_learner(most)),
        names,
        objective,
        version_of_landscape(task, objective),
    )


def version_of_landscape(task: tasks.Task, objective: str) -> str | None:
    """By what a sweep knows the landscape again that answers it; None where it trains."""
    if objective == "training":
        return None
    from hpo.objectives.tabular import check_mode

    check_mode(objective)
    return catalogue.get(task.landscape).version


def batch_of_learner(budget: float) -> int:
    """How many trials to ask a tuner for at a time that needs results to learn from."""
    return min(MAX_BATCH, max(1, math.ceil(budget / NUM_ROUNDS)))


def tuning_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """A number of seeds, or the seeds themselves, as tuning seeds.

    Raises:
        InputError: none, one twice, a negative one, or one that is a test seed.
    """
    chosen = tuple(range(seeds)) if isinstance(seeds, int) else tuple(seeds)
    if not chosen:
        raise InputError(f"seeds must name at least one seed, got {seeds!r}")
    if len(set(chosen)) < len(chosen):
        raise InputError(f"seeds must differ, got {chosen}")
    wrong = [seed for seed in chosen if not 0 <= seed < FIRST_TEST_SEED]
    if wrong:
        raise InputError(
            f"tuning seeds must be in [0, {FIRST_TEST_SEED - 1}] (test seeds start at {FIRST_TEST_SEED}), got {wrong[0]}"
        )
    return chosen


def default_name(plan: Plan) -> str:
    """`ppo-CartPole-v1-random-0`: task, tuner and tuner seed; the objective, if it is not training."""
    objective = [] if plan.objective == "training" else [plan.objective]
    parts = (*plan.task.name.split("/"), plan.tuner, *objective, str(plan.tuner_seed))
    return "-".join(parts).replace(":", ".").replace("/", ".")
