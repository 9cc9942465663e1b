"""The files of a landscape: how they are written and read back.

    configs.parquet     a row per config: its number in the sequence and a column per hyperparameter, null where inactive
    runs.parquet        a row per config and seed: status, score, env steps
    curves.parquet      a row per config, seed and point: env steps, returns, training metrics; NaN once a run has diverged
    landscape.json      format, task, space, seeds, versions, and the SHA-256 of each table

Nothing in them is executed when they are read. Beside them are `README.md` and `croissant.json`, which say the same to people
and to other programs (`landscapes.cards`). What the runs took is in `build.json`, apart: it differs from machine to machine,
the landscape does not.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from arl.errors import InputError, first_line
from arl.files import write_json
from arl.records import migrations
from arl.records.settings import TaskSettings

FORMAT = 1
METADATA = "landscape.json"
TABLES = ("configs", "runs", "curves")

# What `landscape.json` must hold besides the settings of a task, and of what type.
_REQUIRED: dict[str, type] = {
    "space": dict,
    "space.hyperparameters": list,
    "seeds": list,
    "num_configs": int,
    "provenance": dict,
    "status": dict,
    "files": dict,
}


def write(
    directory: Path,
    metadata: Mapping[str, Any],
    tables: Mapping[str, pd.DataFrame],
    build: Mapping[str, Any] | None = None,
) -> None:
    """Write the tables and JSON files of a landscape; the same tables give the same files, byte for byte.

    `landscape.json` is written last, so that a directory with it is whole.

    Args:
        directory: made if it is missing.
        metadata: settings, space, seeds and provenance; format and checksums are added.
        tables: by name, those of `TABLES`.
        build: what the runs took.
    """
    directory.mkdir(parents=True, exist_ok=True)
    (directory / METADATA).unlink(missing_ok=True)
    for name in TABLES:
        _write_table(tables[name], directory / f"{name}.parquet")
    checksums = {f"{name}.parquet": checksum(directory / f"{name}.parquet") for name in TABLES}
    if build is not None:
        write_json(directory / "build.json", build)
    write_json(directory / METADATA, {"format": FORMAT, **metadata, "files": checksums})


def _write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table: Zstandard over dictionaries for keys, over split bytes for floats, half the size of plain Parquet."""
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    keys: Sequence[str] = [field.name for field in table.schema if field.name not in floats]
    pq.write_table(
        table, path, compression="zstd", compression_level=9, use_dictionary=keys, use_byte_stream_split=floats
    )


def read_metadata(directory: Path) -> dict[str, Any]:
    """Return what the `landscape.json` of a directory holds, as of today (see `arl.records.migrations`).

    Raises:
        InputError: no such file, one of another format, or one without what every landscape must have.
    """
    try:
        metadata = json.loads((directory / METADATA).read_text(encoding="utf-8"))
        version = metadata["format"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"landscape {str(directory)!r} can't be read: {first_line(error)}") from error
    if version != FORMAT:
        newer = ", made by a newer version of arl" if isinstance(version, int) and version > FORMAT else ""
        raise InputError(f"landscape {str(directory)!r} must have format {FORMAT}, got {version!r}{newer}")
    settings = _task_settings(metadata.get("settings"), directory)
    for name, kind in _REQUIRED.items():
        parent, _, key = name.rpartition(".")
        value = (metadata[parent] if parent else metadata).get(key)
        if not isinstance(value, kind):
            raise InputError(f"landscape {str(directory)!r} must have a {kind.__name__} {name}, got {value!r}")
    return {
        **metadata,
        "settings": settings.to_json(),
        "space": migrations.space(settings.algorithm, metadata["space"]),
    }


def _task_settings(recorded: Any, directory: Path) -> TaskSettings:
    if not isinstance(recorded, dict):
        raise InputError(f"landscape {str(directory)!r} must have a dict settings, got {recorded!r}")
    try:
        return TaskSettings.from_json(recorded)
    except InputError as error:
        raise InputError(f"landscape {str(directory)!r}: {error}") from error


def read_table(path: Path, sha256: str | None) -> pd.DataFrame:
    """Return a table of a landscape.

    Raises:
        InputError: it is missing, is not Parquet, or has another checksum than `landscape.json` records.
    """
    try:
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != sha256:
            raise InputError(f"landscape file {str(path)!r} must have its recorded SHA-256: it was changed")
        return pq.ParquetFile(pa.BufferReader(data)).read().to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"landscape file {str(path)!r} can't be read: {first_line(error)}") from error


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
