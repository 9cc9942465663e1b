"""Environments: by name, behind one contract, stepped side by side."""

from arl.errors import InputError
from envs.registry import EnvSpec, full_name, is_name, make, names, spec

__all__ = ["EnvSpec", "InputError", "full_name", "is_name", "make", "names", "spec"]
