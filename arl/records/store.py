"""The run store: every sweep, trial, run and curve point, in one SQLite file (or any database SQLAlchemy can reach).

A trial is in it wholly or not at all: its runs and their points are written in one transaction. One process writes to a
sweep at a time. NaN is stored as NULL and read back as NaN, and -0.0 comes back as 0.0; everything else survives exactly.
"""

import functools
import json
import math
import os
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from arl import distribution
from arl.errors import InputError, unknown
from arl.records import migrations
from arl.records.claims import Claims, FileClaims, NoClaims, PostgresClaims, take_schema
from arl.records.migrations import READABLE_VERSIONS, SCHEMA_VERSION

DEFAULT_STORE = "results/store.sqlite"
COMPLETED, DIVERGED, FAILED = "completed", "diverged", "failed"
LOCK_SECONDS = 30
_WRITES = "arl_writes"  # execution option of the connections that write

_metadata = sa.MetaData()

_about = sa.Table("arl_store", _metadata, sa.Column("schema_version", sa.Integer, primary_key=True))

_sweeps = sa.Table(
    "sweeps",
    _metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("provenance", sa.JSON, nullable=False),
    sa.Column("space", sa.JSON, nullable=False),
    sa.Column("timing", sa.JSON, nullable=False),
    sa.Column("created_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
)

_comparisons = sa.Table(
    "comparisons",
    _metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("settings", sa.JSON, nullable=False),
    sa.Column("provenance", sa.JSON, nullable=False),
    sa.Column("members", sa.JSON, nullable=False),
    sa.Column("broken", sa.JSON, nullable=False),
    sa.Column("created_at", sa.String, nullable=False),
    sa.Column("ended_at", sa.String),
)

_trials = sa.Table(
    "trials",
    _metadata,
    sa.Column("sweep", sa.ForeignKey("sweeps.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("trial", sa.Integer, primary_key=True),
    sa.Column("config", sa.JSON, nullable=False),
    sa.Column("fidelity", sa.BigInteger, nullable=False),
    sa.Column("parent", sa.Integer),
    sa.Column("seeds", sa.JSON, nullable=False),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("env_steps", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("finished_at", sa.String, nullable=False),
)

_runs = sa.Table(
    "runs",
    _metadata,
    sa.Column("sweep", sa.String, primary_key=True),
    sa.Column("trial", sa.Integer, primary_key=True),
    sa.Column("seed", sa.Integer, primary_key=True),
    sa.Column("status", sa.String, nullable=False),
    sa.Column("score", sa.Float, nullable=False),
    sa.Column("env_steps", sa.BigInteger, nullable=False),
    sa.Column("seconds", sa.Float, nullable=False),
    sa.Column("provenance", sa.JSON, nullable=False),
    sa.Column("outcome", sa.JSON),
    sa.ForeignKeyConstraint(["sweep", "trial"], ["trials.sweep", "trials.trial"], ondelete="CASCADE"),
)

_points = sa.Table(
    "points",
    _metadata,
    sa.Column("sweep", sa.String, primary_key=True),
    sa.Column("trial", sa.Integer, primary_key=True),
    sa.Column("seed", sa.Integer, primary_key=True),
    sa.Column("point", sa.Integer, primary_key=True),
    sa.Column("env_steps", sa.BigInteger, nullable=False),
    sa.Column("return_mean", sa.Float),
    sa.Column("return_std", sa.Float),
    sa.Column("episode_length_mean", sa.Float),
    sa.Column("metrics", sa.JSON, nullable=False),
    sa.ForeignKeyConstraint(["sweep", "trial", "seed"], ["runs.sweep", "runs.trial", "runs.seed"], ondelete="CASCADE"),
)

_calls = sa.Table(
    "calls",
    _metadata,
    sa.Column("sweep", sa.ForeignKey("sweeps.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("call", sa.Integer, primary_key=True),
    sa.Column("method", sa.String, nullable=False),
    sa.Column("room", sa.Integer, nullable=False),
    sa.Column("trials", sa.JSON, nullable=False),
)

_ADDED = ((_runs.c.outcome, 2), (_sweeps.c.ended_at, 3))  # columns, and the schema version that brought them


@dataclass(frozen=True)
class PointRecord:
    """One evaluation of a run."""

    env_steps: int
    return_mean: float
    return_std: float
    episode_length_mean: float
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Outcome:
    """How a run was answered; all fields are at their defaults where it was simply trained.

    Attributes:
        error: why it could not be trained.
        source: how a landscape answered: `exact`, `nearest` or `surrogate`.
        config: the number of the landscape's config that the answer rests on.
        filled: whether points that the landscape lacks were filled in from other seeds.
        shared: the sweep that trained it, if the run was taken over from there.
        network_seed: the number of its untrained networks; 0 are those that its seed gives.
        merged: the trial of the same sweep that trained it, if the run was taken over from there.
    """

    error: str | None = None
    source: str | None = None
    config: int | None = None
    filled: bool = False
    shared: str | None = None
    network_seed: int = 0
    merged: int | None = None


TRAINED = Outcome()


@dataclass(frozen=True)
class RunRecord:
    """One trial under one seed.

    Attributes:
        env_steps: what this trial trained, without its parent's.
        provenance: versions, device and lanes that it was trained with.
        points: none of a run that could not be trained, whose status is `failed`.
    """

    seed: int
    status: str
    score: float
    env_steps: int
    seconds: float
    provenance: Mapping[str, Any]
    points: Sequence[PointRecord]
    outcome: Outcome = TRAINED


@dataclass(frozen=True)
class TrialRecord:
    """One finished trial with its runs in the order of their seeds; `config` holds active hyperparameters only."""

    trial: int
    config: Mapping[str, Any]
    fidelity: int
    parent: int | None
    seeds: Sequence[int]
    status: str
    score: float
    runs: Sequence[RunRecord]
    finished_at: str = field(default_factory=lambda: now())

    def __post_init__(self):
        object.__setattr__(self, "seeds", tuple(self.seeds))
        object.__setattr__(self, "runs", tuple(sorted(self.runs, key=lambda run: run.seed)))

    @property
    def network_seed(self) -> int:
        """The number of the untrained networks that it began with; 0 are those that each seed gives."""
        return next((run.outcome.network_seed for run in self.runs), 0)

    @property
    def error(self) -> str | None:
        """Why a failed trial could not be trained; None of any other."""
        return next((run.outcome.error for run in self.runs if run.outcome.error is not None), None)


@dataclass(frozen=True)
class Call:
    """A call of the tuner of an asynchronous sweep.

    Attributes:
        method: `ask` or `tell`.
        room: how many trials it was asked for; 0 of a `tell`.
        trials: the ids of the trials that it asked for, or whose results it was told.
    """

    method: str
    room: int
    trials: tuple[int, ...]


@dataclass(frozen=True)
class Outline:
    """A sweep without its runs.

    Attributes:
        settings: as JSON values, as of today.
        trials: the finished trials by id, without runs.
        ended_at: when it came to its end; None if it has not, or was recorded by an earlier version.
        is_running: whether a process runs it.
    """

    name: str
    settings: Mapping[str, Any]
    created_at: str
    ended_at: str | None
    is_running: bool
    trials: Mapping[int, TrialRecord]


class StoreError(InputError):
    """The database can't be read or written: it is locked for too long, damaged, full or read-only."""


class State(NamedTuple):
    """By what a sweep shows that it has changed: something of it differs whenever its outline does."""

    created_at: str
    ended_at: str | None
    settings: Mapping[str, Any]
    num_trials: int
    is_running: bool


@dataclass(frozen=True)
class ComparisonRecord:
    """A comparison of tuners: what was asked for, and which sweeps it is made of.

    Attributes:
        settings, provenance: as JSON values.
        members: a JSON object for each of its sweeps, see `hpo.comparisons.recorded`.
        broken: a line for each tuner that broke its contract.
        ended_at: when it came to its end; None if it has not.
    """

    name: str
    settings: Mapping[str, Any]
    provenance: Mapping[str, Any]
    members: Sequence[Mapping[str, Any]]
    broken: Mapping[str, str]
    created_at: str = field(default_factory=lambda: now())
    ended_at: str | None = None


def now() -> str:
    """Return the time in UTC, to the second, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Store:
    """A store at a path or SQLAlchemy URL; made at the first write, so that reading never creates one.

    Raises:
        InputError: the file exists and is no store of ours, or of a schema version that can't be read. Every method raises
            it where the database can't be read or written: it is locked for too long, full or read-only.
    """

    def __init__(self, location: str | Path | None = None):
        location = str(location or os.environ.get("ARL_STORE") or DEFAULT_STORE)
        try:
            url = sa.make_url(location) if "://" in location else sa.URL.create("sqlite", database=location)
            self._engine = sa.create_engine(_patient(url), json_deserializer=_loads)
            self._engine.dialect.create_connect_args(url)  # reads the arguments behind the question mark
        except ModuleNotFoundError as error:
            hint = f", {distribution.install('postgres')}" if location.startswith("postgresql") else ""
            raise InputError(f"store {location!r} needs the module {error.name!r}{hint}") from error
        except (sa.exc.ArgumentError, ValueError) as error:
            raise InputError(f"store must be a file or an SQLAlchemy URL, got {location!r}: {error}") from error
        self.location = url.render_as_string(hide_password=True) if "://" in location else location
        self.path = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
        if self.path is not None and self.path.is_dir():
            raise InputError(f"store must be a file, got the directory {location!r}")
        if self.path is not None and any(folder.is_file() for folder in self.path.parents):
            raise InputError(f"store must be a file in a directory, got {location!r}")
        if url.get_backend_name() == "sqlite":
            sa.event.listen(self._engine, "connect", _prepare_sqlite)
            sa.event.listen(self._engine, "begin", _begin_sqlite)
        self._claims = self._make_claims()
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self._made = self._is_new = False
        self._version = SCHEMA_VERSION
        self._open = threading.local()  # the connection of a transaction, in the thread that began it
        if self.exists():
            self._check()

    def exists(self) -> bool:
        """Return whether the store exists, so that there is anything to read."""
        return self.path is None or self.path.is_file()

    def check_writable(self) -> None:
        """Refuse a store whose file nothing may be written to, before there is anything to write.

        Raises:
            InputError: the file, or the folder that it would be made in, is read-only.
        """
        if self.path is None:
            return
        first = next(place for place in (self.path.absolute(), *self.path.absolute().parents) if place.exists())
        if not os.access(first, os.W_OK):
            raise InputError(f"store {self.location!r} can't be written: {str(first)!r} is read-only")

    def _make_claims(self) -> Claims:
        if self.path is not None:
            return FileClaims(self.path.with_name(f"{self.path.name}.running"))
        return PostgresClaims(self._engine) if self._engine.dialect.name == "postgresql" else NoClaims()

    @contextmanager
    def claim(self, sweep: str) -> Iterator[None]:
        """Hold a sweep while it is run, so that no other process runs it.

        Raises:
            InputError: another process holds it.
        """
        with self._claims.take(sweep) as is_free:
            if not is_free:
                raise InputError(f"sweep {sweep!r} is running in another process: wait, or choose another --name")
            yield

    def is_running(self, sweep: str) -> bool:
        """Return whether a process runs a sweep at the moment; on another machine only if the store is a server's."""
        return self._claims.is_taken(sweep)

    def names(self) -> list[str]:
        """Return the names of the sweeps in the store, oldest first."""
        if not self.exists():
            return []
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(_sweeps.name):
                return []
            return list(connection.scalars(sa.select(_sweeps.c.name).order_by(_sweeps.c.created_at, _sweeps.c.name)))

    def __contains__(self, name: str) -> bool:
        return self._find(name) is not None

    def add_sweep(
        self, name: str, settings: Mapping[str, Any], provenance: Mapping[str, Any], space: Mapping[str, Any]
    ) -> None:
        """Begin a sweep.

        Raises:
            InputError: the name is taken.
        """
        row = {
            "name": name,
            "settings": dict(settings),
            "provenance": dict(provenance),
            "space": dict(space),
            "timing": {},
        }
        with self._writing(f"sweep {name!r} is recorded already: is it running twice?") as connection:
            connection.execute(_sweeps.insert(), {**row, "created_at": now()})

    def sweep(self, name: str) -> dict[str, Any]:
        """Return the settings, provenance, space and timing of a sweep as JSON values, as of today.

        Raises:
            InputError: no such sweep.
        """
        row = self._find(name)
        if row is None:
            raise unknown("sweep", name, self.names(), f"in {self.location}")
        space = migrations.space(row["settings"].get("algorithm"), row["space"])
        return {**row, "settings": migrations.settings(row["settings"]), "space": space}

    def _find(self, name: str) -> dict[str, Any] | None:
        if not self.exists():
            return None
        with self._reading() as connection:
            if not (self._made or sa.inspect(connection).has_table(_sweeps.name)):
                return None
            chosen = self._select(connection, _sweeps).where(_sweeps.c.name == name)
            row = connection.execute(chosen).mappings().one_or_none()
            return dict(row) if row else None

    def outlines(self, names: Sequence[str] | None = None) -> list[Outline]:
        """Return what is known of sweeps without their runs, oldest first; by default of all."""
        if not self.exists():
            return []
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(_sweeps.name):
                return []
            heads = self._select(connection, _sweeps).order_by(_sweeps.c.created_at, _sweeps.c.name)
            trials = sa.select(_trials).order_by(*_trials.primary_key.columns)
            if names is not None:
                heads, trials = heads.where(_sweeps.c.name.in_(names)), trials.where(_trials.c.sweep.in_(names))
            of_sweeps: dict[str, list[Mapping[str, Any]]] = {}
            for row in _dicts(connection.execute(trials)):
                of_sweeps.setdefault(row["sweep"], []).append(row)
            rows = _dicts(connection.execute(heads))
        return [_outline(row, of_sweeps.get(row["name"], []), self.is_running(row["name"])) for row in rows]

    def states(self) -> dict[str, State]:
        """Return the state of each sweep by name, oldest first; no trial is read for it."""
        if not self.exists():
            return {}
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(_sweeps.name):
                return {}
            heads = self._select(connection, _sweeps).order_by(_sweeps.c.created_at, _sweeps.c.name)
            rows = _dicts(connection.execute(heads))
            counts = sa.select(_trials.c.sweep, sa.func.count()).group_by(_trials.c.sweep)
            nums = {row[0]: row[1] for row in connection.execute(counts)}
        return {
            row["name"]: State(
                row["created_at"],
                row.get("ended_at"),
                row["settings"],
                nums.get(row["name"], 0),
                self.is_running(row["name"]),
            )
            for row in rows
        }

    def set_ended(self, name: str, ended: bool = True) -> None:
        """Record that a sweep has come to its end, or that it goes on."""
        with self._writing() as connection:
            connection.execute(_sweeps.update().where(_sweeps.c.name == name), {"ended_at": now() if ended else None})

    def set_comparison(self, record: ComparisonRecord) -> None:
        """Record a comparison, in place of what is on record under its name."""
        row = {item.name: getattr(record, item.name) for item in fields(record)}
        with self._writing() as connection:
            connection.execute(_comparisons.delete().where(_comparisons.c.name == record.name))
            connection.execute(_comparisons.insert(), row)

    def comparison(self, name: str) -> ComparisonRecord | None:
        """Return the record of a comparison; None if there is none."""
        return next((record for record in self.comparisons() if record.name == name), None)

    def comparisons(self) -> list[ComparisonRecord]:
        """Return the records of comparisons, oldest first."""
        if not self.exists():
            return []
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(_comparisons.name):
                return []
            chosen = sa.select(_comparisons).order_by(_comparisons.c.created_at, _comparisons.c.name)
            return [ComparisonRecord(**row) for row in connection.execute(chosen).mappings()]

    def _select(self, connection: sa.Connection, table: sa.Table) -> sa.Select:
        """Return a query of a table's columns, without those that a store of an earlier version lacks."""
        if self._version < SCHEMA_VERSION:  # unless another process has brought the store up to date meanwhile
            self._version = connection.scalar(sa.select(_about.c.schema_version)) or SCHEMA_VERSION
        missing = [column for column, version in _ADDED if version > self._version]
        return sa.select(*(column for column in table.columns if all(column is not other for other in missing)))

    def delete(self, names: Sequence[str]) -> None:
        """Delete sweeps with their trials, and comparisons."""
        with self._writing() as connection:
            connection.execute(_sweeps.delete().where(_sweeps.c.name.in_(names)))
            connection.execute(_comparisons.delete().where(_comparisons.c.name.in_(names)))

    def withdraw(self, sweep: str) -> None:
        """Delete a sweep, and the store's file if this object has made it and nothing else is in it."""
        self.delete([sweep])
        if self._is_new and self.path is not None and not self.names() and not self.comparisons():
            self._engine.dispose()
            self.path.unlink()
            self._made = self._is_new = False

    def set_timing(self, name: str, timing: Mapping[str, float]) -> None:
        """Record what the sweep has cost so far, seconds by phase."""
        with self._writing() as connection:
            connection.execute(_sweeps.update().where(_sweeps.c.name == name), {"timing": dict(timing)})

    def set_settings(self, name: str, settings: Mapping[str, Any]) -> None:
        """Record the settings with which the sweep goes on."""
        with self._writing() as connection:
            connection.execute(_sweeps.update().where(_sweeps.c.name == name), {"settings": dict(settings)})

    def add_trial(self, sweep: str, trial: TrialRecord) -> None:
        """Record a finished trial, wholly or not at all.

        Raises:
            InputError: the trial is in the store already.
        """
        self.add_trials(sweep, [trial])

    def add_trials(self, sweep: str, trials: Sequence[TrialRecord]) -> None:
        """Record finished trials, all of them or none.

        Raises:
            InputError: one of them is in the store already.
        """
        ids = ", ".join(str(trial.trial) for trial in trials)
        runs = [(trial.trial, run) for trial in trials for run in trial.runs]
        points = [(trial, run.seed, i, point) for trial, run in runs for i, point in enumerate(run.points)]
        rows = {
            _trials: [{"trial": trial.trial, **_trial_row(trial)} for trial in trials],
            _runs: [{"trial": trial, **_run_row(run)} for trial, run in runs],
            _points: [
                {"trial": trial, "seed": seed, "point": i, **_point_row(point)} for trial, seed, i, point in points
            ],
        }
        with self._writing(f"trial {ids} of sweep {sweep!r} is recorded already: is it running twice?") as connection:
            for table, of_table in rows.items():
                if of_table:
                    connection.execute(table.insert(), [{"sweep": sweep, **row} for row in of_table])

    def trials(self, sweep: str, ids: Set[int] | None = None, with_points: bool = True) -> dict[int, TrialRecord]:
        """Return the finished trials of a sweep by id, with their runs; all, or those of some ids.

        `with_points`: whether the runs have their points, which are most of what is on record.
        """
        row = self._find(sweep)
        algorithm = row["settings"].get("algorithm") if row else None
        with self._reading() as connection:
            select = functools.partial(self._chosen, connection, sweep=sweep, ids=ids)
            tables = {table: _dicts(select(table)) for table in (_trials, _runs)}
            points = _by_run(select(_points)) if with_points else {}
        runs: dict[int, list[RunRecord]] = {}
        for row in tables[_runs]:
            runs.setdefault(row["trial"], []).append(_run_record(row, points.get((row["trial"], row["seed"]), [])))
        for row in tables[_trials]:
            row["config"] = migrations.config(algorithm, row["config"])
        return {row["trial"]: _trial_record(row, runs[row["trial"]]) for row in tables[_trials]}

    def points(self, sweep: str, ids: Set[int]) -> dict[tuple[int, int], list[PointRecord]]:
        """Return the points of the runs of some trials, by trial and seed."""
        with self._reading() as connection:
            return _by_run(self._chosen(connection, _points, sweep, ids))

    def add_calls(self, sweep: str, calls: Sequence[Call]) -> None:
        """Record further calls of the tuner of an asynchronous sweep, in their order."""
        with self._writing() as connection:
            of_sweep = sa.select(sa.func.count()).select_from(_calls).where(_calls.c.sweep == sweep)
            first = connection.scalar(of_sweep) or 0
            rows = [
                {
                    "sweep": sweep,
                    "call": first + i,
                    "method": call.method,
                    "room": call.room,
                    "trials": list(call.trials),
                }
                for i, call in enumerate(calls)
            ]
            if rows:
                connection.execute(_calls.insert(), rows)

    def calls(self, sweep: str) -> list[Call]:
        """Return the recorded calls of the tuner of an asynchronous sweep, in their order."""
        if not self.exists():
            return []
        with self._reading() as connection:
            if not sa.inspect(connection).has_table(_calls.name):
                return []
            chosen = sa.select(_calls).where(_calls.c.sweep == sweep).order_by(_calls.c.call)
            return [Call(row.method, row.room, tuple(row.trials)) for row in connection.execute(chosen)]

    def num_trials(self, sweep: str) -> int:
        """Return how many finished trials of a sweep are on record; 0 if there is no such sweep."""
        if self._find(sweep) is None:
            return 0
        with self._reading() as connection:
            chosen = sa.select(sa.func.count()).select_from(_trials).where(_trials.c.sweep == sweep)
            return connection.scalar(chosen) or 0

    def _chosen(self, connection: sa.Connection, table: sa.Table, sweep: str, ids: Set[int] | None) -> sa.CursorResult:
        """Return the rows of a sweep's trials, of all or of those of some ids."""
        chosen = self._select(connection, table).where(table.c.sweep == sweep).order_by(*table.primary_key.columns)
        if ids is not None:
            chosen = chosen.where(table.c.trial.in_(ids))
        return connection.execute(chosen)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Record what is written within together, or not at all."""
        with self._writing() as self._open.connection:
            try:
                yield
            finally:
                self._open.connection = None

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        """Give a connection to read by; raise what keeps the database from being read as one line."""
        try:
            with self._engine.connect() as connection:
                yield connection
        except sa.exc.OperationalError as error:
            raise StoreError(f"store {self.location!r} can't be read: {_cause(error)}") from error

    @contextmanager
    def _writing(self, conflict: str = "") -> Iterator[sa.Connection]:
        """Give a transaction, or the one that is open; make the store if it is new."""
        if not self.exists():
            assert self.path is not None
            self._made, self._is_new = False, True
            self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            begun = getattr(self._open, "connection", None)
            with nullcontext(begun) if begun else self._writer.begin() as connection:
                if not self._made:
                    self._make(connection)
                yield connection
            self._made, self._version = True, SCHEMA_VERSION
        except sa.exc.IntegrityError as error:
            raise InputError(conflict or _cause(error)) from error
        except sa.exc.OperationalError as error:
            raise StoreError(f"store {self.location!r} can't be written: {_cause(error)}") from error

    def _make(self, connection: sa.Connection) -> None:
        """Make the tables that are missing, and the columns that a store of an earlier schema version lacks."""
        take_schema(connection)
        _metadata.create_all(connection)
        version = connection.scalar(sa.select(_about.c.schema_version))
        if version is None:
            connection.execute(_about.insert(), {"schema_version": SCHEMA_VERSION})
        elif version < SCHEMA_VERSION:
            for column in [column for column, added in _ADDED if added > version]:
                kind = column.type.compile(connection.dialect)
                connection.execute(sa.text(f"ALTER TABLE {column.table.name} ADD COLUMN {column.name} {kind}"))
            connection.execute(_about.update(), {"schema_version": SCHEMA_VERSION})

    def _check(self) -> None:
        """Refuse a database that is not ours, before anything is written to it."""
        try:
            with self._reading() as connection:
                tables = sa.inspect(connection).get_table_names()
                version = connection.scalar(sa.select(_about.c.schema_version)) if _about.name in tables else None
        except sa.exc.DBAPIError as error:
            raise InputError(f"store {self.location!r} is no arl store: {_cause(error)}") from error
        foreign = [table for table in tables if table not in _metadata.tables]
        if version is None and foreign:
            raise InputError(f"store {self.location!r} is no arl store: it holds the tables {', '.join(foreign)}")
        if version not in (None, *READABLE_VERSIONS):
            newer = ", made by a newer version of arl" if version > SCHEMA_VERSION else ""
            raise InputError(f"store {self.location!r} must have schema version {SCHEMA_VERSION}, got {version}{newer}")
        self._version = version or SCHEMA_VERSION


def _patient(url: sa.URL) -> sa.URL:
    """Return a URL by which SQLite waits for another process's lock as long as a long read takes, unless it says how long."""
    if url.get_backend_name() != "sqlite" or "timeout" in url.query:
        return url
    return url.update_query_dict({"timeout": str(LOCK_SECONDS)})


def _cause(error: sa.exc.DBAPIError) -> str:
    """Return the database's own words, in one line."""
    return " ".join(str(error.orig).split())


def _prepare_sqlite(connection: Any, _: Any) -> None:
    """Enforce foreign keys, and leave it to `_begin_sqlite` instead of the driver to begin transactions."""
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    """Begin a transaction; one that will write waits for others to end, and makes a new store while no other does."""
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _trial_row(trial: TrialRecord) -> dict[str, Any]:
    return {
        "config": dict(trial.config),
        "fidelity": trial.fidelity,
        "parent": trial.parent,
        "seeds": list(trial.seeds),
        "status": trial.status,
        "score": trial.score,
        "finished_at": trial.finished_at,
        "env_steps": sum(run.env_steps for run in trial.runs),
        "seconds": sum(run.seconds for run in trial.runs),
    }


def _run_row(run: RunRecord) -> dict[str, Any]:
    return {
        "seed": run.seed,
        "status": run.status,
        "score": run.score,
        "env_steps": run.env_steps,
        "seconds": run.seconds,
        "provenance": dict(run.provenance),
        "outcome": {name: value for name, value in asdict(run.outcome).items() if value != getattr(TRAINED, name)},
    }


def _point_row(point: PointRecord) -> dict[str, Any]:
    return {
        "env_steps": point.env_steps,
        "return_mean": finite_or_none(point.return_mean),
        "return_std": finite_or_none(point.return_std),
        "episode_length_mean": finite_or_none(point.episode_length_mean),
        "metrics": {name: finite_or_none(value) for name, value in point.metrics.items()},
    }


def _outline(head: Mapping[str, Any], trials: Sequence[Mapping[str, Any]], is_running: bool) -> Outline:
    settings = migrations.settings(head["settings"])
    records = {row["trial"]: _trial_record(row, []) for row in trials}
    return Outline(head["name"], settings, head["created_at"], head.get("ended_at"), is_running, records)


def _trial_record(row: Mapping[str, Any], runs: Sequence[RunRecord]) -> TrialRecord:
    names = ("trial", "config", "fidelity", "parent", "seeds", "status", "score", "finished_at")
    return TrialRecord(**{name: row[name] for name in names}, runs=runs)


def _run_record(row: Mapping[str, Any], points: Sequence[PointRecord]) -> RunRecord:
    provenance, outcome = row["provenance"], row.get("outcome")
    if outcome is None:  # recorded by schema version 1
        provenance, outcome = migrations.provenance_and_outcome(provenance)
    numbers = {name: row[name] for name in ("seed", "status", "score", "env_steps", "seconds")}
    return RunRecord(**numbers, provenance=provenance, points=points, outcome=Outcome(**outcome))


def _dicts(rows: sa.CursorResult) -> list[dict[str, Any]]:
    """Return rows as dicts, in half the time that SQLAlchemy's mappings take."""
    names = list(rows.keys())
    return [dict(zip(names, row, strict=True)) for row in rows]


def _by_run(rows: Iterable[Sequence[Any]]) -> dict[tuple[int, int], list[PointRecord]]:
    """Return points by trial and seed, given the rows of their table."""
    points: dict[tuple[int, int], list[PointRecord]] = {}
    for _, trial, seed, _, *values in rows:
        points.setdefault((trial, seed), []).append(_point_record(*values))
    return points


def _point_record(
    env_steps: int, mean: float | None, std: float | None, length: float | None, metrics: Mapping[str, float | None]
) -> PointRecord:
    named = {name: _nan(value) for name, value in metrics.items()}
    return PointRecord(env_steps, _nan(mean), _nan(std), _nan(length), named)


def finite_or_none(value: float) -> float | None:
    """Return a finite number as it is, else None: neither SQLite nor JSON has NaN or infinity."""
    return value if math.isfinite(value) else None


def _nan(value: float | None) -> float:
    return math.nan if value is None else value


def _loads(text: str) -> Any:
    """Return the value of a JSON text, which may hold NaN and infinities as Python writes them."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeError):
        return json.loads(text)


def dumps(value: Any) -> str:
    """Return a value as JSON with sorted keys, so that equal values have equal texts."""
    return json.dumps(value, sort_keys=True)
