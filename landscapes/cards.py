"""The card of a landscape: `README.md`, a dataset card for people, and `croissant.json`, MLCommons' Croissant 1.0 for other
programs. Both follow from the landscape alone: made again, they are the same.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import pyarrow as pa
import pyarrow.parquet as pq

from arl import files, spaces, text
from landscapes import catalogue, file_format, surrogate
from landscapes.dataset import Landscape

TEMPLATE = Path(__file__).parent / "templates" / "card.md"
LICENCE = "cc-by-4.0"
LICENCE_URLS = {
    LICENCE: "https://creativecommons.org/licenses/by/4.0/",
    "bsd-3-clause": "https://opensource.org/license/bsd-3-clause",
}
PLANNED_CONFIGS, PLANNED_SEEDS = 256, 10  # besides the default config

TABLES = {
    "configs": "a row per config",
    "runs": "a row per config and seed",
    "curves": "a row per config, seed and evaluation point, also where there is no return",
}
KEYS = {"configs": ["config"], "runs": ["config", "seed"], "curves": ["config", "seed", "point"]}
_COLUMNS = {
    "config": "number of the config",
    "seed": "seed of the run",
    "status": "`completed`, `diverged` (a return was no finite number), `failed` (could not be trained) or, in imported "
    "landscapes, `missing` (the source lacks at least one point)",
    "score": "mean return of the last evaluation; the worst of the return range if the run diverged or failed, null where "
    "an imported run has none",
    "point": "number of the evaluation, from 0",
    "return_mean": "mean return over the episodes of the evaluation, null once the run has diverged or failed",
    "return_std": "standard deviation of the return over the episodes",
    "episode_length_mean": "mean length of the episodes, in env steps",
}
_COUNTED = {
    "diverged": "from its first lost return on, such a run counts as the worst of the return range",
    "failed": "such a run counts as the worst of the return range",
    "missing": "a point that is missing counts as the mean of its config's other seeds",
}
_ENV_STEPS = {"runs": "env steps trained", "curves": "env steps trained before the evaluation"}
_METRICS = {
    "policy_loss": "loss of the policy",
    "value_loss": "loss of the value function",
    "q_loss": "loss of the action values",
    "td_error": "absolute temporal-difference error",
    "q_value": "action value of the sampled transitions",
    "value": "value of the visited states",
    "entropy": "entropy of the policy",
    "alpha": "temperature of the entropy bonus",
    "kl": "KL divergence of the updated policy from the one that collected",
    "clip_fraction": "share of the ratios that were clipped",
    "explained_variance": "share of the returns' variance that the value function explains",
    "exploration_rate": "probability of a random action",
    "grad_norm": "norm of the gradients",
    "grad_norm_variance": "variance of the gradients' norm over updates",
    "episode_length": "env steps per finished training episode",
    "episode_return": "return per finished training episode",
}


def write(landscape: Landscape) -> None:
    """Write `README.md` and `croissant.json` beside a landscape's files."""
    files.write_text(landscape.directory / "README.md", card(landscape))
    files.write_json(landscape.directory / "croissant.json", croissant(landscape))


def card(landscape: Landscape) -> str:
    """Return the dataset card, in Markdown with the front matter of the Hugging Face hub."""
    metadata = landscape.metadata
    template = jinja2.Template(
        TEMPLATE.read_text(encoding="utf-8"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    num_runs = metadata["num_configs"] * len(landscape.seeds)
    return template.render(
        name=landscape.name,
        licence=_licence(landscape),
        size=_size(num_runs * landscape.settings.num_points),
        settings=metadata["settings"],
        num_configs=metadata["num_configs"],
        num_runs=num_runs,
        seeds=landscape.seeds,
        plural=text.plural,
        provenance=metadata["provenance"],
        source=landscape.source,
        rows=list(_rows(landscape)),
        gaps=list(_gaps(landscape)),
        accuracy=_accuracy(landscape),
        tables=[
            {"name": name, "file": f"{name}.parquet", "description": rows, "columns": list(_columns(landscape, name))}
            for name, rows in TABLES.items()
        ],
    )


def _accuracy(landscape: Landscape) -> dict[str, dict[str, float]] | None:
    """Return how well unseen configs are predicted, by the surrogate and by the nearest config; None if it can't be told."""
    model = surrogate.of_landscape(landscape)
    if not model.can_be_assessed:
        return None
    return {"surrogate": model.accuracy(), "nearest": model.accuracy_of_nearest()}


def croissant(landscape: Landscape) -> dict[str, Any]:
    """Return the landscape's metadata as Croissant 1.0 (JSON-LD): files with checksums, and the columns of the tables."""
    metadata = landscape.metadata
    urls = {"url": metadata["provenance"]["url"]} if landscape.source else {}
    licence = _licence(landscape)
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": catalogue.directory_name(landscape.name),
        "description": f"Scores of {landscape.name} over configs, seeds and env steps: {metadata['num_configs']} configs x "
        f"{text.plural(len(landscape.seeds), 'seed')} x {landscape.settings.num_points} points.",
        "license": LICENCE_URLS.get(licence, licence),
        "version": f"{file_format.FORMAT}.0.0",
        **urls,
        "distribution": [
            {
                "@type": "cr:FileObject",
                "@id": file,
                "name": file,
                "contentUrl": file,
                "sha256": digest,
                "encodingFormat": "application/x-parquet",
            }
            for file, digest in sorted(metadata["files"].items())
        ],
        "recordSet": [_record_set(landscape, name) for name in TABLES],
    }


def _record_set(landscape: Landscape, table: str) -> dict[str, Any]:
    file = f"{table}.parquet"
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"{table}/{column['name']}",
            "name": column["name"],
            "dataType": column["data_type"],
            "description": column["meaning"],
            "source": {"fileObject": {"@id": file}, "extract": {"column": column["name"]}},
        }
        for column in _columns(landscape, table)
    ]
    keys = [{"@id": f"{table}/{key}"} for key in KEYS[table]]
    return {
        "@type": "cr:RecordSet",
        "@id": table,
        "name": table,
        "description": TABLES[table],
        "key": keys,
        "field": fields,
    }


def _columns(landscape: Landscape, table: str) -> Iterator[dict[str, str]]:
    """Yield name, type, Croissant's type and meaning of each column of a table."""
    for field in pq.read_schema(landscape.directory / f"{table}.parquet"):
        if table == "configs" and field.name in landscape.space:
            meaning = _hyperparameter(landscape, field.name)
        elif field.name == "env_steps":
            meaning = _ENV_STEPS[table]
        elif field.name in _COLUMNS:
            meaning = _COLUMNS[field.name]
        else:
            metric = _METRICS.get(field.name, field.name.replace("_", " "))
            meaning = f"{metric}, mean over the training since the evaluation before"
        yield {"name": field.name, "type": str(field.type), "data_type": _data_type(field.type), "meaning": meaning}


def _hyperparameter(landscape: Landscape, name: str) -> str:
    """Return the values that a hyperparameter may have, and when it is active."""
    values = spaces.describe(landscape.space[name])
    meaning = f"hyperparameter {values}" if values.startswith("in ") else f"hyperparameter, {values}"
    conditions = landscape.metadata["space"].get("conditions", [])
    condition = next((condition for condition in conditions if condition.get("child") == name), None)
    if condition is None:
        return meaning
    needed = condition.get("values", [condition.get("value")])
    return f"{meaning}; null unless {condition['parent']} is {' or '.join(map(str, needed))}"


def _rows(landscape: Landscape) -> Iterator[tuple[str, Any]]:
    """Yield the settings and the provenance, a row each."""
    settings, provenance = landscape.settings, landscape.metadata["provenance"]
    yield "task", settings.name
    yield "space", settings.preset
    yield "env steps of a run", settings.fidelity
    yield "return range", f"{settings.return_range[0]:g} to {settings.return_range[1]:g}"
    yield (
        "fixed hyperparameters",
        ", ".join(f"{key} {value}" for key, value in settings.fixed.items()) or "not recorded",
    )
    yield "seeds", ", ".join(map(str, landscape.seeds))
    for key, value in provenance.items():
        yield key, ", ".join(map(str, value)) if isinstance(value, list) else value


def _gaps(landscape: Landscape) -> Iterator[str]:
    metadata = landscape.metadata
    if landscape.source is None and metadata["num_configs"] < PLANNED_CONFIGS + 1:
        yield f"{metadata['num_configs']} configs of the planned {PLANNED_CONFIGS} and the default."
    if landscape.source is None and len(landscape.seeds) < PLANNED_SEEDS:
        yield f"{len(landscape.seeds)} of the planned {PLANNED_SEEDS} seeds."
    num_runs = metadata["num_configs"] * len(landscape.seeds)
    for status, count in metadata["status"].items():
        if status != "completed":
            yield f"{count} of {num_runs} runs are `{status}`: {_COUNTED[status]}."
    if metadata["status"] == {"completed": num_runs}:
        yield "No run diverged or failed, and none is missing."
    yield from landscape.caveats


def _licence(landscape: Landscape) -> str:
    return landscape.metadata["provenance"]["licence"] if landscape.source else LICENCE


def _size(rows: int) -> str:
    """Return the hub's name for a number of rows."""
    bounds = [(1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")]
    return next((name for bound, name in bounds if rows < bound), "1M<n<10M")


def _data_type(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "sc:Boolean"
    if pa.types.is_integer(kind):
        return "sc:Integer"
    return "sc:Float" if pa.types.is_floating(kind) else "sc:Text"


# The specification's own context; names stand for themselves in its vocabulary.
_OF_CROISSANT = (
    "citeAs",
    "column",
    "equivalentProperty",
    "extract",
    "field",
    "fileProperty",
    "fileObject",
    "fileSet",
    "format",
    "includes",
    "isLiveDataset",
    "jsonPath",
    "key",
    "md5",
    "parentField",
    "path",
    "recordSet",
    "references",
    "regex",
    "repeated",
    "replace",
    "samplingRate",
    "separator",
    "source",
    "subField",
    "transform",
)
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{name: f"cr:{name}" for name in _OF_CROISSANT},
}
