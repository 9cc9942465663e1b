"""A user's own `envs`, beside the script, hides the package of that name: it is said in one line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("arl", "envs", "hpo", "landscapes")
ROOT = Path(__file__).parent.parent


@pytest.fixture
def run(tmp_path):
    """Run a script in a folder, with the packages installed in another that comes after it on the path."""
    site, folder = tmp_path / "site", tmp_path / "project"
    site.mkdir()
    folder.mkdir()
    for package in PACKAGES:
        (site / package).symlink_to(ROOT / package)

    def run(code):
        script = folder / "script.py"
        script.write_text(code)
        env = {**os.environ, "PYTHONPATH": str(site)}
        return subprocess.run([sys.executable, script], env=env, cwd=folder, capture_output=True, text=True)

    return run


@pytest.mark.parametrize(
    "code",
    [
        "import arl",
        "import landscapes",
        "import hpo",
        "from hpo import tasks",
        "from hpo import Store",
        "from arl import algorithms",
    ],
)
def test_a_folder_that_hides_envs_is_named(run, tmp_path, code):
    folder = tmp_path / "project" / "envs"
    folder.mkdir()
    (folder / "__init__.py").touch()
    done = run(code)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: the folder '{folder}' hides the package 'envs' of arl: rename it or run from elsewhere"
    )


def test_a_file_that_hides_envs_is_named(run, tmp_path):
    (tmp_path / "project" / "envs.py").touch()
    last = run("import hpo").stderr.splitlines()[-1]
    assert last.startswith(f"ImportError: the file '{tmp_path / 'project' / 'envs.py'}' hides the package 'envs'")


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
