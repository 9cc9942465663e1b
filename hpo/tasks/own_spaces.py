"""Spaces of the user's own: read from a file or given as an object, and checked against a task's hyperparameters."""

import copy
import dataclasses
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ConfigSpace import ConfigurationSpace
from ConfigSpace.conditions import Conjunction
from ConfigSpace.exceptions import ForbiddenValueError
from ConfigSpace.hyperparameters import FloatHyperparameter, IntegerHyperparameter

from arl import spaces
from arl.errors import InputError, load_object, unknown
from arl.files import DATA_SUFFIXES, YAML_SUFFIXES
from arl.scalars import plain_value
from hpo.tasks.task import OWN, Task

_KEYS = ("name", "hyperparameters", "conditions", "forbiddens", "python_module_version", "format_version")
_REFERENCES = {"child", "parent", "name", "left", "right"}  # keys of clauses whose value is a hyperparameter's name
_NESTED = {"conditions", "clauses"}  # keys of clauses that are made of others
_EXPONENT = re.compile(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+")  # YAML 1.1 takes 1e-4 for text


def with_space(task: Task, space: str | ConfigurationSpace) -> Task:
    """Return the task with a space of the user's; hyperparameters that it omits stay at the task's defaults.

    Args:
        task: the task with its space `full`, whose default config has the task's defaults.
        space: the space, or where it is, see `read`.

    Raises:
        InputError: no such space, or one that `check` refuses.
    """
    own = read(space) if isinstance(space, str) else copy.deepcopy(space)
    name = space if isinstance(space, str) and not space.startswith("{") else OWN
    check(task, own)
    values = {**task.fixed}
    if "buffer_size" in own:
        values["max_buffer_size"] = spaces.largest(own["buffer_size"])
    fixed = {name: value for name, value in values.items() if name not in own}
    return dataclasses.replace(dataclasses.replace(task, space=own, fixed=fixed), preset=name, preset_space=own)


def read(source: str) -> ConfigurationSpace:
    """Return the space in a YAML or JSON file in ConfigSpace's own form, in `file.py:NAME` or `module:NAME`, or in JSON text.

    Raises:
        InputError: it does not parse, or is no space.
    """
    if source.startswith("{"):
        return _decoded(source, "given as JSON")
    if Path(source).suffix not in DATA_SUFFIXES:
        space = load_object(source, "space")
        if not isinstance(space, ConfigurationSpace):
            raise InputError(f"space {source!r} must be a ConfigurationSpace, got {type(space).__name__}")
        return copy.deepcopy(space)
    try:
        text = Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        cause = getattr(error, "strerror", None) or "no UTF-8"
        raise InputError(f"space {source!r} can't be read: {cause}") from error
    return _decoded(text, repr(source), is_yaml=Path(source).suffix in YAML_SUFFIXES)


def _decoded(text: str, source: str, is_yaml: bool = False) -> ConfigurationSpace:
    try:
        if is_yaml:
            import yaml

            data = _with_numbers(yaml.safe_load(text))
        else:
            data = json.loads(text)
    except Exception as error:  # yaml's and json's errors share no base class
        raise InputError(f"space {source} does not parse: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict) or not isinstance(data.get("hyperparameters"), list):
        raise InputError(f"space {source} must have a list of hyperparameters, as ConfigSpace writes it, got none")
    for key in data:
        if key not in _KEYS:
            raise unknown("key", str(key), _KEYS, f"of space {source}")
    lists = {key: data.get(key) or [] for key in ("conditions", "forbiddens")}
    _check_references(data["hyperparameters"], lists, source)
    try:
        return spaces.from_json({"name": None, **data, **lists})
    except KeyError as error:
        raise InputError(
            f"space {source} must have the key {error} in each entry of its type, got one without"
        ) from error
    except ForbiddenValueError as error:
        clause = str(error).rpartition("Forbidden: ")[2]
        raise InputError(f"space {source} must not forbid its default config, got the clause {clause}") from error
    except Exception as error:  # ConfigSpace's errors share no base class
        cause = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise InputError(f"space {source} can't be made: {cause}") from error


def _check_references(hyperparameters: list[Any], lists: Mapping[str, Any], source: str) -> None:
    """Refuse conditions and forbidden clauses about hyperparameters that the space does not have.

    Raises:
        InputError: one of them, an entry of a list that is no mapping, or two hyperparameters of a name.
    """
    names = [entry.get("name") for entry in _entries(hyperparameters, "hyperparameters", source)]
    for name, count in Counter(names).items():
        if count > 1:
            raise InputError(f"hyperparameters of space {source} must have different names, got {name!r} {count} times")
    for kind, clauses in lists.items():
        for clause in _entries(clauses, kind, source):
            for key in _REFERENCES & clause.keys():
                if clause[key] not in names:
                    subject = "hyperparameter" if key == "name" else key
                    raise unknown(subject, str(clause[key]), map(str, names), f"in the {kind} of space {source}")


def _entries(entries: Any, kind: str, source: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of a list, and after each those of the lists that it is made of."""
    if not isinstance(entries, list):
        raise InputError(f"{kind} of space {source} must be a list, got {entries!r}")
    for entry in entries:
        if not isinstance(entry, dict):
            raise InputError(f"{kind} of space {source} must be mappings such as {{name: gamma, ...}}, got {entry!r}")
        yield entry
        for key in _NESTED & entry.keys():
            yield from _entries(entry[key], kind, source)


def _with_numbers(value: Any) -> Any:
    """Return what YAML was read as, with numbers in place of texts such as 1e-4."""
    if isinstance(value, dict):
        return {key: _with_numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_numbers(item) for item in value]
    return float(value) if isinstance(value, str) and _EXPONENT.fullmatch(value) else value


def check(task: Task, space: ConfigurationSpace) -> None:
    """Refuse a space whose configs are not the task's.

    Raises:
        InputError: it is empty, names an unknown hyperparameter, has values outside a hyperparameter's domain, a condition
            that never holds, or a default config that it forbids.
    """
    if len(space) == 0:
        raise InputError("space must have at least one hyperparameter, got none")
    for hyperparameter in space.values():
        _check_values(task, hyperparameter)
    for name in space.conditional_hyperparameters:
        for condition in space.parent_conditions_of[name]:
            if not _can_hold(condition):
                raise InputError(f"condition of {name} must hold for some config, got {condition}")
    spaces.default(space)


def _check_values(task: Task, hyperparameter: Any) -> None:
    """Refuse a hyperparameter with values outside its domain."""
    choices, name = spaces.choices(hyperparameter), hyperparameter.name
    for value in choices if choices is not None else (hyperparameter.lower, hyperparameter.upper):
        checked = task.checked(name, plain_value(value))
        if isinstance(checked, int) and isinstance(hyperparameter, FloatHyperparameter):
            raise InputError(f"{name} must be of type int in the space, got a {type(hyperparameter).__name__}")


def _can_hold(condition: Any) -> bool:
    """Return whether some values of its parents satisfy a condition."""
    leaves = condition.dlcs if isinstance(condition, Conjunction) else [condition]
    compared: dict[str, set[Any]] = {}
    for leaf in leaves:
        compared.setdefault(leaf.parent.name, set()).update(getattr(leaf, "values", [leaf.value]))
    parents = {leaf.parent.name: leaf.parent for leaf in leaves}
    tried = [_tried(parent, compared[name]) for name, parent in parents.items()]
    return any(
        condition.satisfied_by_value(dict(zip(parents, values, strict=True))) for values in itertools.product(*tried)
    )


def _tried(parent: Any, compared: Iterable[Any]) -> Sequence[Any]:
    """Return values of a parent, some in each range between those that it is compared with."""
    values = spaces.choices(parent)
    if values is not None:
        return values
    edges = sorted({parent.lower, parent.upper, *compared})
    if isinstance(parent, IntegerHyperparameter):
        return [*edges, *(low + 1 for low, high in itertools.pairwise(edges) if low + 1 < high)]
    return [*edges, *((low + high) / 2 for low, high in itertools.pairwise(edges))]
