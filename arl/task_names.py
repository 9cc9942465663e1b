"""Names of tasks: `algorithm/env`, or `source:algorithm/env` of an imported landscape."""


def is_imported(name: str) -> bool:
    """Return whether a task is that of an imported landscape, such as `arlbench:ppo/CartPole-v1`."""
    source, slash, _ = name.partition("/")
    return bool(slash) and ":" in source
