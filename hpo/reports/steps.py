"""Lines in steps with bands around them: a score holds until the next one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt

from hpo.reports import theme

DASHES = {"solid": [1, 0], "dash": [7, 4], "dot": [2, 3], "dashdot": [7, 3, 2, 3]}


class Style(NamedTuple):
    """How a line is drawn: the name of its colour, and the lengths of its dashes and gaps in px."""

    color: str
    dashes: Sequence[int] = (1, 0)


class Band(NamedTuple):
    """Columns of a line, and of the lower and the upper edge of the band around it."""

    value: str
    low: str
    high: str


def chart(
    rows: alt.Chart,
    key: str,
    styles: Mapping[str, Style],
    x: alt.X,
    columns: Band,
    y: Mapping[str, Any],
    tooltip: Sequence[alt.Tooltip],
    has_bands: bool = True,
) -> theme.Figure:
    """Draw a line per value of a column.

    Args:
        rows: of a table with a column `group`, the name by which the page hides a line and shows it again.
        key: the column that tells lines apart.
        styles: by its values.
        x: the horizontal channel.
        columns: of the vertical channel.
        y: title and scale of the vertical channel.
        tooltip: what the pointer meets on a line.
        has_bands: whether there are bands.
    """
    shown = rows.transform_filter("indexof(hidden, datum.group) < 0")
    color = theme.named(alt.Color, key, {name: theme.color(style.color) for name, style in styles.items()})
    dash = theme.named(alt.StrokeDash, key, {name: list(style.dashes) for name, style in styles.items()})
    line = shown.mark_line(interpolate="step-after").encode(
        x=x, y=alt.Y(f"{columns.value}:Q", **y), color=color, strokeDash=dash, tooltip=list(tooltip)
    )
    band = shown.mark_area(interpolate="step-after", opacity=0.12).encode(
        x=x, y=alt.Y(f"{columns.low}:Q", **y), y2=f"{columns.high}:Q", color=color
    )
    return alt.layer(*([band] if has_bands else []), line).add_params(alt.param(name="hidden", value=[]))
