"""Tasks: what a sweep, a landscape and a comparison are about."""

from hpo.tasks.registry import PRESETS, get, names, of_landscape, of_record, summaries
from hpo.tasks.task import Task

__all__ = ["PRESETS", "Task", "get", "names", "of_landscape", "of_record", "summaries"]
