"""The errors that a caller may want to catch; both are `ValueError`s with one line that says what was wrong."""

from arl.errors import InputError
from hpo.trial import TunerError

__all__ = ["InputError", "TunerError"]
