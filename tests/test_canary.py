"""The canary: our pieces agree with the reference, and a fault in any of them shows."""

import jax.numpy as jnp
import numpy as np
import pytest

from arl.algorithms import ppo
from arl.networks import layers
from arl.training import canary

SIZE = 16


@pytest.mark.parametrize("piece", canary.PIECES)
def test_every_piece_agrees_with_the_reference(piece):
    check = canary.check(piece, SIZE)
    assert check.verdict == "float32"
    assert check.error < 1e-5


def test_a_jax_that_is_wrong_shows():
    """If this fails, the installed jax gives wrong numbers: `arl doctor`."""
    assert canary.check("products", canary.SIZES[-1]).verdict == "float32"


def test_every_piece_is_checked_at_every_size(monkeypatch):
    monkeypatch.setattr(canary, "PIECES", {"same": lambda size: (np.ones(size), np.ones(size))})
    assert list(canary.checks([2, 4])) == [canary.Check("same", 2, 0.0), canary.Check("same", 4, 0.0)]


def test_the_error_is_that_of_the_worst_array_relative_to_its_largest_number():
    got, reference = [np.array([1.0, 4.5]), np.array([10.0, 101.0])], [np.array([1.0, 4.0]), np.array([10.0, 100.0])]
    assert canary.error(got, reference) == pytest.approx(0.125)


@pytest.mark.parametrize(
    ("piece", "error", "verdict"),
    [
        ("gradient", 1e-6, "float32"),
        ("gradient", 2e-3, "reduced precision"),
        ("gradient", 0.1, "wrong"),
        ("gradient", float("nan"), "wrong"),
        ("gae", 1e-6, "float32"),
        ("gae", 2e-3, "wrong"),
    ],
)
def test_the_verdict_follows_from_the_error(piece, error, verdict):
    assert canary.Check(piece, 64, error).verdict == verdict


def test_one_number_that_is_not_finite_is_wrong():
    assert canary.Check("network", 2, canary.error([np.array([1.0, np.nan])], [np.ones(2)])).verdict == "wrong"


@pytest.mark.parametrize("piece", ["network", "gradient"])
def test_products_of_rounded_numbers_are_of_reduced_precision(piece, monkeypatch):
    def rounded(x):
        return x.astype(jnp.bfloat16).astype(jnp.float32)

    monkeypatch.setattr(layers, "affine", lambda layer, x: rounded(layer.weight) @ rounded(x) + layer.bias[:, None])
    assert canary.check(piece, SIZE).verdict == "reduced precision"


def without_bias(layer, x):
    return layer.weight @ x


def without_clipping(log_ratio, advantage, clip_eps):
    return -jnp.exp(log_ratio) * advantage


def half_squared_error(value, old_value, target, vf_clip_eps):
    return 0.5 * jnp.square(value - target)


def without_ends(reward, value, next_value, terminated, done, gamma, gae_lambda, of=ppo.gae):
    return of(reward, value, next_value, terminated, terminated, gamma, gae_lambda)


@pytest.mark.parametrize(
    ("piece", "module", "name", "faulty"),
    [
        ("products", jnp, "sum", jnp.max),
        ("network", layers, "affine", without_bias),
        ("gradient", layers, "affine", without_bias),
        ("gradient", ppo, "policy_loss_of", without_clipping),
        ("gradient", ppo, "value_loss_of", half_squared_error),
        ("gae", ppo, "gae", without_ends),
        ("evaluation", jnp, "square", jnp.abs),
    ],
)
def test_a_fault_is_wrong(piece, module, name, faulty, monkeypatch):
    monkeypatch.setattr(module, name, faulty)
    assert canary.check(piece, SIZE).verdict == "wrong"
