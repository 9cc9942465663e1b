"""The ablation path from the default config to the best: which of the changes between them make the difference.

Greedy, after Fawcett and Hoos 2016, "Analysing differences between algorithm configurations through ablation"; what lies
between the two is not trained but predicted (Biedenkapp et al. 2017, "Efficient Parameter Importance Analysis via Ablation
with Surrogates").
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from arl.errors import InputError
from landscapes.dataset import Landscape

# Scores of configs by each member of an ensemble, `(config, member)`.
Predict = Callable[[Sequence[dict[str, Any]]], np.ndarray]


def path(landscape: Landscape, predict: Predict) -> pd.DataFrame:
    """A row per step from the default config (number 0) to that of the best mean score at the full run.

    Each step takes over from the best the change with the highest predicted mean score. A change is the value of one
    hyperparameter, together with those of the hyperparameters whose conditions hang on it.

    `hyperparameters` and `change` say what, as text; `score` and `score_std` are mean and standard deviation of the
    predictions of the ensemble's members, `gain` and `gain_std` those of the differences from the step before. `measured`
    and `measured_std`, over the seeds, are known of both ends only. One row if the default is the best.
    """
    if not landscape.has_default:
        raise InputError(f"landscape {landscape.name} must hold the default config to start from, got none")
    configs, final = landscape.plain_configs, landscape.cube[:, :, -1]
    number = int(final.mean(axis=1).argmax())
    config, best = configs[0], configs[number]
    left, scores = changes(landscape.about["space"], config, best), [predict([config])[0]]
    rows = [{"hyperparameters": "default", "change": ""}]
    while left:
        candidates = [_moved(config, best, names) for names in left]
        predicted = predict(candidates)
        chosen = int(predicted.mean(axis=1).argmax())
        names, config = left.pop(chosen), candidates[chosen]
        said = [f"{_text(configs[0].get(name))} → {_text(best.get(name))}" for name in names]
        rows.append({"hyperparameters": ", ".join(names), "change": ", ".join(said)})
        scores.append(predicted[chosen])
    return pd.DataFrame(rows).assign(**_columns(np.array(scores), final[[0, number]])).rename_axis("step").reset_index()


def changes(space: dict[str, Any], config: dict[str, Any], other: dict[str, Any]) -> list[list[str]]:
    """The hyperparameters in which two configs differ, in the space's order; those that can't move one by one are together.

    A conditional hyperparameter moves with its parents, if these differ.
    """
    names = [known["name"] for known in space["hyperparameters"]]
    differ = {name for name in names if config.get(name) != other.get(name)}
    group = {name: {name} for name in names}
    for child, parents in _parents(space).items():
        moving = parents & differ
        if moving:
            together = set().union(group[child], *(group[parent] for parent in moving))
            group.update(dict.fromkeys(together, together))
    found = {tuple(name for name in names if name in group[first] & differ): None for first in names if first in differ}
    return [list(part) for part in found]


def _parents(space: dict[str, Any]) -> dict[str, set[str]]:
    """The hyperparameters on which each conditional one depends, in ConfigSpace's form of conditions."""
    found: dict[str, set[str]] = {}
    for condition in space.get("conditions", []):
        for part in condition.get("conditions", [condition]):  # a conjunction or disjunction has parts
            found.setdefault(part["child"], set()).add(part["parent"])
    return found


def _moved(config: dict[str, Any], best: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """A config with some values of the best; what is inactive there goes."""
    kept = {name: value for name, value in config.items() if name not in names}
    return {**kept, **{name: best[name] for name in names if name in best}}


def _columns(scores: np.ndarray, ends: np.ndarray) -> dict[str, np.ndarray]:
    """Of predictions `(step, member)` and of what was measured at both ends, `(end, seed)`."""
    gains = np.diff(scores, axis=0, prepend=np.nan)
    columns = {"score": scores.mean(axis=1), "score_std": scores.std(axis=1)}
    columns |= {"gain": gains.mean(axis=1), "gain_std": gains.std(axis=1)}
    for name, known in {"measured": ends.mean(axis=1), "measured_std": ends.std(axis=1)}.items():
        columns[name] = np.full(len(scores), np.nan)
        columns[name][[0, -1]] = known
    return columns


def _text(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.3g}" if isinstance(value, float) else str(value).lower()
