"""The examples of docs/environments.md."""

import sys

import examples
import pytest

from envs import registry


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(registry, "LIBRARIES", dict(registry.LIBRARIES))
    yield tmp_path
    for module in ("maze", "mazes_library"):
        sys.modules.pop(module, None)


def test_the_examples_run(folder, capsys):
    examples.run("environments.md", folder)
    assert (folder / "results").is_dir(), "the example of a training was run"
    assert "give it as 'gymnax/Reacher-misc?return_range=WORST,BEST'" in capsys.readouterr().out
