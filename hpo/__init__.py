"""Hyperparameter optimisation over batched training runs: tuners, tasks, sweeps, comparisons.

The public names are listed in `__init__.pyi`; each is imported at first use, so that `arl --help` does not wait for JAX.
"""

import runpy

import lazy_loader

runpy.run_path(f"{__path__[0]}/../arl/hidden_packages.py")["check"]()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
