"""Tasks of the user's own: in a file, in a module of the current folder, or registered by a package."""

import sys
from importlib.metadata import EntryPoint

import pytest
import tiny

import hpo
from arl.errors import InputError
from arl.records.store import Store
from hpo import tasks
from hpo.cli import commands
from hpo.tasks import own_tasks

FILE = """
import dataclasses
import lengths
import hpo

TASK = dataclasses.replace(hpo.task("ppo/CartPole-v1", space=lengths.SPACE, fix={"gamma": 0.98}), num_points=4)
NUMBER = 1

def make():
    return TASK
"""
NEIGHBOUR = """
from ConfigSpace import ConfigurationSpace, Float
SPACE = ConfigurationSpace(space=[Float("env.length", (0.25, 1.0))])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, with a file of tasks that imports its neighbour in another folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "poles.py").write_text(FILE)
    (tmp_path / "mine" / "lengths.py").write_text(NEIGHBOUR)
    yield tmp_path
    for module in ("poles", "lengths"):
        sys.modules.pop(module, None)


@pytest.fixture
def registered(folder, monkeypatch):
    """Register a task as another package does."""
    monkeypatch.syspath_prepend(folder / "mine")
    entry = EntryPoint("poles", "poles:TASK", own_tasks.GROUP)
    monkeypatch.setattr(own_tasks, "registered", lambda: {"poles": entry})


@pytest.mark.parametrize("name", ["mine/poles.py:TASK", "mine/poles.py:make"])
def test_a_file_has_a_task_or_a_function_that_makes_it(folder, name):
    task = tasks.get(name)
    assert (task.name, task.algorithm_name, task.env_name, task.num_points) == (name, "ppo", "CartPole-v1", 4)
    assert list(task.space) == ["env.length"]
    assert task.fixed["gamma"] == 0.98
    assert not task.imported


def test_a_module_of_the_current_folder_has_a_task(folder, monkeypatch):
    monkeypatch.chdir(folder / "mine")
    assert tasks.get("poles:TASK").num_points == 4


def test_a_package_registers_a_task(registered):
    assert tasks.get("poles").num_points == 4
    assert tasks.summaries()[-1] == ("poles", "own", tasks.get("poles").fidelity, 1, 4, 128)


@pytest.mark.parametrize(
    ("name", "settings", "line"),
    [
        ("mine/poles.py:NUMBER", {}, "must be a Task or a function that returns one, got int"),
        ("mine/poles.py:POLES", {}, "unknown name 'POLES'"),
        ("mine/nowhere.py:TASK", {}, "does not import: FileNotFoundError"),
        ("mine/poles.py:TASK", {"space": "space.yaml"}, "space of task 'mine/poles.py:TASK' must be its own"),
        ("mine/poles.py:TASK", {"fidelity": 7}, "fidelity of task 'mine/poles.py:TASK' must be its own"),
    ],
)
def test_what_is_no_task_is_refused(folder, name, settings, line):
    with pytest.raises(InputError, match=line):
        tasks.get(name, **settings)


@pytest.fixture
def swept(folder):
    """Return a function that runs a sweep of the file's task."""

    def swept(**settings):
        return hpo.sweep(
            "mine/poles.py:TASK", objective=Lengths, name="poles", store=folder / "store.sqlite", **settings
        )

    return swept


class Lengths(tiny.Parabola):
    """Scores the length of the pole."""

    def evaluate(self, trials, on_segment):
        for trial in trials:
            runs = [tiny.run_record(seed, trial.config["env.length"]) for seed in self.seeds_of(trial)]
            yield tiny.results.trial_record(trial, runs)


def test_a_sweep_records_the_task_by_its_source_and_its_command_repeats_it(swept, folder):
    record = swept(trials=2)
    command = commands.of_sweep(record)
    assert command[:3] == ["arl", "sweep", "mine/poles.py:TASK"]
    assert "--space" not in command
    assert command[command.index("--fix") + 1] == "gamma=0.98"
    assert set(Store(folder / "store.sqlite").sweep("poles")["settings"]["user_files"]) >= {"mine/poles.py"}
    again = swept(trials=3, fix={"gamma": 0.98})
    assert len(again.records) == 3
    assert "poles" in repr(again)


def test_a_sweep_does_not_go_on_with_a_task_that_was_edited(swept, folder):
    swept(trials=2)
    (folder / "mine" / "poles.py").write_text(FILE + "# edited\n")
    with pytest.raises(InputError, match=r"mine/poles\.py has changed since sweep 'poles' was recorded"):
        swept(trials=3)
