"""Claims: which sweeps are being run. The system, or the database, takes a claim back when its process ends in any way."""

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

import sqlalchemy as sa


class Claims(Protocol):
    """Who may run a sweep: one process at a time."""

    def take(self, sweep: str) -> contextlib.AbstractContextManager[bool]:
        """Hold a sweep as long as the context lasts; give whether it was free."""
        ...

    def is_taken(self, sweep: str) -> bool:
        """Return whether a process holds a sweep."""
        ...


class FileClaims:
    """Locked files in a folder, one per sweep that is being run."""

    def __init__(self, folder: Path):
        self.folder = folder

    @contextlib.contextmanager
    def take(self, sweep: str) -> Iterator[bool]:
        path = self._path(sweep)
        with self._opened(path) as file:
            free = _lock(file) and _is_at(file, path)
            try:
                yield free
            finally:
                if free:
                    path.unlink()
                    with contextlib.suppress(OSError):  # others are in it
                        self.folder.rmdir()

    def _opened(self, path: Path) -> IO[str]:
        """Open a file in the folder, which another process may delete at any time."""
        while True:
            self.folder.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                return path.open("w")

    def is_taken(self, sweep: str) -> bool:
        try:
            with self._path(sweep).open() as file:
                return not _lock(file, shared=True)
        except FileNotFoundError:
            return False

    def _path(self, sweep: str) -> Path:
        return self.folder / hashlib.sha256(sweep.encode()).hexdigest()[:32]


def _lock(file: IO[str], shared: bool = False) -> bool:
    """Lock an open file until it is closed, and return whether that was possible."""
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_at(file: IO[str], path: Path) -> bool:
    """Return whether an open file is still the one at its path, which the process that held it before may have deleted."""
    return path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())


class PostgresClaims:
    """Advisory locks of a PostgreSQL server, held by a connection of their own."""

    def __init__(self, engine: sa.Engine):
        self.engine = engine

    @contextlib.contextmanager
    def take(self, sweep: str) -> Iterator[bool]:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            free = self._lock(connection, sweep)
            try:
                yield free
            finally:
                if free:
                    connection.execute(sa.select(sa.func.pg_advisory_unlock(_key(sweep))))

    def is_taken(self, sweep: str) -> bool:
        key = _key(sweep) % 2**64
        held = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = :high AND objid = :low")
        with self.engine.connect() as connection:
            return bool(connection.scalar(held, {"high": key >> 32, "low": key & (2**32 - 1)}))

    def _lock(self, connection: sa.Connection, sweep: str) -> bool:
        return bool(connection.scalar(sa.select(sa.func.pg_try_advisory_lock(_key(sweep)))))


def take_schema(connection: sa.Connection) -> None:
    """Wait for other processes that make tables in the database; hold them up until the transaction ends.

    PostgreSQL fails where two make the same table at once. SQLite has one writer at a time.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_key("schema"))))


class NoClaims:
    """For other databases: every sweep is free."""

    def take(self, sweep: str) -> contextlib.AbstractContextManager[bool]:
        return contextlib.nullcontext(True)

    def is_taken(self, sweep: str) -> bool:
        return False


def _key(sweep: str) -> int:
    """Return a sweep's number among the locks of the server, of 64 bits with a sign."""
    return int.from_bytes(hashlib.sha256(f"arl {sweep}".encode()).digest()[:8], signed=True)
