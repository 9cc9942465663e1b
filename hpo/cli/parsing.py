"""Parsers of the command line's values; each raises an InputError of one line for what does not parse."""

import json
import math
from typing import Any

from arl.errors import InputError


def seeds(text: str) -> int | list[int]:
    """Return a number of seeds, or the seeds themselves if the text has a comma: `7` is seven seeds, `7,` the seed 7."""
    parts = [part.strip() for part in text.split(",")]
    try:
        numbers = [int(part) for part in (parts[:-1] if parts[-1] == "" else parts) if any(parts)]
    except ValueError as error:
        raise InputError(f"seeds must be a number, or numbers with commas between, got {text!r}") from error
    return numbers if "," in text or not numbers else numbers[0]


def whole(text: str) -> int:
    """Return a whole number, which may be written as `1e5`.

    Raises:
        InputError: it is none.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not number.is_integer():
        raise InputError(f"must be a whole number, such as 100000 or 1e5, got {text!r}")
    return int(number)


def fidelities(text: str | None) -> int | list[int] | None:
    """Return a number of env steps, or one per task with commas between."""
    try:
        numbers = None if text is None else [whole(part) for part in text.split(",")]
    except InputError as error:
        raise InputError(f"fidelity must be a number, or one per task with commas between, got {text!r}") from error
    return numbers[0] if numbers and len(numbers) == 1 else numbers


def assignments(texts: list[str], kind: str) -> dict[str, Any]:
    """Return the values of `name=value` pairs; a value is read as JSON (1e-3, true, [1, 2]) or else taken as text."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InputError(f"{kind} must be given as name=value, got {text!r}")
        if name in pairs:
            raise InputError(f"{kind} must be given once, got {name} twice")
        try:
            pairs[name] = json.loads(value.lower() if value in ("True", "False") else value)
        except ValueError:
            pairs[name] = value
    return pairs


def config(text: str) -> str | dict[str, Any]:
    """Return a config that is given as a JSON object, or a name of one as it is.

    Raises:
        InputError: JSON that does not parse.
    """
    if not text.startswith("{"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"config must be a JSON object, got {text!r}: {error}") from error


def listed(text: str) -> list[str]:
    """Return the words of a text with commas between."""
    return [part.strip() for part in text.split(",") if part.strip()]


def tuner_options(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Return options by tuner, of `tuner.name=value`; a tuner's own name may hold dots."""
    of_tuner: dict[str, list[str]] = {}
    for text in texts:
        name, equals, _ = text.partition("=")
        tuner, dot, option = name.rpartition(".")
        if not (tuner and dot and option and equals):
            raise InputError(f"option must be given as tuner.name=value, got {text!r}")
        of_tuner.setdefault(tuner, []).append(text[len(tuner) + 1 :])
    return {tuner: assignments(given, "option") for tuner, given in of_tuner.items()}


def bounds(texts: list[str]) -> dict[str, tuple[float, float]]:
    """Return `name<=number` and `name>=number` as the lowest and highest value of each name; of several bounds all hold."""
    bounds: dict[str, tuple[float, float]] = {}
    for text in texts:
        name, sign, number = text.partition("<=") if "<=" in text else text.partition(">=")
        low, high = bounds.get(name.strip(), (-math.inf, math.inf))
        try:
            bounds[name.strip()] = (low, min(high, float(number))) if sign == "<=" else (max(low, float(number)), high)
        except ValueError as error:
            raise InputError(f"bound must be given as name<=number or name>=number, got {text!r}") from error
    return bounds
