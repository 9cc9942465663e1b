"""The report of a comparison: a single HTML file that works offline, made like that of a sweep."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from arl.text import count, duration, grouped, plural
from hpo.comparisons import REFERENCE, words
from hpo.comparisons.comparison import NUM_POINTS, Comparison
from hpo.reports import comparison_figures, pages
from hpo.reports.theme import Figure

NUM_TUNING_SEEDS_ADVISED, NUM_TEST_SEEDS_ADVISED, NUM_REPEATS_ADVISED = 3, 5, 10
COST = "equivalent full runs: env steps times seeds; continued trials pay the difference"
BORDERS = {"solid": "solid", "dash": "dashed", "dot": "dotted", "dashdot": "dashed"}  # of CSS, for dashes of lines


class Check(NamedTuple):
    """An item of the checklist: whether it is met, what it asks for, and how this comparison does it."""

    good: bool
    item: str
    how: str


def write_report(comparison: Comparison, path: Path, command: Sequence[str] = ()) -> Path:
    """Write the report of a comparison to `path`, folders included, and return `path`; `command`: repeats it."""
    return pages.write(render(comparison, command), path)


def render(comparison: Comparison, command: Sequence[str] = ()) -> str:
    """Return the report as HTML. One task, one repeat or two tuners only still give every section they can."""
    figures, tables, values = contents(comparison, command)
    return pages.render("comparison.html", figures, tables, **values)


def contents(
    comparison: Comparison, command: Sequence[str] = ()
) -> tuple[dict[str, Figure], dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """Return the figures of the report, their tables, and the values that its template shows."""
    settings, printed = comparison.settings, tables(comparison)
    values = {
        "name": comparison.name,
        "tasks": comparison.tasks,
        "num_tuners": len(comparison.tuners),
        "subtitle": _subtitle(comparison),
        "key_figures": _key_figures(comparison),
        "broken": list(comparison.broken.values()),
        "keys": _keys(comparison),
        "has_intervals": settings.repeats > 1,
        "seeds_rotate": comparison.seeds_rotate,
        "too_narrow": settings.repeats < (5 if len(comparison.tasks) > 1 else 10),  # see docs/compare.md
        "has_reference": REFERENCE in comparison.tuners,
        "has_double": f"{REFERENCE}-2x" in comparison.tuners,
        "rank_reason": comparison.ranks.reason,
        "rank_words": words.ranks(comparison),
        "rank_pairs": comparison.ranks.pairs is not None,
        "unranked": [tuner for tuner in comparison.tuners if tuner not in comparison.ranked],
        "resolution": words.resolution(comparison),
        "pairs": printed["pairs"],
        "height": comparison_figures.height(len(comparison.tuners)),
        "rank_height": comparison_figures.height(len(comparison.ranked)),
        "summary": printed["summary"],
        "by_task": printed["by_task"],
        "costs": printed["costs"],
        "incumbents": printed["incumbents"],
        "spaces": [(task, _space(comparison, task)) for task in comparison.tasks],
        "settings": pages.definitions({key: value for key, value in settings.to_json().items() if key != "tasks"}),
        "provenance": pages.definitions(comparison.provenance),
        "checklist": checklist(comparison),
        "command": pages.quoted(command),
    }
    return comparison_figures.figures(comparison), comparison_figures.tables(comparison), values


def tables(comparison: Comparison) -> dict[str, dict[str, Any]]:
    """Return the tables of the page by name: `columns`, and `rows` of texts."""
    return {
        "summary": _summary(comparison),
        "by_task": _by_task(comparison),
        "costs": _costs(comparison),
        "pairs": _pairs(comparison),
        "incumbents": _incumbents(comparison),
    }


def _subtitle(comparison: Comparison) -> str:
    settings = comparison.settings
    repeats, tests = plural(settings.repeats, "repeat"), plural(len(settings.test_seeds[0]), "test seed")
    scores = "scores" if settings.scores[0] == "final" else f"{settings.scores[0]} scores"
    answered = "" if comparison.is_trained else " · nothing was trained: landscapes answered"
    return f"budget {settings.budget:g} equivalent full runs · {repeats} · {scores} on {tests}{answered}"


def checklist(comparison: Comparison) -> list[Check]:
    """Return what a reader needs to believe and repeat the comparison.

    After the checklist of Eimer, Lindauer & Raileanu 2023, "Hyperparameters in Reinforcement Learning and How To Tune Them".
    """
    settings, provenance, tuners = comparison.settings, comparison.provenance, comparison.tuners
    commit = str(provenance.get("commit") or "")
    trained, looked_up = "trained again from scratch, each config once", "looked up under other seeds of the landscape"
    double = f", {REFERENCE}-2x twice" if f"{REFERENCE}-2x" in tuners else ""
    options = {tuner: settings.tuners.get(tuner) or {} for tuner in tuners}
    used = "; ".join(f"{tuner} ({pages.inline(given)})" if given else tuner for tuner, given in options.items())
    begin = "; ".join(config if isinstance(config, str) else pages.inline(config) for config in settings.enqueued)
    left_out = ", ".join(f"{tuner} is left out" for tuner in comparison.broken) or "none broke its contract"

    def many(item: str, number: int, advised: int, how: str = "") -> Check:
        return Check(number >= advised, f"At least {advised} {item}", how or str(number))

    def recorded(item: str, *keys: str) -> Check:
        return Check(True, item, ", ".join(f"{key} {provenance[key]}" for key in keys if key in provenance))

    return [
        Check(
            all(
                set(tuning).isdisjoint(tests) for tuning, tests in zip(settings.seeds, settings.test_seeds, strict=True)
            ),
            "Tuning and test seeds of a sweep are apart",
            f"{pages.inline(settings.seeds[0])} / {pages.inline(settings.test_seeds[0])} in the first repeat",
        ),
        Check(
            comparison.seeds_rotate,
            "Other seeds in each repeat",
            "tuning and test seeds rotate" if comparison.seeds_rotate else "the intervals say nothing of other seeds",
        ),
        Check(True, "One score for all tuners", ", ".join(settings.scores)),
        Check(True, "Tuners see tuning seeds only", "a trial's score is that of its tuning seeds together"),
        Check(
            True, "Results are on test seeds only", f"incumbents are {trained if comparison.is_trained else looked_up}"
        ),
        many("tuning seeds", len(settings.seeds[0]), NUM_TUNING_SEEDS_ADVISED, _in_all(settings.seeds)),
        many("test seeds", len(settings.test_seeds[0]), NUM_TEST_SEEDS_ADVISED, _in_all(settings.test_seeds)),
        many("tuner seeds", settings.repeats, NUM_REPEATS_ADVISED, f"{settings.repeats}: 0 to {settings.repeats - 1}"),
        many("tasks, for rank tests with power", len(comparison.tasks), NUM_REPEATS_ADVISED),
        Check(True, "One space per task for all tuners", "types, ranges and scales are under Spaces"),
        Check(True, "One cost for all tuners", COST),
        Check(True, "One budget for all tuners", f"{settings.budget:g}{double}"),
        Check(True, "One batch for all tuners", f"{settings.batch} trials are asked for at a time"),
        *([Check(True, "Every tuner begins with the same configs", begin)] if settings.enqueued else []),
        Check(True, "Tuners and their options", used),
        Check(not comparison.broken, "All tuners finished", left_out),
        Check(True, "Final incumbents", "in the table of this page and in incumbents.parquet"),
        Check(bool(commit) and not commit.endswith("+"), "Code", _code(provenance)),
        Check(True, "Exact environments and tasks", "; ".join(_scale(comparison, task) for task in comparison.tasks)),
        recorded("Hardware", "machine", "backend", "device"),
        recorded("Software", "arl", "jax", "python"),
    ]


def _in_all(by_repeat: Sequence[tuple[int, ...]]) -> str:
    """Return how many seeds a repeat has, and how many there are over all repeats."""
    return f"{len(by_repeat[0])} in each repeat, {len(set().union(*by_repeat))} in all"


def _code(provenance: Mapping[str, Any]) -> str:
    commit = provenance.get("commit")
    if not commit:
        return f"version {provenance.get('arl', pages.MISSING)}, no commit recorded"
    changed = " with uncommitted changes" if str(commit).endswith("+") else ""
    return f"commit {str(commit).rstrip('+')[:12]}{changed}"


def _key_figures(comparison: Comparison) -> list[dict[str, str]]:
    best, settings = comparison.summary.iloc[0], comparison.settings
    env_steps = comparison.runs.env_steps[comparison.runs.shared.isna()].sum()
    wall = sum(swept.record.timing.get("total", 0.0) for swept in comparison.swept)
    wall += sum(record.timing.get("total", 0.0) for record in comparison.tests.values() if record)
    interval = "one repeat" if pd.isna(best["low"]) else f"{best['low']:.3f} to {best['high']:.3f}, 95 %"
    sizes = (
        plural(len(comparison.tuners), "tuner"),
        plural(len(comparison.tasks), "task"),
        plural(settings.repeats, "repeat"),
    )
    counted = "shared runs once, tests included" if comparison.is_trained else "looked up, none trained"
    highest, winner = f"{best['score']:.3f} ({interval})", words.winner(comparison)
    figures = [
        ("Highest score", winner or "no clear winner", highest if winner else f"{best['tuner']} {highest}"),
        ("Sweeps", str(len(comparison.swept)), " x ".join(sizes)),
        ("Env steps", count(float(env_steps)), counted),
        ("Wall time", duration(wall), "all sweeps and tests"),
    ]
    return [{"label": label, "value": value, "note": note} for label, value, note in figures]


def _keys(comparison: Comparison) -> list[dict[str, str]]:
    """Return the legend's entries, one per tuner."""
    notes = {row["tuner"]: f"{row['score']:.3f}" for row in comparison.summary.to_dict("records")}
    return keys(comparison.tuners, notes)


def keys(tuners: Sequence[str], notes: Mapping[str, str]) -> list[dict[str, str]]:
    """Return the entries of a legend in the order of their notes; `group` names the marks that an entry shows or hides.

    Args:
        tuners: all of the comparison.
        notes: what stands beside the name of a tuner.
    """
    return [
        {
            "label": tuner,
            "note": note,
            "group": comparison_figures.group(tuners, tuner),
            "color": comparison_figures.color_name(tuners, tuner),
            "border": BORDERS[comparison_figures.dashes(tuners, tuner)],
        }
        for tuner, note in notes.items()
    ]


def _pairs(comparison: Comparison) -> dict[str, Any]:
    """Return the table of all pairs of tuners, the larger difference first."""
    rows = [
        [
            f"{row['tuner']} minus {row['other']}",
            _signed(row["difference"]),
            _interval(row["low"], row["high"]),
            pages.MISSING if pages.missing(row["detectable"]) else f"{row['detectable']:.3f}",
            "" if pages.missing(row["p"]) else words.p_value(row["p"]),
        ]
        for row in comparison.pairs.sort_values("difference", ascending=False, kind="stable").to_dict("records")
    ]
    return _table(["pair", "difference", "95 % interval", "detectable", "p of ranks"], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]], texts: int = 1) -> dict[str, Any]:
    """Return a table for the page; its first `texts` columns are text, the others numbers."""
    return {"columns": list(columns), "rows": [list(row) for row in rows], "texts": texts}


def _summary(comparison: Comparison) -> dict[str, Any]:
    columns = ["tuner", "score", "95 % interval", f"minus {REFERENCE}", "detectable", f"P(beats {REFERENCE})"]
    columns += ["mean rank", "gap", "area", "partly trained"]
    rows = [
        [
            row["tuner"],
            _signed(row["score"]),
            _interval(row["low"], row["high"]),
            _with_interval(row["difference"], row["difference_low"], row["difference_high"]),
            pages.MISSING if pages.missing(row["detectable"]) else f"{row['detectable']:.3f}",
            _with_interval(row["improvement"], row["improvement_low"], row["improvement_high"]),
            pages.MISSING if pages.missing(row["rank"]) else f"{row['rank']:.2f}",
            _signed(row["gap"]),
            _signed(row["area"]),
            f"{100 * row['partial']:.0f} %",
        ]
        for row in comparison.summary.to_dict("records")
    ]
    return _table(columns, rows)


def _interval(low: float, high: float) -> str:
    return pages.MISSING if pages.missing(low) else f"{_signed(low)} to {_signed(high)}"


def _with_interval(value: float, low: float, high: float) -> str:
    if pages.missing(value):
        return pages.MISSING
    return _signed(value) + ("" if pages.missing(low) else f" ({_interval(low, high)})")


def _signed(value: float) -> str:
    return f"{value:.3f}".replace("-0.000", "0.000").replace("-", pages.MINUS)


def _by_task(comparison: Comparison) -> dict[str, Any]:
    """Return the table of final test returns, not normalised: mean and standard deviation over repeats, by tuner and task."""
    by_task = comparison.by_task.set_index(["task", "tuner"])
    has_spread = comparison.settings.repeats > 1

    def cell(task: str, tuner: str) -> str:
        write, row = _score_format(comparison, task), by_task.loc[(task, tuner), :]
        return write(row.test) + (f" ± {write(row.test_std)}" if has_spread else "")

    rows = [[tuner, *(cell(task, tuner) for task in comparison.tasks)] for tuner in comparison.summary.tuner]
    return _table(["tuner", *comparison.tasks], rows)


def _score_format(comparison: Comparison, task: str) -> Callable[[float], str]:
    return pages.score_format(next(s.record.return_range for s in comparison.swept if s.task == task))


def _costs(comparison: Comparison) -> dict[str, Any]:
    columns = ["tuner", "full runs", "trials", "env steps", "diverged", "failed"]
    seconds = {
        "train": "train",
        "compile": "compile",
        "tuner": "tuner_seconds",
        "tuner CPU": "tuner_cpu",
        "wall": "wall",
    }
    rows = [
        [
            row["tuner"],
            *(f"{row[key]:.4g}" for key in ("full_runs", "trials")),
            count(row["env_steps"]),
            *(f"{row[key]:.3g}" for key in ("diverged", "failed")),
            *(duration(row[key]) for key in seconds.values()),
        ]
        for row in comparison.costs.to_dict("records")
    ]
    return _table([*columns, *seconds], rows)


def _incumbents(comparison: Comparison) -> dict[str, Any]:
    """Return the table of the configs that the sweeps recommend in the end."""
    last = comparison.curves[comparison.curves.point == NUM_POINTS - 1]
    keys = ["task", "tuner", "repeat", "trial"]
    incumbents = comparison.incumbents.set_index(keys)
    rows = []
    for row in last.dropna(subset="trial").to_dict("records"):
        incumbent = incumbents.loc[tuple(row[key] for key in keys)]
        write = _score_format(comparison, row["task"])
        spread = f" ± {write(incumbent['test_std'])}" if len(comparison.settings.test_seeds[0]) > 1 else ""
        chain = json.loads(incumbent["config"])
        links = [f"to {grouped(steps)}: {pages.inline(config)}" for steps, config in chain]
        rows.append(
            [
                row["task"],
                row["tuner"],
                f"{row['repeat']} / {int(row['trial'])}",
                grouped(incumbent["fidelity"]),
                write(incumbent["tuning_score"]),
                f"{write(incumbent['test_score'])}{spread}",
                "; ".join(links) if len(chain) > 1 else pages.inline(chain[0][1]),
            ]
        )
    columns = ["task", "tuner", "repeat / trial", "env steps", "tuning return", "test return", "config"]
    return {**_table(columns, rows, 2), "wide": len(columns) - 1}


def _scale(comparison: Comparison, task: str) -> str:
    record = next(swept.record for swept in comparison.swept if swept.task == task)
    settings, scale = record.settings.task, comparison.scales[task]
    write = _score_format(comparison, task)
    return (
        f"{task}: {write(scale.zero)} is 0 and {write(scale.one)} is 1 ({scale.source}); {settings.preset} space, "
        f"{grouped(settings.fidelity)} env steps, {settings.num_points} evaluations of "
        f"{settings.num_episodes} episodes"
    )


def _space(comparison: Comparison, task: str) -> list[tuple[str, str]]:
    record = next(swept.record for swept in comparison.swept if swept.task == task)
    return [(spec["name"], _values(spec)) for spec in record.space["hyperparameters"]]


def _values(spec: dict[str, Any]) -> str:
    """Write the values that a hyperparameter may have; `spec` is its entry in ConfigSpace's JSON."""
    if "lower" in spec:
        scale = ", log" if spec.get("log") else ""
        return f"{pages.text(spec['lower'])} to {pages.text(spec['upper'])}{scale} ({spec['type']})"
    return pages.inline(spec.get("choices", spec.get("sequence", spec.get("value", pages.MISSING))))
