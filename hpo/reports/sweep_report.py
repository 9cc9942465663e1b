"""The report of one sweep: a single HTML file that works offline.

`render` turns a record into figures and table rows, `templates/report.html` into a page.
"""

import itertools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from arl.records.sweep import SweepRecord
from arl.text import count, duration, grouped, plural, short_power, shortened
from hpo.reports import pages

CURVE_COLORS = ("--curve-1", "--curve-2", "--curve-3", "--curve-4", "--curve-5")
STATUSES = ("completed", "diverged", "failed")
TOTALS = ("total", "wall")
CPU = "tuner_cpu"  # of the tuner's time, which is a part already
HOVER_LINES = 12
# Share of a panel's width that one character of a tick label takes.
LABEL_SHARE = 0.035


def write_report(record: SweepRecord, path: Path, command: Sequence[str] = ()) -> Path:
    """Write the report of a sweep to `path`, folders included, and return `path`; `command`: gives the same again."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(record, command), encoding="utf-8")
    return path


def render(record: SweepRecord, command: Sequence[str] = ()) -> str:
    """The report as HTML. A sweep of one trial, one seed, or diverged trials only still gives every section it can."""
    trials = _drawable(_in_finish_order(record.trials), record.return_range)
    top = _top_trials(trials, record.incumbent)
    num_seeds = max(trials["num_seeds"], default=0)
    seeds = ("" if trials["num_seeds"].nunique() < 2 else "up to ") + plural(num_seeds, "seed")
    score = pages.score_format(record.return_range)
    return pages.template("report.html").render(
        name=record.name,
        task=record.task,
        subtitle=_subtitle(record, seeds),
        key_figures=_key_figures(record, trials, score),
        counts=_counts(trials),
        incumbent=_incumbent(record, score),
        several_fidelities=trials["fidelity"].nunique() > 1,
        num_seeds=num_seeds,
        seeds=seeds,
        curve_keys=_curve_keys(trials, top, record.incumbent, score),
        has_curves=not record.curves.empty,
        has_categories=any(not pages.is_numeric(record.trials[name]) for name in record.hyperparameters),
        panels=[_panel(trials, name) for name in record.hyperparameters],
        figures=_figures(record, trials, top, score),
        table=_trial_table(record, trials, score),
        timing=_timing(record.timing),
        settings=pages.definitions(record.settings.to_json()),
        provenance=pages.definitions(record.made_with),
        command=list(command),
        plotly_js=Markup(get_plotlyjs()),
    )


def _in_finish_order(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials as they finished; those of one batch finish together and keep the order of their ids."""
    return trials.sort_values(["finished_at", "trial"], ignore_index=True)


def _drawable(trials: pd.DataFrame, return_range: tuple[float, float]) -> pd.DataFrame:
    """Adds columns that no hyperparameter is named like: `_drawn`, the score or, for a trial that has none to show, the
    worst return; `_size`, of the point in px.
    """
    completed = (trials["status"] == "completed") & trials["score"].notna()
    drawn = trials["score"].where(completed, return_range[0]).astype(float)
    return trials.assign(_drawn=drawn, _size=_point_sizes(trials["fidelity"]))


def _top_trials(trials: pd.DataFrame, incumbent: dict | None) -> list[int]:
    """The incumbent and the next best completed trials, as many as there are curve colours."""
    if incumbent is None:
        return []
    completed = trials[trials["status"] == "completed"]
    ranked = completed.sort_values(["fidelity", "num_seeds", "score", "trial"], ascending=[False, False, False, True])[
        "trial"
    ]
    return [int(incumbent["trial"]), *(int(trial) for trial in ranked if trial != incumbent["trial"])][
        : len(CURVE_COLORS)
    ]


def _incumbent_scores(trials: pd.DataFrame) -> list[float | None]:
    """The incumbent's score after each trial; None until the first one completes.

    A score counts among trials of its fidelity and number of seeds only, so the incumbent is the best of the highest so far,
    and its score may fall where the first trial of a higher one completes.
    """
    scores, best = [], (-math.inf, -math.inf, -math.inf)
    for trial in trials.to_dict("records"):
        if trial["status"] == "completed":
            best = max(best, (trial["fidelity"], trial["num_seeds"], trial["_drawn"]))
        scores.append(best[-1])
    return pages.numbers(scores)


def _subtitle(record: SweepRecord, seeds: str) -> str:
    parts = [
        pages.inline(record.settings.tuner),
        f"{seeds} a trial",
        record.answers or "",
    ]
    return " · ".join(part for part in parts if part not in ("", pages.MISSING))


def _key_figures(record: SweepRecord, trials: pd.DataFrame, score: Callable) -> list[dict[str, str]]:
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


def _score_figure(incumbent: dict | None, trials: pd.DataFrame, score: Callable) -> dict[str, str]:
    if incumbent is None:
        return _key_figure("Incumbent score", pages.MISSING, "no trial completed")
    num_seeds = int(trials.set_index("trial").loc[incumbent["trial"], "num_seeds"])
    spread = _spread(incumbent["score_std"], num_seeds, score)
    note = f"trial {incumbent['trial']}, " + (f"mean ± std over {num_seeds} seeds" if spread else "one seed")
    return _key_figure("Incumbent score", score(incumbent["score"]), note, spread)


def _spread(std: float, num_seeds: int, score: Callable) -> str:
    """Nothing where one seed leaves no spread to speak of."""
    return "" if num_seeds < 2 or pages.missing(std) else f" ± {score(std)}"


def _counts(trials: pd.DataFrame) -> dict[str, int]:
    return {status: int((trials["status"] == status).sum()) for status in STATUSES}


def _count_words(trials: pd.DataFrame) -> list[str]:
    return [f"{num} {status}" for status, num in _counts(trials).items() if num or status == "completed"]


def _throughput(env_steps: int, timing: dict[str, float]) -> str:
    train = timing.get("train", 0.0)
    return f"{count(env_steps / train)} a second in training" if train else "over all trials and seeds"


def _wall_seconds(timing: dict[str, float]) -> float:
    """A recorded total if there is one, else the sum of the parts."""
    recorded = [timing[key] for key in TOTALS if key in timing]
    return recorded[0] if recorded else sum(timing.values())


def _timing(timing: dict[str, float]) -> list[dict[str, Any]]:
    """Rows of the timing table; `share` is the part of the wall time in percent."""
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


def _incumbent(record: SweepRecord, score: Callable) -> dict[str, Any] | None:
    """What the section on the incumbent shows: its config, tuned and fixed apart, and its score under each seed."""
    if record.incumbent is None:
        return None
    config = {key: pages.plain(value) for key, value in record.incumbent["config"].items()}
    runs = record.runs[record.runs["trial"] == record.incumbent["trial"]].sort_values("seed")
    return {
        "trial": record.incumbent["trial"],
        "tuned": [(key, pages.inline(value)) for key, value in config.items() if key in record.hyperparameters],
        "fixed": [(key, pages.inline(value)) for key, value in config.items() if key not in record.hyperparameters],
        "json": json.dumps(config, indent=2, default=str),
        "seeds": [(int(run["seed"]), score(run["score"]), run["status"]) for run in runs.to_dict("records")],
    }


def _trial_table(record: SweepRecord, trials: pd.DataFrame, score: Callable) -> dict[str, Any]:
    """Columns and rows, highest score first. A cell is its text and its sort key; no key sorts last either way."""
    columns = _columns(record, trials, score)
    rows = trials.sort_values(["_drawn", "trial"], ascending=[False, True]).to_dict("records")
    incumbent = record.incumbent["trial"] if record.incumbent else None
    return {
        "columns": [
            {"label": label, "tuned": key in record.hyperparameters, "text": not pages.is_numeric(trials[key])}
            for key, label, _ in columns
        ],
        "rows": [
            {
                "cells": [pages.cell(row[key], write) for key, _, write in columns],
                "incumbent": row["trial"] == incumbent,
                "status": row["status"],
            }
            for row in rows
        ],
    }


def _columns(record: SweepRecord, trials: pd.DataFrame, score: Callable) -> list[tuple[str, str, Callable]]:
    """(column of the frame, heading, how to write a value)."""
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


def _figures(record: SweepRecord, trials: pd.DataFrame, top: list[int], score: Callable) -> dict[str, dict]:
    """Every figure by the id of its place in the page."""
    return {
        "incumbent-trials": _incumbent_figure(record, trials, score, "trials finished", range(1, len(trials) + 1)),
        "incumbent-env-steps": _incumbent_figure(
            record, trials, score, "env steps, all trials and seeds", trials["env_steps"].cumsum()
        ),
        "curves": _curves_figure(record, top),
        **{
            f"panel-{index}": _panel_figure(record, trials, name, score)
            for index, name in enumerate(record.hyperparameters)
        },
    }


def _incumbent_figure(record: SweepRecord, trials: pd.DataFrame, score: Callable, x_title: str, x: Iterable) -> dict:
    """Every trial as a point and the incumbent as a step line over `x`, one value per trial in the order finished."""
    trials = trials.assign(_x=list(x), _hover=_hover_texts(record, trials, score))
    line = {
        "type": "scatter",
        "name": "incumbent",
        "mode": "lines",
        "x": pages.numbers(trials["_x"]),
        "y": _incumbent_scores(trials),
        "line": {"shape": "hv", "width": 2, "color": "--accent"},
        "hoverinfo": "skip",
    }
    x_axis: dict[str, Any] = {"title": pages.axis_title(x_title), "rangemode": "tozero"}
    if trials["_x"].max() <= 10:
        x_axis["dtick"] = 1
    return {
        "data": [line, *_point_traces(record, trials)],
        "layout": pages.layout(x_axis, {"title": pages.axis_title(_score_words(record)), "range": _score_axis(record)}),
    }


def _point_traces(record: SweepRecord, trials: pd.DataFrame) -> list[dict]:
    """Trials at their columns `_x` and `_drawn`: one trace a status, the incumbent's star on top."""
    incumbent = trials["trial"] == (record.incumbent["trial"] if record.incumbent else None)
    completed = trials["status"] == "completed"
    cross = round(7 * _crowding(len(record.trials)), 1)
    marks: dict[str, tuple[pd.Series, dict[str, Any]]] = {
        "completed": (completed & ~incumbent, {"color": "--point"}),
        "diverged": (trials["status"] == "diverged", {"color": "--bad", "symbol": "x-thin-open", "size": cross}),
        "failed": (trials["status"] == "failed", {"color": "--bad", "symbol": "square-open", "size": cross}),
        "incumbent": (completed & incumbent, {"color": "--accent", "symbol": "star", "size": 13}),
    }
    return [_point_trace(trials[rows], name, mark) for name, (rows, mark) in marks.items() if rows.any()]


def _point_trace(trials: pd.DataFrame, name: str, mark: dict) -> dict:
    """Open symbols are all outline, so it takes their colour; closed ones have none."""
    outline = {"width": 1.3, "color": mark["color"]} if "open" in mark.get("symbol", "") else {"width": 0}
    return {
        "type": "scatter",
        "name": name,
        "mode": "markers",
        "x": pages.numbers(trials["_x"]),
        "y": pages.numbers(trials["_drawn"]),
        "text": list(trials["_hover"]),
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"size": list(trials["_size"]), "line": outline, **mark},
        "cliponaxis": False,
    }


def _point_sizes(fidelity: pd.Series) -> list[float]:
    """Diameters in px: 7, or from 4 for the lowest fidelity to 8 for the highest; less where trials are many."""
    levels = sorted(fidelity.unique())
    rank = {level: index / max(len(levels) - 1, 1) for index, level in enumerate(levels)}
    sizes = [4 + 4 * rank[level] if len(levels) > 1 else 7 for level in fidelity]
    return [round(size * _crowding(len(fidelity)), 1) for size in sizes]


def _crowding(num_trials: int) -> float:
    """Scale of the marks: 1 up to 100 trials, from there the area that they cover stays the same, down to a half."""
    return min(1.0, max(0.5, math.sqrt(100 / max(num_trials, 1))))


def _hover_texts(record: SweepRecord, trials: pd.DataFrame, score: Callable) -> list[str]:
    """The whole config up to a number of lines that still fits a screen."""
    return [
        "<br>".join(
            [_hover_head(row, score)]
            + [
                pages.escape(f"{name}  {pages.text(row[name])}")
                for name in record.hyperparameters[:HOVER_LINES]
                if not pages.missing(row[name])
            ]
        )
        for row in trials.to_dict("records")
    ]


def _hover_head(row: dict[str, Any], score: Callable) -> str:
    outcome = f"score {score(row['score'])}" if row["status"] == "completed" else row["status"]
    return f"<b>trial {row['trial']}</b>  {outcome}"


def _curves_figure(record: SweepRecord, top: list[int]) -> dict:
    """Episode return over env steps: the top trials in colour over all others in one grey trace.

    A mean needs every seed: it ends where the first seed diverges, instead of going on over the survivors.
    """
    curves = _seed_summary(record.curves)
    others = curves[~curves["trial"].isin(top)]
    mode = "lines" if record.points > 2 else "lines+markers"
    traces = [_merged_trace(others, mode), _ends_trace(others, record.trials)]
    for trial, color in reversed(list(zip(top, CURVE_COLORS, strict=False))):
        traces += _curve_traces(curves[curves["trial"] == trial], trial, color, mode)
    y_range = pages.padded(min(record.return_range[0], _low(curves)), max(record.return_range[1], _high(curves)))
    x_axis = {"title": pages.axis_title("env steps"), "range": [0, 1.03 * max(curves["env_steps"], default=1)]}
    return {
        "data": [trace for trace in traces if trace["x"]],
        "layout": pages.layout(x_axis, {"title": pages.axis_title("episode return"), "range": y_range}),
    }


def _seed_summary(curves: pd.DataFrame) -> pd.DataFrame:
    """Mean, lowest and highest `return_mean` over seeds, one row per (trial, point) at which no seed has diverged."""
    groups = curves.groupby(["trial", "point"], as_index=False)
    summary = groups.agg(
        env_steps=("env_steps", "max"),
        mean=("return_mean", "mean"),
        low=("return_mean", "min"),
        high=("return_mean", "max"),
        seeds=("return_mean", "size"),
        alive=("return_mean", "count"),
    )
    return summary[summary["seeds"] == summary["alive"]]


def _merged_trace(curves: pd.DataFrame, mode: str) -> dict:
    """All these trials as one trace with gaps: hundreds of traces would make the page slow."""
    x, y, names = [], [], []
    for trial, curve in curves.groupby("trial"):
        x += [*pages.numbers(curve["env_steps"]), None]
        y += [*pages.numbers(curve["mean"]), None]
        names += [int(trial)] * (len(curve) + 1)
    return {
        "type": "scatter",
        "name": "other trials",
        "legendgroup": "others",
        "mode": mode,
        "x": x,
        "y": y,
        "customdata": names,
        "hovertemplate": "<b>trial %{customdata}</b>  %{y:.5~r}<extra></extra>",
        "line": {"width": _crowding(curves["trial"].nunique()), "color": "--thin"},
        "marker": {"size": 4, "color": "--thin"},
        "connectgaps": False,
    }


def _ends_trace(curves: pd.DataFrame, trials: pd.DataFrame) -> dict:
    """A cross at the last point of every diverged trial."""
    diverged = trials.loc[trials["status"] == "diverged", "trial"]
    ends = curves[curves["trial"].isin(diverged)].groupby("trial").tail(1)
    return {
        "type": "scatter",
        "name": "diverged",
        "legendgroup": "others",
        "mode": "markers",
        "x": pages.numbers(ends["env_steps"]),
        "y": pages.numbers(ends["mean"]),
        "customdata": [int(trial) for trial in ends["trial"]],
        "hovertemplate": "<b>trial %{customdata}</b>  diverged after this point<extra></extra>",
        "marker": {
            "symbol": "x-thin-open",
            "size": 7 * _crowding(len(trials)),
            "color": "--bad",
            "line": {"width": 1.3, "color": "--bad"},
        },
    }


def _curve_traces(curve: pd.DataFrame, trial: int, color: str, mode: str) -> list[dict]:
    """The mean of one trial over its band from the lowest to the highest seed; no band where there is no spread."""
    x, group = pages.numbers(curve["env_steps"]), f"trial-{trial}"
    band = {
        "type": "scatter",
        "legendgroup": group,
        "mode": "lines",
        "x": x + x[::-1],
        "y": pages.numbers(curve["high"]) + pages.numbers(curve["low"])[::-1],
        "fill": "toself",
        "fillcolor": f"{color}-band",
        "line": {"width": 0, "color": color},
        "hoverinfo": "skip",
    }
    mean = {
        "type": "scatter",
        "name": f"trial {trial}",
        "legendgroup": group,
        "mode": mode,
        "x": x,
        "y": pages.numbers(curve["mean"]),
        "line": {"width": 2.5 if color == CURVE_COLORS[0] else 1.5, "color": color},
        "marker": {"size": 6, "color": color},
        "hovertemplate": f"<b>trial {trial}</b>  %{{y:.5~r}}<extra></extra>",
    }
    return [band, mean] if (curve["high"] > curve["low"]).any() else [mean]


def _curve_keys(trials: pd.DataFrame, top: list[int], incumbent: dict | None, score: Callable) -> list[dict[str, str]]:
    """Entries of the legend under the learning curves; `group` names the traces that an entry switches."""
    scores = trials.set_index("trial")["score"]
    keys = [
        {"label": f"trial {trial}", "note": score(scores[trial]), "color": color, "group": f"trial-{trial}"}
        for trial, color in zip(top, CURVE_COLORS, strict=False)
    ]
    if incumbent is not None:
        keys[0]["label"] += ", incumbent"
    num_others = int((trials["status"] != "failed").sum()) - len(top)
    others = {
        "label": plural(num_others, "other trial" if top else "trial"),
        "note": "",
        "color": "--thin-key",
        "group": "others",
    }
    return [*keys, others] if num_others else keys


def _panel(trials: pd.DataFrame, name: str) -> dict[str, Any]:
    """Heading of a panel: the name, and in how many trials the hyperparameter was inactive."""
    return {"name": name, "inactive": int(trials[name].isna().sum()), "empty": bool(trials[name].isna().all())}


def _panel_figure(record: SweepRecord, trials: pd.DataFrame, name: str, score: Callable) -> dict:
    """Score over the values of one hyperparameter, in the trials where it is active."""
    active = trials[trials[name].notna()]
    x, x_axis = _panel_axis(
        [pages.plain(value) for value in active[name]], list(active["trial"]), name in record.log_hyperparameters
    )
    hover = [
        f"{_hover_head(row, score)}<br>" + pages.escape(f"{name}  {pages.text(row[name])}")
        for row in active.to_dict("records")
    ]
    layout = pages.layout(x_axis, {"range": _score_axis(record), "nticks": 6, "automargin": False})
    layout["margin"] = {"l": 44, "r": 10, "t": 6, "b": 30}
    return {"data": _point_traces(record, active.assign(_x=x, _hover=hover)), "layout": layout}


def _panel_axis(values: list[Any], trials: list[int], log: bool) -> tuple[list[float], dict]:
    """Where the points of these trials stand, and the axis below them."""
    if not values:
        return [], {}
    return (values, _numeric_axis(values, log)) if pages.is_numeric(values) else _category_axis(values, trials)


def _numeric_axis(values: list[float], log: bool) -> dict:
    """Ticks stand at the values themselves where these are few and far enough apart, else at round numbers."""
    log = log and min(values) > 0
    scale = math.log10 if log else float
    low, high = pages.padded(scale(min(values)), scale(max(values)))
    distinct = sorted(set(values))
    axis: dict[str, Any] = {"type": "log" if log else "linear", "range": [low, high], "tickangle": 0, "nticks": 6}
    if _labels_fit(distinct, scale, high - low):
        axis |= _ticks(distinct)
    elif log:
        axis |= _ticks(_round_logs(low, high))
    return axis


def _labels_fit(distinct: list[float], scale: Callable[[float], float], width: float) -> bool:
    """Whether labels at all these values stay apart on a panel, `width` being the length of its axis."""
    gaps = [scale(right) - scale(left) for left, right in itertools.pairwise(distinct)]
    longest = max(len(pages.text(value)) for value in distinct)
    return len(distinct) == 1 or min(gaps) > (longest + 1) * LABEL_SHARE * width


def _round_logs(low: float, high: float) -> list[float]:
    """The finest of four sets of round numbers from `10**low` to `10**high` that has at most five in that range."""
    for step, digits in ((1, (1, 2, 5)), (1, (1, 3)), (1, (1,)), (2, (1,))):
        powers = range(step * math.floor(low / step), math.ceil(high) + 1, step)
        ticks = [float(f"{digit}e{power}") for power in powers for digit in digits]
        ticks = [tick for tick in ticks if low <= math.log10(tick) <= high]
        if len(ticks) <= 5:
            break
    return ticks[:: math.ceil(len(ticks) / 5)]


def _ticks(values: list[float]) -> dict:
    """Labels in one notation: powers for all of them if one needs it and one digit says it all, as in 1e-5, 1e-4."""
    texts = [pages.text(value) for value in values]
    powers = [short_power(f"{value:.0e}") for value in values]
    if any("e" in text for text in texts) and [float(power) for power in powers] == values:
        texts = powers
    return {"tickvals": values, "ticktext": texts}


def _category_axis(values: list[Any], trials: list[int]) -> tuple[list[float], dict]:
    """Categories at 0, 1, ... in sorted order, points spread by up to a quarter to either side.

    The offset is a fixed function of the trial, so that the same record always gives the same page.
    """
    texts = [pages.text(value) for value in values]
    categories = sorted(set(texts))
    golden = (math.sqrt(5) - 1) / 2
    x = [categories.index(text) + 0.5 * ((trial * golden) % 1 - 0.5) for text, trial in zip(texts, trials, strict=True)]
    return x, {
        "tickvals": list(range(len(categories))),
        "ticktext": [pages.escape(shortened(category)) for category in categories],
        "range": [-0.6, len(categories) - 0.4],
        "showgrid": False,
    }


def _score_words(record: SweepRecord) -> str:
    """What the scores are."""
    name = record.scores[0]
    return f"score ({'episode return' if name == 'final' else name})"


def _score_axis(record: SweepRecord) -> list[float]:
    """The task's return range, widened where a score lies outside it."""
    scores = record.trials.loc[record.trials["status"] == "completed", "score"].dropna()
    return pages.padded(min([record.return_range[0], *scores]), max([record.return_range[1], *scores]))


def _low(curves: pd.DataFrame) -> float:
    return curves["low"].min() if len(curves) else math.inf


def _high(curves: pd.DataFrame) -> float:
    return curves["high"].max() if len(curves) else -math.inf
