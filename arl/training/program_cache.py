"""Compiled programs on disk, in the place of JAX's own cache.

JAX's cache never replaces a damaged entry: it warns of it in every process, and it runs whatever program an entry holds. Here
an entry begins with a digest of its key and its program; one that does not match is removed, and the program compiled anew.
"""

import contextlib
import hashlib
import tempfile
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import jax
from jax._src import compilation_cache
from jax._src.compilation_cache_interface import CacheInterface

from arl import files

_DIGEST_BYTES = hashlib.sha256().digest_size


def keep_in(directory: Path) -> None:
    """Have JAX keep compiled programs in a folder, which is made if it is missing; warn if it can't be written to."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
    except OSError as error:
        _warn(directory, error)
        return
    jax.config.update("jax_compilation_cache_dir", str(directory))
    compilation_cache.get_file_cache = lambda path: (ProgramCache(Path(path)), path)


_asked_for = threading.local()


@contextlib.contextmanager
def keys_asked_for() -> Iterator[list[str]]:
    """Give the keys of the programs that JAX asks its cache for in this thread, a list that grows."""
    keys = _asked_for.keys = list[str]()
    try:
        yield keys
    finally:
        del _asked_for.keys


class ProgramCache(CacheInterface):
    """A folder of compiled programs; what can't be read or written is no error."""

    def __init__(self, directory: Path):
        self._path, self.has_warned = directory, False

    def get(self, key: str) -> bytes | None:
        """Return the program of a key as it was put in, None if there is none; warn of a damaged entry and remove it."""
        getattr(_asked_for, "keys", []).append(key)
        file = self._file(key)
        try:
            entry = file.read_bytes()
        except OSError:
            return None
        digest, program = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
        if digest == _digest(key, program):
            return program
        warnings.warn(f"compiled program {str(file)!r} is damaged: it is removed and compiled anew", stacklevel=2)
        with contextlib.suppress(OSError):
            file.unlink()
        return None

    def put(self, key: str, program: bytes) -> None:
        """Write the program of a key; warn, once, if it can't be written."""
        try:
            files.write_bytes(self._file(key), _digest(key, program) + program)
        except OSError as error:
            if not self.has_warned:
                self.has_warned = True
                _warn(self._path, error)

    def _file(self, key: str) -> Path:
        return self._path / f"{key}.program"


def _warn(directory: Path, error: OSError) -> None:
    warnings.warn(f"compiled programs can't be kept in {str(directory)!r}: {error.strerror}", stacklevel=3)


def _digest(key: str, program: bytes) -> bytes:
    return hashlib.sha256(key.encode() + program).digest()
