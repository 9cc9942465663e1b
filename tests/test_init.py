"""`arl init`: a folder to start from, whose files all run."""

import examples
import notebooks
import pytest

from arl.errors import InputError
from envs.testing import check_env
from hpo.cli import init
from hpo.testing import check_tuner


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return the current folder, which has the files."""
    init.write(tmp_path / "mine")
    monkeypatch.chdir(tmp_path / "mine")
    return tmp_path / "mine"


def test_the_command_says_what_it_wrote_and_what_to_try(tmp_path):
    shown = examples.run_commands("arl init mine", tmp_path)
    assert shown.splitlines()[0].split(maxsplit=1) == ["mine/tuner.py", init.COMMANDS["tuner.py"]]
    assert {path.name for path in (tmp_path / "mine").iterdir()} == set(init.COMMANDS)
    assert {path.name for path in init.PROJECT.iterdir() if path.is_file()} == set(init.COMMANDS)


def test_nothing_is_written_over(tmp_path):
    (tmp_path / "env.py").write_text("mine")
    with pytest.raises(InputError, match=r"^folder must not have a env\.py yet, got '.*env\.py'$"):
        init.write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["env.py"]


def test_the_tuner_and_the_env_keep_their_contracts(project):
    check_tuner("tuner.py:Mine")
    check_env("env.py:Corridor")


@pytest.mark.slow
def test_what_is_to_be_tried_runs(project):
    commands = [command for command in init.COMMANDS.values() if command.startswith("arl ")]
    assert len(commands) == len(init.COMMANDS) - 1, "all but the notebook"
    examples.run_commands("\n".join(commands), project)


def test_the_notebook_runs(project):
    outputs = notebooks.execute(project / "sweeps.ipynb", project)
    for parts in (outputs[0], outputs[2], outputs[3]):
        assert "<svg" in parts[-1]
