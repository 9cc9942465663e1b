"""Plain Python scalars: the values of configs that are asked for, recorded and printed."""

from collections.abc import Mapping
from typing import Any

Scalar = bool | int | float | str


def plain_value(value: Any) -> Any:
    """Return a numpy scalar as the Python scalar of the same value, anything else as it is."""
    import numpy as np  # a list of tasks does without

    return value.item() if isinstance(value, np.generic) else value


def plain(config: Mapping[str, Any]) -> dict[str, Scalar]:
    """Return a config as plain Python scalars; ConfigSpace's and pandas' values are numpy's."""
    return {name: plain_value(value) for name, value in dict(config).items()}
