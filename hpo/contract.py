"""What a tuner may ask for. Whatever breaks the contract is refused before anything of it is trained."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arl import spaces
from arl.errors import InputError
from arl.records.store import FAILED, TrialRecord
from hpo import scores
from hpo.trial import Trial, TunerError, copied

if TYPE_CHECKING:
    from hpo.plans import Plan


def check(
    answer: Any, room: int, plan: "Plan", asked: Collection[int], finished: Mapping[int, TrialRecord]
) -> list[Trial]:
    """The trials of a tuner's answer, if it keeps the contract; copies, as a tuner may go on changing its own.

    `room`: how many trials were asked for; `asked`: the ids of those before; `finished`: the trials with a result, by id.

    Raises:
        TunerError: a breach; the line names the tuner and the trial.
    """
    who = f"tuner {plan.tuner!r}"
    if not isinstance(answer, Sequence):
        raise TunerError(f"{who} must give a list of trials, got {answer!r}")
    trials = list(answer)
    if len(trials) > room:
        raise TunerError(f"{who} must give at most the {room} trials asked for, got {len(trials)}")
    for trial in trials:
        if not isinstance(trial, Trial):
            raise TunerError(f"{who} must give hpo.Trial objects, got {trial!r}")
        try:
            _check_types(trial)
            _check_values(trial, plan, finished)
        except InputError as error:
            raise TunerError(f"{who}, trial {trial.id}: {error}") from error
    seen = [trial.id for trial in trials]
    twice = next((i for i in seen if i in asked or seen.count(i) > 1), None)
    if twice is not None:
        raise TunerError(f"{who} must give each trial an id of its own, got {twice} twice")
    return [copied(trial) for trial in trials]


def _check_types(trial: Trial) -> None:
    """Plain values only: they go into the store as they are."""
    for name in ("id", "fidelity"):
        if type(getattr(trial, name)) is not int:
            raise InputError(f"{name} must be an int, got {getattr(trial, name)!r}")
    if not 0 <= trial.id < 2**63:
        raise InputError(f"id must be in [0, 2**63 - 1], got {trial.id}")
    if trial.parent is not None and type(trial.parent) is not int:
        raise InputError(f"parent must be an int or None, got {trial.parent!r}")
    if not isinstance(trial.config, Mapping):
        raise InputError(f"config must be a mapping, got {trial.config!r}")
    stray = [name for name in trial.config if not isinstance(name, str)]
    if stray:
        raise InputError(f"config must have names of hyperparameters for its keys, got {stray[0]!r}")
    for name, value in trial.config.items():
        if type(value) not in (bool, int, float, str):
            raise InputError(f"{name} must be a plain Python scalar (hpo.plain makes it one), got {value!r}")
    is_list = isinstance(trial.seeds, Sequence) and all(type(seed) is int for seed in trial.seeds)
    if trial.seeds is not None and not is_list:
        raise InputError(f"seeds must be a list of int or None, got {trial.seeds!r}")


def _check_values(trial: Trial, plan: "Plan", finished: Mapping[int, TrialRecord]) -> None:
    most, seeds = plan.task.fidelity, plan.seeds
    spaces.check(plan.task.space, trial.config)
    if not 1 <= trial.fidelity <= most:
        raise InputError(f"fidelity must be in [1, {most}], got {trial.fidelity}")
    if trial.seeds is not None and not (
        trial.seeds and set(trial.seeds) <= set(seeds) and len(set(trial.seeds)) == len(trial.seeds)
    ):
        raise InputError(f"seeds must be among the tuning seeds {seeds}, got {trial.seeds}")
    scores.check_seeds(plan.scores, len(trial.seeds or seeds))
    if trial.parent is not None:
        _check_parent(trial, finished.get(trial.parent), trial.seeds or seeds)


def _check_parent(trial: Trial, parent: TrialRecord | None, seeds: tuple[int, ...]) -> None:
    if parent is None:
        raise InputError(f"parent must be a finished trial, got {trial.parent}")
    if parent.status == FAILED:
        raise InputError(f"parent must be a trial that was trained, got {trial.parent}, which failed")
    if parent.fidelity >= trial.fidelity:
        raise InputError(f"fidelity must exceed its parent's {parent.fidelity}, got {trial.fidelity}")
    if not set(seeds) <= set(parent.seeds):
        raise InputError(f"seeds must be among its parent's {tuple(parent.seeds)}, got {seeds}")
