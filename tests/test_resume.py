"""Resuming is replay: however a sweep was stopped, the same command finishes it to the records of a straight one."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import tiny
from tiny import FIDELITY, Fickle, Halving, Listed, StopAfter, outcome

import hpo
import landscapes
from arl.errors import InputError
from arl.records import outlines
from arl.records.store import Store
from hpo.trial import Trial

ARL = Path(sys.executable).with_name("arl")


@pytest.fixture
def sweep(tmp_path):
    """Return a function that runs a sweep of the tiny task; the file of its store may be chosen."""

    def sweep(tuner=Halving, store="store", **settings):
        chosen = {"trials": 7, "seeds": 2, "batch": 2, "name": "a", **settings}
        return hpo.sweep(tiny.task(), tuner, store=tmp_path / f"{store}.sqlite", **chosen)

    return sweep


@pytest.fixture
def stop(sweep, tmp_path):
    """Begin a sweep, stop it after some trials, and return its record."""

    def stop(num, **settings):
        with pytest.raises(KeyboardInterrupt):
            sweep(view=StopAfter(num), **settings)
        return landscapes.load("a", tmp_path / "store.sqlite")

    return stop


@pytest.fixture
def trained(monkeypatch):
    """Return the ids of the trials that the parabola answered, a list that grows."""
    ids = []
    monkeypatch.setattr("hpo.objectives.training.Training", tiny.counting(ids))
    return ids


def assert_same(record, other):
    for frame, expected in zip(outcome(record), outcome(other), strict=True):
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)


@pytest.mark.parametrize("settings", [{"tuner": Halving}, {"tuner": "random"}, {"tuner": "sobol", "batch": 3}], ids=str)
@pytest.mark.parametrize("num", [1, 2, 3, 4, 6, 7])
def test_a_stopped_sweep_ends_as_a_straight_one(sweep, stop, trained, num, settings):
    stopped = stop(num, **settings)
    assert len(stopped.trials) == len(trained) == num
    resumed = sweep(**settings)
    assert sorted(trained) == list(range(7))
    assert_same(resumed, sweep(**settings, store="straight"))
    assert resumed.incumbent == sweep(**settings, store="straight").incumbent
    assert {i: resumed.records[i].finished_at for i in stopped.records} == finished(stopped)


def finished(record):
    return {number: trial.finished_at for number, trial in record.records.items()}


def test_a_sweep_may_be_stopped_again_and_again(sweep, stop, trained):
    for num in range(1, 8):
        stop(num)
    assert_same(sweep(), sweep(store="straight"))
    assert trained[:7] != sorted(trained[:7])
    assert len(trained) == 14


def test_a_sweep_does_not_go_on_in_another_precision(sweep, stop, trained, monkeypatch):
    def trains_in(dtype):
        monkeypatch.setattr(tiny, "PROVENANCE", {"jax": "0", "dtype": dtype})

    trains_in("float32")
    stop(3)
    trains_in("float32, products in tensorfloat32")
    with pytest.raises(
        InputError, match="'a' must go on in the precision of its runs, float32, got float32, products in"
    ):
        sweep()
    trains_in("float32")
    whole = sweep()
    trains_in("float32, products in tensorfloat32")
    assert_same(sweep(), whole)


def test_seconds_add_up_over_sessions(sweep, stop, trained):
    before = stop(3).timing
    after = sweep().timing
    assert (before["compile"], after["compile"]) == (1.0, 2.0)
    assert after["total"] > before["total"]


class Watching(Halving):
    """Notes the timing on record before each answer."""

    path: Path
    timings: list

    def ask(self, n):
        store = Store(self.path)
        Watching.timings.append(store.sweep("a")["timing"] if store.names() else {})
        return super().ask(n)


def test_timing_is_recorded_after_each_round(sweep, stop, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(Watching, "path", tmp_path / "store.sqlite", raising=False)
    monkeypatch.setattr(Watching, "timings", [], raising=False)
    before = stop(3, tuner=Watching).timing
    assert [timing.get("compile") for timing in Watching.timings] == [None, 1.0]
    assert Watching.timings[1]["total"] > 0
    Watching.timings.clear()
    after = sweep(tuner=Watching).timing
    assert [timing["compile"] for timing in Watching.timings] == [1.0, 1.0, 2.0, 2.0]
    totals = [timing["total"] for timing in (before, *Watching.timings, after)]
    assert totals == sorted(totals)
    assert totals[:3] == [before["total"]] * 3, "what is only read back changes nothing"


def test_children_go_on_from_agents_of_another_session(sweep, stop):
    stopped = stop(4)
    assert stopped.trials.fidelity.tolist() == [FIDELITY // 5] * 4
    assert_same(sweep(), sweep(store="straight"))


def test_a_tuner_that_answers_otherwise_is_reported(sweep, stop, trained, tmp_path):
    stopped = stop(1, tuner=Fickle, trials=1)
    with pytest.raises(InputError, match=r"tuner '.*Fickle' must ask the same when resumed: trial 0 is on record as {"):
        sweep(tuner=Fickle, trials=1)
    assert trained == [0]
    assert landscapes.load("a", tmp_path / "store.sqlite") == stopped


class Listening(Halving):
    """Notes all that it is told."""

    notes: list

    def __init__(self, space, fidelity):
        super().__init__(space, fidelity)
        Listening.notes = []

    def tell(self, results):
        super().tell(results)
        Listening.notes += [repr(result) for result in results]


def test_a_resumed_tuner_is_told_the_same_to_the_last_bit(sweep, trained):
    seeds = [997, 3, 500, 41]
    sweep(tuner=Listening, seeds=seeds)
    first = Listening.notes
    sweep(tuner=Listening, seeds=seeds)
    assert Listening.notes == first


class OtherIds(Listed):
    """Counts on from where the last sweep ended."""

    first = 0

    def __init__(self, space, fidelity):
        super().__init__([Trial(OtherIds.first + i, tiny.config(space, 1e-3 * (i + 1)), fidelity) for i in range(3)])


def test_a_tuner_that_forgets_its_trials_is_reported(sweep, stop, trained, monkeypatch):
    stop(2, tuner=OtherIds, trials=3, batch=1)
    monkeypatch.setattr(OtherIds, "first", 10)
    with pytest.raises(InputError, match="must ask the same when resumed"):
        sweep(tuner=OtherIds, trials=3, batch=1)
    assert len(trained) == 2


def command(store, *more, tuner="Halving", trials=7, fidelity=FIDELITY):
    """Return the command of a sweep as a user types it, of a slow tuner."""
    words = f"sweep ppo/ProbeMatching --space full --fidelity {fidelity} --trials {trials} --batch 2 --seeds 2 --name a"
    return [ARL, *words.split(), "--tuner", f"{tiny.__file__}:{tuner}", "--store", store, *more]


@pytest.fixture
def start(tmp_path):
    """Return a function that starts a command, which does not outlive the test."""
    begun = []

    def start(words):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        begun.append(subprocess.Popen(words, cwd=tmp_path, **pipes))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.communicate()


def wait_for(num, store, process):
    """Return the record of a running sweep as soon as it has so many trials."""
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        record = recorded(store)
        if record is not None and len(record.records) >= num:
            return record
        time.sleep(0.1)
    raise AssertionError(process.communicate())


def recorded(store):
    try:
        return landscapes.load("a", store)
    except InputError:  # there is no sweep yet
        return None


INTERRUPTED = "interrupted: finished trials are kept; the same command goes on from here\n"


def test_a_sweep_interrupted_and_then_killed_is_finished_by_the_same_command(tmp_path, start):
    store = tmp_path / "store.sqlite"
    words = command(store, "-o", "pause=1.0", "--json")

    process = start(words)
    wait_for(1, store, process)
    seconds, *said = interrupt(process)
    assert (process.returncode, said) == (130, ["", INTERRUPTED])
    assert seconds < 5
    interrupted = recorded(store)

    process = start(words)
    wait_for(4, store, process)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    killed = recorded(store)
    assert 1 <= len(interrupted.records) < len(killed.records) < 7

    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    resumed = recorded(store)
    for before in (interrupted, killed):
        assert resumed.records.items() >= before.records.items(), "nothing finished was trained or written again"

    straight = {"space": "full", "fidelity": FIDELITY, "trials": 7, "batch": 2, "seeds": 2}
    assert_same(resumed, hpo.sweep("ppo/ProbeMatching", Halving, **straight, store=tmp_path / "straight.sqlite"))


def interrupt(process):
    """Press Ctrl-C, and return the seconds until the process ended and what it printed."""
    started = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=240)
    return time.monotonic() - started, out, err


def test_ctrl_c_within_a_segment_ends_at_once(tmp_path, start):
    process = start(command(tmp_path / "store.sqlite", fidelity=10**9))
    assert process.stderr.readline().startswith("sweep a: ppo/ProbeMatching")
    wait_for(0, tmp_path / "store.sqlite", process)
    assert [outlines.status(outline) for outline in Store(tmp_path / "store.sqlite").outlines()] == ["running"]
    again = subprocess.run(command(tmp_path / "store.sqlite", fidelity=10**9), capture_output=True, text=True)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.splitlines()[-1] == (
        "arl: sweep 'a' is running in another process: wait, or choose another --name"
    )
    seconds, out, err = interrupt(process)
    assert (process.returncode, out) == (130, "")
    assert err.endswith(INTERRUPTED)
    assert "Traceback" not in err
    assert seconds < 5
    (outline,) = Store(tmp_path / "store.sqlite").outlines()
    assert (outlines.status(outline), outline.trials) == ("stopped", {})


def test_ctrl_c_is_heard_within_a_callback(tmp_path):
    code = """
import gc, signal, sys
import hpo.cli.main
from hpo.cli import listings

def press(phase, info):
    gc.callbacks.remove(press)
    signal.raise_signal(signal.SIGINT)

def rows(*_):
    gc.callbacks.append(press)
    gc.collect()
    return []

listings.rows = rows
sys.argv = ["arl", "list", "tasks"]
hpo.cli.main.main()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == INTERRUPTED
