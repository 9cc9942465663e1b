"""A user's file or folder beside the script that hides one of our packages is named in one line."""

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from arl.hidden_packages import PACKAGES

ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(tmp_path):
    """Run a script in a folder, with the packages installed in another that comes after it on the path."""
    site, folder = tmp_path / "site", tmp_path / "project"
    site.mkdir()
    folder.mkdir()
    for package in PACKAGES:
        (site / package).symlink_to(ROOT / package)

    def run(code, name="script.py"):
        script = folder / name
        script.write_text(code)
        env = {**os.environ, "PYTHONPATH": str(site)}
        return subprocess.run([sys.executable, script], env=env, cwd=folder, capture_output=True, text=True)

    return run


@pytest.mark.parametrize(("hidden", "importing"), [*itertools.permutations(PACKAGES, 2)])
def test_a_folder_that_hides_a_package_is_named(run, tmp_path, hidden, importing):
    folder = tmp_path / "project" / hidden
    folder.mkdir()
    (folder / "__init__.py").write_text("print('it is not run')")
    done = run(f"import {importing}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: the folder '{folder}' hides the package '{hidden}' of arl: rename it or run from elsewhere"
    )


@pytest.mark.parametrize("code", ["from hpo import tasks", "from hpo import Store", "from arl import algorithms"])
def test_a_folder_is_named_whatever_is_imported(run, tmp_path, code):
    (tmp_path / "project" / "envs").mkdir()
    (tmp_path / "project" / "envs" / "__init__.py").touch()
    assert "hides the package 'envs' of arl" in run(code).stderr.splitlines()[-1]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_file_that_hides_a_package_is_named(run, tmp_path, name):
    file = tmp_path / "project" / f"{name}.py"
    file.touch()
    last = run("import landscapes" if name != "landscapes" else "import hpo").stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: the file '{file}' hides the package '{name}' of arl")


def test_a_script_that_hides_arl_is_named(run, tmp_path):
    done = run("import hpo\nhpo.sweep", name="arl.py")
    file = tmp_path / "project" / "arl.py"
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: the file '{file}' hides the package 'arl' of arl")


def test_a_folder_that_was_imported_already_is_named(run, tmp_path):
    (tmp_path / "project" / "envs").mkdir()
    (tmp_path / "project" / "envs" / "__init__.py").touch()
    assert "hides the package 'envs' of arl" in run("import envs\nimport hpo").stderr.splitlines()[-1]


def test_a_folder_without_init_hides_nothing(run, tmp_path):
    (tmp_path / "project" / "envs").mkdir()
    done = run("import hpo, envs\nprint(envs.names()[0])")
    assert done.stdout == "CartPole-v1\n", done.stderr


def test_without_such_a_folder_all_is_well(run):
    done = run("import hpo, arl, landscapes, envs\nprint(envs.spec('CartPole-v1').episode_limit)")
    assert done.stdout == "500\n", done.stderr


@pytest.mark.parametrize("name", ["hpo", "landscapes", "optuna"])
def test_a_file_given_by_its_path_hides_no_module_of_its_name(run, tmp_path, name):
    (tmp_path / "project" / "mine").mkdir()
    (tmp_path / "project" / "mine" / f"{name}.py").write_text("class Mine: pass")
    load = f"from arl import errors; errors.load_object('mine/{name}.py:Mine', 'tuner')"
    done = run(f"{load}\nimport {name}\nprint({name}.__file__)")
    assert done.stdout.endswith(f"{name}/__init__.py\n"), done.stderr
