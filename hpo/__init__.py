"""Hyperparameter optimisation over batched training runs: tuners, tasks, sweeps, comparisons.

The public names are listed in `__init__.pyi`; each is imported at first use, so that `arl --help` does not wait for JAX.
"""

import lazy_loader

import arl  # noqa: F401  refuses a folder that hides the package envs

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
