"""The explorer: landscapes on one HTML page that works offline, made like the reports.

The page holds what the files hold, in columns of JSON; the scripts `templates/explore_*.js` give it to the figures of
`explorer_figures` as the controls are moved. Hyperparameters are embedded exactly and returns as they are stored (32 bits),
so that a filter on the page and `arl landscape query` choose the same configs.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from arl.errors import InputError
from arl.text import count
from hpo.reports import explorer_figures, pages, theme
from landscapes import analysis
from landscapes.dataset import Landscape

Importance = dict[str, list[float | None]]


def write_page(landscapes: Sequence[Landscape], path: Path) -> Path:
    """Write the page of some landscapes to `path`, folders included, and return `path`.

    Raises:
        InputError: no landscapes, or one whose tables do not fit its space.
    """
    return pages.write(render(landscapes), path)


def render(landscapes: Sequence[Landscape]) -> str:
    """Return the page as HTML; the landscape of most runs is shown first.

    Raises:
        InputError: as `write_page`.
    """
    figures, values = contents(landscapes)
    return pages.render("explore.html", figures, {}, **values)


def contents(landscapes: Sequence[Landscape]) -> tuple[dict[str, theme.Figure], dict[str, Any]]:
    """Return the figures of the page, and the values that its template shows.

    Raises:
        InputError: as `write_page`.
    """
    if not landscapes:
        raise InputError("explore needs at least one landscape, got none; build one with  arl landscape build TASK")
    data = {
        "landscapes": [_embedded(landscape) for landscape in landscapes],
        "first": int(np.argmax([len(landscape.runs) for landscape in landscapes])),
        "marks": explorer_figures.MARKS,
        "colors": [theme.series_name(index) for index in range(len(explorer_figures.MARKS))],
    }
    values = {"names": [landscape.name for landscape in landscapes], "data": data}
    return explorer_figures.figures(), values


def _embedded(landscape: Landscape) -> dict[str, Any]:
    """Return a landscape as JSON-ready values: `configs` by hyperparameter, `returns` by config, seed and point.

    What does not exist is None: an inactive hyperparameter, or the return of a run that has diverged.
    """
    names = landscape.hyperparameters
    if missing := [name for name in names if name not in landscape.configs.columns]:
        raise InputError(
            f"landscape {landscape.name} must have a column per hyperparameter, got none for {missing[0]!r}"
        )
    low, high = explorer_figures.score_range(landscape)
    return {
        "name": landscape.name,
        "made": landscape.made_with,
        "default": 0 if landscape.has_default else None,
        "seeds": landscape.seeds,
        "steps": landscape.steps,
        "stepWords": [count(steps) for steps in landscape.steps],
        "range": list(landscape.return_range),
        "low": low,
        "high": high,
        "returnAxis": theme.padded(min(low, landscape.return_range[0]), max(high, landscape.return_range[1])),
        "decimals": pages.score_decimals(landscape.return_range),
        "hyperparameters": [_hyperparameter(spec) for spec in landscape.metadata["space"]["hyperparameters"]],
        "configs": {name: [pages.plain(value) for value in landscape.configs[name]] for name in names},
        "status": landscape.scores()["status"].to_list(),
        "returns": _shortest(landscape.returns),
        "importance": importance(landscape),
        "axes": explorer_figures.axes(landscape),
        "tooltip": explorer_figures.tooltip(landscape),
        "parallel": theme.spec(explorer_figures.parallel_coordinates(landscape)),
    }


def _hyperparameter(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a hyperparameter's name, and its choices or its bounds."""
    return {
        "name": spec["name"],
        "choices": spec.get("choices", spec.get("sequence")),
        "lower": spec.get("lower"),
        "upper": spec.get("upper"),
    }


def _shortest(returns: np.ndarray) -> list[Any]:
    """Return an array as nested lists of the shortest decimals that equal its numbers in 32 bits; None for NaN."""
    decimals = returns.astype(np.float32).astype(str).astype(np.float64).astype(object)
    decimals[~np.isfinite(returns)] = None
    nested: list[Any] = decimals.tolist()
    return nested


def importance(landscape: Landscape) -> Importance:
    """Return the share of each hyperparameter at each point by PED-ANOVA; None at points where it can't be told."""
    try:
        table = analysis.importance(landscape).set_index("hyperparameter")
    except InputError:  # all configs have the same score
        return {name: [None] * landscape.returns.shape[2] for name in landscape.hyperparameters}
    return {
        name: [None if math.isnan(share) else round(share, 4) for share in table.loc[name]]
        for name in landscape.hyperparameters
    }
