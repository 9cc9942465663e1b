"""Programs on disk that are taken up without tracing: the same numbers, and never those of another source or setting."""

import dataclasses
import os
import subprocess
import sys
import uuid
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl import algorithms
from arl import config as configs
from arl.algorithms.parts import Part
from arl.config import static, traced
from arl.training import saved_programs
from arl.training.programs import BlockPrograms, Compiler, Lanes
from arl.training.runner import Run, Runner
from arl.training.saved_programs import SavedPrograms
from envs import vector

OF = saved_programs.of  # before the tests' own, which gives none
ENV = vector.make("ProbeChoice")
DIRECTORY = Path(jax.config.values["jax_compilation_cache_dir"])
KEYS = jax.vmap(jax.random.key)(np.arange(1))


@configs.config
class Config:
    rate: float = traced(0.5)
    width: int = static(3)
    network: str = static("auto")


TRACES = []


def grow(level, read, config, env, key):
    TRACES.append(config.width)
    return config.rate * level + jnp.sum(jax.random.uniform(key, (config.width,)))


def with_network(level, read, config, env, key):
    TRACES.append(config.network)
    return level


def calls_back(level, read, config, env, key):
    TRACES.append("back")
    return jax.pure_callback(np.asarray, jax.ShapeDtypeStruct((), np.float32), level, vmap_method="sequential")


@pytest.fixture(autouse=True)
def no_traces():
    TRACES.clear()


@pytest.fixture
def call(tmp_path):
    """Return a function that calls a part as a process would that has only just begun."""

    def call(function=grow, level=2.0, origin="here", **values):
        compiler = Compiler(ENV, lambda num, seconds: None, SavedPrograms(DIRECTORY, f"{tmp_path} {origin}"))
        config = configs.stack([[Config(**values)]])
        programs = BlockPrograms(compiler, Lanes(1, 1), config, {}, jax.devices()[0])
        return programs.call(Part(function), jnp.full((1, 1), level), (), None, ENV, KEYS)

    return call


def test_what_was_saved_is_not_traced_again(call, same_bits):
    first = call()
    assert TRACES == [3]
    assert same_bits(call(), first)
    assert same_bits(call(rate=0.25, level=4.0), first)
    assert TRACES == [3]


def test_each_static_value_has_a_program_of_its_own(call, same_bits):
    narrow, wide = call(width=3), call(width=4)
    assert not same_bits(narrow, wide)
    assert same_bits(call(width=4), wide)
    assert same_bits(call(width=3), narrow)
    assert TRACES == [3, 4]


def test_another_origin_or_function_is_another_program(call):
    call()
    call(origin="elsewhere")
    call(with_network)
    assert TRACES == [3, 3, "auto"]


def test_what_is_changed_is_used_up(tmp_path):
    for _ in range(2):
        compiler = Compiler(ENV, lambda num, seconds: None, SavedPrograms(DIRECTORY, str(tmp_path)))
        programs = BlockPrograms(compiler, Lanes(1, 1), configs.stack([[Config()]]), {}, jax.devices()[0])
        level = jnp.ones((1, 1))
        programs.call(Part(grow), level, (), None, ENV, KEYS)
        assert level.is_deleted()


def test_a_network_of_the_users_is_not_saved(call):
    call(with_network, network="mine.py:Net")
    call(with_network, network="mine.py:Net")
    assert TRACES == ["mine.py:Net"] * 2


def test_what_calls_back_is_not_saved(call):
    assert call(calls_back) == call(calls_back)
    assert TRACES == ["back"] * 2


def test_what_cannot_be_loaded_is_compiled(call, monkeypatch, same_bits):
    first = call()

    def fail(*args, **kwargs):
        raise ValueError("of another build")

    monkeypatch.setattr(saved_programs, "Compiled", fail)
    assert same_bits(call(), first)
    assert TRACES == [3, 3]


def origin(algorithm="ppo", env="CartPole-v1", num_episodes=8):
    saved = OF(algorithms.get(algorithm), vector.make(env) if isinstance(env, str) else env, num_episodes)
    return saved and saved._origin


def test_programs_are_known_by_all_that_they_follow_from(monkeypatch, tmp_path):
    longer = vector.make("CartPole-v1").with_params({"length": 0.7})
    monkeypatch.setattr(saved_programs, "_made_with", saved_programs._made_with.__wrapped__)
    origins = [origin(), origin("dqn"), origin(env="Acrobot-v1"), origin(env=longer), origin(num_episodes=9)]
    source = tmp_path / "module.py"
    monkeypatch.setattr(saved_programs, "_PACKAGES", (tmp_path,))
    for text in ("one = 1", "one = 2"):
        source.write_text(text)
        origins.append(origin())
    (tmp_path / "gymnax-9.9.dist-info").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    origins.append(origin())
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    origins.append(origin())
    jax.config.update("jax_default_matmul_precision", "float32")
    try:
        origins.append(origin())
    finally:
        jax.config.update("jax_default_matmul_precision", None)
    assert len(set(origins)) == len(origins)


def test_programs_of_the_users_code_are_not_saved():
    assert origin() is not None
    assert origin(env=dataclasses.replace(ENV, name="mine.py:Env")) is None
    assert origin(env=vector.VectorEnv(ENV.env, ENV.params)) is None
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        assert origin() is None
    finally:
        jax.config.update("jax_enable_compilation_cache", True)


def test_training_is_the_same(small, monkeypatch, tmp_path, same_bits):
    saved = SavedPrograms(DIRECTORY, str(tmp_path))
    monkeypatch.setattr(saved_programs, "of", lambda *args: saved)
    curves = []
    for _ in range(2):
        runner = Runner(algorithms.get("ppo"), vector.make("CartPole-v1"), 1, 1, num_episodes=4)
        ((_, curve),) = next(runner.train([Run(small(), 0, (32, 64))]))
        curves.append((curve.return_mean, curve.metrics, curve.agent.state))
        monkeypatch.setattr(Compiler, "_traced", lambda *args: pytest.fail("it is traced again"))
    assert same_bits(*curves)


TRAIN = """
from arl import algorithms, config
from arl.training import programs, runner
from envs import vector
made = runner.Runner(algorithms.get("ppo"), vector.make("ProbeChoice"), 1, 1, num_episodes=4)
traced, trace = [], programs.Compiler._traced
programs.Compiler._traced = lambda self, *args: traced.append(1) or trace(self, *args)
values = dict(num_envs=2, num_steps=8, minibatch_size=4, num_epochs=2, hidden_size=8)
((_, curve),) = next(made.train([runner.Run(config.make(algorithms.get("ppo").Config, values), 0, (32, 64))]))
print(len(traced), *curve.return_mean, *curve.metrics["policy_loss"])
"""


def test_a_process_that_traces_nothing_trains_the_same(tmp_path):
    (tmp_path / f"{uuid.uuid4()}.dist-info").mkdir()  # nothing is saved yet for all that is installed with this
    command, path = [sys.executable, "-c", TRAIN], os.pathsep.join([str(tmp_path), *sys.path])

    def train():
        environ = {**os.environ, "PYTHONPATH": path}
        return subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout.split()

    num_traced, *numbers = train()
    assert int(num_traced) > 4
    assert train() == ["0", *numbers]
