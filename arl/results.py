"""How results show themselves: as text in a Python shell, as a table and a chart in a notebook."""

import html
from typing import TYPE_CHECKING

from arl.text import plural

if TYPE_CHECKING:
    import pandas as pd

_MOST_COLUMNS = 20
_WIDTH = 100
_NUMBERS = "{:.4g}".format


def as_text(headline: str, frame: "pd.DataFrame", members: str) -> str:
    """Return a headline, a table in so many blocks of columns as it needs, and where there is more.

    Of a very wide table the last columns are left out.
    """
    shown = frame.iloc[:, :_MOST_COLUMNS]
    num_hidden = frame.shape[1] - shown.shape[1]
    hidden = f"\n... and {plural(num_hidden, 'column')}" if num_hidden else ""
    table = shown.to_string(index=False, line_width=_WIDTH, na_rep="", float_format=_NUMBERS)
    return f"{headline}\n{table}{hidden}\nmore: {members}"


def as_html(headline: str, frame: "pd.DataFrame", curves: "pd.DataFrame", color: str, members: str) -> str:
    """Return a headline, a whole table, a chart, and where there is more, as HTML without scripts.

    Args:
        curves: columns of x, y and of the name of a line; the columns' names are the titles of axes and legend.
        color: the column of the name of a line.
    """
    table = frame.to_html(index=False, float_format=_NUMBERS, na_rep="", border=0)
    words = (html.escape(text) for text in (headline, f"more: {members}"))
    chart = _lines(curves, color) if len(curves) else ""
    return "\n".join(f"<div>{part}</div>" for part in (next(words), table, chart, next(words)))


def _lines(frame: "pd.DataFrame", color: str) -> str:
    """Return a line per value of the column `color`, in the order of the rows, as an SVG element."""
    import altair as alt
    import vl_convert

    x, y = (name for name in frame if name != color)
    chart = alt.Chart(alt.InlineData(values=frame.dropna().to_dict("records"))).mark_line(point=len(frame) == 1)
    encoded = chart.encode(
        x=alt.X(f"{x}:Q", axis=alt.Axis(tickCount=6)),
        y=alt.Y(f"{y}:Q", scale=alt.Scale(zero=False)),
        color=alt.Color(f"{color}:N", sort=list(frame[color].unique())),
    )
    return vl_convert.vegalite_to_svg(encoded.properties(width=420, height=160).to_dict())
