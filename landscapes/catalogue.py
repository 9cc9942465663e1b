"""The landscapes that can be asked for by name: the user's own, and those that come with the package."""

import os
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arl.errors import InputError, unknown
from landscapes import dataset, file_format
from landscapes.dataset import Landscape

if TYPE_CHECKING:
    from arl.records.store import Store


def directories() -> list[Path]:
    """Return the directories of landscapes: `$ARL_LANDSCAPES` or `results/landscapes`, then the package's own data."""
    return [Path(os.environ.get("ARL_LANDSCAPES") or "results/landscapes"), dataset.PACKAGED]


def paths() -> list[Path]:
    """Return the directories of all landscapes, readable or not."""
    return [path.parent for parent in directories() for path in sorted(parent.glob(f"*/{file_format.METADATA}"))]


def available() -> dict[str, Landscape]:
    """Return all landscapes by name, the user's before the package's; warn of those that can't be read."""
    landscapes: dict[str, Landscape] = {}
    for directory in paths():
        try:
            landscape = dataset.read(directory)
        except InputError as error:
            warnings.warn(str(error), stacklevel=2)
        else:
            landscapes.setdefault(landscape.name, landscape)
    return dict(sorted(landscapes.items()))


def get(name: str) -> Landscape:
    """Return the landscape of a name.

    That is its task's, such as `ppo/CartPole-v1`, with `@preset` for another space and `@25000` for another fidelity.

    Raises:
        InputError: no landscape of that name.
    """
    landscapes = available()
    if name not in landscapes:
        raise unknown("landscape", name, landscapes)
    return landscapes[name]


def load(name: str, store: "Store | str | Path | None" = None) -> "Landscape | Any":
    """Return a landscape by its task's name, `load("ppo/CartPole-v1")`, or the record of a sweep by its own, `load("first")`.

    A type checker takes the result for a landscape; `hpo.load_sweep` returns the record of a sweep with its type.

    Args:
        name: with a `/`, that of a landscape, as of `get`; else that of a sweep.
        store: where sweeps are; by default `$ARL_STORE`, else `results/store.sqlite`.

    Raises:
        InputError: no such sweep, store or landscape.
    """
    if "/" in name:
        return get(name)
    from arl.records.sweep import load_sweep

    return load_sweep(name, store)


def of_algorithm(algorithm: str) -> list[Landscape]:
    """Return the landscapes of an algorithm in its published space at its tasks' own fidelity, by name.

    Raises:
        InputError: no landscape of that algorithm.
    """
    published = [
        landscape for name, landscape in available().items() if name == landscape.task and not landscape.source
    ]
    matches = [landscape for landscape in published if landscape.settings.algorithm == algorithm]
    if not matches:
        algorithms = sorted({landscape.settings.algorithm for landscape in published})
        raise unknown("algorithm of landscapes", algorithm, algorithms)
    return matches


def directory_name(name: str) -> str:
    """Return a landscape's name as that of a directory: `ppo-CartPole-v1`."""
    return re.sub("[/@:]", "-", name)
