"""The examples of docs/environments.md, run in order in one folder."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from envs import registry

ROOT = Path(__file__).parent.parent
DOCUMENT = (ROOT / "docs" / "environments.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", DOCUMENT, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "LIBRARIES", dict(registry.LIBRARIES))
    yield tmp_path
    for module in ("maze", "mazes_library"):
        sys.modules.pop(module, None)


def test_the_examples_run(folder, capsys):
    names = {"__name__": "example"}
    for language, text in BLOCKS:
        file = re.match(r"# (\w+\.py)\n", text)
        if file:
            (folder / file[1]).write_text(text)
        elif language == "python":
            exec(compile(text, "docs/environments.md", "exec"), names)
        else:
            run_commands(text, folder)
    assert (folder / "results").is_dir(), "the example of a training was run"
    assert "give it as 'gymnax/Reacher-misc?return_range=WORST,BEST'" in capsys.readouterr().out


def run_commands(text, folder):
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    for line in text.splitlines():
        program, *words = shlex.split(line)
        assert program == "arl"
        command = [sys.executable, "-m", "hpo.cli", *words]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
