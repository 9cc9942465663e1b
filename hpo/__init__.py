"""Hyperparameter optimisation over batched training runs: tuners, tasks, sweeps.

Names are imported at first use, so that `arl --help` does not wait for JAX.
"""

import importlib
from typing import Any

_HOMES = {
    "Result": "hpo.trial", "Trial": "hpo.trial", "Tuner": "hpo.trial",
    "Task": "hpo.tasks", "sweep": "hpo.sweeps", "compare": "hpo.comparisons", "InputError": "envs.errors",
    "plain": "hpo.spaces", "repair": "hpo.spaces",
    "Schedule": "hpo.schedules", "schedule_of": "hpo.schedules", "chain": "hpo.schedules",
    "objective": "hpo.tables",
    "AutoRLEnv": "hpo.environment", "AutoRLVectorEnv": "hpo.environment",
    "front": "hpo.scores", "hypervolume": "hpo.scores",
}  # fmt: skip

_MODULES = ("spaces", "testing", "tuners")

__all__ = sorted([*_HOMES, *_MODULES, "task"])


def __getattr__(name: str) -> Any:
    if name == "task":
        return importlib.import_module("hpo.tasks").get
    if name in _MODULES:
        return importlib.import_module(f"hpo.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'hpo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
