"""Progress of comparisons: a line per sweep on a terminal or in a file, a bar over all of them in a notebook."""

from typing import TYPE_CHECKING

from arl.text import plural
from hpo import progress

if TYPE_CHECKING:
    from rich.console import Console


class View:
    """Shows the progress of a comparison; this base class shows nothing.

    Attributes:
        at_once: whether sweeps run at the same time.
    """

    at_once = False

    def note(self, line: str) -> None:
        """Show what a comparison works with."""

    def sweep(self, name: str, number: int, total: int) -> progress.View:
        """Return the view of the next sweep, the `number`-th of `total`."""
        return progress.View()

    def test(self, name: str, num_incumbents: int) -> progress.View:
        """Return the view of the sweep that trains a task's incumbents under the test seeds."""
        return progress.View()

    def broken(self, reason: str) -> None:
        """Show that a tuner broke its contract and is left out."""


def default() -> View:
    """Return a view of lines on a terminal, of a bar in a notebook, and one that shows nothing elsewhere."""
    where = progress.screen()
    if where is None:
        return View()
    return NotebookView() if where == "notebook" else ComparisonView(progress.stderr())


class ComparisonView(View):
    """Prints a line for each sweep when it has ended, and for each tuner that broke its contract."""

    def __init__(self, console: "Console"):
        self.console = console

    def note(self, line: str) -> None:
        self.console.print(line, markup=False)

    def sweep(self, name: str, number: int, total: int) -> progress.View:
        return progress.OneLineView(self.console, f"sweep {number}/{total} {name}", not self.at_once)

    def test(self, name: str, num_incumbents: int) -> progress.View:
        return progress.OneLineView(self.console, f"{_tested(num_incumbents)}, {name}", not self.at_once)

    def broken(self, reason: str) -> None:
        self.console.print(f"left out: {reason}", markup=False)


class NotebookView(ComparisonView):
    """Shows in a notebook how many sweeps have ended, and which one runs."""

    def __init__(self) -> None:
        super().__init__(progress.stderr())
        self.line, self.total = progress.NotebookLine(), 1

    def sweep(self, name: str, number: int, total: int) -> progress.View:
        self.total = total
        self.line.show(number - 1, total, f"sweep {number}/{total} {name}")
        return progress.View()

    def test(self, name: str, num_incumbents: int) -> progress.View:
        self.line.show(
            self.total, self.total, f"{plural(self.total, 'sweep')}; {_tested(num_incumbents)}, {name}", now=True
        )
        return progress.View()


def _tested(num_incumbents: int) -> str:
    return f"{plural(num_incumbents, 'incumbent')} under test seeds"
