"""The report of one sweep: a single HTML file that works offline.

`render` turns a record into text and table rows, `sweep_figures` into figures, `templates/report.html` into a page.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from arl.errors import InputError
from arl.records.sweep import SweepRecord
from arl.text import count, duration, grouped, plural
from hpo.reports import pages, space_figures, sweep_figures, theme

STATUSES = ("completed", "diverged", "failed")
TOTALS = ("total", "wall")
CPU = "tuner_cpu"  # of the tuner's time, which is a part already
MOST_ROWS = 1000  # of the table of trials

Score = Callable[[float], str]
Figures = dict[str, theme.Figure]
Tables = dict[str, list[dict[str, Any]]]


def write_report(
    record: SweepRecord, path: Path, command: Sequence[str] = (), training: Sequence[str] | None = None
) -> Path:
    """Write the report of a sweep to `path`, folders included, and return `path`; see `render`."""
    return pages.write(render(record, command, training), path)


def render(record: SweepRecord, command: Sequence[str] = (), training: Sequence[str] | None = None) -> str:
    """Return the report as HTML. A sweep of one trial, one seed, or diverged trials only gives every section it can.

    Args:
        command: words of the command that repeats the sweep.
        training: words of the command that trains its incumbent; None where there is none.
    """
    figures, tables, values = contents(record, command, training)
    figures, tables, words = with_surrogate(record, figures, tables)
    return pages.render("report.html", figures, tables, **values, fitted=words)


def with_surrogate(record: SweepRecord, figures: Figures, tables: Tables) -> tuple[Figures, Tables, str | None]:
    """Return the figures and tables of a report with what a surrogate says, and what that is fitted to.

    Of a schedule, and of too few trials, there is none.
    """
    others = {name: chart for name, chart in figures.items() if name != space_figures.IMPORTANCE}
    if record.is_schedule or not record.records:
        return others, tables, None
    from hpo.reports.surrogate import Surrogate  # its libraries take as long to import as all else

    try:
        model = Surrogate(record)
    except InputError:
        return others, tables, None
    i, j = model.pair()
    tables = {**tables, **model.tables()}
    if i == j:
        return figures, tables, model.words
    contour = space_figures.contour(record, i, j)
    return {**figures, "contour": contour}, {**tables, space_figures.CELLS: model.contour(i, j)}, model.words


def contents(
    record: SweepRecord, command: Sequence[str] = (), training: Sequence[str] | None = None
) -> tuple[Figures, Tables, dict[str, Any]]:
    """Return the figures of the report, their tables, and the values that its template shows; arguments as of `render`.

    What a surrogate says is not among them: its tables are empty.
    """
    trials = record.trials
    top = top_trials(record)
    num_seeds = max(trials["num_seeds"], default=0)
    seeds = ("" if trials["num_seeds"].nunique() < 2 else "up to ") + plural(num_seeds, "seed")
    score, means = pages.score_format(record.return_range), sweep_figures.mean_curves(record)
    panels = [_panel(trials, name) for name in record.hyperparameters]
    tables = sweep_figures.tables(record, means, top, score)
    values = {
        "name": record.name,
        "task": record.task,
        "subtitle": _subtitle(record, seeds),
        "key_figures": _key_figures(record, trials, score),
        "remarks": record.remarks,
        "counts": _counts(trials),
        "num_trials": len(trials),
        "num_drawn": len(tables[sweep_figures.TRIALS]),
        "incumbent": _incumbent(record, score),
        "several_fidelities": trials["fidelity"].nunique() > 1,
        "num_seeds": num_seeds,
        "seeds": seeds,
        "is_schedule": record.is_schedule,
        "curve_keys": [] if record.is_schedule else _curve_keys(record, top, score),
        "has_curves": not means.empty,
        "has_categories": any(not pages.is_numeric(trials[name]) for name in record.hyperparameters),
        "panels": panels,
        "is_tuned": bool(record.hyperparameters),
        "has_more": bool(record.records and record.hyperparameters) and not record.is_schedule,
        "hyperparameters": record.hyperparameters,
        "num_lines": len(sweep_figures.drawn_curves(record)),
        "parallel_width": space_figures.parallel_width(record),
        "importance_height": space_figures.FRAME + space_figures.ROW * len(record.hyperparameters),
        "table": _trial_table(record, trials, score),
        "timing": _timing(record.timing),
        "settings": pages.definitions(record.settings.to_json()),
        "provenance": pages.definitions(record.made_with),
        "command": pages.quoted(command),
        "training": pages.quoted(training or ()),
    }
    figures = sweep_figures.figures(record, means, top, space_figures.panel)
    if values["has_more"]:
        figures |= space_figures.of_sweep(record)
    return figures, {**tables, **space_figures.tables(record)}, values


def top_trials(record: SweepRecord) -> list[int]:
    """Return the incumbent and the next best completed trials, at most as many as learning curves have colours.

    The curve of a schedule is that of its last trial.
    """
    if record.is_schedule:
        return [trial.trial for trial in record.ranked[:1] if trial.trial == record.trials["trial"].iloc[-1]]
    completed = [trial.trial for trial in record.ranked if trial.status == "completed"]
    return completed[: sweep_figures.NUM_TOP]


def _subtitle(record: SweepRecord, seeds: str) -> str:
    parts = [
        pages.inline(record.settings.tuner),
        f"{seeds} a trial",
        record.answers or "",
    ]
    return " · ".join(part for part in parts if part not in ("", pages.MISSING))


def _key_figures(record: SweepRecord, trials: pd.DataFrame, score: Score) -> list[dict[str, str]]:
    env_steps = int(trials["env_steps"].sum())
    wall = _wall_seconds(record.timing)
    return [
        _score_figure(record.incumbent, trials, score),
        _key_figure("Trials", str(len(trials)), ", ".join(_count_words(trials))),
        _key_figure("Env steps", count(env_steps), _throughput(env_steps, record.timing)),
        _key_figure("Wall time", duration(wall), _largest_part(record.timing)),
    ]


def _key_figure(label: str, value: str, note: str, spread: str = "") -> dict[str, str]:
    return {"label": label, "value": value, "spread": spread, "note": note}


def _score_figure(incumbent: dict | None, trials: pd.DataFrame, score: Score) -> dict[str, str]:
    if incumbent is None:
        return _key_figure("Incumbent score", pages.MISSING, "no trial completed")
    num_seeds = int(trials.set_index("trial").loc[incumbent["trial"], "num_seeds"])
    spread = _spread(incumbent["score_std"], num_seeds, score)
    note = f"trial {incumbent['trial']}, " + (f"mean ± std over {num_seeds} seeds" if spread else "one seed")
    return _key_figure("Incumbent score", score(incumbent["score"]), note, spread)


def _spread(std: float, num_seeds: int, score: Score) -> str:
    """Write the standard deviation over seeds; a single seed has none, and gives an empty text."""
    return "" if num_seeds < 2 or pages.missing(std) else f" ± {score(std)}"


def _counts(trials: pd.DataFrame) -> dict[str, int]:
    return {status: int((trials["status"] == status).sum()) for status in STATUSES}


def _count_words(trials: pd.DataFrame) -> list[str]:
    return [f"{num} {status}" for status, num in _counts(trials).items() if num or status == "completed"]


def _throughput(env_steps: int, timing: dict[str, float]) -> str:
    train = timing.get("train", 0.0)
    return f"{count(env_steps / train)} a second in training" if train else "over all trials and seeds"


def _wall_seconds(timing: dict[str, float]) -> float:
    """Return the recorded total in seconds, or the sum of the parts where none was recorded."""
    recorded = [timing[key] for key in TOTALS if key in timing]
    return recorded[0] if recorded else sum(timing.values())


def _timing(timing: dict[str, float]) -> list[dict[str, Any]]:
    """Return the rows of the timing table; `share` is the part of the wall time in percent."""
    wall = _wall_seconds(timing)
    parts = {key: seconds for key, seconds in timing.items() if key not in (*TOTALS, CPU)}
    return [
        {"name": key, "seconds": duration(seconds), "share": round(100 * seconds / wall, 1) if wall else 0.0}
        for key, seconds in parts.items()
    ]


def _largest_part(timing: dict[str, float]) -> str:
    rows = _timing(timing)
    if not rows:
        return "not recorded"
    largest = max(rows, key=lambda row: row["share"])
    return f"{largest['name']} {largest['share']:.0f} %"


def _incumbent(record: SweepRecord, score: Score) -> dict[str, Any] | None:
    """Return what the page shows of the incumbent: its tuned and its fixed hyperparameters, and its score under each seed."""
    if record.incumbent is None:
        return None
    values = record.incumbent["config"] if record.hyperparameters else record.settings.task.fixed
    config = {key: pages.plain(value) for key, value in values.items()}
    runs = record.runs[record.runs["trial"] == record.incumbent["trial"]].sort_values("seed")
    return {
        "trial": record.incumbent["trial"],
        "tuned": [(key, pages.inline(value)) for key, value in config.items() if key in record.hyperparameters],
        "fixed": [(key, pages.inline(value)) for key, value in config.items() if key not in record.hyperparameters],
        "json": json.dumps(config, indent=2, default=str),
        "seeds": [(int(run["seed"]), score(run["score"]), run["status"]) for run in runs.to_dict("records")],
    }


def _trial_table(record: SweepRecord, trials: pd.DataFrame, score: Score) -> dict[str, Any]:
    """Return the table of the best trials, highest score first.

    A cell is its text and its sort key; cells without a key come last in both directions.
    """
    columns = _columns(record, trials, score)
    drawn = sweep_figures.drawn_scores(trials, record.return_range[0])
    place = {trial.trial: number for number, trial in enumerate(record.ranked)}
    order = pd.DataFrame({"score": drawn, "place": trials["trial"].map(place)}).sort_values(
        ["score", "place"], ascending=[False, True]
    )
    rows = trials.loc[order.index[:MOST_ROWS]].to_dict("records")
    incumbent = record.incumbent["trial"] if record.incumbent else None
    return {
        "columns": [
            {"label": label, "tuned": key in record.hyperparameters, "text": not pages.is_numeric(trials[key])}
            for key, label, _ in columns
        ],
        "rows": [
            {
                "cells": [pages.cell(row[key], write) for key, _, write in columns],
                "trial": row["trial"],
                "incumbent": row["trial"] == incumbent,
                "status": row["status"],
            }
            for row in rows
        ],
    }


def _columns(record: SweepRecord, trials: pd.DataFrame, score: Score) -> list[tuple[str, str, Callable]]:
    """Return, for each column of the table, its name in the frame, its heading, and the function that writes a value."""
    outcome: list[tuple[str, str, Callable]] = [
        ("trial", "trial", pages.text),
        ("status", "status", str),
        ("score", "score", score),
        ("score_std", "std", score),
    ]
    cost: list[tuple[str, str, Callable]] = [
        ("fidelity", "fidelity", grouped),
        ("num_seeds", "seeds", grouped),
        ("parent", "parent", pages.text),
        ("env_steps", "env steps", grouped),
        ("seconds", "seconds", lambda seconds: f"{seconds:.1f}"),
        ("finished_at", "finished", pages.clock),
    ]
    hidden = set() if trials["parent"].notna().any() else {"parent"}
    hidden |= set() if record.runs["seed"].nunique() > 1 else {"score_std"}
    hidden |= set() if trials["num_seeds"].nunique() > 1 else {"num_seeds"}
    tuned: list[tuple[str, str, Callable]] = [(name, name, pages.text) for name in record.hyperparameters]
    return [column for column in outcome + tuned + cost if column[0] not in hidden]


def _curve_keys(record: SweepRecord, top: list[int], score: Score) -> list[dict[str, str]]:
    """Return the entries of the legend under the learning curves; `group` names the curves that an entry shows or hides."""
    scores = record.trials.set_index("trial")["score"]
    keys = [
        {
            "label": f"trial {trial}",
            "note": score(scores[trial]),
            "color": theme.series_name(place),
            "group": sweep_figures.group_of(trial),
        }
        for place, trial in enumerate(top)
    ]
    if record.incumbent is not None:
        keys[0]["label"] += ", incumbent"
    others = {trial.trial for trial in record.ranked if trial.status != "failed"} - set(top)
    num_drawn = len(others.intersection(sweep_figures.drawn_curves(record)))
    label = plural(len(others), "other trial" if top else "trial")
    label = label if num_drawn == len(others) else f"{num_drawn} of {label}"
    return [*keys, {"label": label, "note": "", "color": "bar", "group": sweep_figures.OTHERS}] if others else keys


def _panel(trials: pd.DataFrame, name: str) -> dict[str, Any]:
    """Return the heading of a panel: the hyperparameter's name, and in how many trials it was inactive."""
    return {"name": name, "inactive": int(trials[name].isna().sum()), "empty": bool(trials[name].isna().all())}
