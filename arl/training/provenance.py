"""The provenance of a run: versions, the commit if the package runs from a checkout, the machine and its device."""

import functools
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

from arl import distribution

# What must be alike for the numbers of a run to be the same to the last bit, besides the lanes. On a CPU, XLA compiles
# for the model of the processor.
SAME = ("arl", "jax", "machine", "processor", "backend", "device", "dtype")


_MODEL = (("family", "cpu family"), ("model", "model"))  # what /proc/cpuinfo says besides a name that may be vague


def now() -> dict[str, Any]:
    """Return the versions, the machine and its device with which runs are made now, as JSON-ready values."""
    from arl.training import backend

    backend.setup()
    return {**versions(), **backend.describe()}


@functools.cache
def versions() -> dict[str, str | None]:
    """Return the versions and the machine, without its device, to ask for which takes JAX half a second."""
    return {
        "arl": distribution.version(),
        "commit": _commit(),
        "python": platform.python_version(),
        "jax": version("jax"),
        "machine": platform.machine(),
        "processor": _processor(),
    }


def _processor() -> str | None:
    """Return the model of the processor, such as `AMD EPYC, family 25, model 17`; None where the system does not say."""
    try:
        first, _, _ = Path("/proc/cpuinfo").read_text().partition("\n\n")
    except OSError:
        return platform.processor() or None
    facts = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in first.splitlines())}
    parts = (facts.get("model name"), *(f"{key} {facts[f]}" for key, f in _MODEL if f in facts))
    return ", ".join(part for part in parts if part) or None


def _commit() -> str | None:
    """Return the checkout's commit, with `+` for uncommitted changes; None outside a checkout.

    Installed from a wheel, the package may lie inside another project's checkout.
    """
    root = Path(__file__).resolve().parents[2]
    if not (root / "pyproject.toml").is_file():
        return None
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+"], cwd=root, capture_output=True, text=True
        )
    except OSError:
        return None
    return described.stdout.strip() or None
