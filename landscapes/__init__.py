"""Landscapes: scores of one algorithm on one env over configs, seeds and fidelities, and their analysis. Needs no JAX.

The public names are listed in `__init__.pyi`; each is imported at first use.
"""

import runpy

import lazy_loader

runpy.run_path(f"{__path__[0]}/../arl/hidden_packages.py")["check"]()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
