"""Numbers and counts as words."""

import math
import re
from collections.abc import Sequence


def number(value: float) -> str:
    """Return a number with four significant digits; whole ones below a billion in full."""
    if not math.isfinite(value):
        return str(value)
    if value.is_integer() and abs(value) < 1e9:
        return str(int(value))
    if 1e3 <= abs(value) < 1e9:
        return f"{value:.1f}"
    return short_power(f"{value:.4g}")


def short_power(text: str) -> str:
    """Return 1e-5 for 1e-05, and 1e9 for 1e+09."""
    return re.sub(r"e([+-])0*(?=\d)", r"e\1", text).replace("e+", "e")


def scalar(value: object) -> str:
    """Return a hyperparameter's value without loss: a float as briefly as it can be, 1e9 for 1000000000.0."""
    if not isinstance(value, float):
        return str(value)
    brief = f"{value:g}"
    return short_power(brief if float(brief) == value else repr(value))


def count(value: float) -> str:
    """Return a count such as 12.3 M: three significant digits with an SI prefix."""
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}\u00a0{prefix}"
    return f"{value:.3g}"


def grouped(value: float) -> str:
    """Return the digits of a whole number in groups of three, with thin spaces between that do not break."""
    return f"{int(value):,}".replace(",", "\u202f")


def duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.3g}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}\u00a0min {rest:02d}\u00a0s"
    return f"{minutes // 60}\u00a0h {minutes % 60:02d}\u00a0min"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def seed_list(seeds: Sequence[int]) -> str:
    """Return seeds as a command line takes them; one alone ends with a comma, as a number would say how many there are."""
    return ",".join(map(str, seeds)) + "," * (len(seeds) == 1)


def shortened(text: str, limit: int = 14) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
