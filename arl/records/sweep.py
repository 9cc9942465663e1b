"""The records of a sweep, as pandas DataFrames."""

import itertools
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from arl import results
from arl.errors import InputError, unknown
from arl.records import ranking
from arl.records.settings import SweepSettings
from arl.records.store import COMPLETED, DIVERGED, FAILED, Store, TrialRecord
from arl.text import plural

if TYPE_CHECKING:  # pandas is imported by those who ask for a frame: it takes as long as all else
    import pandas as pd

_NUM_SHOWN = 5
_MEMBERS = ".incumbent, and as DataFrames .trials, .runs and .curves"
_SOURCES = {"exact": "recorded", "nearest": "by the nearest config", "surrogate": "predicted"}


@dataclass(frozen=True)
class SweepRecord:
    """A sweep's records.

    Attributes:
        settings: what was asked for.
        provenance: versions and device that it was begun with.
        timing: seconds by phase.
        space: the search space in ConfigSpace's own JSON form.
        records: the finished trials by id.
    """

    name: str
    settings: SweepSettings
    provenance: dict[str, Any]
    timing: dict[str, float]
    space: dict[str, Any]
    records: dict[int, TrialRecord]

    @property
    def task(self) -> str:
        """The name of the task, `algorithm/env`."""
        return self.settings.task.name

    @property
    def return_range(self) -> tuple[float, float]:
        """Worst and best episode return of the env."""
        return self.settings.task.return_range

    @property
    def points(self) -> int:
        """Evaluation points of a full run."""
        return self.settings.task.num_points

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the scores, the one that is maximised first."""
        return self.settings.scores

    @cached_property
    def made_with(self) -> dict[str, Any]:
        """The provenance of the runs; a list where they differ, as when a sweep went on with another version."""
        every = (run.provenance for record in self.records.values() for run in record.runs)
        runs = [provenance for provenance, _ in itertools.groupby(every)]
        return {
            key: distinct(run.get(key, value) for run in runs) if runs else value
            for key, value in self.provenance.items()
        }

    @property
    def is_schedule(self) -> bool:
        """Whether each trial goes on from the one before, so that together they train one agent."""
        ids = list(self.records)
        return len(ids) > 1 and [record.parent for record in self.records.values()] == [None, *ids[:-1]]

    @property
    def answers(self) -> str | None:
        """How a landscape answered, in words; None where agents were trained."""
        sources = [record.runs[0].outcome.source for record in self.records.values()]
        counts = Counter(_SOURCES[source] for source in sources if source is not None)
        if not counts:
            return None
        counts["with points filled in from other seeds"] = sum(
            any(run.outcome.filled for run in record.runs) for record in self.records.values()
        )
        listed = ", ".join(f"{num} {source}" for source, num in counts.items() if num)
        return f"nothing was trained, landscape {self.settings.objective_version or self.task} answered: {listed}"

    @property
    def hyperparameters(self) -> list[str]:
        """The tuned hyperparameters, in the space's order."""
        return [hyperparameter["name"] for hyperparameter in self.space["hyperparameters"]]

    @property
    def log_hyperparameters(self) -> set[str]:
        """The names of those on a logarithmic scale."""
        return {row["name"] for row in self.space["hyperparameters"] if row.get("log")}

    @cached_property
    def trial_rows(self) -> list[dict[str, Any]]:
        """The rows of `trials` as dicts."""
        spreads = _score_stds(self.records.values())
        return [
            {
                "trial": record.trial,
                "fidelity": record.fidelity,
                "num_seeds": len(record.seeds),
                "parent": record.parent,
                "status": record.status,
                "score": record.score,
                "score_std": spreads[record.trial],
                "env_steps": sum(run.env_steps for run in record.runs),
                "seconds": sum(run.seconds for run in record.runs),
                "finished_at": record.finished_at,
                **self._config_row(record),
            }
            for record in self.records.values()
        ]

    @cached_property
    def trials(self) -> "pd.DataFrame":
        """A row per trial: what was asked, its status, score (mean over seeds) and cost, a column per hyperparameter."""
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
        return self._frame(self.trial_rows, columns)

    @cached_property
    def runs(self) -> "pd.DataFrame":
        """A row per run (a trial under one seed); `merged` is the trial that trained it, if an earlier one did."""
        rows = [
            {
                "trial": record.trial,
                "seed": run.seed,
                "status": run.status,
                "score": run.score,
                "env_steps": run.env_steps,
                "seconds": run.seconds,
                "merged": run.outcome.merged,
                **self._config_row(record),
            }
            for record in self.records.values()
            for run in record.runs
        ]
        return self._frame(rows, ["trial", "seed", "status", "score", "env_steps", "seconds", "merged"])

    @cached_property
    def curves(self) -> "pd.DataFrame":
        """A row per evaluation point of each run; returns are NaN once a run has diverged."""
        import pandas as pd

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

    def trial(self, number: int) -> TrialRecord:
        """Return a finished trial.

        Raises:
            InputError: no such trial.
        """
        if number not in self.records:
            raise unknown("trial", str(number), map(str, self.records), f"of sweep {self.name!r}")
        return self.records[number]

    @cached_property
    def ranked(self) -> list[TrialRecord]:
        """The trials, the best first."""
        return ranking.ranked(self.records)

    @property
    def incumbent(self) -> dict[str, Any] | None:
        """The best completed trial, see `arl.records.ranking`; None if there is none."""
        best = next(iter(self.ranked), None)
        if best is None or best.status != COMPLETED:
            return None
        return {
            "trial": best.trial,
            "score": best.score,
            "score_std": _score_stds([best])[best.trial],
            "fidelity": best.fidelity,
            "config": dict(best.config),
        }

    @property
    def remarks(self) -> list[str]:
        """What the incumbent's score does not say by itself, a line each."""
        return [remark for remark in (self._at_ceiling(), self._below_full_fidelity()) if remark is not None]

    def _at_ceiling(self) -> str | None:
        incumbent, ceiling = self.incumbent, self.return_range[1]
        if incumbent is None or incumbent["score"] != ceiling:
            return None
        num = sum(trial.status == COMPLETED and trial.score == ceiling for trial in self.records.values())
        return (
            f"score {self.scores[0]!r} is at its ceiling, {ceiling:g}, in {plural(num, 'trial')}: equal ones are ranked by "
            "the area under the learning curve, then by the worst seed"
        )

    def _below_full_fidelity(self) -> str | None:
        full, highest = self.settings.task.fidelity, max((trial.fidelity for trial in self.records.values()), default=0)
        if not 0 < highest < full:
            return None
        return f"no trial reached the full fidelity of {full:,} env steps, the highest is {highest:,}: raise the budget"

    @property
    def headline(self) -> str:
        """What was swept, and how many trials there are, in a line."""
        counts = Counter(record.status for record in self.records.values())
        others = ", ".join(f"{counts[status]} {status}" for status in (DIVERGED, FAILED) if counts[status])
        return (
            f"sweep {self.name!r}: {self.task} ({self.settings.task.preset} space), tuner {self.settings.tuner}, "
            f"{plural(len(self.records), 'trial')}{f' ({others})' if others else ''} x "
            f"{plural(len(self.settings.seeds), 'seed')}"
        )

    def best(self, num: int) -> "pd.DataFrame":
        """Return the rows of the best trials, the best first: scores, hyperparameters, and fidelity and status that vary."""
        varying = [name for name in ("fidelity", "status") if self.trials[name].nunique() > 1]
        spread = ["score_std"] if self.trials.score_std.notna().any() else []
        shown = ["trial", *varying, "score", *spread, *self.hyperparameters]
        ids = [record.trial for record in self.ranked[:num]]
        return self.trials.set_index("trial", drop=False).loc[ids, shown].reset_index(drop=True)

    def __repr__(self) -> str:
        return results.as_text(self.headline, self.best(_NUM_SHOWN), _MEMBERS)

    def _repr_html_(self) -> str:
        """Return the same for a notebook, with the learning curves of the best trials."""
        best = self.best(_NUM_SHOWN)
        returns = self.curves[self.curves.trial.isin(best.trial)]
        means = returns.groupby(["trial", "env_steps"], as_index=False).return_mean.mean()
        means = means.set_index("trial").loc[best.trial[best.trial.isin(means.trial)]].reset_index()
        curves = means.rename(columns={"env_steps": "env steps", "return_mean": "episode return"})
        return results.as_html(self.headline, best, curves, "trial", _MEMBERS)

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
        head = {
            "name": self.name,
            "settings": self.settings.to_json(),
            "provenance": self.made_with,
            "timing": self.timing,
        }
        (directory / "space.json").write_text(json.dumps(self.space, indent=2) + "\n")
        (directory / "sweep.json").write_text(json.dumps(head, indent=2) + "\n")
        return directory

    def _config_row(self, record: TrialRecord) -> dict[str, Any]:
        return {name: record.config.get(name) for name in self.hyperparameters}

    def _frame(self, rows: list[dict[str, Any]], columns: list[str]) -> "pd.DataFrame":
        import pandas as pd

        frame = pd.DataFrame(rows, columns=[*columns, *self.hyperparameters])
        types = {"parent": "Int64", "merged": "Int64", "score_std": float}
        return frame.astype({name: types[name] for name in types if name in columns})


def _score_stds(records: Iterable[TrialRecord]) -> dict[int, float | None]:
    """Return by trial the standard deviation of its scores over its seeds; None of one seed, which says nothing of others."""
    stds: dict[int, float | None] = {}
    scores: dict[int, dict[int, list[float]]] = {}  # by number of seeds and trial
    for record in records:
        stds[record.trial] = None
        scores.setdefault(len(record.runs), {})[record.trial] = [run.score for run in record.runs]
    for num_seeds, of_trials in scores.items():
        if num_seeds > 1:
            stds.update(zip(of_trials, np.std(list(of_trials.values()), axis=1).tolist(), strict=True))
    return stds


def distinct(values: Iterable[Any]) -> Any:
    """Return the value if all are the same, else the list of the different ones, in order; a list stands for its values."""
    every = itertools.chain.from_iterable(value if isinstance(value, list) else [value] for value in values)
    seen: list[Any] = []
    for value in every:
        if value not in seen:
            seen.append(value)
    return seen[0] if len(seen) == 1 else seen


def load_sweep(name: str, store: Store | str | Path | None = None) -> SweepRecord:
    """Return the records of a sweep, finished or not.

    Args:
        name: the sweep's name.
        store: a file, URL or Store; by default `$ARL_STORE`, else `results/store.sqlite`.

    Raises:
        InputError: no such sweep, or no such store.
    """
    store = store if isinstance(store, Store) else Store(store)
    head = store.sweep(name)
    settings = SweepSettings.from_json(head["settings"])
    return SweepRecord(name, settings, head["provenance"], head["timing"], head["space"], store.trials(name))
