"""Optuna's samplers (Akiba et al. 2019) as tuners.

The study is in memory: its storage would not hold the sampler's random state, and a sweep is resumed by replay anyway.
"""

import collections
import math
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ConfigSpace.hyperparameters import IntegerHyperparameter, OrdinalHyperparameter

from arl import spaces
from arl.errors import InputError
from hpo.trial import Result, Scalar, Trial
from hpo.tuners import scores

if TYPE_CHECKING:
    import optuna


class Adapter:
    """An Optuna sampler behind `ask` and `tell`.

    - Hyperparameters are suggested one after the other in the order of the space, active ones only.
    - No config is trained twice: one that the sampler repeats gets the score of the first. After `patience` repeats in a
      row an ask ends; where the space has few configs, the tuner is done.
    - A trial without a score counts as the worst so far, or is left out while there is none.
    - The trials asked for in one batch are open to the sampler, which keeps away from them if it can.

    `generation`: where the sampler learns from exactly so many trials at a time, an ask does not go beyond them; others
    would be trained for nothing. `objectives`: names of the scores to maximise, where there are several.
    """

    def __init__(
        self,
        sampler: "optuna.samplers.BaseSampler",
        space,
        fidelity: int,
        generation: int = 0,
        patience: int = 100,
        objectives: Sequence[str] = (),
    ):
        self.study = _study(sampler, len(objectives) or 1)
        self.space, self.fidelity, self.generation, self.patience = space, fidelity, generation, patience
        self.objectives = objectives
        self.ids: dict[tuple[tuple[str, Scalar], ...], int] = {}
        self.open: dict[int, list[optuna.Trial]] = collections.defaultdict(list)
        self.results: dict[int, Result] = {}
        self.worst: list[float] | None = None

    def ask(self, n: int) -> list[Trial]:
        trials: list[Trial] = []
        num_repeats = 0
        while len(trials) < n and num_repeats < self.patience and not self._must_wait():
            trial = self._next()
            trials += [trial] if trial is not None else []
            num_repeats = num_repeats + 1 if trial is None else 0
        return trials

    def tell(self, results: Sequence[Result]) -> None:
        usable = [self._values(result) for result in results if scores.usable(result)]
        known = [*usable, *([self.worst] if self.worst else [])]
        self.worst = [min(values) for values in zip(*known, strict=True)] if known else None
        for result in results:
            self.results[result.trial.id] = result
            for suggestion in self.open.pop(result.trial.id):
                self._tell(suggestion, result)

    def _next(self) -> Trial | None:
        """The sampler's next trial; None if it is not to be trained."""
        import optuna

        suggestion = self.study.ask()
        config = suggest(suggestion, self.space)
        if not _is_allowed(self.space, config):
            self.study.tell(suggestion, state=optuna.trial.TrialState.FAIL)
            return None
        is_new = (key := tuple(config.items())) not in self.ids
        trial = self.ids.setdefault(key, len(self.ids))
        if trial in self.results:
            self._tell(suggestion, self.results[trial])
        else:
            self.open[trial].append(suggestion)
        return Trial(trial, config, self.fidelity) if is_new else None

    def _tell(self, suggestion: "optuna.Trial", result: Result) -> None:
        import optuna

        values = self._values(result) if scores.usable(result) else self.worst
        if values is None:
            self.study.tell(suggestion, state=optuna.trial.TrialState.FAIL)
        else:
            self.study.tell(suggestion, values)

    def _values(self, result: Result) -> list[float]:
        """What is maximised: the score, or each of several."""
        return [result.metrics[name] for name in self.objectives] or [result.score]

    def _must_wait(self) -> bool:
        """Whether a generation is complete and has results to come."""
        return bool(self.generation and self.open) and len(self.study.get_trials(deepcopy=False)) % self.generation == 0


class TPE(Adapter):
    """Tree-structured Parzen estimator (Bergstra et al. 2011), joint over the hyperparameters that are active together.

    Options are those of `optuna.samplers.TPESampler`.
    """

    def __init__(self, space, fidelity: int, seed: int = 0, **options: Any):
        from optuna.samplers import TPESampler

        joint = {"multivariate": True, "group": True, "constant_liar": True, "warn_independent_sampling": False}
        super().__init__(_make(TPESampler, seed, {**joint, **options}), space, fidelity)


class CMAES(Adapter):
    """CMA-ES (Hansen & Ostermeier 2001), a generation at a time; categorical and conditional values are drawn at random.

    Options are those of `optuna.samplers.CmaEsSampler`.
    """

    def __init__(self, space, fidelity: int, seed: int = 0, popsize: int | None = None, **options: Any):
        numeric = _always_numeric(space)
        popsize = popsize if popsize is not None else 4 + int(3 * math.log(max(1, len(numeric))))
        given = {"n_startup_trials": 0, "warn_independent_sampling": False, "popsize": popsize, **options}
        super().__init__(_make(_cma_over(numeric), seed, given), space, fidelity, popsize)


class NSGA2(Adapter):
    """NSGA-II (Deb et al. 2002): the Pareto front of a sweep's scores; with one, a genetic algorithm that keeps the best.

    `population_size`: by default a fifth of the budget, within 4 and 50. Other options are those of
    `optuna.samplers.NSGAIISampler`.
    """

    def __init__(
        self,
        space,
        fidelity: int,
        seed: int = 0,
        budget: float = 250.0,
        scores: Sequence[str] = (),
        population_size: int | None = None,
        **options: Any,
    ):
        from optuna.samplers import NSGAIISampler

        size = population_size if population_size is not None else min(50, max(4, int(budget) // 5))
        several = scores if len(scores) > 1 else ()
        sampler = _make(NSGAIISampler, seed, {"population_size": size, **options})
        super().__init__(sampler, space, fidelity, objectives=several)


class GP(Adapter):
    """Bayesian optimisation with a Gaussian process; needs torch (`pip install 'arl[gp]'`).

    Options are those of `optuna.samplers.GPSampler`.
    """

    def __init__(self, space, fidelity: int, seed: int = 0, **options: Any):
        from optuna.samplers import GPSampler

        _check_torch()
        sampler = _make(GPSampler, seed, {"warn_independent_sampling": False, **options})
        super().__init__(sampler, space, fidelity, patience=10)  # every repeat costs a fit


def from_optuna(sampler: Callable[..., "optuna.samplers.BaseSampler"], **options: Any) -> type[Adapter]:
    """A tuner class from a sampler class and its options, or from any function of a `seed` that makes a sampler.

    Example:
        >>> Mine = from_optuna(optuna.samplers.TPESampler, n_startup_trials=5)

    Raises:
        InputError: a sampler that is made already; it would ignore the sweep's tuner seed.
    """
    if not callable(sampler):
        name = type(sampler).__name__
        raise InputError(f"from_optuna must get a sampler's class and options, not a sampler: from_optuna({name}, ...)")

    class Wrapped(Adapter):
        def __init__(self, space, fidelity: int, seed: int = 0):
            super().__init__(_make(sampler, seed, options), space, fidelity)

    name = getattr(sampler, "__name__", "Wrapped")
    Wrapped.__doc__ = f"Optuna's {name}."
    Wrapped.__name__ = Wrapped.__qualname__ = name
    return Wrapped


def suggest(trial: "optuna.Trial", space) -> dict[str, Scalar]:
    """The config that an Optuna trial suggests: the active hyperparameters of the space in its order.

    Ordinal ones are suggested by position, so that their order counts.
    """
    config: dict[str, Scalar] = {}
    for name in space:
        if spaces.active(space, name, config):
            config[name] = _suggest(trial, space[name])
    return config


def _suggest(trial: "optuna.Trial", hyperparameter: Any) -> Scalar:
    name: str = hyperparameter.name
    values: Any = spaces.choices(hyperparameter)
    if isinstance(hyperparameter, OrdinalHyperparameter) and values is not None:
        return values[trial.suggest_int(name, 0, len(values) - 1)]
    if values is not None:
        chosen: Any = trial.suggest_categorical(name, values)
        return chosen
    low, high, log = hyperparameter.lower, hyperparameter.upper, getattr(hyperparameter, "log", False)
    if isinstance(hyperparameter, IntegerHyperparameter):
        return trial.suggest_int(name, int(low), int(high), log=log)
    return trial.suggest_float(name, float(low), float(high), log=log)


def _is_allowed(space, config: dict[str, Scalar]) -> bool:
    """Whether no clause of the space forbids the config; Optuna knows none."""
    try:
        if space.forbidden_clauses:
            spaces.check(space, config)
    except InputError:
        return False
    return True


def _study(sampler: "optuna.samplers.BaseSampler", num_scores: int = 1) -> "optuna.Study":
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)  # a study says that it was made
    return optuna.create_study(directions=["maximize"] * num_scores, sampler=sampler)


def _make(sampler: Callable[..., Any], seed: int, options: dict[str, Any]) -> "optuna.samplers.BaseSampler":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some options are experimental
        return sampler(seed=seed % 2**32, **options)


def _always_numeric(space) -> dict[str, Any]:
    """Optuna's distributions of the numeric hyperparameters that are always active."""
    import optuna

    trial = _study(optuna.samplers.RandomSampler(seed=0)).ask()
    suggest(trial, space)
    return {
        name: distribution
        for name, distribution in trial.distributions.items()
        if not (isinstance(distribution, optuna.distributions.CategoricalDistribution) or space.parents_of[name])
    }


def _cma_over(numeric: dict[str, Any]) -> type:
    """Optuna's sampler over known axes; by itself it would draw the whole first batch at random to find them out."""
    from optuna.samplers import CmaEsSampler

    class Sampler(CmaEsSampler):
        def infer_relative_search_space(self, study, trial):
            return numeric

    return Sampler


def _check_torch() -> None:
    try:
        import torch
    except ImportError as error:
        raise InputError("tuner 'gp' needs torch: pip install 'arl[gp]'") from error
    torch.set_num_threads(1)  # its matrices are small
