"""A landscape: scores of one algorithm on one env over configs, seeds and fidelities, and what a user asks of them.

On disk it is a directory of files, see `landscapes.file_format`; its tables are read when they are asked for.
"""

import ast
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arl import statistics
from arl.errors import InputError, first_line
from arl.records import migrations
from arl.records.settings import TaskSettings
from arl.text import plural
from landscapes import caveats, file_format

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace

LICENCE = "cc-by-4.0"
PACKAGED = Path(__file__).parent / "data"
_CURVE_KEYS = ("config", "seed", "point")
_CURVE_VALUES = ("env_steps", "return_mean", "return_std", "episode_length_mean")
_RETURN = _CURVE_VALUES.index("return_mean")


@dataclass(frozen=True)
class Landscape:
    """One landscape.

    Attributes:
        metadata: what `landscape.json` holds.
        directory: where it was read from.
    """

    metadata: Mapping[str, Any]
    directory: Path

    @cached_property
    def settings(self) -> TaskSettings:
        """The settings of the task that it is of."""
        return TaskSettings.from_json(self.metadata["settings"])

    @property
    def task(self) -> str:
        """The task, `algorithm/env`."""
        return self.settings.name

    @property
    def name(self) -> str:
        """The task, with the preset of its space if that is not the published one, and env steps if not the task's."""
        return self.metadata.get("name") or label(self.task, self.settings.preset)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Versions and device that the runs were made with, or title, address and licence of what was imported."""
        return self.metadata["provenance"]

    @property
    def licence(self) -> str:
        """The licence of its data, in SPDX's words."""
        return self.provenance["licence"] if self.source else LICENCE

    @property
    def num_configs(self) -> int:
        """How many configs it holds."""
        return self.metadata["num_configs"]

    @property
    def num_runs(self) -> int:
        """How many runs it holds: every config under every seed."""
        return self.num_configs * len(self.seeds)

    @property
    def num_by_status(self) -> Mapping[str, int]:
        """How many runs ended in each status: `completed`, `diverged`, `failed`, `missing`."""
        return self.metadata["status"]

    @property
    def source(self) -> str | None:
        """The dataset it was imported from; None for one that was made here."""
        return self.provenance.get("source")

    @property
    def has_default(self) -> bool:
        """Whether config 0 is the default config; an imported landscape has none."""
        return self.source is None

    @property
    def made_with(self) -> str:
        """Version and device, or the dataset that it was imported from."""
        if self.source:
            return f"imported from {self.source}"
        return f"arl {self.provenance.get('arl')}, {self.provenance.get('device')}"

    @property
    def ships(self) -> bool:
        """Whether it comes with the package."""
        return self.directory.parent == PACKAGED

    @property
    def num_bytes(self) -> int:
        """The size of its tables on disk."""
        return sum((self.directory / file).stat().st_size for file in self.metadata["files"])

    @property
    def version(self) -> str:
        """The name and the first digits of a checksum over the checksums of the files."""
        digest = hashlib.sha256(json.dumps(self.metadata["files"], sort_keys=True).encode()).hexdigest()
        return f"{self.name} {digest[:12]}"

    @property
    def seeds(self) -> list[int]:
        """The seeds under which every config was trained."""
        return list(self.metadata["seeds"])

    @cached_property
    def space(self) -> "ConfigurationSpace":
        """The space of the configs."""
        from arl import spaces

        return spaces.from_json(self.metadata["space"])

    @property
    def hyperparameters(self) -> list[str]:
        """The names of the space's hyperparameters, in its order."""
        return [hyperparameter["name"] for hyperparameter in self.metadata["space"]["hyperparameters"]]

    @property
    def log_hyperparameters(self) -> set[str]:
        """The names of those on a logarithmic scale."""
        return {row["name"] for row in self.metadata["space"]["hyperparameters"] if row.get("log")}

    @property
    def numbers(self) -> set[str]:
        """The names of the hyperparameters that are numbers in a range, rather than choices."""
        return {row["name"] for row in self.metadata["space"]["hyperparameters"] if "lower" in row}

    @property
    def return_range(self) -> tuple[float, float]:
        """Worst and best episode return of the env."""
        return self.settings.return_range

    @property
    def caveats(self) -> list[str]:
        """What to keep in mind when its scores are analysed, a sentence each."""
        return [*caveats.of_scores(self.cube[:, :, -1]), *self.metadata.get("caveats", [])]

    @cached_property
    def configs(self) -> pd.DataFrame:
        """A row per config, by its number; see `has_default`."""
        names = migrations.RENAMED_HYPERPARAMETERS.get(self.settings.algorithm, {})
        return self._table("configs").rename(columns=names).set_index("config")

    def config(self, number: int) -> dict[str, Any]:
        """Return the config of a number as plain scalars, active hyperparameters only.

        Raises:
            InputError: no config of that number.
        """
        configs = self.plain_configs
        if not 0 <= number < len(configs):
            raise InputError(f"config of {self.name} must be in [0, {len(configs) - 1}], got {number}")
        return dict(configs[number])

    @cached_property
    def plain_configs(self) -> list[dict[str, Any]]:
        """The configs by number, as `config` gives them."""
        from arl import spaces

        return [spaces.from_row(self.space, row) for row in self.configs.to_dict(orient="records")]

    def __repr__(self) -> str:
        return f"<Landscape {self.name}: {plural(self.num_configs, 'config')} x {plural(len(self.seeds), 'seed')}>"

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row per config and seed: status, final score (the worst return if the run diverged or failed), env steps."""
        return self._table("runs")

    @cached_property
    def _curves(self) -> pd.DataFrame:
        return self._table("curves")

    def curves(self) -> pd.DataFrame:
        """Return a row per config, seed and evaluation point."""
        return self._curves.copy()

    @cached_property
    def returns(self) -> np.ndarray:
        """Mean returns `(config, seed, point)`, NaN once a run has diverged; see `cube` for points that are missing."""
        return self._filled(self.recorded_returns, self.missing)

    @cached_property
    def recorded_returns(self) -> np.ndarray:
        """Mean returns `(config, seed, point)`, NaN once a run has diverged, and where one is missing.

        Raises:
            InputError: the tables do not hold what `landscape.json` says.
        """
        shape = (len(self.configs), len(self.seeds), self.settings.num_points)
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
        reached = self.curves().groupby("point")["env_steps"].max()
        planned = [self.settings.fidelity * (i + 1) // len(reached) for i in range(len(reached))]
        return [int(plan if pd.isna(steps) else steps) for plan, steps in zip(planned, reached, strict=True)]

    @property
    def metrics(self) -> list[str]:
        """The names of the training metrics."""
        return [name for name in self._curves if name not in (*_CURVE_KEYS, *_CURVE_VALUES)]

    @cached_property
    def values(self) -> np.ndarray:
        """Env steps, mean and deviation of returns, mean length, then metrics: `(config, seed, point, column)`."""
        by_run = self._curves[[*_CURVE_VALUES, *self.metrics]].to_numpy(np.float64, na_value=np.nan)
        values = by_run.reshape(*self.returns.shape, -1)
        values[..., _RETURN] = self.returns
        return values

    def values_under(self, seeds: Sequence[int]) -> np.ndarray:
        """Return `values` under some of the seeds, in their order; a missing point is filled in from these seeds alone."""
        rows = [self.seeds.index(seed) for seed in seeds]
        values = self.values[:, rows]
        values[..., _RETURN] = self._filled(self.recorded_returns[:, rows], self.missing[:, rows])
        return values

    @cached_property
    def cube(self) -> np.ndarray:
        """Mean returns `(config, seed, point)`, the worst return where a run has diverged.

        A missing point, in imported landscapes only, is the mean of its config's other seeds, so that means over the seeds
        are means over the seeds that have the point; where none has, it counts as diverged.
        """
        return np.where(np.isnan(self.returns), self.return_range[0], self.returns)

    def _filled(self, returns: np.ndarray, missing: np.ndarray) -> np.ndarray:
        """Return the returns with the means over the other seeds where they are missing."""
        if not missing.any():
            return returns
        counted = np.where(np.isnan(returns), self.return_range[0], returns)
        num_present = (~missing).sum(axis=1, keepdims=True)
        means = np.where(missing, 0.0, counted).sum(axis=1, keepdims=True) / np.maximum(num_present, 1)
        return np.where(missing, np.where(num_present > 0, means, np.nan), returns)

    def scores(self, point: int = -1) -> pd.DataFrame:
        """Return a row per config: hyperparameters, and mean, standard deviation, IQM and worst score over seeds at a point.

        `point`: which evaluation, the last by default; `status` is that of whole runs: of the first that did not complete.
        The standard deviation of a single seed is NaN.

        Raises:
            InputError: no such point.
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
        """Return the configs for which an expression in pandas' query language holds, best first.

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
        for name, recorded in self.metadata["files"].items():
            path = self.directory / name
            if not path.is_file():
                raise InputError(f"landscape {self.name}: file {name} is missing from {self.directory}")
            if (digest := file_format.checksum(path)) != recorded:
                raise InputError(
                    f"landscape {self.name}: {name} must have SHA-256 {recorded[:12]}..., got {digest[:12]}..."
                )

    def _table(self, name: str) -> pd.DataFrame:
        path = self.directory / f"{name}.parquet"
        return file_format.read_table(path, self.metadata["files"].get(path.name))


def read(directory: Path) -> Landscape:
    """Return the landscape in a directory; its tables are read when they are asked for.

    Raises:
        InputError: no landscape there, or one of another format.
    """
    return Landscape(file_format.read_metadata(directory), directory)


def write(
    directory: Path,
    metadata: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    build: Mapping[str, Any] | None = None,
) -> Landscape:
    """Write a landscape and return it as it is read back; arguments as of `file_format.write`."""
    file_format.write(directory, metadata, tables, build)
    return read(directory)


def label(task: str, preset: str, fidelity: int | None = None) -> str:
    """Return the name of a task's landscape; `fidelity` is given if it is not the task's own."""
    return task + (f"@{preset}" if preset != "published" else "") + (f"@{fidelity}" if fidelity is not None else "")


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
        raise InputError(f"where must give True or False for each config, got {where!r}")
    return frame[chosen.fillna(False).astype(bool)]
