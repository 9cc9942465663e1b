"""What training asks of JAX on each kind of device."""

import contextlib

import jax
import pytest

from arl.errors import InputError
from arl.training import backend

PRECISION = "jax_default_matmul_precision"


@pytest.fixture
def precision():
    """Set the precision of products for a test, in place of that of the session."""
    before = jax.config.values[PRECISION]
    yield lambda value: jax.config.update(PRECISION, value)
    jax.config.update(PRECISION, before)


@pytest.mark.parametrize(
    ("kind", "asked", "used"),
    [
        ("cpu", None, None),
        ("gpu", None, "float32"),
        ("gpu", "tensorfloat32", "tensorfloat32"),
        ("tpu", None, "float32"),
    ],
)
def test_products_are_of_float32_unless_the_user_says_otherwise(kind, asked, used, precision, monkeypatch):
    precision(asked)
    monkeypatch.setattr(jax, "default_backend", lambda: kind)
    backend.setup.__wrapped__()
    assert jax.config.values[PRECISION] == used


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (None, "float32"),
        ("highest", "float32"),
        ("float32", "float32"),
        ("tensorfloat32", "float32, products in tensorfloat32"),
    ],
)
def test_the_precision_of_products_is_recorded(value, dtype, precision):
    precision(value)
    assert backend.describe()["dtype"] == dtype


def test_64_bit_mode_is_refused():
    jax.config.update("jax_enable_x64", True)
    try:
        with pytest.raises(InputError, match="JAX must be in 32-bit mode, got JAX_ENABLE_X64=1"):
            backend.setup.__wrapped__()
    finally:
        jax.config.update("jax_enable_x64", False)


@pytest.mark.parametrize(
    ("version", "kind", "is_refused"), [("0.10.2", "cpu", True), ("0.10.2", "gpu", False), ("0.10.1", "cpu", False)]
)
def test_a_jax_that_gives_wrong_numbers_is_refused(version, kind, is_refused, monkeypatch):
    monkeypatch.setattr(jax, "__version__", version)
    monkeypatch.setattr(jax, "default_backend", lambda: kind)
    refused = pytest.raises(
        InputError, match=r"^jax must not be 0\.10\.2, which gives wrong numbers on CPUs: pip install"
    )
    with refused if is_refused else contextlib.nullcontext():
        backend.check_jax()


@pytest.mark.parametrize(("kind", "num"), [("cpu", 0), ("gpu", 5)])
def test_cores_that_no_gpu_needs_compile(kind, num, monkeypatch):
    monkeypatch.setattr(backend, "workers", lambda: jax.devices()[:1] * 3)
    monkeypatch.setattr(backend, "num_cores", lambda: 8)
    monkeypatch.setattr(jax, "default_backend", lambda: kind)
    assert backend.num_compilers() == num
