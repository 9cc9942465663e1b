"""Plans of sweeps: the task and the settings, checked before anything is trained."""

import copy
import dataclasses
import hashlib
import math
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arl import spaces
from arl.errors import InputError
from arl.records import user_files
from arl.records.settings import DEFAULT_OBJECTIVE, DEFAULT_SCORE, NOT_COMPARED, SweepSettings, WarmStart
from arl.records.store import dumps
from arl.scalars import Scalar
from hpo import objectives, scores, tasks, tuners
from hpo.objectives import Objective, ObjectiveLike
from hpo.trial import Result, TunerContext

if TYPE_CHECKING:
    from hpo.tasks.registry import SpaceLike

FIRST_TEST_SEED = 1000
MAX_BATCH = 64
LONGEST_NAME = 230  # bytes, which leave room for the ending of a file in the 255 of its name
RUNGS_SPAN = 9  # by default, the lowest rung of a tuner is a ninth of a full run, by training as on landscapes
DEFAULT_TRIALS = 64
NUM_ROUNDS = 8  # of asks in which a tuner that learns spends its budget, unless the batch is given

ConfigLike = str | Mapping[str, Any]  # `default`, or values by hyperparameter


@dataclasses.dataclass(frozen=True)
class Plan:
    """A task, and the settings of a sweep on it.

    Attributes:
        earlier: results that the tuner is told before it is asked, see `hpo.earlier_trials`.
    """

    task: tasks.Task
    settings: SweepSettings
    earlier: Sequence[Result] = ()

    @property
    def enqueued(self) -> list[dict[str, Scalar]]:
        """The configs that are tried before the tuner is asked."""
        return [_completed(self.task, config) for config in self.settings.enqueued]

    @property
    def full_runs(self) -> float:
        """The most that the sweep may spend, in equivalent full runs."""
        return _least(self.settings.budget, self.settings.trials)

    @property
    def planned_full_runs(self) -> float:
        """`full_runs` when the sweep was begun: the tuner of a prolonged sweep is made as before, to ask the same again."""
        planned = self.settings.planned_trials
        return _least(self.settings.budget, self.settings.trials if planned is None else planned)

    def context(self, objective: Objective) -> TunerContext:
        """Return the values that the tuner's constructor may take."""
        return TunerContext(
            space=copy.deepcopy(self.task.space),  # a tuner's own: some reseed the space they are given
            fidelity=self.task.fidelity,
            seed=self.settings.tuner_seed,
            budget=self.planned_full_runs - len(self.settings.enqueued),
            scores=self.settings.scores,
            mutable=objective.mutable,
            seeds=self.settings.seeds,
            min_fidelity=max(objective.min_fidelity, self.task.fidelity // RUNGS_SPAN),
            min_interval=objective.min_fidelity,
            asynchronous=self.settings.asynchronous,
        )


def plan(
    task: str | tasks.Task,
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
    enqueue: ConfigLike | Sequence[ConfigLike] = (),
    asynchronous: bool = False,
) -> Plan:
    """Return a checked plan.

    Args:
        task: a task or its name, `algorithm/env`.
        tuner: a registered name, `module:Class`, `file.py:Class`, or a class.
        trials, budget: the sweep ends with the one that is reached first; at least one is given. Budget is in equivalent
            full runs of a config under all seeds, a continued trial charged only for the difference.
        seeds: how many tuning seeds, or the seeds themselves, all below 1000, where test seeds begin; by default one, or
            those of an objective that is given ready-made.
        tuner_seed: the seed of the tuner.
        space, fidelity: of a task that is given by name: its space (see `tasks.get`), and env steps of a full run if not the
            task's.
        fix: hyperparameters that are not tuned but have these values.
        episodes: of an evaluation; the task's by default, 128.
        batch: how many trials are asked for at a time; by default an eighth of the budget, or all (at most 64) where the
            tuner's class says `any_batch = True`.
        options: of the tuner.
        score: the score to maximise, or several (see `hpo.scores`): the first is maximised, and all are among the metrics
            of the results.
        objective: a registered name, `module:Class`, `file.py:Class`, a class, or an instance.
        enqueue: configs that are tried before the tuner is asked: `default`, the space's default config, or values of some
            hyperparameters, the others being those of the default config. They are trials of the sweep, and are paid for.
        asynchronous: whether results are told as they come; then the batch is 1 by default, but for tuners that learn
            nothing.

    Raises:
        InputError: unknown names, or numbers that make no sense.
    """
    if isinstance(task, tasks.Task) and fidelity is not None:
        raise InputError(
            f"fidelity must be given with a task's name; a Task has its own, {task.fidelity}, got {fidelity}"
        )
    if isinstance(task, tasks.Task) and not isinstance(space, str):
        raise InputError(f"space must be given with a task's name; a Task has its own, got a {type(space).__name__}")
    task = tasks.get(task, space, fidelity, fix) if isinstance(task, str) else tasks.with_fixed(task, fix)
    task = tasks.with_episodes(task, episodes)
    kind = objectives.get(objective)
    kind.check_task(task)
    if trials is None and budget is None:
        raise InputError("a sweep needs trials or a budget (in equivalent full runs), got neither")
    for name, value in {"trials": trials, "budget": budget, "batch": batch}.items():
        if value is not None and not 0 < value < math.inf:
            raise InputError(f"{name} must be positive and finite, got {value}")
    if tuner_seed < 0:
        raise InputError(f"tuner_seed must be at least 0, got {tuner_seed}")
    most = trials if trials is not None else max(1, int(budget or 0))
    given = seeds if seeds is not None else 1 if isinstance(kind, type) else kind.seeds
    settings = SweepSettings(
        task=task.settings(),
        tuner=tuners.path(tuner),
        seeds=tuning_seeds(given),
        batch=batch or _batch(tuner, most, asynchronous),
        tuner_seed=tuner_seed,
        options=dict(options or {}),
        trials=trials,
        budget=None if budget is None else float(budget),
        scores=scores.chosen(score),
        objective=objectives.path(objective),
        user_files=file_checksums(task, objective, tuner),
        enqueued=several_configs(enqueue),
        asynchronous=asynchronous,
    )
    scores.check_sources(settings.scores, kind.sources)
    scores.check(settings.scores, settings.task, task.space, len(settings.seeds))
    checked = Plan(task, settings)
    _check_enqueued(checked)
    return checked


def several_configs(enqueue: ConfigLike | Sequence[ConfigLike]) -> tuple[ConfigLike, ...]:
    """Return the configs that are enqueued, of which one may be given by itself."""
    return (enqueue,) if isinstance(enqueue, str | Mapping) else tuple(enqueue)


def _completed(task: tasks.Task, config: ConfigLike) -> dict[str, Scalar]:
    """Return the config of the task's space that an enqueued one stands for.

    Raises:
        InputError: neither `default` nor values by name, values that the space does not allow, or one that has no effect.
    """
    if not (config == "default" or isinstance(config, Mapping)):
        raise InputError(f"enqueue must be default, or values by hyperparameter, got {config!r}")
    values = spaces.from_row(task.space, config) if isinstance(config, Mapping) else {}
    complete = spaces.repair(task.space, values)
    spaces.check(task.space, complete)
    inactive = [name for name in values if name not in complete]
    if inactive:
        raise InputError(
            f"enqueue must be values of active hyperparameters, got {inactive[0]}, which is not in {complete}"
        )
    return complete


def _check_enqueued(plan: Plan) -> None:
    configs = [dumps(config) for config in plan.enqueued]
    if len(set(configs)) < len(configs):
        raise InputError("enqueue must be given configs that differ, got one twice")
    if len(configs) > plan.full_runs:
        raise InputError(
            f"enqueue must be no more configs than trials are paid for, {plan.full_runs:g}, got {len(configs)}"
        )


def limits(tuner: str | type, trials: int | None, budget: float | None) -> tuple[int | None, float | None]:
    """Return what ends a sweep, trials and budget: what is given, else 64 trials, or what as many full runs cost.

    A number of trials says little of a tuner that trains most of them at low fidelities: they may all be spent there.
    """
    if trials is not None or budget is not None:
        return trials, budget
    return (None, float(DEFAULT_TRIALS)) if tuners.has_fidelities(tuner) else (DEFAULT_TRIALS, None)


def on_record(plan: Plan, name: str, recorded: SweepSettings | None, space: Mapping[str, Any]) -> Plan:
    """Return the plan of a sweep that goes on from its record; the plan may have more trials than the record.

    Args:
        plan: the plan that is asked for now.
        name: the sweep's name.
        recorded: the settings on record; None of a new sweep.
        space: the space on record, in ConfigSpace's own JSON form.

    Raises:
        InputError: the name is taken by a sweep with other settings or another space, or what the sweep rests on has changed:
            a file of the user's, or the trials that its tuner was told.
    """
    if recorded is None:
        return plan
    _check_warm_start(name, plan.settings.warm_start, recorded.warm_start)
    now = SweepSettings.from_json(plan.settings.to_json()).to_json()  # as it would be read back
    then = recorded.to_json()
    for key in dict.fromkeys([*now, *then]):
        if key in NOT_COMPARED:
            continue
        value, other = now.get(key), then.get(key)
        prolonged = key == "trials" and value is not None and other is not None and value > other
        if dumps(value) != dumps(other) and not prolonged:
            raise _taken(name, f"{key} {other!r}, not {value!r}")
    if dumps(space) != dumps(plan.task.space.to_serialized_dict()):
        raise _taken(name, "another space")
    checksums = plan.settings.user_files
    changed = [file for file, checksum in checksums.items() if recorded.user_files.get(file, checksum) != checksum]
    if changed:
        raise _changed(changed[0], name)
    planned = recorded.trials if recorded.planned_trials is None else recorded.planned_trials
    return dataclasses.replace(plan, settings=dataclasses.replace(plan.settings, planned_trials=planned))


def _check_warm_start(name: str, now: WarmStart | None, recorded: WarmStart | None) -> None:
    """Refuse to go on with a sweep whose tuner would be told other trials than before."""
    sources = [started.source if started else None for started in (recorded, now)]
    if sources[0] != sources[1]:
        raise _taken(name, f"warm_start {sources[0]!r}, not {sources[1]!r}")
    if now != recorded:
        raise _changed(repr(sources[0]), name)


def _changed(what: str, name: str) -> InputError:
    return InputError(
        f"{what} has changed since sweep {name!r} was recorded: choose another --name, or delete the record by "
        f"`arl delete {shlex.quote(name)} --yes`"
    )


def _taken(name: str, detail: str) -> InputError:
    return InputError(f"sweep name {name!r} is taken by a sweep with {detail}: choose another --name")


def file_checksums(task: tasks.Task, objective: ObjectiveLike, *tuner: str | type) -> dict[str, str]:
    """Return the checksums of the user's own files that a sweep rests on: of its task, objective and tuner."""
    answers = objective if isinstance(objective, str | type) else type(objective)
    return user_files.checksums([*tasks.sources(task), answers, *tuner])


def _batch(tuner: str | type, budget: float, asynchronous: bool) -> int:
    """Return how many trials a tuner is asked for at a time."""
    if asynchronous and not tuners.learns_nothing(tuner):
        return 1
    return min(MAX_BATCH, int(budget)) if tuners.takes_any_batch(tuner) else batch_of_learner(budget)


def batch_of_learner(budget: float) -> int:
    """Return the batch of a tuner that learns from results: how many trials it is asked for at a time."""
    return min(MAX_BATCH, max(1, math.ceil(budget / NUM_ROUNDS)))


def tuning_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Return the tuning seeds: those that are given, or as many as are asked for, from 0 on.

    Raises:
        InputError: no seeds, a seed twice, a negative seed, or a test seed.
    """
    chosen = tuple(range(min(seeds, FIRST_TEST_SEED + 1))) if isinstance(seeds, int) else tuple(seeds)
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


def default_name(plan: Plan, label: str) -> str:
    """Return the default name of a sweep, of task, tuner and tuner seed, such as `ppo-CartPole-v1-random-0`.

    `label`: the objective's, which stands before the tuner seed unless it is empty.
    """
    parts = (*plan.task.name.split("/"), plan.settings.tuner, *([label] if label else []))
    return fitting("-".join((*parts, str(plan.settings.tuner_seed))).replace(":", ".").replace("/", "."))


def fitting(name: str) -> str:
    """Return a name; of one that is too long its beginning, and a hash that tells it from others."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    beginning = name.encode()[: LONGEST_NAME - 9].decode(errors="ignore")
    return f"{beginning}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def check_name(name: str) -> None:
    """Refuse a name that can't be that of a file, or that a command line would take for something else.

    Raises:
        InputError: it is empty, too long, in a folder, has characters that can't be printed, or begins with `.` or `-`.
    """
    is_plain = name.isprintable() and Path(name).name == name and name[:1] not in ("", ".", "-")
    if not is_plain or len(name.encode()) > LONGEST_NAME:
        raise InputError(
            f"name must be that of a file without its folder, of 1 to {LONGEST_NAME} bytes, and not begin with . or -, "
            f"got {name!r}"
        )


def _least(*limits: float | None) -> float:
    return float(min((limit for limit in limits if limit is not None), default=0))
