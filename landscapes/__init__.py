"""Landscapes: scores of one algorithm on one env over configs, seeds and fidelities, and their analysis. Needs no JAX.

The public names are listed in `__init__.pyi`; each is imported at first use.
"""

import lazy_loader

import arl  # noqa: F401  refuses a folder that hides the package envs

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
