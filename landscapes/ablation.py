"""The ablation path from the default config to the best: which of the changes between them account for the gain.

Greedy, after Fawcett and Hoos 2016, "Analysing differences between algorithm configurations through ablation"; what lies
between the two is not trained but predicted (Biedenkapp et al. 2017, "Efficient Parameter Importance Analysis via Ablation
with Surrogates").
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from arl.errors import InputError
from landscapes import surrogate
from landscapes.dataset import Landscape


def path(landscape: Landscape) -> pd.DataFrame:
    """Return a row per step from the default config (number 0) to that of the best mean score at the full run.

    Each step takes over from the best config the change whose mean score the landscape's surrogate predicts to be highest.
    A change is the value of one hyperparameter, together with those of the hyperparameters whose conditions hang on it.

    `hyperparameters` and `change` are the change as text; `score` and `score_std` are mean and standard deviation of the
    predictions of the surrogate's trees, `gain` and `gain_std` those of the differences from the step before. `measured`
    and `measured_std`, over the seeds, are given at both ends only. One row if the default is the best.

    Raises:
        InputError: the landscape does not hold the default config.
    """
    if not landscape.has_default:
        raise InputError(f"landscape {landscape.name} must hold the default config to start from, got none")
    configs, final = landscape.plain_configs, landscape.cube[:, :, -1]
    number = int(final.mean(axis=1).argmax())
    config, best = configs[0], configs[number]
    predict = surrogate.of_landscape(landscape).predict
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
    return pd.DataFrame(rows).assign(**_columns(np.array(scores), final[[0, number]])).rename_axis("step").reset_index()


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


def _columns(scores: np.ndarray, ends: np.ndarray) -> dict[str, np.ndarray]:
    """Return the columns of numbers, from predictions `(step, tree)` and measured scores of both ends `(end, seed)`."""
    gains = np.diff(scores, axis=0, prepend=np.nan)
    columns = {"score": scores.mean(axis=1), "score_std": scores.std(axis=1)}
    columns |= {"gain": gains.mean(axis=1), "gain_std": gains.std(axis=1)}
    for name, measured in {"measured": ends.mean(axis=1), "measured_std": ends.std(axis=1)}.items():
        columns[name] = np.full(len(scores), np.nan)
        columns[name][[0, -1]] = measured
    return columns


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower()
