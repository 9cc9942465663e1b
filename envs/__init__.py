"""Environments: by name, behind one contract, stepped side by side.

What there is stands in `__init__.pyi`; it is imported at first use.
"""

import runpy

import lazy_loader

runpy.run_path(f"{__path__[0]}/../arl/hidden_packages.py")["check"]()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
