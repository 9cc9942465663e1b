"""Conversion of a `RawLandscape` to the tables and the space of a landscape.

Every point of every config and seed gets a row: a run is `missing` if the files lack one of its points, else `diverged` if
one of its returns is no finite number.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arl import distribution
from arl.errors import InputError
from arl.scalars import plain_value
from envs.registry import SPECS
from landscapes import file_format
from landscapes.importers.raw import KEYS, Format, Kind, RawLandscape

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace
    from ConfigSpace.hyperparameters import Hyperparameter

MAX_POINTS = 10_000  # more evaluations than this are not at equal distances


def tables(raw: RawLandscape) -> dict[str, pd.DataFrame]:
    """Return the tables of a landscape: `configs`, `runs` and `curves`.

    Raises:
        InputError: points that occur twice, or evaluations at unequal distances.
    """
    curves = _curves(raw)
    runs = _runs(curves)
    configs = _configs(raw).reset_index(drop=True).rename_axis("config").reset_index()
    types = {"config": "int32", "seed": "int64", "point": "int16", "env_steps": "Int64"}
    return {
        "configs": configs.astype({"config": "int32"}),
        "runs": runs.astype({"config": "int32", "seed": "int64", "env_steps": "int64", "score": "float32"}),
        "curves": curves.drop(columns="missing").astype(types),
    }


def metadata(name: str, form: Format, raw: RawLandscape, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return what `landscape.json` says: the task's settings, the space, the seeds, and where the files come from.

    Raises:
        InputError: no finite return, or a hyperparameter whose gaps no choice explains.
    """
    curves, runs = tables["curves"], tables["runs"]
    algorithm, _, env = raw.task.partition("/")
    settings = {
        "task": f"{name}:{raw.task}",
        "algorithm": algorithm,
        "env": env,
        "preset": raw.preset,
        "fidelity": int(curves.env_steps.max()),
        "num_points": int(curves.point.max()) + 1,
        "num_episodes": raw.num_episodes,
        "fixed": {},
        "return_range": _return_range(env, curves.return_mean),
    }
    provenance = {
        "source": form.source,
        "url": form.url,
        "version": form.version,
        "licence": form.licence,
        "num_files": len(raw.files),
        "sha256": _digest(raw.files),
        "importer": f"arl {distribution.version()}",
    }
    return {
        "settings": settings,
        "space": _space(raw).to_serialized_dict(),
        "seeds": sorted(runs.seed.unique().tolist()),
        "num_configs": len(tables["configs"]),
        "provenance": provenance,
        "status": runs.status.value_counts().sort_index().to_dict(),
        "points_without_return": int(curves.return_mean.isna().sum()),
    }


def _curves(raw: RawLandscape) -> pd.DataFrame:
    """Return a row for every config, seed and point, with a column that says which the files lack."""
    numbers = {config: i for i, config in enumerate(raw.configs.index)}
    points = raw.points.assign(config=raw.points.config.map(numbers)).sort_values(KEYS)
    _check_unique(points, raw)
    points = points.set_index(KEYS)
    steps = _equal_steps(raw)
    grid = pd.MultiIndex.from_product([list(numbers.values()), np.sort(raw.points.seed.unique()), steps], names=KEYS)
    curves = points.reindex(grid).astype("float32")
    curves = curves.where(np.isfinite(curves)).assign(missing=~grid.isin(points.index)).reset_index()
    absent = [name for name in ("return_std", "episode_length_mean") if name not in curves]
    curves = curves.assign(**dict.fromkeys(absent, np.float32("nan")))
    curves.insert(2, "point", curves.env_steps.map({step: i for i, step in enumerate(steps)}))
    lost = curves.return_mean.isna() & ~curves.missing  # what comes after a lost return is no longer believed
    return curves.assign(return_mean=curves.return_mean.mask(lost.groupby([curves.config, curves.seed]).cummax()))


def _check_unique(points: pd.DataFrame, raw: RawLandscape) -> None:
    if (repeated := points.duplicated(KEYS)).any():
        config, seed, step = points[repeated].iloc[0][KEYS]
        raise InputError(
            f"{raw.label} must have one row per config, seed and evaluation, got {step:g} env steps of config "
            f"{config:g} under seed {seed:g} twice"
        )


def _equal_steps(raw: RawLandscape) -> list[int]:
    """Return the env steps of the evaluations: equally many between any two of them."""
    env_steps = raw.points.env_steps
    step, last = int(env_steps.min()), int(env_steps.max())
    if step < 1 or (env_steps % step).any() or last // step > MAX_POINTS:
        raise InputError(
            f"{raw.label} must have evaluations at equal distances, got one after {step} env steps, the last after {last}"
        )
    return list(range(step, last + 1, step))


def _runs(curves: pd.DataFrame) -> pd.DataFrame:
    """Return a row per run; its score is the last return, NaN where that is missing or diverged.

    A run that diverged before its file ends is diverged, not missing.
    """
    present = ~curves.missing
    curves = curves.assign(diverged=curves.return_mean.isna() & present, reached=curves.env_steps.where(present, 0))
    frame = curves.groupby(["config", "seed"]).agg(
        {"missing": "any", "diverged": "any", "return_mean": lambda returns: returns.iloc[-1], "reached": "max"}
    )
    status = np.select([frame.diverged, frame.missing], ["diverged", "missing"], "completed")
    columns = {"status": status, "score": frame.return_mean, "env_steps": frame.reached}
    return pd.DataFrame(columns, index=frame.index).reset_index()


def _configs(raw: RawLandscape) -> pd.DataFrame:
    """Return the configs, each column of its hyperparameter's own type, also where some are null."""
    return pd.DataFrame({name: _typed(raw.configs[name], kind) for name, kind in raw.kinds.items()})


def _typed(values: pd.Series, kind: Kind) -> pd.Series:
    if kind in ("float", "log"):
        return values.astype("float64")
    if kind == "int":
        return values.astype("Int64")
    return values if pd.api.types.is_float_dtype(values) else values.convert_dtypes()


def _return_range(env: str, returns: pd.Series) -> list[float]:
    """Return the env's range, if the env is one of ours, widened to the returns of the files."""
    if not returns.notna().any():
        raise InputError(f"files of {env} must hold at least one finite return, got none")
    bounds = list(SPECS[env].return_range or ()) if env in SPECS else []
    return [min([float(returns.min()), *bounds]), max([float(returns.max()), *bounds])]


def _space(raw: RawLandscape) -> "ConfigurationSpace":
    """Return the space of the configs.

    Bounds and choices are those that occur; a hyperparameter is conditional if it is null just where a choice has certain
    values.
    """
    from ConfigSpace import ConfigurationSpace, InCondition

    frame = _configs(raw)
    space = ConfigurationSpace(space=[_hyperparameter(name, raw.kinds[name], frame[name]) for name in frame])
    for name in frame.columns[frame.isna().any()]:
        choices = [other for other in frame if raw.kinds[other] == "choice" and frame[other].notna().all()]
        active = frame[name].notna().to_numpy()
        values = {other: set(frame[other][active]) for other in choices}
        parent = next((o for o in choices if (frame[o].isin(values[o]).to_numpy() == active).all()), None)
        if parent is None:
            raise InputError(f"{raw.label}: {name} must be null only where a choice switches it off, got others")
        space.add(InCondition(space[name], space[parent], [plain_value(value) for value in sorted(values[parent])]))
    return space


def _hyperparameter(name: str, kind: Kind, values: pd.Series) -> "Hyperparameter":
    from ConfigSpace import Categorical, Float, Integer

    present = sorted({plain_value(value) for value in values.dropna()})
    if not present:
        raise InputError(f"hyperparameter {name} must have a value in at least one config, got none")
    if kind == "choice" or len(present) == 1:
        return Categorical(name, present)
    if kind == "int":
        return Integer(name, (int(present[0]), int(present[-1])))
    return Float(name, (_outward(present[0], math.floor), _outward(present[-1], math.ceil)), log=kind == "log")


def _outward(bound: float, direction: Callable[[float], int]) -> float:
    """Return a bound to four digits, rounded away from what lies within."""
    digits = 3 - math.floor(math.log10(abs(bound))) if bound else 0
    return float(f"{direction(bound * 10.0**digits)}e{-digits}")


def _digest(files: Sequence[Path]) -> str:
    """Return the SHA-256 of a file; of several, that of their names and checksums."""
    sums = sorted((path.name, file_format.checksum(path)) for path in files)
    listing = "".join(f"{digest}  {name}\n" for name, digest in sums)
    return sums[0][1] if len(sums) == 1 else hashlib.sha256(listing.encode()).hexdigest()
