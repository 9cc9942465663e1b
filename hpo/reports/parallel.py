"""Parallel coordinates: a line per config over all hyperparameters and the score, each with a scale and an axis of its own.

A line runs below the axes of the hyperparameters that are inactive in its config.
"""

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import pandas as pd

from hpo.reports import theme

INACTIVE = "inactive"
LINE = 13  # px of the height of a line of text
LABEL_WIDTH = 36  # px
NAME_WIDTH = 13  # characters of a line of an axis's name


class Dimension(NamedTuple):
    """A hyperparameter or the score: its column in the table of configs, its title, and the values that its axis has.

    Numbers have two bounds. Of choices, "inactive" may be one more, where a config does not use the hyperparameter.
    """

    name: str
    field: str
    title: str
    has_inactive: bool = False
    choices: Sequence[Any] | None = None
    bounds: tuple[float, float] | None = None
    log: bool = False
    whole: bool = False


class Lines(NamedTuple):
    """Lines that are drawn alike: the condition on a row of the table, the properties of the mark, its channels."""

    condition: str
    mark: Mapping[str, Any]
    channels: Mapping[str, Any] = {}


def dimension(field: str, spec: Mapping[str, Any], values: pd.Series) -> Dimension:
    """Return the dimension of a hyperparameter.

    Args:
        field: its column in the table of configs.
        spec: its entry in ConfigSpace's JSON.
        values: its values, missing where it is inactive.
    """
    name, has_inactive = spec["name"], bool(values.isna().any())
    choices = choices_of(spec)
    if choices is not None:
        return Dimension(name, field, name, has_inactive, choices=choices)
    bounds, whole = (spec["lower"], spec["upper"]), "int" in spec["type"]
    return Dimension(name, field, name, has_inactive, bounds=bounds, log=bool(spec.get("log")), whole=whole)


def choices_of(spec: Mapping[str, Any]) -> list[Any] | None:
    """Return all values of a hyperparameter of choices, given its entry in ConfigSpace's JSON; None of a numeric one."""
    constant = [spec["value"]] if "value" in spec else None
    return spec.get("choices", spec.get("sequence", constant))


def position(direction: str, dimension: Dimension, title: str | None, **axis_options: Any) -> Any:
    """Return the position channel of a dimension along x or y."""
    numbers = {"log": dimension.log, "domain": dimension.bounds}
    channel = theme.position(direction, dimension.field, title, dimension.bounds, dimension.choices or (), **numbers)
    if dimension.whole and not dimension.log:
        axis_options["tickMinStep"] = 1
    for name, value in axis_options.items():
        channel["axis"][name] = value
    return channel


def layers(
    table: str, key: str, dimensions: Sequence[Dimension], behind: Iterable[Lines], front: Iterable[Lines]
) -> list[alt.Chart]:
    """Return the layers of parallel coordinates, to be drawn with vertical scales that are independent.

    Args:
        table: name of the table, with a row per config and the columns of the dimensions.
        key: its column that tells configs apart.
        dimensions: from left to right.
        behind, front: lines that are drawn below and above the labels of the axes.
    """
    names = {each.field: _broken(each.name) for each in dimensions}
    heading = alt.Axis(
        orient="top",
        labelExpr=f"({json.dumps(names)})[datum.value]",
        labelAngle=0,
        labelPadding=LINE * max(map(len, names.values())),
        domain=False,
        ticks=False,
    )
    x = alt.X("axis:N", title=None, sort=None, axis=heading, scale=alt.Scale(type="point", domain=list(names)))
    below = f"height + {theme.LANE}"
    y = alt.expr(f"isValid(datum.value) ? scale(datum.axis + '_y', datum.value) : {below}")

    def drawn(lines: Lines) -> alt.Chart:
        rows = alt.Chart(alt.NamedData(table)).transform_filter(lines.condition)
        folded = rows.transform_fold(list(names), ["axis", "value"])
        return folded.mark_line(y=y, **lines.mark).encode(x=x, detail=f"{key}:N", **lines.channels)

    beside = [each for each in dimensions if each.has_inactive and INACTIVE not in (each.choices or ())]
    inactive = alt.Chart(theme.data([{"axis": each.field} for each in beside]))
    strips = alt.Chart(theme.data([{"axis": field} for field in names])).mark_rule(
        strokeWidth=LABEL_WIDTH, xOffset=-LABEL_WIDTH / 2 - 3, color=theme.color("ground"), opacity=0.6
    )
    return [
        *map(drawn, behind),
        strips.encode(x=x),  # behind the labels
        *map(drawn, front),
        inactive.mark_text(text=INACTIVE, y=alt.expr(f"{below} + 12"), fontSize=11, color=theme.color("muted")).encode(
            x=x
        ),
        *(_upright(each) for each in dimensions),
    ]


def _upright(dimension: Dimension) -> alt.Chart:
    """Return the axis of a dimension. The name of the layer gives its scale its name."""
    place = {
        "orient": "left",
        "offset": alt.expr(f"-scale('x', '{dimension.field}')"),
        "zindex": 1,
        "domainColor": theme.color("muted"),
    }
    y = position("y", dimension, None, domain=True, ticks=True, grid=False, **place)
    return alt.Chart(alt.InlineData(values=[{}]), name=dimension.field).mark_point(opacity=0).encode(y=y)


def _broken(name: str) -> list[str]:
    """Break a long name into lines, after underscores."""
    return [part.replace(" ", "") for part in textwrap.wrap(name.replace("_", "_ "), NAME_WIDTH)]
