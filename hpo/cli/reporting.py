"""Reports as files: of a sweep or a comparison by its name, rebuilt from the store."""

from collections.abc import Sequence
from pathlib import Path

from arl import files
from arl.errors import InputError, unknown
from arl.records.store import Store
from arl.records.sweep import load_sweep
from hpo.cli import commands, printing
from hpo.comparisons import recorded
from hpo.comparisons.comparison import Comparison
from hpo.reports import comparison_report, publishing, sweep_report


def command_of(comparison: Comparison) -> list[str]:
    """Return the words of the command that repeats a comparison."""
    return commands.of_comparison(comparison.name, comparison.settings, comparison.swept[0].record.space)


def write(name: str, out: Path | None, forms: Sequence[str], store: Store) -> list[Path]:
    """Write the report of a sweep or a comparison, and its figures and tables in each form; return the paths.

    `out`: the HTML file; figures and tables are in a folder beside it with its name.

    Raises:
        InputError: no such sweep or comparison, one without anything to report, or a file that can't be written.
    """
    if name not in store and store.comparison(name) is None:
        names = [*store.names(), *(comparison.name for comparison in store.comparisons())]
        raise unknown("sweep or comparison", name, names, f"in {store.location}")
    is_sweep = name in store
    page = out or (printing.report_path(name) if is_sweep else Path("results") / name / "report.html")
    files.check_directory(page.parent, "the folder of out")
    write_one = _of_sweep if is_sweep else _of_comparison
    return write_one(name, page, forms, store)


def _of_sweep(name: str, page: Path, forms: Sequence[str], store: Store) -> list[Path]:
    record = load_sweep(name, store)
    if not record.records:
        raise InputError(f"sweep {name!r} must have a finished trial before it can be reported, got none")
    command, training = commands.of_sweep(record), commands.training_of(record)
    return [
        sweep_report.write_report(record, page, command, training),
        *publishing.of_sweep(record, page.with_suffix(""), forms),
    ]


def _of_comparison(name: str, page: Path, forms: Sequence[str], store: Store) -> list[Path]:
    comparison = recorded.load(name, store)
    return [
        comparison_report.write_report(comparison, page, command_of(comparison)),
        *publishing.of_comparison(comparison, page.with_suffix(""), forms),
    ]
