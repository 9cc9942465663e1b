"""Landscapes as files: scores of one algorithm on one env over configs, seeds and fidelities, and what a user asks of them.

A landscape is a directory of Parquet files and one JSON file; nothing in it is executed when it is read.

    configs.parquet     a row per config: its number in the sequence and a column per hyperparameter, null where inactive
    runs.parquet        a row per config and seed: status, score, env steps
    curves.parquet      a row per config, seed and point: env steps, returns, training metrics; NaN once a run has diverged
    landscape.json      format, task, space, seeds, versions, and the SHA-256 of each file

Beside them are `README.md` and `croissant.json`, which say the same to people and to other programs (`landscapes.cards`).
What a run took is in `build.json`, apart: it differs from machine to machine, the landscape does not.
"""

import ast
import hashlib
import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from arl import statistics
from arl.errors import InputError, first_line, unknown

FORMAT = 1
PACKAGED = Path(__file__).parent / "data"
TABLES = ("configs", "runs", "curves")
_ABOUT: dict[str, type] = {
    "settings": dict,
    "settings.task": str,
    "settings.preset": str,
    "settings.fidelity": int,
    "settings.num_points": int,
    "settings.algorithm": str,
    "settings.env": str,
    "settings.fixed": dict,
    "settings.num_episodes": int,
    "settings.return_range": list,
    "space": dict,
    "space.hyperparameters": list,
    "seeds": list,
    "num_configs": int,
    "provenance": dict,
    "status": dict,
    "files": dict,
}
_CURVE_KEYS = ("config", "seed", "point")
_CURVE_VALUES = ("env_steps", "return_mean", "return_std", "episode_length_mean")


@dataclass(frozen=True)
class Landscape:
    """One landscape.

    Attributes:
        about: what `landscape.json` holds.
        directory: where it was read from.
    """

    about: Mapping[str, Any]
    directory: Path

    @property
    def task(self) -> str:
        """The task, `algorithm/env`."""
        return self.about["settings"]["task"]

    @property
    def name(self) -> str:
        """The task, with the preset of its space if that is not the published one, and env steps if not the task's."""
        return self.about.get("name") or label(self.task, self.about["settings"]["preset"])

    @property
    def source(self) -> str | None:
        """The dataset it was imported from; None for one that was made here."""
        return self.about["provenance"].get("source")

    @property
    def has_default(self) -> bool:
        """Whether config 0 is the default config; an imported landscape has none."""
        return self.source is None

    @property
    def made_with(self) -> str:
        """Version and device, or the dataset that it was imported from."""
        known = self.about["provenance"]
        return f"imported from {self.source}" if self.source else f"arl {known.get('arl')}, {known.get('device')}"

    @property
    def ships(self) -> bool:
        """Whether it comes with the package."""
        return self.directory.parent == PACKAGED

    @property
    def version(self) -> str:
        """The name and the beginning of a checksum over those of its files."""
        together = hashlib.sha256(json.dumps(self.about["files"], sort_keys=True).encode())
        return f"{self.name} {together.hexdigest()[:12]}"

    @property
    def seeds(self) -> list[int]:
        """The seeds under which every config was trained."""
        return list(self.about["seeds"])

    @property
    def hyperparameters(self) -> list[str]:
        """The names of the space's hyperparameters, in its order."""
        return [known["name"] for known in self.about["space"]["hyperparameters"]]

    @property
    def log_hyperparameters(self) -> set[str]:
        """Those on a logarithmic scale."""
        return {known["name"] for known in self.about["space"]["hyperparameters"] if known.get("log")}

    @property
    def numbers(self) -> set[str]:
        """The hyperparameters that are numbers in a range, rather than choices."""
        return {known["name"] for known in self.about["space"]["hyperparameters"] if "lower" in known}

    @property
    def return_range(self) -> tuple[float, float]:
        """Worst and best episode return of the env."""
        worst, best = self.about["settings"]["return_range"]
        return worst, best

    @property
    def caveats(self) -> list[str]:
        """What to keep in mind when its scores are analysed, a sentence each."""
        return [*_few_seeds(self), *_many_alike(self), *_minibatches_alike(self.about)]

    @cached_property
    def configs(self) -> pd.DataFrame:
        """A row per config, by its number; see `has_default`."""
        return self._table("configs").set_index("config")

    def config(self, number: int) -> dict[str, Any]:
        """The config of that number as plain scalars, active hyperparameters only.

        Raises:
            InputError: there is none.
        """
        known = self.plain_configs
        if not 0 <= number < len(known):
            raise InputError(f"config of {self.name} must be in [0, {len(known) - 1}], got {number}")
        return dict(known[number])

    @cached_property
    def plain_configs(self) -> list[dict[str, Any]]:
        """The configs by number, as `config` gives them."""
        kinds = {known["name"]: known for known in self.about["space"]["hyperparameters"]}
        return [
            {name: _plain(kinds[name], value) for name, value in row.items() if value is not None and value == value}
            for row in self.configs.to_dict(orient="records")
        ]

    def __repr__(self) -> str:
        return f"<Landscape {self.name}: {self.about['num_configs']} configs x {len(self.seeds)} seeds>"

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row per config and seed: status, final score (the worst return if it diverged or failed), env steps."""
        return self._table("runs")

    @cached_property
    def _curves(self) -> pd.DataFrame:
        return self._table("curves")

    def curves(self) -> pd.DataFrame:
        """A row per config, seed and evaluation point."""
        return self._curves.copy()

    @cached_property
    def returns(self) -> np.ndarray:
        """Mean returns `(config, seed, point)`, NaN once a run has diverged; see `cube` for points that are missing."""
        return self._filled(self.recorded_returns, self.missing)

    @cached_property
    def recorded_returns(self) -> np.ndarray:
        """Mean returns `(config, seed, point)`, NaN once a run has diverged, and where there is none.

        Raises:
            InputError: the tables do not hold what `landscape.json` says.
        """
        shape = (len(self.configs), len(self.seeds), self.about["settings"]["num_points"])
        by_run = self._curves["return_mean"].to_numpy(np.float64)  # rows are sorted by config, seed and point
        if len(by_run) != np.prod(shape) or len(self.runs) != shape[0] * shape[1]:
            raise InputError(f"landscape {self.name} must have a row for each of {shape} points, got {len(by_run)}")
        return by_run.reshape(shape)

    @cached_property
    def missing(self) -> np.ndarray:
        """Which points an imported landscape lacks, `(config, seed, point)`; those that it lost are diverged."""
        by_run = (self.runs.status == "missing").to_numpy().reshape(self.recorded_returns.shape[:2])
        return np.isnan(self.recorded_returns) & by_run[..., None]

    @cached_property
    def steps(self) -> list[int]:
        """Env steps of the evaluation points; of one that no run has reached, as planned."""
        known = self.curves().groupby("point")["env_steps"].max()
        planned = [self.about["settings"]["fidelity"] * (i + 1) // len(known) for i in range(len(known))]
        return [int(plan if pd.isna(steps) else steps) for plan, steps in zip(planned, known, strict=True)]

    @property
    def metrics(self) -> list[str]:
        """The names of the training metrics."""
        return [name for name in self._curves if name not in (*_CURVE_KEYS, *_CURVE_VALUES)]

    @cached_property
    def values(self) -> np.ndarray:
        """Env steps, mean and deviation of returns, mean length, then metrics: `(config, seed, point, column)`."""
        by_run = self._curves[[*_CURVE_VALUES, *self.metrics]].to_numpy(np.float64, na_value=np.nan)
        values = by_run.reshape(*self.returns.shape, -1)
        values[..., _CURVE_VALUES.index("return_mean")] = self.returns
        return values

    def values_under(self, seeds: Sequence[int]) -> np.ndarray:
        """`values` under some of the seeds, in their order; a missing point is filled in from these seeds alone."""
        rows = [self.seeds.index(seed) for seed in seeds]
        values = self.values[:, rows]
        values[..., _CURVE_VALUES.index("return_mean")] = self._filled(
            self.recorded_returns[:, rows], self.missing[:, rows]
        )
        return values

    @cached_property
    def cube(self) -> np.ndarray:
        """Mean returns `(config, seed, point)`, the worst return where a run has diverged.

        A point that is missing, in imported landscapes only, is the mean of its config's other seeds, so that means over
        the seeds are means over those that there are; where there is none, it counts as diverged.
        """
        return np.where(np.isnan(self.returns), self.return_range[0], self.returns)

    def _filled(self, returns: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """Returns with the means over the other seeds where they are missing."""
        if not missing.any():
            return returns
        known = np.where(np.isnan(returns), self.return_range[0], returns)
        num_known = (~missing).sum(axis=1, keepdims=True)
        means = np.where(missing, 0.0, known).sum(axis=1, keepdims=True) / np.maximum(num_known, 1)
        return np.where(missing, np.where(num_known > 0, means, np.nan), returns)

    def scores(self, point: int = -1) -> pd.DataFrame:
        """A row per config: hyperparameters, and mean, standard deviation, IQM and worst over seeds at a point.

        `point`: which evaluation, the last by default; `status` is that of whole runs: of the first that did not complete.
        The standard deviation of a single seed is NaN.
        """
        num_points = self.cube.shape[2]
        if not -num_points <= point < num_points:
            raise InputError(f"point must be in [{-num_points}, {num_points - 1}], got {point}")
        scores = self.cube[:, :, point]
        failed = self.runs[self.runs.status != "completed"].groupby("config").status.first()
        frame = self.configs.copy()
        frame.insert(0, "score", scores.mean(axis=1))
        frame.insert(1, "score_std", scores.std(axis=1) if scores.shape[1] > 1 else np.nan)
        frame.insert(2, "score_iqm", statistics.iqm(scores))
        frame.insert(3, "score_worst", scores.min(axis=1))
        frame.insert(4, "status", failed.reindex(frame.index).fillna("completed"))
        return frame.reset_index()

    def query(self, where: str | None = None, top: int | None = None, point: int = -1) -> pd.DataFrame:
        """The configs for which an expression in pandas' query language holds, best first.

        Raises:
            InputError: the expression does not parse, names an unknown column, or is no condition.
        """
        frame = self.scores(point)
        if where:
            frame = _filtered(frame, where)
        frame = frame.sort_values(["score", "config"], ascending=[False, True])
        return frame if top is None else frame.head(top)

    def verify(self) -> None:
        """Check every file against its checksum.

        Raises:
            InputError: a file is missing or was changed.
        """
        for name, known in self.about["files"].items():
            path = self.directory / name
            if not path.is_file():
                raise InputError(f"landscape {self.name}: file {name} is missing from {self.directory}")
            if (found := checksum(path)) != known:
                raise InputError(
                    f"landscape {self.name}: {name} must have SHA-256 {known[:12]}..., got {found[:12]}..."
                )

    def _table(self, name: str) -> pd.DataFrame:
        path = self.directory / f"{name}.parquet"
        try:
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != self.about["files"][path.name]:
                raise InputError(f"landscape file {str(path)!r} must have its recorded SHA-256: it was changed")
            return pq.ParquetFile(pa.BufferReader(data)).read().to_pandas()
        except (OSError, KeyError, pa.ArrowException) as error:
            raise InputError(f"landscape file {str(path)!r} can't be read: {first_line(error)}") from error


def write(
    directory: Path,
    about: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    build: Mapping[str, Any] | None = None,
) -> Landscape:
    """Write a landscape; the same tables give the same files, byte for byte.

    `about` holds settings, space, seeds and provenance; checksums are added. `landscape.json` is written last, so that a
    directory with it is whole.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "landscape.json").unlink(missing_ok=True)
    for name in TABLES:
        _write_table(tables[name], directory / f"{name}.parquet")
    files = {f"{name}.parquet": checksum(directory / f"{name}.parquet") for name in TABLES}
    if build is not None:
        write_json(directory / "build.json", build)
    write_json(directory / "landscape.json", {"format": FORMAT, **about, "files": files})
    return read(directory)


def read(directory: Path) -> Landscape:
    """The landscape in a directory; its tables are read when they are asked for.

    Raises:
        InputError: no landscape there, or one of another format.
    """
    path = directory / "landscape.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        form = about["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"landscape {str(directory)!r} can't be read: {first_line(error)}") from error
    if form != FORMAT:
        newer = ", made by a newer version of arl" if isinstance(form, int) and form > FORMAT else ""
        raise InputError(f"landscape {str(directory)!r} must have format {FORMAT}, got {form!r}{newer}")
    _check(about, directory)
    return Landscape(about, directory)


def _check(about: Mapping[str, Any], directory: Path) -> None:
    """Refuse a `landscape.json` without what is asked of every landscape."""
    for name, kind in _ABOUT.items():
        owner, _, key = name.rpartition(".")
        found = (about[owner] if owner else about).get(key)
        if not isinstance(found, kind):
            raise InputError(f"landscape {str(directory)!r} must have a {kind.__name__} {name}, got {found!r}")


def directories() -> list[Path]:
    """Where landscapes are looked for: `$ARL_LANDSCAPES` or `results/landscapes`, then those that come with the package."""
    own = Path(os.environ.get("ARL_LANDSCAPES") or "results/landscapes")
    return [own, PACKAGED]


def there() -> list[Path]:
    """The directories of all landscapes, readable or not."""
    return [path.parent for parent in directories() for path in sorted(parent.glob("*/landscape.json"))]


def available() -> dict[str, Landscape]:
    """All landscapes by name, one's own before those that come with the package; what can't be read is warned of."""
    found: dict[str, Landscape] = {}
    for directory in there():
        try:
            landscape = read(directory)
        except InputError as error:
            warnings.warn(str(error), stacklevel=2)
        else:
            found.setdefault(landscape.name, landscape)
    return dict(sorted(found.items()))


def get(name: str) -> Landscape:
    """The landscape of that name: a task's, such as `ppo/CartPole-v1`, `task@preset` for another space, `task@25000` for
    another fidelity.

    Raises:
        InputError: there is none.
    """
    known = available()
    if name not in known:
        raise unknown("landscape", name, known)
    return known[name]


def of_algorithm(algorithm: str) -> list[Landscape]:
    """The landscapes of an algorithm in its published space at its tasks' own fidelity, by name.

    Raises:
        InputError: there is none of that algorithm.
    """
    known = [one for name, one in available().items() if name == one.task and one.source is None]
    found = [landscape for landscape in known if landscape.about["settings"]["algorithm"] == algorithm]
    if not found:
        algorithms = sorted({landscape.about["settings"]["algorithm"] for landscape in known})
        raise unknown("algorithm of landscapes", algorithm, algorithms)
    return found


def _plain(known: dict[str, Any], value: Any) -> Any:
    """A value of its hyperparameter's own type: a column with nulls is read as floats or objects."""
    if known.get("choices") is not None:
        return next(choice for choice in known["choices"] if choice == value)
    return int(value) if "int" in known["type"] else float(value)


def label(task: str, preset: str, fidelity: int | None = None) -> str:
    """The name of a task's landscape; `fidelity` if it is not the task's own."""
    return task + (f"@{preset}" if preset != "published" else "") + (f"@{fidelity}" if fidelity is not None else "")


def directory_name(name: str) -> str:
    """`ppo/CartPole-v1` as the name of a directory."""
    return re.sub("[/@:]", "-", name)


def checksum(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _few_seeds(landscape: Landscape) -> Iterator[str]:
    if len(landscape.seeds) == 1:
        yield "1 seed: luck can't be told from what a config is worth, and scores have no standard deviation."


def _many_alike(landscape: Landscape) -> Iterator[str]:
    """More than a quarter of the configs with one score, as where only few learn anything."""
    scores, counts = np.unique(landscape.cube[:, :, -1].mean(axis=1), return_counts=True)
    most, score = int(counts.max()), scores[counts.argmax()]
    num = int(counts.sum())
    if most == num > 1:
        yield f"All {num} configs score {score:g}: nothing tells them apart."
    elif most > max(1, num / 4):
        yield f"{most} of {num} configs score {score:g}: what tells configs apart rests on the other {num - most}."


def _minibatches_alike(about: Mapping[str, Any]) -> Iterator[str]:
    """PPO's minibatches hold at most the whole rollout."""
    fixed, known = about["settings"]["fixed"], {one["name"]: one for one in about["space"]["hyperparameters"]}
    if about["settings"]["algorithm"] != "ppo" or not {"num_envs", "num_steps"} <= fixed.keys():
        return
    samples = fixed["num_envs"] * fixed["num_steps"]
    alike = sorted(size for size in known.get("minibatch_size", {}).get("choices", ()) if size >= samples)
    if len(alike) > 1:
        yield f"minibatch_size {', '.join(map(str, alike))} train alike: a rollout has {samples} samples."


def _filtered(frame: pd.DataFrame, where: str) -> pd.DataFrame:
    if "@" in where:
        raise InputError(f"where must name columns only, got {where!r}")
    try:
        if any(isinstance(node, ast.Call) for node in ast.walk(ast.parse(where.strip(), mode="eval"))):
            raise ValueError("it must not call functions")
        chosen = frame.eval(where, engine="python")
    except Exception as error:  # pandas, tokenize and ast each fail in their own way
        columns = ", ".join(frame.columns)
        raise InputError(f"where must be a condition on {columns}; {first_line(error)}: got {where!r}") from error
    if not (isinstance(chosen, pd.Series) and pd.api.types.is_bool_dtype(chosen)):
        raise InputError(f"where must be a condition such as 'score > 480', got {where!r}")
    if not chosen.index.equals(frame.index):
        raise InputError(f"where must say of each config whether it is meant, got {where!r}")
    return frame[chosen.fillna(False).astype(bool)]


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    """Zstandard over dictionaries for keys and over split bytes for floats: half the size of plain Parquet."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    keys: Sequence[str] = [field.name for field in table.schema if field.name not in floats]
    pq.write_table(
        table, path, compression="zstd", compression_level=9, use_dictionary=keys, use_byte_stream_split=floats
    )


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)
