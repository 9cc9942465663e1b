"""A store on a real PostgreSQL server: records, claims and a race for the same sweep."""

import concurrent.futures
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa
import test_cluster_faults
import tiny
from test_cluster import assert_same
from tiny import FIDELITY

import hpo
from arl.errors import InputError
from arl.records import outlines
from arl.records.store import ComparisonRecord, Store

PROGRAMS = ("initdb", "postgres")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Return the URL of a server that is started for these tests, on a socket in a folder."""
    pytest.importorskip("psycopg")
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        pytest.skip(f"these tests need a PostgreSQL server, got no {missing[0]}")
    folder = tmp_path_factory.mktemp("pg")
    demoted = as_nobody(folder) if os.getuid() == 0 else {}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **demoted}
    subprocess.run(["initdb", "-D", folder / "data", "-U", "arl", "--auth=trust"], check=True, **quiet)
    options = ["-D", folder / "data", "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"]
    process = subprocess.Popen(["postgres", *options], **quiet)
    url = f"postgresql+psycopg://arl@/postgres?host={folder}"
    wait_for(folder / ".s.PGSQL.5432")
    yield url
    process.send_signal(signal.SIGINT)  # SIGTERM would wait for the connections of the pool
    process.wait()


def as_nobody(folder):
    """Return the arguments that run a program as another user: the server refuses to be run by root."""
    user = pwd.getpwnam("nobody")
    for path in (folder, *folder.parents[:3]):
        path.chmod(0o755)
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid}


def wait_for(socket):
    end = time.monotonic() + 30
    while not socket.exists():
        assert time.monotonic() < end, "the server has not started"
        time.sleep(0.05)


def sweep(url, **settings):
    chosen = {"trials": 4, "seeds": 2, "objective": "table", "name": "a", **settings}
    return hpo.sweep("ppo/CartPole-v1", "sobol", store=url, **chosen)


def test_a_sweep_is_recorded_and_goes_on(server):
    first = sweep(server, trials=2)
    assert hpo.load_sweep("a", server) == first
    longer = sweep(server, trials=4)
    assert len(longer.records) == 4
    (outline,) = Store(server).outlines()
    assert (outlines.status(outline), len(outline.trials), outline.name) == ("done", 4, "a")


def test_a_sweep_that_runs_is_claimed(server):
    store, other = Store(server), Store(server)
    store.add_sweep("b", tiny.sweep_settings(trials=9).to_json(), {}, {"hyperparameters": []})
    with store.claim("b"):
        assert other.is_running("b")
        assert not other.is_running("a")
        with pytest.raises(InputError, match="sweep 'b' is running in another process"), other.claim("b"):
            pass
    assert not other.is_running("b")
    store.delete(["b"])


def test_a_comparison_is_recorded(server):
    record = ComparisonRecord("big", {"tasks": {}}, {}, [{"sweep": "a"}], {})
    Store(server).set_comparison(record)
    assert Store(server).comparisons() == [record]


RACE = """
import sys
import hpo
hpo.sweep("ppo/CartPole-v1", "sobol", trials=64, batch=1, seeds=2, objective="table", name="race", store=sys.argv[1])
"""


def test_of_two_that_run_the_same_sweep_one_is_told(server):
    race = [subprocess.Popen([sys.executable, "-c", RACE, server], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate()[1] for process in race]
    assert len(hpo.load_sweep("race", server).records) == 64
    assert 0 in [process.returncode for process in race]
    for process, error in zip(race, errors, strict=True):
        last = error.strip().splitlines()[-1] if error.strip() else ""
        assert process.returncode == 0 or "another process" in last


def test_several_make_the_tables_at_once(server):
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text("CREATE DATABASE fresh"))
    engine.dispose()

    def begin(number):
        store = Store(server.replace("/postgres?", "/fresh?"))
        store.add_sweep(str(number), tiny.sweep_settings(trials=9).to_json(), {}, {"hyperparameters": []})
        return store.names()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        names = list(pool.map(begin, range(8)))
    assert {name for seen in names for name in seen} == {str(number) for number in range(8)}


def drive(folder, url, name, seeds):
    """Start a sweep with a worker of its own, of some 30 s, which are spent in pauses of its tuner."""
    words = [*test_cluster_faults.sweep("local:1", name, 5, seeds), "--store", url]
    command = [Path(sys.executable).with_name("arl"), *map(str, words)]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_drivers_of_clusters_write_at_once_but_not_to_one_sweep(server, tmp_path):
    """Three drivers start together: one of a sweep, and two of another, of which one is told."""
    seeds = {"one": 1, "two": 2}
    drivers = [drive(tmp_path, server, name, seeds[name]) for name in ("one", "two", "two")]
    said = [driver.communicate(timeout=480)[1] for driver in drivers]
    assert drivers[0].returncode == 0, said
    assert sorted(driver.returncode for driver in drivers[1:]) == [0, 2], said
    refused = next(text for driver, text in zip(drivers, said, strict=True) if driver.returncode)
    assert refused.splitlines()[-1].startswith("arl: sweep 'two' is running in another process")
    outlines = Store(server).outlines(list(seeds))
    assert max(outline.created_at for outline in outlines) < min(outline.ended_at for outline in outlines)
    settings = {"space": "full", "fidelity": FIDELITY, "trials": 7, "batch": 2, "store": tmp_path / "straight.sqlite"}
    for name, number in seeds.items():
        straight = hpo.sweep("ppo/ProbeMatching", tiny.Halving, seeds=number, name=name, **settings)
        assert_same(hpo.load_sweep(name, server), straight)


def test_a_driver_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(InputError, match=r"needs the module 'psycopg', pip install 'autorl-sweeps\[postgres\]'"):
        Store("postgresql+psycopg://arl@/postgres")
