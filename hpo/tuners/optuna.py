"""Optuna's samplers (Akiba et al. 2019) as tuners.

The study is in memory: its storage would not hold the sampler's random state, and a sweep is resumed by replay anyway.
"""

import collections
import functools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import (
    Hyperparameter,
    IntegerHyperparameter,
    NumericalHyperparameter,
    OrdinalHyperparameter,
)

from arl import distribution, spaces
from arl.errors import InputError
from arl.scalars import Scalar
from hpo.trial import Result, Trial

if TYPE_CHECKING:
    import optuna

# In a notebook without ipywidgets tqdm, which Optuna imports and does not use here, warns that it can show no bar.
warnings.filterwarnings("ignore", message="IProgress not found")


class OptunaTuner:
    """An Optuna sampler behind `ask` and `tell`.

    - Hyperparameters are suggested one after the other in the order of the space, active ones only.
    - No config is trained twice: one that the sampler repeats gets the score of the first. After `patience` repeats in a
      row an ask ends; where the space has few configs, the tuner is done.
    - A trial without a score counts as the worst so far, or is left out while there is none.
    - The trials asked for in one batch are open to the sampler, which keeps away from them if it can.

    Args:
        generation: how many trials the sampler learns from at a time. An ask does not go beyond them: further ones would be
            trained for nothing. 0 sets no limit.
        patience: repeats in a row after which an ask ends.
        objectives: names of the scores to maximise, where there are several.
    """

    asynchronous = True

    def __init__(
        self,
        sampler: "optuna.samplers.BaseSampler",
        space: ConfigurationSpace,
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
        self._note_worst(results)
        for result in results:
            self.results[result.trial.id] = result
            for suggestion in self.open.pop(result.trial.id):
                self._tell(suggestion, result)

    def warm_start(self, results: Sequence[Result]) -> None:
        """Add trials to the study, as if the sampler had suggested them."""
        self.study.add_trials(self._frozen(results))

    def _frozen(self, results: Sequence[Result], **attributes: Any) -> "list[optuna.trial.FrozenTrial]":
        """Return results as completed trials of Optuna; without any score there is none.

        `attributes`: by which a sampler recognises trials of its own.
        """
        from optuna.trial import create_trial

        self._note_worst(results)
        values = [self._values(result) if result.has_score else self.worst for result in results]
        return [
            create_trial(
                params={name: _parameter(self.space[name], value) for name, value in result.trial.config.items()},
                distributions={name: _distribution(self.space[name]) for name in result.trial.config},
                values=of_result,
                system_attrs=attributes,
            )
            for result, of_result in zip(results, values, strict=True)
            if of_result is not None
        ]

    def _next(self) -> Trial | None:
        """Return the sampler's next trial; None if it is a repeat or forbidden."""
        suggestion = self.study.ask()
        config = suggest(suggestion, self.space)
        if not _is_allowed(self.space, config):
            self._fail(suggestion)
            return None
        is_new = (key := tuple(config.items())) not in self.ids
        trial_id = self.ids.setdefault(key, len(self.ids))
        if trial_id in self.results:
            self._tell(suggestion, self.results[trial_id])
        else:
            self.open[trial_id].append(suggestion)
        return Trial(trial_id, config, self.fidelity) if is_new else None

    def _tell(self, suggestion: "optuna.Trial", result: Result) -> None:
        values = self._values(result) if result.has_score else self.worst
        if values is None:
            self._fail(suggestion)
        else:
            self.study.tell(suggestion, values)

    def _fail(self, suggestion: "optuna.Trial") -> None:
        """Tell the sampler that a suggestion has no score, so that it does not learn from it."""
        import optuna

        self.study.tell(suggestion, state=optuna.trial.TrialState.FAIL)

    def _note_worst(self, results: Sequence[Result]) -> None:
        scored = [self._values(result) for result in results if result.has_score]
        scored += [self.worst] if self.worst else []
        self.worst = [min(values) for values in zip(*scored, strict=True)] if scored else None

    def _values(self, result: Result) -> list[float]:
        """Return what is maximised: the score, or all of several scores."""
        return [result.metrics[name] for name in self.objectives] or [result.score]

    def _must_wait(self) -> bool:
        """Return whether a generation is complete and has results to come."""
        return bool(self.generation and self.open) and len(self.study.get_trials(deepcopy=False)) % self.generation == 0


class TPE(OptunaTuner):
    """Tree-structured Parzen estimator (Bergstra et al. 2011), joint over the hyperparameters that are active together.

    Args:
        options: those of `optuna.samplers.TPESampler`.
    """

    def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0, **options: Any):
        from optuna.samplers import TPESampler

        joint = {"multivariate": True, "group": True, "constant_liar": True, "warn_independent_sampling": False}
        super().__init__(_make(TPESampler, seed, {**joint, **options}), space, fidelity)


class CMAES(OptunaTuner):
    """CMA-ES (Hansen & Ostermeier 2001), a generation at a time; categorical and conditional values are drawn at random.

    Args:
        popsize: trials per generation; by default `4 + floor(3 ln d)` for d numeric hyperparameters that are always active
            (Hansen 2016, table 1).
        options: other options of `optuna.samplers.CmaEsSampler`.
    """

    def __init__(
        self, space: ConfigurationSpace, fidelity: int, seed: int = 0, popsize: int | None = None, **options: Any
    ):
        axes = _always_active_numbers(space)
        popsize = popsize if popsize is not None else 4 + int(3 * math.log(max(1, len(axes))))
        settings = {"n_startup_trials": 0, "warn_independent_sampling": False, "popsize": popsize, **options}
        self.make_sampler = functools.partial(_make, _cma_over(axes), seed)
        self.axes, self.settings = axes, settings
        self.earlier = list[Result]()
        super().__init__(self.make_sampler(settings), space, fidelity, popsize)

    def warm_start(self, results: Sequence[Result]) -> None:
        """Begin where the best tenth of the results is (Nomura et al. 2021), of fewer than ten around the best one.

        By itself, CMA-ES begins in the middle of the space.
        """
        self.earlier += results
        trials = [_on_axes(trial, self.axes) for trial in self._frozen(self.earlier)]
        if trials and self.axes:
            self.study.add_trials(trials)
            start = {"source_trials": trials} if len(trials) >= 10 else {"x0": self.study.best_params}
            self.study = _study(self.make_sampler({**self.settings, **start}))


class NSGA2(OptunaTuner):
    """NSGA-II (Deb et al. 2002): the Pareto front of a sweep's scores; with one, a genetic algorithm that keeps the best.

    Args:
        budget: full runs.
        scores: names of the sweep's scores.
        population_size: by default a fifth of the budget, within 4 and 50.
        options: other options of `optuna.samplers.NSGAIISampler`.
    """

    def __init__(
        self,
        space: ConfigurationSpace,
        fidelity: int,
        seed: int = 0,
        budget: float = 250.0,
        scores: Sequence[str] = (),
        population_size: int | None = None,
        **options: Any,
    ):
        from optuna.samplers import NSGAIISampler

        size = population_size if population_size is not None else min(50, max(4, int(budget) // 5))
        sampler = _make(NSGAIISampler, seed, {"population_size": size, **options})
        super().__init__(sampler, space, fidelity, objectives=scores if len(scores) > 1 else ())

    def warm_start(self, results: Sequence[Result]) -> None:
        """Begin with a first generation of the results; where they are fewer than the population, the rest is random."""
        self.study.add_trials(self._frozen(results, **{"NSGAIISampler:generation": 0}))


class GP(OptunaTuner):
    """Bayesian optimisation with a Gaussian process; needs torch (the extra `gp`).

    Args:
        options: those of `optuna.samplers.GPSampler`.

    Raises:
        InputError: torch is not installed.
    """

    def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0, **options: Any):
        from optuna.samplers import GPSampler

        _prepare_torch()
        sampler = _make(GPSampler, seed, {"warn_independent_sampling": False, **options})
        super().__init__(sampler, space, fidelity, patience=10)  # every repeat costs a fit


def from_optuna(sampler: Callable[..., "optuna.samplers.BaseSampler"], **options: Any) -> type[OptunaTuner]:
    """Return a tuner class from a sampler class and its options, or from any function of a `seed` that makes a sampler.

    Example:
        >>> Mine = from_optuna(optuna.samplers.TPESampler, n_startup_trials=5)

    Raises:
        InputError: a sampler that is made already; it would ignore the sweep's tuner seed.
    """
    if not callable(sampler):
        name = type(sampler).__name__
        raise InputError(f"from_optuna must get a sampler's class and options, not a sampler: from_optuna({name}, ...)")

    class Wrapped(OptunaTuner):
        def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0):
            super().__init__(_make(sampler, seed, options), space, fidelity)

    name = getattr(sampler, "__name__", "Wrapped")
    Wrapped.__doc__ = f"Optuna's {name}."
    Wrapped.__name__ = Wrapped.__qualname__ = name
    return Wrapped


def _distribution(hyperparameter: Hyperparameter) -> "optuna.distributions.BaseDistribution":
    """Return the distribution that `suggest` draws from."""
    from optuna.distributions import IntDistribution

    if isinstance(hyperparameter, OrdinalHyperparameter):
        return IntDistribution(0, len(hyperparameter.sequence) - 1)
    return spaces.to_optuna(hyperparameter)


def _parameter(hyperparameter: Hyperparameter, value: Scalar) -> Scalar:
    """Return the value that `suggest` would have drawn."""
    is_ordinal = isinstance(hyperparameter, OrdinalHyperparameter)
    return (spaces.choices(hyperparameter) or []).index(value) if is_ordinal else value


def suggest(suggestion: "optuna.Trial", space: ConfigurationSpace) -> dict[str, Scalar]:
    """Return the config that an Optuna trial suggests: the active hyperparameters of the space in its order.

    Ordinal ones are suggested by position, so that their order counts.
    """
    config: dict[str, Scalar] = {}
    for name in space:
        if spaces.is_active(space, name, config):
            config[name] = _suggest(suggestion, space[name])
    return config


def _suggest(suggestion: "optuna.Trial", hyperparameter: Hyperparameter) -> Scalar:
    if isinstance(hyperparameter, NumericalHyperparameter):
        return _suggest_number(suggestion, hyperparameter)
    values: Any = spaces.choices(hyperparameter)
    if isinstance(hyperparameter, OrdinalHyperparameter):
        return values[suggestion.suggest_int(hyperparameter.name, 0, len(values) - 1)]
    chosen: Any = suggestion.suggest_categorical(hyperparameter.name, values)
    return chosen


def _suggest_number(suggestion: "optuna.Trial", hyperparameter: NumericalHyperparameter) -> int | float:
    name, low, high = hyperparameter.name, hyperparameter.lower, hyperparameter.upper
    if isinstance(hyperparameter, IntegerHyperparameter):
        return suggestion.suggest_int(name, int(low), int(high), log=hyperparameter.log)
    return suggestion.suggest_float(name, float(low), float(high), log=hyperparameter.log)


def _is_allowed(space: ConfigurationSpace, config: Mapping[str, Scalar]) -> bool:
    """Return whether no clause of the space forbids the config; Optuna has no such clauses."""
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


def _make(
    sampler: Callable[..., "optuna.samplers.BaseSampler"], seed: int, options: Mapping[str, Any]
) -> "optuna.samplers.BaseSampler":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that some options are experimental
        return sampler(seed=seed % 2**32, **options)


def _always_active_numbers(space: ConfigurationSpace) -> "dict[str, optuna.distributions.BaseDistribution]":
    """Return Optuna's distributions of the numeric and ordinal hyperparameters that are active in every config."""
    import optuna

    suggestion = _study(optuna.samplers.RandomSampler(seed=0)).ask()
    suggest(suggestion, space)
    return {
        name: distribution
        for name, distribution in suggestion.distributions.items()
        if not (isinstance(distribution, optuna.distributions.CategoricalDistribution) or space.parents_of[name])
    }


def _on_axes(
    trial: "optuna.trial.FrozenTrial", axes: "Mapping[str, optuna.distributions.BaseDistribution]"
) -> "optuna.trial.FrozenTrial":
    """Return a trial without the hyperparameters that are no axes."""
    from optuna.trial import create_trial

    return create_trial(
        params={name: trial.params[name] for name in axes}, distributions=dict(axes), values=trial.values
    )


def _cma_over(axes: "dict[str, optuna.distributions.BaseDistribution]") -> "type[optuna.samplers.CmaEsSampler]":
    """Return Optuna's sampler with its axes set; by itself it would draw the whole first batch at random to learn them."""
    from optuna.samplers import CmaEsSampler

    class Sampler(CmaEsSampler):
        def infer_relative_search_space(
            self, study: "optuna.Study", trial: "optuna.trial.FrozenTrial"
        ) -> "dict[str, optuna.distributions.BaseDistribution]":
            return axes

    return Sampler


def _prepare_torch() -> None:
    """Keep torch on one thread, as its matrices are small here.

    Raises:
        InputError: torch is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise InputError(f"tuner 'gp' needs torch: {distribution.install('gp')}") from error
    torch.set_num_threads(1)
