"""What the statistics of a comparison say, in words."""

from arl import statistics
from arl.text import plural
from hpo.comparisons.comparison import Comparison

SMALL = 0.02  # a difference of scores that is worth knowing


def ranks(comparison: Comparison) -> str:
    """Return the outcome of the rank test, and what it can't tell."""
    test, num_tasks = comparison.ranks, len(comparison.tasks)
    if test.reason is not None or test.p is None:
        return f"no test of ranks: {test.reason}"
    outcome = f"Iman-Davenport test of ranks over {num_tasks} tasks: F {test.statistic:.2f}, p {p_value(test.p)}"
    if test.pairs is None:
        return f"{outcome}; it can't tell any two tuners apart"
    fewest = statistics.fewest_tasks(len(comparison.ranked))
    if num_tasks < fewest:
        return f"{outcome}; pairs of {len(comparison.ranked)} tuners can't be told apart on fewer than {fewest} tasks"
    return outcome


def winner(comparison: Comparison) -> str | None:
    """Return the tuner whose lead over each other one is more than the interval of the difference; None if none has one."""
    best = str(comparison.summary.tuner[0])
    leads = comparison.pairs[comparison.pairs.tuner == best]
    return best if (leads.low > 0).all() else None


def resolution(comparison: Comparison) -> str:
    """Return which difference of scores the comparison detects, and what a small one would take."""
    num = len(comparison.tasks) * comparison.settings.repeats
    pairs = comparison.pairs.dropna(subset="detectable")
    if pairs.empty:
        return "one repeat, or one tuner, gives no reason to believe a difference"
    error, least = pairs.error.median(), pairs.detectable.median()
    needed = statistics.num_needed(error, num, SMALL)
    return (
        f"with {plural(num, 'task-repeat')}, four of five such comparisons find a difference of {least:.3f} (median pair of "
        f"tuners); to find one of {SMALL} takes {needed:,} task-repeats"
    )


def p_value(p: float) -> str:
    """Return a p-value with three digits."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
