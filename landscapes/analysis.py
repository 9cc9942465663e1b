"""Analyses of a landscape: which hyperparameters matter, what lower fidelities and fewer seeds are worth, how rare good
configs are, and how much a score that was chosen on few seeds promises.

All take the name of a score of returns, such as `auc`; at an evaluation point before the last it is that of runs that end
there.
"""

import itertools
import math
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from arl import spaces, statistics
from arl.errors import InputError
from arl.scores import SCORES
from landscapes import scoring
from landscapes.dataset import Landscape
from landscapes.fanova import variance_shares

if TYPE_CHECKING:
    import optuna

METHODS = ("ped-anova", "fanova")


def importance(
    landscape: Landscape, point: int | None = None, method: str = "ped-anova", score: str = "final"
) -> pd.DataFrame:
    """Return the importance of each hyperparameter at each evaluation point, in shares of 1, the most important first.

    Points at which all configs score the same, as they may early in training, have NaN.

    Args:
        point: one evaluation point only, 0 for the first.
        method: `ped-anova` (Watanabe et al. 2023, arXiv:2304.10255, by Optuna) measures how far the distribution of a
            hyperparameter among the best tenth of the configs is from its distribution among all; conditional ones count
            where they are active. `fanova` takes the main effects of `fanova`; the rest of 1 is due to interactions.
        score: a score of returns.

    Raises:
        InputError: another method, a score that the landscape can't give, or configs that all have the same score.
    """
    if method not in METHODS:
        raise InputError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if method == "fanova":
        return _by_point(fanova(landscape, point, score=score), ["hyperparameter"])
    by_point = _by_points(landscape, point, score)
    varied = _varied(by_point)
    names, study = landscape.hyperparameters, _study(landscape, [by_point[i] for i in varied])
    columns = {f"point {i + 1}": _ped_anova(study, varied.index(i), names) if i in varied else np.nan for i in by_point}
    return _sorted(pd.DataFrame(columns, index=pd.Index(names, name="hyperparameter")))


def interactions(landscape: Landscape, point: int | None = None, score: str = "final") -> pd.DataFrame:
    """Return what each pair of hyperparameters explains beyond both alone, by `fanova`, at each evaluation point.

    Args:
        point: one evaluation point only, 0 for the first.
        score: a score of returns.

    Raises:
        InputError: as of `fanova`, or a single hyperparameter.
    """
    if len(landscape.hyperparameters) < 2:
        raise InputError(f"interactions need at least 2 hyperparameters, got {len(landscape.hyperparameters)}")
    effects = fanova(landscape, point, pairs=True, score=score)
    return _by_point(effects.dropna(subset="other"), ["hyperparameter", "other"])


def fanova(landscape: Landscape, point: int | None = None, pairs: bool = False, score: str = "final") -> pd.DataFrame:
    """Return which share of the variance of the configs' scores over the space each hyperparameter explains alone.

    Functional ANOVA (Hutter et al. 2014) of a random forest's predictions, computed exactly, see `variance_shares`. It has
    no notion of conditions: as usual, inactive hyperparameters count as set to their defaults.

    Args:
        point: one evaluation point only, 0 for the first.
        pairs: add a row per pair, what `hyperparameter` and `other` explain beyond both alone.
        score: a score of returns.

    Returns:
        A row per evaluation point and hyperparameter or pair: `share` is the mean over the trees of the forest, `share_std`
        their standard deviation; NaN at a point where no tree tells configs apart.

    Raises:
        InputError: a score that the landscape can't give, or configs that all have the same score.
    """
    names, x, num_choices = landscape.hyperparameters, _vectors(landscape), _num_choices(landscape)
    effects = [(name, None) for name in names] + (list(itertools.combinations(names, 2)) if pairs else [])
    by_point = _by_points(landscape, point, score)
    steps, varied, frames = landscape.steps, _varied(by_point), []
    for i, scores in by_point.items():
        frame = pd.DataFrame(effects, columns=["hyperparameter", "other"]).assign(share=np.nan, share_std=np.nan)
        frame.insert(0, "point", i)
        frame.insert(1, "env_steps", steps[i])
        shares = np.hstack(variance_shares(x, scores, num_choices, pairs)) if i in varied else np.empty(0)
        if len(shares):
            frame["share"], frame["share_std"] = shares.mean(axis=0), shares.std(axis=0)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def fidelity_correlation(landscape: Landscape, score: str = "final") -> pd.DataFrame:
    """Return the Spearman correlation of the configs' scores between all pairs of evaluation points, by env steps."""
    by_point = pd.DataFrame(_by_points(landscape, None, score)).set_axis(landscape.steps, axis=1)
    return by_point.corr(method="spearman")


def reliability(landscape: Landscape, repetitions: int = 100, score: str = "final") -> pd.DataFrame:
    """Return how well scores over some of the seeds agree with those over as many others.

    A row per number of seeds that gives the score; none for a landscape of one seed. `correlation` is the mean Spearman
    correlation over random disjoint halves; between `low` and `high` are nine in ten of them.
    """
    runs, draw = scoring.of_runs(landscape, score), np.random.default_rng(0)
    rows = []
    for size in range(SCORES[score].min_seeds, runs.shape[1] // 2 + 1):
        orders = [draw.permutation(runs.shape[1]) for _ in range(repetitions)]
        halves = [
            [scoring.over_seeds(runs[:, part], score) for part in (order[:size], order[size : 2 * size])]
            for order in orders
        ]
        correlations = np.array([statistics.spearman(a, b) for a, b in halves])
        low, high = statistics.interval(correlations, 0.9)
        rows.append({"seeds": size, "correlation": float(correlations.mean()), "low": low, "high": high})
    return pd.DataFrame(rows, columns=["seeds", "correlation", "low", "high"])


def near_best(
    landscape: Landscape, shares: tuple[float, ...] = (0.01, 0.05, 0.1, 0.2), score: str = "final"
) -> pd.DataFrame:
    """Return the share of configs whose score is within a part of the task's return range from the best."""
    scores = scoring.of_configs(landscape, score)
    worst, best = landscape.return_range
    return pd.DataFrame(
        [
            {"within": share, "configs": float(np.mean(scores >= scores.max() - share * (best - worst)))}
            for share in shares
        ]
    )


def optimism(
    landscape: Landscape,
    num_configs: tuple[int, ...] = (8, 32, 128),
    num_seeds: tuple[int, ...] = (1, 3, 5),
    repetitions: int = 200,
    score: str = "final",
) -> pd.DataFrame:
    """Return what a random search scores on its tuning seeds, and what its incumbent scores on the other seeds.

    The search takes the best of some random configs by their score on some random seeds.

    Returns:
        A row per number of configs and of tuning seeds: the incumbent's score on its tuning seeds (`tuning`), on all
        the others (`test`), and the best score on these others among the same configs (`best`). They are means over the
        repetitions; `tuning_std` and `test_std` are the standard deviations. Combinations that the landscape is too small
        for, or with too few seeds for the score, are left out.
    """
    runs, draw = scoring.of_runs(landscape, score), np.random.default_rng(0)
    fewest, rows = SCORES[score].min_seeds, []
    for configs, seeds in itertools.product(num_configs, num_seeds):
        if configs > runs.shape[0] or not fewest <= seeds <= runs.shape[1] - fewest:
            continue
        outcomes = np.array([_one_search(runs, configs, seeds, score, draw) for _ in range(repetitions)])
        rows.append([configs, seeds, *outcomes.mean(axis=0), *outcomes[:, :2].std(axis=0)])
    return pd.DataFrame(rows, columns=["configs", "seeds", "tuning", "test", "best", "tuning_std", "test_std"])


def _one_search(
    runs: np.ndarray, configs: int, seeds: int, score: str, draw: np.random.Generator
) -> tuple[float, float, float]:
    chosen, order = draw.choice(runs.shape[0], configs, replace=False), draw.permutation(runs.shape[1])
    parts = (order[:seeds], order[seeds:])
    tuning, test = (scoring.over_seeds(runs[np.ix_(chosen, part)], score) for part in parts)
    incumbent = int(np.argmax(tuning))
    return tuning[incumbent], test[incumbent], test.max()


def _study(landscape: Landscape, columns: Sequence[np.ndarray]) -> "optuna.Study":
    """Return a study with a trial per config, whose values are its scores `(config,)` at some evaluation points."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {name: spaces.to_optuna(hyperparameter) for name, hyperparameter in landscape.space.items()}
    study = optuna.create_study(directions=["maximize"] * len(columns))
    for config, scores in zip(landscape.plain_configs, np.stack(columns, axis=1).tolist(), strict=True):
        used = {name: distributions[name] for name in config}
        study.add_trial(optuna.create_trial(params=config, distributions=used, values=scores))
    return study


def _ped_anova(study: "optuna.Study", place: int, names: Sequence[str]) -> dict[str, float]:
    """Return the importance of hyperparameters for one of the values of a study's trials, NaN where all are as good."""
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    evaluator = PedAnovaImportanceEvaluator()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".* to achieve low `target` values")  # so they are negative
        warnings.filterwarnings("error", "Target and region quantiles select the same")
        try:
            shares = get_param_importances(study, evaluator=evaluator, target=lambda trial: -trial.values[place])
        except UserWarning:  # so many are as good as the best tenth that these are all
            return dict.fromkeys(names, math.nan)
    return {name: float(shares.get(name, 0.0)) for name in names}


def _by_points(landscape: Landscape, point: int | None, score: str) -> dict[int, np.ndarray]:
    """Return the configs' scores `(config,)` by evaluation point: all, or a given one, which may be counted from the end."""
    points = range(len(landscape.steps))
    return {i: scoring.of_configs(landscape, score, i) for i in (points if point is None else [points[point]])}


def _varied(by_point: Mapping[int, np.ndarray]) -> list[int]:
    """Return the points at which configs score differently; early in training, all may score the same.

    Raises:
        InputError: no such point.
    """
    varied = [i for i, scores in by_point.items() if np.ptp(scores) > 0]
    if not varied:
        last = list(by_point.values())[-1]
        raise InputError(f"importance needs configs of different scores, got {len(last)} configs, all {last[0]:g}")
    return varied


def _vectors(landscape: Landscape) -> np.ndarray:
    """Return the configs as `spaces.vector` gives them, `(config, hyperparameter)`, with defaults for what is inactive."""
    defaults = {name: hyperparameter.default_value for name, hyperparameter in landscape.space.items()}
    return np.array([spaces.vector(landscape.space, {**defaults, **config}) for config in landscape.plain_configs])


def _num_choices(landscape: Landscape) -> list[int | None]:
    """Return how many choices each hyperparameter has, None for numbers."""
    values = [spaces.choices(hyperparameter) for hyperparameter in landscape.space.values()]
    return [None if choices is None else len(choices) for choices in values]


def _by_point(effects: pd.DataFrame, index: list[str]) -> pd.DataFrame:
    columns = {f"point {i + 1}": rows.set_index(index).share for i, rows in effects.groupby("point")}
    return _sorted(pd.DataFrame(columns))


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(frame.columns[-1], ascending=False).reset_index()
