"""Workers, drivers and schedulers in processes of their own, which are killed, cut off, restarted or unfit; and TLS."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
import venv
from pathlib import Path

import distributed
import psutil
import pytest
import tiny
from test_cluster import assert_same
from tiny import FIDELITY

import hpo
from arl.records.store import Store
from hpo.cluster import connection
from hpo.cluster.connection import Cluster

pytestmark = pytest.mark.slow

BIN = Path(sys.executable).parent
FILE = "run/scheduler.json"


def sweep(cluster, name="a", pause=0.5, seeds=2):
    """Return the words of a sweep, whose tuner pauses before each answer, on a cluster."""
    words = (
        f"sweep ppo/ProbeMatching --space full --fidelity {FIDELITY} --trials 7 --batch 2 --name {name} --seeds {seeds}"
    )
    tuner = ("--tuner", f"{tiny.__file__}:Halving", "-o", f"pause={pause}")
    return (*words.split(), *tuner, "--cluster", cluster, "--cluster-wait", 60)


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a command, which does not outlive the test."""
    begun = []

    def start(program, *words, prefix=(), **environment):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        command = [*prefix, BIN / program, *map(str, words)]
        environment = {**os.environ, **environment}
        begun.append(subprocess.Popen(command, cwd=tmp_path, env=environment, start_new_session=True, **pipes))
        return begun[-1]

    yield start
    for process in begun:
        for child in psutil.Process(process.pid).children(recursive=True) if process.poll() is None else ():
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.fixture(scope="module")
def straight(tmp_path_factory):
    """Return the record of the sweep without a cluster."""
    store = tmp_path_factory.mktemp("straight") / "store.sqlite"
    settings = {"space": "full", "fidelity": FIDELITY, "trials": 7, "batch": 2, "seeds": 2}
    return hpo.sweep("ppo/ProbeMatching", tiny.Halving, store=store, **settings)


def workers_of(process):
    """Return the processes that train for an `arl worker`, once they have begun."""
    end = time.monotonic() + 60
    while not (children := psutil.Process(process.pid).children()):
        assert time.monotonic() < end, process.communicate()
        time.sleep(0.2)
    return children


def wait_for_trials(num, folder, process):
    path, end = folder / "results" / "store.sqlite", time.monotonic() + 240
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and "a" in (store := Store(path)) and len(store.trials("a")) >= num:
            return
        time.sleep(0.2)
    raise AssertionError(process.communicate())


def assert_ends_as(straight, driver, folder):
    said, _ = driver.communicate(timeout=240)
    assert driver.returncode == 0, said
    assert_same(hpo.load_sweep("a", folder / "results" / "store.sqlite"), straight)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_workers_and_drivers_may_be_killed(tmp_path, start, straight):
    """A worker is killed, and another takes its place; then the driver is, and the same command finishes the sweep."""
    workers = start("arl", "worker", FILE, "--processes", 1)
    driver = start("arl", *sweep(FILE))
    wait_for_trials(1, tmp_path, driver)
    workers_of(workers)[0].kill()
    wait_for_trials(3, tmp_path, driver)
    os.killpg(driver.pid, signal.SIGKILL)
    assert_ends_as(straight, start("arl", *sweep(FILE)), tmp_path)
    ended, _ = workers.communicate(timeout=60)
    assert "another takes its place" in ended
    assert ended.endswith("the scheduler has ended\n")


def test_a_finished_sweep_waits_for_no_worker(tmp_path, start, straight):
    workers = start("arl", "worker", FILE, "--processes", 1)
    assert_ends_as(straight, start("arl", *sweep(FILE)), tmp_path)
    workers.communicate(timeout=60)
    assert_ends_as(straight, start("arl", *sweep(FILE)), tmp_path)


def test_a_scheduler_may_be_restarted(tmp_path, start, straight):
    """A scheduler of Dask's own is killed, and another at its address takes its place, while the driver runs."""
    port = free_port()
    scheduler = ("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard")
    first = start("dask", *scheduler)
    start("arl", "worker", f"tcp://127.0.0.1:{port}", "--processes", 2)
    driver = start("arl", *sweep(f"tcp://127.0.0.1:{port}"))
    wait_for_trials(3, tmp_path, driver)
    os.killpg(first.pid, signal.SIGKILL)
    start("dask", *scheduler)
    assert_ends_as(straight, driver, tmp_path)


def test_a_sweep_has_one_driver(tmp_path, start, straight):
    start("arl", "worker", FILE, "--processes", 1)
    driver = start("arl", *sweep(FILE, pause=3))
    wait_for_trials(1, tmp_path, driver)
    second = start("arl", *sweep(FILE, pause=3))
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 2
    assert said.splitlines()[-1].startswith("arl: sweep 'a' is running in another process")
    assert_ends_as(straight, driver, tmp_path)


def test_a_stopped_worker_goes_on(tmp_path, start, straight):
    workers = start("arl", "worker", FILE, "--processes", 2)
    driver = start("arl", *sweep(FILE))
    wait_for_trials(1, tmp_path, driver)
    first = workers_of(workers)[0]
    first.suspend()
    time.sleep(5.0)
    first.resume()
    assert_ends_as(straight, driver, tmp_path)


AHEAD = """
import time

now = time.time
time.time = lambda: now() + 86400.0
"""


def test_clocks_may_be_apart(tmp_path, start, straight):
    """The worker's clock is a day ahead."""
    (tmp_path / "sitecustomize.py").write_text(AHEAD)
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH")]))
    start("arl", "worker", FILE, "--processes", 1, PYTHONPATH=path)
    assert_ends_as(straight, start("arl", *sweep(FILE)), tmp_path)


def test_a_worker_of_another_version_ends_with_one_line(start, monkeypatch):
    monkeypatch.setattr(connection, "_versions", lambda: {"jax": "0.1"})
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=":0") as scheduler,
        distributed.Client(scheduler, set_as_default=False) as client,
    ):
        made = Cluster(client)
        worker = start("arl", "worker", scheduler.scheduler_address)
        said, _ = worker.communicate(timeout=60)
        made.close()
    assert worker.returncode == 2
    assert said.splitlines()[-1].startswith("arl: jax must be the driver's 0.1, got ")


@pytest.fixture
def without(tmp_path):
    """Return a function that gives the Python of a virtual environment with all that is installed but one package."""

    def without(package):
        folder = tmp_path / "venv"
        venv.create(folder, symlinks=True)
        site = Path(sysconfig.get_path("purelib", vars={"base": folder, "platbase": folder}))
        for path in Path(sysconfig.get_path("purelib")).iterdir():
            if not path.name.startswith(package):
                (site / path.name).symlink_to(path)
        others = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        path = os.pathsep.join(place for place in others if not (Path(place) / package).exists())
        return folder / "bin" / "python", path

    return without


def test_a_worker_without_an_extra_ends_with_one_line(tmp_path, start, without):
    """The sweep goes on with the workers that have it."""
    pytest.importorskip("pgx")
    python, path = without("pgx")
    words = "--fidelity 256 --trials 2 --batch 1 --seeds 1 --fix num_envs=4 --fix num_steps=16 --episodes 4 --name a"
    driver = start(
        "arl", "sweep", "ppo/pgx/2048?return_range=0,1000", *words.split(), "--cluster", FILE, "--cluster-wait", 120
    )
    lacking = start(python, "-m", "hpo.cli", "worker", FILE, "--processes", 1, PYTHONPATH=path)
    said, _ = lacking.communicate(timeout=120)
    reason = "environment 'pgx/2048?return_range=0,1000' needs the package 'pgx': pip install 'autorl-sweeps[pgx]'"
    assert lacking.returncode == 2
    assert said.splitlines()[-1] == f"arl: {reason}"
    start("arl", "worker", FILE, "--processes", 1)
    said, _ = driver.communicate(timeout=240)
    assert driver.returncode == 0, said
    assert len([line for line in said.splitlines() if f"is not used: {reason}" in line]) == 1
    trials = hpo.load_sweep("a", tmp_path / "results" / "store.sqlite").trials
    assert trials["status"].tolist() == ["completed"] * 2


@pytest.fixture
def namespace():
    """Return a network namespace, the address of its end of a cable, and that of this machine's end, with its device."""
    if os.getuid() != 0 or shutil.which("ip") is None:
        pytest.skip("a network namespace needs root and the command ip")
    name, here, there = f"arl{os.getpid()}", f"a{os.getpid()}", f"b{os.getpid()}"

    def ip(*words, check=True):
        return subprocess.run(["ip", *words], check=check, capture_output=True)

    if ip("netns", "add", name, check=False).returncode != 0:
        pytest.skip("a network namespace can't be made here")
    ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
    ip("addr", "add", "10.213.7.1/30", "dev", here)
    ip("link", "set", here, "up")
    ip("-n", name, "addr", "add", "10.213.7.2/30", "dev", there)
    ip("-n", name, "link", "set", there, "up")
    ip("-n", name, "link", "set", "lo", "up")
    yield name, "10.213.7.1", here
    ip("netns", "delete", name)


def test_a_network_may_be_cut(tmp_path, start, straight, namespace):
    """The only worker is on another network, whose cable is pulled for longer than connections last."""
    name, host, device = namespace
    impatient = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "11s"}  # the least there is
    inside = ("ip", "netns", "exec", name)
    workers = start("arl", "worker", FILE, "--processes", 1, "--wait", 60, prefix=inside, **impatient)
    driver = start("arl", *sweep(FILE), "--cluster-host", host, **impatient)
    wait_for_trials(1, tmp_path, driver)
    subprocess.run(["ip", "link", "set", device, "down"], check=True)
    time.sleep(20.0)
    subprocess.run(["ip", "link", "set", device, "up"], check=True)
    assert_ends_as(straight, driver, tmp_path)
    ended, _ = workers.communicate(timeout=60)
    assert ended.endswith("the scheduler has ended\n")


@pytest.fixture
def certificate(tmp_path):
    """Return Dask's settings, as environment variables, of a certificate that has signed itself."""
    if shutil.which("openssl") is None:
        pytest.skip("certificates need openssl")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    words = f"req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=arl -keyout {key} -out {cert}"
    subprocess.run(["openssl", *words.split()], check=True, capture_output=True)
    tls = "DASK_DISTRIBUTED__COMM__TLS__"
    ends = {
        f"{tls}{end}__{kind}": str(path)
        for end in ("SCHEDULER", "WORKER", "CLIENT")
        for kind, path in {"KEY": key, "CERT": cert}.items()
    }
    return {**ends, f"{tls}CA_FILE": str(cert), "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True"}


def test_all_is_encrypted_by_settings_of_dask(tmp_path, start, straight, certificate):
    start("arl", "worker", FILE, "--processes", 1, **certificate)
    driver = start("arl", *sweep(FILE), **certificate)
    wait_for_trials(1, tmp_path, driver)
    address = connection.address_in(tmp_path / FILE)
    assert address.startswith("tls://")
    stranger = start("arl", "sweep", "ppo/ProbeMatching", "--cluster", address, "--cluster-wait", 3)
    said, _ = stranger.communicate(timeout=60)
    assert stranger.returncode == 2
    assert said.splitlines()[-1].startswith(f"arl: scheduler {address} needs a certificate: ")
    assert_ends_as(straight, driver, tmp_path)
