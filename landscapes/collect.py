"""Conversion of sweeps to the tables and metadata of a landscape: a sweep for each seed, whose trials are the configs."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from arl.errors import InputError
from arl.records.sweep import SweepRecord, distinct

_CONFIG_TYPES = {bool: "boolean", int: "Int64", float: "float64", str: "string"}


def tables(records: Sequence[SweepRecord]) -> dict[str, pd.DataFrame]:
    """Return the tables of a landscape: `configs`, `runs`, `curves`; every run has a row for each of its points.

    Raises:
        InputError: the sweeps are not of the same configs.
    """
    first = records[0]
    configs = {trial: record.config for trial, record in first.records.items()}
    for record in records[1:]:
        if {trial: other.config for trial, other in record.records.items()} != configs:
            raise InputError(f"sweep {record.name!r} must have the configs of {first.name!r}, got others")
    return {
        "configs": _configs(configs, first.hyperparameters),
        "runs": _runs(records),
        "curves": _curves(records),
    }


def metadata(records: Sequence[SweepRecord]) -> dict[str, Any]:
    """Return what `landscape.json` says: the task's settings, the space, the seeds, and what the runs were made with."""
    first = records[0]
    runs = [run for record in records for trial in record.records.values() for run in trial.runs]
    return {
        "settings": first.settings.task.to_json(),
        "space": first.space,
        "seeds": [record.settings.seeds[0] for record in records],
        "num_configs": len(first.records),
        "provenance": {key: distinct(record.made_with.get(key) for record in records) for key in first.provenance},
        "lanes": distinct({key: run.provenance[key] for key in ("width", "rows")} for run in runs),
        "status": pd.Series([run.status for run in runs]).value_counts().sort_index().to_dict(),
    }


def build(records: Sequence[SweepRecord]) -> dict[str, Any]:
    """Return what the build took: seconds by phase, and when each sweep ended."""
    ended = {record.name: max(trial.finished_at for trial in record.records.values()) for record in records}
    return {"timing": {record.name: record.timing for record in records}, "ended": ended}


def _configs(configs: Mapping[int, Mapping[str, Any]], names: Sequence[str]) -> pd.DataFrame:
    """Return the configs in columns of their hyperparameters' own types, null where a hyperparameter is inactive."""
    columns: dict[str, Any] = {"config": pd.Series(list(configs), dtype="int32")}
    for name in names:
        values = [config.get(name) for config in configs.values()]
        kind = next((type(value) for value in values if value is not None), float)
        columns[name] = pd.array(values, dtype=_CONFIG_TYPES[kind])
    return pd.DataFrame(columns)


def _runs(records: Sequence[SweepRecord]) -> pd.DataFrame:
    frame = pd.concat([record.runs for record in records]).rename(columns={"trial": "config"})
    frame = frame[["config", "seed", "status", "score", "env_steps"]]
    return _sorted(frame, ["config", "seed"]).astype({"score": "float32"})


def _curves(records: Sequence[SweepRecord]) -> pd.DataFrame:
    frame = pd.concat([_whole(record) for record in records]).rename(columns={"trial": "config"})
    floats = dict.fromkeys(frame.select_dtypes("float"), "float32")
    return _sorted(frame, ["config", "seed", "point"]).astype({**floats, "point": "int16", "env_steps": "Int64"})


def _whole(record: SweepRecord) -> pd.DataFrame:
    """Return the curves with a row for every point, also of runs that failed and have none."""
    keys = ["trial", "seed", "point"]
    grid = record.runs[["trial", "seed"]].merge(pd.DataFrame({"point": range(record.points)}), how="cross")
    return grid.merge(record.curves, on=keys, how="left")


def _sorted(frame: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    return frame.sort_values(keys, ignore_index=True).astype({"config": "int32", "seed": "int16"})
