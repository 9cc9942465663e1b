"""A sweep rests on the user's own files: it does not go on when one of them was edited."""

import dataclasses
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from ConfigSpace import ConfigurationSpace

import hpo
from arl.errors import InputError
from arl.records import user_files
from arl.records.store import Store
from hpo import tasks
from hpo.tasks import registry

TUNER = "import tiny\nclass Mine(tiny.Halving): pass\n"
OBJECTIVE = "import tiny\nclass Mine(tiny.Parabola): pass\n"
SHA_OF_EMPTY = hashlib.sha256(b"").hexdigest()


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Return a function that runs a sweep of the tiny task under one name, in the folder of the user's files."""
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "store.sqlite")

    def sweep(tuner="random", objective=tiny.Parabola, trials=2, **changes):
        task = dataclasses.replace(tiny.task(), **changes)
        return hpo.sweep(task, tuner, objective=objective, trials=trials, batch=2, name="a", store=store)

    return sweep


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (TUNER, {"tuner": "mine.py:Mine"}),
        (OBJECTIVE, {"objective": "mine.py:Mine"}),
        ("", {"fixed": {**tiny.task().fixed, "network": "mine.py:Net"}}),
        ("", {"env_name": "mine.py:Maze?size=5"}),
    ],
    ids=["tuner", "objective", "network", "env"],
)
def test_a_sweep_does_not_go_on_with_a_file_that_was_edited(sweep, tmp_path, text, asked):
    file = tmp_path / "mine.py"
    file.write_text(text)
    record = sweep(**asked)
    assert sweep(**asked).trials.equals(record.trials)
    file.write_text(text + "# edited\n")
    with pytest.raises(InputError) as caught:
        sweep(**asked, trials=4)
    assert str(caught.value) == (
        "mine.py has changed since sweep 'a' was recorded: choose another --name, or delete the record by "
        "`arl delete a --yes`"
    )
    file.write_text(text)
    assert len(sweep(**asked, trials=4).trials) == 4


def test_an_edited_file_makes_no_difference_to_a_sweep_recorded_without_checksums(sweep, tmp_path):
    (tmp_path / "mine.py").write_text(TUNER)
    sweep("mine.py:Mine")
    store = Store(tmp_path / "store.sqlite")
    settings = dict(store.sweep("a")["settings"])
    assert settings.pop("user_files")["mine.py"] == hashlib.sha256(TUNER.encode()).hexdigest()
    store.set_settings("a", settings)
    (tmp_path / "mine.py").write_text(TUNER + "# edited\n")
    assert len(sweep("mine.py:Mine", trials=4).trials) == 4
    assert "mine.py" in store.sweep("a")["settings"]["user_files"], "from now on it is compared"


def test_the_network_of_each_choice_and_the_module_of_tasks_are_among_a_tasks_sources(monkeypatch):
    space = ConfigurationSpace(name="networks", space={"network": ["mlp", "mine.py:Net"]})
    task = dataclasses.replace(tiny.task(), space=space)
    monkeypatch.setitem(registry.MODULES, "ppo", "theirs.tasks")
    sources = tasks.sources(task)
    assert sources == ["ProbeMatching", "theirs.tasks:SETTINGS", "mlp", "mine.py:Net"]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a package `theirs` of the user's with a module `maze`, both empty."""
    folder = tmp_path / "theirs"
    folder.mkdir()
    for name in ("__init__.py", "maze.py"):
        (folder / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in ("theirs", "theirs.maze"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("source", "name"), [("theirs:Maze", "theirs/__init__.py"), ("theirs.maze:Maze", "theirs/maze.py")]
)
def test_a_module_has_the_name_of_its_file(package, source, name):
    assert user_files.checksums([source]) == {name: SHA_OF_EMPTY}


def test_a_class_stands_for_its_module():
    assert list(user_files.checksums([tiny.Halving])) == ["tiny.py"]


@pytest.mark.parametrize(
    "source",
    [
        "random",
        "hpo.build_landscape:DefaultThenSobol",
        "nowhere:Maze",
        "nowhere.py:Maze",
        type("Mine", (), {"__module__": "__main__"}),
        type("Mine", (), {"__module__": "of_a_notebook"}),
    ],
)
def test_what_has_no_file_of_the_users_has_no_checksum(source):
    assert user_files.checksums([source]) == {}


@pytest.fixture
def loaded(tmp_path):
    """Return a function that loads an object as the command line does, and returns what its attribute `origin` is."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "tuner.py").write_text(
        "import helpers, rich\nclass Mine: origin = helpers.NAME, rich.__file__"
    )
    (tmp_path / "mine" / "helpers.py").write_text("NAME = 'the neighbour'")
    (tmp_path / "mine" / "rich.py").write_text("raise SystemExit('it hides the library')")

    def loaded(path, folder):
        code = f"from arl.errors import load_object; print(*load_object({path!r}, 'tuner').origin)"
        command = [sys.executable, "-P", "-c", code]  # without the current folder on the path, as the command has it
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True).stdout

    return loaded


@pytest.mark.parametrize(("path", "folder"), [("mine/tuner.py:Mine", "."), ("tuner:Mine", "mine")])
def test_a_file_imports_its_neighbours_and_a_module_is_found_in_the_current_folder(loaded, tmp_path, path, folder):
    name, library = loaded(path, tmp_path / folder).split(" /")
    assert name == "the neighbour"
    assert library.strip().endswith("rich/__init__.py"), "a neighbour hides no installed module"
