"""Running moments against numpy's over everything at once."""

import hypothesis
import hypothesis.extra.numpy as hnp
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl.algorithms import normalizer

ON, OFF = jnp.array(True), jnp.array(False)
update = jax.jit(normalizer.update)


def spec(num_features):
    return jax.ShapeDtypeStruct((num_features,), jnp.float32)


def moments(batches):
    seen = normalizer.init(spec(batches[0].shape[1]))
    for batch in batches:
        seen = update(seen, jnp.asarray(batch, jnp.float32))
    return seen


OBS = hnp.arrays(np.float32, (4, 2), elements=st.floats(-100, 100, width=32))


@hypothesis.given(st.lists(OBS, min_size=1, max_size=5))
def test_batch_by_batch_equals_all_at_once(batches):
    seen, everything = moments(batches), np.concatenate(batches).astype(np.float64)
    assert seen.num_seen == len(everything)
    np.testing.assert_allclose(seen.mean, everything.mean(axis=0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(seen.variance, everything.var(axis=0), rtol=1e-4, atol=1e-2)


def test_batches_of_unequal_sizes():
    everything = np.random.default_rng(0).normal(3.0, 2.0, (100, 2))
    seen = moments(np.split(everything, [1, 30]))
    np.testing.assert_allclose(seen.mean, everything.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(seen.variance, everything.var(axis=0), rtol=1e-5)


def test_variance_survives_a_mean_far_from_zero():
    everything = np.random.default_rng(0).normal(10_000.0, 1.0, (1000, 1))
    seen = moments(np.split(everything, 10))
    np.testing.assert_allclose(seen.variance, everything.var(axis=0), rtol=0.01)


def test_the_variance_does_not_drift_however_many_were_seen():
    many = normalizer.Normalizer(jnp.float32(2**24), jnp.zeros(1), jnp.ones(1))
    every = 2**10

    @jax.jit
    def seen(key):
        def more(i, seen):
            obs = jax.random.normal(jax.random.fold_in(key, i), (every, 1, 1))
            return jax.lax.fori_loop(0, every, lambda j, seen: normalizer.update(seen, obs[j]), seen)

        return jax.lax.fori_loop(0, 2**8, more, many)

    assert float(seen(jax.random.key(0)).variance[0]) == pytest.approx(1.0, abs=0.005)


def test_normalized_observations_have_mean_0_and_variance_1():
    everything = np.random.default_rng(0).normal([3.0, -50.0], [2.0, 0.1], (1000, 2)).astype(np.float32)
    normalized = normalizer.normalize(moments([everything]), jnp.asarray(everything), ON)
    np.testing.assert_allclose(normalized.mean(axis=0), 0.0, atol=1e-3)
    np.testing.assert_allclose(normalized.var(axis=0), 1.0, rtol=1e-3)


def test_outliers_are_clipped():
    seen = moments([np.array([[-1.0], [1.0]])])
    assert normalizer.normalize(seen, jnp.array([[1e6], [-1e6], [2.0]]), ON)[:, 0].tolist() == [10.0, -10.0, 2.0]


def test_constant_observations_become_zero():
    seen = moments([np.full((5, 1), 7.0)])
    assert normalizer.normalize(seen, jnp.array([[7.0]]), ON).tolist() == [[0.0]]


@pytest.mark.parametrize("seen", [normalizer.init(spec(2)), moments([np.ones((3, 2))])])
def test_inactive_changes_nothing(seen):
    obs = jnp.array([[1e6, -3.0]])
    assert normalizer.normalize(seen, obs, OFF).tolist() == obs.tolist()


def test_before_anything_is_seen_nothing_changes():
    obs = jnp.array([[0.5, -3.0]])
    assert normalizer.normalize(normalizer.init(spec(2)), obs, ON).tolist() == obs.tolist()


def test_integers_and_truth_values_stay_as_they_are():
    obs = {"image": jnp.arange(8, dtype=jnp.uint8).reshape(2, 2, 2), "speed": jnp.array([[1.0], [3.0]])}
    seen = update(normalizer.init(jax.eval_shape(lambda: jax.tree.map(lambda x: x[0], obs))), obs)
    assert seen.mean["image"].size == 0
    after = normalizer.normalize(seen, obs, ON)
    assert after["image"].dtype == jnp.uint8
    np.testing.assert_array_equal(after["image"], obs["image"])
    np.testing.assert_allclose(after["speed"], [[-1.0], [1.0]], rtol=1e-5)
