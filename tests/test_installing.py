"""The distribution: its name, version and extras, and what is installed from a wheel of it."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
import yaml

from arl import distribution
from arl.training import provenance

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = re.compile(rf"pip install '{distribution.NAME}\[(\w+)\]'")


def test_the_name_is_the_projects():
    assert PROJECT["name"] == distribution.NAME


def test_every_extra_that_documents_name_exists():
    pages = [ROOT / "README.md", *ROOT.glob("docs/*.md")]
    named = {extra for page in pages for extra in EXTRAS.findall(page.read_text())}
    assert {"brax", "gp"} <= named <= set(PROJECT["optional-dependencies"])
    assert EXTRAS.fullmatch(distribution.install("gp"))
    assert not [page for page in pages if "install 'arl" in page.read_text()], "arl is another project's name"


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert (citation["version"], citation["license"]) == (PROJECT["version"], PROJECT["license"])


def test_the_version_is_printed():
    command = [sys.executable, "-m", "hpo.cli", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == f"arl {distribution.version()}\n"


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("arl sw", ["sweep"]),
        ("arl sweep ppo/Ca", ["ppo/CartPole-v1"]),
        ("arl sweep --tuner ra", ["racing", "random"]),
    ],
)
def test_a_shell_completes_commands_tasks_and_tuners(typed, completed):
    asked = {"_ARL_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **asked}
    command = Path(sys.executable).with_name("arl")
    assert subprocess.run(command, capture_output=True, text=True, env=environment).stdout.split() == completed


def test_a_package_in_another_projects_checkout_records_no_commit(monkeypatch):
    assert provenance._commit() is not None
    monkeypatch.setattr(provenance, "__file__", str(ROOT / "tests" / "lib" / "arl" / "training" / "provenance.py"))
    assert provenance._commit() is None


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Return a function that runs a program of a new virtual environment, in which a wheel of the project is installed.

    The libraries are those of this environment; its own link to the checkout is not followed there.
    """
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    libraries = sysconfig.get_path("purelib", vars={"base": str(folder / "venv")})
    (Path(libraries) / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ARL_STORE")}

    def run(program, *words):
        command = [folder / "venv" / "bin" / program, *map(str, words)]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    pip = ("-m", "pip", "--quiet", "--disable-pip-version-check")
    run("python", *pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    (wheel,) = folder.glob("autorl_sweeps-*.whl")
    run("python", *pip, "install", "--no-deps", wheel)
    return run


@pytest.mark.slow
def test_a_wheel_has_the_command_the_landscapes_and_the_reports(installed):
    assert installed("python", "-c", "import hpo, sys; print(hpo.__file__.startswith(sys.prefix))") == "True\n"
    assert installed("arl", "--version") == f"arl {PROJECT['version']}\n"
    assert "sweep" in installed("arl", "--help")
    assert "ppo/CartPole-v1" in installed("arl", "list", "tasks")
    assert "sobol" in installed("arl", "list", "tuners")
    assert json.loads(installed("arl", "landscape", "query", "ppo/CartPole-v1", "--top", 1, "--json"))
    assert "sweeps.ipynb" in installed("arl", "init", "mine")
    installed("arl", "sweep", "ppo/CartPole-v1", "--objective", "table", "--trials", 2, "--name", "first")
    assert installed("arl", "report", "first") == "results/first.html\n"
    code = "import hpo; print(hpo.load_sweep('first').provenance['commit'])"
    assert installed("python", "-c", code) == "None\n"
