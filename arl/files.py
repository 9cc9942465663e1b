"""Files that appear whole or not at all, whoever else writes beside them and whenever the process ends."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from arl.errors import InputError

YAML_SUFFIXES = (".yaml", ".yml")
DATA_SUFFIXES = (*YAML_SUFFIXES, ".json")  # of files of the user's that hold data, such as a space


def check_directory(directory: Path, name: str) -> None:
    """Refuse a directory that can't be made or written to, before there is anything to write.

    Args:
        directory: the directory, which need not exist yet.
        name: what errors call it.

    Raises:
        InputError: it is a file or in one, or nothing may be written to it.
    """
    first = next(folder for folder in (directory, *directory.absolute().parents) if folder.exists())
    if not first.is_dir():
        raise InputError(f"{name} must be a directory, got {str(directory)!r}")
    if not os.access(first, os.W_OK):
        raise InputError(f"{name} must be a directory that can be written to, got {str(directory)!r}")


def write_bytes(path: Path, data: bytes) -> Path:
    """Write a file in one step, missing folders included, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{os.getpid()}.{threading.get_ident()}"
    partial = path.parent / f"{path.name}.{writer}.partial"  # also of a path without a name, which is refused below
    try:
        partial.write_bytes(data)
        return partial.replace(path)
    except OSError as error:
        if error.errno is not None:
            error.filename = str(path)
        raise
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write a UTF-8 file in one step, missing folders included, and return its path."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Mapping[str, Any]) -> Path:
    """Write an indented JSON file with sorted keys in one step: the same value gives the same bytes."""
    return write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
