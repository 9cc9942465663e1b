"""SMAC's facades (Lindauer et al. 2022) as tuners: a random forest as the surrogate, alone or under Hyperband.

SMAC minimises costs: scores are negated here and nowhere else. What SMAC 2.4 needs for a safe sweep is gathered in
`Adapter`; each remedy has a regression test in `tests/test_smac.py`.
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

from arl import spaces
from arl.errors import InputError
from hpo.trial import Result, Trial
from hpo.tuners import brackets, scores

if TYPE_CHECKING:
    from smac.runhistory import TrialInfo


class Adapter:
    """A SMAC facade behind `ask` and `tell`.

    - The first batch is the initial design at most: without results SMAC would draw the rest at random, and for ever
      where the space has few configs. Under Hyperband, an ask opens one bracket at most, for the same reason.
    - A rung that a config enters after a lower one goes on from its agent there.
    - A trial without a score costs as much as the worst so far: a NaN or an infinite cost ends SMAC.
    - The forest learns from new results at the next ask, or bracket; SMAC by itself would first give what is left of
      eight configs.
    - SMAC gets back the `TrialInfo` that it gave; a copy with a rounded budget would end all promotions.
    - A config is given once: where SMAC repeats one, its bracket would wait for ever. In a space of few configs, the
      tuner is done when SMAC finds no other.
    """

    keeps_pace = True

    def __init__(self, facade: type, space, fidelity: int, seed: int, **settings: Any):
        self.facade: Any = _build(facade, space, seed, settings)
        self.fidelity = fidelity
        self.infos: list[TrialInfo] = []
        self.trials: list[Trial] = []
        self.finished: dict[int, Result] = {}
        self.worst: float | None = None
        self.num_brackets = 0
        self.newest: Any = None
        self.is_exhausted = False
        _lighten_forest(self.facade)
        _fix_order(self.facade)
        self.source = self.facade.intensifier.config_generator
        self.facade.intensifier._config_generator = self._distinct()
        self.has_news = False
        _hold_brackets(self.facade, self._may_open_bracket)

    def ask(self, n: int) -> list[Trial]:
        self.num_brackets, first = 0, len(self.trials)
        if not _uses_budgets(self.facade):
            self._relearn()
        while len(self.trials) < first + n and (info := self._next()) is not None:
            self.infos.append(info)
            self.trials.append(self._trial(info))
        return self.trials[first:]

    def tell(self, results: Sequence[Result]) -> None:
        self.worst = scores.worst(results, self.worst)
        self.has_news = True
        self.finished.update({result.trial.id: result for result in results})
        scoreless = [result for result in self.finished.values() if not scores.usable(result)]
        for result in [*(result for result in results if scores.usable(result)), *scoreless]:
            self._tell(result)

    def _tell(self, result: Result) -> None:
        """Told again, a trial without a score follows the worst as it falls; always a success, or SMAC passes it over."""
        from smac.runhistory import TrialValue

        score = result.score if scores.usable(result) else self.worst
        cost = -score if score is not None else 0.0
        self.facade.tell(self.infos[result.trial.id], TrialValue(cost=cost), save=False)

    def _next(self) -> "TrialInfo | None":
        """SMAC's next trial; None if results must be told first, or if there is none."""
        if not self.finished and not _uses_budgets(self.facade) and len(self.trials) >= _num_initial(self.facade):
            return None
        for _ in range(2):  # SMAC looks for another bracket before it sees what it has just promoted
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter(
                        "ignore", RuntimeWarning
                    )  # a mean of nothing, where a config has no neighbour
                    return self.facade.ask()
            except (StopIteration, _Held):
                self.facade.optimizer._trial_generator = iter(self.facade.intensifier)  # an exception ended the old one
        return None

    def _trial(self, info: "TrialInfo") -> Trial:
        config, fidelity = spaces.plain(info.config), self.fidelity
        if info.budget is not None:
            fidelity = min(max(1, round(info.budget)), self.fidelity)
        return Trial(len(self.trials), config, fidelity, self._parent(config, fidelity))

    def _parent(self, config: dict[str, Any], fidelity: int) -> int | None:
        """The trial that trained the config furthest, if its agent is there to go on from."""
        below = [
            trial
            for trial in self.trials
            if trial.config == config and trial.fidelity < fidelity and self._has_agent(trial)
        ]
        return max(below, key=lambda trial: trial.fidelity).id if below else None

    def _has_agent(self, trial: Trial) -> bool:
        return trial.id in self.finished and self.finished[trial.id].status != "failed"

    def _may_open_bracket(self) -> bool:
        self.num_brackets, self.newest = self.num_brackets + 1, None
        self._relearn()
        return self.num_brackets == 1 and not self.is_exhausted

    def _relearn(self) -> None:
        """A new generator of configs: it fits the forest before it gives the next."""
        selector = self.facade.intensifier.config_selector
        if self.keeps_pace and self.has_news:
            selector._max_new_config_tries = 16  # what every generator adds to
            self.source, self.has_news = iter(selector), False

    def _distinct(self) -> Iterator[Any]:
        """SMAC's configs without those given before; when there is no other, the newest fills up its bracket."""
        seen = set()
        while (config := next((config for config in self._tries() if config not in seen), None)) is not None:
            seen.add(config)
            self.newest = config
            yield config
        self.is_exhausted = True
        while self.newest is not None and _uses_budgets(self.facade):
            yield self.newest

    def _tries(self, num: int = 1000) -> Iterator[Any]:
        """The next configs of SMAC, then random ones, as SMAC gives up early."""
        from smac.main.exceptions import ConfigurationSpaceExhaustedException

        try:
            yield from itertools.islice(self.source, num)
        except ConfigurationSpaceExhaustedException:
            pass
        yield from itertools.islice(iter(self.facade.scenario.configspace.sample_configuration, None), num)


class Smac(Adapter):
    """Bayesian optimisation with a random forest: Sobol design, expected improvement on log costs, local search.

    `budget` sizes the initial design: a quarter of the trials, at most ten per hyperparameter.
    """

    def __init__(self, space, fidelity: int, seed: int = 0, budget: float = 100.0):
        from smac import HyperparameterOptimizationFacade as Facade

        super().__init__(Facade, space, fidelity, seed, n_trials=max(1, int(budget)))


class SmacHyperband(Adapter):
    """Hyperband (Li et al. 2018) whose new configs come from a random forest, as in BOHB; promotions continue agents.

    `eta`: one in so many configs of a rung is promoted to the next, of so many times the fidelity; `num_rungs`: at most so
    many fidelities, fewer where the lowest would be below `min_fidelity`. The first bracket, of `eta^(rungs - 1)` configs,
    is drawn at random; from then on the forest learns from the highest rung with as many results.
    """

    def __init__(
        self,
        space,
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
        least = fidelity / eta**num_steps * 0.999  # SMAC's quotient of logarithms may be a hair below its integer
        num_trials = max(1, int(budget * _trials_per_full_run(least, fidelity, eta)))
        num_first = eta**num_steps
        super().__init__(
            Facade,
            space,
            fidelity,
            seed,
            n_trials=num_trials,
            min_budget=least,
            max_budget=fidelity,
            initial_design=functools.partial(Facade.get_initial_design, n_configs=num_first, max_ratio=1.0),
            config_selector=functools.partial(ConfigSelector, min_trials=num_first, retrain_after=16),
            intensifier=functools.partial(Facade.get_intensifier, eta=eta),
        )


def from_smac(facade: type, **settings: Any) -> type[Adapter]:
    """A tuner class from a SMAC facade class.

    `settings` are those of SMAC's `Scenario`, and the facade's components as functions of the scenario. Where the
    facade works with fidelities, the lowest is a ninth of the task's unless `min_budget` says another.

    Example:
        >>> from smac import BlackBoxFacade, MultiFidelityFacade
        >>> Mine = from_smac(BlackBoxFacade)
        >>> Other = from_smac(MultiFidelityFacade, intensifier=lambda s: MultiFidelityFacade.get_intensifier(s, eta=2))
    """

    class Wrapped(Adapter):
        keeps_pace = False

        def __init__(self, space, fidelity: int, seed: int = 0, budget: float = 100.0):
            budgets = {"n_trials": max(1, int(budget)), "min_budget": fidelity / 9 * 0.999, "max_budget": fidelity}
            super().__init__(facade, space, fidelity, seed, **{**budgets, **settings})

    Wrapped.__doc__ = f"SMAC's {facade.__name__}."
    Wrapped.__name__ = Wrapped.__qualname__ = facade.__name__
    return Wrapped


def _build(facade: type, space: Any, seed: int, settings: Mapping[str, Any]) -> Any:
    """A facade with a space of its own, as SMAC reseeds it, whose files are gone as soon as it is made.

    It writes some at once, nothing here reads them, and for those of another run SMAC asks on the terminal what to do.
    """
    from smac import Scenario

    logging.getLogger("smac").setLevel(logging.ERROR)
    known = inspect.signature(Scenario).parameters
    own = {"configspace": copy.deepcopy(space), "seed": seed % 2**31, "deterministic": True}
    given = {name: value for name, value in settings.items() if name in known}
    with tempfile.TemporaryDirectory(prefix="arl-smac-") as folder:
        scenario = Scenario(**{**own, **given, "output_directory": Path(folder)})
        parts = {name: part(scenario) for name, part in settings.items() if name not in known}
        return facade(scenario, **parts, logging_level=False, overwrite=True)


def _lighten_forest(facade: Any) -> None:
    """A forest of the same kind in a hundredth of the time.

    SMAC starts a pool of threads at every prediction, for ten small trees, and its bound of 2^20 leaves makes
    scikit-learn set aside memory for two million nodes per tree.
    """
    from smac.model.random_forest import RandomForest

    if isinstance(facade._model, RandomForest):
        facade._model._rf_opts |= {"n_jobs": 1, "max_leaf_nodes": None}


def _fix_order(facade: Any) -> None:
    """Let local search start from its points in an order that depends on them alone.

    SMAC takes the order from a set of configs, whose hashes differ from process to process.
    """
    from smac.acquisition.maximizer.local_search import LocalSearch

    maximizer = facade._acquisition_maximizer
    search: Any = getattr(maximizer, "_local_search", maximizer)
    if issubclass(type(search), LocalSearch):
        points = search._get_init_points_from_previous_configs

        def ordered(*args: Any) -> list[Any]:
            return sorted(points(*args), key=lambda config: config.get_array().tobytes())

        search._get_init_points_from_previous_configs = ordered


class _Held(Exception):
    """Raised where SMAC would open another bracket."""


def _hold_brackets(facade: Any, may_open: Callable[[], bool]) -> None:
    """Let successive halving open a bracket only when it may."""
    intensifier = facade.intensifier
    if _uses_budgets(facade):
        bracket = intensifier._get_next_bracket

        def next_bracket() -> int:
            if not may_open():
                raise _Held
            return bracket()

        intensifier._get_next_bracket = next_bracket


def _uses_budgets(facade: Any) -> bool:
    return bool(facade.intensifier.uses_budgets)


def _num_initial(facade: Any) -> int:
    return len(facade.intensifier.config_selector._initial_design_configs)


def _trials_per_full_run(min_budget: float, max_budget: float, eta: int) -> float:
    """How many of Hyperband's trials a full run pays for, when promotions pay the difference only."""
    from smac.intensifier.hyperband_utils import determine_HB

    round_ = determine_HB(min_budget, max_budget, eta)
    cost = 0.0
    for bracket, budgets in round_["budgets_in_stage"].items():
        steps = [high - low for low, high in zip([0.0, *budgets], budgets, strict=False)]
        cost += sum(num * step for num, step in zip(round_["n_configs_in_stage"][bracket], steps, strict=True))
    return float(round_["trials_used"]) * max_budget / cost
