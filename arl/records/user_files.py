"""Checksums of the user's own files that a sweep rests on. A file that was edited makes another sweep of the same command."""

import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from pathlib import Path

from arl.files import DATA_SUFFIXES
from arl.hidden_packages import PACKAGES


def checksums(sources: Iterable[str | type]) -> dict[str, str]:
    """Return the SHA-256 of each file of the user's that is among the sources, by the file's name.

    A file has the name by which it was given, a module that of its file below the folder it is imported from.

    Args:
        sources: `file.py:Class`, `module:Class`, a YAML or JSON file, or a class. Registered names and modules of this
            package are left out, and so are classes that a script or a notebook defines: it also holds the call that goes on
            with the sweep.
    """
    files = (file for source in sources if (file := _file(source)) is not None)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files}


def _file(source: str | type) -> tuple[str, Path] | None:
    """Return the name and the path of the file that a source stands in; None if it is not one of the user's."""
    is_data = isinstance(source, str) and source.endswith(DATA_SUFFIXES)
    location = source.__module__ if isinstance(source, type) else source if is_data else source.rpartition(":")[0]
    if is_data or location.endswith(".py"):
        return (location, Path(location)) if Path(location).is_file() else None
    if location in ("", "__main__") or location.partition(".")[0] in PACKAGES:
        return None
    path = _path_of_module(location)
    return None if path is None else (_name_of_module(location, path), path)


def _path_of_module(module: str) -> Path | None:
    """Return a module's file; None if there is no such module, or if it has no file."""
    try:
        spec = getattr(sys.modules.get(module), "__spec__", None) or importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    path = Path(spec.origin) if spec is not None and spec.origin else None
    return path if path is not None and path.is_file() else None


def _name_of_module(module: str, path: Path) -> str:
    """Return `folder/module.py` for `folder.module`, and `folder/__init__.py` for the package `folder`."""
    folders = module.replace(".", "/")
    return f"{folders}/{path.name}" if path.stem == "__init__" else f"{folders}{path.suffix}"
