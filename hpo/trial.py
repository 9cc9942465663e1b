"""Trials and results, which pass between a tuner and an objective, and what a tuner is made with.

Nothing here knows of RL.
"""

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from arl.errors import InputError
from arl.scalars import Scalar

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


class TunerError(InputError):
    """A tuner that breaks its contract. The error ends this tuner's sweep; other sweeps go on."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One config to train; what `ask` returns.

    Attributes:
        id: unique in the sweep.
        config: plain Python scalars, active hyperparameters only.
        fidelity: env steps trained in total when the result is due.
        parent: the trial whose agent to go on from; None trains from scratch. The same config at a lower fidelity is a
            promotion, another trial is an exploit.
        seeds: which tuning seeds to run; None is all of the sweep. Runs that an earlier trial trained in the same way are
            taken over, and only the others are paid for.
        network_seed: without a parent, 0 or the number of other untrained networks than those that each seed gives.
    """

    id: int
    config: Mapping[str, Scalar]
    fidelity: int
    parent: int | None = None
    seeds: tuple[int, ...] | None = None
    network_seed: int = 0


def copied(trial: Trial) -> Trial:
    """Return the same trial with its config copied, so that changes to one config do not reach the other."""
    return dataclasses.replace(trial, config=dict(trial.config))


def as_dict(trial: Trial) -> dict[str, Any]:
    """Return a trial as JSON-ready values."""
    seeds = None if trial.seeds is None else list(trial.seeds)
    return {
        "id": trial.id,
        "config": dict(trial.config),
        "fidelity": trial.fidelity,
        "parent": trial.parent,
        "seeds": seeds,
        "network_seed": trial.network_seed,
    }


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a trial consumed.

    Attributes:
        env_steps: summed over its seeds, without those of its parent and of runs that an earlier trial trained.
        seconds: wall-clock seconds of its lanes.
    """

    env_steps: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Result:
    """What `tell` takes.

    Attributes:
        score: what the sweep maximises, by default the mean over seeds of the last evaluation. Higher is better; never NaN:
            that of a diverged run is the worst there is.
        seed_scores: the score under each seed.
        curve: a row per evaluation point: env steps and mean return over the seeds.
        metrics: the training metrics of the last segment, means over the seeds; and each score, if the sweep has several.
        status: `completed`, `diverged` (in at least one seed) or `failed`.
    """

    trial: Trial
    score: float
    seed_scores: Mapping[int, float]
    curve: Sequence[tuple[int, float]]
    metrics: Mapping[str, float]
    cost: Cost
    status: str

    @property
    def has_score(self) -> bool:
        """Whether a model can be fitted to the score: the trial did not fail, and the score is finite."""
        return self.status != "failed" and math.isfinite(self.score)


def worst_score(results: Sequence[Result], before: float | None = None) -> float | None:
    """Return the lowest of the results' scores and of the worst `before`; None while no trial has a score."""
    scores = [result.score for result in results if result.has_score]
    return min([*scores, *([before] if before is not None else [])], default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TunerContext:
    """What a sweep offers to a tuner's constructor, which is called with those keywords that it names.

    Attributes:
        space: the configs to choose from, a copy that the tuner may reseed.
        fidelity: env steps of a full run.
        seed: the tuner's seed.
        budget: how many full runs the sweep may spend.
        mutable: names of the hyperparameters that may change while an agent is trained; None is all of the space.
        min_fidelity: env steps of the lowest rung, for tuners of several fidelities: a ninth of a full run, or `min_interval`
            where that is more.
        min_interval: the fewest env steps in which every config of the space has one iteration.
        scores: names of the sweep's scores, the first one to maximise.
        seeds: the tuning seeds of the sweep.
        asynchronous: whether results are told as they come, instead of a batch at a time.
    """

    space: "ConfigurationSpace"
    fidelity: int
    seed: int = 0
    budget: float = 100.0
    mutable: Collection[str] | None = None
    min_fidelity: int = 1
    min_interval: int = 1
    scores: Sequence[str] = ()
    seeds: Sequence[int] = (0,)
    asynchronous: bool = False

    def keywords(self) -> dict[str, Any]:
        """Return all fields as keyword arguments."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


class Tuner(Protocol):
    """Proposes trials and hears their results.

    A tuner's constructor is called with those fields of `TunerContext` that it names as parameters, and with the user's
    options. It must be deterministic given these and the calls made: that is how a sweep is resumed.
    """

    def ask(self, n: int) -> list[Trial]:
        """Return up to `n` trials to run now; none if results must be told first, or if the tuner is done."""
        ...

    def tell(self, results: Sequence[Result]) -> None:
        """Take the results of trials asked before, in the order of asking."""
        ...


@runtime_checkable
class WarmTuner(Tuner, Protocol):
    """A tuner that also learns from trials that it has not asked for."""

    def warm_start(self, results: Sequence[Result]) -> None:
        """Take results of full runs in its space, whose trials have negative ids; before it is asked for the first time."""
        ...
