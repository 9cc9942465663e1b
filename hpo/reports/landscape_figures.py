"""Pictures of landscapes and of their analyses, for papers and terminals without a browser.

Each function takes a table that `analysis`, `ablation` or `task_similarity` gives and writes a PNG, SVG or PDF file.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from arl.errors import InputError, unknown
from arl.text import plural
from hpo.reports import pages, theme
from landscapes import scoring
from landscapes.dataset import Landscape

WIDTH, HEIGHT = 360, 240  # px of a picture's plot where nothing asks for another size
ROW, CELL, LINE = 22, 38, 13  # px: height of a row, width of a cell of numbers, height of a line of text
Layers = alt.LayerChart | alt.FacetChart  # what `alt.layer` gives
OUTCOMES = {"tuning": "incumbent, tuning seeds", "test": "incumbent, other seeds", "best": "best of them, other seeds"}
NUM_BINS = 30


@theme.unchecked
def landscape(data: Landscape, x: str, y: str | None, path: Path) -> Path:
    """Draw the mean scores of all configs over one hyperparameter, or over two with the score as colour.

    Raises:
        InputError: an unknown hyperparameter, or a file type that can't be written.
    """
    for name in (x, *([y] if y else [])):
        if name not in data.hyperparameters:
            raise unknown(f"hyperparameter of {data.name}", name, data.hyperparameters)
    if x == y:
        raise InputError(f"x and y must be two hyperparameters, got {x} twice")
    scores = data.scores().dropna(subset=[name for name in (x, y) if name]).sort_values("score")
    title = f"{data.name}: {len(scores)} configs, {plural(len(data.seeds), 'seed')}"
    chart = _over_two(data, scores, x, y) if y else _over_one(data, scores, x)
    return theme.save(chart.properties(width=WIDTH, height=HEIGHT, title=title), path)


def _over_one(data: Landscape, scores: pd.DataFrame, x: str) -> Layers:
    """Draw each config's mean with the quartiles of its seeds over x; where x is a number, also the running median."""
    low, high = np.quantile(data.cube[scores.index, :, -1], [0.25, 0.75], axis=1)
    base = alt.Chart(_points(data, scores.assign(low=low, high=high), x)).encode(**_axis(data, "x", x))
    seeds, median = "mean and quartiles of seeds", "running median"
    key = _legend({seeds: theme.series(0), median: theme.series(1)} if x in data.numbers else {seeds: theme.series(0)})
    title = "mean return"
    layers = [
        key(base.mark_rule(opacity=0.35, strokeWidth=0.7).encode(y=_y("low", title), y2="high:Q"), seeds),
        key(base.mark_point(opacity=0.75, size=16).encode(y=_y("score", title)), seeds),
    ]
    if x in data.numbers:
        ordered = scores.sort_values(x)
        smooth = ordered.score.rolling(max(len(scores) // 10, 5), center=True).median()
        rows = pd.DataFrame({"x": ordered[x].astype(float), "median": smooth}).dropna()
        line = alt.Chart(theme.data(rows)).encode(**_axis(data, "x", x)).mark_line(strokeWidth=2.5)
        layers.append(key(line.encode(y=_y("median", title)), median))
    return alt.layer(*layers)


def _over_two(data: Landscape, scores: pd.DataFrame, x: str, y: str) -> alt.Chart:
    """Draw configs as points over x and y, coloured by score, the best on top."""
    color = alt.Color(
        "score:Q",
        scale=alt.Scale(range=theme.ramp()),
        legend=alt.Legend(title="mean return", gradientLength=HEIGHT - 40),
    )
    base = alt.Chart(_points(data, scores, x, y)).mark_point(size=55, stroke=theme.color("ground"), strokeWidth=0.5)
    return base.encode(**_axis(data, "x", x), **_axis(data, "y", y), color=color)


def _points(data: Landscape, frame: pd.DataFrame, x: str, y: str | None = None) -> alt.InlineData:
    """Return a row per config: its hyperparameters as columns `x` and `y`, choices as text, and offsets to spread choices."""
    rng = np.random.default_rng(0)
    columns = {"x": x, "y": y} if y else {"x": x}
    values = {
        axis: frame[name] if name in data.numbers else frame[name].map(pages.text) for axis, name in columns.items()
    }
    jitter = {f"jitter_{axis}": rng.uniform(size=len(frame)) for axis in columns}
    rest = frame[[name for name in ("score", "low", "high") if name in frame]]
    return theme.data(rest.assign(**values, **jitter))


def _axis(data: Landscape, direction: str, name: str) -> dict[str, Any]:
    """Return the position channels of a hyperparameter: numbers on its scale; choices side by side, their points spread."""
    if name not in data.numbers:
        return {direction: theme.position(direction, direction, name, None), **theme.spread(direction)}
    values = data.configs[name].dropna().astype(float).to_list()
    return {direction: theme.position(direction, direction, name, values, log=name in data.log_hyperparameters)}


@theme.unchecked
def importance(
    data: Landscape, fanova: pd.DataFrame, ped_anova: pd.DataFrame, path: Path, score: str = "final"
) -> Path:
    """Draw importance at each evaluation point by both methods, `analysis.fanova` and `analysis.importance`, and at the last
    beside each other, with one standard deviation over the trees where there are any.
    """
    alone = fanova[fanova.other.isna()]
    shares = alone.pivot(index="hyperparameter", columns="point", values="share")
    spread = alone.pivot(index="hyperparameter", columns="point", values="share_std").iloc[:, -1]
    ped = ped_anova.set_index("hyperparameter").set_axis(shares.columns, axis=1).reindex(shares.index)
    steps = alone.groupby("point").env_steps.first()
    order = (shares.iloc[:, -1] + ped.iloc[:, -1]).sort_values(ascending=False).index.to_list()
    last = {"fANOVA, std of trees": (shares.iloc[:, -1], spread), "PED-ANOVA": (ped.iloc[:, -1], 0.0)}
    bars = pd.concat(
        pd.DataFrame({"method": method, **_percent(share, std)}) for method, (share, std) in last.items()
    ).reset_index()
    maps = [
        _importance_map(table, steps, order, title, labels=title.startswith("fANOVA"))
        for title, table in (("fANOVA, %", shares), ("PED-ANOVA, %", ped))
    ]
    chart = alt.hconcat(*maps, _importance_bars(bars, order), spacing=14)
    return theme.save(chart.properties(title=f"{_subject(data.name, score)}: importance of hyperparameters"), path)


def _percent(share: pd.Series, std: pd.Series | float) -> dict[str, pd.Series]:
    """Return shares in percent, and the ends of the interval of one standard deviation around them."""
    return {"share": 100 * share, "low": 100 * (share - std).clip(lower=0), "high": 100 * (share + std)}


def _importance_map(table: pd.DataFrame, steps: pd.Series, order: Sequence[str], title: str, labels: bool) -> Layers:
    rows = (100 * table).rename(columns=steps).melt(var_name="env_steps", value_name="share", ignore_index=False)
    x = alt.X("env_steps:O", title="env steps", axis=_steps_axis())
    y = alt.Y("hyperparameter:N", title=None, sort=list(order), axis=alt.Axis(labels=labels, labelLimit=200))
    layers = cells(alt.Chart(theme.data(rows.reset_index())), x, y, "share", ".0f", largest=100)
    width = CELL * len(steps) * 0.8
    return alt.layer(*layers).properties(width=width, height=ROW * len(order), title=_panel_title(title))


def _importance_bars(rows: pd.DataFrame, order: Sequence[str]) -> Layers:
    methods = list(rows.method.unique())
    color = theme.named(alt.Color, "method", theme.palette(methods), theme.legend())
    base = alt.Chart(theme.data(rows))
    y = alt.Y("hyperparameter:N", title=None, sort=list(order), axis=alt.Axis(labels=False))
    offset = alt.YOffset("method:N", sort=methods)
    axis, title = alt.Axis(grid=True, tickCount=4), "importance, %"
    bars = base.mark_bar().encode(x=alt.X("share:Q", title=title, axis=axis), y=y, yOffset=offset, color=color)
    errors = base.transform_filter("datum.high > datum.low").mark_rule(color=theme.color("ink"))
    layers = [bars, errors.encode(x=alt.X("low:Q", title=title, axis=axis), x2="high:Q", y=y, yOffset=offset)]
    return alt.layer(*layers).properties(width=200, height=ROW * len(order), title=_panel_title("full run"))


@theme.unchecked
def interactions(data: Landscape, fanova: pd.DataFrame, path: Path, top: int = 10, score: str = "final") -> Path:
    """Draw the largest pairwise interactions of `analysis.fanova` at one point, with one standard deviation over trees."""
    pairs = fanova.dropna(subset="other").sort_values("share", ascending=False)
    alone, both = 100 * fanova.share[fanova.other.isna()].sum(), 100 * pairs.share.sum()
    rows = pairs.head(top)
    names = [f"{row.hyperparameter} and {row.other}" for row in rows.itertuples()]
    table = pd.DataFrame(_percent(rows.share, rows.share_std)).assign(pair=names)
    y = alt.Y("pair:N", title=None, sort=names, axis=alt.Axis(labelLimit=340))
    base, title = alt.Chart(theme.data(table)), "share of the variance, %"
    axis = alt.Axis(grid=True)
    chart = alt.layer(
        base.mark_bar(size=13).encode(x=alt.X("share:Q", title=title, axis=axis), y=y),
        base.mark_rule(color=theme.color("ink")).encode(x=alt.X("low:Q", title=title, axis=axis), x2="high:Q", y=y),
    )
    heading = alt.Title(
        f"{_subject(data.name, score)}: largest interactions (fANOVA, lines: std of trees)",
        subtitle=f"alone {alone:.0f} %, pairs {both:.0f} %, more {100 - alone - both:.0f} %",
    )
    return theme.save(chart.properties(width=WIDTH * 0.7, height=ROW * len(names), title=heading), path)


@theme.unchecked
def ablation(data: Landscape, steps: pd.DataFrame, path: Path, note: str = "", score: str = "final") -> Path:
    """Draw `ablation.path`: the predicted score after each step, with the spread over the forest's trees, and what was
    measured at both ends, with the spread over seeds. `note` is the subtitle.
    """
    labels = [_changes(*row) for row in zip(steps.hyperparameters, steps.change, strict=True)]
    rows, y, height = _rows(labels)
    title, grid = _score_title(score), alt.Axis(grid=True)
    predicted, measured = "predicted, std of trees", "measured, std of seeds"
    key = _legend({predicted: theme.series(0), measured: theme.series(1)})
    layers: list[alt.Chart] = []
    for name, value, std, shape in (
        (predicted, steps.score, steps.score_std, "circle"),
        (measured, steps.measured, steps.measured_std, "diamond"),
    ):
        table = pd.DataFrame(
            {"row": rows, "value": value.array, "low": (value - std).array, "high": (value + std).array}
        )
        base = key(alt.Chart(theme.data(table.dropna(subset="value"))).encode(y=y), name)
        x = alt.X("value:Q", title=title, axis=grid, scale=alt.Scale(padding=8))
        if name == predicted:
            layers.append(base.mark_line(strokeWidth=1.2).encode(x=x, order="row:Q"))
        layers.append(base.mark_rule().encode(x=alt.X("low:Q", title=title, axis=grid), x2="high:Q"))
        layers.append(base.mark_point(shape=shape, size=60).encode(x=x))
    heading = alt.Title(
        f"{_subject(data.name, score)}: from the default config to the best", subtitle=note or alt.Undefined
    )
    return theme.save(alt.layer(*layers).properties(width=WIDTH, height=height, title=heading), path)


@theme.unchecked
def fidelity_correlation(data: Landscape, table: pd.DataFrame, path: Path, score: str = "final") -> Path:
    """Draw `analysis.fidelity_correlation`."""
    rows = _long(table, [int(steps) for steps in table])
    x, y = alt.X("x:O", title="env steps", axis=_steps_axis()), alt.Y("y:O", title="env steps", axis=_steps_axis())
    layers = cells(alt.Chart(theme.data(rows)), x, y, "value", ".2f")
    heading = alt.Title(
        f"{_subject(data.name, score)}: rank correlation between fidelities", subtitle="Spearman correlation"
    )
    size = {"width": CELL * len(table), "height": ROW * len(table)}
    return theme.save(alt.layer(*layers).properties(title=heading, **size), path)


@theme.unchecked
def reliability(data: Landscape, table: pd.DataFrame, path: Path, score: str = "final") -> Path:
    """Draw `analysis.reliability`, and how it goes on with more seeds by the formula of Spearman and Brown."""
    last = table.iloc[-1]
    more = np.linspace(last.seeds, len(data.seeds), 50)
    single = last.correlation / (last.seeds - (last.seeds - 1) * last.correlation)  # of one seed with one other
    predicted = pd.DataFrame({"seeds": more, "predicted": more * single / (1 + (more - 1) * single)})
    mean, formula = "mean of splits, 9 of 10 of them in the band", "Spearman-Brown"
    key = _legend({mean: theme.series(0), formula: theme.color("baseline")})
    title = "rank correlation"
    scale = alt.Scale(domain=[min(0.0, float(table.low.min())), 1.02], nice=False)
    x = alt.X(
        "seeds:Q",
        title="seeds in each half",
        axis=alt.Axis(tickMinStep=1, format="d"),
        scale=alt.Scale(nice=False, padding=8),
    )
    base = alt.Chart(theme.data(table[["seeds", "correlation", "low", "high"]])).encode(x=x)
    dashed = alt.Chart(theme.data(predicted)).mark_line(strokeDash=[5, 4]).encode(x=x)
    layers = [
        base.mark_area(opacity=0.15, color=theme.series(0)).encode(
            y=alt.Y("low:Q", title=title, scale=scale), y2="high:Q"
        ),
        key(base.mark_line(point=True).encode(y=alt.Y("correlation:Q", title=title, scale=scale)), mean),
        key(dashed.encode(y=alt.Y("predicted:Q", title=title, scale=scale)), formula),
    ]
    heading = f"{_subject(data.name, score)}: agreement between seeds"
    return theme.save(alt.layer(*layers).properties(width=WIDTH * 0.8, height=HEIGHT * 0.9, title=heading), path)


@theme.unchecked
def distribution(data: Landscape, table: pd.DataFrame, path: Path, score: str = "final") -> Path:
    """Draw the distribution of the configs' scores, and the share of them near the best: over all seeds, marked by
    `analysis.near_best`, and of single seeds.
    """
    runs = scoring.of_runs(data, score)
    configs = scoring.over_seeds(runs, score)
    heading = f"{_subject(data.name, score)}: {len(runs)} configs, {plural(runs.shape[1], 'seed')}"
    histogram = _histogram(data, configs, _score_title(score))
    panels = alt.hconcat(histogram, _near_best(data, runs, configs, table), spacing=30)
    chart = panels.resolve_scale(color="independent")
    return theme.save(chart.properties(title=heading), path)


def _histogram(data: Landscape, configs: np.ndarray, title: str) -> Layers:
    default = "default config"
    axis = alt.Axis(labelOverlap="greedy")
    x = alt.X("score:Q", bin=alt.Bin(maxbins=NUM_BINS), title=f"{title} over seeds", axis=axis)
    bars = (
        alt.Chart(theme.data(pd.DataFrame({"score": configs})))
        .mark_bar()
        .encode(x=x, y=alt.Y("count()", title="configs"))
    )
    key = _legend({default: theme.series(1)})
    mark = alt.Chart(theme.data([{"score": float(configs[0])}])).mark_rule(strokeDash=[5, 4], strokeWidth=2)
    layers = [bars, key(mark.encode(x="score:Q"), default)] if data.has_default else [bars]
    return alt.layer(*layers).properties(width=WIDTH * 0.8, height=HEIGHT * 0.9)


def _near_best(data: Landscape, runs: np.ndarray, configs: np.ndarray, table: pd.DataFrame) -> Layers:
    """Draw the share of configs within each distance from the best, in percent of the return range."""
    span, seeds, together = abs(data.return_range[1] - data.return_range[0]), "single seeds", "all seeds"
    x = alt.X(
        "distance:Q",
        title="distance from the best, % of the return range",
        scale=alt.Scale(domain=[0, 100], clamp=True),
    )
    y = alt.Y("share:Q", title="share of configs", scale=alt.Scale(domain=[0, 1]))
    key = _legend({seeds: theme.color("bar"), together: theme.series(0)})

    def line(scores: np.ndarray, name: str, **marks: Any) -> alt.Chart:
        chart = alt.Chart(theme.data(_shares(scores, span))).mark_line(interpolate="step-after", **marks)
        return key(chart.encode(x=x, y=y, detail="seed:N"), name)

    marked = pd.DataFrame({"distance": 100 * table.within, "share": table.configs})
    words = [f"within {100 * row.within:g} %: {100 * row.configs:.2g} % of configs" for row in table.itertuples()]
    note = alt.Chart(alt.InlineData(values=[{}])).mark_text(
        text=words, align="left", baseline="top", fontSize=10.5, lineHeight=LINE, color=theme.color("muted")
    )
    layers = [
        line(runs, seeds, strokeWidth=0.8),
        line(configs[:, None], together, strokeWidth=2.2),
        key(alt.Chart(theme.data(marked)).mark_point(size=35).encode(x=x, y=y), together),
        note.encode(x=alt.value(8), y=alt.value(4)),
    ]
    return alt.layer(*layers).properties(width=WIDTH * 0.8, height=HEIGHT * 0.9)


def _shares(scores: np.ndarray, span: float) -> pd.DataFrame:
    """Return, for each seed, the share of configs within each distance from that seed's best, of scores `(config, seed)`."""
    distance = np.sort(100 * (scores.max(axis=0) - scores) / span, axis=0)
    share = np.arange(1, len(scores) + 1) / len(scores)
    seeds = np.arange(scores.shape[1])
    columns = {"distance": distance.T.ravel(), "share": np.tile(share, len(seeds)), "seed": seeds.repeat(len(scores))}
    return pd.DataFrame(columns)


@theme.unchecked
def optimism(data: Landscape, table: pd.DataFrame, path: Path, score: str = "final") -> Path:
    """Draw `analysis.optimism`, a panel per number of configs; bands of one standard deviation over repetitions."""
    runs = scoring.of_runs(data, score)
    least, most = runs.min(), runs.max()
    rows = [
        {
            "panel": f"best of {row['configs']} configs",
            "seeds": row["seeds"],
            "outcome": label,
            "mean": row[name],
            "low": max(row[name] - row.get(f"{name}_std", 0.0), least),
            "high": min(row[name] + row.get(f"{name}_std", 0.0), most),
        }
        for row in table.sort_values("configs").to_dict("records")
        for name, label in OUTCOMES.items()
    ]
    panels, outcomes = list(dict.fromkeys(row["panel"] for row in rows)), list(OUTCOMES.values())
    color = theme.named(alt.Color, "outcome", theme.palette(outcomes), theme.legend())
    shapes = dict(zip(outcomes, ("circle", "square", "triangle-up"), strict=True))
    axis = alt.Axis(values=sorted({int(row["seeds"]) for row in rows}), format="d")
    x = alt.X("seeds:Q", title="tuning seeds", axis=axis, scale=alt.Scale(nice=False, padding=8))
    title, scale = _score_title(score), alt.Scale(nice=False, padding=6)
    base = alt.Chart(theme.data(rows)).encode(x=x, color=color)
    mean = alt.Y("mean:Q", title=title, scale=scale)
    layers = alt.layer(
        base.transform_filter("datum.high > datum.low").mark_area(opacity=0.12).encode(y=_y("low", title), y2="high:Q"),
        base.mark_line(strokeWidth=1.8).encode(y=mean),
        base.mark_point(size=35).encode(y=mean, shape=theme.named(alt.Shape, "outcome", shapes, theme.legend())),
    )
    header = alt.Header(title=None, labelAnchor="start")
    chart = layers.properties(width=WIDTH * 0.55, height=HEIGHT * 0.8).facet(
        column=alt.Column("panel:N", sort=panels, header=header), spacing=18
    )
    return theme.save(chart.properties(title=f"{_subject(data.name, score)}: random search"), path)


@theme.unchecked
def task_correlation(table: pd.DataFrame, num_configs: int, path: Path, score: str = "final") -> Path:
    """Draw `task_similarity.correlation`."""
    names = [_env(name) for name in table]
    x = alt.X("x:N", title=None, sort=names, axis=alt.Axis(labelAngle=-35, labelLimit=200))
    y = alt.Y("y:N", title=None, sort=names, axis=alt.Axis(labelLimit=200))
    layers = cells(alt.Chart(theme.data(_long(table, names))), x, y, "value", ".2f")
    algorithm = table.columns[0].split("/")[0]
    heading = alt.Title(
        f"{_subject(algorithm, score)}: rank correlation between tasks, {num_configs} configs",
        subtitle="Spearman correlation",
    )
    size = CELL * 1.3 * len(table)
    return theme.save(alt.layer(*layers).properties(width=size, height=size * 0.7, title=heading), path)


@theme.unchecked
def subsets(table: pd.DataFrame, path: Path, score: str = "final") -> Path:
    """Draw `task_similarity.subsets`: all subsets, and the best of each size with its interval and its tasks."""
    best = table.groupby("size", as_index=False).first()
    labels = []
    for row in best.itertuples():
        first, *others = map(_env, row.tasks.split(", "))
        labels.append([f"{row.size}: {first}", *others])
    rows, y, height = _rows(labels)
    place = dict(zip(best["size"], rows, strict=True))
    every, chosen = "every subset", "best of its size, 95 %"
    key = _legend({every: theme.color("bar"), chosen: theme.series(0)})
    title = "rank correlation of prediction and mean over all tasks"
    x = alt.X("correlation:Q", title=title, scale=alt.Scale(padding=8), axis=alt.Axis(grid=True))
    base = key(alt.Chart(theme.data(best[["correlation", "low", "high"]].assign(row=rows))).encode(y=y), chosen)
    points = alt.Chart(theme.data(table[["correlation"]].assign(row=table["size"].map(place)))).mark_point(size=25)
    layers = [
        key(points.encode(x=x, y=y), every),
        base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q", title=title), x2="high:Q"),
        base.mark_line(point={"size": 60}).encode(x=x, order="row:Q"),
    ]
    heading = f"{_subject(table.tasks[0].split('/')[0], score)}: what a subset of tasks says of all"
    return theme.save(alt.layer(*layers).properties(width=WIDTH, height=height, title=heading), path)


def cells(base: alt.Chart, x: alt.X, y: alt.Y, value: str, number_format: str, largest: float = 1.0) -> list[alt.Chart]:
    """Return the layers of a table of numbers: each cell with its number, the stronger in colour the larger it is.

    Args:
        base: a chart with a row per cell.
        x: the columns of the table.
        y: the rows of the table.
        value: field of the numbers; negative ones have a colour of their own, and a missing one leaves its cell empty.
        number_format: how numbers are written, in d3's notation.
        largest: the number of the strongest colour.
    """
    sign = alt.condition(f"datum.{value} < 0", alt.value(theme.series(1)), alt.value(theme.series(0)))
    strength = f"min(1, abs(datum.{value}) / {largest})"
    opacity = alt.FillOpacity("strength:Q", scale=alt.Scale(domain=[0, 1], range=[0, 0.75]), legend=None)
    rects = base.transform_calculate(strength=strength).mark_rect(stroke=theme.color("ground"))
    numbers = base.transform_filter(f"isValid(datum.{value})").mark_text(fontSize=10.5)
    text = alt.Text(f"{value}:Q", format=number_format)
    return [rects.encode(x=x, y=y, fill=sign, fillOpacity=opacity), numbers.encode(x=x, y=y, text=text)]


def _long(table: pd.DataFrame, names: Sequence[Any]) -> list[dict[str, Any]]:
    """Return a row per cell of a square table, whose columns and rows are called by these names."""
    values = table.to_numpy(float)
    return [{"x": names[j], "y": names[i], "value": values[i, j]} for i, j in np.ndindex(values.shape)]


def _rows(labels: Sequence[Sequence[str]]) -> tuple[list[float], alt.Y, float]:
    """Return the places of rows with labels of several lines, the axis that writes the labels, and the total height in px.

    A row's marks stand beside the first line of its label.
    """
    heights = [LINE * len(label) + 10.0 for label in labels]
    rows = [below - height + 5 + LINE / 2 for below, height in zip(np.cumsum(heights).tolist(), heights, strict=True)]
    words = f"({json.dumps(labels)})[indexof({json.dumps(rows)}, datum.value)]"
    axis = alt.Axis(values=rows, labelExpr=words, grid=False, labelLimit=400, labelLineHeight=LINE)
    y = alt.Y("row:Q", title=None, axis=axis, scale=alt.Scale(domain=[sum(heights), 0], nice=False))
    return rows, y, sum(heights)


def _legend(colors: Mapping[str, alt.ExprRef]) -> Callable[[alt.Chart, str], alt.Chart]:
    """Return a function that colours a layer and puts it into the legend, given its name there."""
    color = theme.named(alt.Color, "key", colors, theme.legend())

    def key(layer: alt.Chart, name: str) -> alt.Chart:
        return layer.transform_calculate(key=json.dumps(name)).encode(color=color)

    return key


def _subject(name: str, score: str) -> str:
    """Return what a picture is of, with the score unless it is the final one."""
    return name if score == "final" else f"{name}, {score}"


def _score_title(score: str) -> str:
    return "mean return" if score == "final" else score


def _y(field: str, title: str) -> alt.Y:
    return alt.Y(f"{field}:Q", title=title, scale=alt.Scale(padding=6, nice=False))


def _steps_axis() -> alt.Axis:
    return alt.Axis(format=theme.ROUGH, labelAngle=0)


def _panel_title(text: str) -> alt.TitleParams:
    return alt.Title(text, fontSize=11.5, fontWeight="normal", offset=6)


def _env(task: str) -> str:
    return task.partition("/")[2]


def _changes(names: str, values: str) -> list[str]:
    """Return a line per hyperparameter that a step changes, with its value."""
    return [f"{name} {value}".strip() for name, value in zip(names.split(", "), values.split(", "), strict=True)]
