"""Words that a shell completes to. What takes long to look up is left out: a shell waits at every Tab."""


def tasks(incomplete: str) -> list[str]:
    """Return the names of tasks that begin so."""
    from hpo import tasks

    return [name for name in tasks.names() if name.startswith(incomplete)]


def tuners(incomplete: str) -> list[str]:
    """Return the names of registered tuners that begin so."""
    from importlib.metadata import entry_points

    return sorted({entry.name for entry in entry_points(group="arl.tuners") if entry.name.startswith(incomplete)})
