"""A file or folder of the user's, beside a script, that hides a package of the same name installed here: say so.

The other packages run this file instead of importing it, since `arl` itself may be hidden. What can't be told is that a
package is hidden where no other one of ours is imported, as by `hpo.py` with only `import hpo`: none of our code runs then.
"""

import importlib.util
import os
import sys

PACKAGES = ("arl", "envs", "hpo", "landscapes")


def check() -> None:
    """Refuse to go on where the import of one of our packages would give something else.

    Raises:
        ImportError: a file or folder of its name comes first on the path of imports.
    """
    for name in PACKAGES:
        _check(name)


def _check(name: str) -> None:
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
