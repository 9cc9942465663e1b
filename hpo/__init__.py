"""Hyperparameter optimisation over batched training runs: tuners, tasks, sweeps.

Names are imported at first use, so that `arl --help` does not wait for JAX.
"""

import importlib
from typing import Any

_HOMES = {
    "Result": "hpo.trial",
    "Trial": "hpo.trial",
    "Tuner": "hpo.trial",
    "Task": "hpo.tasks",
    "sweep": "hpo.sweeps",
    "compare": "hpo.comparisons.compare",
    "InputError": "arl.errors",
    "plain": "arl.spaces",
    "repair": "arl.spaces",
    "Schedule": "hpo.autorl.schedules",
    "schedule_of": "hpo.autorl.schedules",
    "chain": "hpo.autorl.schedules",
    "objective": "hpo.objectives.tabular",
    "AutoRLEnv": "hpo.autorl.env",
    "AutoRLVectorEnv": "hpo.autorl.env",
    "front": "hpo.scores",
    "hypervolume": "hpo.scores",
}

_MODULES = {"spaces": "arl.spaces", "testing": "hpo.testing", "tuners": "hpo.tuners"}

__all__ = sorted([*_HOMES, *_MODULES, "task"])


def __getattr__(name: str) -> Any:
    if name == "task":
        return importlib.import_module("hpo.tasks").get
    if name in _MODULES:
        return importlib.import_module(_MODULES[name])
    if name not in _HOMES:
        raise AttributeError(f"module 'hpo' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
