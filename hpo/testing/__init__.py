"""Conformance checks of tuners, objectives, algorithms, networks and environments, one function for each.

    >>> from hpo.testing import check_tuner
    >>> check_tuner("mytuner.py:Mine")

Each raises an error that names the promise that is broken. The names are in `__init__.pyi`; they are imported at first use,
so that checking a tuner does not wait for JAX.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
