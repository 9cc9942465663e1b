"""The one language of all figures: colours, type sizes, marks and number formats, on pages and in pictures.

Figures are Altair charts, that is, Vega-Lite specifications. A colour in a chart is a name (`color("accent")`), which
Vega-Lite looks up when it draws: `COLORS` holds its value on light and on dark ground, for charts and for the style sheet
of the pages alike. A chart so follows the page from light to dark, and needs no colours of its own.
"""

import contextlib
import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, get_args

import altair as alt
import pandas as pd
from altair.utils import schemapi

from arl import files
from arl.errors import InputError

Ground = Literal["light", "dark"]
Spec = dict[str, Any]
Figure = alt.TopLevelMixin  # a chart of any kind

# Decorates functions that make charts. Altair checks every part of a chart against Vega-Lite's schema, which takes longer
# than all else that a page needs; the tests compile every figure instead.
unchecked = schemapi.debug_mode(False)

SUFFIXES = (".png", ".svg", ".pdf")
NUM_SERIES = 10
NUM_RAMP = 7
# In px beyond a plot: where points stand that have no place on its axis, each moved by its `spread_x` or `spread_y`.
LANE = 18
PIXELS_PER_INCH = 216  # of PNG files: three pixels for a chart's unit of 1/72 inch
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif'

# Series go back to the palette of Okabe and Ito, which the colour-blind tell apart. The ramp goes from low to high scores:
# lightness alone tells them apart, and the best stand out most from the ground.
_PLAIN = {  # on light ground and on dark
    "ground": ("#ffffff", "#14171a"),
    "ink": ("#1b2026", "#e7eaed"),
    "muted": ("#5b6570", "#9ba5af"),
    "rule": ("#d9dde1", "#363c43"),
    "grid": ("#eceef0", "#24292e"),
    "tint": ("#f5f7f8", "#1c2024"),
    "accent": ("#0067a6", "#5cb3ee"),
    "bad": ("#c44a00", "#ff8a4c"),
    "point": ("rgba(92, 107, 122, 0.5)", "rgba(163, 175, 187, 0.5)"),
    "thin": ("rgba(92, 107, 122, 0.22)", "rgba(163, 175, 187, 0.2)"),
    "baseline": ("#6e7882", "#96a0aa"),
    "bar": ("#c9ced3", "#4a525a"),
}
_SERIES = (
    "#0067a6 #d98200 #00896b #b4468c #3ca5d7 #6e5ac8 #c43c1e #82691e #5f9628 #5a3c3c",
    "#5cb3ee #f0ad3e #35c4a0 #e08fbd #a5b8ff #aa9bff #ff8a6c #cdb46e #a0cd69 #be9b96",
)
_RAMP = (
    "#dbe6ab #a9d6a8 #6cbfb2 #3f9fbe #2e78b2 #2b509c #1d2867",
    "#3f4e92 #3567a3 #3186a8 #43aaaa #78c8a0 #b7df92 #f6f2a0",
)
COLORS: dict[Ground, dict[str, str]] = {
    ground: {
        **{name: values[i] for name, values in _PLAIN.items()},
        **{f"series{j + 1}": value for j, value in enumerate(_SERIES[i].split())},
        **{f"ramp{j + 1}": value for j, value in enumerate(_RAMP[i].split())},
    }
    for i, ground in enumerate(get_args(Ground))
}

# Marks of trials. Shapes are Vega's, or SVG paths within the square from -1 to 1.
CROSS = "M-1,-1L1,1M1,-1L-1,1"
STAR = "M0,-1L.28,-.31L1,-.24L.45,.23L.62,.95L0,.56L-.62,.95L-.45,.23L-1,-.24L-.28,-.31Z"

# Formats of numbers on axes, in the notation of d3-format. Each names its precision: without, Vega rounds to its own ticks.
COUNT = ".4~s"  # such as 10k
ROUGH = ".2~s"  # such as 50k for 49,920, where a column stands for it
POWER = ".2~e"  # such as 1e-5
DECIMALS = ",.6~r"  # such as 0.0003 or 1,000


def color(name: str) -> alt.ExprRef:
    """Return the colour of this name in `COLORS`, whichever ground the chart is drawn on."""
    if name not in COLORS["light"]:
        raise KeyError(name)
    return alt.ExprRef(name)


def series(index: int) -> alt.ExprRef:
    """Return the colour of the series of this index; colours repeat after `NUM_SERIES`."""
    return color(series_name(index))


def series_name(index: int) -> str:
    """Return the name of `series(index)`, which is that of its CSS custom property, too."""
    return f"series{index % NUM_SERIES + 1}"


def ramp() -> list[alt.ExprRef]:
    """Return the colours of scores from low to high, the range of a quantitative colour scale."""
    return [color(f"ramp{i + 1}") for i in range(NUM_RAMP)]


def palette(names: Iterable[str]) -> dict[str, alt.ExprRef]:
    """Return a colour for each name, in the order of the series."""
    return {name: series(index) for index, name in enumerate(names)}


def named(channel: type, field: str, values: Mapping[str, Any], legend: alt.Legend | None = None) -> Any:
    """Return a channel of colours, shapes, sizes or dashes, given the one of each value of a column."""
    scale = alt.Scale(type="ordinal", domain=list(values), range=list(values.values()))
    return channel(f"{field}:N", scale=scale, legend=legend)


def legend(**options: Any) -> alt.Legend:
    """Return a legend below a plot."""
    return alt.Legend(title=None, orient="bottom", symbolOpacity=1, **options)


def config() -> dict[str, Any]:
    """Return the Vega-Lite configuration of every chart, without the values of its colours."""

    def ref(name: str) -> dict[str, str]:
        return color(name).to_dict()

    return {
        "background": ref("ground"),
        "font": FONT,
        "numberFormat": DECIMALS,
        "view": {"stroke": None, "continuousWidth": 300, "continuousHeight": 200},
        "axis": {
            "labelColor": ref("muted"),
            "labelFontSize": 11,
            "labelLimit": 260,
            "tickCount": 6,
            "titleColor": ref("muted"),
            "titleFontSize": 12.5,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "gridColor": ref("grid"),
            "domainColor": ref("rule"),
            "tickColor": ref("rule"),
        },
        "axisX": {"grid": False, "labelFlush": False},
        "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
        "legend": {
            "labelColor": ref("muted"),
            "labelFontSize": 11.5,
            "labelLimit": 260,
            "titleColor": ref("muted"),
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "symbolStrokeWidth": 2,
        },
        "title": {
            "anchor": "start",
            "color": ref("ink"),
            "fontSize": 13,
            "fontWeight": "bold",
            "subtitleColor": ref("muted"),
            "subtitleFontSize": 12,
            "offset": 10,
        },
        "header": {"labelColor": ref("ink"), "labelFontSize": 12, "titleColor": ref("muted")},
        "scale": {
            "zero": False,
            "invalid": {
                "x": {"value": {"expr": f"width + {LANE} + (datum.spread_x || 0)"}},
                "y": {"value": {"expr": f"(datum.spread_y || 0) - {LANE}"}},
            },
        },
        "text": {"color": ref("ink")},
        "rule": {"color": ref("muted")},
        "line": {"color": ref("accent")},
        "bar": {"color": ref("accent")},
        "point": {"filled": True, "size": 45, "opacity": 1, "color": ref("accent")},
    }


def themed(spec: Spec, ground: Ground = "light") -> Spec:
    """Return a specification together with its configuration and the colours of a ground: complete, ready to be drawn."""
    parameters = [{"name": name, "value": value} for name, value in COLORS[ground].items()]
    return {**spec, "config": {**config(), "params": parameters}}


def spec(chart: Figure) -> Spec:
    """Return the specification of a chart, to which a page adds the configuration that all its figures share."""
    plain: Spec = chart.to_dict(validate=False)
    return {key: value for key, value in plain.items() if key not in ("$schema", "config")}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table for a chart: numbers by `rounded`, None for what is missing."""
    columns = {name: [_plain(value) for value in frame[name]] for name in frame}
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def data(rows: pd.DataFrame | Iterable[Mapping[str, Any]]) -> alt.InlineData:
    """Return a table as the data of a chart that carries them itself."""
    return alt.InlineData(values=records(rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))))


def rounded(value: float) -> float | None:
    """Return a number of six significant digits, more than a pixel can show; None for NaN and infinities."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool | int | str | list | tuple):
        return value
    return None if pd.isna(value) else rounded(float(value))


def padded(low: float, high: float, share: float = 0.05) -> list[float]:
    """Return the domain of an axis that leaves a share of its length free at both ends."""
    margin = share * (high - low) or 1.0
    return [float(low - margin), float(high + margin)]


def number_format(values: Sequence[float], log: bool = False) -> str:
    """Return the d3 format of the labels of an axis: powers where decimals would be long, else plain decimals."""
    sizes = [abs(value) for value in values if value]
    if sizes and (max(sizes) < 1e-3 or (log and (min(sizes) < 1e-2 or max(sizes) >= 1e6))):
        return POWER
    return COUNT if sizes and min(sizes) >= 1e3 else DECIMALS


def number_axis(
    values: Sequence[float], log: bool = False, ticks: int = 6, domain: Sequence[float] | None = None
) -> tuple[alt.Scale, alt.Axis]:
    """Return scale and axis of a hyperparameter's numbers: as wide as the values, or as the domain if there is one."""
    kind: Literal["log", "linear"] = "log" if log else "linear"
    limits = alt.Undefined if domain is None else list(domain)
    scale = alt.Scale(type=kind, domain=limits, nice=False, padding=8)
    return scale, alt.Axis(
        format=number_format(values, log), tickCount=min(4, ticks) if log else ticks, labelOverlap="greedy"
    )


def position(
    direction: str,
    field: str,
    title: str | None,
    numbers: Sequence[float] | None,
    choices: Sequence[str] = (),
    **options: Any,
) -> Any:
    """Return the position channel of a hyperparameter, with its scale and its axis.

    Args:
        direction: x or y.
        field: column of the values.
        title: of the axis.
        numbers: the values, or their bounds; None for a hyperparameter of choices.
        choices: in the order of the axis; without, they are in alphabetical order.
        options: of `number_axis`.
    """
    channel = {"x": alt.X, "y": alt.Y}[direction]
    if numbers is not None:
        scale, axis = number_axis(numbers, **options)
        return channel(f"{field}:Q", title=title, scale=scale, axis=axis)
    scale, axis = alt.Scale(domain=list(choices) or alt.Undefined), alt.Axis(labelAngle=0, labelLimit=110)
    return channel(f"{field}:N", title=title, scale=scale, axis=axis)


def spread(direction: str) -> dict[str, Any]:
    """Return the channel that spreads the points of a choice by their column `jitter_x` or `jitter_y`, from 0 to 1."""
    offset = {"x": alt.XOffset, "y": alt.YOffset}[direction]
    return {f"{direction}Offset": offset(f"jitter_{direction}:Q", scale=alt.Scale(domain=[-0.5, 1.5]))}


def steps_axis(**options: Any) -> alt.Axis:
    """Return an axis of env steps, or of other counts: ticks stand at whole numbers."""
    return alt.Axis(format=COUNT, tickMinStep=1, **options)


def check_picture(path: Path) -> Path:
    """Return the path if a picture can be written there.

    Raises:
        InputError: a file that is neither PNG, SVG nor PDF, or in a folder that nothing may be written to.
    """
    if path.suffix not in SUFFIXES:
        raise InputError(f"picture must be a .png, .svg or .pdf file, got {path.name!r}")
    files.check_directory(path.parent, "the folder of a picture")
    return path


def save(chart: Figure, path: Path) -> Path:
    """Write a chart on light ground as a PNG, SVG or PDF file, by its suffix, folders included, and return the path.

    Raises:
        InputError: another suffix.
    """
    return save_spec(themed(spec(chart)), path)


def standalone(chart: Figure, tables: Mapping[str, Sequence[Mapping[str, Any]]], width: int, height: int) -> Spec:
    """Return the complete specification of a page's chart, with the tables that it names and a size in px.

    Lines have a legend; on a page it is beside the chart, where it shows and hides them.
    """
    plain = spec(chart)
    datasets = {**tables, **plain.get("datasets", {})}
    return {"width": width, "height": height, **themed(_with_legends(plain)), "datasets": datasets}


def _with_legends(part: Any) -> Any:
    """Return a part of a specification in which lines and bands have a legend of colours and dashes."""
    if isinstance(part, list):
        return [_with_legends(item) for item in part]
    if not isinstance(part, dict):
        return part
    whole = {key: _with_legends(value) for key, value in part.items()}
    mark, channels = whole.get("mark"), whole.get("encoding", {})
    if isinstance(mark, dict) and mark.get("type") in ("line", "area"):
        named = [name for name in ("color", "strokeDash") if "field" in channels.get(name, {})]
        whole["encoding"] = {
            **channels,
            **{name: {**channels[name], "legend": legend(symbolType="stroke").to_dict()} for name in named},
        }
    return whole


def save_spec(complete: Spec, path: Path) -> Path:
    """Write a complete specification as a picture, see `save`."""
    import vl_convert

    check_picture(path)
    if path.suffix == ".png":
        picture = vl_convert.vegalite_to_png(complete, ppi=PIXELS_PER_INCH)
    elif path.suffix == ".pdf":
        picture = vl_convert.vegalite_to_pdf(complete)
    else:
        picture = vl_convert.vegalite_to_svg(complete).encode()
    return files.write_bytes(path, picture)


@functools.cache
def javascript() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script, which defines `vegaEmbed`.

    Bundling takes seconds, so the script is kept in the user's cache directory.
    """
    import platformdirs
    import vl_convert

    path = platformdirs.user_cache_path("arl") / f"vega-{version('vl-convert-python')}.js"
    if path.is_file():
        return path.read_text(encoding="utf-8")
    bundle = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
    script = f"(() => {{{bundle}}})();"  # so that its names stay its own
    with contextlib.suppress(OSError):  # a cache that can't be written costs time alone
        files.write_text(path, script)
    return script
