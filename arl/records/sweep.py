"""What a sweep left behind, as pandas DataFrames."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from arl.errors import InputError
from arl.records.store import Store, TrialRecord

_SOURCES = {"exact": "recorded", "nearest": "by the nearest config", "surrogate": "predicted"}


@dataclass(frozen=True)
class SweepRecord:
    """A sweep's records.

    Attributes:
        settings: what was asked for; provenance: with what it was begun; timing: seconds by phase.
        space: the search space in ConfigSpace's own JSON form.
    """

    name: str
    settings: dict[str, Any]
    provenance: dict[str, Any]
    timing: dict[str, float]
    space: dict[str, Any]
    records: dict[int, TrialRecord]

    @property
    def task(self) -> str:
        return self.settings["task"]

    @property
    def return_range(self) -> tuple[float, float]:
        """Worst and best episode return of the env."""
        worst, best = self.settings["return_range"]
        return worst, best

    @property
    def points(self) -> int:
        """Evaluation points of a full run."""
        return self.settings["num_points"]

    @property
    def scores(self) -> list[str]:
        """Names of the scores, the one that is maximised first."""
        return self.settings.get("scores", ["final"])

    @cached_property
    def made_with(self) -> dict[str, Any]:
        """The provenance of the runs; a list where they differ, as when a sweep went on with another version."""
        runs = [run.provenance for record in self.records.values() for run in record.runs]
        return {
            key: one(run.get(key, value) for run in runs) if runs else value for key, value in self.provenance.items()
        }

    @property
    def answers(self) -> str | None:
        """How a landscape answered, in words; None where agents were trained."""
        if self.settings.get("objective", "training") == "training":
            return None
        counts = Counter(_SOURCES[record.runs[0].provenance["source"]] for record in self.records.values())
        counts["with points filled in from other seeds"] = sum(
            any("filled" in run.provenance for run in record.runs) for record in self.records.values()
        )
        listed = ", ".join(f"{num} {source}" for source, num in counts.items() if num)
        return f"nothing was trained, landscape {self.settings.get('landscape', self.task)} answered: {listed}"

    @property
    def command(self) -> list[str]:
        """The words of the command that gives the same sweep."""
        settings = self.settings
        words = ["arl", "sweep", self.task, "--name", self.name, "--tuner", settings["tuner"]]
        for option in ("trials", "budget", "tuner_seed", "batch", "fidelity", "objective"):
            if settings.get(option) is not None:  # older records have no objective
                words += [f"--{option.replace('_', '-')}", str(settings[option])]
        words += ["--space", settings["preset"], "--seeds", ",".join(map(str, settings["seeds"])) + ","]
        for name, value in settings["options"].items():
            words += ["--option", f"{name}={json.dumps(value)}"]
        if self.scores != ["final"]:
            words += ["--score", ",".join(self.scores)]
        return words if settings["preset"] != "fixed" else self._train_command()

    def _train_command(self) -> list[str]:
        settings = self.settings
        words = ["arl", "train", self.task, "--name", self.name, "--fidelity", str(settings["fidelity"])]
        words += ["--seeds", ",".join(map(str, settings["seeds"])) + ","]
        for name, value in {**settings["fixed"], **settings["options"].get("schedule", {})}.items():
            words += ["--set", f"{name}={json.dumps(value)}"]
        return words

    @property
    def hyperparameters(self) -> list[str]:
        """The tuned hyperparameters, in the space's order."""
        return [hyperparameter["name"] for hyperparameter in self.space["hyperparameters"]]

    @property
    def log_hyperparameters(self) -> set[str]:
        """Those on a logarithmic scale."""
        return {known["name"] for known in self.space["hyperparameters"] if known.get("log")}

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row per trial: what was asked, its status, score (mean over seeds) and cost, a column per hyperparameter."""
        rows = [
            {
                "trial": record.trial,
                "fidelity": record.fidelity,
                "num_seeds": len(record.seeds),
                "parent": record.parent,
                "status": record.status,
                "score": record.score,
                "score_std": pd.Series([run.score for run in record.runs]).std(ddof=0),
                "env_steps": sum(run.env_steps for run in record.runs),
                "seconds": sum(run.seconds for run in record.runs),
                "finished_at": record.finished_at,
                **self._config_row(record),
            }
            for record in self.records.values()
        ]
        columns = [
            "trial",
            "fidelity",
            "num_seeds",
            "parent",
            "status",
            "score",
            "score_std",
            "env_steps",
            "seconds",
            "finished_at",
        ]
        return self._frame(rows, columns)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row per run (a trial under one seed)."""
        rows = [
            {
                "trial": record.trial,
                "seed": run.seed,
                "status": run.status,
                "score": run.score,
                "env_steps": run.env_steps,
                "seconds": run.seconds,
                **self._config_row(record),
            }
            for record in self.records.values()
            for run in record.runs
        ]
        return self._frame(rows, ["trial", "seed", "status", "score", "env_steps", "seconds"])

    @cached_property
    def curves(self) -> pd.DataFrame:
        """A row per evaluation point of each run; returns are NaN once a run has diverged."""
        rows = [
            {
                "trial": record.trial,
                "seed": run.seed,
                "point": i,
                "env_steps": point.env_steps,
                "return_mean": point.return_mean,
                "return_std": point.return_std,
                "episode_length_mean": point.episode_length_mean,
                **point.metrics,
            }
            for record in self.records.values()
            for run in record.runs
            for i, point in enumerate(run.points)
        ]
        columns = ["trial", "seed", "point", "env_steps", "return_mean", "return_std", "episode_length_mean"]
        return pd.DataFrame(rows) if rows else pd.DataFrame(columns=columns)

    @property
    def incumbent(self) -> dict[str, Any] | None:
        """The best completed trial of the highest fidelity seen, the earliest among equals; None if there is none."""
        done = [record for record in self.records.values() if record.status == "completed"]
        if not done:
            return None
        best = max(done, key=lambda record: (record.rank, -record.trial))
        std = float(self.trials.set_index("trial").loc[best.trial, "score_std"])
        return {
            "trial": best.trial,
            "score": best.score,
            "score_std": std,
            "fidelity": best.fidelity,
            "config": dict(best.config),
        }

    def export(self, directory: str | Path) -> Path:
        """Write `trials.parquet`, `runs.parquet`, `curves.parquet`, `space.json` and `sweep.json` to a directory.

        Raises:
            InputError: the directory holds something already.
        """
        directory = Path(directory)
        if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
            raise InputError(f"export directory must be new or empty, got {str(directory)!r}")
        directory.mkdir(parents=True, exist_ok=True)
        for name in ("trials", "runs", "curves"):
            getattr(self, name).to_parquet(directory / f"{name}.parquet", compression="zstd", index=False)
        about = {"name": self.name, "settings": self.settings, "provenance": self.made_with, "timing": self.timing}
        (directory / "space.json").write_text(json.dumps(self.space, indent=2) + "\n")
        (directory / "sweep.json").write_text(json.dumps(about, indent=2) + "\n")
        return directory

    def _config_row(self, record: TrialRecord) -> dict[str, Any]:
        return {name: record.config.get(name) for name in self.hyperparameters}

    def _frame(self, rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
        frame = pd.DataFrame(rows, columns=[*columns, *self.hyperparameters])
        return frame.astype({"parent": "Int64"}) if "parent" in columns else frame


def one(values: Iterable[Any]) -> Any:
    """The value if all are the same, else the list of the different ones, in order; a list stands for its values."""
    every = itertools.chain.from_iterable(value if isinstance(value, list) else [value] for value in values)
    seen: list[Any] = []
    for value in every:
        if value not in seen:
            seen.append(value)
    return seen[0] if len(seen) == 1 else seen


def load_sweep(name: str, store: Store | str | Path | None = None) -> SweepRecord:
    """The records of a sweep, finished or not.

    `store`: a file, URL or Store; by default `$ARL_STORE`, else `results/store.sqlite`.

    Raises:
        InputError: no such sweep, or no such store.
    """
    store = store if isinstance(store, Store) else Store(store)
    about = store.sweep(name)
    return SweepRecord(
        name, about["settings"], about["provenance"], about["timing"], about["space"], store.trials(name)
    )
