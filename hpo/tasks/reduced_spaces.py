"""Spaces without some of their hyperparameters, which have one value each."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

from ConfigSpace import ConfigurationSpace
from ConfigSpace.conditions import AndConjunction, Conjunction
from ConfigSpace.forbidden import ForbiddenAndConjunction, ForbiddenConjunction, ForbiddenRelation

from arl.errors import InputError, first_line
from arl.scalars import Scalar

Clause = Any  # a condition or a forbidden clause of ConfigSpace, which share no base class, or whether it holds


def without(space: ConfigurationSpace, values: Mapping[str, Scalar]) -> ConfigurationSpace:
    """Return the space without the hyperparameters that have a value, and without those that are then never active.

    Conditions and forbidden clauses keep what they say of the others.

    Raises:
        InputError: the space forbids the values, or relates one of them to a hyperparameter that stays.
    """
    rest, kept = copy.deepcopy(space), list[Clause]()
    inactive = set[str]()
    for name in [name for name in rest if name not in values]:  # parents come before their children
        conditions = [
            _decided(part, lambda leaf: _holds(leaf, values, inactive)) for part in rest.parent_conditions_of[name]
        ]
        if any(part is False for part in conditions):
            inactive.add(name)
        else:
            kept += [rest[name], *(part for part in conditions if part is not True)]
    forbidden = [_decided(part, lambda leaf: _forbids(leaf, values, inactive)) for part in rest.forbidden_clauses]
    if any(part is True for part in forbidden):
        raise InputError(f"fixed values must not be forbidden by the space, got {dict(values)!r}")
    kept += [part for part in forbidden if part is not False]
    reduced = ConfigurationSpace(name=space.name)
    try:
        reduced.add(*kept)
    except Exception as error:  # ConfigSpace's errors share no base class
        raise InputError(f"space can't do without {', '.join(values)}: {first_line(error)}") from error
    return reduced


def _decided(clause: Clause, decide: Callable[[Clause], Clause]) -> Clause:
    """Return what remains of a clause where some of its parts are decided: True, False, or a clause of the others."""
    if not isinstance(clause, Conjunction | ForbiddenConjunction):
        return decide(clause)
    parts = [_decided(part, decide) for part in clause.components]
    is_and = isinstance(clause, AndConjunction | ForbiddenAndConjunction)
    if any(part is (not is_and) for part in parts):
        return not is_and
    rest = [part for part in parts if not isinstance(part, bool)]
    return type(clause)(*rest) if len(rest) > 1 else rest[0] if rest else is_and


def _holds(condition: Clause, values: Mapping[str, Scalar], inactive: set[str]) -> Clause:
    """Return whether a condition holds if its parent has a value or is inactive, else the condition."""
    parent = condition.parent.name
    if parent in inactive:
        return False
    return bool(condition.satisfied_by_value(values)) if parent in values else condition


def _forbids(clause: Clause, values: Mapping[str, Scalar], inactive: set[str]) -> Clause:
    """Return whether a forbidden clause applies if its hyperparameters have values or are inactive, else the clause."""
    is_relation = isinstance(clause, ForbiddenRelation)
    names = [clause.left.name, clause.right.name] if is_relation else [clause.hyperparameter.name]
    if any(name in inactive for name in names):
        return False
    tuned = [name for name in names if name not in values]
    if not tuned:
        return bool(clause.is_forbidden_value(dict(values)))
    if len(tuned) < len(names):
        (fixed,) = set(names) - set(tuned)
        raise InputError(f"{fixed} can't be fixed: the space forbids some of its values beside those of {tuned[0]}")
    return clause
