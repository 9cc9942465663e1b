"""The figures of a sweep: how the incumbent improves, learning curves, the score against each hyperparameter.

Of a schedule, that is, trials that each go on from the one before, they show the one agent that these trials train.

Their data are tables with columns of fixed names, whatever the hyperparameters are called: `value0`, `text0` and so on, in
the order of the space. A page holds each table once, and its figures name them.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import altair as alt
import numpy as np
import pandas as pd

from arl.records.sweep import SweepRecord
from hpo.reports import pages, theme
from hpo.reports.theme import Figure

TRIALS, CURVES, ENDS = "trials", "curves", "ends"
NUM_TOP = 5
NUM_TOOLTIPS = 12  # hyperparameters that a tooltip lists, so that it still fits a screen
OTHERS = "others"
SELECTED = "selected"  # the parameter that holds the trials which a click or a box has selected
IS_SELECTED = f"indexof({SELECTED}, datum.trial) >= 0"
MOST_TRIALS, MOST_CURVES = 1000, 400  # that are drawn
MOST_VALUES = 5  # of a numeric hyperparameter, up to which the ticks stand at them
GOLDEN = (math.sqrt(5) - 1) / 2


DrawPanel = Callable[[SweepRecord, Sequence[str], int], Figure]


class Mark(NamedTuple):
    """How trials of an outcome are drawn: their words in the legend, the name of their colour, shape, area in square px."""

    label: str
    color: str
    shape: str
    area: int


OUTCOMES = {
    "incumbent": Mark("incumbent", "accent", theme.STAR, 160),
    "completed": Mark("completed trial", "point", "circle", 45),
    "diverged": Mark("diverged, at the worst return", "bad", theme.CROSS, 45),
    "failed": Mark("failed, at the worst return", "bad", "square", 40),
}


def tables(
    record: SweepRecord, means: pd.DataFrame, top: Sequence[int], score: Callable[[float], str]
) -> dict[str, list[dict[str, Any]]]:
    """Return the data of all figures by name.

    `means`: the `mean_curves`; `top`: trials with a colour of their own; `score` writes a score.
    """
    means = means[means["trial"].isin(drawn_curves(record))]
    return {
        TRIALS: theme.records(_trials(record, score)),
        CURVES: theme.records(_curves(means, top)),
        ENDS: theme.records(_ends(means[~means["trial"].isin(top)], record.trials)),
    }


def drawn_curves(record: SweepRecord) -> list[int]:
    """Return the ids of the trials whose learning curves are drawn."""
    return thinned(record, len(record.ranked) if record.is_schedule else MOST_CURVES)


def thinned(record: SweepRecord, most: int) -> list[int]:
    """Return the ids of at most so many trials, the best first: all, or the best half of so many and evenly ranked others."""
    ids = [trial.trial for trial in record.ranked]
    if len(ids) <= most:
        return ids
    half = most // 2
    return [*ids[:half], *ids[half :: math.ceil((len(ids) - half) / (most - half))]]


def scores_over(record: SweepRecord, outcomes: Sequence[str], index: int) -> Figure:
    """Draw the scores over the values of one hyperparameter; `outcomes`: those that occur."""
    return linked(*panel(record, outcomes, index))


@theme.unchecked
def figures(
    record: SweepRecord, means: pd.DataFrame, top: Sequence[int], draw_panel: DrawPanel = scores_over
) -> dict[str, Figure]:
    """Return every figure by the id of its place on the page; `draw_panel` draws those of single hyperparameters."""
    outcomes = occurring(record)
    used = [index for index, name in enumerate(record.hyperparameters) if record.trials[name].notna().any()]
    charts = {} if means.empty else {"curves": curves(record, means, top)}
    if record.is_schedule:
        return {**charts, **{f"panel-{index}": stretches(record, index) for index in used}}
    if not record.hyperparameters:  # one config was trained, nothing was tuned
        return charts
    return {
        **charts,
        "incumbent-trials": incumbent(record, outcomes, "finished", "trials finished"),
        "incumbent-env-steps": incumbent(record, outcomes, "env_steps", "env steps, all trials and seeds"),
        **{f"panel-{index}": draw_panel(record, outcomes, index) for index in used},
    }


def in_finish_order(record: SweepRecord) -> pd.DataFrame:
    """Return the trials as they finished; those of one batch finish together and keep the order of their ids."""
    return record.trials.sort_values(["finished_at", "trial"], ignore_index=True)


def drawn_scores(trials: pd.DataFrame, worst: float) -> pd.Series:
    """Return the scores, or the worst return for a trial that has none to show."""
    completed = (trials["status"] == "completed") & trials["score"].notna()
    return trials["score"].where(completed, worst).astype(float)


def incumbent_scores(record: SweepRecord, order: Sequence[int]) -> list[float]:
    """Return the incumbent's score after each trial, minus infinity until the first one completes.

    It may fall where the first trial of a higher fidelity, or of more seeds, completes.

    `order`: ids of the trials as they finished.
    """
    ranked = record.ranked
    places = {trial.trial: place for place, trial in enumerate(ranked) if trial.status == "completed"}
    so_far = itertools.accumulate((places.get(trial, len(ranked)) for trial in order), min)
    return [ranked[place].score if place < len(ranked) else -math.inf for place in so_far]


def _trials(record: SweepRecord, score: Callable[[float], str]) -> pd.DataFrame:
    """Return a row per trial that is drawn; the incumbent's is last, so that it is drawn on top."""
    trials = in_finish_order(record)
    places = pd.DataFrame(
        {
            "finished": range(1, len(trials) + 1),
            "env_steps": trials["env_steps"].cumsum(),
            "start": trials["parent"].map(trials.set_index("trial")["fidelity"]).fillna(0),
            "best": incumbent_scores(record, trials["trial"].to_list()),
        }
    )
    is_new_incumbent = places["best"] != places["best"].shift()
    is_drawn = trials["trial"].isin(thinned(record, MOST_TRIALS)) | is_new_incumbent
    trials, places = (table[is_drawn].reset_index(drop=True) for table in (trials, places))
    best = record.incumbent["trial"] if record.incumbent else None
    completed = trials["status"] == "completed"
    outcome = trials["status"].where(~(completed & (trials["trial"] == best)), "incumbent")
    table = pd.DataFrame(
        {
            "trial": trials["trial"],
            "outcome": outcome.map(lambda name: OUTCOMES[name].label),
            **places,
            "end": trials["fidelity"],
            "score": drawn_scores(trials, record.return_range[0]),
            "outline": [0.0 if name == "completed" else 1.4 for name in outcome],
            "area": _areas(outcome, trials["fidelity"]),
            "words": [score(row.score) if row.status == "completed" else row.status for row in trials.itertuples()],
            "has_line": trials["trial"].isin(drawn_curves(record)),
            "jitter_x": trials["trial"] * GOLDEN % 1,  # a record always gives the same page
        }
    )
    for index, name in enumerate(record.hyperparameters):
        values = [pages.plain(value) for value in trials[name]]
        texts = [pages.text(value) for value in values]
        table[f"text{index}"] = texts
        table[f"value{index}"] = pd.Series(
            values if pages.is_numeric(values) else [None if value is None else pages.text(value) for value in values],
            dtype=object,
        )
    return table.sort_values("outcome", key=lambda names: names == OUTCOMES["incumbent"].label, kind="stable")


def _areas(outcome: pd.Series, fidelity: pd.Series) -> list[float]:
    """Return the areas of the marks in square px: smaller at lower fidelities, and where there are many trials."""
    levels = sorted(fidelity.unique())
    smallest = 0.35 if len(levels) > 1 else 1.0
    share = {level: smallest + (1 - smallest) * rank / max(len(levels) - 1, 1) for rank, level in enumerate(levels)}
    crowded = [1.0 if name == "incumbent" else crowding(len(fidelity)) for name in outcome]
    return [
        round(OUTCOMES[name].area * scale * (1.0 if name == "incumbent" else share[level]), 1)
        for name, level, scale in zip(outcome, fidelity, crowded, strict=True)
    ]


def crowding(num_trials: int) -> float:
    """Return the scale of marks: 1 up to 100 trials, from there the area that they cover stays the same, to a quarter."""
    return min(1.0, max(0.25, 100 / max(num_trials, 1)))


def incumbent(record: SweepRecord, outcomes: Sequence[str], x: str, title: str) -> Figure:
    """Draw every trial as a point and the incumbent's score as a step line over the column `x` of the trials.

    `outcomes`: those that occur, which the legend explains.
    """
    across = alt.X(f"{x}:Q", title=title, axis=theme.steps_axis(), scale=alt.Scale(domainMin=0, nice=False, padding=8))
    line = (
        alt.Chart(alt.NamedData(TRIALS))
        .transform_filter("isValid(datum.best)")
        .mark_line(interpolate="step-after", color=theme.color("accent"))
    )
    y_title = f"score ({'episode return' if record.scores[0] == 'final' else record.scores[0]})"
    return linked(
        line.encode(x=across, y=_score_axis(record, "best", y_title)),
        *_points(record, outcomes, across, _score_axis(record, "score", y_title), legend=True),
    )


def panel(record: SweepRecord, outcomes: Sequence[str], index: int) -> list[alt.Chart]:
    """Return the layers that draw the scores over the values of one hyperparameter, of the trials in which it is active."""
    x = _value_axis(record, "x", index)
    spread = {} if _is_numeric(record, index) else theme.spread("x")
    points = _points(record, outcomes, x, _score_axis(record, "score", None), legend=False)
    return [layer.encode(**spread).transform_filter(f"isValid(datum.value{index})") for layer in points]


def stretches(record: SweepRecord, index: int) -> Figure:
    """Draw the values of one hyperparameter over the env steps of a schedule."""
    x = alt.X("start:Q", title="env steps", axis=theme.steps_axis(tickCount=4), scale=alt.Scale(nice=False))
    name = record.hyperparameters[index]
    words = [
        alt.Tooltip(f"text{index}:N", title=name),
        alt.Tooltip("start:Q", title="from"),
        alt.Tooltip("end:Q", title="to"),
    ]
    chart = alt.Chart(alt.NamedData(TRIALS)).transform_filter(f"isValid(datum.value{index})")
    rules = chart.mark_rule(strokeWidth=3, color=theme.color("accent"))
    return rules.encode(x=x, x2="end:Q", y=_value_axis(record, "y", index), tooltip=words)


def linked(*layers: alt.Chart) -> alt.LayerChart:
    """Return a figure in which the page shows which trials are selected."""
    return alt.LayerChart(layer=list(layers)).add_params(alt.param(name=SELECTED, value=[]))


def _points(record: SweepRecord, outcomes: Sequence[str], x: alt.X, y: alt.Y, legend: bool) -> list[alt.Chart]:
    """Draw trials as marks whose colour and shape tell their outcome, and a ring around each that is selected."""
    marks = [OUTCOMES[name] for name in outcomes]
    key = theme.legend(symbolSize=80, columns=2) if legend and marks else None
    colors = {mark.label: theme.color(mark.color) for mark in marks}
    num = min(len(record.hyperparameters), NUM_TOOLTIPS)
    tooltips = [alt.Tooltip(f"text{i}:N", title=record.hyperparameters[i]) for i in range(num)]
    chart = alt.Chart(alt.NamedData(TRIALS)).encode(x=x, y=y)
    points = chart.mark_point().encode(
        fill=theme.named(alt.Fill, "outcome", colors, key),
        stroke=theme.named(alt.Stroke, "outcome", colors, key),
        shape=theme.named(alt.Shape, "outcome", {mark.label: mark.shape for mark in marks}, key),
        size=alt.Size("area:Q", scale=None),
        strokeWidth=alt.StrokeWidth("outline:Q", scale=None),
        tooltip=[alt.Tooltip("trial:Q"), alt.Tooltip("words:N", title="score"), *tooltips],
    )
    rings = chart.transform_filter(IS_SELECTED)
    return [points, rings.mark_point(filled=False, size=180, stroke=theme.color("ink"), strokeWidth=1.8)]


def occurring(record: SweepRecord) -> list[str]:
    """Return the outcomes that occur; the incumbent's outcome is `incumbent` in place of its status."""
    best = record.incumbent["trial"] if record.incumbent else None
    trials = zip(record.trials["trial"], record.trials["status"], strict=True)
    names = {"incumbent" if trial == best and status == "completed" else status for trial, status in trials}
    return [name for name in OUTCOMES if name in names]


def _is_numeric(record: SweepRecord, index: int) -> bool:
    return pages.is_numeric(record.trials[record.hyperparameters[index]])


def _value_axis(record: SweepRecord, direction: str, index: int) -> Any:
    """Return the axis of a hyperparameter; where its values are few, the ticks stand at them."""
    name = record.hyperparameters[index]
    if not _is_numeric(record, index):
        return theme.position(direction, f"value{index}", None, None)
    present = np.sort(record.trials[name].dropna().unique())
    are_few = len(present) <= MOST_VALUES
    values = (present if are_few else present[[0, -1]]).tolist()
    log = name in record.log_hyperparameters and values[0] > 0
    channel = theme.position(direction, f"value{index}", None, values, log=log, ticks=4)
    if are_few:
        channel["axis"].values = values
    return channel


def _score_axis(record: SweepRecord, field: str, title: str | None) -> alt.Y:
    """Return the vertical axis of scores, over the task's return range, widened to scores outside it."""
    scores = record.trials.loc[record.trials["status"] == "completed", "score"].dropna()
    domain = theme.padded(min([record.return_range[0], *scores]), max([record.return_range[1], *scores]))
    return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(domain=domain, nice=False))


def mean_curves(record: SweepRecord) -> pd.DataFrame:
    """Return mean, lowest and highest return over seeds, a row per trial and evaluation at which no seed has diverged.

    A mean needs every seed: it ends where the first one diverges, instead of going on over the survivors. The trials of a
    schedule are one curve, that of the last.
    """
    curves = record.curves
    if record.is_schedule:
        curves = curves.assign(trial=record.trials["trial"].iloc[-1], point=curves["env_steps"])
    groups = curves.groupby(["trial", "point"], as_index=False)
    summary = groups.agg(
        env_steps=("env_steps", "max"),
        mean=("return_mean", "mean"),
        low=("return_mean", "min"),
        high=("return_mean", "max"),
        seeds=("return_mean", "size"),
        alive=("return_mean", "count"),
    )
    return summary[summary["seeds"] == summary["alive"]]


def group_of(trial: int) -> str:
    """Return the name by which the page shows and hides a trial's curve."""
    return f"trial-{trial}"


def _curves(curves: pd.DataFrame, top: Sequence[int]) -> pd.DataFrame:
    """Return the learning curves with the group of each; the best come last, so that they are drawn on top."""
    place = {trial: place for place, trial in enumerate(top)}
    groups = [group_of(trial) if trial in place else OTHERS for trial in curves["trial"]]
    order = curves["trial"].map(lambda trial: -place.get(trial, len(place)))
    table = curves[["trial", "env_steps", "mean", "low", "high"]].assign(group=groups, order=order.astype(float))
    return table.sort_values("order", kind="stable").drop(columns="order")


def _ends(curves: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the last point of every diverged trial."""
    diverged = trials.loc[trials["status"] == "diverged", "trial"]
    ends = curves[curves["trial"].isin(diverged)].groupby("trial").tail(1)
    return ends[["trial", "env_steps", "mean"]].assign(group=OTHERS)


def curves(record: SweepRecord, means: pd.DataFrame, top: Sequence[int]) -> Figure:
    """Draw episode return over env steps: the top trials in colour, with their seeds' range, over all others in grey."""
    x, mean, low = _curve_axes(record, means)
    groups = [group_of(trial) for trial in top]
    color = theme.named(alt.Color, "group", theme.palette(groups))
    width = theme.named(alt.StrokeWidth, "group", {name: 1.6 if place else 2.6 for place, name in enumerate(groups)})
    words = [alt.Tooltip("trial:Q"), alt.Tooltip("env_steps:Q", title="env steps"), alt.Tooltip("mean:Q")]
    hidden, is_shown = alt.param(name="hidden", value=[]), "indexof(hidden, datum.group) < 0"
    shown = alt.Chart(alt.NamedData(CURVES)).transform_filter(is_shown).encode(x=x, y=mean)
    others, colored = (shown.transform_filter(f"datum.group {sign} '{OTHERS}'") for sign in ("===", "!=="))
    bands = colored.transform_filter("datum.high > datum.low").mark_area(opacity=0.13)
    ends = alt.Chart(alt.NamedData(ENDS)).transform_filter(is_shown)
    crosses = ends.mark_point(shape=theme.CROSS, stroke=theme.color("bad"), strokeWidth=1.4, size=45)
    thin = theme.color("thin")
    marks = record.points <= 2  # a line through two points is no curve
    lines = others.mark_line(
        point={"color": thin, "size": 25} if marks else False,
        color=thin,
        strokeWidth=max(0.5, crowding(len(record.trials))),
    )
    tops = colored.mark_line(point={"size": 40} if marks else False)
    changes = alt.Chart(alt.NamedData(TRIALS)).transform_filter("datum.start > 0").mark_rule(strokeDash=[2, 3])
    layers = [
        *([changes.encode(x="start:Q")] if record.is_schedule else []),
        lines.encode(detail="trial:N", tooltip=words),
        crosses.encode(x=x, y=mean, tooltip=[alt.Tooltip("trial:Q", title="trial, diverged after this point")]),
        bands.encode(y=low, y2="high:Q", color=color),
        tops.encode(color=color, strokeWidth=width, tooltip=words),
        shown.transform_filter(IS_SELECTED)
        .mark_line(color=theme.color("ink"), strokeWidth=2.6)
        .encode(detail="trial:N"),
    ]
    return linked(*layers).add_params(hidden)


def _curve_axes(record: SweepRecord, means: pd.DataFrame) -> tuple[alt.X, alt.Y, alt.Y]:
    """Return the axes of learning curves: env steps, mean return, and the lower end of the band.

    Returns span the task's return range, widened to the seeds' returns outside it.
    """
    steps = alt.Scale(domain=[0, 1.03 * int(means["env_steps"].max())], nice=False)
    worst, best = record.return_range
    domain = theme.padded(min(worst, means["low"].min()), max(best, means["high"].max()))
    scale = alt.Scale(domain=domain, nice=False)
    mean, lowest = (alt.Y(f"{name}:Q", title="episode return", scale=scale) for name in ("mean", "low"))
    return alt.X("env_steps:Q", title="env steps", axis=theme.steps_axis(), scale=steps), mean, lowest


@theme.unchecked
def save_curve(record: SweepRecord, path: Path) -> Path:
    """Write the learning curve of a sweep of one trial as a picture: every seed, their mean, and the band of all seeds.

    The trials of a schedule are one curve. Where no evaluation has a return under every seed, the picture says so.
    """
    means = mean_curves(record)
    by_seed = record.curves.groupby(["env_steps", "seed"], as_index=False).return_mean.last().dropna()
    num_seeds = record.curves["seed"].nunique()
    label = f"mean of {num_seeds} seeds" if num_seeds > 1 else "one seed"
    nothing = "Nothing to draw: training diverges before every seed has a return."
    heading = alt.Title(record.task, subtitle=nothing if means.empty else alt.Undefined)
    x = alt.X("env_steps:Q", title="env steps", axis=theme.steps_axis(), scale=alt.Scale(nice=False))
    low, mean, seed = (alt.Y(f"{name}:Q", title="episode return") for name in ("low", "mean", "return_mean"))
    base = alt.Chart(theme.data(means.assign(label=label))).encode(x=x)
    seeds = alt.Chart(theme.data(by_seed)).mark_line(color=theme.color("thin"), strokeWidth=1)
    color = theme.named(alt.Color, "label", {label: theme.color("accent")}, theme.legend())
    chart = alt.layer(
        base.mark_area(opacity=0.13, color=theme.color("accent")).encode(y=low, y2="high:Q"),
        seeds.encode(x=x, y=seed, detail="seed:N"),
        base.mark_line(strokeWidth=2.5).encode(y=mean, color=color),
    )
    return theme.save(chart.properties(width=480, height=280, title=heading), path)
