"""Agents and their training: algorithms, networks, and the runner that trains many runs as lanes of one program.

What there is stands in `__init__.pyi`; it is imported at first use.
"""

import lazy_loader

from arl import hidden_packages

hidden_packages.check()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
