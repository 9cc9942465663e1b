"""With what a run is made: versions, the commit if the package runs from a checkout, the machine and its device."""

import functools
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

# What must be alike for the numbers of a run to be the same to the last bit, besides the lanes.
SAME = ("arl", "jax", "machine", "backend", "device", "dtype")


def now() -> dict[str, Any]:
    """Return the versions, the machine and its device with which runs are made now, as JSON-ready values."""
    from arl.training import backend

    backend.setup()
    return {**_software(), **backend.describe()}


@functools.cache
def _software() -> dict[str, str | None]:
    return {
        "arl": version("arl"),
        "commit": _commit(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def _commit() -> str | None:
    """Return the checkout's commit, with `+` for uncommitted changes; None outside a checkout."""
    here = Path(__file__).resolve().parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+"], cwd=here, capture_output=True, text=True
        )
    except OSError:
        return None
    return described.stdout.strip() or None
