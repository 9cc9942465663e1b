"""One-line errors for bad input: the name, the rule, the value got, and the nearest known name."""

import difflib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from arl.hidden_packages import PACKAGES

_MOST_LISTED = 24  # names in one line
_MOST_NEAR = 5


class InputError(ValueError):
    """The user asked for something that cannot be; its text is one line and says how to mend it."""


def unknown(kind: str, name: str, names: Iterable[str], where: str = "") -> InputError:
    """Return the error for a name that is not in a registry, with the nearest known name first; of many, the nearest alone.

    `where`: whose names they are, such as `of environment 'ant'`.
    """
    names = list(names)
    near = _nearest(str(name), names)
    hint = f"did you mean {near[0]!r}? " if near else ""
    subject = " ".join(filter(None, (kind, repr(name), where)))
    return InputError(f"unknown {subject}: {hint}{_listed(names, near)}")


def _nearest(name: str, names: Sequence[str]) -> list[str]:
    """Return the names that may be meant: those whose words have these initials, such as `lr`, then those spelt alike."""
    initials = [other for other in names if len(name) > 1 and _initials(other) == name.lower()]
    by_spelling = {other.lower(): other for other in names}
    alike = difflib.get_close_matches(name.lower(), by_spelling, n=_MOST_NEAR, cutoff=0.65)
    return list(dict.fromkeys([*initials, *(by_spelling[spelling] for spelling in alike)]))


def _initials(name: str) -> str:
    return "".join(word[0].lower() for word in re.findall(r"[A-Za-z0-9]+", name))


def _listed(names: Sequence[str], near: Sequence[str]) -> str:
    """Return the names in words; of more than a line takes, those that are near."""
    if len(names) <= _MOST_LISTED:
        return f"known are {', '.join(names) or 'none'}"
    return f"{len(names)} are known, such as {', '.join(near or names[:_MOST_NEAR])}"


def load_object(path: str, kind: str) -> Any:
    """Return the object that `module:Name` or `file.py:Name` names.

    Modules are looked for in the current folder, too, and what a file imports also beside it; in both only if no installed
    module has the name.

    Raises:
        InputError: the module does not import or has no such name; the cause is in the line.
    """
    location, _, name = path.rpartition(":")
    if not location or not name:
        raise InputError(f"{kind} must be given as 'module:Name' or 'file.py:Name', got {path!r}")
    if _is_hidden(location):
        package, file = location.partition(".")[0], f"{location.replace('.', '/')}.py:{name}"
        raise InputError(f"{kind} {path!r}: the package {package!r} of arl hides a folder of that name, give {file!r}")
    is_file = location.endswith(".py")
    _search(Path(location).parent if is_file else Path())
    try:
        module = _import_file(Path(location)) if is_file else importlib.import_module(location)
    except (Exception, SystemExit) as error:  # the user's file can fail in any way
        raise InputError(f"{kind} {path!r} does not import: {type(error).__name__}: {first_line(error)}") from error
    if not hasattr(module, name):
        public = [attribute for attribute in vars(module) if not attribute.startswith("_")]
        raise InputError(f"{kind} {path!r}: {unknown('name', name, public)}")
    return getattr(module, name)


def _search(folder: Path) -> None:
    """Let the modules of a folder be imported, after all others."""
    path = str(folder.resolve())
    if path not in sys.path:
        sys.path.append(path)


def object_path(cls: type) -> str:
    """Return what `load_object` takes for a class: `module:Class`, or `file.py:Class` if a script defines it."""
    file = getattr(sys.modules.get(cls.__module__), "__file__", None) if cls.__module__ == "__main__" else None
    return f"{Path(file).name if file else cls.__module__}:{cls.__qualname__}"


def _is_hidden(location: str) -> bool:
    """Return whether a module is looked for in one of our packages, which has none of that name, instead of the user's."""
    package, _, rest = location.partition(".")
    return (
        package in PACKAGES
        and not location.endswith(".py")
        and rest != ""
        and importlib.util.find_spec(f"{package}.{rest.partition('.')[0]}") is None
    )


def _import_file(file: Path) -> Any:
    if not file.is_file():
        raise FileNotFoundError(f"no file {str(file)!r}")
    name = _module_name(file)
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{str(file)!r} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(name, module)
    spec.loader.exec_module(module)
    return module


def _module_name(file: Path) -> str:
    """Return the name of a file's module: the file's, but that of no other module, which it would hide."""
    name = file.stem.replace(".", "_")
    module = sys.modules.get(name)
    spec = importlib.util.find_spec(name) if module is None else module.__spec__
    is_other = spec is not None and not (spec.origin and Path(spec.origin).resolve() == file.resolve())
    return f"{name} of {file.parent}" if is_other else name


def refusal(check: Callable[[], object]) -> str | None:
    """Return why a check refuses something, in one line; None if it does not."""
    try:
        check()
    except InputError as error:
        return " ".join(str(error).split())
    return None


def cause(error: BaseException) -> str:
    """Return an error's type and text, and the file and line that it comes from, in one line."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text} ({Path(frame.filename).name}, line {frame.lineno})"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text; empty if it has none."""
    return (str(error).strip().splitlines() or [""])[0]
