"""The cache of compiled programs: what is damaged is compiled anew, and without a place to write to training goes on."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

from arl.training import backend, program_cache
from arl.training.program_cache import ProgramCache


@pytest.fixture
def cache(tmp_path):
    made = ProgramCache(tmp_path / "programs")
    made.put("doubled", b"times two")
    made.put("tripled", b"times three")
    return made


def entry(cache, key):
    (file,) = cache._path.glob(f"{key}*")
    return file


DAMAGES = {
    "truncated": lambda file, other: file.write_bytes(file.read_bytes()[:-3]),
    "empty": lambda file, other: file.write_bytes(b""),
    "random": lambda file, other: file.write_bytes(np.random.default_rng(0).bytes(99)),
    "of another program": lambda file, other: shutil.copy(other, file),
}


def test_programs_are_read_as_they_were_written(cache, recwarn):
    assert cache.get("doubled") == b"times two"
    assert ProgramCache(cache._path).get("tripled") == b"times three"
    assert cache.get("halved") is None
    assert not recwarn.list


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_replaced(cache, damage, recwarn):
    DAMAGES[damage](entry(cache, "doubled"), entry(cache, "tripled"))
    assert cache.get("doubled") is None
    (warning,) = recwarn.list
    assert "doubled.program' is damaged: it is removed and compiled anew" in str(warning.message)
    assert "\n" not in str(warning.message)
    cache.put("doubled", b"times two")
    assert cache.get("doubled") == b"times two"
    assert len(recwarn.list) == 1


def test_a_folder_that_is_deleted_is_made_again(cache, recwarn):
    shutil.rmtree(cache._path)
    assert cache.get("doubled") is None
    cache.put("doubled", b"times two")
    assert cache.get("doubled") == b"times two"
    assert not recwarn.list


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_what_can_not_be_written_is_warned_of_once(cache, error, monkeypatch, recwarn):
    def refuse(path, data):
        raise OSError(error, os.strerror(error), str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    for key in ("halved", "squared"):
        cache.put(key, b"program")
        assert cache.get(key) is None
    (warning,) = recwarn.list
    assert str(warning.message) == f"compiled programs can't be kept in {str(cache._path)!r}: {os.strerror(error)}"
    assert cache.get("doubled") == b"times two", "what was written before is read"
    assert len(list(cache._path.iterdir())) == 2


@pytest.fixture
def programs(tmp_path):
    """Return the folder of a cache that is JAX's during a test."""
    before = jax.config.values["jax_compilation_cache_dir"]
    folder = tmp_path / "programs"
    for directory in (folder, before):
        jax.config.update("jax_compilation_cache_dir", str(directory))
        compilation_cache.reset_cache()
        if directory == folder:
            yield folder


@pytest.mark.parametrize("damage", DAMAGES)
def test_jax_compiles_anew_what_is_damaged(programs, damage, recwarn):
    def outputs():  # each call traces a new function, which is compiled or read from the cache
        one, two = np.arange(3.0, dtype=np.float32), np.arange(4.0, dtype=np.float32)
        return jax.jit(lambda x: x * 2)(one).tolist(), jax.jit(lambda x: x * 3)(two).tolist()

    expected = ([0.0, 2.0, 4.0], [0.0, 3.0, 6.0, 9.0])
    assert outputs() == expected
    first, second = sorted(programs.iterdir())
    DAMAGES[damage](first, second)
    assert outputs() == outputs() == expected
    assert [str(warning.message).endswith("removed and compiled anew") for warning in recwarn.list] == [True]


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_folder_that_can_not_be_written_to_is_not_used(tmp_path, error, monkeypatch, recwarn):
    def refuse(dir):
        raise OSError(error, os.strerror(error))

    before = jax.config.values["jax_compilation_cache_dir"]
    monkeypatch.setattr(program_cache.tempfile, "TemporaryFile", refuse)
    program_cache.keep_in(tmp_path)
    (warning,) = recwarn.list
    assert str(warning.message) == f"compiled programs can't be kept in {str(tmp_path)!r}: {os.strerror(error)}"
    assert jax.config.values["jax_compilation_cache_dir"] == before


def test_without_a_folder_programs_run_after_one_warning(tmp_path):
    (tmp_path / "arl").write_text("no folder")
    code = "; ".join(
        (
            "import jax, numpy as np",
            "from arl.training import backend",
            "backend.setup()",
            "print([jax.jit(f)(np.float32(3)).item() for f in (lambda x: x + 1, lambda x: x * x)])",
        )
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[4.0, 9.0]\n"
    assert done.stderr.count("Warning") == 1
    assert f"compiled programs can't be kept in {str(tmp_path / 'arl' / 'programs')!r}: Not a directory" in done.stderr


def test_a_cache_of_the_users_is_left_as_it_is(tmp_path):
    code = "from arl.training import backend; backend.setup(); import jax; jax.jit(lambda x: x + 1)(1.0)"
    environment = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert [file.name.endswith("-cache") for file in tmp_path.iterdir()] == [True]


def test_programs_are_kept_in_the_users_cache_folder():
    assert jax.config.values["jax_compilation_cache_dir"] == str(backend.cache_directory() / "programs")
