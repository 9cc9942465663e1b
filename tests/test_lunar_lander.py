"""LunarLander keeps the rules of gymnasium's, and plays like it: landings, returns, lengths and observations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import envs
from arl.errors import InputError
from envs import vector
from envs.planar import lunar_lander, pictures, solver
from envs.testing import check_env

NAMES = ("planar/LunarLander", "planar/LunarLanderContinuous")
NUM_EPISODES = 256


def heuristic(obs, discrete):
    """Return what gymnasium's heuristic does: turn towards the pad, hover the lower the nearer it is."""
    x, y, x_speed, y_speed, angle, spin, left, right = obs
    stands = (left > 0) | (right > 0)
    wanted = jnp.clip(0.5 * x + x_speed, -0.4, 0.4)
    turn = jnp.where(stands, 0.0, 0.5 * (wanted - angle) - spin)
    rise = jnp.where(stands, -0.5 * y_speed, 0.5 * (0.55 * jnp.abs(x) - y) - 0.5 * y_speed)
    if not discrete:
        return jnp.clip(jnp.stack([20.0 * rise - 1.0, -20.0 * turn]), -1.0, 1.0)
    side = jnp.where(turn < -0.05, 3, jnp.where(turn > 0.05, 1, 0))
    return jnp.where((rise > jnp.abs(turn)) & (rise > 0.05), 2, side)


def at_random(key, env):
    if env.discrete:
        return jax.random.randint(key, (), 0, env.action_size)
    return jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0)


def play(name, policy, num_episodes=NUM_EPISODES, **params):
    """Return returns, lengths and one random observation of each episode."""
    env = vector.make(name, **params)

    def step(carry, keys):
        obs, state, done = carry
        action = heuristic(obs, env.discrete) if policy == "heuristic" else at_random(keys[0], env)
        after = env.step_one(keys[1], state, action)
        return (after.obs, after.state, done | after.terminated | after.truncated), (after.obs, after.reward, done)

    def episode(key):
        key_start, key_steps = jax.random.split(key)
        obs, state = env.reset_one(key_start)
        keys = jax.random.split(key_steps, (env.episode_limit, 2))
        return jax.lax.scan(step, (obs, state, jnp.zeros((), bool)), keys)[1]

    program = jax.jit(jax.vmap(episode))
    obs, reward, over = jax.device_get(program(jax.random.split(jax.random.key(0), num_episodes)))
    lengths = (~over).sum(1)
    moments = np.random.default_rng(0).integers(lengths)
    return (reward * ~over).sum(1), lengths, obs[np.arange(num_episodes), moments]


@pytest.fixture(scope="module")
def landings():
    return play(NAMES[0], "heuristic")


@pytest.mark.parametrize("name", [NAMES[0], pytest.param(NAMES[1], marks=pytest.mark.slow)])
def test_landers_keep_the_contract(name):
    check_env(name, num_steps=120)


def test_the_heuristic_lands_as_often_as_in_gymnasium(landings):
    returns, lengths, _ = landings  # of 5,000 episodes of gymnasium 1.4.0: 237.5, 0.902 and 249.6
    assert returns.mean() == pytest.approx(237.5, abs=4 * 107 / NUM_EPISODES**0.5)
    assert np.mean(returns > 200.0) == pytest.approx(0.902, abs=4 * 0.3 / NUM_EPISODES**0.5)
    assert lengths.mean() == pytest.approx(249.6, abs=4 * 140 / NUM_EPISODES**0.5)


class Compiled:
    """An env whose reset and step are compiled; actions reach it as arrays."""

    def __init__(self, name):
        self.env = envs.make(name)
        self.params = self.env.params
        self.state = jax.jit(self.env.reset)(jax.random.key(0), self.params)[1]
        self.compiled = jax.jit(self.env.step)

    def step(self, state, action, **params):
        return self.compiled(jax.random.key(1), state, jnp.asarray(action), self.params.replace(**params))


@pytest.fixture(scope="module")
def lander():
    return Compiled(NAMES[0])


def above_pad(state, height, velocity, angle=0.0):
    """Return the state with the lander over flat ground, its legs spread."""
    angles = jnp.array([angle, 0.35 + angle, -0.35 + angle])
    center = jnp.array([lunar_lander.WIDTH / 2, height])
    motion = solver.at_rest(center, angles)._replace(velocity=jnp.array(velocity))
    return state._replace(motion=motion, heights=jnp.zeros(lunar_lander.NUM_VERTICES))


def last_of_fall(lander, state):
    """Return what the last step of an episode gives in which all engines are off."""
    for _ in range(lander.env.episode_limit):
        after = lander.step(state, 0)
        if after.terminated:
            return after
        state = after.state
    raise AssertionError("it never ends")


@pytest.mark.parametrize(("speed", "crashes"), [(1.0, False), (2.0, False), (2.6, True), (5.0, True)])
def test_legs_bear_a_fall_of_up_to_two_metres_per_second(lander, speed, crashes):
    last = last_of_fall(lander, above_pad(lander.state, 0.75, [0.0, -speed]))
    assert float(last.reward) == (-100.0 if crashes else 100.0), "in gymnasium, too: 2 m/s land, and 2.5 crash"
    assert crashes or last.obs[6:].tolist() == [1.0, 1.0]


def test_the_lander_is_lost_beyond_the_edges(lander):
    state = above_pad(lander.state, 8.0, [30.0, 0.0])
    center = jnp.array([lunar_lander.WIDTH - 0.1, 8.0])
    after = lander.step(state._replace(motion=state.motion._replace(center=center)), 0)
    assert (float(after.reward), bool(after.terminated)) == (-100.0, True)


def test_engines_push_the_way_that_gymnasiums_do(lander):
    idle, left, main, right = (lander.step(lander.state, action) for action in range(4))
    assert left.obs[5] > idle.obs[5] > right.obs[5]
    assert left.obs[2] < idle.obs[2] < right.obs[2]
    assert main.obs[3] > idle.obs[3]


def test_real_valued_engines_have_a_threshold_and_half_their_power_there():
    lander = Compiled(NAMES[1])

    def after(*action):
        return np.asarray(lander.step(lander.state, action).obs)

    np.testing.assert_array_equal(after(-1.0, 0.0), after(0.0, 0.5))
    rise = [after(power, 0.0)[3] - after(0.0, 0.0)[3] for power in (1e-6, 1.0)]
    assert rise[1] == pytest.approx(2 * rise[0], rel=1e-3)
    assert after(0.0, -0.6)[5] > after(0.0, 0.0)[5] > after(0.0, 0.6)[5]


def test_wind_moves_a_lander_that_does_not_stand(lander):
    wind = {"wind_power": 20.0, "turbulence_power": 2.0}
    calm, blown = lander.step(lander.state, 0), lander.step(lander.state, 0, **wind)
    assert blown.obs[2] != calm.obs[2]
    assert blown.obs[5] != calm.obs[5]
    held = lander.step(lander.state._replace(standing=jnp.array([True, False])), 0, **wind)
    np.testing.assert_array_equal(held.obs[:6], calm.obs[:6])


def test_a_lane_that_is_not_finite_leaves_its_neighbours_alone(lander):
    step = jax.jit(jax.vmap(lambda state: lander.env.step(jax.random.key(1), state, 0, lander.params).obs))
    states = jax.tree.map(lambda x: jnp.stack([x, x, x]), lander.state)
    broken = states._replace(motion=states.motion._replace(spin=states.motion.spin.at[1].set(jnp.nan)))
    expected, got = step(states), step(broken)
    np.testing.assert_array_equal(got[0], expected[0])
    np.testing.assert_array_equal(got[2], expected[2])
    assert np.isnan(got[1]).any()


def test_the_picture_shows_the_lander_above_the_ground(lander):
    picture = lander.env.draw(above_pad(lander.state, 6.0, [0.0, 0.0]), lander.params)
    assert picture.shape == (400, 600, 3)
    rows, columns = np.nonzero((picture == pictures.BODY).all(-1))
    assert columns.mean() == pytest.approx(300, abs=2)
    assert 400 - 6.3 * lunar_lander.SCALE - 20 < rows.min() < rows.max() < 400 - 5 * lunar_lander.SCALE


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("planar/LunarLander?wind_power=21", "'wind_power' .* must be a number from 0 to 20, got 21"),
        ("planar/LunarLander?gravity=1", "'gravity' .* must be a number from -12 to 0, got 1"),
        ("planar/LunarLander?main_engine_power=strong", "'main_engine_power' .* must be a finite number, got 'strong'"),
        ("planar/LunarLander?wind_powr=1", "did you mean 'wind_power'"),
        ("planar/LunarLandr", "unknown planar environment 'LunarLandr': did you mean 'LunarLander'"),
        ("planar/LunarLander?episode_limit=0", "episode limit of at least 1 env step, got 0"),
    ],
)
def test_bad_names_and_arguments_are_one_line(name, message):
    with pytest.raises(InputError, match=message):
        envs.make(name)


def test_arguments_are_defaults_of_params():
    env = vector.make(NAMES[0], wind_power=15.0, turbulence_power=1.5, episode_limit=300)
    assert (env.param_defaults["wind_power"], env.episode_limit) == (15.0, 300)


def test_params_have_the_ranges_of_gymnasiums_arguments():
    with pytest.raises(InputError, match=r"'wind_power' .* 20.*, got 21"):
        vector.make(NAMES[0]).check_params({"wind_power": 21.0})


def test_params_are_traced(lander):
    speeds = [float(lander.step(lander.state, 0, gravity=gravity).obs[3]) for gravity in (-10.0, -5.0)]
    expected = 5.0 * lunar_lander.SECONDS**2 * lunar_lander.HEIGHT / 2
    assert speeds[1] - speeds[0] == pytest.approx(expected, rel=1e-3)
    assert lander.compiled._cache_size() <= 2, "floats of a pytree and arrays of it are all the programs"


def gymnasium_play(name, policy, num_episodes, **arguments):
    """Return returns, lengths and one random observation of each episode of gymnasium's LunarLander."""
    gymnasium = pytest.importorskip("gymnasium")
    pytest.importorskip("Box2D")
    from gymnasium.envs.box2d import lunar_lander as reference

    env = gymnasium.make("LunarLander-v3", continuous=name == NAMES[1], **arguments)
    env.action_space.seed(0)
    rng, rows = np.random.default_rng(0), []
    for seed in range(num_episodes):
        obs, total, seen, done = env.reset(seed=seed)[0], 0.0, [], False
        while not done:
            action = reference.heuristic(env, obs) if policy == "heuristic" else env.action_space.sample()
            obs, reward, terminated, truncated, _ = env.step(action)
            total, done = total + reward, terminated or truncated
            seen.append(obs)
        rows.append((total, len(seen), seen[rng.integers(len(seen))]))
    return tuple(np.array(column) for column in zip(*rows, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("windy", [False, True], ids=["calm", "windy"])
@pytest.mark.parametrize("policy", ["heuristic", "random"])
@pytest.mark.parametrize("name", NAMES)
def test_returns_lengths_and_observations_are_distributed_as_gymnasiums(name, policy, windy):
    """Two-sample Kolmogorov-Smirnov tests with 1,000 episodes each.

    Of equal distributions, 0.1 is exceeded in less than one of a thousand tests; a distance of 0.15 is nearly always found.
    """
    wind = {"wind_power": 15.0, "turbulence_power": 1.5} if windy else {}
    ours, theirs = play(name, policy, 1000, **wind), gymnasium_play(name, policy, 1000, enable_wind=windy)
    distances = [stats.ks_2samp(x, y).statistic for x, y in zip(ours[:2], theirs[:2], strict=True)]
    distances += [stats.ks_2samp(ours[2][:, i], theirs[2][:, i]).statistic for i in range(8)]
    assert max(distances) < 0.1
