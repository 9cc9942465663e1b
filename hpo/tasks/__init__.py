"""Tasks: what a sweep, a landscape and a comparison are about."""

from hpo.tasks.registry import PRESETS, Task, get, names, of_landscape, of_record

__all__ = ["PRESETS", "Task", "get", "names", "of_landscape", "of_record"]
