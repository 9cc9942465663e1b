"""The errors that a caller may want to catch, each with one line: bad input, a tuner that fails, an interruption."""

import contextlib
from collections.abc import Iterator

from arl.errors import InputError
from hpo.trial import TunerError

__all__ = ["InputError", "Interrupted", "TunerError", "interruptible"]


class Interrupted(KeyboardInterrupt):
    """A sweep, a comparison or a landscape was interrupted; a notebook shows this line, and not where that was."""

    def _render_traceback_(self) -> list[str]:
        """Return what IPython shows instead of a traceback."""
        return [str(self)]


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Say of an interruption that it costs no finished trial; a context, or a decorator of what records trials."""
    try:
        yield
    except KeyboardInterrupt:
        raise Interrupted("interrupted: finished trials are kept; the same call goes on from here") from None
