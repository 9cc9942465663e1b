"""Progress of sweeps: one live line on a terminal or in a notebook, plain lines elsewhere."""

import collections
import html
import math
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from arl.records import ranking
from arl.records.settings import SweepSettings
from arl.records.store import COMPLETED, TrialRecord
from arl.text import duration, plural
from hpo.objectives import Progress
from hpo.plans import Plan

if TYPE_CHECKING:
    from rich import progress as bars
    from rich.console import Console

_SECONDS_BETWEEN_LINES = 10.0
_SECONDS_BETWEEN_UPDATES = 0.2  # of a notebook's line
_NAME, _BAR, _TIME = 32, 24, 8  # columns of the terminal
_WIDE = 150  # a terminal that has room for the first two


class View:
    """Shows the progress of a sweep; this base class shows nothing."""

    def note(self, line: str) -> None:
        """Show what a sweep works with."""

    def started(self, plan: Plan, name: str, num_recorded: int) -> None:
        """Show that the sweep begins, or goes on from `num_recorded` trials."""

    def segment(self, progress: Progress) -> None:
        """Show that a segment of a block of lanes has been trained and evaluated."""

    def trial(self, record: TrialRecord) -> None:
        """Show a trial that has finished, or was read from the store."""

    def closed(self) -> None:
        """Show that the sweep has ended or was interrupted."""


def screen() -> Literal["terminal", "notebook"] | None:
    """Return where a bar can be drawn: in a notebook or on a terminal; None where output goes to a file."""
    if "ipykernel" in sys.modules:
        return "notebook"
    return "terminal" if sys.stderr.isatty() else None


def default() -> View:
    """Return a view with a progress bar on a terminal or in a notebook, one that shows nothing elsewhere."""
    where = screen()
    if where is None:
        return View()
    return NotebookView() if where == "notebook" else SweepView(stderr())


def stderr() -> "Console":
    """Return the console of the standard error, on which progress is shown."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=True, highlight=False)


class SweepView(View):
    """Shows trials done, env steps per second, the incumbent and its score, the remaining time, and why trials fail."""

    def __init__(self, console: "Console"):
        self.console = console
        self.live = _bar(console) if console.is_terminal else None
        self.records: dict[int, TrialRecord] = {}
        self.best: TrialRecord | None = None
        self.num_done = self.env_steps = 0
        self.num_by_status: collections.Counter[str] = collections.Counter()
        self.errors: set[str] = set()
        self.last_line, self.words = 0.0, ""
        self.details: Sequence[str] = ()

    def note(self, line: str) -> None:
        self.console.print(line, markup=False)

    def started(self, plan: Plan, name: str, num_recorded: int) -> None:
        self.plan, self.begun = plan, time.perf_counter()
        settings = plan.settings
        self.total = int(plan.full_runs * plan.task.fidelity * len(settings.seeds))
        recorded = f", {plural(num_recorded, 'trial')} on record already" if num_recorded else ""
        self.console.print(
            f"sweep {name}: {plan.task.name} ({plan.task.preset} space), tuner {settings.tuner}, "
            f"{_limit(settings)} x {plural(len(settings.seeds), 'seed')}{recorded}"
        )
        if self.live:
            self.live.start()
            self.bar = self.live.add_task(name, total=self.total, state="compiling")

    def segment(self, progress: Progress) -> None:
        self.env_steps, self.words, self.details = progress.env_steps, progress.words, progress.details
        self._show()

    def trial(self, record: TrialRecord) -> None:
        self.num_done += 1
        self.num_by_status[record.status] += 1
        if record.error is not None and record.error not in self.errors:
            self.errors.add(record.error)
            self.console.print(f"trial {record.trial} failed: {record.error}", markup=False)
        self.records[record.trial] = record
        if record.status == COMPLETED and (self.best is None or self._rank(record) > self._rank(self.best)):
            self.best = record
        self._show()

    def closed(self) -> None:
        if self.live:
            self.live.stop()
        else:
            self.console.print(_joined(self._parts()))
        for line in self.details:
            self.console.print(line, markup=False)

    def _show(self) -> None:
        if self.live:
            state = _joined(self._parts(), _room(self.console))
            self.live.update(self.bar, completed=self.env_steps, state=state)
        elif time.perf_counter() - self.last_line > _SECONDS_BETWEEN_LINES:
            self.last_line = time.perf_counter()
            self.console.print(_joined(self._parts()))

    def _rank(self, record: TrialRecord) -> ranking.Rank:
        return ranking.rank(record, self.records)

    def _parts(self) -> list[str]:
        """Return what the line says, the least important last."""
        planned = self.plan.settings.trials
        trials = plural(self.num_done, "trial") if planned is None else f"{self.num_done}/{plural(planned, 'trial')}"
        rate = self.env_steps / max(time.perf_counter() - self.begun, 1e-9)
        parts = [trials]
        if self.best is not None:
            parts.append(f"incumbent {self.best.score:.1f} (trial {self.best.trial})")
        parts += [f"{rate:,.0f} env steps/s"] if self.env_steps else []
        parts += [self.words] if self.words else []
        parts += [f"{num} {status}" for status in ("diverged", "failed") if (num := self.num_by_status[status])]
        return parts


def _bar(console: "Console") -> "bars.Progress":
    """Return the line of a terminal, with its times last; one of less than 150 columns has no room for name and bar."""
    from rich import progress as bars
    from rich.table import Column

    times = (
        bars.TimeElapsedColumn(table_column=Column(no_wrap=True, min_width=_TIME)),
        bars.TextColumn("left"),
        bars.TimeRemainingColumn(elapsed_when_finished=False, table_column=Column(no_wrap=True, min_width=_TIME)),
    )
    name = bars.TextColumn("{task.description}", table_column=Column(no_wrap=True, max_width=_NAME))
    wide = (name, bars.BarColumn(bar_width=_BAR)) if _is_wide(console) else ()
    state = bars.TextColumn("{task.fields[state]}", table_column=Column(no_wrap=True))
    return bars.Progress(bars.SpinnerColumn(), *wide, state, *times, console=console, transient=True)


def _is_wide(console: "Console") -> bool:
    return console.width >= _WIDE


def _room(console: "Console") -> int:
    """Return how many columns of the terminal the other parts of the line leave to the state."""
    name_and_bar = _NAME + _BAR + 2 if _is_wide(console) else 0
    return console.width - name_and_bar - len("⠋ ") - 2 * (_TIME + 1) - len(" left") - 1


def _joined(parts: Sequence[str], room: float = math.inf) -> str:
    """Return the parts that there is room for; none of them is cut."""
    kept = [parts[0]]
    for part in parts[1:]:
        if len(" · ".join([*kept, part])) <= room:
            kept.append(part)
    return " · ".join(kept)


def _limit(settings: SweepSettings) -> str:
    """Return what ends a sweep in words: its number of trials, else its budget."""
    if settings.trials is not None:
        return plural(settings.trials, "trial")
    budget = settings.budget or 0.0
    return f"a budget of {budget:g} full run{'s' * (budget != 1)}"


class OneLineView(SweepView):
    """Shows a spinner on a terminal, nothing elsewhere, while the sweep runs; its outcome when it ends.

    `is_alone`: whether no other sweep is shown at the same time, so that there is room for a spinner.
    """

    def __init__(self, console: "Console", what: str, is_alone: bool = True):
        super().__init__(console)
        self.what, self.live = what, None
        self.status = console.status(what) if console.is_terminal and is_alone else None

    def started(self, plan: Plan, name: str, num_recorded: int) -> None:
        self.plan, self.begun, self.last_line = plan, time.perf_counter(), time.perf_counter()
        if self.status:
            self.status.start()

    def segment(self, progress: Progress) -> None:
        if self.status:
            self.status.update(f"{self.what}: {self._outcome()}")

    def closed(self) -> None:
        if self.status:
            self.status.stop()
        self.console.print(f"{self.what}: {self._outcome()}", markup=False)

    def _show(self) -> None:
        pass

    def _outcome(self) -> str:
        parts = [plural(self.num_done, "trial")]
        if self.best is not None:
            parts.append(f"incumbent {self.best.score:.1f}")
        parts += [f"{num} {status}" for status in ("diverged", "failed") if (num := self.num_by_status[status])]
        return ", ".join([*parts, f"{time.perf_counter() - self.begun:.1f} s"])


class NotebookLine:
    """A bar with words beside it in a notebook, which are replaced as work goes on."""

    def __init__(self) -> None:
        self.last = 0.0
        self.handle: Any = None

    def show(self, done: float, total: float, words: str, now: bool = False) -> None:
        """Show how much is done of a total; what comes within a moment of the last is left out, unless it says `now`."""
        from IPython.display import HTML, display

        if not now and time.perf_counter() - self.last < _SECONDS_BETWEEN_UPDATES:
            return
        self.last = time.perf_counter()
        line = HTML(f'<progress value="{done:g}" max="{total:g}"></progress> {html.escape(words)}')
        if self.handle is None:
            self.handle = display(line, display_id=True)
        else:
            self.handle.update(line)


class NotebookView(SweepView):
    """Shows in a notebook what `SweepView` shows on a terminal."""

    def __init__(self) -> None:
        super().__init__(stderr())
        self.line = NotebookLine()

    def closed(self) -> None:
        self._show(now=True)

    def _show(self, now: bool = False) -> None:
        planned = self.plan.settings.trials or math.inf
        done = max(self.env_steps / self.total, self.num_done / planned)  # trials may be answered without env steps
        self.line.show(done, 1.0, f"{_joined(self._parts())} · {duration(time.perf_counter() - self.begun)}", now)
