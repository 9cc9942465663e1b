"""The examples of docs/sweeps.md run as they stand there."""

import examples


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARL_STORE", raising=False)
    examples.run("sweeps.md", tmp_path)
