"""A folder `envs/` beside a user's script hides the package `envs` that is installed with this one: say so."""

import importlib.util
import os
import sys


def check(name: str) -> None:
    """Refuse to go on where the import of a package installed beside this one would give something else.

    Args:
        name: the package, such as `envs`.

    Raises:
        ImportError: a file or folder of that name comes first on the path of imports.
    """
    expected = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), name)
    place = _place(name)
    if place is None or not os.path.isdir(expected) or os.path.realpath(place) == os.path.realpath(expected):
        return
    kind = "folder" if os.path.isdir(place) else "file"
    raise ImportError(f"the {kind} {place!r} hides the package {name!r} of arl: rename it or run from elsewhere")


def _place(name: str) -> str | None:
    """Return the folder or file that an import of that name gives, None if there is none."""
    module = sys.modules.get(name)
    spec = importlib.util.find_spec(name) if module is None else module.__spec__
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or [])
    return places[0] if places else spec.origin
