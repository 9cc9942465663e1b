"""Parts that all pages share: templates, the writing of values, and the scripts and data of their figures.

A page is one HTML file that holds its data and its code and fetches nothing. Text goes through the template, which escapes
it; in figures Vega draws it as text, and its tooltips escape it.
"""

import functools
import math
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import jinja2
import pandas as pd
from markupsafe import Markup

from arl import files
from arl.text import number
from hpo.reports import theme

TEMPLATES = Path(__file__).parent / "templates"
MISSING = "\u2013"
MOST_ELEMENTS = 2000  # rows of a table up to which figures are SVG, whose every mark is an element of the page
MINUS = "\u2212"

Terms = list[tuple[str, "str | Terms"]]


class Cell(TypedDict):
    """A cell of a table that can be sorted: its text, and its sort key; without a key it comes last either way."""

    text: str
    key: str | None


@functools.cache
def template(name: str, folder: Path = TEMPLATES) -> jinja2.Template:
    """Return a page's template from a folder, whose templates may rest on those of the reports."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    env.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":"), "ensure_ascii": False}
    return env.get_template(name)


def render(
    page: str,
    figures: Mapping[str, theme.Figure],
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    folder: Path = TEMPLATES,
    **values: Any,
) -> str:
    """Return the page of a template.

    Args:
        page: name of the template.
        figures: charts by the id that the template gives their place.
        tables: data of charts by the name under which they ask for them.
        folder: where the template is.
        values: what else the template shows.
    """
    shared = {"colors": theme.COLORS, "javascript": Markup(theme.javascript())}
    return template(page, folder).render(drawing=drawing(figures, tables), **shared, **values)


def drawing(figures: Mapping[str, theme.Figure], tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Any]:
    """Return what the script of a page draws its figures from, as JSON values; the arguments are those of `render`."""
    is_large = any(len(rows) > MOST_ELEMENTS for rows in tables.values())
    return {
        "config": theme.config(),
        "colors": theme.COLORS,
        "figures": {place: theme.spec(chart) for place, chart in figures.items()},
        "tables": tables,
        "renderer": "canvas" if is_large else "svg",
    }


def write(page: str, path: Path) -> Path:
    """Write a page to `path`, folders included, and return `path`."""
    return files.write_text(Path(path), page)


def quoted(command: Sequence[str]) -> list[str]:
    """Return the words of a command as a shell takes them."""
    return [shlex.quote(word) for word in command]


def definitions(mapping: Mapping[str, Any]) -> Terms:
    """Return terms and texts; a dict becomes a list of its own, and what lies deeper is written on one line."""
    return [(str(key), _nested(value) or inline(value)) for key, value in mapping.items()]


def _nested(value: Any) -> Terms:
    return [(str(key), inline(item)) for key, item in value.items()] if isinstance(value, dict) else []


def inline(value: Any) -> str:
    """Return a value of any kind on one line."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {inline(item)}" for key, item in value.items()) or MISSING
    if isinstance(value, list | tuple | set | frozenset):
        return ", ".join(inline(item) for item in value) or MISSING
    return text(value)


def cell(value: Any, write: Callable[[Any], str]) -> Cell:
    """Return a table's cell, its text as `write` gives it."""
    if missing(value):
        return {"text": MISSING, "key": None}
    value = plain(value)
    return {"text": write(value), "key": repr(value) if is_number(value) else str(value).lower()}


def missing(value: Any) -> bool:
    """Return whether a value is NaN, None or NA."""
    return not isinstance(value, list | tuple | set | frozenset | dict) and bool(pd.isna(value))


def plain(value: Any) -> Any:
    """Return a Python value for a numpy scalar, None for any kind of missing."""
    if missing(value):
        return None
    return value.item() if hasattr(value, "item") else value


def is_number(value: Any) -> bool:
    """Return whether a Python value is a number; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_numeric(values: Iterable[Any]) -> bool:
    """Return whether all values that are present are numbers; True where none is."""
    if isinstance(values, pd.Series) and values.dtype.kind in "if":
        return True
    return all(is_number(plain(value)) for value in values if not missing(value))


def frame_of_texts(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table with the texts of its values."""
    return frame.apply(lambda column: column.map(text))


def text(value: Any) -> str:
    """Return a scalar as text, numbers as `arl.text.number` writes them."""
    value = plain(value)
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return str(value).lower()
    return number(float(value)) if is_number(value) else str(value)


def score_format(return_range: tuple[float, float]) -> Callable[[float], str]:
    """Return a function that writes scores with `score_decimals`, so that columns align."""
    decimals = score_decimals(return_range)

    def score(value: float) -> str:
        return MISSING if missing(value) else f"{value:.{decimals}f}".replace("-", MINUS)

    return score


def score_decimals(return_range: tuple[float, float]) -> int:
    """Return as many decimals as show a thousandth of the return range, between one and eight."""
    span = abs(return_range[1] - return_range[0]) or 1.0
    return min(max(2 - math.floor(math.log10(span)), 1), 8)


def clock(moment: str) -> str:
    """Return an ISO time to the second, without its zone and with a space for the T."""
    return str(moment)[:19].replace("T", " ")
