"""Building landscapes: resumable, prolongable, and the same files whatever happened on the way."""

import dataclasses

import pandas as pd
import pytest
import tiny

from arl.errors import InputError
from arl.records.store import Store
from hpo import build_landscape, sweeps, tasks

CONFIGS, SEEDS = 5, 2


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Return a function that builds landscapes of the tiny task, a few configs at a time."""
    task = tiny.task()
    monkeypatch.setattr(tasks, "get", lambda *names: task)
    monkeypatch.setattr(build_landscape, "BATCH", 2)


@pytest.fixture
def build(tmp_path):
    def build(name, configs=CONFIGS, seeds=SEEDS, view=sweeps.View):
        out, store = tmp_path / name, Store(tmp_path / f"{name}.sqlite")
        return build_landscape.build("ppo/ProbeMatching", configs, seeds, "full", out, store, view)

    return build


class Killed(sweeps.View):
    """Ends the build after a few trials."""

    def __init__(self):
        self.left = 3

    def trial(self, record):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def test_a_killed_build_ends_with_the_same_files(build):
    whole = build("whole")
    with pytest.raises(KeyboardInterrupt):
        build("killed", view=Killed)
    resumed = build("killed")
    assert resumed.metadata == whole.metadata
    assert resumed.name == f"ppo/ProbeMatching@own@{tiny.FIDELITY}"
    assert resumed.metadata["files"]


def test_a_longer_landscape_holds_the_shorter_one(build):
    short = build("growing", configs=3, seeds=1).runs
    long = build("growing")
    assert (len(short), len(long.configs), long.seeds) == (4, CONFIGS + 1, [0, 1])
    shared = long.runs[(long.runs.seed == 0) & (long.runs.config < 4)].reset_index(drop=True)
    pd.testing.assert_frame_equal(shared, short)
    with pytest.raises(InputError, match=r"configs must be at least the 5 that .* holds of this landscape, got 3"):
        build("growing", configs=3)
    with pytest.raises(InputError, match=r"seeds must be at least the 2 that .* holds, got 1"):
        build("growing", seeds=1)


class Started(sweeps.View):
    """Notes how many trials of each sweep were on record."""

    recorded: list[int] = []

    def started(self, plan, name, num_recorded):
        self.recorded.append(num_recorded)


def test_no_seed_is_lost_or_trained_again_without_the_store(build, tmp_path):
    whole = build("whole")
    (tmp_path / "whole.sqlite").unlink()
    Started.recorded.clear()
    assert build("whole", view=Started).metadata == whole.metadata
    assert Started.recorded == [CONFIGS + 1, CONFIGS + 1]


def test_a_restore_that_was_killed_goes_on(build, tmp_path, monkeypatch):
    whole = build("whole")
    (tmp_path / "whole.sqlite").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(Store, "add_trials", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build("whole")
    Started.recorded.clear()
    assert build("whole", view=Started).metadata == whole.metadata
    assert Started.recorded == [CONFIGS + 1, CONFIGS + 1]


def test_a_shorter_landscape_is_taken_from_a_longer_one(build, tmp_path, monkeypatch):
    build("whole")
    (parent,) = (tmp_path / "whole").iterdir()
    monkeypatch.setenv("ARL_LANDSCAPES", str(parent.parent))
    Started.recorded.clear()
    assert build("short", configs=2, seeds=1, view=Started).metadata["num_configs"] == 3
    assert Started.recorded == [3]


def test_another_task_s_landscape_is_not_written_over(build, monkeypatch):
    build("whole")
    task = tasks.get()
    wider = dataclasses.replace(task, fidelity=task.fidelity + 20)
    monkeypatch.setattr(tasks, "get", lambda *names: wider)
    monkeypatch.setattr(tasks.Task, "landscape", task.landscape)
    with pytest.raises(InputError, match=r"holds a landscape with other settings: choose another --out"):
        build("whole")


def test_a_landscape_goes_on_without_its_store(build, tmp_path):
    whole = build("whole")
    build("moved", configs=3, seeds=1)
    (tmp_path / "moved.sqlite").unlink()
    Started.recorded.clear()
    moved = build("moved", view=Started)
    assert Started.recorded == [4, 0]
    assert moved.metadata == whole.metadata
