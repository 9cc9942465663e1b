"""What the reports have in common: how they write numbers, lay out figures and find their template.

Figures are plain dicts in plotly's schema, drawn by the plotly.js that the page carries. Their colours are names of CSS
custom properties ("--accent"), which the page replaces by the values in force, so that figures follow light and dark.

Two kinds of text leave a report. What goes to the template is escaped there. What goes into a figure passes `escape`,
because plotly reads `<b>` and the like in its labels as markup.
"""

import functools
import html
import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from arl.text import number

TEMPLATES = Path(__file__).parent / "templates"
MISSING = "\u2013"
MINUS = "\u2212"


@functools.cache
def template(name: str) -> jinja2.Template:
    """A page of the folder of templates."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    env.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    return env.get_template(name)


def definitions(mapping: dict[str, Any]) -> list[tuple[str, str | list[tuple[str, str]]]]:
    """Terms and texts; a dict becomes a list of its own, and what lies deeper is written on one line."""
    return [(str(key), nested(value) or inline(value)) for key, value in mapping.items()]


def nested(value: Any) -> list[tuple[str, str]]:
    return [(str(key), inline(item)) for key, item in value.items()] if isinstance(value, dict) else []


def inline(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {inline(item)}" for key, item in value.items()) or MISSING
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(inline(item) for item in value) or MISSING
    return text(value)


def cell(value: Any, write: Callable) -> dict[str, str | None]:
    if missing(value):
        return {"text": MISSING, "key": None}
    known = plain(value)
    return {"text": write(known), "key": repr(known) if is_number(known) else str(known).lower()}


def layout(x_axis: dict, y_axis: dict) -> dict:
    axis = {
        "gridcolor": "--grid",
        "linecolor": "--rule",
        "zeroline": False,
        "exponentformat": "SI",
        "minexponent": 4,
        "tickfont": {"size": 11},
        "automargin": True,
    }
    return {
        "xaxis": {**axis, "showgrid": False, "showline": True, "ticks": "outside", "tickcolor": "--rule", **x_axis},
        "yaxis": {**axis, **y_axis},
        "font": {"size": 12, "color": "--muted"},
        "hoverlabel": {
            "bgcolor": "--ground",
            "bordercolor": "--rule",
            "font": {"color": "--ink", "size": 12},
            "align": "left",
        },
        "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": "--muted", "activecolor": "--ink"},
        "margin": {"l": 56, "r": 16, "t": 10, "b": 44},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "showlegend": False,
    }


def axis_title(text: str) -> dict:
    return {"text": text, "standoff": 8, "font": {"size": 13}}


def padded(low: float, high: float) -> list[float]:
    margin = 0.05 * (high - low) or 1.0
    return [float(low - margin), float(high + margin)]


def missing(value: Any) -> bool:
    return not isinstance(value, list | tuple | set | frozenset | dict) and bool(pd.isna(value))


def plain(value: Any) -> Any:
    """A Python value for a numpy scalar, None for any kind of missing."""
    if missing(value):
        return None
    return value.item() if hasattr(value, "item") else value


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_numeric(values: Iterable[Any]) -> bool:
    """Whether all values that are present are numbers; True where none is."""
    return all(is_number(plain(value)) for value in values if not missing(value))


def numbers(values: Iterable[float]) -> list[float | None]:
    """Six significant digits, more than a pixel can show and a third of the bytes; None for NaN and infinities."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in map(float, values)]


def text(value: Any) -> str:
    value = plain(value)
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    return number(float(value)) if is_number(value) else str(value)


def score_format(return_range: tuple[float, float]) -> Callable[[float], str]:
    """Writes scores with `score_decimals`, so that columns align."""
    decimals = score_decimals(return_range)

    def score(value: float) -> str:
        return MISSING if missing(value) else f"{value:.{decimals}f}".replace("-", MINUS)

    return score


def score_decimals(return_range: tuple[float, float]) -> int:
    """As many decimals as show a thousandth of the return range."""
    span = abs(return_range[1] - return_range[0]) or 1.0
    return min(max(2 - math.floor(math.log10(span)), 1), 8)


def clock(moment: str) -> str:
    """An ISO time to the second, without its zone and with a space for the T."""
    return str(moment)[:19].replace("T", " ")


def escape(text: str) -> str:
    return html.escape(text, quote=False)
