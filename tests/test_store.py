"""The store: what is written is read back exactly, a trial wholly or not at all, and no other file is touched."""

import math
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import hypothesis.strategies as st
import pytest
import sqlalchemy as sa
from tiny import trial_record

from arl.errors import InputError
from arl.records import store as stores
from arl.records.store import PointRecord, RunRecord, Store, TrialRecord

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
numbers = st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)  # SQLite has no -0.0
or_nan = numbers | st.just(math.nan)
counts = st.integers(0, 2**53)
scalars = st.booleans() | st.integers(-(2**53), 2**53) | numbers | texts
points = st.builds(PointRecord, counts, or_nan, or_nan, or_nan, st.dictionaries(texts, or_nan, max_size=2))
statuses = st.sampled_from(["completed", "diverged", "failed"])


@st.composite
def trials(draw):
    seeds = draw(st.lists(st.integers(0, 999), min_size=1, max_size=3, unique=True))
    curve = st.lists(points, max_size=3)
    runs = [RunRecord(s, draw(statuses), draw(numbers), draw(counts), 0.25, {}, draw(curve)) for s in sorted(seeds)]
    config = draw(st.dictionaries(texts, scalars, max_size=4))
    parent = draw(st.none() | st.integers(0, 99))
    return TrialRecord(
        draw(st.integers(0, 99)), config, draw(counts), parent, seeds, draw(statuses), draw(numbers), runs
    )


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path / "store.sqlite")
    made.add_sweep("a", {"task": "ppo/X"}, {"arl": "1"}, {"hyperparameters": []})
    return made


@hypothesis.given(trial=trials())
def test_a_trial_is_read_back_exactly(tmp_path_factory, trial):
    path = tmp_path_factory.mktemp("store") / "store.sqlite"
    Store(path).add_sweep("a", {}, {}, {})
    Store(path).add_trial("a", trial)
    (recorded,) = Store(path).trials("a").values()
    assert repr(recorded) == repr(trial), "repr tells True from 1, 1 from 1.0, and NaN equals itself"


def test_a_sweep_is_read_back_exactly(store):
    settings = {"budget": 0.1, "seeds": [0, 7], "options": {"points": None, "deep": {"x": True}}}
    store.add_sweep("größe 1/2", settings, {"commit": None}, {"name": "s"})
    store.set_timing("größe 1/2", {"train": 0.1})
    recorded = Store(store.path).sweep("größe 1/2")
    assert {key: recorded[key] for key in ("settings", "provenance", "space", "timing")} == {
        "settings": settings,
        "provenance": {"commit": None},
        "space": {"name": "s"},
        "timing": {"train": 0.1},
    }
    assert store.names() == ["a", "größe 1/2"]


def test_points_are_read_apart_from_their_runs(store):
    store.add_sweep("points", {}, {}, {})
    trials = [trial_record(i, float(i)) for i in range(3)]
    store.add_trials("points", trials)
    (bare,) = store.trials("points", {1}, with_points=False).values()
    assert [run.points for run in bare.runs] == [[]]
    assert store.points("points", {1}) == {(1, run.seed): list(run.points) for run in trials[1].runs}


def test_json_of_records_may_hold_what_only_python_writes(store):
    store.add_sweep("settings", {"limit": math.inf, "none": math.nan, "count": 10**30}, {}, {})
    settings = store.sweep("settings")["settings"]
    assert (settings["limit"], settings["count"]) == (math.inf, 10**30)
    assert math.isnan(settings["none"])


def test_trials_are_kept_apart_by_sweep(store):
    store.add_sweep("b", {}, {}, {})
    store.add_trial("a", trial_record(0, 1.0))
    store.add_trial("b", trial_record(0, 2.0))
    assert [store.trials(name)[0].score for name in ("a", "b")] == [1.0, 2.0]


def test_names_are_taken_once(store):
    with pytest.raises(InputError, match="sweep 'a' is recorded already: is it running twice"):
        store.add_sweep("a", {}, {}, {})
    store.add_trial("a", trial_record(3))
    with pytest.raises(InputError, match="trial 3 of sweep 'a' is recorded already"):
        store.add_trial("a", trial_record(3, 2.0))
    assert store.trials("a")[3].score == 1.0


def test_a_transaction_is_recorded_as_one(store):
    def write(times):
        with store.transaction():
            store.add_sweep("b", {}, {}, {})
            for _ in range(times):
                store.add_trial("b", trial_record(3))

    with pytest.raises(InputError, match="trial 3 of sweep 'b' is recorded already"):
        write(2)
    assert "a" in store
    assert "b" not in store
    with store.transaction():
        write(1)
        assert "b" not in Store(store.path), "another reader sees nothing of an open transaction"
    assert list(store.trials("b")) == [3]


class Unwritable(dict):
    """Metrics that no row can be made of."""

    def items(self):
        raise RuntimeError("no row can be made of this")


def test_a_trial_is_in_it_wholly_or_not_at_all(store):
    whole = trial_record(0, seeds=(0, 1))
    broken = PointRecord(5, 0.0, 0.0, 1.0, Unwritable())
    with pytest.raises(RuntimeError, match="no row"):
        store.add_trial("a", trial_record(0, runs=[*whole.runs, RunRecord(2, "completed", 1.0, 5, 0.1, {}, [broken])]))
    twice = trial_record(0, runs=[whole.runs[0], whole.runs[0]])
    with pytest.raises(InputError):
        store.add_trial("a", twice)
    assert tables(store.path) == {"sweeps": 1, "trials": 0, "runs": 0, "points": 0}
    store.add_trial("a", whole)
    assert tables(store.path) == {"sweeps": 1, "trials": 1, "runs": 2, "points": 4}


def tables(path):
    with sqlite3.connect(path) as connection:
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in ("sweeps", "trials", "runs", "points")
        }


def test_a_trial_belongs_to_a_sweep(store):
    with pytest.raises(InputError):
        store.add_trial("nobody", trial_record())
    assert tables(store.path)["trials"] == 0


def test_a_process_that_dies_while_it_makes_the_store_leaves_one_that_can_be_used(tmp_path, monkeypatch):
    def die():
        raise KeyboardInterrupt

    monkeypatch.setattr(stores, "now", die)
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path / "store.sqlite").add_sweep("a", {}, {}, {})
    monkeypatch.undo()
    Store(tmp_path / "store.sqlite").add_sweep("a", {}, {}, {})
    assert Store(tmp_path / "store.sqlite").names() == ["a"]


def test_sweeps_that_begin_together_make_one_store(tmp_path):
    barrier = threading.Barrier(8)

    def begin(number):
        store = Store(tmp_path / "store.sqlite")
        barrier.wait()
        store.add_sweep(str(number), {}, {}, {})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(begin, range(8)))
    assert sorted(Store(tmp_path / "store.sqlite").names()) == [str(number) for number in range(8)]


def test_reading_makes_no_file(tmp_path):
    store = Store(tmp_path / "new" / "store.sqlite")
    assert store.names() == []
    with pytest.raises(InputError, match=r"unknown sweep 'a' in .*store.sqlite: known are none"):
        store.sweep("a")
    assert list(tmp_path.iterdir()) == []


def test_reading_by_url_makes_no_file(tmp_path):
    assert Store(f"sqlite:///{tmp_path}/store.sqlite").names() == []
    assert list(tmp_path.iterdir()) == []


def test_a_store_by_path_and_by_url_is_the_same(store):
    assert Store(f"sqlite:///{store.path}").names() == Store(str(store.path)).names() == ["a"]


@pytest.mark.parametrize(
    "name",
    [
        "with space.sqlite",
        "größe#1.sqlite",
        "what?.sqlite",
        "a%20b.sqlite",
    ],
)
def test_any_file_name_will_do(tmp_path, name):
    Store(tmp_path / name).add_sweep("a", {}, {}, {})
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert Store(tmp_path / name).names() == ["a"]


def test_location_is_from_the_environment_if_not_given(tmp_path, monkeypatch):
    monkeypatch.setenv("ARL_STORE", str(tmp_path / "mine.sqlite"))
    assert Store().path == tmp_path / "mine.sqlite"
    monkeypatch.delenv("ARL_STORE")
    assert str(Store().path) == "results/store.sqlite"


def foreign_sqlite(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")


def of_another_version(path):
    Store(path).add_sweep("a", {}, {}, {})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE arl_store SET schema_version = 99")


def text(path):
    path.write_text("hello, world\n" * 100)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (foreign_sqlite, "is no arl store: it holds the tables songs"),
        (of_another_version, "must have schema version 4, got 99, made by a newer version of arl"),
        (text, "is no arl store: file is not a database"),
    ],
)
def test_foreign_files_are_refused_and_left_as_they_are(tmp_path, make, message):
    path = tmp_path / "file.sqlite"
    make(path)
    before = path.read_bytes()
    with pytest.raises(InputError, match=message):
        Store(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("url", ["nosuch://x", "://", "postgresql+nosuch://x"])
def test_urls_of_nothing_are_refused(url):
    with pytest.raises(InputError, match="store must be a file or an SQLAlchemy URL"):
        Store(url)


def test_a_locked_store_is_one_line(store):
    impatient = f"sqlite:///{store.path}?timeout=0.05"
    opened = Store(impatient)
    holder = sqlite3.connect(store.path)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(InputError, match=r"store 'sqlite:.*' can't be written: database is locked$"):
        opened.add_trial("a", trial_record())
    for read in (opened.names, lambda: opened.sweep("a"), lambda: opened.trials("a"), lambda: Store(impatient)):
        with pytest.raises(InputError, match=r"store 'sqlite:.*' can't be read: database is locked$"):
            read()
    holder.close()
    opened.add_trial("a", trial_record())


@pytest.mark.parametrize(
    ("pragma", "cause"),
    [("max_page_count=1", "database or disk is full"), ("query_only=1", "attempt to write a readonly database")],
)
def test_a_store_that_can_not_be_written_is_one_line(tmp_path, pragma, cause):
    store = Store(tmp_path / "store.sqlite")
    sa.event.listen(store._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA {pragma}"))
    with pytest.raises(InputError, match=rf"store '.*store.sqlite' can't be written: {cause}$"):
        store.add_sweep("a", {}, {}, {})


def test_a_store_waits_for_a_lock_that_is_let_go(store):
    holder = sqlite3.connect(store.path, check_same_thread=False)
    holder.execute("BEGIN EXCLUSIVE")
    threading.Timer(0.2, holder.close).start()
    store.add_trial("a", trial_record())
    assert len(store.trials("a")) == 1


def test_a_directory_is_no_store(tmp_path):
    with pytest.raises(InputError):
        Store(tmp_path).add_sweep("a", {}, {}, {})


def test_a_store_can_not_lie_in_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        Store(tmp_path / "file" / "store.sqlite").add_sweep("a", {}, {}, {})


def test_outlines_of_some_sweeps_read_no_trial_of_others(store):
    store.add_sweep("b", {}, {}, {})
    for name in ("a", "b"):
        store.add_trial(name, trial_record(0, 1.0))
    assert [outline.name for outline in store.outlines()] == ["a", "b"]
    statements = []
    sa.event.listen(store._engine, "before_cursor_execute", lambda *call: statements.append(call[2:4]))
    (outline,) = store.outlines(["b"])
    assert (outline.name, list(outline.trials)) == ("b", [0])
    assert [values for text, values in statements if "FROM trials" in text] == [("b",)]
