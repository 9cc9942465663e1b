"""Environments of libraries by name, with arguments; what a name says wrongly is one line."""

import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import envs
from arl.errors import InputError
from envs import registry, vector
from envs.testing import check_env
from hpo import tasks

KEY = jax.random.key(0)
SHORT = [name for name in envs.names() if envs.spec(name).family in ("classic_control", "probe")]
MINATAR = [name for name in envs.names() if "MinAtar" in name]
MINIGRID = [name for name in envs.names() if "MiniGrid" in name]
BRAX = [name for name in envs.names() if "brax" in name]


def installed(library):
    return pytest.mark.skipif(not _installed(library), reason=f"{library} is not installed")


def _installed(library):
    import importlib.util

    return importlib.util.find_spec(library) is not None


@pytest.mark.parametrize("name", SHORT)
def test_registered_envs_keep_the_contract(name):
    check_env(name)


def test_what_gymnax_draws_with_is_imported_when_it_draws():
    code = """
import sys
from envs import vector
vector.make("CartPole-v1")
assert not {"matplotlib", "matplotlib.pyplot", "seaborn"} & set(sys.modules)
from gymnax.environments.misc import pong, rooms
import matplotlib.colors, matplotlib.pyplot, seaborn
assert rooms.plt.Figure is matplotlib.pyplot.Figure
assert pong.colors.ListedColormap is matplotlib.colors.ListedColormap
assert pong.sns.color_palette is seaborn.color_palette
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", ["gymnax/Breakout-MinAtar", "gymnax/FourRooms-misc"])
def test_envs_of_gymnax_keep_the_contract(name):
    check_env(name, num_steps=50)


@pytest.mark.slow
@pytest.mark.parametrize("name", MINATAR)
def test_minatar_keeps_the_contract(name):
    check_env(name)


@pytest.mark.slow
@installed("xminigrid")
@pytest.mark.parametrize("name", MINIGRID)
def test_minigrid_keeps_the_contract(name):
    check_env(name)


@pytest.mark.parametrize(
    "name",
    [
        *SHORT,
        *MINATAR,
        "planar/LunarLander",
        "planar/LunarLanderContinuous",
        "planar/BipedalWalker",
        "planar/BipedalWalkerHardcore",
        *(pytest.param(name, marks=installed("xminigrid")) for name in MINIGRID),
        *(pytest.param(name, marks=[installed("brax"), pytest.mark.slow]) for name in BRAX),
    ],
)
def test_rows_say_what_libraries_say(name):
    spec, env = envs.spec(name), envs.make(name)
    assert spec.episode_limit == env.episode_limit
    assert spec.observation == registry.observation_words(env)
    assert spec.actions == registry.action_words(env)


@pytest.mark.parametrize("name", MINATAR)
def test_images_of_minatar_are_truth_values_as_all_they_hold_is_0_and_1(name):
    env = vector.make(name)
    keys = jax.random.split(KEY, 40)

    def step(state, key):
        after = env.step_one(key, state, jax.random.randint(key, (), 0, env.action_size))
        return after.state, (env.env.raw.get_obs(after.state), after.obs)

    raw, obs = jax.jit(lambda state: jax.lax.scan(step, state, keys)[1])(env.reset_one(KEY)[1])
    assert obs.dtype == bool
    np.testing.assert_array_equal(raw, obs)
    assert obs.any()


@installed("xminigrid")
def test_minigrid_is_observed_as_tiles_or_as_the_reference_does():
    tiles, flat = (vector.make(MINIGRID[0], **arguments) for arguments in ({}, {"flat": True}))
    assert tiles.obs_spec == jax.ShapeDtypeStruct((7, 7, 2), jnp.uint8)
    assert flat.obs_spec == jax.ShapeDtypeStruct((98,), jnp.float32)
    assert (tiles.num_categories, flat.num_categories) == (13, None)
    assert (tiles.action_size, tiles.reset_pool) == (6, 64)
    np.testing.assert_array_equal(tiles.reset_one(KEY)[0].ravel(), flat.reset_one(KEY)[0])
    with pytest.raises(InputError, match=r"flat of environment .* must be true or false, got 2"):
        envs.make(MINIGRID[0], flat=2)


@installed("xminigrid")
def test_minigrid_steps_and_starts_from_a_pool():
    env = vector.make("xminigrid/MiniGrid-Empty-5x5?reset_pool=2")
    assert envs.spec(env.name).return_range == (0.0, 1.0)

    @jax.jit
    def play(key):
        pool = env.pool(key)
        starts = env.starts(jax.random.split(key, (5, 3)), pool)
        _, state = env.reset(key, (3,))
        return env.step(jax.random.split(key, 3), state, jnp.zeros(3, int), env.fresh(pool, starts[0]))

    step = play(KEY)
    assert step.obs.shape == (3, 7, 7, 2)
    assert step.obs.dtype == np.uint8


@pytest.mark.slow
@installed("brax")
def test_brax_steps_and_compiles_once():
    env = vector.make("brax/ant")
    assert (env.obs_size, env.action_size, env.bounded, env.episode_limit) == (27, 8, True, 1000)
    traces = []

    @jax.jit
    def step(state):
        traces.append(0)
        return env.step(jax.random.split(KEY, 2), state, jnp.zeros((2, 8)), start)

    start = jax.jit(lambda key: env.reset(key, (2,)))(KEY)
    state = start[1]
    for _ in range(3):
        after = step(state)
        state = after.state
    assert state.time.tolist() == [3, 3]
    assert np.isfinite(after.reward).all()
    assert traces == [0]


ADAPTED = [
    ("jumanji/Snake-v1", "jumanji"),
    ("jumanji/Game2048-v1", "jumanji"),
    ("pgx/2048", "pgx"),
    ("pgx/minatar-freeway", "pgx"),
    ("craftax/Craftax-Classic-Symbolic-v1", "craftax"),
    ("craftax/Craftax-Symbolic-v1", "craftax"),
    ("playground/CartpoleBalance", "mujoco_playground"),
    ("playground/PendulumSwingup", "mujoco_playground"),
    ("navix/Navix-DoorKey-Random-5x5-v0", "navix"),
    ("navix/Navix-Dynamic-Obstacles-5x5-v0?first_person=true", "navix"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=installed(package)) for name, package in ADAPTED],
    ids=[name for name, _ in ADAPTED],
)
def test_envs_of_other_libraries_keep_the_contract(name):
    check_env(name, num_steps=20, reset_pool=4)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        pytest.param(
            "jumanji/Snak-v1", "unknown jumanji environment .*: did you mean 'Snake", marks=installed("jumanji")
        ),
        pytest.param(
            "jumanji/Tetris-v0", "must have one discrete action, got MultiDiscrete", marks=installed("jumanji")
        ),
        pytest.param("pgx/chess", "must be for one player, got 2", marks=installed("pgx")),
        pytest.param("craftax/Craftax-v1", "unknown craftax environment 'Craftax-v1'", marks=installed("craftax")),
        pytest.param("navix/DoorKey", "unknown navix environment 'DoorKey'", marks=installed("navix")),
        pytest.param("playground/CheetahRun?ctrl=1", "unknown argument 'ctrl'", marks=installed("mujoco_playground")),
    ],
)
def test_wrong_names_of_other_libraries_are_refused(name, reason):
    with pytest.raises(InputError, match=reason):
        envs.make(name)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("gymnax/Reacher-misc", "misc"),
        ("gymnax/Catch-bsuite", "bsuite"),
        ("gymnax/Seaquest-MinAtar", "minatar"),
        ("gymnax/CartPole-v1", "classic_control"),
    ],
)
def test_facts_are_taken_from_the_library(name, family):
    spec = envs.spec(name)
    assert (spec.family, spec.source, spec.extra) == (family, name, None)
    assert spec.episode_limit == envs.make(name).params.max_steps_in_episode


def test_a_range_is_documented_under_either_name():
    assert envs.spec("gymnax/CartPole-v1").return_range == (0.0, 500.0)


def test_a_range_of_other_arguments_is_not_known():
    spec = envs.spec("CartPole-v1?episode_limit=100")
    assert (spec.episode_limit, spec.return_range) == (100, None)
    assert spec.missing.endswith("give it as 'CartPole-v1?episode_limit=100&return_range=WORST,BEST'")


def test_arguments_reach_the_library():
    env = envs.make("gymnax/DeepSea-bsuite?size=5")
    assert vector.make("gymnax/DeepSea-bsuite?size=5").obs_spec.shape == (5, 5)
    assert env.episode_limit == 5


def test_keywords_are_arguments():
    env = vector.make("CartPole-v1", episode_limit=100, reset_pool=8)
    assert (env.name, env.episode_limit, env.reset_pool) == ("CartPole-v1?episode_limit=100&reset_pool=8", 100, 8)


def test_common_arguments_are_read():
    request = registry.parse("gymnax/Reacher-misc?return_range=-10,0.5&reset_pool=0&text=a-b&flag=true")
    assert (request.return_range, request.reset_pool) == ((-10.0, 0.5), 0)
    assert request.arguments == {"text": "a-b", "flag": True}


def test_a_task_may_be_on_any_env_with_a_range():
    task = tasks.get("ppo/gymnax/Reacher-misc?return_range=-60,0")
    assert (task.env_name, task.return_range) == ("gymnax/Reacher-misc?return_range=-60,0", (-60.0, 0.0))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ppo/gymnax/Reacher-misc", "give it as 'gymnax/Reacher-misc.return_range=WORST,BEST'"),
        ("ppo/gymnx/Reacher-misc", "unknown environment library 'gymnx': did you mean 'gymnax'"),
        ("ppo/gymnax/Reacher", "unknown gymnax environment 'Reacher': did you mean 'Reacher-misc'"),
    ],
)
def test_a_task_on_no_env_is_refused(name, reason):
    with pytest.raises(InputError, match=reason):
        tasks.get(name)


def test_names_round_trip():
    name = envs.full_name("gymnax/X", flag=False, return_range=(0, 1.5), backend="spring")
    assert name == "gymnax/X?flag=false&return_range=0,1.5&backend=spring"
    assert registry.parse(name).arguments == {"flag": False, "backend": "spring"}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("gimnax/CartPole-v1", "unknown environment library 'gimnax': did you mean 'gymnax'"),
        ("gymnax/CartPol-v1", "unknown gymnax environment 'CartPol-v1': did you mean 'CartPole-v1'"),
        ("gymnax/", "unknown environment 'gymnax/'"),
        ("probes/Constan", "unknown probe 'Constan': did you mean 'Constant'"),
        ("CartPole-v1?limit", "must be key=value joined by &, got 'limit'"),
        ("CartPole-v1?a=1&a=2", "must get each argument once, got a twice"),
        ("CartPole-v1?reset_pool=-1", "reset_pool of environment .* must be an integer from 0 up, got -1"),
        ("CartPole-v1?reset_pool=many", "reset_pool of environment .* must be an integer from 0 up, got 'many'"),
        ("CartPole-v1?return_range=1,0", r"must have a return_range of two finite numbers.* got \(1, 0\)"),
        ("CartPole-v1?episode_limit=0", "must have an episode limit of at least 1 env step, got 0"),
        ("CartPole-v1?lenth=2", "can't be made: TypeError.*'lenth'"),
    ],
)
def test_wrong_names_are_refused_in_one_line(name, reason):
    with pytest.raises(InputError, match=reason) as error:
        envs.make(name)
    assert "\n" not in str(error.value)


@installed("brax")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("brax/an", "unknown brax environment 'an': did you mean 'ant'"),
        ("brax/ant?backend=sprng", "unknown backend of brax 'sprng': did you mean 'spring'"),
        ("brax/ant?bakend=spring", "unknown argument 'bakend' of environment 'brax/ant': did you mean 'backend'"),
    ],
)
def test_wrong_names_of_brax_are_refused(name, reason):
    with pytest.raises(InputError, match=reason):
        envs.make(name)


@installed("xminigrid")
@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("xminigrid/MiniGrid-Empt-5x5", "unknown xminigrid environment .*: did you mean 'MiniGrid-Empty-5x5'"),
        ("xminigrid/MiniGrid-Empty-5x5?hight=7", "unknown argument 'hight' of environment .*: did you mean 'height'"),
    ],
)
def test_wrong_names_of_minigrid_are_refused(name, reason):
    with pytest.raises(InputError, match=reason):
        envs.make(name)


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("brax/ant", "brax", "brax"),
        (MINIGRID[0], "xminigrid", "minigrid"),
        ("ALE/Pong-v5", "ale_py", "atari"),
        ("jumanji/Snake-v1", "jumanji", "jumanji"),
        ("pgx/2048", "pgx", "pgx"),
        ("craftax/Craftax-Symbolic-v1", "craftax", "craftax"),
        ("navix/Navix-DoorKey-5x5-v0", "navix", "navix"),
        ("playground/CheetahRun", "mujoco_playground", "playground"),
    ],
)
def test_the_extra_of_a_missing_library_is_named(monkeypatch, name, package, extra):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=rf"needs the package '{package}': pip install 'autorl-sweeps\[{extra}\]'"):
        envs.make(name)


def test_registered_names_need_no_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "xminigrid", None)
    assert envs.spec(MINIGRID[0]).extra == "minigrid"


CLASSES = """
import jax
import jax.numpy as jnp
import numpy as np
from envs.base import Transition

class Walk:
    '''A walk of +1 and -1 to the end of a corridor.'''

    return_range = (0.0, 1.0)
    dear_reset = False
    num_actions = 2
    action_low = action_high = None

    def __init__(self, length=3, episode_limit=20):
        self.params = {"slip": 0.1}
        self.length, self.episode_limit = length, episode_limit

    def reset(self, key, params):
        state = {"place": jnp.int32(0), "time": jnp.int32(0)}
        return self.observed(state), state

    def step(self, key, state, action, params):
        slips = jax.random.bernoulli(key, params["slip"])
        place = jnp.maximum(state["place"] + jnp.where(slips, 0, 2 * action - 1), 0)
        state = {"place": place, "time": state["time"] + 1}
        arrived = place >= self.length
        return Transition(self.observed(state), state, arrived * 1.0, arrived, state["time"] >= self.episode_limit)

    def observed(self, state):
        return {"place": jax.nn.one_hot(state["place"], self.length + 1), "time": state["time"]}

class Keyed(Walk):
    dear_reset = True

    def reset(self, key, params):
        obs, state = super().reset(key, params)
        return obs, {**state, "key": key}

    def step(self, key, state, action, params):
        after = super().step(state["key"], state, action, params)
        return after._replace(state={**after.state, "key": key})

class Wide(Walk):
    num_actions = 0

class Unbounded(Walk):
    num_actions = None

class Swapped(Walk):
    num_actions = None
    action_low, action_high = np.ones(1), -np.ones(1)

class Both(Walk):
    action_low, action_high = -np.ones(1), np.ones(1)

class Informed(Walk):
    def step(self, key, state, action, params):
        return (*super().step(key, state, action, params)[:4], {})

class Bare:
    def reset(self, key, params):
        pass

class Early(Walk):
    def step(self, key, state, action, params):
        after = super().step(key, state, action, params)
        return after._replace(truncated=after.state["time"] >= 5)

class Late(Walk):
    def step(self, key, state, action, params):
        return super().step(key, state, 0, params)._replace(truncated=False)

class Infinite(Walk):
    def step(self, key, state, action, params):
        return super().step(key, state, action, params)._replace(reward=jnp.inf)

class OtherClock(Walk):
    '''Its episodes end at the goal, or at a limit that is told by a clock of another name.'''

    def reset(self, key, params):
        obs, state = super().reset(key, params)
        return obs, {"place": state["place"], "env": {"clock": state["time"]}}

    def step(self, key, state, action, params):
        after = super().step(key, {"place": state["place"], "time": state["env"]["clock"]}, action, params)
        state = {"place": after.state["place"], "env": {"clock": after.state["time"]}}
        return after._replace(state=state, terminated=after.terminated | after.truncated)

class NoClock(Walk):
    '''Its episodes end at the limit, which is told by a countdown.'''

    def reset(self, key, params):
        obs, state = super().reset(key, params)
        return obs, {"left": jnp.int32(self.episode_limit)}

    def step(self, key, state, action, params):
        time = self.episode_limit - state["left"]
        after = super().step(key, {"place": jnp.int32(0), "time": time}, 0, params)
        return after._replace(state={"left": state["left"] - 1}, terminated=after.truncated)

class Dull(Walk):
    def draw(self, state, params):
        return np.zeros((3, 3))
"""


@pytest.fixture
def class_name(tmp_path):
    file = tmp_path / "walks.py"
    file.write_text(CLASSES)
    return lambda name: f"{file}:{name}"


def test_a_class_may_fulfil_the_contract_itself(class_name):
    name = class_name("Walk") + "?length=4"
    env = vector.make(name)
    assert {key: spec.shape for key, spec in env.obs_spec.items()} == {"place": (5,), "time": ()}
    assert env.obs_spec["time"].dtype == jnp.int32
    assert (env.obs_size, env.action_size, env.param_defaults) == (6, 2, {"slip": 0.1})
    facts = {"observation": "float32[5], int32[]", "actions": "2 discrete"}
    assert envs.spec(name) == envs.EnvSpec(name, 20, (0.0, 1.0), "custom", class_name("Walk"), **facts)
    check_env(name)


def test_a_state_may_hold_a_key_and_a_pool_be_the_default(class_name):
    assert vector.make(class_name("Keyed")).reset_pool == 64
    check_env(class_name("Keyed"), reset_pool=2)


def test_a_class_and_an_object_can_be_checked(class_name):
    cls = type(envs.make(class_name("Walk")))
    check_env(cls, length=2)
    check_env(cls(length=2))


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("Wide", "must have a num_actions from 1 up or None, got 0"),
        ("Unbounded", "must have num_actions, or action_low and action_high, got neither"),
        ("Swapped", "must have action_low below action_high in each component"),
        ("Both", "must have num_actions, or action_low and action_high, got both"),
        ("Informed", "must give a truth value as truncated, got {}"),
        ("Bare", "it lacks params, episode_limit, return_range"),
        ("Infinite", "must give finite rewards, got inf"),
        ("OtherClock", r"must leave its time limit of 20 env steps out of terminated .*: add limit_in_done=true"),
        ("NoClock", "must leave its time limit of 20 env steps out of terminated"),
    ],
)
def test_a_class_that_breaks_the_contract_is_refused_before_training(class_name, name, rule):
    with pytest.raises(InputError, match=rule) as error:
        vector.make(class_name(name))
    assert "\n" not in str(error.value)
    assert name in str(error.value)


@pytest.mark.parametrize(
    ("name", "promise"),
    [
        ("Early", "must truncate episodes at its limit of 20 only"),
        ("Late", "must end episodes by its limit of 20"),
        ("Infinite", "must give finite rewards, got inf"),
        ("NoClock", "must leave its time limit of 20 env steps out of terminated"),
        ("Dull", "must draw a picture"),
        ("Bare", "it lacks"),
    ],
)
def test_the_suite_finds_a_broken_promise(class_name, name, promise):
    with pytest.raises(AssertionError, match=promise) as error:
        check_env(class_name(name))
    assert name in str(error.value)


@pytest.mark.parametrize("name", ["OtherClock", "NoClock"])
def test_an_env_with_the_limit_in_done_can_be_truncated_there(class_name, name):
    check_env(class_name(name), limit_in_done=True)
    env = vector.make(class_name(name), limit_in_done=True, length=50)
    assert (env.episode_limit, env.action_size) == (20, 2)

    def step(state, key):
        after = env.step_one(key, state, jnp.int32(1))
        return after.state, (after.terminated, after.truncated)

    _, (terminated, truncated) = jax.lax.scan(step, env.reset_one(KEY)[1], jax.random.split(KEY, 20))
    assert not terminated.any()
    assert truncated.tolist() == [False] * 19 + [True]


def test_an_end_before_the_limit_stays_one(class_name):
    env = vector.make(class_name("OtherClock"), limit_in_done=True, length=1)
    _, state = env.reset_one(KEY)
    ends = [env.step_one(jax.random.key(seed), state, jnp.int32(1)) for seed in range(3)]
    assert any(after.terminated for after in ends)
    assert not any(after.truncated for after in ends)


@pytest.mark.parametrize("value", ["1", "yes"])
def test_whether_the_limit_is_in_done_is_true_or_false(class_name, value):
    with pytest.raises(InputError, match=r"limit_in_done of environment .* must be true or false, got"):
        vector.make(class_name("OtherClock") + f"?limit_in_done={value}")


def test_an_argument_that_a_class_does_not_take_is_refused(class_name):
    with pytest.raises(InputError, match=r"unknown argument 'lenght' of environment .*: did you mean 'length'"):
        vector.make(class_name("Walk"), lenght=3)
