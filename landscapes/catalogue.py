"""The landscapes that can be asked for by name: the user's own, and those that come with the package."""

import os
import re
import warnings
from pathlib import Path

from arl.errors import InputError, unknown
from landscapes import dataset, file_format
from landscapes.dataset import Landscape


def directories() -> list[Path]:
    """Return where landscapes are looked for: `$ARL_LANDSCAPES` or `results/landscapes`, then the package's own data."""
    return [Path(os.environ.get("ARL_LANDSCAPES") or "results/landscapes"), dataset.PACKAGED]


def paths() -> list[Path]:
    """Return the directories of all landscapes, readable or not."""
    return [path.parent for parent in directories() for path in sorted(parent.glob(f"*/{file_format.ABOUT}"))]


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


def of_algorithm(algorithm: str) -> list[Landscape]:
    """Return the landscapes of an algorithm in its published space at its tasks' own fidelity, by name.

    Raises:
        InputError: no landscape of that algorithm.
    """
    published = [
        landscape for name, landscape in available().items() if name == landscape.task and not landscape.source
    ]
    matches = [landscape for landscape in published if landscape.about["settings"]["algorithm"] == algorithm]
    if not matches:
        algorithms = sorted({landscape.about["settings"]["algorithm"] for landscape in published})
        raise unknown("algorithm of landscapes", algorithm, algorithms)
    return matches


def directory_name(name: str) -> str:
    """Return a landscape's name as that of a directory: `ppo-CartPole-v1`."""
    return re.sub("[/@:]", "-", name)
