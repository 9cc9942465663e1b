"""Files appear whole or not at all."""

import errno
import json
import threading
from concurrent.futures import ThreadPoolExecutor
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
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="no space left") as caught:
        files.write_bytes(path, b"newer")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"older"
    assert list(tmp_path.iterdir()) == [path]


def test_two_threads_may_write_the_same_file_at_once(tmp_path, monkeypatch):
    both_have_written, write = threading.Barrier(2), Path.write_bytes

    def write_together(self, data):
        write(self, data)
        both_have_written.wait()

    monkeypatch.setattr(Path, "write_bytes", write_together)
    with ThreadPoolExecutor(2) as pool:
        paths = list(pool.map(lambda data: files.write_bytes(tmp_path / "a", data), [b"same", b"same"]))
    assert paths == [tmp_path / "a"] * 2
    assert list(tmp_path.iterdir()) == paths[:1]
    assert paths[0].read_bytes() == b"same"


def test_the_same_value_gives_the_same_json(tmp_path):
    first = files.write_json(tmp_path / "first.json", {"b": [1, 2.5], "a": {"d": None, "c": True}})
    second = files.write_json(tmp_path / "second.json", {"a": {"c": True, "d": None}, "b": [1, 2.5]})
    assert first.read_bytes() == second.read_bytes()
    assert json.loads(first.read_text()) == {"a": {"c": True, "d": None}, "b": [1, 2.5]}
