"""Environments: by name, behind one contract, stepped side by side.

What there is stands in `__init__.pyi`; it is imported at first use.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
