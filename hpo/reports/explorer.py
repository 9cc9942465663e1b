"""The explorer: landscapes on one HTML page that works offline, made like the reports.

The page holds what the files hold, in columns of JSON; `templates/explore.js` draws it. Hyperparameters are embedded
exactly and returns as they are stored (32 bits), so that a filter on the page and `arl landscape query` choose the same
configs.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from arl.errors import InputError
from hpo.reports import pages
from landscapes import analysis
from landscapes.dataset import Landscape


def write_page(landscapes: Sequence[Landscape], path: Path) -> Path:
    """Write the page of some landscapes to `path`, folders included, and return `path`.

    Raises:
        InputError: no landscapes, or one whose tables do not fit its space.
    """
    page = render(landscapes)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return path


def render(landscapes: Sequence[Landscape]) -> str:
    """The page as HTML; the landscape of most runs is shown first.

    Raises:
        InputError: as `write_page`.
    """
    if not landscapes:
        raise InputError("explore needs at least one landscape, got none; build one with  arl landscape build TASK")
    data = {
        "layout": pages.layout({}, {}),
        "landscapes": [_embedded(landscape) for landscape in landscapes],
        "first": int(np.argmax([len(landscape.runs) for landscape in landscapes])),
    }
    return pages.template("explore.html").render(
        names=[landscape.name for landscape in landscapes], data=data, plotly_js=Markup(get_plotlyjs())
    )


def _embedded(landscape: Landscape) -> dict[str, Any]:
    """A landscape as JSON: `configs` by hyperparameter, `returns` by config, seed and point, null for what is not."""
    names = landscape.hyperparameters
    if missing := [name for name in names if name not in landscape.configs.columns]:
        raise InputError(
            f"landscape {landscape.name} must have a column per hyperparameter, got none for {missing[0]!r}"
        )
    scores = landscape.scores()
    return {
        "name": landscape.name,
        "made": landscape.made_with,
        "default": 0 if landscape.has_default else None,
        "seeds": landscape.seeds,
        "steps": landscape.steps,
        "range": list(landscape.return_range),
        "decimals": pages.score_decimals(landscape.return_range),
        "hyperparameters": [_hyperparameter(known) for known in landscape.metadata["space"]["hyperparameters"]],
        "configs": {name: [pages.plain(value) for value in landscape.configs[name]] for name in names},
        "status": scores["status"].to_list(),
        "returns": _shortest(landscape.returns),
        "importance": _importance(landscape),
    }


def _hyperparameter(known: dict[str, Any]) -> dict[str, Any]:
    """Name, kind, and the choices in the space's order or the bounds."""
    return {
        "name": known["name"],
        "integer": "int" in known["type"],
        "log": bool(known.get("log")),
        **{key: known.get(key) for key in ("choices", "lower", "upper")},
    }


def _shortest(returns: np.ndarray) -> list:
    """Nested lists of the shortest decimals that are the same 32-bit numbers; None for NaN."""
    decimals = returns.astype(np.float32).astype(str).astype(np.float64).astype(object)
    decimals[~np.isfinite(returns)] = None
    return decimals.tolist()


def _importance(landscape: Landscape) -> dict[str, list[float | None]]:
    """The share of each hyperparameter at each point; None at points where it can't be told."""
    try:
        table = analysis.importance(landscape).set_index("hyperparameter")
    except InputError:  # all configs have the same score
        return {name: [None] * landscape.returns.shape[2] for name in landscape.hyperparameters}
    return {
        name: [None if math.isnan(share) else round(share, 4) for share in table.loc[name]]
        for name in landscape.hyperparameters
    }
