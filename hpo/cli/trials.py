"""One trial in the terminal or as JSON: its config, curve, seeds and lineage, and what goes on from it."""

import shlex
from typing import Any

import pandas as pd
import plotext

from arl.records import ranking
from arl.records.lineage import lineage
from arl.records.store import RunRecord, TrialRecord, finite_or_none
from arl.records.sweep import SweepRecord
from hpo.cli import commands, printing, tables


def summary(record: SweepRecord, trial: TrialRecord) -> dict[str, Any]:
    """Return a trial as JSON values."""
    curves = {str(run.seed): ranking.curve(trial, run.seed, record.records) for run in trial.runs}
    return {
        **printing.outcome(trial),
        "rank": record.ranked.index(trial) + 1,
        "fixed": dict(record.settings.task.fixed),
        "lineage": [ancestor.trial for ancestor in lineage(trial, record.records)],
        "curves": {seed: [[steps, finite_or_none(mean)] for steps, mean in curve] for seed, curve in curves.items()},
        "error": trial.error,
        "commands": _commands(record, trial),
    }


def show(record: SweepRecord, trial: TrialRecord) -> None:
    """Print one trial: its config, curve, seeds and lineage, and the commands that go on from it."""
    tables.print_words(f"trial {trial.trial} of {record.name}: {trial.status}, {_place(record, trial)}")
    tables.print_table([{"hyperparameter": name, "value": value} for name, value in trial.config.items()])
    print_curve(record, trial)
    tables.print_table([_run_row(run) for run in trial.runs])
    line = [f"trial {ancestor.trial} to {ancestor.fidelity:,}" for ancestor in lineage(trial, record.records)]
    if len(line) > 1:
        tables.print_words(f"lineage, env steps: {', then '.join(line)}")
    printing.print_values("fixed", record.settings.task.fixed)
    if trial.error:
        tables.print_words(f"failed: {trial.error}")
    for words in _commands(record, trial):
        print(shlex.join(words))


def _commands(record: SweepRecord, trial: TrialRecord) -> list[list[str]]:
    """Return the words of the commands that go on from a trial: its training under new seeds, and its reproduction."""
    training = commands.training_of(record, trial.trial)
    trained = all(run.outcome.source is None and run.points for run in trial.runs)
    reproduction = ["arl", "reproduce", record.name, "--trial", str(trial.trial)]
    return [*([training] if training else []), *([reproduction] if trained else [])]


def _place(record: SweepRecord, trial: TrialRecord) -> str:
    return f"score {trial.score:.6g}, place {record.ranked.index(trial) + 1} of {len(record.records)}"


def _run_row(run: RunRecord) -> dict[str, Any]:
    trained_by = run.outcome.shared if run.outcome.merged is None else f"trial {run.outcome.merged}"
    return {
        "seed": run.seed,
        "status": run.status,
        "score": run.score,
        "env steps": run.env_steps,
        "seconds": run.seconds,
        "trained by": trained_by or run.outcome.source or "",
    }


def print_curve(record: SweepRecord, trial: TrialRecord) -> None:
    """Print the learning curve of a trial, its ancestors' included: the mean over seeds, and the worst and best seed."""
    curves = {run.seed: dict(ranking.curve(trial, run.seed, record.records)) for run in trial.runs}
    curve = pd.DataFrame(curves).agg(["mean", "min", "max"], axis=1).dropna()
    if curve.empty:  # it diverged before its first evaluation
        return
    steps = curve.index.to_list()
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plot_size(80, 18)
    if len(trial.runs) > 1:
        plotext.plot(steps, curve["max"].to_list(), label="best seed", marker="dot")
        plotext.plot(steps, curve["min"].to_list(), label="worst seed", marker="dot")
    plotext.plot(steps, curve["mean"].to_list(), label="mean", marker="braille")
    plotext.title(f"{record.task}: episode return over env steps")
    print(plotext.uncolorize(plotext.build()))  # one colour, whose codes would stand in a file
