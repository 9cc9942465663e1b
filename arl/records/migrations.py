"""Records of earlier versions, as this version reads them. Nothing here needs JAX.

A store says the version of its tables (`SCHEMA_VERSION`); `arl.records.store` reads those of earlier versions and adds the
columns that they lack when it first writes to them. What is inside a record is brought up to date whenever it is read, by
what it holds: each function here leaves a record of today as it is.
"""

from collections.abc import Mapping
from typing import Any

from arl.scalars import Scalar
from arl.task_names import is_imported

# 1: a run's outcome was among its provenance; 2: no comparisons, and no ends of sweeps; 3: no calls of tuners
SCHEMA_VERSION = 4
READABLE_VERSIONS = (1, 2, 3, SCHEMA_VERSION)

# Classes that records name by their path, and where they are today.
MOVED_CLASSES = {
    "hpo.schedules:Chain": "hpo.autorl.schedules:Chain",
    "hpo.building:DefaultThenSobol": "hpo.build_landscape:DefaultThenSobol",
}

_ADAM: dict[str, Scalar] = {"adam_beta1": 0.9, "adam_beta2": 0.999, "adam_eps": 1e-8}
_ALL: dict[str, Scalar] = {**_ADAM, "network_seed": 0, "normalize_rewards": False}
_OFF_POLICY: dict[str, Scalar] = {**_ALL, "max_grad_norm": 1e9, "anneal_priority_beta": False}

# By algorithm: hyperparameters that were added, each with the value of today that trains as the algorithm did before; but
# that before, `log_std` of PPO had no bounds, and runs in which it left those of today diverged.
ADDED_HYPERPARAMETERS: dict[str, dict[str, Scalar]] = {
    "ppo": {
        "network": "auto",
        "critic_hidden_size": 0,
        "reward_scale": 1.0,
        "log_std_min": -20.0,
        "log_std_max": 2.0,
        "state_dependent_std": False,
        "target_kl": 1e9,
        **_ALL,
        "adam_eps": 1e-5,
    },
    "dqn": {"network": "auto", "reward_scale": 1.0, "huber_delta": 1e9, **_OFF_POLICY},
    "sac": {"network": "auto", "critic_hidden_size": 0, **_OFF_POLICY},
    "pqn": _ALL,
}

# By algorithm: hyperparameters whose name has changed.
RENAMED_HYPERPARAMETERS: dict[str, dict[str, str]] = {"sac": {"target_update_interval": "target_update_gradient_steps"}}

_OUTCOME = ("error", "source", "config", "filled", "shared")


def settings(recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a task or a sweep as they would be recorded today."""
    current = dict(recorded)
    algorithm, name = current.get("algorithm"), current.get("task")
    if "landscape" in current:
        current["objective_version"] = current.pop("landscape")
    if "tuner" in current:
        current["tuner"] = MOVED_CLASSES.get(current["tuner"], current["tuner"])
    if (
        isinstance(current.get("fixed"), Mapping) and isinstance(name, str) and not is_imported(name)
    ):  # its source may not say all
        current["fixed"] = _complete(algorithm, config(algorithm, current["fixed"]))
    if isinstance(schedule := current.get("options", {}).get("schedule"), Mapping):
        current["options"] = {**current["options"], "schedule": config(algorithm, schedule)}
    return current


def _complete(algorithm: str | None, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """Return fixed hyperparameters with those that were added since; records of today have `network_seed`."""
    return dict(fixed) if "network_seed" in fixed else {**ADDED_HYPERPARAMETERS.get(algorithm or "", {}), **fixed}


def config(algorithm: str | None, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by hyperparameter under the names of today."""
    names = RENAMED_HYPERPARAMETERS.get(algorithm or "", {})
    return {names.get(name, name): value for name, value in recorded.items()}


def space(algorithm: str | None, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Return a space in ConfigSpace's own JSON form with the names of today; hyperparameters stay in their order."""
    names = RENAMED_HYPERPARAMETERS.get(algorithm or "", {})
    return _with_names(recorded, names) if names else dict(recorded)


def provenance_and_outcome(provenance: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a run's provenance of schema version 1 without its outcome, and its outcome."""
    outcome = {name: provenance[name] for name in _OUTCOME if name in provenance}
    return {name: value for name, value in provenance.items() if name not in _OUTCOME}, outcome


def _with_names(value: Any, names: Mapping[str, str]) -> Any:
    """Return a JSON value with names replaced where it gives a hyperparameter's name: under `name`, `parent` and `child`."""
    if isinstance(value, list):
        return [_with_names(entry, names) for entry in value]
    if not isinstance(value, Mapping):
        return value
    return {
        key: names.get(entry, entry)
        if key in ("name", "parent", "child") and isinstance(entry, str)
        else _with_names(entry, names)
        for key, entry in value.items()
    }
