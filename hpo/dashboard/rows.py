"""Rows of the tables of sweeps and comparisons, and how often a page asks for what is new in them."""

from collections.abc import Iterable, Mapping
from typing import Any

from arl.records import outlines
from arl.records.store import ComparisonRecord
from arl.text import plural
from hpo.dashboard.library import Summary
from hpo.reports import pages

SECONDS_LIVE, SECONDS_IDLE = 2, 15  # between two looks at what is new, while a sweep runs and else


def of_sweep(summary: Summary) -> dict[str, Any]:
    """Return what a table says of a sweep."""
    outline, task = summary.outline, summary.settings.task
    last = max((trial.finished_at for trial in outline.trials.values()), default=outline.created_at)
    return {
        "name": outline.name,
        "task": task.name,
        "tuner": pages.inline(summary.settings.tuner),
        **state(summary),
        "score": pages.MISSING if summary.score is None else pages.score_format(task.return_range)(summary.score),
        "last": pages.clock(last),
    }


def state(summary: Summary) -> dict[str, Any]:
    """Return how far a sweep is: its status, its progress in percent and in words."""
    return {
        "status": summary.status,
        "percent": round(100 * summary.progress, 1),
        "progress_words": summary.progress_words,
    }


def of_comparison(record: ComparisonRecord, summaries: Mapping[str, Summary]) -> dict[str, Any]:
    """Return what a table says of a comparison, and the rows of its sweeps that have begun."""
    names = members(record, summaries)
    is_running = any(summaries[name].status == outlines.RUNNING for name in names)
    ended = outlines.DONE if record.ended_at else outlines.STOPPED
    return {
        "name": record.name,
        "tasks": ", ".join(record.settings["tasks"]),
        "tuners": ", ".join(record.settings["tuners"]),
        "status": outlines.RUNNING if is_running else ended,
        "percent": round(100 * len(names) / len(record.members), 1),
        "progress_words": f"{len(names)}/{plural(len(record.members), 'sweep')}",
        "sweeps": [of_sweep(summaries[name]) for name in names],
    }


def members(record: ComparisonRecord, summaries: Mapping[str, Summary]) -> list[str]:
    """Return the names of the sweeps of a comparison that have begun."""
    return [member["sweep"] for member in record.members if member["sweep"] in summaries]


def seconds(statuses: Iterable[str]) -> float:
    """Return the seconds between two looks at a page of sweeps."""
    return SECONDS_LIVE if outlines.RUNNING in statuses else SECONDS_IDLE
