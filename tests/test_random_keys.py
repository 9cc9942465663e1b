"""Keys of steps: each is used once."""

import jax
import numpy as np

from arl.algorithms import random_keys


def words(step, num):
    return [tuple(key) for key in np.array(jax.random.key_data(random_keys.of_step(jax.random.key(7), step, num)))]


def test_no_two_steps_have_a_key_in_common():
    keys = [key for step in (*range(50), 2**31 - 1) for key in words(step, 2)]
    assert len(set(keys)) == len(keys) == 102


def test_a_traced_step_has_the_same_keys():
    of_step = jax.jit(lambda step: jax.random.key_data(random_keys.of_step(jax.random.key(7), step, 3)))
    assert [tuple(key) for key in np.array(of_step(12))] == words(12, 3)
