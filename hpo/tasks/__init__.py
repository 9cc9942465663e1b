"""Tasks: an algorithm on an env with its space, which sweeps, landscapes and comparisons refer to by name."""

from hpo.tasks.registry import (
    PRESETS,
    check_fidelity,
    get,
    is_own,
    names,
    of_landscape,
    of_record,
    sources,
    summaries,
    with_episodes,
    with_fixed,
)
from hpo.tasks.task import OWN, WITHOUT, Task

__all__ = [
    "OWN",
    "PRESETS",
    "WITHOUT",
    "Task",
    "check_fidelity",
    "get",
    "is_own",
    "names",
    "of_landscape",
    "of_record",
    "sources",
    "summaries",
    "with_episodes",
    "with_fixed",
]
