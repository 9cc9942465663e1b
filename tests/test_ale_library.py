"""Games of the Arcade Learning Environment in compiled programs: as ALE plays them, from any state, in any lane."""

import examples
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL
from PIL import Image

import envs
from arl import algorithms
from arl import config as configs
from arl.errors import InputError
from envs import ale_library, vector
from envs.testing import check_env

ale_py = pytest.importorskip("ale_py")
KEY = jax.random.key(0)
PLAIN = "repeat_action_probability=0&noop_max=1&fire_reset=false&episodic_life=false"


def played(env, state, actions, key=KEY):
    """Return the steps that some actions lead to from a state."""

    def step(state, drawn):
        after = env.step_one(drawn[0], state, drawn[1])
        return after.state, after

    keys = jax.random.split(key, len(actions))
    return jax.jit(lambda state: jax.lax.scan(step, state, (keys, actions))[1])(state)


def game(state):
    """Return the part of a state that is of the game, not of the wrappers around it."""
    return state.env.env


def random_actions(env, num_steps, seed=0):
    return jax.random.randint(jax.random.key(seed), (num_steps,), 0, env.action_size)


def test_games_keep_the_contract():
    check_env("ALE/Breakout-v5?episode_limit=40&frameskip=2&full_action_space=true", num_steps=60, reset_pool=4)


@pytest.mark.parametrize("name", [name for name in envs.names() if name.startswith("ALE/")])
def test_rows_say_what_ale_says(name):
    spec = envs.spec(name)
    made = vector.make(name)
    assert (spec.episode_limit, spec.actions) == (made.episode_limit, f"{made.action_size} discrete")
    assert made.obs_spec == jax.ShapeDtypeStruct((84, 84, 4), jnp.uint8)
    assert spec.observation == "uint8[84, 84, 4]"


@pytest.mark.parametrize("rom", ["pong", "breakout", "qbert"])
def test_observations_and_rewards_are_those_of_ale(rom):
    env = vector.make(f"ALE/{rom.title()}-v5?{PLAIN}&reward_clip=1000")
    theirs = ale_py.AtariVectorEnv(rom, 1, noop_max=2, use_fire_reset=False, reward_clipping=False, num_threads=1)
    obs, state = env.reset_one(KEY)
    assert_same_image(obs, theirs.reset(seed=0)[0][0])  # both after one frame without an action
    actions = random_actions(env, 100)
    steps = played(env, state, actions)
    for i, action in enumerate(actions.tolist()):
        frames, reward, terminated, _, _ = theirs.step(np.array([action]))
        assert_same_image(steps.obs[i], frames[0])
        assert (steps.reward[i], steps.terminated[i]) == (reward[0], terminated[0])


def assert_same_image(ours, theirs):
    """Assert that images are the same but for means that lie between two whole numbers, which are rounded either way."""
    difference = np.abs(np.asarray(ours, int) - np.moveaxis(theirs, 0, -1).astype(int))
    assert difference.max() <= 1
    assert difference.mean() < 1e-3


def test_going_on_from_a_state_is_as_never_having_stopped(same_bits):
    env = vector.make("ALE/Breakout-v5")
    actions, key = random_actions(env, 60), jax.random.key(3)
    _, state = env.reset_one(KEY)
    straight = played(env, state, actions, key)
    halfway = jax.tree.map(lambda x: np.array(x[29]), straight.state)
    keys = jax.random.split(key, 60)
    elsewhere = vector.make("ALE/Breakout-v5")  # another emulator
    for i in range(30, 60):
        after = elsewhere.step_one(keys[i], halfway, actions[i])
        assert same_bits(after, jax.tree.map(lambda x, i=i: x[i], straight))
        halfway = after.state


def test_lanes_are_those_of_envs_one_by_one(same_bits):
    env = vector.make("ALE/Qbert-v5")
    keys = jax.random.split(KEY, 3)
    actions = jnp.stack([random_actions(env, 25, seed) for seed in range(3)])
    _, states = jax.vmap(env.reset_one)(keys)
    assert len({x.tobytes() for x in np.asarray(game(states).saved)}) == 3, "each lane draws its own start"
    together = jax.vmap(lambda state, actions, key: played(env, state, actions, key))(states, actions, keys)
    for i in range(3):
        alone = played(env, env.reset_one(keys[i])[1], actions[i], keys[i])
        assert same_bits(alone, jax.tree.map(lambda x, i=i: x[i], together))


def test_a_sticky_action_is_held_frame_by_frame():
    for probability, share in ((0.0, 0.0), (0.25, 0.25**4), (1.0, 1.0)):
        env = vector.make(f"ALE/Pong-v5?repeat_action_probability={probability}")
        actions = jnp.array([2, 3] * 100)
        last = np.asarray(game(played(env, env.reset_one(KEY)[1], actions).state).last_action[:, 0])
        assert abs(np.mean(last != actions) - share) < 0.02
        assert (probability == 1.0) == (last == 0).all(), "there is no action before the first one"


def test_an_episode_is_a_life_and_the_game_goes_on():
    env = vector.make("ALE/Breakout-v5")
    _, state = env.reset(KEY, (1,))
    fresh = env.reset(jax.random.key(1), (1,))

    def step(state, key):
        after = env.step(key[None], state, jnp.zeros(1, int), fresh)
        return after.state, (after.terminated[0], game(after.state).time[0], game(after.state).saved[0])

    ended, time, saved = jax.jit(lambda state: jax.lax.scan(step, state, jax.random.split(KEY, 200))[1])(state)
    ends = np.flatnonzero(ended)
    is_fresh = (np.asarray(saved) == np.asarray(game(fresh[1]).saved[0])).all(-1)
    assert (np.asarray(time)[ends] == 0).all()
    assert is_fresh[ends].tolist()[:5] == [False] * 4 + [True], "five lives are a game"
    whole = played(env.scored, env.scored.reset_one(KEY)[1], jnp.zeros(200, int))
    assert np.flatnonzero(whole.terminated)[0] == ends[4], "agents are scored over whole games"


def test_nothing_happens_when_a_game_is_over(same_bits):
    env = vector.make("ALE/Breakout-v5").scored
    steps = played(env, env.reset_one(KEY)[1], jnp.zeros(250, int))
    over = np.flatnonzero(steps.terminated)
    assert over.tolist() == list(range(over[0], 250))
    assert same_bits(steps.state.env.env.saved[over[0]], steps.state.env.env.saved[-1])
    assert not steps.obs[-1].any()


def test_agents_are_scored_with_all_rewards():
    env = vector.make("ALE/Phoenix-v5?episodic_life=false")
    actions = random_actions(env, 100)
    clipped, scored = (played(e, e.reset_one(KEY)[1], actions).reward for e in (env, env.scored))
    np.testing.assert_array_equal(clipped, jnp.clip(scored, -1.0, 1.0))
    assert scored.max() == 20.0


def test_fire_is_pressed_where_a_game_waits_for_it():
    for fire, num_lives in (("true", 5), ("false", 0)):
        env = vector.make(f"ALE/Breakout-v5?fire_reset={fire}")
        steps = played(env, env.reset_one(KEY)[1], jnp.zeros(200, int))
        assert int(np.sum(np.asarray(steps.terminated)[:120])) == num_lives


@pytest.mark.parametrize("size", [160, 210, 250])
def test_a_screen_is_resized_by_areas(size):
    weights = ale_library.area_weights(size, 84)
    assert (weights.sum(1) == weights.sum(1)[0]).all()
    assert (weights.sum(0) == weights.sum(0)[0]).all()
    assert (weights == weights.round()).all()
    screen = jnp.full((size, 160), 7, jnp.uint8).at[:, :80].set(201)
    small = ale_library.resized(screen)
    assert (small.shape, small.dtype) == ((84, 84, 1), jnp.uint8)
    assert (small[:, :42] == 201).all()
    assert (small[:, 42:] == 7).all()


def test_a_state_is_drawn_and_a_game_that_is_over_is_black():
    env = vector.make("ALE/Breakout-v5").scored
    steps = played(env, env.reset_one(KEY)[1], jnp.zeros(150, int))
    pictures = [env.env.draw(jax.tree.map(lambda x, i=i: x[i], steps.state), env.params) for i in (0, -1)]
    assert [picture.shape for picture in pictures] == [(210, 160, 3)] * 2
    assert pictures[0].any()
    assert not pictures[1].any()


def test_a_replay_holds_bytes_and_agents_learn_from_them():
    algorithm, env = algorithms.get("dqn"), vector.make("ALE/Pong-v5?episode_limit=50", reset_pool=1)
    config = configs.make(algorithm.Config, {**SMALL["dqn"], "num_layers": 1, "prioritized": False})
    state = algorithm.init(KEY, config, env)
    rows = state.replay.frames
    assert (rows.dtype, rows.shape[1:]) == (jnp.uint8, (84, 84, 4))
    after, metrics = algorithm.train(state, config, env, KEY, 0, 4)
    assert np.isfinite(metrics["q_loss"])
    assert after.replay.frames.dtype == jnp.uint8
    assert not jnp.array_equal(after.learner.params.convolutions[0].weight, state.learner.params.convolutions[0].weight)


@pytest.mark.slow
def test_training_can_be_gone_on_with(learn, small, same_bits):
    config = small(num_steps=8, num_envs=2, minibatch_size=8, num_layers=1)
    state, _ = learn("ALE/Pong-v5?reset_pool=2", config, 2)
    straight, again = (learn("ALE/Pong-v5?reset_pool=2", config, 1, state, 2 * 16) for _ in range(2))
    assert same_bits(straight, again)


@pytest.mark.slow
def test_the_example_of_the_document_trains_and_draws(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (commands,) = [code for code in examples.blocks("environments.md") if "ALE/" in code]
    examples.run_commands(commands, tmp_path)
    with Image.open(tmp_path / "pong.gif") as picture:
        assert picture.size == (160, 210)
        assert 40 < picture.n_frames <= 51  # frames that are the same are one


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ALE/Pnog-v5", "unknown game of ALE 'Pnog-v5': did you mean 'Pong-v5'"),
        ("ALE/Combat-v5", "unknown game of ALE 'Combat-v5'"),  # it needs two players
        ("ALE/Klax-v5", "must be a game that ALE saves as a whole"),
        (
            "ALE/Pong-v5?frameskp=2",
            "unknown argument 'frameskp' of environment 'ALE/Pong-v5': did you mean 'frameskip'",
        ),
        ("ALE/Pong-v5?noop_max=0", "noop_max of environment 'ALE/Pong-v5' must be an integer from 1 to 1000, got 0"),
        ("ALE/Pong-v5?episodic_life=2", "episodic_life of environment 'ALE/Pong-v5' must be true or false, got 2"),
        ("ALE/Pong-v5?repeat_action_probability=2", "must be a number from 0 to 1, got 2"),
    ],
)
def test_wrong_names_are_refused_in_one_line(name, reason):
    with pytest.raises(InputError, match=reason) as error:
        vector.make(name)
    assert "\n" not in str(error.value)
