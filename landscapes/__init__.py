"""Records of runs: the store they are kept in, landscapes made of them, and what a user asks of both. Needs no JAX."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from landscapes import catalogue
from landscapes.dataset import Landscape

if TYPE_CHECKING:
    from arl.records.store import Store
    from arl.records.sweep import SweepRecord, load_sweep

__all__ = ["Landscape", "Store", "SweepRecord", "load", "load_sweep"]

_OF_SWEEPS = {"Store": "store", "SweepRecord": "sweep", "load_sweep": "sweep"}


def load(name: str, store: "Store | str | Path | None" = None) -> "SweepRecord | Landscape":
    """The records of a sweep by its name, or a landscape by its task's: `load("first")`, `load("ppo/CartPole-v1")`.

    `store`: where sweeps are; by default `$ARL_STORE`, else `results/store.sqlite`.

    Raises:
        InputError: no such sweep, store or landscape.
    """
    if "/" in name:
        return catalogue.get(name)
    from arl.records.sweep import load_sweep

    return load_sweep(name, store)


def __getattr__(name: str) -> Any:
    """What has to do with sweeps is imported when it is asked for: SQLAlchemy takes longer than to load a landscape."""
    import importlib

    if name not in _OF_SWEEPS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"arl.records.{_OF_SWEEPS[name]}"), name)
