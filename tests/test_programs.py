"""Programs of parts: what they depend on is recorded, and they do for all lanes what the parts do for one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl import config as configs
from arl.algorithms.parts import ONE_PROGRAM, Part
from arl.config import shared, static, traced
from arl.training.programs import BlockPrograms, Compiler
from envs import vector

ENV = vector.make("ProbeChoice")
KEYS = jax.vmap(jax.random.key)(np.arange(2))


@configs.config
class Config:
    rate: float = traced(0.5)
    times: int = shared(2)
    width: int = static(3)
    depth: int = static(1)


def grow(level, steps, config, env, key, count):
    """Multiply a level, as many times as the config says; looks at the width, and at the depth if it is wide."""
    if config.width > 3:
        level = level + config.depth
    noise = jax.random.uniform(key, (config.width,))
    return jax.lax.fori_loop(0, config.times, lambda i, x: x * config.rate, level) + steps * count + jnp.sum(noise)


GROW = Part(grow)


@pytest.fixture
def compiled():
    """Return the seconds of each program that was compiled."""
    return []


@pytest.fixture
def compiler(compiled):
    return Compiler(ENV, rows=2, width=3, on_compiled=compiled.append)


def call(compiler, part=GROW, **values):
    lanes = [[Config(rate=0.1 * (i + j), **values) for j in range(3)] for i in range(2)]
    programs = BlockPrograms(compiler, configs.stack(lanes), {}, jax.devices()[0])
    levels = np.arange(6, dtype=np.float32).reshape(2, 3)
    return levels, lanes, programs.call(part, levels, 2 * levels, None, ENV, KEYS, 7)


@pytest.mark.parametrize("part", [GROW, Part(grow, is_hot=True), Part(grow, row_by_row=True)])
def test_lanes_do_what_one_does(compiler, part):
    levels, lanes, result = call(compiler, part)
    for i, row in enumerate(lanes):
        for j, config in enumerate(row):
            alone = ONE_PROGRAM.call(part, levels[i, j], 2 * levels[i, j], config, ENV, KEYS[i], 7)
            np.testing.assert_allclose(result[i, j], alone, rtol=1e-5)


def test_a_program_is_shared_by_all_that_agree_in_what_it_looks_at(compiler, compiled):
    for values in ({}, {"times": 5}, {"depth": 2}, {"depth": 3}):
        call(compiler, **values)
    assert len(compiled) == 1, "a narrow one does not look at the depth"
    for depth in (1, 2, 2):
        call(compiler, width=4, depth=depth)
    assert len(compiled) == 3


def test_another_shape_is_another_program(compiler, compiled):
    config = configs.stack([[Config()] * 3] * 2)
    programs = [BlockPrograms(compiler, config, {}, jax.devices()[0]) for _ in range(2)]
    for size, block in enumerate(programs, start=1):
        block.call(Part(lambda changed, *rest: changed + 1), np.zeros((2, 3, size), np.float32), (), None, ENV, KEYS)
    assert len(compiled) == 2


@pytest.mark.parametrize("is_hot", [False, True])
def test_a_single_lane_is_one_as_well(is_hot):
    compiler = Compiler(ENV, rows=1, width=1, on_compiled=lambda seconds: None)
    config, level = Config(rate=0.5), np.ones((1, 1), np.float32)
    programs = BlockPrograms(compiler, configs.stack([[config]]), {}, jax.devices()[0])
    result = programs.call(Part(grow, is_hot=is_hot), level, 0 * level, None, ENV, KEYS[:1], 0)
    np.testing.assert_allclose(result, np.reshape(grow(1.0, 0.0, config, ENV, KEYS[0], 0), (1, 1)), rtol=1e-5)


def test_what_is_looked_at_is_recorded():
    looked_at = set()
    watched = configs.watched(Config(rate=0.25), looked_at)
    assert (watched.rate, watched.times, looked_at) == (0.25, 2, set())
    assert (watched.depth, looked_at) == (1, {"depth"})
    assert dataclasses.asdict(watched) == dataclasses.asdict(Config(rate=0.25))
    assert isinstance(watched, Config)
