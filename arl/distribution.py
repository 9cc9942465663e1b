"""The installed distribution: its name on the package index, where `arl` is another project's, and its version."""

NAME = "autorl-sweeps"


def version() -> str:
    """Return the version that is installed."""
    from importlib import metadata

    return metadata.version(NAME)


def install(extra: str) -> str:
    """Return the command that installs an extra."""
    return f"pip install '{NAME}[{extra}]'"
