"""What a landscape tells: which hyperparameters matter, what lower fidelities and fewer seeds are worth, how rare good
configs are, and how much a score promises that was chosen on few seeds.
"""

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd

from envs.errors import InputError
from landscapes.dataset import Landscape


def importance(landscape: Landscape, point: int | None = None) -> pd.DataFrame:
    """The importance of each hyperparameter at each evaluation point, in shares of 1, the most important first.

    PED-ANOVA (Watanabe et al. 2023, arXiv:2304.10255, by Optuna): how far the distribution of a hyperparameter among the
    best tenth of the configs is from its distribution among all. Conditional hyperparameters count where they are active.

    `point`: one evaluation point only, 0 for the first.
    """
    points = range(landscape.cube.shape[2]) if point is None else [point]
    columns = {f"point {i + 1}": _ped_anova(landscape, i) for i in points}
    frame = pd.DataFrame(columns).rename_axis("hyperparameter")
    return frame.sort_values(frame.columns[-1], ascending=False).reset_index()


def fidelity_correlation(landscape: Landscape) -> pd.DataFrame:
    """Spearman correlation of the mean scores between all pairs of evaluation points, by env steps."""
    steps = landscape.curves().groupby("point").env_steps.max().to_list()
    means = pd.DataFrame(landscape.cube.mean(axis=1), columns=steps)
    return means.corr(method="spearman")


def reliability(landscape: Landscape, repetitions: int = 100) -> pd.DataFrame:
    """How well mean scores over some of the seeds agree with those over as many others: a row per number of seeds.

    `correlation`: mean Spearman correlation over random disjoint halves. From 2 seeds on.
    """
    final, draw = landscape.cube[:, :, -1], np.random.default_rng(0)
    rows = []
    for size in range(1, final.shape[1] // 2 + 1):
        orders = [draw.permutation(final.shape[1]) for _ in range(repetitions)]
        halves = [(final[:, o[:size]].mean(axis=1), final[:, o[size : 2 * size]].mean(axis=1)) for o in orders]
        rows.append({"seeds": size, "correlation": float(np.mean([_spearman(a, b) for a, b in halves]))})
    return pd.DataFrame(rows, columns=["seeds", "correlation"])


def near_best(landscape: Landscape, shares: tuple[float, ...] = (0.01, 0.05, 0.1, 0.2)) -> pd.DataFrame:
    """The share of configs whose mean score is within a part of the task's return range from the best."""
    final = landscape.cube[:, :, -1].mean(axis=1)
    worst, best = landscape.return_range
    return pd.DataFrame(
        [
            {"within": share, "configs": float(np.mean(final >= final.max() - share * (best - worst)))}
            for share in shares
        ]
    )


def optimism(
    landscape: Landscape, num_configs: tuple[int, ...] = (8, 32, 128), num_seeds: tuple[int, ...] = (1, 3, 5),
    repetitions: int = 200,
) -> pd.DataFrame:  # fmt: skip
    """What a random search that takes the best of some configs on some seeds believes, and what it gets on other seeds.

    A row per number of configs and of tuning seeds: the incumbent's mean score on its tuning seeds, on all the others,
    and the best mean on these others among the same configs. Combinations that the landscape is too small for are left out.
    """
    final, draw = landscape.cube[:, :, -1], np.random.default_rng(0)
    rows = []
    for configs, seeds in itertools.product(num_configs, num_seeds):
        if configs > final.shape[0] or seeds >= final.shape[1]:
            continue
        outcomes = np.mean([_one_search(final, configs, seeds, draw) for _ in range(repetitions)], axis=0)
        rows.append(
            {"configs": configs, "seeds": seeds, **dict(zip(("tuning", "test", "best"), outcomes, strict=True))}
        )
    return pd.DataFrame(rows, columns=["configs", "seeds", "tuning", "test", "best"])


def _one_search(final: np.ndarray, configs: int, seeds: int, draw: np.random.Generator) -> tuple[float, float, float]:
    chosen, order = draw.choice(final.shape[0], configs, replace=False), draw.permutation(final.shape[1])
    tuning, test = (final[np.ix_(chosen, part)].mean(axis=1) for part in (order[:seeds], order[seeds:]))
    incumbent = int(np.argmax(tuning))
    return tuning[incumbent], test[incumbent], test.max()


def _ped_anova(landscape: Landscape, point: int) -> dict[str, float]:
    import optuna
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

    scores = landscape.cube[:, :, point].mean(axis=1)
    if len(scores) < 2 or scores.min() == scores.max():
        raise InputError(
            f"importance needs configs of different scores, got {len(scores)} configs, all {scores.max():g}"
        )
    distributions = {known["name"]: _distribution(known) for known in landscape.about["space"]["hyperparameters"]}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    for config, score in zip(landscape.configs.to_dict(orient="records"), scores, strict=True):
        active = {name: _plain(distributions[name], value) for name, value in config.items() if not _missing(value)}
        used = {name: distributions[name] for name in active}
        study.add_trial(optuna.create_trial(params=active, distributions=used, value=float(score)))
    found = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator(), params=None)
    return {name: float(found.get(name, 0.0)) for name in distributions}


def _distribution(known: dict[str, Any]) -> Any:
    """Optuna's form of a hyperparameter in ConfigSpace's."""
    from optuna import distributions

    if known.get("choices") is not None:
        return distributions.CategoricalDistribution(known["choices"])
    kind = distributions.IntDistribution if "int" in known["type"] else distributions.FloatDistribution
    return kind(known["lower"], known["upper"], log=bool(known.get("log")))


def _plain(distribution: Any, value: Any) -> Any:
    """A value of its hyperparameter's own type: a column with nulls is read as floats or objects."""
    if hasattr(distribution, "choices"):
        return next(choice for choice in distribution.choices if choice == value)
    return type(distribution.low)(value)


def _missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(pd.Series(a).corr(pd.Series(b), method="spearman"))
