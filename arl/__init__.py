"""Agents and their training: algorithms, networks, and the runner that trains many runs as lanes of one program.

What there is stands in `__init__.pyi`; it is imported at first use.
"""

import os

import lazy_loader

from arl import hidden_packages

hidden_packages.check()

# XLA of jax 0.10.1 logs an error whenever it loads a program from the cache, which works. What is one raises an exception.
_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
if os.environ.get(_LOG_LEVEL, "1") == "1":  # which is JAX's default, and inherited from a process that has imported it
    os.environ[_LOG_LEVEL] = "3"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
