"""Trials and results: what passes between a tuner and an objective. Nothing here knows of RL."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from arl.errors import InputError
from arl.scalars import Scalar


class TunerError(InputError):
    """A tuner that does not do what is asked of it: its own sweep ends, others need not."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One config to train; what `ask` returns.

    Attributes:
        id: unique in the sweep.
        config: plain Python scalars, active hyperparameters only.
        fidelity: env steps trained in total when the result is due.
        parent: the trial whose agent to go on from; None trains from scratch. The same config at a lower fidelity is a
            promotion, another trial is an exploit.
        seeds: which tuning seeds to run; None is all of the sweep.
    """

    id: int
    config: Mapping[str, Scalar]
    fidelity: int
    parent: int | None = None
    seeds: tuple[int, ...] | None = None


def copied(trial: Trial) -> Trial:
    """The same trial with a config of its own, which nobody else can change."""
    return dataclasses.replace(trial, config=dict(trial.config))


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a trial consumed: env steps summed over its seeds (without its parent's), and wall seconds of its lanes."""

    env_steps: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Result:
    """What `tell` takes.

    Attributes:
        score: what the sweep maximises, by default the mean over seeds of the last evaluation. Higher is better; never NaN:
            that of a diverged run is the worst there is.
        metrics: the training metrics of the last segment, means over the seeds; and each score, if the sweep has several.
        curve: a row per evaluation point: env steps and mean return over the seeds.
        status: `completed`, `diverged` (in at least one seed) or `failed`.
    """

    trial: Trial
    score: float
    seed_scores: Mapping[int, float]
    curve: Sequence[tuple[int, float]]
    metrics: Mapping[str, float]
    cost: Cost
    status: str


class Tuner(Protocol):
    """Proposes trials and hears results.

    A tuner is made with those of the keywords `space`, `fidelity`, `seed`, `budget`, `mutable`, `min_fidelity` that its
    constructor names: a ConfigSpace, the env steps of a full run, an int, how many full runs the sweep may spend, the
    names of the hyperparameters that may change while an agent is trained, and the least env steps that train every
    config. It must be deterministic given these and the calls made: that is how a sweep is resumed.
    """

    def ask(self, n: int) -> list[Trial]:
        """Up to `n` trials to run now; none if the tuner is done."""
        ...

    def tell(self, results: Sequence[Result]) -> None:
        """The results of trials asked before, in the order of asking."""
        ...


def as_dict(trial: Trial) -> dict[str, Any]:
    """A trial as JSON-ready values."""
    seeds = None if trial.seeds is None else list(trial.seeds)
    return {
        "id": trial.id,
        "config": dict(trial.config),
        "fidelity": trial.fidelity,
        "parent": trial.parent,
        "seeds": seeds,
    }
