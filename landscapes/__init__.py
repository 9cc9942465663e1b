"""Records of runs: the store they are kept in, landscapes made of them, and what a user asks of both. Needs no JAX."""

from pathlib import Path

from landscapes import dataset
from landscapes.dataset import Landscape
from landscapes.record import SweepRecord, load_sweep
from landscapes.store import Store

__all__ = ["Landscape", "Store", "SweepRecord", "load", "load_sweep"]


def load(name: str, store: Store | str | Path | None = None) -> SweepRecord | Landscape:
    """The records of a sweep by its name, or a landscape by its task's: `load("first")`, `load("ppo/CartPole-v1")`.

    `store`: where sweeps are; by default `$ARL_STORE`, else `results/store.sqlite`.

    Raises:
        InputError: no such sweep, store or landscape.
    """
    return dataset.get(name) if "/" in name else load_sweep(name, store)
