"""Progress of sweeps and comparisons: one live line on a terminal, plain lines elsewhere."""

import collections
import time

from rich import progress as bars
from rich.console import Console

from arl.records import ranking
from arl.records.settings import SweepSettings
from arl.records.store import COMPLETED, TrialRecord
from arl.text import plural
from hpo.comparisons import compare
from hpo.objectives import Progress
from hpo.plans import Plan
from hpo.sweeps import View

_SECONDS_BETWEEN_LINES = 10.0


class SweepView(View):
    """Shows trials done, env steps per second, the incumbent and its score, the remaining time, and why trials fail."""

    def __init__(self, console: Console):
        self.console = console
        columns = (
            bars.SpinnerColumn(),
            bars.TextColumn("{task.description}"),
            bars.BarColumn(bar_width=24),
            bars.TextColumn("{task.fields[state]}"),
            bars.TimeElapsedColumn(),
            bars.TextColumn("left"),
            bars.TimeRemainingColumn(elapsed_when_finished=False),
        )
        self.live = bars.Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self.records: dict[int, TrialRecord] = {}
        self.best: TrialRecord | None = None
        self.num_done = self.env_steps = 0
        self.num_by_status: collections.Counter[str] = collections.Counter()
        self.errors: set[str] = set()
        self.last_line = 0.0

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
        self.env_steps = progress.env_steps
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
            self.console.print(self._state())

    def _show(self) -> None:
        if self.live:
            self.live.update(self.bar, completed=self.env_steps, state=self._state())
        elif time.perf_counter() - self.last_line > _SECONDS_BETWEEN_LINES:
            self.last_line = time.perf_counter()
            self.console.print(self._state())

    def _rank(self, record: TrialRecord) -> ranking.Rank:
        return ranking.rank(record, self.records)

    def _state(self) -> str:
        planned = self.plan.settings.trials
        trials = plural(self.num_done, "trial") if planned is None else f"{self.num_done}/{plural(planned, 'trial')}"
        rate = self.env_steps / max(time.perf_counter() - self.begun, 1e-9)
        parts = [trials, *([f"{rate:,.0f} env steps/s"] if self.env_steps else [])]
        if self.best is not None:
            parts.append(f"incumbent {self.best.score:.1f} (trial {self.best.trial})")
        parts += [f"{num} {status}" for status in ("diverged", "failed") if (num := self.num_by_status[status])]
        return " · ".join(parts)


def _limit(settings: SweepSettings) -> str:
    """Return what ends a sweep in words: its number of trials, else its budget."""
    if settings.trials is not None:
        return plural(settings.trials, "trial")
    budget = settings.budget or 0.0
    return f"a budget of {budget:g} full run{'s' * (budget != 1)}"


class ComparisonView(compare.View):
    """Prints a line for each sweep when it has ended, and for each tuner that broke its contract."""

    def __init__(self, console: Console):
        self.console = console

    def sweep(self, name: str, number: int, total: int) -> View:
        return _OneLine(self.console, f"sweep {number}/{total} {name}")

    def test(self, name: str, num_incumbents: int) -> View:
        return _OneLine(self.console, f"{plural(num_incumbents, 'incumbent')} under test seeds, {name}")

    def broken(self, reason: str) -> None:
        self.console.print(f"left out: {reason}", markup=False)


class _OneLine(SweepView):
    """Shows a spinner on a terminal, nothing elsewhere, while the sweep runs; its outcome when it ends."""

    def __init__(self, console: Console, what: str):
        super().__init__(console)
        self.what, self.live = what, None
        self.status = console.status(what) if console.is_terminal else None

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
