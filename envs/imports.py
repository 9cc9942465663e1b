"""Imports of libraries without those parts of them that most programs do not use."""

import importlib
import sys
import types
from collections.abc import Sequence
from typing import Any


class Postponed(types.ModuleType):
    """Stands for a module, which is imported when a name of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        """Return what the module has under a name."""
        if name.startswith("__"):  # asked for by the import system
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


def without(postponed: Sequence[str], library: str) -> Any:
    """Import and return a library; some modules that it imports are only imported when it first uses them.

    Args:
        postponed: names of modules, a package before its modules.
        library: the name of the library.
    """
    stands = {name: Postponed(name) for name in postponed if name not in sys.modules}
    for name, stand in stands.items():
        package, _, module = name.rpartition(".")
        if package in stands:
            setattr(stands[package], module, stand)
    sys.modules.update(stands)
    try:
        return importlib.import_module(library)
    finally:
        for name in stands:
            del sys.modules[name]
