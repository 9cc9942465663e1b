"""The figures of a comparison of tuners: score over budget, final scores with their intervals, mean ranks.

A tuner has one colour and one kind of dashes wherever it is drawn; baselines are grey.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from arl import statistics
from hpo.comparisons import REFERENCE
from hpo.comparisons.comparison import Comparison
from hpo.reports import steps, theme
from hpo.reports.steps import DASHES, Band, Style
from hpo.reports.theme import Figure

ANYTIME, SUMMARY, RANKS, BARS = "anytime", "summary", "ranks", "bars"
OVERALL = "all tasks"
LEAST_REGRET = 1e-3  # so that a logarithmic axis shows more than the last bit
BASELINES = {REFERENCE: "solid", f"{REFERENCE}-2x": "dash", "default": "dot"}
ROW_HEIGHT, FRAME_HEIGHT, LABEL_WIDTH = 30, 70, 130  # px

Rows = list[dict[str, Any]]


def tables(comparison: Comparison) -> dict[str, Rows]:
    """Return the data of all figures by name."""
    anytime = comparison.anytime.assign(task=comparison.anytime.task.fillna(OVERALL))
    regret = {f"regret_{name}": _regret(anytime[name]) for name in ("score", "low", "high")}
    groups = anytime.tuner.map(lambda tuner: group(comparison.tuners, tuner))
    columns = ["task", "tuner", "group", "budget", "score", "low", "high", *regret]
    names = ["tuner", "score", "low", "high", "gap", "gap_low", "gap_high"]
    names += ["improvement", "improvement_low", "improvement_high"]
    return {
        ANYTIME: theme.records(anytime.assign(**regret, group=groups)[columns]),
        SUMMARY: theme.records(comparison.summary[names]),
        RANKS: theme.records(_ranks(comparison)),
        BARS: theme.records(_bars(comparison)),
    }


@theme.unchecked
def figures(comparison: Comparison) -> dict[str, Figure]:
    """Return every figure by the id of its place on the page."""
    several = len(comparison.tasks) > 1
    overall = OVERALL if several else comparison.tasks[0]
    of_tasks: dict[str, Figure] = {
        f"panel-{i}": _anytime(comparison, task, "score", None) for i, task in enumerate(comparison.tasks)
    }
    charts: dict[str, Figure] = {
        "anytime-score": _anytime(comparison, overall, "score", "normalised test score"),
        "anytime-regret": _anytime(comparison, overall, "regret", "regret, 1 minus score"),
        **(of_tasks if several else {}),
        "final": _intervals(comparison, "score", ("low", "high"), "normalised test score"),
        "gap": _intervals(comparison, "gap", ("gap_low", "gap_high"), "tuning minus test score", 0.0),
    }
    if REFERENCE in comparison.tuners:
        bounds, title = ("improvement_low", "improvement_high"), f"P(beats {REFERENCE})"
        charts["improvement"] = _intervals(comparison, "improvement", bounds, title, 0.5, domain=(0.0, 1.0))
    if comparison.ranks.reason is None:
        charts["ranks"] = _critical_differences(comparison)
    return charts


def color_name(tuners: Sequence[str], tuner: str) -> str:
    """Return the name of the colour of one of the tuners of a comparison."""
    return "baseline" if tuner in BASELINES else theme.series_name(_place(tuners, tuner))


def dashes(tuners: Sequence[str], tuner: str) -> str:
    """Return the kind of a tuner's dashes, which tell apart those of one colour."""
    return BASELINES.get(tuner) or list(DASHES)[_place(tuners, tuner) // theme.NUM_SERIES % len(DASHES)]


def styles(tuners: Sequence[str]) -> dict[str, Style]:
    """Return how the line of each tuner is drawn."""
    return {tuner: Style(color_name(tuners, tuner), DASHES[dashes(tuners, tuner)]) for tuner in tuners}


def group(tuners: Sequence[str], tuner: str) -> str:
    """Return the name by which the page shows and hides a tuner."""
    return f"tuner-{tuners.index(tuner)}"


def height(num_tuners: int) -> int:
    """Return the height in px of a figure with a row per tuner."""
    return FRAME_HEIGHT + ROW_HEIGHT * num_tuners


def _place(tuners: Sequence[str], tuner: str) -> int:
    return -1 if tuner in BASELINES else [name for name in tuners if name not in BASELINES].index(tuner)


def _regret(scores: pd.Series) -> pd.Series:
    return (1 - scores).clip(lower=LEAST_REGRET)


def _color(comparison: Comparison) -> alt.Color:
    colors = {tuner: theme.color(color_name(comparison.tuners, tuner)) for tuner in comparison.tuners}
    return theme.named(alt.Color, "tuner", colors)


def _anytime(comparison: Comparison, task: str, kind: str, title: str | None) -> Figure:
    """Draw the score or regret of each tuner on a task over the budget, with a band where there are intervals.

    Lines are steps: an incumbent's score holds until the next point of the budget.
    """
    columns = Band("score", "low", "high") if kind == "score" else Band("regret_score", "regret_high", "regret_low")
    x = alt.X(
        "budget:Q", title="budget, equivalent full runs" if title else None, scale=alt.Scale(domainMin=0, nice=False)
    )
    scale = alt.Undefined if kind == "score" else alt.Scale(type="log", nice=False)
    rows = alt.Chart(alt.NamedData(ANYTIME)).transform_filter(alt.FieldEqualPredicate(field="task", equal=task))
    tooltip = [alt.Tooltip("tuner:N"), alt.Tooltip("budget:Q"), alt.Tooltip("score:Q", format=".3f")]
    has_bands = comparison.settings.repeats > 1
    y = {"title": title, "scale": scale}
    return steps.chart(rows, "tuner", styles(comparison.tuners), x, columns, y, tooltip, has_bands)


def _tuner_axis(tuners: Sequence[str], field: str = "tuner") -> alt.Y:
    """Return the vertical axis of the tuners, in the given order from top to bottom."""
    scale, axis = alt.Scale(domain=list(tuners)), alt.Axis(labelLimit=LABEL_WIDTH)
    return alt.Y(f"{field}:N", title=None, scale=scale, axis=axis)


def _intervals(
    comparison: Comparison,
    value: str,
    bounds: tuple[str, str],
    title: str,
    line: float | None = None,
    domain: tuple[float, float] | None = None,
) -> Figure:
    """Draw a point with its interval for each tuner, the best on top; `line`: a value to compare with."""
    y, color = _tuner_axis(list(comparison.summary.tuner)), _color(comparison)
    scale, axis = alt.Scale(domain=list(domain or ()) or alt.Undefined, padding=8), alt.Axis(grid=True)
    base = alt.Chart(alt.NamedData(SUMMARY))
    low, high = bounds
    tooltip = [alt.Tooltip("tuner:N"), *(alt.Tooltip(f"{name}:Q", format=".3f") for name in (value, low, high))]
    rule = base.transform_filter(f"isValid(datum.{low})").mark_rule(strokeWidth=2)
    point = base.transform_filter(f"isValid(datum.{value})").mark_point(size=80)
    layers: list[alt.Chart] = [
        rule.encode(x=alt.X(f"{low}:Q", title=title, scale=scale, axis=axis), x2=f"{high}:Q", y=y, color=color),
        point.encode(x=alt.X(f"{value}:Q", title=title, scale=scale, axis=axis), y=y, color=color, tooltip=tooltip),
    ]
    if line is not None:
        upright = alt.Chart(theme.data([{"line": line}])).mark_rule(strokeDash=DASHES["dot"])
        layers.insert(0, upright.encode(x=alt.X("line:Q", title=title, scale=scale, axis=axis)))
    return alt.layer(*layers)


def _ranks(comparison: Comparison) -> pd.DataFrame:
    return pd.DataFrame({"tuner": comparison.ranked, "rank": comparison.ranks.mean_ranks})


def _bars(comparison: Comparison) -> pd.DataFrame:
    """Return a row per bar that joins tuners the test can't tell apart: its ends, and its place beyond the worst rank."""
    ranks, names = comparison.ranks, comparison.ranked
    groups = statistics.groups(ranks.mean_ranks, ranks.pairs) if ranks.reason is None else []
    place = [len(names) + 0.4 + 0.25 * number for number in range(len(groups))]
    rows = [
        {"first": names[members[0]], "last": names[members[-1]], "x": x}
        for members, x in zip(groups, place, strict=True)
    ]
    return pd.DataFrame(rows, columns=["first", "last", "x"])


def _critical_differences(comparison: Comparison) -> Figure:
    """Draw a critical-difference diagram that stands upright: tuners by mean rank, bars along those not told apart."""
    order = sorted(range(len(comparison.ranked)), key=lambda i: comparison.ranks.mean_ranks[i])
    names, num_bars = [comparison.ranked[i] for i in order], len(_bars(comparison))
    scale = alt.Scale(domain=[0.7, len(names) + 0.6 + 0.25 * num_bars], nice=False)
    axis = alt.Axis(grid=True, values=list(range(1, len(names) + 1)))
    title, y = "mean rank over tasks", _tuner_axis(names)
    tooltip = [alt.Tooltip("tuner:N"), alt.Tooltip("rank:Q", format=".2f")]
    dots = alt.Chart(alt.NamedData(RANKS)).mark_point(size=80)
    bars = alt.Chart(alt.NamedData(BARS)).mark_rule(strokeWidth=3, color=theme.color("ink"))
    return alt.layer(
        dots.encode(
            x=alt.X("rank:Q", title=title, scale=scale, axis=axis), y=y, color=_color(comparison), tooltip=tooltip
        ),
        bars.encode(
            x=alt.X("x:Q", title=title, scale=scale, axis=axis),
            y=_tuner_axis(names, "first"),
            y2="last:N",
        ),
    )
