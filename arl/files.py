"""Files that appear whole or not at all, whoever else writes beside them and whenever the process ends."""

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_bytes(path: Path, data: bytes) -> Path:
    """Write a file in one step, missing folders included, and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = f"{os.getpid()}.{threading.get_ident()}"
    partial = path.parent / f"{path.name}.{writer}.partial"  # also of a path without a name, which is refused below
    try:
        partial.write_bytes(data)
        return partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> Path:
    """Write a UTF-8 file in one step, missing folders included, and return its path."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Mapping[str, Any]) -> Path:
    """Write an indented JSON file with sorted keys in one step: the same value gives the same bytes."""
    return write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
