"""The figures of the explorer: a landscape's configs over two axes, their learning curves, scores and hyperparameters.

They are the same for all landscapes, but for the axes of hyperparameters. The page fills their tables as its controls are
moved: `configs`, a row per config at the chosen fidelity; `curves`, a row per point of a learning curve; `importance`. Which
configs are marked is in a column `mark`, which configs the filters keep in `kept`.
"""

from collections.abc import Mapping
from typing import Any, Literal

import altair as alt

from hpo.reports import landscape_figures, pages, parallel, theme
from hpo.reports.parallel import Dimension, Lines
from hpo.reports.theme import Figure
from landscapes.dataset import Landscape

CONFIGS, CURVES, IMPORTANCE = "configs", "curves", "importance"
MOST_PICKED = 4
MARKS = ("best", "default", *(f"picked {i + 1}" for i in range(MOST_PICKED)))
SCORE = "score (mean episode return)"
NUM_BINS = 30
NUM_TOOLTIPS = 14  # hyperparameters that a tooltip lists, so that it still fits a screen

# Parameters, which the page sets: the lowest and highest score, those of the axis of returns, the last and the chosen
# fidelity in env steps, the config under the pointer, and whether an axis of the plane has configs beside it.
PARAMETERS = ("low", "high", "lowest", "highest", "last", "step", "hovered", "lane_x", "lane_y")


@theme.unchecked
def figures() -> dict[str, Figure]:
    """Return the figures that all landscapes share by their names, the plane without its axes."""
    return {
        "plane": _plane(),
        "curves": _curves("line"),
        "points": _curves("point"),  # in place of curves where there is one fidelity
        "distribution": _distribution(),
        "importance": _importance(),
    }


def score_range(landscape: Landscape) -> tuple[float, float]:
    """Return the lowest and the highest mean score over all fidelities, apart even where all are the same."""
    means = landscape.cube.mean(axis=1)
    low, high = float(means.min()), float(means.max())
    return (low, high) if low < high else (low - 1, high + 1)


@theme.unchecked
def axes(landscape: Landscape) -> dict[str, dict[str, Any]]:
    """Return the channels of the plane by direction, x and y, and by what stands along it, a hyperparameter or the score."""
    dimensions = _dimensions(landscape)
    return {direction: {each.name: _spread(direction, each) for each in dimensions} for direction in ("x", "y")}


@theme.unchecked
def tooltip(landscape: Landscape) -> list[dict[str, Any]]:
    """Return the tooltip channel of the config under the pointer."""
    names = landscape.hyperparameters[:NUM_TOOLTIPS]
    texts = [alt.Tooltip(f"text{index}:N", title=name) for index, name in enumerate(names)]
    channel = [alt.Tooltip("config:Q"), alt.Tooltip("words:N", title="score"), *texts]
    return list(_encoding(tooltip=channel)["tooltip"])


def _dimensions(landscape: Landscape) -> list[Dimension]:
    """Return the hyperparameters of a landscape and, as the last, the score."""
    specs = landscape.metadata["space"]["hyperparameters"]
    score = Dimension("score", "score", SCORE, bounds=score_range(landscape))
    return [*(_dimension(landscape, f"value{index}", spec) for index, spec in enumerate(specs)), score]


def _dimension(landscape: Landscape, field: str, spec: Mapping[str, Any]) -> Dimension:
    """Return a hyperparameter given its entry in ConfigSpace's JSON; its choices are text, as in the page's table."""
    made = parallel.dimension(field, spec, landscape.configs[spec["name"]])
    if made.choices is None:
        return made
    inactive = [parallel.INACTIVE] if made.has_inactive else []
    return made._replace(choices=[*map(pages.text, made.choices), *inactive])


def _spread(direction: str, dimension: Dimension) -> dict[str, Any]:
    """Return the position channels of the plane; choices are spread a little so that points do not hide each other."""
    offset = theme.spread(direction) if dimension.choices else {}
    return _encoding(**{direction: parallel.position(direction, dimension, dimension.title), **offset})


def _encoding(**channels: Any) -> dict[str, Any]:
    return dict(theme.spec(alt.Chart(alt.NamedData(CONFIGS)).mark_point().encode(**channels))["encoding"])


def _score_color(legend: alt.Legend | None = None) -> alt.Color:
    return alt.Color("score:Q", scale=alt.Scale(domain=_between("low", "high"), range=theme.ramp()), legend=legend)


def _mark_color(channel: type = alt.Color) -> Any:
    return theme.named(channel, "mark", theme.palette(MARKS))


def _between(low: str, high: str) -> list[alt.ExprRef]:
    """Return the domain of an axis whose ends are two parameters of the chart, by their names."""
    return [alt.ExprRef(low), alt.ExprRef(high)]


def _table(name: str, condition: str | None = None) -> alt.Chart:
    """Return a chart of the rows of a named table that meet a condition."""
    chart = alt.Chart(alt.NamedData(name))
    return chart.transform_filter(condition) if condition else chart


def _figure(*layers: alt.Chart) -> Figure:
    params = [alt.param(name=name, value=None) for name in PARAMETERS]
    return alt.layer(*layers).add_params(*params)


def _plane() -> Figure:
    """Draw a point per config, coloured by its score, the best on top; those that filters leave out are faint."""
    legend = alt.Legend(title="score", orient="top", titleOrient="left", gradientLength=160, gradientThickness=10)
    legend.format, legend.offset = ",.3~r", theme.LANE + 12  # above the lane
    ground, ink, palette = theme.color("ground"), theme.color("ink"), theme.palette(MARKS)
    hollow = MARKS[2:]
    fills = {**palette, **dict.fromkeys(hollow, "transparent")}
    strokes = {**palette, "best": ground, "default": ground}
    shapes = {"best": theme.STAR, "default": "diamond", **dict.fromkeys(hollow, "circle")}
    sizes = {"best": 320, "default": 150, **dict.fromkeys(hollow, 210)}
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
            fill=theme.named(alt.Fill, "mark", fills),
            stroke=theme.named(alt.Stroke, "mark", strokes),
            shape=theme.named(alt.Shape, "mark", shapes),
            size=theme.named(alt.Size, "mark", sizes),
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
        axis=theme.steps_axis(),
        scale=alt.Scale(domain=[0, alt.ExprRef("1.03 * last")], nice=False),
    )
    scale = alt.Scale(domain=_between("lowest", "highest"), nice=False)
    y = alt.Y("return:Q", title="episode return", scale=scale)
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
    scale = alt.Scale(domain=_between("low", "high"), nice=False, padding=8)
    x = alt.X("from:Q", bin="binned", title=SCORE, scale=scale)
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
            x=alt.X("score:Q", title=SCORE, scale=scale), color=_mark_color(), strokeDash=dash
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


@theme.unchecked
def parallel_coordinates(landscape: Landscape) -> Figure:
    """Draw a line per config over all hyperparameters and the score."""
    behind = (
        Lines("!datum.kept", {"color": theme.color("thin"), "strokeWidth": 0.6}),
        Lines("datum.kept", {"strokeWidth": 1.1, "opacity": 0.7}, {"color": _score_color()}),
    )
    front = (
        Lines("isValid(datum.mark)", {"strokeWidth": 3}, {"stroke": _mark_color(alt.Stroke)}),
        Lines("datum.config === hovered", {"color": theme.color("ink"), "strokeWidth": 3}),
        Lines("datum.kept", {"strokeWidth": 9, "opacity": 0}),  # what the pointer meets
    )
    figure = _figure(*parallel.layers(CONFIGS, "config", _dimensions(landscape), behind, front))
    return figure.resolve_scale(y="independent")
