"""Output of the command line: tables, JSON, sweeps and comparisons."""

import contextlib
import dataclasses
import json
import math
import shlex
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arl.text import plural, shortened
from hpo.cli import parsing
from hpo.cli.tables import NO_BREAK, print_table, print_words

if TYPE_CHECKING:
    from arl.records.store import Outline, TrialRecord
    from arl.records.sweep import SweepRecord
    from hpo.comparisons.comparison import Comparison


def report_path(sweep: str) -> Path:
    """Return where the report of a sweep is by default."""
    return Path("results") / f"{sweep}.html"


def one_document(as_json: bool) -> contextlib.AbstractContextManager[Any]:
    """Redirect what the user's own classes print to the standard error, so that the output is one JSON document."""
    return contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext()


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=2, default=str))


def summary(record: "SweepRecord", top: int) -> dict[str, Any]:
    """Return a sweep as JSON values; `top`: how many of its best trials are among them."""
    rows, changes = record.trial_rows, record.settings.task.changes
    return {
        "sweep": record.name,
        "task": record.task,
        "tuner": record.settings.tuner,
        **({"set": dict(changes)} if changes else {}),
        **({"warm_start": dataclasses.asdict(record.settings.warm_start)} if record.settings.warm_start else {}),
        "seeds": list(record.settings.seeds),
        "trials": len(rows),
        **{status: sum(row["status"] == status for row in rows) for status in ("diverged", "failed")},
        "env_steps": sum(row["env_steps"] for row in rows),
        "incumbent": record.incumbent,
        "ranked": [outcome(trial) for trial in record.ranked[:top]],
        "remarks": record.remarks,
        "timing": record.timing,
    }


def outcome(trial: "TrialRecord") -> dict[str, Any]:
    """Return a trial as JSON values."""
    return {
        "trial": trial.trial,
        "status": trial.status,
        "score": trial.score,
        "seed_scores": {str(run.seed): run.score for run in trial.runs},
        "fidelity": trial.fidelity,
        "parent": trial.parent,
        "config": dict(trial.config),
    }


def progress(outline: "Outline") -> dict[str, Any]:
    """Return whether a sweep is running, was stopped or is done, and what was planned, as JSON values."""
    from arl.records import outlines

    settings = outlines.settings(outline)
    return {"status": outlines.status(outline), "planned_trials": settings.trials, "budget": settings.budget}


def progress_line(outline: "Outline") -> str:
    """Return whether a sweep is running, was stopped or is done, and how far it has come, in words."""
    from arl.records import outlines

    return f"{outlines.status(outline)}: {outlines.progress_words(outline)}"


def print_sweep(record: "SweepRecord", top: int) -> None:
    """Print a sweep's best trials, and what it took. Frames are not asked for: pandas takes as long as all else."""
    counts, rows = summary(record, top), {row["trial"]: row for row in record.trial_rows}
    hidden = ["parent", "finished_at", "seconds", "env_steps"]
    hidden += [] if counts["diverged"] or counts["failed"] else ["status"]
    hidden += ["score_std"] if all(row["score_std"] is None for row in rows.values()) else []
    hidden += ["num_seeds"] if len({row["num_seeds"] for row in rows.values()}) < 2 else []
    best = [rows[trial.trial] for trial in record.ranked[:top]]
    print_table([{name: value for name, value in row.items() if name not in hidden} for row in best])
    timing = {phase: seconds for phase, seconds in record.timing.items() if phase != "tuner_cpu"}
    times = "  ".join(NO_BREAK.join((phase, f"{seconds:.1f}", "s")) for phase, seconds in timing.items())
    failed = f", {counts['failed']} failed" if counts["failed"] else ""
    done = f"{plural(counts['trials'], 'trial')} ({counts['diverged']} diverged{failed}), {counts['env_steps']:,} env steps"
    print_words("; ".join(filter(None, (done, times))))
    for remark in record.remarks:
        print_words(remark)
    task = record.settings.task
    print_values("set", task.changes)
    if task.preset == "fixed":
        print_values("default", {name: value for name, value in task.fixed.items() if name not in task.changes})
    if started := record.settings.warm_start:
        print_words(f"warm start: the tuner was told {plural(started.num_trials, 'trial')} of {started.source!r}")
    if record.answers:
        print_words(record.answers)
    _print_failures(record)


def print_training(record: "SweepRecord") -> None:
    """Print the command that trains the incumbent's config under new seeds, if there is one."""
    from hpo.cli import commands

    if words := commands.training_of(record):
        print(f"train the incumbent under new seeds: {shlex.join(words)}")


def print_values(what: str, values: Mapping[str, Any]) -> None:
    """Print values by name in one line, long ones shortened; nothing if there is none."""
    if values:
        texts = {name: shortened(json.dumps(value), 40) for name, value in values.items()}
        print_words(f"{what}: " + ", ".join(f"{name}{NO_BREAK}{text}" for name, text in texts.items()))


def print_front(record: "SweepRecord", front: str, bounds: list[str], as_json: bool) -> None:
    """Print the trials that no other beats in all of several scores."""
    from hpo import scores

    rows = json.loads(
        scores.front(record, front, parsing.bounds(bounds)).drop(columns="status").to_json(orient="records")
    )
    return print_json(rows) if as_json else print_table(rows)


def comparison_summary(comparison: "Comparison", files: list[Path], command: list[str]) -> dict[str, Any]:
    """Return a comparison as JSON values."""
    ranks = comparison.ranks
    return {
        "comparison": comparison.name,
        "settings": comparison.settings.to_json(),
        "broken": comparison.broken,
        "tuners": json.loads(comparison.summary.to_json(orient="records")),
        "by_task": json.loads(comparison.by_task.to_json(orient="records")),
        "costs": json.loads(comparison.costs.to_json(orient="records")),
        "pairs": json.loads(comparison.pairs.to_json(orient="records")),
        "rank_test": {
            "tuners": comparison.ranked,
            "reason": ranks.reason,
            "iman_davenport": ranks.statistic,
            "p": ranks.p,
        },
        "command": command,
        "files": [str(path) for path in files],
    }


def print_comparison(comparison: "Comparison", files: list[Path]) -> None:
    """Print a row per tuner, and what the scores are."""
    from hpo.comparisons import words

    costs = comparison.costs.set_index("tuner")
    rows = [
        {
            "tuner": row["tuner"],
            "score": row["score"],
            "95 %": _range(row["low"], row["high"]),
            **_to_reference(row),
            "beats random": row["improvement"],
            "rank": None if row["rank"] != row["rank"] else row["rank"],
            "gap": row["gap"],
            "full runs": float(costs.full_runs[row["tuner"]]),
            "env steps": f"{costs.env_steps[row['tuner']]:,.0f}",
            "train s": float(costs.train[row["tuner"]]),
            "tuner s": float(costs.tuner_seconds[row["tuner"]]),
        }
        for row in comparison.summary.to_dict("records")
    ]
    print_table(rows)
    settings = comparison.settings
    name = settings.scores[0]
    what = f"test {'returns' if name == 'final' else name}, 0 the median random config and 1 the best on record"
    over = f"{plural(settings.repeats, 'repeat')}, mean over {plural(len(comparison.tasks), 'task')}"
    print_words(f"score: interquartile mean of {what}, over {over}; costs: means of a sweep")
    print_words(words.resolution(comparison))
    print_words(words.ranks(comparison))
    print(f"report: {files[0]}    data: {files[0].parent}/*.parquet")


def _to_reference(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the cells of the difference to random search, and of the least difference that is detected; empty without."""
    if row["difference"] is None or math.isnan(row["difference"]):
        return {"minus random": None, "detectable": None}
    value, low, high = (row[name] for name in ("difference", "difference_low", "difference_high"))
    interval = f" ({_range(low, high)})" if _range(low, high) else ""
    return {"minus random": f"{value:+.3f}{interval}", "detectable": None if math.isnan(low) else row["detectable"]}


def _range(low: float, high: float) -> str:
    return "" if math.isnan(low) else f"{low:.3f} to {high:.3f}"


def _print_failures(record: "SweepRecord") -> None:
    """Print the commonest reasons why trials failed."""
    reasons = Counter(trial.error for trial in record.records.values() if trial.error is not None)
    for reason, num in reasons.most_common(3):
        print_words(f"{num} failed: {reason}")
