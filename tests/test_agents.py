"""Agents as files: a loaded agent is the saved one to the bit, and anything else is refused."""

import json
from pathlib import Path

import jax
import numpy as np
import pytest
from flax import serialization

from arl.algorithms import ppo
from arl.training import saved_agents
from arl.training.saved_agents import SavedAgent
from envs import InputError, vector
from envs.probes import Endless

ENV = "ProbeObserved"


@pytest.fixture(scope="module")
def config(small):
    return small(normalize_observations=True, vf_clip_eps=float("inf"))


@pytest.fixture(scope="module")
def state(learn, config):
    return learn(ENV, config, 4)[0]


@pytest.fixture
def path(tmp_path, config, state):
    return saved_agents.save(tmp_path / "new" / "3.agent", SavedAgent("ppo", ENV, config, {}, 3, 64, state))


def test_a_loaded_agent_is_the_saved_one(path, config, state, same_bits):
    loaded = saved_agents.load(path)
    assert same_bits(loaded.state, state)
    assert (loaded.config, loaded.seed, loaded.env_steps) == (config, 3, 64)
    assert loaded.algorithm_name == "ppo"
    assert loaded.env.obs_size == 1


def test_a_loaded_agent_goes_on_as_the_saved_one(path, config, state, learn, same_bits):
    loaded = saved_agents.load(str(path))
    assert same_bits(learn(ENV, loaded.config, 3, loaded.state, 64), learn(ENV, config, 3, state, 64))


def test_a_loaded_agent_acts(path, config, state):
    loaded = saved_agents.load(path)
    obs = jax.random.normal(jax.random.key(0), (1000, 1))
    best, sampled = loaded.act(obs), loaded.act(obs, jax.random.key(1))
    np.testing.assert_array_equal(best, loaded.algorithm.act(state, config, loaded.env, obs, jax.random.key(9), False))
    assert set(np.unique(sampled)) == {0, 1}
    assert 0 < np.mean(sampled != best) < 0.5


class Keyed(Endless):
    """Its state holds a key."""

    def reset_env(self, key, params):
        obs, state = super().reset_env(key, params)
        return obs, (state, key)

    def step_env(self, key, state, action, params):
        obs, after, *others = super().step_env(key, state[0], action, params)
        return obs, (after, key), *others

    def is_truncated(self, state, params):
        return super().is_truncated(state[0], params)


def test_keys_of_an_envs_state_are_saved(tmp_path, config):
    env = vector.make("test_agents:Keyed")
    state = jax.jit(lambda key: ppo.init(key, config, env))(jax.random.key(0))
    path = saved_agents.save(tmp_path / "keyed.agent", SavedAgent("ppo", env.name, config, {}, 0, 0, state))
    loaded = saved_agents.load(path).state
    keys, loaded_keys = (jax.random.key_data(agent.env_state[1]) for agent in (state, loaded))
    np.testing.assert_array_equal(loaded_keys, keys)
    assert loaded.env_state[1].dtype == state.env_state[1].dtype


@pytest.mark.parametrize("shape", [(1,), (5, 2), ()])
def test_observations_of_another_shape_are_refused(path, shape):
    with pytest.raises(InputError, match=r"obs must be float32 \(env, 1\), got "):
        saved_agents.load(path).act(np.zeros(shape))


def test_a_file_of_another_format_is_refused(path):
    data = serialization.msgpack_restore(path.read_bytes())
    description = json.dumps({**json.loads(data["about"]), "format": 99})
    path.write_bytes(serialization.msgpack_serialize({**data, "about": description}))
    with pytest.raises(InputError, match="must have format 3, got 99"):
        saved_agents.load(path)


def test_a_file_holds_nothing_that_could_be_run(path):
    assert set(serialization.msgpack_restore(path.read_bytes())) == {"about", "state"}
    assert path.name == "3.agent"
    assert [file.name for file in path.parent.iterdir()] == ["3.agent"]


@pytest.mark.parametrize("data", [b"", b"\xc1", b"not an agent", b"\x80", b"\x93\x01\x02\x03", b'{"about": "{}"}'])
def test_a_foreign_file_is_refused(tmp_path, data):
    file = tmp_path / "foreign.agent"
    file.write_bytes(data)
    with pytest.raises(InputError, match=r"agent file .*foreign.agent' can't be read") as caught:
        saved_agents.load(file)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(path, kept):
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(InputError, match="can't be read"):
        saved_agents.load(path)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"algorithm": "a2c"}, "unknown algorithm 'a2c'"),
        ({"env": "Cartpole"}, "unknown environment 'Cartpole'"),
        ({"env": "Pendulum-v1"}, "can't be read"),
        ({"config": {"learning_speed": 1.0}}, "unknown hyperparameter"),
        ({"config": {"num_layers": 3}}, "can't be read"),
        ({"config": {"hidden_size": 16}}, "can't be read"),
    ],
)
def test_an_agent_that_is_not_what_its_file_says_is_refused(path, changes, error):
    data = serialization.msgpack_restore(path.read_bytes())
    description = json.loads(data["about"])
    changes = {name: description[name] | new if isinstance(new, dict) else new for name, new in changes.items()}
    path.write_bytes(serialization.msgpack_serialize(data | {"about": json.dumps(description | changes)}))
    with pytest.raises(InputError, match=error):
        saved_agents.load(path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="can't be read: FileNotFoundError"):
        saved_agents.load(tmp_path / "nothing.agent")


def test_an_interrupted_save_leaves_the_file_as_it_was(path, config, state, monkeypatch):
    write, before = Path.write_bytes, path.read_bytes()

    def half_write(self, data):
        write(self, data[: len(data) // 2])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", half_write)
    with pytest.raises(OSError, match="disk full"):
        saved_agents.save(path, SavedAgent("ppo", ENV, config, {}, 4, 64, state))
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["3.agent"]


def test_agents_of_like_names_are_written_apart(tmp_path, config, state, monkeypatch):
    write, written = Path.write_bytes, []
    monkeypatch.setattr(Path, "write_bytes", lambda self, data: (written.append(self.name), write(self, data)))
    for name, pid in (("a.x", 1), ("a.y", 1), ("a.x", 2)):
        monkeypatch.setattr("os.getpid", lambda pid=pid: pid)
        saved_agents.save(tmp_path / name, SavedAgent("ppo", ENV, config, {}, 3, 64, state))
    assert len(set(written)) == 3
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.x", "a.y"]
