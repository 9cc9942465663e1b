"""A folder to start from: a space, an environment, a tuner and a notebook, each of which runs as it is."""

from pathlib import Path

from arl import files
from arl.errors import InputError

PROJECT = Path(__file__).parent / "project"

# The files, and what each is tried with.
COMMANDS = {
    "tuner.py": "arl sweep ppo/CartPole-v1 --tuner tuner.py:Mine --objective table --trials 32 --name tuner",
    "env.py": "arl train ppo/env.py:Corridor --fidelity 20000",
    "space.yaml": "arl sweep ppo/env.py:Corridor --space space.yaml --trials 8 --fidelity 20000 --name space",
    "sweeps.ipynb": "jupyter lab sweeps.ipynb",
}


def write(folder: Path) -> list[Path]:
    """Write the files into a folder, which is made if there is none, and return their paths.

    Raises:
        InputError: one of them exists already, or nothing may be written there.
    """
    files.check_directory(folder, "folder")
    for name in COMMANDS:
        if (folder / name).exists():
            raise InputError(f"folder must not have a {name} yet, got {str(folder / name)!r}")
    return [files.write_bytes(folder / name, (PROJECT / name).read_bytes()) for name in COMMANDS]
