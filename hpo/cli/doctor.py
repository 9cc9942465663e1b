"""What `arl doctor` says: the device, versions, precision, and whether pieces of training give the right numbers."""

import dataclasses
from typing import Any

from hpo.cli import tables

_VERDICTS = ("float32", "reduced precision", "wrong")  # from the best to the worst

_MEANINGS = {
    "float32": "All pieces are those of float32.",
    "reduced precision": "Matrix products are in reduced precision; all else is as it should be.",
    "wrong": "Numbers of this machine are wrong: install another version of jax, or use another device.",
}


def diagnosis() -> dict[str, Any]:
    """Return versions and device, the checks of all pieces at all sizes, and the worst of their verdicts, as JSON values."""
    from arl.training import canary, provenance

    made_with = provenance.now()
    checks = [{**dataclasses.asdict(check), "verdict": check.verdict} for check in canary.checks()]
    return {
        "made_with": made_with,
        "checks": checks,
        "verdict": max((check["verdict"] for check in checks), key=_VERDICTS.index),
    }


def show(diagnosis: dict[str, Any]) -> None:
    """Print a diagnosis as text."""
    for name, value in diagnosis["made_with"].items():
        print(f"{name:<12}{value}")
    tables.print_table(diagnosis["checks"])
    print(_MEANINGS[diagnosis["verdict"]])
