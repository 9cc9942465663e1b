"""What a sweep has come to, without its runs: its status, its progress and its highest score."""

from arl.records.lineage import Ledger
from arl.records.settings import SweepSettings
from arl.records.store import COMPLETED, Outline
from arl.text import plural

RUNNING, STOPPED, DONE = "running", "stopped", "done"


def settings(outline: Outline) -> SweepSettings:
    """Return the settings of a sweep."""
    return SweepSettings.from_json(outline.settings)


def status(outline: Outline) -> str:
    """Return whether a sweep is `running`, was `stopped`, or is `done`.

    Earlier versions did not record when a sweep ended: then it is done if it has all its trials, or has spent its budget.
    """
    if outline.is_running:
        return RUNNING
    return DONE if outline.ended_at is not None or progress(outline) >= 1 else STOPPED


def progress(outline: Outline) -> float:
    """Return how much of its trials or its budget a sweep has used, whichever is more; 0 of one that has neither."""
    planned = settings(outline)
    shares = [0.0]
    if planned.trials:
        shares.append(len(outline.trials) / planned.trials)
    if planned.budget:
        shares.append(spent(outline) / planned.budget)
    return max(shares)


def spent(outline: Outline) -> float:
    """Return what the finished trials cost, in equivalent full runs."""
    planned = settings(outline)
    ledger = Ledger(outline.trials, planned.task.fidelity, planned.seeds)
    return sum(ledger.charge(trial) for trial in outline.trials.values())


def progress_words(outline: Outline) -> str:
    """Return `12/64 trials`, or of a sweep that ends with its budget `12 trials, 3.5/8 full runs`."""
    planned, num = settings(outline), len(outline.trials)
    parts = [plural(num, "trial") if planned.trials is None else f"{num}/{plural(planned.trials, 'trial')}"]
    if planned.budget is not None:
        parts.append(f"{spent(outline):.3g}/{planned.budget:g} full runs")
    return ", ".join(parts)


def highest_score(outline: Outline) -> float | None:
    """Return the score of the best completed trial, by the rule of `arl.records.ranking`; None if there is none."""
    completed = [trial for trial in outline.trials.values() if trial.status == COMPLETED]
    ranks = [(trial.fidelity, len(trial.seeds), trial.score) for trial in completed]
    return max(ranks)[-1] if ranks else None
