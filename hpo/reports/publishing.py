"""Figures and tables of a sweep or a comparison as files of their own, to be put into a paper or read by a program."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from arl import files
from arl.records.sweep import SweepRecord
from hpo.comparisons.comparison import Comparison
from hpo.reports import comparison_figures, comparison_report, pages, space_figures, sweep_report, theme

WIDTH, HEIGHT = 480, 280  # px of a figure
PICTURES, TABLES = ("pdf", "png", "svg"), ("csv", "tex")
FRAMES = ("summary", "by_task", "costs", "pairs", "incumbents", "anytime")  # of a comparison
IN_LATEX = {pages.MINUS: "$-$", "±": "$\\pm$", pages.MISSING: "--", "\u202f": "\\,", "\u00a0": "~"}

Figures = Mapping[str, theme.Figure]
Frames = Mapping[str, pd.DataFrame]


def of_sweep(record: SweepRecord, directory: Path, forms: Iterable[str]) -> list[Path]:
    """Write every figure and table of a sweep, one file in each form, and return the paths.

    `forms`: of `PICTURES` for figures, and of `TABLES` for tables.
    """
    charts, data, _ = sweep_report.contents(record)
    charts, data, _ = sweep_report.with_surrogate(record, charts, data)
    panels = {f"panel-{i}": name for i, name in enumerate(record.hyperparameters)}
    figures = _named(charts, panels)
    frames = {"trials": record.trials, "runs": record.runs, "curves": record.curves}
    texts = {name: pages.frame_of_texts(frame) for name, frame in frames.items()}
    widths = {"parallel": space_figures.parallel_width(record)}
    return list(_write(figures, data, frames, texts, directory, forms, widths))


def of_comparison(comparison: Comparison, directory: Path, forms: Iterable[str]) -> list[Path]:
    """Write every figure and table of a comparison, see `of_sweep`; LaTeX has the tables of its report."""
    panels = {f"panel-{i}": f"anytime-{task}" for i, task in enumerate(comparison.tasks)}
    figures = _named(comparison_figures.figures(comparison), panels)
    frames = {name: getattr(comparison, name) for name in FRAMES}
    printed = comparison_report.tables(comparison)
    texts = {name: pd.DataFrame(table["rows"], columns=table["columns"]) for name, table in printed.items()}
    return list(_write(figures, comparison_figures.tables(comparison), frames, texts, directory, forms))


def _named(figures: Figures, names: Mapping[str, str]) -> Figures:
    """Return figures by names that say what they show, in place of those of panels."""
    return {names.get(place, place): chart for place, chart in figures.items()}


def _write(
    figures: Figures,
    data: Mapping[str, Any],
    frames: Frames,
    texts: Frames,
    directory: Path,
    forms: Iterable[str],
    widths: Mapping[str, int] = {},
) -> Iterator[Path]:
    """Write figures that name their data, frames as CSV, and tables of texts as LaTeX.

    `widths`: of figures that are not `WIDTH` wide.
    """
    for form in forms:
        if form in PICTURES:
            for name, chart in figures.items():
                spec = theme.standalone(chart, data, widths.get(name, WIDTH), HEIGHT)
                yield theme.save_spec(spec, directory / f"{name.replace('/', '-').replace(':', '.')}.{form}")
        elif form == "csv":
            for name, frame in frames.items():
                yield files.write_text(directory / f"{name}.csv", frame.to_csv(index=False))
        else:
            for name, table in texts.items():
                yield files.write_text(directory / f"{name}.tex", latex(table))


def latex(table: pd.DataFrame) -> str:
    """Return a table of texts in LaTeX, for the package booktabs."""
    escaped = table.to_latex(index=False, escape=True)
    return functools.reduce(lambda text, pair: text.replace(*pair), IN_LATEX.items(), escaped)
