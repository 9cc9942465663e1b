"""SMAC's facades (Lindauer et al. 2022) as tuners: a random forest as the surrogate, alone or under Hyperband.

SMAC minimises costs: scores are negated here and nowhere else. What SMAC 2.4 needs for a safe sweep is gathered here; each
remedy has a regression test in `tests/test_smac.py`. Some remedies reach into SMAC's private attributes. All of those are
listed in `PRIVATE`, and a version of SMAC that lacks one is refused by one line.
"""

import copy
import functools
import inspect
import itertools
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ConfigSpace import ConfigurationSpace

from arl.errors import InputError
from arl.scalars import Scalar, plain
from hpo.trial import Result, Trial, TunerError, worst_score
from hpo.tuners import brackets

if TYPE_CHECKING:
    from ConfigSpace import Configuration
    from smac.facade.abstract_facade import AbstractFacade
    from smac.main.config_selector import ConfigSelector
    from smac.runhistory import TrialInfo

# Private attributes of SMAC 2.4 that are read or replaced here, and why.
PRIVATE = {
    "_rf_opts": "RandomForest: a facade offers no way to set the forest's threads and leaves",
    "_local_search": "LocalAndSortedRandomSearch: the only way to the local search that it makes",
    "_get_init_points_from_previous_configs": "LocalSearch: gives its start points in the order of a set, by their hashes",
    "_initial_design_configs": "ConfigSelector: says where the initial design ends; a warm start shortens it",
    "_max_new_config_tries": "ConfigSelector: every new generator of configs adds to it, without end",
    "_trial_generator": "SMBO: an exception ends it, and only `reset`, which drops all results, makes a new one",
    "_tracker": "SuccessiveHalving: while it is empty, all configs that were told are trained in the first bracket",
    "_get_next_bracket": "SuccessiveHalving: called before a bracket is opened, and nothing else is",
}


class SmacTuner:
    """A SMAC facade behind `ask` and `tell`.

    - The first batch is the initial design at most: without results SMAC would draw the rest at random, and for ever
      where the space has few configs. Under Hyperband, an ask opens one bracket at most, for the same reason.
    - A rung that a config enters after a lower one goes on from its agent there.
    - A trial without a score costs as much as the worst so far: a NaN or an infinite cost ends SMAC.
    - SMAC gets back the `TrialInfo` that it gave; a copy with a rounded budget would end all promotions.
    - No config is given twice; see `DistinctConfigs`.

    Args:
        facade: a class of SMAC's facades.
        settings: those of SMAC's `Scenario`; the facade's components as functions of the scenario.
        keeps_pace: whether the forest learns from new results at the next ask or bracket; by itself, SMAC would first use
            up the eight configs that it chooses at a time.
    """

    def __init__(
        self,
        facade: "type[AbstractFacade]",
        space: ConfigurationSpace,
        fidelity: int,
        seed: int,
        keeps_pace: bool = True,
        **settings: Any,
    ):
        self.facade = _build(facade, space, seed, settings)
        self.intensifier = self.facade.intensifier
        self.fidelity = fidelity
        self.infos: list[TrialInfo] = []
        self.trials: list[Trial] = []
        self.finished: dict[int, Result] = {}
        self.worst: float | None = None
        self.num_brackets = 0
        self.configs = DistinctConfigs(self.intensifier.config_selector, self.facade.scenario.configspace, keeps_pace)
        self.configs.repeats_at_end = self.uses_budgets
        self.intensifier.config_selector = self.configs  # type: ignore[assignment]  # it is only iterated over
        if self.uses_budgets:
            _hold_brackets(self.intensifier, self._may_open_bracket)

    @property
    def uses_budgets(self) -> bool:
        """Whether the facade works with several fidelities, which SMAC calls budgets."""
        return bool(self.intensifier.uses_budgets)

    def ask(self, n: int) -> list[Trial]:
        self.num_brackets, first = 0, len(self.trials)
        if not self.uses_budgets:
            self.configs.relearn()
        while len(self.trials) < first + n and (info := self._next()) is not None:
            self.infos.append(info)
            self.trials.append(self._trial(info))
        return self.trials[first:]

    def tell(self, results: Sequence[Result]) -> None:
        self.worst = worst_score(results, self.worst)
        self.configs.has_news = True
        self.finished.update({result.trial.id: result for result in results})
        scoreless = [result for result in self.finished.values() if not result.has_score]
        for result in [*(result for result in results if result.has_score), *scoreless]:
            self._tell(result, self.infos[result.trial.id])

    def warm_start(self, results: Sequence[Result]) -> None:
        """Tell SMAC results, which take the place of as many configs of the initial design; without any score, nothing."""
        self.worst = worst_score(results, self.worst)
        if self.worst is None:
            return
        self.configs.shorten_design(len(results))
        if self.uses_budgets:
            _private(self.intensifier, "_tracker")[0, 0] = []
        for result in results:
            self._tell(result, self._info(result.trial))

    def _info(self, trial: Trial) -> "TrialInfo":
        """Return a trial that SMAC has not asked for as its own would be."""
        from ConfigSpace import Configuration
        from smac.runhistory import TrialInfo

        config = Configuration(self.facade.scenario.configspace, values=dict(trial.config))
        budget = float(trial.fidelity) if self.uses_budgets else None
        return TrialInfo(config, seed=0, budget=budget)  # the seed of all trials of a deterministic scenario

    def _tell(self, result: Result, info: "TrialInfo") -> None:
        """Tell SMAC a result, always as a success: SMAC ignores trials that failed.

        A trial without a score costs as much as the worst so far, so it is told again whenever results arrive.
        """
        from smac.runhistory import TrialValue

        score = result.score if result.has_score else self.worst
        cost = -score if score is not None else 0.0
        self.facade.tell(info, TrialValue(cost=cost), save=False)

    def _next(self) -> "TrialInfo | None":
        """Return SMAC's next trial; None if results must be told first, or if there is none."""
        num_blind = self.configs.num_initial if not (self.finished or self.uses_budgets) else 0
        if 0 < num_blind <= len(self.trials):
            return None
        for _ in range(2):  # SMAC looks for another bracket before it sees what it has just promoted
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter(
                        "ignore", RuntimeWarning
                    )  # a mean of nothing, where a config has no neighbour
                    return self.facade.ask()
            except (StopIteration, _BracketHeld):
                _replace(self.facade.optimizer, "_trial_generator", iter(self.intensifier))
        return None

    def _trial(self, info: "TrialInfo") -> Trial:
        config, fidelity = plain(dict(info.config)), self.fidelity
        if info.budget is not None:
            fidelity = min(max(1, round(info.budget)), self.fidelity)
        return Trial(len(self.trials), config, fidelity, self._parent(config, fidelity))

    def _parent(self, config: Mapping[str, Scalar], fidelity: int) -> int | None:
        """Return the trial that trained the config furthest below a fidelity and has an agent; None if there is none."""
        lower = [
            trial
            for trial in self.trials
            if trial.config == config and trial.fidelity < fidelity and self._has_agent(trial)
        ]
        return max(lower, key=lambda trial: trial.fidelity).id if lower else None

    def _has_agent(self, trial: Trial) -> bool:
        return trial.id in self.finished and self.finished[trial.id].status != "failed"

    def _may_open_bracket(self) -> bool:
        """Prepare for a new bracket; return whether it is the first of this ask and the space still has configs for it."""
        self.num_brackets += 1
        self.configs.newest = None
        self.configs.relearn()
        return self.num_brackets == 1 and not self.configs.is_exhausted


class DistinctConfigs:
    """SMAC's configs, each given once; it stands in the place of the intensifier's config selector.

    Where SMAC repeats a config, its bracket would wait for ever. SMAC gives up early in a space of few configs, so that
    random draws follow; when those find no other config either, the space is exhausted.

    Args:
        selector: SMAC's config selector, from which the configs come.
        space: SMAC's copy of the space.
        keeps_pace: whether `relearn` does anything.

    Attributes:
        repeats_at_end: whether the newest config fills up its bracket when the space is exhausted.
        newest: the last config that was given to the present bracket.
        has_news: whether results were told since the forest was fitted.
    """

    def __init__(self, selector: "ConfigSelector", space: ConfigurationSpace, keeps_pace: bool):
        self.selector, self.space, self.keeps_pace = selector, space, keeps_pace
        self.source: Iterator[Configuration] = iter(selector)
        self.given: set[Configuration] = set()
        self.newest: Configuration | None = None
        self.is_exhausted = self.has_news = self.repeats_at_end = False

    @property
    def num_initial(self) -> int:
        """The number of configs of the initial design."""
        return len(_private(self.selector, "_initial_design_configs"))

    def shorten_design(self, num: int) -> None:
        """Leave the last `num` configs out of the initial design, before the first one is given."""
        configs = _private(self.selector, "_initial_design_configs")
        _replace(self.selector, "_initial_design_configs", configs[: max(0, len(configs) - num)])

    def __iter__(self) -> "Iterator[Configuration]":
        return self

    def __next__(self) -> "Configuration":
        if not self.is_exhausted:
            config = next((config for config in self._candidates() if config not in self.given), None)
            if config is not None:
                self.given.add(config)
                self.newest = config
                return config
        self.is_exhausted = True
        if self.newest is None or not self.repeats_at_end:
            raise StopIteration
        return self.newest

    def relearn(self) -> None:
        """Begin a new generator of configs if there are new results: it fits the forest before it gives the next config."""
        if self.keeps_pace and self.has_news:
            _replace(self.selector, "_max_new_config_tries", 16)  # SMAC's default
            self.source, self.has_news = iter(self.selector), False

    def _candidates(self, num: int = 1000) -> "Iterator[Configuration]":
        """Yield SMAC's next configs, then random ones, at most `num` of either."""
        from smac.main.exceptions import ConfigurationSpaceExhaustedException

        try:
            yield from itertools.islice(self.source, num)
        except ConfigurationSpaceExhaustedException:
            pass
        yield from itertools.islice(iter(self.space.sample_configuration, None), num)


class Smac(SmacTuner):
    """Bayesian optimisation with a random forest: Sobol design, expected improvement on log costs, local search.

    Args:
        budget: full runs; it sizes the initial design: a quarter of the trials, at most ten per hyperparameter.
    """

    asynchronous = True

    def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0, budget: float = 100.0):
        from smac import HyperparameterOptimizationFacade as Facade

        super().__init__(Facade, space, fidelity, seed, n_trials=max(1, int(budget)))


class SmacHyperband(SmacTuner):
    """Hyperband (Li et al. 2018) whose new configs come from a random forest, as in BOHB; promotions continue agents.

    The first bracket, of `eta^(rungs - 1)` configs, is drawn at random; from then on the forest learns from the highest
    rung with as many results.

    Args:
        budget: full runs.
        eta: one in `eta` configs is promoted, to `eta` times the fidelity; a whole number (Li et al. 2018 suggest 3 or 4).
        num_rungs: at most so many fidelities; fewer where the lowest would be below `min_fidelity`.
        min_fidelity: env steps.
    """

    has_fidelities = True

    def __init__(
        self,
        space: ConfigurationSpace,
        fidelity: int,
        seed: int = 0,
        budget: float = 100.0,
        eta: int = 3,
        num_rungs: int = 3,
        min_fidelity: int = 1,
    ):
        from smac import MultiFidelityFacade as Facade
        from smac.main.config_selector import ConfigSelector

        if type(eta) is not int or eta < 2:
            raise InputError(f"eta must be a whole number of at least 2, got {eta!r}")
        num_steps = len(brackets.rungs(fidelity, eta, num_rungs, min_fidelity)) - 1
        lowest = fidelity / eta**num_steps * 0.999  # SMAC's quotient of logarithms may be a hair below its integer
        num_trials = max(1, int(budget * _trials_per_full_run(lowest, fidelity, eta)))
        num_first = eta**num_steps
        super().__init__(
            Facade,
            space,
            fidelity,
            seed,
            n_trials=num_trials,
            min_budget=lowest,
            max_budget=fidelity,
            initial_design=functools.partial(Facade.get_initial_design, n_configs=num_first, max_ratio=1.0),
            config_selector=functools.partial(ConfigSelector, min_trials=num_first, retrain_after=16),
            intensifier=functools.partial(Facade.get_intensifier, eta=eta),
        )


def from_smac(facade: "type[AbstractFacade]", **settings: Any) -> type[SmacTuner]:
    """Return a tuner class from a SMAC facade class.

    Args:
        settings: those of SMAC's `Scenario`, and the facade's components as functions of the scenario. Where the facade
            works with fidelities, the lowest is a ninth of the task's unless `min_budget` says another.

    Example:
        >>> from smac import BlackBoxFacade, MultiFidelityFacade
        >>> Mine = from_smac(BlackBoxFacade)
        >>> Other = from_smac(MultiFidelityFacade, intensifier=lambda s: MultiFidelityFacade.get_intensifier(s, eta=2))
    """

    class Wrapped(SmacTuner):
        def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0, budget: float = 100.0):
            budgets = {"n_trials": max(1, int(budget)), "min_budget": fidelity / 9 * 0.999, "max_budget": fidelity}
            super().__init__(facade, space, fidelity, seed, keeps_pace=False, **{**budgets, **settings})

    Wrapped.__doc__ = f"SMAC's {facade.__name__}."
    Wrapped.__name__ = Wrapped.__qualname__ = facade.__name__
    return Wrapped


def _build(
    facade: "type[AbstractFacade]", space: ConfigurationSpace, seed: int, settings: Mapping[str, Any]
) -> "AbstractFacade":
    """Return a facade with a copy of the space, as SMAC reseeds it, whose files are gone as soon as it is made.

    It writes some at once, nothing here reads them, and for those of another run SMAC asks on the terminal what to do.
    """
    from smac import Scenario

    logging.getLogger("smac").setLevel(logging.ERROR)
    parameters = inspect.signature(Scenario).parameters
    fixed = {"configspace": copy.deepcopy(space), "seed": seed % 2**31, "deterministic": True}
    chosen = {name: value for name, value in settings.items() if name in parameters}
    with tempfile.TemporaryDirectory(prefix="arl-smac-") as folder:
        scenario = Scenario(**{**fixed, **chosen, "output_directory": Path(folder)})
        parts = {name: part(scenario) for name, part in settings.items() if name not in parameters}
        for name in ("model", "acquisition_maximizer"):
            if name not in parts:
                parts[name] = getattr(facade, f"get_{name}")(scenario)
        _lighten_forest(parts["model"])
        _fix_order(parts["acquisition_maximizer"])
        return facade(scenario, **parts, logging_level=False, overwrite=True)


def _lighten_forest(model: Any) -> None:
    """Make a random forest as good as before in a hundredth of the time.

    SMAC starts a pool of threads at every prediction, for ten small trees, and its bound of 2^20 leaves makes
    scikit-learn set aside memory for two million nodes per tree.
    """
    from smac.model.random_forest import RandomForest

    if isinstance(model, RandomForest):
        _replace(model, "_rf_opts", {**_private(model, "_rf_opts"), "n_jobs": 1, "max_leaf_nodes": None})


def _fix_order(maximizer: Any) -> None:
    """Let local search start from its points in an order that depends on them alone.

    SMAC takes the order from a set of configs, whose hashes differ from process to process.
    """
    from smac.acquisition.maximizer import LocalAndSortedRandomSearch, LocalSearch

    is_composed = isinstance(maximizer, LocalAndSortedRandomSearch)
    search = _private(maximizer, "_local_search") if is_composed else maximizer
    if isinstance(search, LocalSearch):
        points = _private(search, "_get_init_points_from_previous_configs")

        def ordered(*args: Any) -> list[Any]:
            return sorted(points(*args), key=lambda config: config.get_array().tobytes())

        _replace(search, "_get_init_points_from_previous_configs", ordered)


class _BracketHeld(Exception):
    """Raised where SMAC would open another bracket."""


def _hold_brackets(intensifier: Any, may_open: Callable[[], bool]) -> None:
    """Let successive halving open a bracket only when it may."""
    bracket = _private(intensifier, "_get_next_bracket")

    def next_bracket() -> int:
        if not may_open():
            raise _BracketHeld
        return bracket()

    _replace(intensifier, "_get_next_bracket", next_bracket)


def _private(part: Any, name: str) -> Any:
    """Return a private attribute of a part of SMAC.

    Raises:
        TunerError: it has no such attribute.
    """
    if not hasattr(part, name):
        import smac

        raise TunerError(f"SMAC must be 2.4, whose {type(part).__name__} has {name!r}, got SMAC {smac.version}")
    return getattr(part, name)


def _replace(part: Any, name: str, value: Any) -> None:
    """Set a private attribute of a part of SMAC, which must have it: set under another name, it would have no effect."""
    _private(part, name)
    setattr(part, name, value)


def _trials_per_full_run(min_budget: float, max_budget: float, eta: int) -> float:
    """Return how many of Hyperband's trials a full run pays for, when promotions pay the difference only."""
    from smac.intensifier.hyperband_utils import determine_HB

    schedule = determine_HB(min_budget, max_budget, eta)
    cost = 0.0
    for bracket, budgets in schedule["budgets_in_stage"].items():
        steps = [high - low for low, high in zip([0.0, *budgets], budgets, strict=False)]
        cost += sum(num * step for num, step in zip(schedule["n_configs_in_stage"][bracket], steps, strict=True))
    return float(schedule["trials_used"]) * max_budget / cost
