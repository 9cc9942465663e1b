"""Configs are pytrees: their leaves are traced, their structure is compiled.

Every hyperparameter says where it is declared which of three kinds it is:

- `traced`: an array at run time, one value per lane. Any two values share a program and a batch. Of choices between names
  it is the place of the name.
- `shared`: an array at run time, one value for a whole batch, because it steers control flow (a number of epochs).
  Any two values share a program, but not a batch.
- `static`: a Python value at compile time, because it sets a shape. Two values are two programs.

While an agent is trained, traced and shared ones may change, unless they are declared otherwise.
"""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar, dataclass_transform

from arl.errors import InputError, unknown
from arl.scalars import plain_value

Config = TypeVar("Config")
Choice = Any  # the type of a traced choice between names: a name, in a program the place of one

ENV_PREFIX = "env."  # of a param of the env among hyperparameters: `env.length`

_DTYPES = {bool: "bool", int: "int32", float: "float32"}


@dataclasses.dataclass(frozen=True)
class Domain:
    """What values a hyperparameter may have, whatever space it is tuned in."""

    type: type
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] | None = None

    def check(self, name: str, value: Any) -> Any:
        """Return the value as a plain Python scalar of the right type.

        Raises:
            InputError: wrong type, out of range, or not one of the choices.
        """
        value = self._converted(name, value)
        if self.type is int and abs(value) >= 2**31:
            raise InputError(f"{name} must be below 2**31, got {value!r}")
        if self.choices is not None and value not in self.choices:
            raise InputError(f"{name} must be one of {', '.join(self.choices)}, got {value!r}")
        if (self.low is not None and value < self.low) or (self.high is not None and value > self.high):
            raise InputError(f"{name} must be {self._range()}, got {value!r}")
        return value

    def number(self, value: Any) -> Any:
        """Return the number that stands for a value in an array: of a choice between names, the place of the name."""
        return self.choices.index(value) if self.choices else value

    def _converted(self, name: str, value: Any) -> Any:
        value = plain_value(value)
        whole = isinstance(value, float) and value.is_integer()
        if self.type is float and isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**127:
            return float(value)
        if self.type is int and whole:
            return int(value)
        if type(value) is not self.type or value != value:
            raise InputError(f"{name} must be of type {self.type.__name__}, got {value!r}")
        return value

    def _range(self) -> str:
        low = "" if self.low is None else f">= {self.low:g}"
        high = "" if self.high is None else f"<= {self.high:g}"
        return " and ".join(part for part in (low, high) if part)


def traced(
    default: Any,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] | None = None,
    mutable: bool = True,
) -> Any:
    """Declare a hyperparameter with a value per lane; `mutable`: whether it may change while an agent is trained."""
    return _hyperparameter("traced", default, low, high, choices, mutable)


def shared(default: Any, low: float | None = None, high: float | None = None, mutable: bool = True) -> Any:
    """Declare a hyperparameter that steers control flow: one value per batch, but no recompilation."""
    return _hyperparameter("shared", default, low, high, mutable=mutable)


def static(
    default: Any, low: float | None = None, high: float | None = None, choices: Sequence[str] | None = None
) -> Any:
    """Declare a hyperparameter that is compiled into the program."""
    return _hyperparameter("static", default, low, high, choices, mutable=False)


def _hyperparameter(
    kind: str,
    default: Any,
    low: float | None,
    high: float | None,
    choices: Sequence[str] | None = None,
    mutable: bool = True,
) -> Any:
    domain = Domain(type(default), low, high, tuple(choices) if choices else None)
    return dataclasses.field(default=default, metadata={"kind": kind, "domain": domain, "mutable": mutable})


@dataclass_transform(frozen_default=True, field_specifiers=(traced, shared, static))
def config(cls: type[Config]) -> type[Config]:
    """Make a class of hyperparameters a frozen dataclass and a pytree whose static fields are its structure."""
    return pytree(declared(cls))


@dataclass_transform(frozen_default=True, field_specifiers=(traced, shared, static))
def declared(cls: type[Config]) -> type[Config]:
    """Make a class of hyperparameters a frozen dataclass, which needs no JAX; `pytree` makes it ready for training."""
    return dataclasses.dataclass(frozen=True)(cls)


def pytree(cls: type[Config]) -> type[Config]:
    """Make a class of declared hyperparameters a pytree whose static fields are its structure."""
    import jax  # a sweep on a landscape does without

    static_fields = [name for name, kind in kinds(cls).items() if kind == "static"]
    data_fields = [name for name, kind in kinds(cls).items() if kind != "static"]
    return jax.tree_util.register_dataclass(cls, data_fields, static_fields)


def kinds(cls: type) -> dict[str, str]:
    """Return the kind of each hyperparameter: `traced`, `shared` or `static`."""
    return {field.name: field.metadata["kind"] for field in dataclasses.fields(cls)}


def mutable(cls: type) -> frozenset[str]:
    """Return the hyperparameters that may change while an agent is trained."""
    return frozenset(field.name for field in dataclasses.fields(cls) if field.metadata["mutable"])


def domains(cls: type) -> dict[str, Domain]:
    """Return the domain of each hyperparameter."""
    return {field.name: field.metadata["domain"] for field in dataclasses.fields(cls)}


def make(cls: type[Config], values: Mapping[str, Any]) -> Config:
    """Return a config of plain Python scalars, which are checked once, here, on the host.

    Raises:
        InputError: an unknown name, or a value of the wrong type or outside its domain.
    """
    allowed = domains(cls)
    for name in values:
        if name not in allowed:
            raise unknown(f"hyperparameter of {cls.__name__}", name, allowed)
    return cls(**{name: allowed[name].check(name, value) for name, value in values.items()})


def split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the hyperparameters among some values, and the params of the env, `env.NAME`, by their names in the env."""
    hyperparameters = {name: value for name, value in values.items() if not name.startswith(ENV_PREFIX)}
    params = {name.removeprefix(ENV_PREFIX): value for name, value in values.items() if name.startswith(ENV_PREFIX)}
    return hyperparameters, params


def values(config: Any) -> dict[str, Any]:
    """Return all hyperparameters of a config by name."""
    return {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}


def watched(config: Config, names: Collection[str], looked_at: set[str]) -> Config:
    """Return a twin of the config that adds to `looked_at` each of the names of hyperparameters that is read."""
    cls = type(config)

    def read(twin: Config, name: str) -> Any:
        if name in names:
            looked_at.add(name)
        return object.__getattribute__(twin, name)

    twin: Config = object.__new__(type(cls.__name__, (cls,), {"__getattribute__": read}))
    for name, value in vars(config).items():
        object.__setattr__(twin, name, value)
    return twin


def structure(config: Any) -> tuple[Any, ...]:
    """Return what two configs must have in common to share a program: class and static hyperparameters."""
    return (type(config), *_of_kind(config, "static"))


def batch_key(config: Any) -> tuple[Any, ...]:
    """Return what two configs must have in common to be lanes of one batch: structure and shared hyperparameters."""
    return (*structure(config), *_of_kind(config, "shared"))


def lane_axes(config: Any) -> Any:
    """Return the `in_axes` of a config under a `vmap` over lanes: 0 where traced, None where shared."""
    axes = {name: None if kind == "shared" else 0 for name, kind in kinds(type(config)).items() if kind != "static"}
    return dataclasses.replace(config, **axes)


def stack(configs: Sequence[Sequence[Any]]) -> Any:
    """Return configs `[seed][config]` of one `batch_key` as one config whose traced leaves have shape `(seed, config)`."""
    import numpy as np  # a list of tasks does without

    first = configs[0][0]

    def leaf(name: str, kind: str) -> Any:
        domain = domains(type(first))[name]
        dtype = _DTYPES[int if domain.choices else domain.type]
        if kind == "shared":
            return np.asarray(domain.number(getattr(first, name)), dtype)
        return np.asarray([[domain.number(getattr(config, name)) for config in row] for row in configs], dtype)

    return dataclasses.replace(
        first, **{name: leaf(name, kind) for name, kind in kinds(type(first)).items() if kind != "static"}
    )


def arrays(config: Config) -> Config:
    """Return the config with an array in place of each value that is not static, as a program for one lane is given it."""
    stacked, traced = stack([[config]]), [name for name, kind in kinds(type(config)).items() if kind == "traced"]
    return dataclasses.replace(stacked, **{name: getattr(stacked, name)[0, 0] for name in traced})


def _of_kind(config: Any, kind: str) -> tuple[Any, ...]:
    return tuple(getattr(config, name) for name, its_kind in kinds(type(config)).items() if its_kind == kind)
