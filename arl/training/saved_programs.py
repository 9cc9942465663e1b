"""Compiled programs on disk that are taken up without tracing them again.

JAX's cache knows a program by its lowered text: tracing and lowering, most of what is left of compilation once everything
is in that cache, are done in every process. Here a program is known by what its text follows from: the sources of `arl` and
`envs`, what is installed, how JAX is set, the kind of processor, algorithm, env, shapes, and the static hyperparameters that
were looked at while it was traced. What is saved is the program's key in JAX's cache, and how arguments are passed to it.
Where a user's own code takes part, programs are not saved: they may follow from anything.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax._src import compilation_cache
from jax._src.lax.linalg import initialize_lapack
from jax.experimental import serialize_executable
from jax.stages import Compiled

from arl.algorithms.registry import ALGORITHMS
from arl.training import provenance
from arl.training.program_cache import ProgramCache
from envs.vector import VectorEnv

_PACKAGES = (Path(__file__).parents[1], Path(__file__).parents[2] / "envs")
_EXECUTABLES = ("LoadedExecutable", "Executable")  # of XLA


def of(algorithm: Any, env: VectorEnv, num_episodes: int) -> "SavedPrograms | None":
    """Return the saved programs of an algorithm on an env; None where they can't be known without tracing.

    Args:
        algorithm: the algorithm.
        env: the env, which is known by its name and params.
        num_episodes: over which an agent is evaluated.
    """
    settings = jax.config.values
    directory, name = settings["jax_compilation_cache_dir"], getattr(algorithm, "__name__", None)
    is_users = name not in ALGORITHMS.values() or not env.name or ":" in env.name
    if is_users or not directory or not settings["jax_enable_compilation_cache"]:
        return None
    params = [(str(path), np.asarray(leaf).tobytes()) for path, leaf in jax.tree.leaves_with_path(env.params)]
    flags = sorted((flag, value) for flag, value in settings.items() if "cache" not in flag)
    origin = (name, env.name, env.reset_pool, params, num_episodes, _made_with(), flags, os.environ.get("XLA_FLAGS"))
    return SavedPrograms(Path(directory), repr(origin))


class SavedPrograms:
    """Programs, each known by a text and by the static hyperparameters that it depends on.

    Args:
        directory: the folder of JAX's cache, a `ProgramCache`.
        origin: what all programs of this instance have in common.
    """

    def __init__(self, directory: Path, origin: str):
        self._programs, self._cache, self._origin = ProgramCache(directory), ProgramCache(directory / "traced"), origin

    def load(self, text: str, config: Any, device: jax.Device) -> tuple[dict[str, Any], Compiled] | None:
        """Return a program for a config, and the hyperparameters that it depends on; None if there is none that works here.

        Args:
            text: tells it from all others but those for other static hyperparameters.
            config: has these.
            device: where it is to run.
        """
        key = self._key(text, device)
        for names in self._names(key):
            looked_at = {name: getattr(config, name) for name in names}
            if entry := self._cache.get(_entry(key, looked_at)):
                with contextlib.suppress(Exception):  # no longer in JAX's cache: then it is traced
                    return looked_at, self._loaded(entry, device)
        return None

    def save(
        self, text: str, looked_at: Mapping[str, Any], compiled: Any, keys: Sequence[str], device: jax.Device
    ) -> None:
        """Save a program, if it can be: one that calls back into Python can't, one with a network of the user's may not.

        `keys`: what JAX has asked its cache for while it was compiled.
        """
        is_users = any(isinstance(value, str) and ":" in value for value in looked_at.values())
        if is_users or len(keys) != 1 or compiled._params.const_args:
            return
        args, in_tree = jax.tree.flatten(compiled.args_info)
        file, executable = io.BytesIO(), compiled._executable._unloaded_executable
        try:
            _Pickler(file, keys[0]).dump((executable, args, in_tree, compiled.out_tree, compiled._no_kwargs))
        except Exception:  # of all kinds
            return
        key, names = self._key(text, device), sorted(looked_at)
        self._cache.put(_entry(key, looked_at), file.getvalue())
        if names not in (before := self._names(key)):
            self._cache.put(key, json.dumps([*before, names]).encode())

    def _key(self, text: str, device: jax.Device) -> str:
        return _digest(self._origin, text, str(device.id))

    def _names(self, key: str) -> list[list[str]]:
        """Return what the programs of a key depend on, a list of names for each set."""
        entry = self._cache.get(key)
        return json.loads(entry) if entry else []

    def _loaded(self, entry: bytes, device: jax.Device) -> Compiled:
        initialize_lapack()  # which lowering does else
        unpickler = _Unpickler(io.BytesIO(entry), self._programs, device)
        executable, args, in_tree, out_tree, no_kwargs = unpickler.load()
        return Compiled(executable.load(), [], in_tree.unflatten(args), out_tree, no_kwargs=no_kwargs)


class _Pickler(serialize_executable._JaxPjrtPickler):
    """Writes a program as JAX does, with its key in JAX's cache in the place of the executable itself."""

    def __init__(self, file: io.BytesIO, key: str):
        super().__init__(file)
        self.key = key

    def persistent_id(self, obj: Any) -> Any:
        return ("exec", self.key) if type(obj).__name__ in _EXECUTABLES else super().persistent_id(obj)


class _Unpickler(serialize_executable._JaxPjrtUnpickler):
    """Reads what `_Pickler` has written, for a device.

    Raises:
        KeyError: the program is not in JAX's cache.
    """

    def __init__(self, file: io.BytesIO, programs: ProgramCache, device: jax.Device):
        super().__init__(file, device.client, [device])
        self.programs = programs

    def persistent_load(self, pid: tuple[Any, ...]) -> Any:
        return super().persistent_load(("exec", self._executable(pid[1])) if pid[0] == "exec" else pid)

    def _executable(self, key: str) -> bytes:
        if (entry := self.programs.get(key)) is None:
            raise KeyError(key)
        executable, _ = compilation_cache.extract_executable_and_time(compilation_cache.decompress_executable(entry))
        return executable


def _entry(key: str, looked_at: Mapping[str, Any]) -> str:
    return f"{key}-{_digest(repr(sorted(looked_at.items())))}"


def _digest(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:32]


@functools.cache
def _made_with() -> str:
    """Return a digest of the sources that are traced, of all that is installed, and of the machine."""
    now = provenance.now()
    digest = hashlib.sha256(repr([sys.version, *(now[name] for name in provenance.SAME)]).encode())
    for name in sorted(_installed()):
        digest.update(name.encode())
    for file in sorted(file for package in _PACKAGES for file in package.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _installed() -> Iterator[str]:
    """Yield name and version of each distribution, as the folders of their metadata are called."""
    for place in sys.path:
        with contextlib.suppress(OSError):
            yield from (
                entry.name for entry in os.scandir(place or ".") if entry.name.endswith((".dist-info", ".egg-info"))
            )
