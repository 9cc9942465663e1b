"""What stands on the pages of the dashboard."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from arl.errors import InputError, unknown
from arl.records.lineage import lineage
from arl.records.settings import ComparisonSettings
from arl.records.store import ComparisonRecord, Store, TrialRecord
from arl.records.sweep import SweepRecord
from arl.text import duration, grouped, plural
from hpo.dashboard import figures, rows
from hpo.dashboard.library import Library, Sweep
from hpo.reports import pages, space_figures, sweep_report, theme

if TYPE_CHECKING:  # imported where they are used: the first page does without
    from hpo.reports.surrogate import Surrogate
    from landscapes.dataset import Landscape


class Commands(Protocol):
    """Makes the words of command lines, as `hpo.cli.commands` does."""

    def of_sweep(self, record: SweepRecord) -> list[str]: ...
    def training_of(self, record: SweepRecord, trial: int | None = None) -> list[str] | None: ...
    def of_comparison(self, name: str, settings: ComparisonSettings, space: Mapping[str, Any] | None) -> list[str]: ...


def checksum(values: Any) -> str:
    """Return a short text that is another one for other values."""
    return hashlib.sha256(json.dumps(values, default=str).encode()).hexdigest()[:16]


def index(library: Library) -> dict[str, Any]:
    """Return what the first page shows: sweeps and comparisons, the newest first, and landscapes."""
    from landscapes import catalogue

    by_name = dict(reversed(library.summaries().items()))
    comparisons = library.store.comparisons()[::-1]
    grouped_names = {row["sweep"] for comparison in comparisons for row in comparison.members}
    sweeps = [rows.of_sweep(summary) for name, summary in by_name.items() if name not in grouped_names]
    compared = [rows.of_comparison(comparison, by_name) for comparison in comparisons]
    landscapes = catalogue.available()
    return {
        "figures": {},
        "tables": {},
        "store": library.store.location,
        "sweeps": sweeps,
        "comparisons": compared,
        "landscapes": [
            {
                "name": name,
                "size": f"{plural(one.num_configs, 'config')}, {plural(len(one.seeds), 'seed')}",
            }
            for name, one in landscapes.items()
        ],
        "seconds": rows.seconds(row["status"] for row in [*sweeps, *compared]),
    }


def sweep(current: Sweep, commands: Commands) -> dict[str, Any]:
    """Return what the page of a sweep shows: its report, whose surrogate the page asks for later."""
    record = current.record
    charts, tables, values = sweep_report.contents(record, commands.of_sweep(record), commands.training_of(record))
    return {
        **values,
        "figures": charts,
        "tables": tables,
        **rows.state(current.summary),
        "seconds": rows.seconds([current.summary.status]),
    }


def surrogate(model: "Surrogate") -> dict[str, Any]:
    """Return what a sweep's page gets from its surrogate: tables of figures, the axes of its contours, words."""
    i, j = model.pair()
    return {"tables": model.tables(), "x": model.names[i], "y": model.names[j], "words": model.words}


def contour(model: "Surrogate", x: str, y: str) -> dict[str, Any]:
    """Return the figure of predicted scores over two hyperparameters, and the table of its cells.

    Raises:
        InputError: an unknown hyperparameter, or the same twice.
    """
    for name in (x, y):
        if name not in model.names:
            raise unknown("hyperparameter of the sweep", name, model.names)
    if x == y:
        raise InputError(f"x and y must be two hyperparameters, got {x} twice")
    i, j = model.names.index(x), model.names.index(y)
    return {"figure": theme.spec(space_figures.contour(model.record, i, j)), "cells": model.contour(i, j)}


def trial(current: Sweep, number: int, commands: Commands) -> dict[str, Any]:
    """Return what the page of a trial shows.

    Raises:
        InputError: no such trial.
    """
    record = current.record
    if number not in record.records:
        raise InputError(f"trial of sweep {record.name!r} must be one that has finished, got {number}")
    this = record.records[number]
    score = pages.score_format(record.return_range)
    charts, tables = figures.of_trial(record, this)
    config = {name: pages.plain(value) for name, value in this.config.items()}
    return {
        "figures": charts,
        "tables": tables,
        "name": record.name,
        "task": record.task,
        "trial": number,
        "status": this.status,
        "error": this.error,
        "key_figures": _trial_figures(record, this),
        "tuned": [(name, pages.inline(config[name])) for name in record.hyperparameters if name in config],
        "fixed": [(name, pages.inline(value)) for name, value in record.settings.task.fixed.items()],
        "runs": [_run_row(run, score) for run in this.runs],
        "colors_of_seeds": figures.seed_colors(this),
        "lineage": _lineage(record, this, score),
        "children": [one.trial for one in record.records.values() if one.parent == number],
        "neighbours": _neighbours(sorted(record.records), number),
        "has_curves": bool(charts),
        "metrics": figures.metric_names(record, this) if charts else [],
        "commands": [pages.quoted(words) for words in _commands(record, this, commands)],
    }


def _trial_figures(record: SweepRecord, trial: TrialRecord) -> list[dict[str, str]]:
    score = pages.score_format(record.return_range)
    place = [one.trial for one in record.ranked].index(trial.trial) + 1
    spread = record.trials.set_index("trial").loc[trial.trial, "score_std"]
    steps, seconds = (sum(getattr(run, name) for run in trial.runs) for name in ("env_steps", "seconds"))
    seeds = plural(len(trial.seeds), "seed")
    return [
        {
            "label": "Score",
            "value": score(trial.score) if trial.status == "completed" else trial.status,
            "spread": f" ± {score(spread)}" if len(trial.runs) > 1 and trial.status == "completed" else "",
            "note": f"{seeds}, place {place} of {len(record.records)}",
        },
        {"label": "Trained to", "value": grouped(trial.fidelity), "note": "env steps, the fidelity"},
        {"label": "Env steps", "value": grouped(steps), "note": f"of this trial, {seeds}"},
        {"label": "Time", "value": duration(seconds), "note": f"finished {pages.clock(trial.finished_at)} UTC"},
    ]


def _run_row(run: Any, score: Any) -> dict[str, str]:
    trained_by = run.outcome.shared if run.outcome.merged is None else f"trial {run.outcome.merged}"
    return {
        "seed": str(run.seed),
        "status": run.status,
        "score": score(run.score),
        "env steps": grouped(run.env_steps),
        "seconds": f"{run.seconds:.1f}",
        "from": trained_by or run.outcome.source or "training",
    }


def _lineage(record: SweepRecord, trial: TrialRecord, score: Any) -> list[dict[str, Any]]:
    """Return a row per trial that trained the agent, eldest first: what it trained, its score, and what it changed."""
    rows, before = [], None
    for one in lineage(trial, record.records):
        start = before.fidelity if before else 0
        changed = [name for name in one.config if before and one.config[name] != before.config.get(name)]
        rows.append(
            {
                "trial": one.trial,
                "steps": f"{grouped(start)} to {grouped(one.fidelity)}",
                "score": score(one.score),
                "changed": ", ".join(f"{name} {pages.inline(one.config[name])}" for name in changed),
            }
        )
        before = one
    return rows


def _neighbours(trials: Sequence[int], number: int) -> tuple[int | None, int | None]:
    """Return the trials before and after one, None where there is none."""
    place = trials.index(number)
    return (
        trials[place - 1] if place else None,
        trials[place + 1] if place + 1 < len(trials) else None,
    )


def _commands(record: SweepRecord, trial: TrialRecord, commands: Commands) -> Iterable[list[str]]:
    """Yield the words of the commands that go on from a trial: training under new seeds, training again what was trained."""
    training = commands.training_of(record, trial.trial)
    if training:
        yield training
    if all(run.outcome.source is None and run.points for run in trial.runs):
        yield ["arl", "reproduce", record.name, "--trial", str(trial.trial)]


def comparison(record: ComparisonRecord, store: Store, commands: Commands) -> dict[str, Any]:
    """Return what the page of a comparison that has ended shows: its report.

    Raises:
        InputError: a sweep of it was deleted.
    """
    from hpo.comparisons import recorded
    from hpo.reports import comparison_report

    done = recorded.load(record.name, store)
    words = commands.of_comparison(done.name, done.settings, done.swept[0].record.space)
    charts, tables, values = comparison_report.contents(done, words)
    return {**values, "figures": charts, "tables": tables}


def landscape(chosen: "Landscape") -> dict[str, Any]:
    """Return what the page of a landscape shows: the explorer."""
    from hpo.reports import explorer

    charts, values = explorer.contents([chosen])
    return {**values, "figures": charts, "tables": {}}
