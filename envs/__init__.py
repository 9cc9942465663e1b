"""Environments: by name, in the gymnax 1.0 interface, stepped side by side."""

from arl.errors import InputError
from envs.registry import EnvSpec, make, names, spec

__all__ = ["EnvSpec", "InputError", "make", "names", "spec"]
