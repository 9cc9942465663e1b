"""Orders computed entry by entry are permutations, all of them as likely."""

import collections
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl.algorithms import shuffle


def orders(num, num_orders):
    """Return permutations of the numbers below `num`, one per seed."""

    def order(key):
        return shuffle.entries(shuffle.draw(key, 0, 0), jnp.arange(num), num)

    return np.asarray(jax.jit(jax.vmap(order))(jax.random.split(jax.random.key(0), num_orders)))


@pytest.mark.parametrize("num", [1, 2, 3, 5, 16, 100, 4096, 16000])
def test_an_order_holds_every_number_once(num):
    assert np.array_equal(np.sort(orders(num, 3), axis=1), np.tile(np.arange(num), (3, 1)))


def test_some_entries_of_an_order_are_those_of_all():
    order = shuffle.draw(jax.random.key(3), 0, 0)
    everything = shuffle.entries(order, jnp.arange(100), 100)
    assert np.array_equal(shuffle.entries(order, jnp.arange(40, 60), 100), everything[40:60])


def test_the_number_of_entries_is_no_part_of_the_program():
    traces = []

    @jax.jit
    def entries(num):
        traces.append(num)
        return shuffle.entries(shuffle.draw(jax.random.key(0), 5, 0), jnp.arange(8), num)

    for num in (8, 9, 1000):
        assert len(set(entries(num).tolist())) == 8
    assert len(traces) == 1


@pytest.mark.parametrize("num", [4, 5])
def test_all_orders_are_as_likely(num):
    num_orders, kinds = 24_000, math.factorial(num)
    counts = collections.Counter(map(tuple, orders(num, num_orders).tolist()))
    expected = num_orders / kinds
    chi_square = sum((counts[order] - expected) ** 2 / expected for order in counts)
    assert len(counts) == kinds
    assert chi_square / (kinds - 1) < 5, "1 on average for orders of equal probability, 90 for one that is never drawn"


@pytest.mark.parametrize("distance", [1, 2, 64, 128])
def test_neighbours_meet_in_a_minibatch_as_often_as_any_two(distance):
    places = np.argsort(orders(256, 2000), axis=1) // 64
    together = np.mean(places[:, distance:] == places[:, :-distance])
    assert together == pytest.approx(63 / 255, abs=0.005)
