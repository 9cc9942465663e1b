"""The figures of the explorer: a landscape's configs over two axes, their learning curves, scores and hyperparameters.

They are the same for all landscapes. The page fills their tables as its controls are moved: `configs`, a row per config at
the chosen fidelity; `curves`, a row per point of a learning curve; `lines`, a row per config and axis; `ticks`, the labels of
these axes; `importance`. Which configs are marked is in a column `mark`, which configs the filters keep in `kept`.
"""

import textwrap
from collections.abc import Mapping
from typing import Any, Literal

import altair as alt
import numpy as np

from hpo.reports import landscape_figures, pages, theme
from hpo.reports.theme import Figure
from landscapes.dataset import Landscape

CONFIGS, CURVES, LINES, TICKS, IMPORTANCE = "configs", "curves", "lines", "ticks", "importance"
MOST_PICKED = 4
MARKS = ("best", "default", *(f"picked {i + 1}" for i in range(MOST_PICKED)))
SCORE = "score (mean episode return)"
NUM_BINS = 30
NUM_TOOLTIPS = 14  # hyperparameters that a tooltip lists, so that it still fits a screen
INACTIVE = -0.12  # place of configs on the axis, from 0 to 1, of a hyperparameter that is inactive in them
ABOVE, HIGH = 1.05, 0.043  # where the last line of an axis's name stands, and the height of a line
NAME_WIDTH = 13  # characters of a line of an axis's name

# Parameters, which the page sets: the lowest and highest score, those of the axis of returns, the last and the chosen
# fidelity in env steps, the config under the pointer, and whether an axis of the plane has configs beside it.
PARAMETERS = ("low", "high", "lowest", "highest", "last", "step", "hovered", "lane_x", "lane_y")

Spec = Mapping[str, Any]  # of a hyperparameter, in ConfigSpace's JSON form


@theme.unchecked
def figures() -> dict[str, Figure]:
    """Return the figures by their names, the plane without its axes."""
    return {
        "plane": _plane(),
        "curves": _curves("line"),
        "points": _curves("point"),  # in place of curves where there is one fidelity
        "distribution": _distribution(),
        "importance": _importance(),
        "parallel": _parallel(),
    }


def score_range(landscape: Landscape) -> tuple[float, float]:
    """Return the lowest and the highest mean score over all fidelities, apart even where all are the same."""
    means = landscape.cube.mean(axis=1)
    low, high = float(means.min()), float(means.max())
    return (low, high) if low < high else (low - 1, high + 1)


@theme.unchecked
def axes(landscape: Landscape) -> dict[str, dict[str, Any]]:
    """Return the channels of the plane by direction, x and y, and by what stands along it, a hyperparameter or the score."""
    specs = landscape.metadata["space"]["hyperparameters"]
    low, high = score_range(landscape)
    along: dict[str, tuple[str, Spec]] = {spec["name"]: (f"value{index}", spec) for index, spec in enumerate(specs)}
    along["score"] = ("score", {"lower": low, "upper": high, "title": SCORE})
    return {
        direction: {
            name: _channels(direction, field, spec, name in landscape.configs and landscape.configs[name].isna().any())
            for name, (field, spec) in along.items()
        }
        for direction in ("x", "y")
    }


@theme.unchecked
def tooltip(landscape: Landscape) -> list[dict[str, Any]]:
    """Return the tooltip channel of the config under the pointer."""
    names = landscape.hyperparameters[:NUM_TOOLTIPS]
    texts = [alt.Tooltip(f"text{index}:N", title=name) for index, name in enumerate(names)]
    channel = [alt.Tooltip("config:Q"), alt.Tooltip("words:N", title="score"), *texts]
    encoding = theme.spec(alt.Chart(alt.NamedData(CONFIGS)).mark_point().encode(tooltip=channel))["encoding"]
    return list(encoding["tooltip"])


def ticks(landscape: Landscape) -> list[dict[str, Any]]:
    """Return the labels of the axes of all hyperparameters and of the score, and the names of these axes."""
    specs = landscape.metadata["space"]["hyperparameters"]
    low, high = score_range(landscape)
    labels = [(spec["name"], place, label) for spec in specs for place, label in _ticks(spec)]
    labels += [("score", 0.0, pages.text(round(low))), ("score", 1.0, pages.text(round(high)))]
    labels += [(spec["name"], INACTIVE, "inactive") for spec in specs if landscape.configs[spec["name"]].isna().any()]
    rows = [{"axis": name, "place": place, "label": label} for name, place, label in labels]
    for name in (*(spec["name"] for spec in specs), "score"):
        lines = enumerate(reversed(_broken(name)))
        rows += [{"axis": name, "place": ABOVE + HIGH * line, "label": part, "heading": True} for line, part in lines]
    return rows


def places(landscape: Landscape, spec: Spec) -> list[float]:
    """Return where each config stands on the axis of a hyperparameter, from 0 to 1, or at `INACTIVE`."""
    values = [pages.plain(value) for value in landscape.configs[spec["name"]]]
    return [INACTIVE if value is None else round(_place(spec, value), 4) for value in values]


def _place(spec: Spec, value: Any) -> float:
    choices = _choices(spec)
    if choices is not None:
        return choices.index(value) / max(len(choices) - 1, 1)
    low, high, at = (_scaled(spec, bound) for bound in (spec["lower"], spec["upper"], value))
    return float((at - low) / (high - low))


def _scaled(spec: Spec, value: float) -> float:
    return float(np.log10(value)) if spec.get("log") else float(value)


def _choices(spec: Spec) -> list[Any] | None:
    choices = spec.get("choices", spec.get("sequence"))
    return list(choices) if choices is not None else None


def _channels(direction: str, field: str, spec: Spec, inactive: bool) -> dict[str, Any]:
    """Return the position channels of an axis; choices are spread a little so that points do not hide each other.

    Where the hyperparameter is inactive in some configs, `inactive` is one more choice; numbers have a lane for them.
    """
    channel = {"x": alt.X, "y": alt.Y}[direction]
    title, choices = spec.get("title", spec.get("name")), _choices(spec)
    if choices is not None:
        offset = {"x": alt.XOffset, "y": alt.YOffset}[direction]
        scale = alt.Scale(domain=[*map(pages.text, choices), *(["inactive"] if inactive else [])])
        axis = alt.Axis(labelAngle=0, labelLimit=110)
        encoding = {
            direction: channel(f"{field}:N", title=title, scale=scale, axis=axis),
            f"{direction}Offset": offset(f"jitter_{direction}:Q", scale=alt.Scale(domain=[-0.5, 1.5])),
        }
    else:
        bounds, log = [spec["lower"], spec["upper"]], bool(spec.get("log"))
        scale, axis = theme.number_axis(bounds, log, domain=bounds)
        if "int" in spec.get("type", "") and not log:
            axis.tickMinStep = 1
        encoding = {direction: channel(f"{field}:Q", title=title, scale=scale, axis=axis)}
    chart = alt.Chart(alt.NamedData(CONFIGS)).mark_point().encode(**encoding)
    return dict(theme.spec(chart)["encoding"])


def _score_color(legend: alt.Legend | None = None) -> alt.Color:
    return alt.Color("score:Q", scale=alt.Scale(domain=_between("low", "high"), range=theme.ramp()), legend=legend)


def _mark_scale() -> alt.Scale:
    return alt.Scale(domain=MARKS, range=[theme.series(index) for index in range(len(MARKS))])


def _mark_color() -> alt.Color:
    return alt.Color("mark:N", scale=_mark_scale(), legend=None)


def _between(low: str, high: str) -> list[alt.ExprRef]:
    """Return the domain of an axis whose ends are two parameters of the chart, by their names."""
    return [alt.ExprRef(low), alt.ExprRef(high)]


def _table(name: str, condition: str | None = None) -> alt.Chart:
    """Return a chart of the rows of a named table that meet a condition."""
    chart = alt.Chart(alt.NamedData(name))
    return chart.transform_filter(condition) if condition else chart


def _figure(*layers: alt.Chart) -> Figure:
    params = [alt.param(name=name, value=None) for name in PARAMETERS]
    return alt.layer(*layers).add_params(*params).properties(width="container", height="container")


def _plane() -> Figure:
    """Draw a point per config, coloured by its score, the best on top; those that filters leave out are faint."""
    legend = alt.Legend(title="score", orient="top", titleOrient="left", gradientLength=160, gradientThickness=10)
    legend.offset = theme.LANE + 12  # above the lane
    hollow = len(MARKS) - 2
    fills: list[Any] = [theme.series(0), theme.series(1), *["transparent"] * hollow]
    strokes = [theme.color("ground")] * 2 + [theme.series(index) for index in range(2, len(MARKS))]
    shapes = alt.Scale(domain=MARKS, range=[theme.STAR, "diamond", *["circle"] * hollow])
    sizes = alt.Scale(domain=MARKS, range=[320, 150, *[210] * hollow])
    ground, ink = theme.color("ground"), theme.color("ink")
    points = _table(CONFIGS, "datum.kept").mark_point(size=75, stroke=ground, strokeWidth=0.7, invalid="show")
    crosses = _table(CONFIGS, "datum.kept && datum.lost > 0").mark_point(
        shape=theme.CROSS, size=28, stroke=theme.color("bad"), strokeWidth=1.4, invalid="show"
    )
    marked = _table(CONFIGS, "isValid(datum.mark)").mark_point(strokeWidth=2, invalid="show")
    hovered = _table(CONFIGS, "datum.config === hovered")
    return _figure(
        _table(CONFIGS, "!datum.kept").mark_point(size=22, color=theme.color("thin"), invalid="show"),
        points.encode(color=_score_color(legend)).add_params(alt.selection_interval(name="box")),
        crosses,
        marked.encode(
            fill=alt.Fill("mark:N", scale=alt.Scale(domain=MARKS, range=fills), legend=None),
            stroke=alt.Stroke("mark:N", scale=alt.Scale(domain=MARKS, range=strokes), legend=None),
            shape=alt.Shape("mark:N", scale=shapes, legend=None),
            size=alt.Size("mark:N", scale=sizes, legend=None),
        ),
        hovered.mark_point(filled=False, size=260, stroke=ink, strokeWidth=2, invalid="show"),
        _inactive("x").encode(x=alt.value(alt.expr(f"width + {theme.LANE}")), y=alt.value(alt.expr("height"))),
        _inactive("y").encode(x=alt.value(0), y=alt.value(-theme.LANE)),
    )


def _inactive(direction: str) -> alt.Chart:
    """Return the label of the lane of configs in which an axis's hyperparameter is inactive; shown if such configs exist."""
    lane = alt.Chart(alt.InlineData(values=[{}])).transform_filter(f"lane_{direction}")
    angle = 270 if direction == "x" else 0
    return lane.mark_text(
        text="inactive",
        align="left",
        baseline="middle",
        angle=angle,
        fontSize=11,
        color=theme.color("muted"),
        invalid="show",
    )


def _curves(mark: Literal["line", "point"]) -> Figure:
    """Draw the learning curves of the marked configs, means and seeds, over those of all that the filters keep."""
    x = alt.X(
        "env_steps:Q",
        title="env steps",
        axis=alt.Axis(format=theme.COUNT),
        scale=alt.Scale(domain=[0, alt.ExprRef("1.03 * last")], nice=False),
    )
    scale = alt.Scale(domain=_between("lowest", "highest"), nice=False, zero=False)
    y = alt.Y("return:Q", title="episode return", scale=scale, axis=alt.Axis(format=theme.DECIMALS, tickCount=6))
    words = [alt.Tooltip("env_steps:Q", title="env steps"), alt.Tooltip("return:Q", format=".5~r")]
    words.insert(0, alt.Tooltip("config:Q"))

    def curves(condition: str, *, width: float, color: alt.ExprRef | None = None, **more: Any) -> alt.Chart:
        filtered = _table(CURVES, condition)
        if color is not None:
            more["color"] = color
        drawn = filtered.mark_line(strokeWidth=width, **more) if mark == "line" else filtered.mark_point(**more)
        return drawn.encode(x=x, y=y, detail=["config:N", "seed:N"])

    ends = _table(CURVES, "datum.kind === 'end'").mark_point(
        shape=theme.CROSS, size=55, stroke=theme.color("bad"), strokeWidth=1.6
    )
    chosen = alt.Chart(alt.InlineData(values=[{}])).transform_calculate(env_steps="step")
    return _figure(
        chosen.mark_rule(strokeDash=[2, 3]).encode(x=x),
        curves("datum.kind === 'mean' && !isValid(datum.mark)", width=1, color=theme.color("thin")).encode(
            tooltip=words
        ),
        curves("datum.kind === 'seed'", width=1, opacity=0.4).encode(color=_mark_color()),
        ends.encode(x=x, y=y),
        curves("datum.kind === 'mean' && isValid(datum.mark)", width=2.5).encode(color=_mark_color(), tooltip=words),
        curves(
            "datum.kind !== 'seed' && datum.kind !== 'end' && datum.config === hovered",
            width=3.5,
            color=theme.color("ink"),
        ),
    )


def _distribution() -> Figure:
    """Draw how many configs have which score: all of them in grey, those that the filters keep in the colours of scores."""
    width = f"((high - low) / {NUM_BINS})"
    number = f"min({NUM_BINS - 1}, floor((datum.score - low) / {width}))"
    scale = alt.Scale(domain=_between("low", "high"), nice=False, zero=False, padding=8)
    axis = alt.Axis(tickCount=6, format=theme.DECIMALS)
    x = alt.X("from:Q", bin="binned", title=SCORE, scale=scale, axis=axis)
    y = alt.Y("count():Q", title="configs", axis=alt.Axis(tickMinStep=1))
    words = [
        alt.Tooltip("from:Q", bin="binned", title="score", format=".5~r"),
        alt.Tooltip("count():Q", title="configs"),
    ]
    fill = alt.Fill("from:Q", scale=alt.Scale(domain=_between("low", "high"), range=theme.ramp()), legend=None)

    def bars(condition: str) -> alt.Chart:
        scores = _table(CONFIGS, condition)
        return scores.transform_calculate("from", f"low + {number} * {width}").transform_calculate(
            "to", f"datum['from'] + {width}"
        )

    marked = _table(CONFIGS, "datum.mark === 'best' || datum.mark === 'default'")
    dash = alt.condition("datum.mark === 'best'", alt.value([1, 0]), alt.value([6, 4]))
    return _figure(
        bars("true").mark_bar(color=theme.color("bar")).encode(x=x, x2="to:Q", y=y, tooltip=words),
        bars("datum.kept")
        .mark_bar(stroke=theme.color("muted"), strokeWidth=0.4)
        .encode(x=x, x2="to:Q", y=y, fill=fill, tooltip=words),
        marked.mark_rule(strokeWidth=2).encode(
            x=alt.X("score:Q", title=SCORE, scale=scale, axis=axis), color=_mark_color(), strokeDash=dash
        ),
    )


def _importance() -> Figure:
    """Draw the importance of each hyperparameter at each fidelity, the chosen one framed and the most important on top."""
    x = alt.X("env_steps:O", title="env steps", axis=alt.Axis(format=theme.ROUGH, labelAngle=0))
    now = alt.EncodingSortField(field="now", op="max", order="descending")
    y = alt.Y("hyperparameter:N", title=None, sort=now, axis=alt.Axis(labelLimit=150))
    base = _table(IMPORTANCE).transform_calculate(now="datum.env_steps === step ? datum.share : -1")
    column = base.transform_filter("datum.env_steps === step")
    frame = column.mark_rect(fillOpacity=0, stroke=theme.color("ink"), strokeWidth=1.2)
    return _figure(*landscape_figures.cells(base, x, y, "share", ".0%"), frame.encode(x=x, y=y))


def _parallel() -> Figure:
    """Draw a line per config over all hyperparameters and the score, in the colour of its score."""
    x = alt.X("axis:N", title=None, sort=None, axis=None)
    y = alt.Y("place:Q", axis=None, scale=alt.Scale(domain=[INACTIVE - 0.02, ABOVE + 3 * HIGH], nice=False, zero=False))
    place: dict[str, Any] = {"x": x, "y": y, "detail": "config:N"}
    kept = _table(LINES, "datum.kept")
    labels, names = _table(TICKS, "!datum.heading"), _table(TICKS, "datum.heading")
    uprights = labels.transform_aggregate(first="min(place)", last="max(place)", groupby=["axis"])
    text: dict[str, Any] = {"align": "left", "dx": 5, "fontSize": 10.5}
    halo = labels.mark_text(stroke=theme.color("ground"), strokeWidth=3.5, strokeJoin="round", **text)
    heading = names.mark_text(align="left", dx=-4, baseline="bottom", fontSize=11.5)
    ink = theme.color("ink")
    return _figure(
        _table(LINES, "!datum.kept").mark_line(color=theme.color("thin"), strokeWidth=0.6).encode(**place),
        kept.mark_line(strokeWidth=1.1, opacity=0.7).encode(color=_score_color(), **place),
        uprights.mark_rule().encode(x=x, y=alt.Y("first:Q", axis=None), y2="last:Q"),
        _table(LINES, "isValid(datum.mark)")
        .mark_line(strokeWidth=3)
        .encode(stroke=alt.Stroke("mark:N", scale=_mark_scale(), legend=None), **place),
        _table(LINES, "datum.config === hovered").mark_line(color=ink, strokeWidth=3).encode(**place),
        halo.encode(x=x, y=y, text="label:N"),
        labels.mark_text(**text).encode(x=x, y=y, text="label:N"),
        heading.encode(x=x, y=y, text="label:N"),
        kept.mark_line(strokeWidth=9, opacity=0).encode(**place),  # what the pointer meets
    )


def _ticks(spec: Spec) -> list[tuple[float, str]]:
    """Return place and label of an axis's ticks: its bounds and its middle, or every choice."""
    choices = _choices(spec)
    if choices is not None:
        return [(_place(spec, choice), pages.text(choice)) for choice in choices]
    low, high = _scaled(spec, spec["lower"]), _scaled(spec, spec["upper"])
    middle = 10 ** ((low + high) / 2) if spec.get("log") else (low + high) / 2
    return [
        (0.0, pages.text(spec["lower"])),
        (0.5, pages.text(float(f"{middle:.2g}"))),
        (1.0, pages.text(spec["upper"])),
    ]


def _broken(name: str) -> list[str]:
    """Break a long name into lines, after underscores."""
    return [part.replace(" ", "") for part in textwrap.wrap(name.replace("_", "_ "), NAME_WIDTH)] or [name]
