"""Pictures of landscapes, for papers and terminals without a browser."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from envs.errors import InputError, unknown
from landscapes.dataset import Landscape


def landscape(data: Landscape, x: str, y: str | None, path: Path) -> Path:
    """Draw the mean scores of all configs over one hyperparameter, or over two with the score as colour.

    Raises:
        InputError: an unknown hyperparameter, or a file type that can't be written.
    """
    for name in (x, *([y] if y else [])):
        if name not in data.hyperparameters:
            raise unknown(f"hyperparameter of {data.name}", name, data.hyperparameters)
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise InputError(f"picture must be a .png, .svg or .pdf file, got {path.name!r}")
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    frame = data.scores().dropna(subset=[name for name in (x, y) if name])
    _over_two(axes, frame, x, y, figure) if y else _over_one(axes, frame, x)
    if x in data.log_hyperparameters:
        axes.set_xscale("log")
    if y in data.log_hyperparameters:
        axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y or "mean return")
    axes.set_title(f"{data.name}: {len(frame)} configs, {len(data.seeds)} seeds", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=200)
    pyplot.close(figure)
    return path


def _over_one(axes: Any, frame: pd.DataFrame, x: str) -> None:
    """Points with bars of one standard deviation over the seeds, and the running median where x is a number."""
    values = _positions(axes.xaxis, frame[x])
    axes.errorbar(values, frame.score, frame.score_std, fmt="o", ms=3, lw=0.5, alpha=0.5, color="#3366aa")
    if pd.api.types.is_float_dtype(frame[x]):
        ordered = frame.sort_values(x)
        window = max(len(frame) // 10, 5)
        axes.plot(ordered[x], ordered.score.rolling(window, center=True).median(), color="#cc4422", lw=2)


def _over_two(axes: Any, frame: pd.DataFrame, x: str, y: str, figure: Any) -> None:
    """Points coloured by score, the best on top."""
    frame = frame.sort_values("score")
    points = axes.scatter(
        _positions(axes.xaxis, frame[x]), _positions(axes.yaxis, frame[y]), c=frame.score, s=22, cmap="viridis"
    )
    figure.colorbar(points, label="mean return")


def _positions(axis: Any, values: pd.Series) -> np.ndarray:
    """Numbers as they are; choices side by side, spread a little so that points do not hide each other."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values) and values.nunique() > 8:
        return values.to_numpy(float)
    choices = sorted(values.unique())
    axis.set_ticks(range(len(choices)), [str(choice) for choice in choices])
    place = {choice: i for i, choice in enumerate(choices)}
    jitter = np.random.default_rng(0).uniform(-0.25, 0.25, len(values))
    return values.map(place).to_numpy(float) + jitter
