"""Figures of all hyperparameters of a sweep together, and of what a surrogate predicts over them.

Tables of the surrogate are empty until it is fitted, see `hpo.reports.surrogate`.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt

from arl.records.sweep import SweepRecord
from hpo.reports import pages, parallel, sweep_figures, theme
from hpo.reports.parallel import Dimension, Lines
from hpo.reports.theme import Figure

IMPORTANCE, CELLS = "importance", "cells"
ROW, FRAME = 26, 60  # px: height of a bar with its label, height of the axis
AXIS = 92  # px of the width of an axis of the parallel coordinates


def of_sweep(record: SweepRecord) -> dict[str, Figure]:
    """Return the figures of all hyperparameters together."""
    return {"parallel": parallel_coordinates(record), "importance": importance()}


def tables(record: SweepRecord) -> dict[str, list[dict[str, Any]]]:
    """Return the tables of the surrogate, empty."""
    names = [IMPORTANCE, CELLS, *map(dependence_table, range(len(record.hyperparameters)))]
    return {name: [] for name in names}


def dependence_table(index: int) -> str:
    """Return the name of the table of the predicted scores over a hyperparameter."""
    return f"dependence{index}"


def parallel_width(record: SweepRecord) -> int:
    """Return the least width of the parallel coordinates in px, in which the names of their axes have room."""
    return AXIS * (len(record.hyperparameters) + 1)


@theme.unchecked
def parallel_coordinates(record: SweepRecord) -> Figure:
    """Draw a line per trial over all hyperparameters and the score, in the colour of its score."""
    score = Dimension("score", "score", "score", bounds=_score_range(record))
    specs = record.space["hyperparameters"]
    dimensions = [*(_dimension(record, index, spec) for index, spec in enumerate(specs)), score]
    behind = [Lines("datum.has_line", {"strokeWidth": 1.1, "opacity": 0.6}, {"color": _color(record)})]
    front = [
        Lines(sweep_figures.IS_SELECTED, {"strokeWidth": 2.6, "color": theme.color("ink")}),
        Lines("datum.has_line", {"strokeWidth": 9, "opacity": 0}),  # what the pointer meets
    ]
    layers = parallel.layers(sweep_figures.TRIALS, "trial", dimensions, behind, front)
    return sweep_figures.linked(*layers).resolve_scale(y="independent")


def _dimension(record: SweepRecord, index: int, spec: dict[str, Any]) -> Dimension:
    """Return a hyperparameter; its choices are as in the table of trials."""
    made = parallel.dimension(f"value{index}", spec, record.trials[spec["name"]])
    if made.choices is None or pages.is_numeric(record.trials[spec["name"]]):
        return made
    return made._replace(choices=[*map(pages.text, made.choices)])


def _score_range(record: SweepRecord) -> tuple[float, float]:
    """Return the lowest and the highest score that is drawn, apart even where all are the same."""
    scores = sweep_figures.drawn_scores(record.trials, record.return_range[0])
    low, high = float(scores.min()), float(scores.max())
    return (low, high) if low < high else (low - 1, high + 1)


def _color(record: SweepRecord, channel: type = alt.Color, legend: alt.Legend | None = None) -> Any:
    return channel("score:Q", scale=alt.Scale(domain=list(_score_range(record)), range=theme.ramp()), legend=legend)


@theme.unchecked
def importance() -> Figure:
    """Draw which share of the variance each hyperparameter explains alone, with one standard deviation over trees."""
    base, axis = alt.Chart(alt.NamedData(IMPORTANCE)), alt.Axis(grid=True, tickCount=5)
    largest = alt.EncodingSortField(field="share", op="max", order="descending")
    y = alt.Y("hyperparameter:N", title=None, sort=largest, axis=alt.Axis(labelLimit=170, domain=False, ticks=False))
    title = "share of the variance, %"
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        x=alt.X("share:Q", title=title, axis=axis, scale=alt.Scale(domainMin=0)),
        y=y,
        tooltip=[alt.Tooltip("hyperparameter:N"), alt.Tooltip("share:Q", format=".3~r", title="share, %")],
    )
    spread = base.mark_rule(color=theme.color("ink"), strokeWidth=1.2)
    return alt.layer(bars, spread.encode(x=alt.X("low:Q", title=title), x2="high:Q", y=y))


@theme.unchecked
def panel(record: SweepRecord, outcomes: Sequence[str], index: int) -> Figure:
    """Draw the scores over one hyperparameter as the report does, and behind them what the surrogate predicts."""
    points = sweep_figures.panel(record, outcomes, index)
    axes = points[0].encoding
    rows = alt.Chart(alt.NamedData(dependence_table(index)))
    low = axes.y.copy()
    low.shorthand = "low:Q"
    color = theme.color("series2")
    if pages.is_numeric(record.trials[record.hyperparameters[index]]):
        band = rows.mark_area(opacity=0.16, color=color).encode(x=axes.x, y=low, y2="high:Q")
        mean = rows.mark_line(strokeWidth=2.2, color=color).encode(x=axes.x, y=axes.y)
    else:
        band = rows.mark_rule(strokeWidth=2, opacity=0.6, color=color).encode(x=axes.x, y=low, y2="high:Q")
        mean = rows.mark_point(shape="stroke", size=420, strokeWidth=2.4, stroke=color).encode(x=axes.x, y=axes.y)
    return sweep_figures.linked(band, *points, mean)


@theme.unchecked
def contour(record: SweepRecord, i: int, j: int) -> Figure:
    """Draw the score that the surrogate predicts over two hyperparameters, and the trials in the same colours."""
    x, y = (_dimension(record, index, record.space["hyperparameters"][index]) for index in (i, j))
    legend = alt.Legend(title="score", orient="top", titleOrient="left", gradientLength=160, gradientThickness=10)
    legend.format = ",.3~r"
    sides = {"x": _side("x", x), "y": _side("y", y)}
    sides |= {f"{direction}2": f"{direction}2:Q" for direction, one in (("x", x), ("y", y)) if one.choices is None}
    same = alt.expr("scale('fill', datum.score)")  # without a stroke, seams between cells show
    rectangles = alt.Chart(alt.NamedData(CELLS)).mark_rect(stroke=same, strokeWidth=0.8)
    cells = rectangles.encode(**sides, fill=_color(record, alt.Fill, legend))
    places = {"x": parallel.position("x", x, x.title), "y": parallel.position("y", y, y.title)}
    spread: dict[str, Any] = {
        f"{direction}Offset": alt.expr(f"(datum.jitter_x - 0.5) * bandwidth('{direction}') * 0.8")
        for direction, one in (("x", x), ("y", y))
        if one.choices is not None
    }
    both = f"isValid(datum.{x.field}) && isValid(datum.{y.field})"
    trials = alt.Chart(alt.NamedData(sweep_figures.TRIALS)).transform_filter(both).encode(**places)
    points = trials.mark_point(size=52, stroke=theme.color("ground"), strokeWidth=1.1, **spread)
    words = [alt.Tooltip("trial:Q"), alt.Tooltip("words:N", title="score")]
    words += [alt.Tooltip(f"text{index}:N", title=one.title) for index, one in ((i, x), (j, y))]
    rings = trials.transform_filter(sweep_figures.IS_SELECTED)
    return sweep_figures.linked(
        cells,
        points.encode(fill=_color(record, alt.Fill, legend), tooltip=words),
        rings.mark_point(filled=False, size=190, stroke=theme.color("ink"), strokeWidth=2, **spread),
    )


def _side(direction: str, dimension: Dimension) -> Any:
    """Return the channel of a cell's side, on the axis of the dimension."""
    return parallel.position(direction, dimension._replace(field=direction), dimension.title)
