"""Helpers for tuners: configs in and out of a `ConfigurationSpace`, always as dicts of plain Python scalars."""

from arl.scalars import Scalar
from arl.spaces import (
    active,
    at,
    check,
    choices,
    default,
    describe,
    encode,
    from_row,
    from_unit,
    near_default,
    plain,
    repair,
    sample,
    to_optuna,
    vector,
)

__all__ = [
    "Scalar",
    "active",
    "at",
    "check",
    "choices",
    "default",
    "describe",
    "encode",
    "from_row",
    "from_unit",
    "near_default",
    "plain",
    "repair",
    "sample",
    "to_optuna",
    "vector",
]
