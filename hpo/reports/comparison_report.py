"""The report of a comparison: a single HTML file that works offline, made like that of a sweep."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from arl import statistics
from arl.text import count, duration, grouped, plural, shortened
from hpo.comparisons.results import NUM_POINTS, REFERENCE, Comparison
from hpo.reports import pages

# Of the tuners, on light and on dark ground; baselines are grey and differ in their dashes.
LIGHT = (
    (0, 103, 166),
    (217, 130, 0),
    (0, 137, 107),
    (180, 70, 140),
    (196, 60, 30),
    (110, 90, 200),
    (60, 165, 215),
    (130, 105, 30),
    (95, 150, 40),
    (90, 60, 60),
)
DARK = (
    (92, 179, 238),
    (240, 173, 62),
    (53, 196, 160),
    (224, 143, 189),
    (255, 138, 108),
    (170, 155, 255),
    (140, 215, 245),
    (205, 180, 110),
    (160, 205, 105),
    (190, 155, 150),
)
GREY = ((110, 120, 130), (150, 160, 170))
BASELINES = {REFERENCE: "solid", f"{REFERENCE}-2x": "dash", "default": "dot"}
DASHES = ("solid", "dash", "dot", "dashdot")
LEAST_REGRET = 1e-3
NUM_SEEDS_ADVISED, NUM_REPEATS_ADVISED = 5, 10


def write_report(comparison: Comparison, path: Path, command: Sequence[str] = ()) -> Path:
    """Write the report of a comparison to `path`, folders included, and return `path`; `command`: gives the same again."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(comparison, command), encoding="utf-8")
    return path


def render(comparison: Comparison, command: Sequence[str] = ()) -> str:
    """The report as HTML. One task, one repeat or two tuners only still give every section they can."""
    settings = comparison.settings
    return pages.template("comparison.html").render(
        name=comparison.name,
        tasks=comparison.tasks,
        num_tuners=len(comparison.tuners),
        subtitle=_subtitle(comparison),
        colors=_colors(),
        key_figures=_key_figures(comparison),
        broken=list(comparison.broken.values()),
        keys=_keys(comparison),
        has_intervals=settings.repeats > 1,
        has_reference=REFERENCE in comparison.tuners,
        has_double=f"{REFERENCE}-2x" in comparison.tuners,
        rank_reason=comparison.ranks.reason,
        rank_words=_rank_words(comparison),
        pairs=_pairs(comparison),
        height=70 + 30 * len(comparison.tuners),
        figures=_figures(comparison),
        summary=_summary(comparison),
        by_task=_by_task(comparison),
        costs=_costs(comparison),
        incumbents=_incumbents(comparison),
        spaces=[(task, _space(comparison, task)) for task in comparison.tasks],
        settings=pages.definitions({key: value for key, value in settings.to_json().items() if key != "tasks"}),
        provenance=pages.definitions(comparison.provenance),
        checklist=checklist(comparison),
        command=list(command),
        plotly_js=Markup(get_plotlyjs()),
    )


def _subtitle(comparison: Comparison) -> str:
    settings = comparison.settings
    repeats, tests = plural(settings.repeats, "repeat"), plural(len(settings.test_seeds), "test seed")
    scores = "scores" if settings.scores[0] == "final" else f"{settings.scores[0]} scores"
    answered = "" if comparison.is_trained else " · nothing was trained: landscapes answered"
    return f"budget {settings.budget:g} equivalent full runs · {repeats} · {scores} on {tests}{answered}"


def checklist(comparison: Comparison) -> list[tuple[bool, str, str]]:
    """What a reader needs to believe and repeat the comparison: whether it is so, the item, and how it is here.

    After the checklist of Eimer, Lindauer & Raileanu 2023, "Hyperparameters in Reinforcement Learning and How To Tune Them".
    """
    settings, about = comparison.settings, comparison.provenance
    commit = about.get("commit")
    seeds, tests = settings.seeds, settings.test_seeds
    left_out = ", ".join(f"{tuner} is left out" for tuner in comparison.broken)
    options = {tuner: settings.tuners.get(tuner) or {} for tuner in comparison.tuners}
    used = "; ".join(f"{tuner} ({pages.inline(given)})" if given else tuner for tuner, given in options.items())
    return [
        (
            not set(seeds) & set(tests),
            "Tuning and test seeds are apart",
            f"{pages.inline(seeds)} / {pages.inline(tests)}",
        ),
        (True, "One score for all tuners", ", ".join(settings.scores)),
        (True, "Tuners see tuning seeds only", "a trial's score is that of its tuning seeds together"),
        (
            True,
            "Results are on test seeds only",
            "incumbents are trained again from scratch, each config once"
            if comparison.is_trained
            else "incumbents are looked up under other seeds of the landscape",
        ),
        (len(tests) >= NUM_SEEDS_ADVISED, f"At least {NUM_SEEDS_ADVISED} test seeds", str(len(tests))),
        (
            settings.repeats >= NUM_REPEATS_ADVISED,
            f"At least {NUM_REPEATS_ADVISED} tuner seeds",
            f"{settings.repeats}: 0 to {settings.repeats - 1}",
        ),
        (
            len(comparison.tasks) >= NUM_REPEATS_ADVISED,
            f"At least {NUM_REPEATS_ADVISED} tasks, for rank tests with power",
            str(len(comparison.tasks)),
        ),
        (True, "One space per task for all tuners", "types, ranges and scales are under Spaces"),
        (
            True,
            "One cost for all tuners",
            "equivalent full runs: env steps times seeds; continued trials pay the difference",
        ),
        (
            True,
            "One budget for all tuners",
            f"{settings.budget:g}" + (f", {REFERENCE}-2x twice" if f"{REFERENCE}-2x" in comparison.tuners else ""),
        ),
        (True, "One batch for all tuners", f"{settings.batch} trials are asked for at a time"),
        (True, "Tuners and their options", used),
        (not comparison.broken, "All tuners finished", left_out or "none broke its contract"),
        (True, "Final incumbents", "in the table of this page and in incumbents.parquet"),
        (bool(commit) and not str(commit).endswith("+"), "Code", _code(about)),
        (True, "Exact environments and tasks", "; ".join(_scale(comparison, task) for task in comparison.tasks)),
        (True, "Hardware", ", ".join(str(about[key]) for key in ("machine", "backend", "device") if key in about)),
        (True, "Software", ", ".join(f"{key} {about[key]}" for key in ("arl", "jax", "python") if key in about)),
    ]


def _code(about: dict[str, Any]) -> str:
    commit = about.get("commit")
    if not commit:
        return f"version {about.get('arl', pages.MISSING)}, no commit recorded"
    changed = " with uncommitted changes" if str(commit).endswith("+") else ""
    return f"commit {str(commit).rstrip('+')[:12]}{changed}"


def _key_figures(comparison: Comparison) -> list[dict[str, str]]:
    best, settings = comparison.summary.iloc[0], comparison.settings
    env_steps = comparison.runs.env_steps[comparison.runs.shared.isna()].sum()
    wall = sum(swept.record.timing.get("total", 0.0) for swept in comparison.swept)
    wall += sum(record.timing.get("total", 0.0) for record in comparison.tests.values() if record)
    interval = "one repeat" if pd.isna(best["low"]) else f"{best['low']:.3f} to {best['high']:.3f}, 95 %"
    return [
        {"label": "Highest score", "value": str(best["tuner"]), "note": f"{best['score']:.3f} ({interval})"},
        {
            "label": "Sweeps",
            "value": str(len(comparison.swept)),
            "note": f"{plural(len(comparison.tuners), 'tuner')} x {plural(len(comparison.tasks), 'task')} x "
            f"{plural(settings.repeats, 'repeat')}",
        },
        {
            "label": "Env steps",
            "value": count(float(env_steps)),
            "note": "shared runs once, tests included" if comparison.is_trained else "looked up, none trained",
        },
        {"label": "Wall time", "value": duration(wall), "note": "all sweeps and tests"},
    ]


def _colors() -> dict[str, list[tuple[str, str, str]]]:
    """Names of custom properties with their colour and that of their band, for light and dark ground."""
    return {
        ground: [(f"--tuner-{i}", f"rgb{color}", f"rgba{(*color, alpha)}") for i, color in enumerate([grey, *colors])]
        for ground, grey, colors, alpha in (("light", GREY[0], LIGHT, 0.11), ("dark", GREY[1], DARK, 0.13))
    }


def _style(comparison: Comparison, tuner: str) -> tuple[str, str]:
    """The colour and the dashes of a tuner: its own wherever it is drawn."""
    if tuner in BASELINES:
        return "--tuner-0", BASELINES[tuner]
    i = [name for name in comparison.tuners if name not in BASELINES].index(tuner)
    return f"--tuner-{1 + i % len(LIGHT)}", DASHES[i // len(LIGHT) % len(DASHES)]


def _keys(comparison: Comparison) -> list[dict[str, str]]:
    scores = comparison.summary.set_index("tuner").score
    border = {"solid": "solid", "dash": "dashed", "dot": "dotted", "dashdot": "dashed"}
    return [
        {
            "label": tuner,
            "note": f"{scores[tuner]:.3f}",
            "group": _group(comparison, tuner),
            "color": _style(comparison, tuner)[0],
            "border": border[_style(comparison, tuner)[1]],
        }
        for tuner in comparison.summary.tuner
    ]


def _group(comparison: Comparison, tuner: str) -> str:
    return f"tuner-{comparison.tuners.index(tuner)}"


def _figures(comparison: Comparison) -> dict[str, dict]:
    """Every figure by the id of its place in the page."""
    anytime = comparison.anytime
    overall = anytime[anytime.task.isna()] if len(comparison.tasks) > 1 else anytime
    of_tasks = {f"panel-{i}": anytime[anytime.task == task] for i, task in enumerate(comparison.tasks)}
    figures = {
        "anytime-score": _anytime_figure(comparison, overall, "normalised test score"),
        "anytime-regret": _anytime_figure(comparison, overall, "regret, 1 minus score", regret=True),
        **({name: _panel_figure(comparison, rows) for name, rows in of_tasks.items()} if len(of_tasks) > 1 else {}),
        "final": _dots_figure(comparison, "score", "low", "high", "normalised test score"),
        "gap": _dots_figure(comparison, "gap", "gap_low", "gap_high", "tuning minus test score", 0.0),
    }
    if REFERENCE in comparison.tuners:
        names = ("improvement", "improvement_low", "improvement_high")
        figures["improvement"] = _dots_figure(comparison, *names, f"P(beats {REFERENCE})", 0.5)
        figures["improvement"]["layout"]["xaxis"]["range"] = [-0.03, 1.03]
    if comparison.ranks.pairs is not None:
        figures["ranks"] = _ranks_figure(comparison)
    return figures


def _anytime_figure(comparison: Comparison, rows: pd.DataFrame, title: str, regret: bool = False) -> dict:
    """Score or regret over equivalent full runs, a line and a band for each tuner."""
    traces = []
    for tuner in comparison.tuners:
        curve = rows[rows.tuner == tuner]
        values = [[_regret(value) if regret else value for value in curve[key]] for key in ("score", "low", "high")]
        traces += _curve_traces(comparison, tuner, curve.budget, *values)
    x_axis = {"title": pages.axis_title("budget, equivalent full runs"), "rangemode": "tozero"}
    y_axis: dict[str, Any] = {"title": pages.axis_title(title)}
    if regret:
        y_axis |= {"type": "log", "exponentformat": "power", "dtick": "D1"}
        y_axis |= {"tickvals": [1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0]}
        y_axis |= {"ticktext": ["0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]}
    return {"data": traces, "layout": pages.layout(x_axis, y_axis)}


def _panel_figure(comparison: Comparison, rows: pd.DataFrame) -> dict:
    figure = _anytime_figure(comparison, rows, "")
    figure["layout"]["margin"] = {"l": 44, "r": 10, "t": 6, "b": 30}
    for axis in ("xaxis", "yaxis"):
        figure["layout"][axis] |= {"nticks": 6, "automargin": False, "title": {"text": ""}}
    return figure


def _regret(score: float) -> float:
    """One minus the score, but not so low that a logarithmic axis shows nothing else."""
    return max(1 - score, LEAST_REGRET)


def _curve_traces(
    comparison: Comparison, tuner: str, x: Sequence[float], y: list[float], low: list[float], high: list[float]
) -> list[dict]:
    color, dash = _style(comparison, tuner)
    group = _group(comparison, tuner)
    known, *values = (pages.numbers(each) for each in _steps(x, y, low, high))
    band = {
        "type": "scatter",
        "legendgroup": group,
        "mode": "lines",
        "x": known + known[::-1],
        "y": values[2] + values[1][::-1],
        "fill": "toself",
        "fillcolor": f"{color}-band",
        "line": {"width": 0, "color": color},
        "hoverinfo": "skip",
    }
    line = {
        "type": "scatter",
        "name": pages.escape(tuner),
        "legendgroup": group,
        "mode": "lines",
        "x": known,
        "y": values[0],
        "line": {"width": 2, "color": color, "dash": dash},
        "hovertemplate": f"<b>{pages.escape(tuner)}</b>  %{{y:.3f}}<extra></extra>",
    }
    return [band, line] if comparison.settings.repeats > 1 else [line]


def _steps(x: Sequence[float], *values: list[float]) -> list[list[float]]:
    """x and values of step lines: each value holds up to the next x."""
    xs = [each for each in x for _ in range(2)][1:]
    return [xs, *([each for each in known for _ in range(2)][:-1] for known in values)]


def _dots_figure(
    comparison: Comparison, value: str, low: str, high: str, title: str, line: float | None = None
) -> dict:
    """A point with its interval for each tuner, the best on top; `line`: a value to compare with."""
    summary = comparison.summary
    traces = []
    for i, row in enumerate(summary.to_dict("records")):
        color, _ = _style(comparison, row["tuner"])
        trace: dict[str, Any] = {
            "type": "scatter",
            "mode": "markers",
            "x": pages.numbers([row[value]]),
            "y": [i],
            "marker": {"size": 9, "color": color},
            "hovertemplate": f"<b>{pages.escape(row['tuner'])}</b>  %{{x:.3f}}<extra></extra>",
        }
        if not pd.isna(row[low]):
            trace["error_x"] = {
                "type": "data",
                "symmetric": False,
                "array": pages.numbers([row[high] - row[value]]),
                "arrayminus": pages.numbers([row[value] - row[low]]),
                "color": color,
                "thickness": 2,
                "width": 0,
            }
        traces.append(trace)
    x_axis = {"title": pages.axis_title(title), "nticks": 6, "showgrid": True, "gridcolor": "--grid"}
    figure: dict[str, Any] = {"data": traces, "layout": pages.layout(x_axis, _tuner_axis(list(summary.tuner)))}
    if line is not None:
        figure["data"].insert(0, _upright(line, -0.5, len(summary) - 0.5, "--muted", "dot", 1))
    return figure


def _tuner_axis(tuners: list[str]) -> dict[str, Any]:
    """Tuners from top to bottom."""
    return {
        "tickvals": list(range(len(tuners))),
        "ticktext": [pages.escape(shortened(name, 18)) for name in tuners],
        "range": [len(tuners) - 0.5, -0.5],
        "showgrid": False,
    }


def _upright(x: float, first: float, last: float, color: str, dash: str, width: float) -> dict[str, Any]:
    """A line, as a trace: colours of shapes would not follow light and dark."""
    line = {"color": color, "dash": dash, "width": width}
    return {"type": "scatter", "mode": "lines", "x": [x, x], "y": [first, last], "line": line, "hoverinfo": "skip"}


def _ranks_figure(comparison: Comparison) -> dict:
    """A critical-difference diagram that stands upright: tuners by mean rank, a bar along those that do not differ."""
    ranks = comparison.ranks
    order = sorted(range(len(ranks.mean_ranks)), key=lambda i: ranks.mean_ranks[i])
    names = [comparison.tuners[i] for i in order]
    dots = [
        {
            "type": "scatter",
            "mode": "markers",
            "x": [round(ranks.mean_ranks[i], 3)],
            "y": [place],
            "marker": {"size": 9, "color": _style(comparison, comparison.tuners[i])[0]},
            "hovertemplate": f"<b>{pages.escape(comparison.tuners[i])}</b>  %{{x:.2f}}<extra></extra>",
        }
        for place, i in enumerate(order)
    ]
    bars = [
        _upright(
            len(names) + 0.4 + 0.25 * number,
            order.index(group[0]) - 0.25,
            order.index(group[-1]) + 0.25,
            "--ink",
            "solid",
            3,
        )
        for number, group in enumerate(statistics.groups(ranks.mean_ranks, ranks.pairs or {}))
    ]
    x_axis = {
        "title": pages.axis_title("mean rank over tasks"),
        "range": [0.7, len(names) + 0.6 + 0.25 * len(bars)],
        "tickvals": list(range(1, len(names) + 1)),
        "showgrid": True,
        "gridcolor": "--grid",
    }
    return {"data": [*bars, *dots], "layout": pages.layout(x_axis, _tuner_axis(names))}


def _rank_words(comparison: Comparison) -> str:
    ranks = comparison.ranks
    if ranks.reason:
        return f"No test of ranks: {ranks.reason}."
    words = f"Friedman's test over {len(comparison.tasks)} tasks: chi-squared {ranks.statistic:.2f}, p {_p(ranks.p or 0.0)}."
    few = len(comparison.tasks) < NUM_REPEATS_ADVISED
    return words + (" With so few tasks it has little power; the intervals say more." if few else "")


def _pairs(comparison: Comparison) -> dict[str, Any] | None:
    """p of each pair of tuners, in the order of the summary."""
    known, names = comparison.ranks.pairs, list(comparison.summary.tuner)
    if known is None:
        return None
    index = {name: comparison.tuners.index(name) for name in names}
    rows = [
        [_p(known[min(index[a], index[b]), max(index[a], index[b])]) if a != b else "" for b in names] for a in names
    ]
    return _table(["tuner", *names], [[name, *row] for name, row in zip(names, rows, strict=True)])


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> dict[str, Any]:
    """Columns and rows; the first `texts` columns are text, the others numbers."""
    return {"columns": list(columns), "rows": [list(row) for row in rows], "texts": texts}


def _summary(comparison: Comparison) -> dict[str, Any]:
    columns = ["tuner", "score", "95 % interval", "area", "mean rank", f"P(beats {REFERENCE})", "gap"]
    rows = [
        [
            row["tuner"],
            _signed(row["score"]),
            _interval(row["low"], row["high"]),
            _signed(row["area"]),
            f"{row['rank']:.2f}",
            _with_interval(row["improvement"], row["improvement_low"], row["improvement_high"]),
            _with_interval(row["gap"], row["gap_low"], row["gap_high"]),
        ]
        for row in comparison.summary.to_dict("records")
    ]
    return _table(columns, rows)


def _interval(low: float | None, high: float | None) -> str:
    if low is None or high is None or pd.isna(low):
        return pages.MISSING
    return f"{_signed(low)} to {_signed(high)}"


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or pd.isna(value):
        return pages.MISSING
    interval = _interval(low, high)
    return _signed(value) + ("" if interval == pages.MISSING else f" ({interval})")


def _signed(value: float) -> str:
    return f"{value:.3f}".replace("-0.000", "0.000").replace("-", pages.MINUS)


def _by_task(comparison: Comparison) -> dict[str, Any]:
    """Mean and standard deviation over repeats of the final test return, as the env gives it."""
    known = comparison.by_task.set_index(["task", "tuner"])
    rows = []
    for tuner in comparison.summary.tuner:
        row = [tuner]
        for task in comparison.tasks:
            write = _score_format(comparison, task)
            spread = f" ± {write(known.test_std[task, tuner])}" if comparison.settings.repeats > 1 else ""
            row.append(write(known.test[task, tuner]) + spread)
        rows.append(row)
    return _table(["tuner", *comparison.tasks], rows)


def _score_format(comparison: Comparison, task: str) -> Callable[[float], str]:
    return pages.score_format(next(s.record.return_range for s in comparison.swept if s.task == task))


def _costs(comparison: Comparison) -> dict[str, Any]:
    columns = [
        "tuner",
        "full runs",
        "trials",
        "env steps",
        "diverged",
        "failed",
        "train",
        "compile",
        "tuner",
        "tuner CPU",
        "wall",
    ]
    rows = [
        [
            row["tuner"],
            f"{row['full_runs']:.4g}",
            f"{row['trials']:.4g}",
            count(row["env_steps"]),
            f"{row['diverged']:.3g}",
            f"{row['failed']:.3g}",
            *(duration(row[key]) for key in ("train", "compile", "tuner_seconds", "tuner_cpu", "wall")),
        ]
        for row in comparison.costs.to_dict("records")
    ]
    return _table(columns, rows)


def _incumbents(comparison: Comparison) -> dict[str, Any]:
    """What every sweep recommends in the end."""
    last = comparison.curves[comparison.curves.point == NUM_POINTS - 1]
    keys = ["task", "tuner", "repeat", "trial"]
    known = comparison.incumbents.set_index(keys)
    rows = []
    for row in last.dropna(subset="trial").to_dict("records"):
        found = known.loc[tuple(row[key] for key in keys)]
        write = _score_format(comparison, row["task"])
        spread = f" ± {write(found['test_std'])}" if len(comparison.settings.test_seeds) > 1 else ""
        links = [f"to {grouped(steps)}: {_config(config)}" for steps, config in json.loads(found["config"])]
        rows.append(
            [
                row["task"],
                row["tuner"],
                f"{row['repeat']} / {int(row['trial'])}",
                grouped(found["fidelity"]),
                write(found["tuning_score"]),
                f"{write(found['test_score'])}{spread}",
                _config(json.loads(found["config"])[0][1]) if len(links) == 1 else "; ".join(links),
            ]
        )
    columns = ["task", "tuner", "repeat / trial", "env steps", "tuning return", "test return", "config"]
    return {**_table(columns, rows, 2), "wide": len(columns) - 1}


def _config(config: dict[str, Any]) -> str:
    return pages.inline(config)


def _scale(comparison: Comparison, task: str) -> str:
    record = next(swept.record for swept in comparison.swept if swept.task == task)
    settings, (worst, best) = record.settings.task, record.return_range
    return (
        f"{task}: return {pages.text(worst)} is 0, {pages.text(best)} is 1; {settings.preset} space, "
        f"{grouped(settings.fidelity)} env steps, {settings.num_points} evaluations of "
        f"{settings.num_episodes} episodes"
    )


def _space(comparison: Comparison, task: str) -> list[tuple[str, str]]:
    record = next(swept.record for swept in comparison.swept if swept.task == task)
    return [(known["name"], _values(known)) for known in record.space["hyperparameters"]]


def _values(known: dict[str, Any]) -> str:
    """The values of a hyperparameter, of ConfigSpace's own JSON form."""
    if "lower" in known:
        scale = ", log" if known.get("log") else ""
        return f"{pages.text(known['lower'])} to {pages.text(known['upper'])}{scale} ({known['type']})"
    return pages.inline(known.get("choices", known.get("sequence", known.get("value", pages.MISSING))))
