"""Checks of the options that several tuners take. Each raises an InputError of one line: name, rule, value got."""

import math

from arl.errors import InputError


def check_whole(name: str, value: object, least: int = 1) -> None:
    """Refuse anything but an integer of at least `least`; a bool is none."""
    if type(value) is not int or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")


def check_share(name: str, value: object, most: float = 1.0) -> None:
    """Refuse anything but a number in `[0, most]`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= most:
        raise InputError(f"{name} must be in [0, {most:g}], got {value!r}")


def check_eta(value: object) -> None:
    """Refuse a reduction factor that is not a finite number above 1."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 1 < value < math.inf:
        raise InputError(f"eta must be a number above 1, got {value!r}")


def check_continued(value: object) -> None:
    """Refuse an option `continued` that is neither true nor false."""
    if not isinstance(value, bool):
        raise InputError(f"continued must be true or false, got {value!r}")
