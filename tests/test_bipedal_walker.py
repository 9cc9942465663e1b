"""BipedalWalker keeps the rules of gymnasium's, on ground that has known forms; random play is distributed as in it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import envs
from arl.errors import InputError
from envs import vector
from envs.planar import bipedal_walker, ground, pictures, walker_ground
from envs.planar.walker_ground import LEVEL, SPACING
from envs.testing import check_env

NAMES = ("planar/BipedalWalker", "planar/BipedalWalkerHardcore")
KEY = jax.random.key(0)


class Walker:
    """The walker on flat ground, its reset and step compiled."""

    def __init__(self):
        self.env = envs.make(NAMES[0])
        self.obs, state = jax.jit(self.env.reset)(KEY, self.env.params)
        flat = ground.joined(jnp.full(walker_ground.NUM_VERTICES, LEVEL))
        self.state = state._replace(ground=flat)
        self.compiled = jax.jit(self.env.step)

    def step(self, state, *action, **params):
        return self.compiled(KEY, state, jnp.array(action or (0.0,) * 4), self.env.params.replace(**params))

    def moved_by(self, x=0.0, y=0.0):
        """Return a later state, with the walker moved."""
        motion = self.state.motion
        center = motion.center + jnp.array([x, y])
        return self.state._replace(motion=motion._replace(center=center), time=jnp.int32(1))


@pytest.fixture(scope="module")
def walker():
    return Walker()


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_walkers_keep_the_contract(name):
    check_env(name, num_steps=60)


def test_the_first_observation_is_gymnasiums(walker):
    """Means over 100 resets of gymnasium 1.4.0, which differ by the random force alone."""
    expected = [0.0028, 0.0, 0.0, -0.016, 0.0922, 0.0, 0.8601, 0.0, 1.0, 0.0326, 0.0, 0.8537, 0.0, 1.0]
    rays = [0.4408, 0.4458, 0.4614, 0.4896, 0.5341, 0.6025, 0.7092, 0.8859, 1.0, 1.0]
    np.testing.assert_allclose(walker.obs, [*expected, *rays], atol=4e-3)


def test_a_hull_on_the_ground_ends_the_episode(walker):
    after = walker.step(walker.moved_by(y=-2.3))
    assert (float(after.reward), bool(after.terminated), bool(after.truncated)) == (-100.0, True, False)


def test_a_walker_behind_the_start_is_lost_and_one_at_the_end_is_not(walker):
    lost = walker.step(walker.moved_by(x=-4.8))
    arrived = walker.step(walker.moved_by(x=bipedal_walker.END - 4.5))
    assert (float(lost.reward), bool(lost.terminated)) == (-100.0, True)
    assert bool(arrived.terminated)
    assert arrived.reward > 0.0


def test_the_episode_is_cut_at_its_limit(walker):
    state = walker.moved_by(y=3.0)
    assert not walker.step(state).truncated
    assert walker.step(state._replace(time=jnp.int32(1599))).truncated
    assert envs.make(NAMES[1]).episode_limit == 2000


def test_the_way_is_rewarded_and_torque_costs(walker):
    state = walker.moved_by(y=3.0)
    state = state._replace(shaping=bipedal_walker._shaping(state.motion))
    at_speeds = (state._replace(motion=state.motion._replace(velocity=jnp.array([x, 0.0]))) for x in (0.0, 1.0))
    slow, fast = (walker.step(flies).reward for flies in at_speeds)
    gained = fast - slow
    assert gained == pytest.approx(130.0 / 30.0 * 0.02, rel=1e-3)
    costs = walker.step(state).reward - walker.step(state, 0.0, 0.01, 0.0, -0.01).reward
    assert costs == pytest.approx(0.02 * 80.0 * 0.00035, rel=0.2)


def test_motors_turn_hips_and_knees_with_their_speeds(walker):
    state = walker.moved_by(y=3.0)
    for i, joint in enumerate((5, 7, 10, 12)):
        for sign in (-1.0, 1.0):
            obs = walker.step(state, *(sign * (np.arange(4) == i))).obs
            assert obs[joint] == pytest.approx(sign, abs=0.05)


def test_actions_beyond_their_bounds_are_clipped(walker):
    state = walker.moved_by(y=3.0)
    once, more = walker.step(state, 1.0, -1.0, 0.5, 0.0), walker.step(state, 7.0, -3.0, 0.5, 0.0)
    np.testing.assert_array_equal(once.obs, more.obs)
    assert once.reward == more.reward


def test_params_are_traced(walker):
    state = walker.moved_by(y=3.0)
    speeds = [float(walker.step(state, gravity=gravity).obs[3]) for gravity in (-10.0, -5.0)]
    assert speeds[1] - speeds[0] == pytest.approx(5.0 * 0.02 * 0.3 * 0.02 * 400 / 30, rel=1e-3)
    assert walker.compiled._cache_size() <= 2, "floats of a pytree and arrays of it are all the programs"


def test_a_lane_that_is_not_finite_leaves_its_neighbours_alone(walker):
    step = jax.jit(jax.vmap(lambda state: walker.env.step(KEY, state, jnp.zeros(4), walker.env.params).obs))
    states = jax.tree.map(lambda x: jnp.stack([x, x, x]), walker.state)
    broken = states._replace(motion=states.motion._replace(spin=states.motion.spin.at[1].set(jnp.nan)))
    expected, got = step(states), step(broken)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[2], expected[2])
    assert np.isnan(got[1]).any()


def test_the_picture_shows_the_walker_above_the_ground(walker):
    picture = walker.env.draw(walker.moved_by(x=20.0), walker.env.params)
    assert picture.shape == (400, 600, 3)
    rows, columns = np.nonzero((picture == pictures.BODY).all(-1))
    assert columns.mean() == pytest.approx(120, abs=10)
    assert rows.max() == pytest.approx(400 - LEVEL * 30, abs=4)
    assert (picture[350] == pictures.EARTH).all()


def test_grass_is_flat_at_the_start_and_joined():
    land = walker_ground.random_ground(KEY, False)
    np.testing.assert_allclose(land.left[:21], LEVEL, rtol=1e-6)
    assert np.ptp(land.left) > 0.1
    np.testing.assert_array_equal(land.right[:-1], land.left[1:])


def test_hardcore_ground_has_stumps_pits_and_stairs():
    lands = jax.vmap(lambda key: walker_ground.random_ground(key, True))(jax.random.split(KEY, 20))
    walls = np.unique(np.round(np.asarray(lands.left[:, 1:] - lands.right[:, :-1]) / SPACING, 3))
    assert walls.tolist() == [-4.0, -2.0, -1.0, 0.0, 0.25, 1.0, 2.0, 4.0], "steps of stairs are 0.25 up and 1 down"
    np.testing.assert_allclose(lands.left[:, :20], LEVEL, rtol=1e-6)


STEP_UP = ground.Ground(jnp.array([0.0, 1.0, 1.0]), jnp.array([0.0, 1.0, 1.0]))


@pytest.mark.parametrize(
    ("point", "gap", "normal"),
    [
        ((0.5, 0.2), 0.2, (0.0, 1.0)),
        ((0.9, 0.2), 0.1, (-1.0, 0.0)),
        ((1.1, 0.5), -0.1, (-1.0, 0.0)),
        ((1.3, 0.9), -0.1, (0.0, 1.0)),
        ((0.9, 1.5), 1.5, (0.0, 1.0)),
    ],
    ids=["floor", "beside the wall", "in the wall", "in the step", "above"],
)
def test_points_touch_the_floor_or_a_wall(point, gap, normal):
    touch = ground.at_points(STEP_UP, 1.0, jnp.array([point]))
    np.testing.assert_allclose(touch.gap, [gap], atol=1e-6)
    np.testing.assert_allclose(touch.normal, [normal], atol=1e-6)


def test_a_vertex_of_a_wall_is_its_upper_end():
    box = ground.box(0.3, 0.5)
    touch, vertex = ground.against_vertex(STEP_UP, 1.0, box, jnp.array([0.75, 1.0]), jnp.float32(0.0), (-1, 0, 1))
    np.testing.assert_allclose(vertex, [1.0, 1.0])
    assert float(touch.gap) == pytest.approx(-0.05, abs=1e-6)


@pytest.mark.parametrize(
    ("ray", "share"),
    [((0.0, -2.0), 0.25), ((1.0, 0.0), 0.5), ((1.0, -0.5), 0.5), ((0.25, 1.0), 1.0), ((0.3, -0.3), 1.0)],
    ids=["down", "ahead", "down at the wall", "up", "short"],
)
def test_rays_meet_lines_and_walls(ray, share):
    fractions = ground.ray_fractions(STEP_UP, 1.0, jnp.array([0.5, 0.5]), np.array([ray]), 3)
    np.testing.assert_allclose(fractions, [share], atol=1e-6)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("planar/BipedalWalker?friction=-1", "'friction' .* must be a number from 0 to inf, got -1"),
        ("planar/BipedalWalker?torque=strong", "'torque' .* must be a number from 0 to inf, got 'strong'"),
        ("planar/BipedalWalkr", "did you mean 'BipedalWalker'"),
    ],
)
def test_bad_names_and_arguments_are_one_line(name, message):
    with pytest.raises(InputError, match=message):
        envs.make(name)


def play(name, num_episodes):
    """Return returns, lengths and one random observation of each episode of random actions."""
    env = vector.make(name)

    def step(carry, key):
        _, state, done = carry
        after = env.step_one(key, state, jax.random.uniform(key, (4,), minval=-1.0, maxval=1.0))
        return (after.obs, after.state, done | after.terminated | after.truncated), (after.obs, after.reward, done)

    def episode(key):
        key_start, key_steps = jax.random.split(key)
        start = (*env.reset_one(key_start), jnp.zeros((), bool))
        return jax.lax.scan(step, start, jax.random.split(key_steps, env.episode_limit))[1]

    obs, reward, over = jax.device_get(jax.jit(jax.vmap(episode))(jax.random.split(KEY, num_episodes)))
    lengths = (~over).sum(1)
    moments = np.random.default_rng(0).integers(lengths)
    return (reward * ~over).sum(1), lengths, obs[np.arange(num_episodes), moments]


def gymnasium_play(name, num_episodes):
    """Return the same of gymnasium's."""
    gymnasium = pytest.importorskip("gymnasium")
    pytest.importorskip("Box2D")
    env, rng, rows = gymnasium.make(name), np.random.default_rng(0), []
    for seed in range(num_episodes):
        _, total, seen, done = env.reset(seed=seed), 0.0, [], False
        while not done:
            obs, reward, terminated, truncated, _ = env.step(rng.uniform(-1.0, 1.0, 4).astype(np.float32))
            total, done = total + reward, terminated or truncated
            seen.append(obs)
        rows.append((total, len(seen), seen[rng.integers(len(seen))]))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "reference", "most"),
    [(NAMES[0], "BipedalWalker-v3", 0.16), (NAMES[1], "BipedalWalkerHardcore-v3", 0.22)],
)
def test_random_play_is_distributed_as_in_gymnasium(name, reference, most):
    """Two-sample Kolmogorov-Smirnov tests with 500 episodes each, of returns, lengths and each observation.

    Of equal distributions, 0.16 is exceeded in less than one of 10,000 tests. Returns on hardcore ground differ by as much.
    """
    ours, theirs = play(name, 500), gymnasium_play(reference, 500)
    distances = [stats.ks_2samp(x, y).statistic for x, y in zip(ours[:2], theirs[:2], strict=True)]
    distances += [stats.ks_2samp(ours[2][:, i], theirs[2][:, i]).statistic for i in range(24)]
    assert max(distances) < most
