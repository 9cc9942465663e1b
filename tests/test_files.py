"""Files appear whole or not at all."""

import json
from pathlib import Path

import pytest

from arl import files


def test_a_file_is_written_with_its_folders_and_over_an_older_one(tmp_path):
    path = tmp_path / "new" / "a.txt"
    for text in ("first", "zweite Fassung: äöü"):
        assert files.write_text(path, text) == path
        assert path.read_text(encoding="utf-8") == text
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_older_file_and_nothing_else(tmp_path, monkeypatch):
    path = files.write_bytes(tmp_path / "a", b"older")

    def full(self, data):
        self.open("wb").write(data[:3])
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left"):
        files.write_bytes(path, b"newer")
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_the_same_value_gives_the_same_json(tmp_path):
    first = files.write_json(tmp_path / "first.json", {"b": [1, 2.5], "a": {"d": None, "c": True}})
    second = files.write_json(tmp_path / "second.json", {"a": {"c": True, "d": None}, "b": [1, 2.5]})
    assert first.read_bytes() == second.read_bytes()
    assert json.loads(first.read_text()) == {"a": {"c": True, "d": None}, "b": [1, 2.5]}
