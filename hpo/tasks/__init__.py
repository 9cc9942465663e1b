"""Tasks: an algorithm on an env with its space, which sweeps, landscapes and comparisons refer to by name."""

from hpo.tasks.registry import PRESETS, get, names, of_landscape, of_record, sources, summaries
from hpo.tasks.task import Task

__all__ = ["PRESETS", "Task", "get", "names", "of_landscape", "of_record", "sources", "summaries"]
