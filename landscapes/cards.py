"""The card of a landscape: `README.md`, a dataset card for people, and `croissant.json` for other programs.

Both follow from the landscape alone: made again, they are the same.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2

from arl import files, text
from landscapes import columns, croissant, surrogate
from landscapes.accuracy import Accuracy
from landscapes.dataset import Landscape

TEMPLATE = Path(__file__).parent / "templates" / "card.md"
PLANNED_CONFIGS, PLANNED_SEEDS = 256, 10  # besides the default config

_COUNTED = {
    "diverged": "from its first lost return on, such a run counts as the worst of the return range",
    "failed": "such a run counts as the worst of the return range",
    "missing": "a point that is missing counts as the mean of its config's other seeds",
}


def write(landscape: Landscape) -> None:
    """Write `README.md` and `croissant.json` beside a landscape's files."""
    files.write_text(landscape.directory / "README.md", card(landscape))
    files.write_json(landscape.directory / "croissant.json", croissant.metadata(landscape))


def card(landscape: Landscape) -> str:
    """Return the dataset card, in Markdown with the front matter of the Hugging Face hub."""
    template = jinja2.Template(
        TEMPLATE.read_text(encoding="utf-8"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    return template.render(
        name=landscape.name,
        licence=landscape.licence,
        size=_size(landscape.num_runs * landscape.settings.num_points),
        settings=landscape.settings,
        num_configs=landscape.num_configs,
        num_runs=landscape.num_runs,
        seeds=landscape.seeds,
        plural=text.plural,
        provenance=landscape.provenance,
        source=landscape.source,
        rows=list(_rows(landscape)),
        gaps=list(_gaps(landscape)),
        accuracy=_accuracy(landscape),
        tables=[
            {"name": name, "description": rows, "columns": columns.of_table(landscape, name)}
            for name, rows in columns.ROWS.items()
        ],
    )


def _accuracy(landscape: Landscape) -> list[dict[str, str]] | None:
    """Return how well unseen configs are predicted, a row per score and way to predict it; None if it can't be told."""
    model = surrogate.of_landscape(landscape)
    predicted = model.accuracy()
    if predicted is None:
        return None
    nearest = model.accuracy_of_nearest()
    return [
        {"score": score, "objective": objective, **_figures(accuracy[score])}
        for score in surrogate.ASSESSED
        for objective, accuracy in (("surrogate", predicted), ("table", nearest))
    ]


def _figures(accuracy: Accuracy) -> dict[str, str]:
    """Return the figures as text, a dash where there is none."""
    texts = {
        "r2": f"{accuracy.r2:.2f}",
        "spearman": f"{accuracy.spearman:.2f}",
        "spearman_top": f"{accuracy.spearman_top:.2f}",
        "bias_top": f"{accuracy.bias_top:+.3g}",
        "error": f"{accuracy.mean_absolute_error:.3g}",
    }
    return {name: "-" if text == "nan" else text for name, text in texts.items()}


def _rows(landscape: Landscape) -> Iterator[tuple[str, Any]]:
    """Yield the settings and the provenance, a row each."""
    settings = landscape.settings
    yield "task", settings.name
    yield "space", settings.preset
    yield "env steps of a run", settings.fidelity
    yield "return range", f"{settings.return_range[0]:g} to {settings.return_range[1]:g}"
    yield (
        "fixed hyperparameters",
        ", ".join(f"{key} {text.scalar(value)}" for key, value in settings.fixed.items()) or "not recorded",
    )
    yield "seeds", ", ".join(map(str, landscape.seeds))
    for key, value in landscape.provenance.items():
        yield key, ", ".join(map(str, value)) if isinstance(value, list) else value


def _gaps(landscape: Landscape) -> Iterator[str]:
    """Yield what the landscape lacks, and its caveats, a sentence each."""
    if landscape.source is None and landscape.num_configs < PLANNED_CONFIGS + 1:
        yield f"{text.plural(landscape.num_configs, 'config')} of the planned {PLANNED_CONFIGS} and the default."
    if landscape.source is None and len(landscape.seeds) < PLANNED_SEEDS:
        yield f"{len(landscape.seeds)} of the planned {PLANNED_SEEDS} seeds."
    for status, count in landscape.num_by_status.items():
        if status != "completed":
            is_or_are = "is" if count == 1 else "are"
            yield f"{count} of {text.plural(landscape.num_runs, 'run')} {is_or_are} `{status}`: {_COUNTED[status]}."
    if landscape.num_by_status == {"completed": landscape.num_runs}:
        yield "No run diverged or failed, and none is missing."
    yield from landscape.caveats


def _size(rows: int) -> str:
    """Return the hub's name for a number of rows."""
    bounds = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((name for bound, name in bounds if rows < bound), "1M<n<10M")
