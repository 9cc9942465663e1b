"""Several sweeps of one task over one another: how their incumbents improve."""

from collections.abc import Iterator, Sequence
from typing import Any

import altair as alt

from arl.errors import InputError
from arl.records.store import COMPLETED
from arl.records.sweep import SweepRecord
from arl.text import grouped, plural
from hpo.dashboard import rows
from hpo.dashboard.library import Library, Sweep
from hpo.reports import pages, steps, sweep_figures, theme
from hpo.reports.steps import DASHES, Band, Style
from hpo.reports.theme import Figure

INCUMBENTS = "incumbents"
MOST_SWEEPS = 4 * theme.NUM_SERIES  # that colours and dashes tell apart


def contents(library: Library, names: Sequence[str]) -> dict[str, Any]:
    """Return what the page of an overlay shows.

    Raises:
        InputError: no sweep, too many, an unknown one, or sweeps of several tasks or scores.
    """
    if not 0 < len(names) <= MOST_SWEEPS:
        raise InputError(
            f"an overlay must be of one to {MOST_SWEEPS} sweeps, ticked on the first page, got {len(names)}"
        )
    sweeps = library.sweeps(list(dict.fromkeys(names)))
    records = [sweep.record for sweep in sweeps]
    for what, values in (
        ("task", [record.task for record in records]),
        ("score", [record.scores[0] for record in records]),
    ):
        if len(set(values)) > 1:
            raise InputError(
                f"sweeps of an overlay must have the same {what}, got {' and '.join(dict.fromkeys(values))}"
            )
    others = [
        summary
        for name, summary in library.summaries().items()
        if summary.settings.task.name == records[0].task and name not in names
    ]
    return {
        "figures": figures(records),
        "tables": {INCUMBENTS: [row for record in records for row in incumbent_rows(record)]},
        "task": records[0].task,
        "keys": [
            {
                "label": record.name,
                "note": _score(record),
                "group": record.name,
                "color": style.color,
                "border": "solid" if style.dashes == DASHES["solid"] else "dashed",
            }
            for record, style in zip(records, _styles(records).values(), strict=True)
        ],
        "has_bands": any(len(trial.runs) > 1 for record in records for trial in record.ranked[:1]),
        "sweeps": [_row(sweep) for sweep in sweeps],
        "others": [rows.of_sweep(summary) for summary in others[::-1]],
        "seconds": rows.seconds(sweep.summary.status for sweep in sweeps),
    }


def version(library: Library, names: Sequence[str]) -> list[Any]:
    """Return what is another value whenever an overlay has something new to show."""
    return [names, [(name, summary.version) for name, summary in library.summaries().items()]]


def _row(sweep: Sweep) -> dict[str, Any]:
    record, incumbent = sweep.record, sweep.record.incumbent
    return {
        **rows.of_sweep(sweep.summary),
        "trial": incumbent["trial"] if incumbent else None,
        "score": _score(record),
        "spread": _spread(record),
        "fidelity": grouped(incumbent["fidelity"]) if incumbent else pages.MISSING,
        "env_steps": grouped(int(record.trials["env_steps"].sum())),
        "seeds": plural(len(record.settings.seeds), "seed"),
    }


def _score(record: SweepRecord) -> str:
    return pages.score_format(record.return_range)(record.incumbent["score"]) if record.incumbent else pages.MISSING


def _spread(record: SweepRecord) -> str:
    std = record.incumbent["score_std"] if record.incumbent else None
    return "" if std is None else f" ± {pages.score_format(record.return_range)(std)}"


def incumbent_rows(record: SweepRecord) -> Iterator[dict[str, Any]]:
    """Yield a row per incumbent of a sweep, and one at its last trial: when, its score, the lowest and the highest seed's."""
    trials = sweep_figures.in_finish_order(record)
    places = {trial.trial: place for place, trial in enumerate(record.ranked) if trial.status == COMPLETED}
    best, env_steps = len(record.ranked), 0
    for finished, row in enumerate(trials.itertuples(), start=1):
        env_steps += int(row.env_steps)
        place = min(best, places.get(row.trial, best))
        is_last = finished == len(trials) and place < len(record.ranked)
        if place < best or is_last:
            best, trial = place, record.ranked[place]
            scores = [run.score for run in trial.runs]
            yield {
                "sweep": record.name,
                "group": record.name,
                "finished": finished,
                "env_steps": env_steps,
                "trial": trial.trial,
                "score": theme.rounded(trial.score),
                "low": theme.rounded(min(scores)),
                "high": theme.rounded(max(scores)),
            }


def _styles(records: Sequence[SweepRecord]) -> dict[str, Style]:
    kinds = list(DASHES.values())
    return {
        record.name: Style(theme.series_name(index), kinds[index // theme.NUM_SERIES])
        for index, record in enumerate(records)
    }


@theme.unchecked
def figures(records: Sequence[SweepRecord]) -> dict[str, Figure]:
    """Return the incumbents' scores over trials and over env steps."""
    return {
        "incumbent-trials": _incumbents(records, "finished", "trials finished"),
        "incumbent-env-steps": _incumbents(records, "env_steps", "env steps, all trials and seeds"),
    }


def _incumbents(records: Sequence[SweepRecord], x: str, title: str) -> Figure:
    score = records[0].scores[0]
    ranges = [value for record in records for value in record.return_range]
    across = alt.X(f"{x}:Q", title=title, axis=theme.steps_axis(), scale=alt.Scale(domainMin=0, nice=False))
    scale = alt.Scale(domain=theme.padded(min(ranges), max(ranges)), nice=False, clamp=False)
    y = {"title": f"score ({'episode return' if score == 'final' else score})", "scale": scale}
    words = [alt.Tooltip("sweep:N"), alt.Tooltip("trial:Q"), alt.Tooltip("score:Q"), alt.Tooltip(f"{x}:Q", title=title)]
    lines = alt.Chart(alt.NamedData(INCUMBENTS))
    return steps.chart(lines, "sweep", _styles(records), across, Band("score", "low", "high"), y, words)
