"""The ablation path from the default config to the best: which of the changes between them account for the gain.

Greedy, after Fawcett and Hoos 2016, "Analysing differences between algorithm configurations through ablation"; what lies
between the two is not trained but predicted (Biedenkapp et al. 2017, "Efficient Parameter Importance Analysis via Ablation
with Surrogates").
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from arl.errors import InputError
from landscapes import forest, scoring, surrogate
from landscapes.dataset import Landscape

Predict = Callable[[Sequence[Mapping[str, Any]]], np.ndarray]


def path(landscape: Landscape, score: str = "final") -> pd.DataFrame:
    """Return a row per step from the default config (number 0) to that of the best score at the full run.

    Each step takes over from the best config the change whose score a forest, fitted to the configs' scores, predicts to be
    highest.
    A change is the value of one hyperparameter, together with those of the hyperparameters whose conditions hang on it.

    `hyperparameters` and `change` are the change as text; `score` and `score_std` are mean and standard deviation of the
    predictions of the forest's trees, `gain` and `gain_std` those of the differences from the step before. `measured`
    and `measured_std`, over the seeds, are given at both ends only. One row if the default is the best.

    Args:
        score: a score of returns; `measured` is that of the config, `measured_std` the deviation of its runs' scores.

    Raises:
        InputError: the landscape does not hold the default config, or can't give the score.
    """
    if not landscape.has_default:
        raise InputError(f"landscape {landscape.name} must hold the default config to start from, got none")
    configs, measured = landscape.plain_configs, scoring.of_configs(landscape, score)
    number = int(measured.argmax())
    config, best = configs[0], configs[number]
    predict = predictor(landscape, measured)
    remaining, scores = changes(landscape.metadata["space"], config, best), [predict([config])[0]]
    rows = [{"hyperparameters": "default", "change": ""}]
    while remaining:
        candidates = [_moved(config, best, names) for names in remaining]
        predicted = predict(candidates)
        chosen = int(predicted.mean(axis=1).argmax())
        names, config = remaining.pop(chosen), candidates[chosen]
        words = [f"{_text(configs[0].get(name))} → {_text(best.get(name))}" for name in names]
        rows.append({"hyperparameters": ", ".join(names), "change": ", ".join(words)})
        scores.append(predicted[chosen])
    ends = [0, number]
    spread = scoring.of_runs(landscape, score)[ends].std(axis=1)
    columns = _columns(np.array(scores), measured[ends], spread)
    return pd.DataFrame(rows).assign(**columns).rename_axis("step").reset_index()


def predictor(landscape: Landscape, scores: np.ndarray) -> Predict:
    """Return a function that predicts the scores of any configs by each tree of a forest, `(config, tree)`.

    `scores`: of the landscape's configs, `(config,)`, which the forest is fitted to.
    """
    model = surrogate.of_landscape(landscape)
    fitted = forest.regressor().fit(model.encoded, scores)

    def predict(configs: Sequence[Mapping[str, Any]]) -> np.ndarray:
        encoded = model.encode(configs)
        return np.stack([tree.predict(encoded) for tree in fitted.estimators_], axis=1)

    return predict


def changes(space: dict[str, Any], config: dict[str, Any], other: dict[str, Any]) -> list[list[str]]:
    """Return the hyperparameters in which two configs differ, in the space's order, grouped by what must move together.

    A conditional hyperparameter moves with its parents, if these differ.
    """
    names = [hyperparameter["name"] for hyperparameter in space["hyperparameters"]]
    differ = {name for name in names if config.get(name) != other.get(name)}
    group = {name: {name} for name in names}
    for child, parents in _parents(space).items():
        moving = parents & differ
        if moving:
            together = set().union(group[child], *(group[parent] for parent in moving))
            group.update(dict.fromkeys(together, together))
    groups = [tuple(name for name in names if name in group[first] & differ) for first in names if first in differ]
    return [list(members) for members in dict.fromkeys(groups)]


def _parents(space: dict[str, Any]) -> dict[str, set[str]]:
    """Return the hyperparameters on which each conditional one depends, from ConfigSpace's form of conditions."""
    parents: dict[str, set[str]] = {}
    for condition in space.get("conditions", []):
        for part in condition.get("conditions", [condition]):  # a conjunction or disjunction has parts
            parents.setdefault(part["child"], set()).add(part["parent"])
    return parents


def _moved(config: dict[str, Any], best: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return a config with some values of the best one; hyperparameters that are inactive in the best are removed."""
    kept = {name: value for name, value in config.items() if name not in names}
    return {**kept, **{name: best[name] for name in names if name in best}}


def _columns(scores: np.ndarray, measured: np.ndarray, spread: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of numbers, from predictions `(step, tree)`, and measured scores and their deviations `(end,)`."""
    gains = np.diff(scores, axis=0, prepend=np.nan)
    columns = {"score": scores.mean(axis=1), "score_std": scores.std(axis=1)}
    columns |= {"gain": gains.mean(axis=1), "gain_std": gains.std(axis=1)}
    for name, values in {"measured": measured, "measured_std": spread}.items():
        columns[name] = np.full(len(scores), np.nan)
        columns[name][[0, -1]] = values
    return columns


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower()
