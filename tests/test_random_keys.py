"""Keys of steps: each is used once, and gives a number of its distribution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from arl.algorithms import random_keys

KEY = random_keys.from_seed(7)


def words(keys):
    return [tuple(key) for key in np.array(jax.random.key_data(keys)).reshape(-1, 2)]


def test_no_two_steps_or_updates_have_a_key_in_common():
    steps = (*range(50), 2**31 - 1)
    keys = [key for step in steps for key in words(random_keys.of_step(KEY, step, (2,))[0])]
    for update in range(3):
        keys += [key for step in steps for key in words(random_keys.of_step(KEY, step, (2,), update=update)[0])]
    keys += words(jax.random.split(KEY, 1000)) + words(
        jax.vmap(lambda i: jax.random.fold_in(KEY, i + 1000))(np.arange(99))
    )
    assert len(set(keys)) == len(keys) == 4 * 102 + 1099


def test_arrays_of_a_step_have_their_shapes_and_no_key_in_common():
    matrix, none, scalar = random_keys.of_step(KEY, 3, (2, 5), (0, 4), ())
    assert (matrix.shape, none.shape, scalar.shape) == ((2, 5), (0, 4), ())
    assert len({*words(matrix), *words(scalar)}) == 11


def test_a_traced_step_has_the_same_keys():
    def of_step(step, update):
        return [jax.random.key_data(random_keys.of_step(KEY, step, (3,), update=i)[0]) for i in (None, update)]

    np.testing.assert_array_equal(jax.jit(of_step)(12, 4), of_step(12, 4))


@pytest.mark.parametrize(
    ("draw", "cdf"),
    [
        (random_keys.uniform, stats.uniform.cdf),
        (random_keys.normal, stats.norm.cdf),
        (random_keys.gumbel, stats.gumbel_r.cdf),
    ],
)
def test_numbers_are_of_their_distribution(draw, cdf):
    numbers = np.concatenate([draw(random_keys.of_step(KEY, step, (40, 50))[0]).ravel() for step in range(20)])
    assert np.isfinite(numbers).all()
    assert len(set(numbers)) > 39_000
    assert stats.kstest(numbers, cdf).pvalue > 0.01


def test_uniform_numbers_keep_within_their_bounds():
    numbers = random_keys.uniform(random_keys.of_step(KEY, 0, (100_000,))[0], -2.0, 3.0)
    assert -2.0 <= jnp.min(numbers) < -1.999
    assert 2.999 < jnp.max(numbers) < 3.0
