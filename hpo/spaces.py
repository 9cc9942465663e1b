"""Helpers for tuners: configs in and out of a `ConfigurationSpace`, always as dicts of plain Python scalars."""

from arl.scalars import Scalar
from arl.spaces import (
    check,
    choices,
    default,
    describe,
    encode,
    from_row,
    from_unit,
    is_active,
    near_default,
    plain,
    repair,
    sample,
    to_optuna,
    to_unit,
    value_at,
    vector,
)

__all__ = [
    "Scalar",
    "check",
    "choices",
    "default",
    "describe",
    "encode",
    "from_row",
    "from_unit",
    "is_active",
    "near_default",
    "plain",
    "repair",
    "sample",
    "to_optuna",
    "to_unit",
    "value_at",
    "vector",
]
