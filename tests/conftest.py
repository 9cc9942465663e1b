"""Array shapes and dtypes are checked in every test, as their annotations say; compiled programs are kept on disk."""

import functools
import shutil

import hypothesis
import jax
import numpy as np
import pytest
from jaxtyping import install_import_hook

# Scalars are left out: a config's fields are Python scalars on the host and arrays inside a program.
SCALARS = "beartype.FrozenDict({bool: object, int: object, float: object})"
CHECKER = f"beartype.beartype(conf=beartype.BeartypeConf(hint_overrides={SCALARS}))"
install_import_hook(["arl.algorithms", "arl.config", "arl.hyperparameters", "arl.networks", "arl.training"], CHECKER)

from arl import config as configs  # noqa: E402
from arl.algorithms import ppo  # noqa: E402
from arl.training import backend, saved_programs  # noqa: E402
from envs import vector  # noqa: E402

backend.setup()
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, max_examples=30)
hypothesis.settings.load_profile("tests")

# The least of each algorithm that still has several envs, minibatches and epochs.
SMALL = {
    "ppo": {
        "learning_rate": 0.01,
        "num_envs": 2,
        "num_steps": 8,
        "minibatch_size": 4,
        "num_epochs": 2,
        "hidden_size": 8,
    },
    "dqn": {
        "learning_rate": 0.01,
        "num_envs": 2,
        "train_freq": 2,
        "gradient_steps": 2,
        "batch_size": 4,
        "buffer_size": 16,
        "max_buffer_size": 32,
        "learning_starts": 6,
        "schedule_steps": 64,
        "exploration_fraction": 0.5,
        "target_update_interval": 8,
        "tau": 0.5,
        "prioritized": True,
        "priority_epsilon": 0.1,
        "normalize_observations": True,
        "n_step": 2,
        "hidden_size": 8,
    },
    "sac": {
        "learning_rate": 0.01,
        "num_envs": 2,
        "train_freq": 2,
        "gradient_steps": 2,
        "batch_size": 4,
        "buffer_size": 16,
        "max_buffer_size": 32,
        "learning_starts": 6,
        "schedule_steps": 64,
        "target_update_gradient_steps": 2,
        "tau": 0.5,
        "prioritized": True,
        "priority_epsilon": 0.1,
        "anneal_priority_beta": True,
        "normalize_observations": True,
        "n_step": 2,
        "hidden_size": 8,
    },
    "pqn": {
        "learning_rate": 0.01,
        "num_envs": 2,
        "num_steps": 8,
        "minibatch_size": 4,
        "num_epochs": 2,
        "exploration_fraction": 0.5,
        "final_epsilon": 0.4,  # half of it is still so much that other actions are taken within a few iterations
        "schedule_steps": 256,
        "max_grad_norm": 0.5,
        "hidden_size": 8,
    },
}


@pytest.fixture(scope="session", autouse=True)
def _traced():
    """Have programs traced in every test, so that shapes are checked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saved_programs, "of", lambda *args: None)
        yield


@pytest.fixture(scope="session")
def small():
    """Return a function that makes small configs of PPO, whose iteration is 16 env steps."""
    return lambda **values: configs.make(ppo.PPOConfig, SMALL["ppo"] | values)


@pytest.fixture(scope="session")
def learn():
    """Return a function that trains PPO by a plain program per env and static config, and gives `(state, metrics)`."""
    programs = functools.cache(_program)

    def learn(env, config, num_iterations, state=None, env_steps=0):
        key_init, key_train = jax.random.split(jax.random.key(0))
        state = ppo.init(key_init, config, vector.make(env)) if state is None else state
        state = jax.device_get(state)  # whether it is fresh or trained: without weak types, which would compile again
        return programs(env)(state, configs.arrays(config), key_train, np.int32(env_steps), np.int32(num_iterations))

    return learn


def _program(env):
    made = vector.make(env)
    return jax.jit(
        lambda state, config, *args: ppo.train(state, config, made, *args),
        compiler_options=backend.compiler_options(),
    )


@pytest.fixture(scope="session")
def same_bits():
    """Return a function that says whether two pytrees of arrays are equal bit for bit.

    Zeros of either sign differ, and NaNs are equal.
    """

    def same(first, second):
        leaves, others = (jax.tree.leaves(jax.device_get(tree)) for tree in (first, second))
        assert jax.tree.structure(first) == jax.tree.structure(second)
        return all(np.asarray(x).tobytes() == np.asarray(y).tobytes() for x, y in zip(leaves, others, strict=True))

    return same


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Return a directory in which a sweep was run."""
    from test_cli import SWEEP, arl

    directory = tmp_path_factory.mktemp("swept")
    assert arl(directory, *SWEEP, "--json").status == 0
    return directory


@pytest.fixture
def home(swept, tmp_path):
    """Return a copy of the directory with the sweep."""
    return shutil.copytree(swept, tmp_path / "home")
