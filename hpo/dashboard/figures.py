"""Figures of a trial's page in the dashboard: returns and training metrics over env steps, by seed."""

from typing import Any

import altair as alt
import pandas as pd

from arl.records.lineage import lineage
from arl.records.store import TrialRecord
from arl.records.sweep import SweepRecord
from hpo.reports import theme
from hpo.reports.theme import Figure

SEEDS, MEANS, METRICS = "seeds", "means", "metrics"


def of_trial(record: SweepRecord, trial: TrialRecord) -> tuple[dict[str, Figure], dict[str, list[dict[str, Any]]]]:
    """Return the figures of a trial's page and their tables: returns by seed, and a figure per training metric."""
    rows = pd.DataFrame(_points(record, trial))
    if rows.empty:
        return {}, {}
    names = _metrics(rows)
    means = rows.groupby("env_steps", as_index=False)["return_mean"].agg(["mean", "size"])
    complete = means[means["size"] == len(trial.runs)]
    metrics = rows.rename(columns={name: f"metric{index}" for index, name in enumerate(names)})
    charts = {f"metric-{index}": _metric(rows, index, name) for index, name in enumerate(names)}
    figures = {"seeds": _returns(record, trial, rows), **charts}
    kept = ["env_steps", "seed", *(f"metric{index}" for index in range(len(names)))]
    return figures, {
        SEEDS: theme.records(rows[["env_steps", "seed", "return_mean"]]),
        MEANS: theme.records(complete[["env_steps", "mean"]]),
        METRICS: theme.records(metrics[kept]),
    }


def metric_names(record: SweepRecord, trial: TrialRecord) -> list[str]:
    """Return the names of the training metrics that a trial has, in the order of `of_trial`."""
    return _metrics(pd.DataFrame(_points(record, trial)))


def _metrics(rows: pd.DataFrame) -> list[str]:
    names = [name for name in rows if name not in ("env_steps", "seed", "return_mean")]
    return [name for name in names if rows[name].notna().any()]


def _points(record: SweepRecord, trial: TrialRecord) -> list[dict[str, Any]]:
    """Return a row per evaluation of the agent that a trial ends with, its ancestors' included."""
    seeds = {run.seed for run in trial.runs}
    return [
        {"env_steps": point.env_steps, "seed": run.seed, "return_mean": point.return_mean, **point.metrics}
        for ancestor in lineage(trial, record.records)
        for run in ancestor.runs
        if run.seed in seeds
        for point in run.points
    ]


def _steps(rows: pd.DataFrame, **axis: Any) -> alt.X:
    scale = alt.Scale(domain=[0, 1.03 * int(rows["env_steps"].max())], nice=False)
    return alt.X("env_steps:Q", title="env steps", axis=theme.steps_axis(**axis), scale=scale)


@theme.unchecked
def _returns(record: SweepRecord, trial: TrialRecord, rows: pd.DataFrame) -> Figure:
    """Draw episode return over env steps: a line per seed, their mean, and where each ancestor ended."""
    worst, best = record.return_range
    returns = rows["return_mean"].dropna()
    domain = theme.padded(min([worst, *returns]), max([best, *returns]))
    scale, x = alt.Scale(domain=domain, nice=False), _steps(rows)
    words = [alt.Tooltip("seed:N"), alt.Tooltip("env_steps:Q", title="env steps"), alt.Tooltip("return_mean:Q")]
    lines = alt.Chart(alt.NamedData(SEEDS)).mark_line(strokeWidth=1.4, opacity=0.7, point={"size": 22, "opacity": 0.7})
    y, mean = (alt.Y(f"{name}:Q", title="episode return", scale=scale) for name in ("return_mean", "mean"))
    ends = [{"env_steps": ancestor.fidelity} for ancestor in lineage(trial, record.records)[:-1]]
    layers = [
        *([alt.Chart(theme.data(ends)).mark_rule(strokeDash=[2, 3]).encode(x=x)] if ends else []),
        lines.encode(x=x, y=y, color=_seed_color(rows), tooltip=words),
        alt.Chart(alt.NamedData(MEANS)).mark_line(strokeWidth=3, color=theme.color("ink")).encode(x=x, y=mean),
    ]
    return alt.layer(*layers)


@theme.unchecked
def _metric(rows: pd.DataFrame, index: int, name: str) -> Figure:
    """Draw a training metric over env steps, a line per seed."""
    values = rows[name].dropna().tolist()
    y = alt.Y(f"metric{index}:Q", title=None, axis=alt.Axis(format=theme.number_format(values), tickCount=4))
    words = [alt.Tooltip("seed:N"), alt.Tooltip("env_steps:Q", title="env steps"), alt.Tooltip(f"metric{index}:Q")]
    lines = alt.Chart(alt.NamedData(METRICS)).mark_line(strokeWidth=1.4, opacity=0.8, point={"size": 20})
    return lines.encode(x=_steps(rows, tickCount=3), y=y, color=_seed_color(rows), tooltip=words)


def seed_colors(trial: TrialRecord) -> dict[int, str]:
    """Return the name of the colour of each seed."""
    return {run.seed: theme.series_name(index) for index, run in enumerate(trial.runs)}


def _seed_color(rows: pd.DataFrame) -> Any:
    return theme.named(alt.Color, "seed", theme.palette(sorted(rows["seed"].unique().tolist())))
