"""A comparison that has not ended: what its sweeps have come to under the tuning seeds.

Tests of incumbents, intervals and ranks are in its report, once there is one.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import pandas as pd

from arl.records import outlines
from arl.records.settings import ComparisonSettings
from arl.records.store import ComparisonRecord
from arl.text import plural
from hpo.comparisons import incumbents
from hpo.comparisons.comparison import NUM_POINTS
from hpo.comparisons.incumbents import Incumbent
from hpo.dashboard import rows
from hpo.dashboard.contents import Commands
from hpo.dashboard.library import Library, Summary
from hpo.reports import comparison_figures, comparison_report, pages, steps, theme
from hpo.reports.steps import Band
from hpo.reports.theme import Figure

SCORES = "scores"
WORDS = {outlines.RUNNING: "It is running", outlines.STOPPED: "It was stopped; the same command goes on with it"}


class Repeat(NamedTuple):
    """One sweep of a tuner, as far as it is; `share` is the part of its budget that is spent."""

    task: str
    tuner: str
    status: str
    share: float
    trajectory: Sequence[Incumbent]
    budget: float


def version(record: ComparisonRecord, summaries: Mapping[str, Summary]) -> list[Any]:
    """Return what is another value whenever there is something new to show."""
    return [record.settings, record.ended_at, [summaries[name].version for name in rows.members(record, summaries)]]


def contents(record: ComparisonRecord, library: Library, commands: Commands) -> dict[str, Any]:
    """Return what the page of a comparison shows until it ends."""
    summaries, settings = library.summaries(), ComparisonSettings.from_json(record.settings)
    repeats, row = list(_repeats(record, library)), rows.of_comparison(record, summaries)
    tuners = list(dict.fromkeys(member["tuner"] for member in record.members if "tuner" in member))
    table = pd.DataFrame(_points(repeats, settings, tuners), columns=["task", "tuner", "group", "budget", "score"])
    bands = table.groupby(["task", "tuner", "group", "budget"], sort=False).score.agg(["mean", "min", "max", "size"])
    return {
        "figures": {f"panel-{i}": _scores(task, tuners, settings) for i, task in enumerate(settings.tasks)},
        "tables": {SCORES: theme.records(bands.reset_index())},
        **row,
        "tasks": list(settings.tasks),
        "num_tuners": len(tuners),
        "status_words": WORDS[row["status"]],
        "command": pages.quoted(_command(record, settings, library, commands)),
        "budget": f"{settings.budget:g}",
        "num_repeats": settings.repeats,
        "keys": comparison_report.keys(tuners, dict.fromkeys(tuners, "")),
        "standings": [
            (task, [_standing(repeats, task, tuner, settings) for tuner in tuners]) for task in settings.tasks
        ],
        "seconds": rows.seconds([row["status"]]),
    }


def _command(record: ComparisonRecord, settings: ComparisonSettings, library: Library, commands: Commands) -> list[str]:
    """Return the words of the command that goes on with a comparison; none where no sweep has begun."""
    names = rows.members(record, library.summaries())
    return commands.of_comparison(record.name, settings, library.sweep(names[0]).record.space) if names else []


def _repeats(record: ComparisonRecord, library: Library) -> Iterator[Repeat]:
    """Yield the sweeps of tuners that have begun."""
    begun = library.summaries()
    tuned = [member for member in record.members if "tuner" in member and member["sweep"] in begun]
    for member, sweep in zip(tuned, library.sweeps([member["sweep"] for member in tuned]), strict=True):
        summary = sweep.summary
        yield Repeat(
            summary.settings.task.name,
            member["tuner"],
            summary.status,
            summary.progress,
            library.trajectory(sweep),
            member["budget"],
        )


def _points(
    repeats: Sequence[Repeat], settings: ComparisonSettings, tuners: Sequence[str]
) -> Iterator[tuple[str, str, str, float, float]]:
    """Yield task, tuner, group, budget and the incumbent's tuning score at each budget point that a sweep has reached."""
    for one in repeats:
        for i in range(1, math.floor(NUM_POINTS * one.share + 1e-9) + 1):
            incumbent = incumbents.at(one.trajectory, one.budget * i / NUM_POINTS)
            if incumbent is not None:
                group = comparison_figures.group(tuners, one.tuner)
                yield one.task, one.tuner, group, settings.budget * i / NUM_POINTS, incumbent.score


def _standing(every: Sequence[Repeat], task: str, tuner: str, settings: ComparisonSettings) -> dict[str, Any]:
    """Return the row of a tuner on a task: how far its sweeps are, and mean and spread of their incumbents' scores."""
    repeats = [one for one in every if (one.task, one.tuner) == (task, tuner)]
    write = pages.score_format(settings.tasks[task].return_range)
    scores = [one.trajectory[-1].score for one in repeats if one.trajectory]
    ended = sum(one.status == outlines.DONE for one in repeats)
    running = sum(one.status == outlines.RUNNING for one in repeats)
    return {
        "tuner": tuner,
        "percent": round(100 * sum(one.share for one in repeats) / settings.repeats, 1),
        "progress_words": f"{ended}/{plural(settings.repeats, 'repeat')}" + (f", {running} running" if running else ""),
        "score": write(statistics.mean(scores)) if scores else pages.MISSING,
        "spread": f" ± {write(statistics.pstdev(scores))}" if len(scores) > 1 else "",
        "num": len(scores),
    }


@theme.unchecked
def _scores(task: str, tuners: Sequence[str], settings: ComparisonSettings) -> Figure:
    """Draw the mean of the incumbents' tuning scores over the budget, with a band from the lowest to the highest sweep."""
    lines = alt.Chart(alt.NamedData(SCORES)).transform_filter(alt.FieldEqualPredicate(field="task", equal=task))
    scale = alt.Scale(domain=[0, 1.01 * settings.budget], nice=False)
    x = alt.X("budget:Q", title="budget, equivalent full runs", scale=scale)
    words = [alt.Tooltip("tuner:N"), alt.Tooltip("budget:Q"), alt.Tooltip("mean:Q", title="mean tuning score")]
    words.append(alt.Tooltip("size:Q", title="sweeps"))
    y = {"title": "tuning score", "scale": alt.Scale(nice=True)}
    return steps.chart(lines, "tuner", comparison_figures.styles(tuners), x, Band("mean", "min", "max"), y, words)
