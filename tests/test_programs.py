"""Programs of parts: what they depend on is recorded, and they do for all lanes what the parts do for one."""

import concurrent.futures
import dataclasses
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from arl import config as configs
from arl.algorithms.parts import ONE_PROGRAM, Part
from arl.config import shared, static, traced
from arl.training import backend
from arl.training.programs import BlockPrograms, Compiler, Lanes, Rehearsal
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


def increase(changed, read, *rest):
    return jax.tree.map(lambda x: x + 1, (changed, read))


GROW, INCREASE = Part(grow), Part(increase)
HOT_IF_WIDE = Part(grow, is_hot=lambda config: config.width > 3)
COUNTS = Part(lambda changed, read, config, env, key, *counts: counts)


@pytest.fixture
def compiled():
    """Return the seconds of each program that was compiled."""
    return []


@pytest.fixture
def compiler(compiled):
    return Compiler(ENV, lambda num, seconds: compiled.extend([seconds] * num))


def block(compiler, lanes, kind=BlockPrograms):
    shape = Lanes(len(lanes[0]), len(lanes))
    return kind(compiler, shape, configs.stack(lanes), {}, jax.devices()[0])


def call(compiler, part=GROW, **values):
    lanes = [[Config(rate=0.1 * (i + j), **values) for j in range(3)] for i in range(2)]
    programs = block(compiler, lanes)
    levels = np.arange(6, dtype=np.float32).reshape(2, 3)
    return levels, lanes, programs.call(part, levels, 2 * levels, None, ENV, KEYS, 7)


@pytest.mark.parametrize("part", [GROW, Part(grow, is_hot=True), Part(grow, row_by_row=True), HOT_IF_WIDE])
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


def test_loops_may_be_compiled_in(compiler, compiled, monkeypatch):
    _, _, expected = call(compiler, times=3)
    monkeypatch.setattr(backend, "compiles_loops_in", lambda: True)
    np.testing.assert_allclose(call(compiler, times=3)[2], expected, rtol=1e-6)
    call(compiler, times=3)
    assert len(compiled) == 2
    call(compiler, times=4)
    assert len(compiled) == 3


def test_counts_that_never_change_may_be_compiled_in(compiler, compiled, monkeypatch):
    monkeypatch.setattr(backend, "compiles_loops_in", lambda: True)
    programs = block(compiler, [[Config()] * 3] * 2)
    for changing, fixed in ((1, 5), (2, 5), (3, 6), (4, 6)):
        counts = programs.call(COUNTS, (), (), None, ENV, KEYS, np.int32(changing), fixed)
        assert [int(count[0, 0]) for count in counts] == [changing, fixed]
    assert len(compiled) == 2


def test_another_shape_is_another_program(compiler, compiled):
    for size in (1, 2):
        levels = np.zeros((2, 3, size), np.float32)
        block(compiler, [[Config()] * 3] * 2).call(INCREASE, levels, (), None, ENV, KEYS)
    assert len(compiled) == 2


def test_programs_used_last_are_kept(compiler, compiled, monkeypatch):
    monkeypatch.setattr("arl.training.programs.MOST_PROGRAMS", 2)
    for width in (4, 5, 4, 6):  # 6 takes the place of 5
        call(compiler, width=width)
    assert len(compiled) == 3
    call(compiler, width=4)
    assert len(compiled) == 3
    call(compiler, width=5)
    assert len(compiled) == 4


def test_other_lanes_are_another_program(compiler, compiled):
    for lanes in ([[Config()] * 3] * 2, [[Config()] * 2] * 2):
        block(compiler, lanes).call(Part(lambda changed, *rest: 1.0), (), (), None, ENV, KEYS)
    assert len(compiled) == 2


def rehearsal(compiler, training):
    """Return the most bytes that training takes, a function of its programs."""
    programs = block(compiler, [[Config()] * 3] * 2, Rehearsal)
    jax.eval_shape(lambda: training(programs))
    return programs.peak_bytes


LANE = np.zeros((2, 3, 250), np.float32)  # 6 kB


@pytest.mark.parametrize(
    ("training", "kilobytes"),
    [
        (lambda call, x: call(INCREASE, x(LANE), ()), 6),
        (lambda call, x: call(INCREASE, (), x(LANE)), 12),
        (lambda call, x: [id(x(LANE)), call(INCREASE, x(LANE), ())], 6),
        (lambda call, x: [x(LANE), call(INCREASE, x(LANE), ())], 12),
        (lambda call, x: call(INCREASE, call(INCREASE, x(LANE), ()), ()), 6),
    ],
    ids=["changed", "read", "forgotten", "in use elsewhere", "twice"],
)
def test_a_rehearsal_measures_all_memory_in_use(compiler, training, kilobytes):
    def trained(programs):
        training(lambda part, changed, read: programs.call(part, changed, read, None, ENV, KEYS), programs.arrays)

    assert rehearsal(compiler, trained) // 1000 == kilobytes


def test_a_rehearsal_measures_what_is_needed_in_between(compiler):
    def trained(programs):
        programs.call(Part(sort), (), programs.arrays(LANE), None, ENV, KEYS)

    assert rehearsal(compiler, trained) >= 12_000, "the array, and a sorted one"


def sort(changed, read, *rest):
    return jnp.sort(read)[0]


def test_a_rehearsal_compiles_what_training_needs_and_runs_nothing(compiler, compiled):
    def trained(programs):
        return programs.loop(9, lambda i, x: programs.call(parts[i > 4], x, (), None, ENV, KEYS), programs.arrays(LANE))

    parts = [Part(lambda changed, *rest: changed + 1), Part(lambda changed, *rest: changed + 2)]
    rehearsal(compiler, trained)
    assert len(compiled) == 2, "the first pass and the last"
    programs = block(compiler, [[Config()] * 3] * 2)
    programs.arrays = lambda x: x
    assert trained(programs).tolist() == (LANE + 5 + 8).tolist()
    assert len(compiled) == 2


@pytest.mark.parametrize("is_hot", [False, True, lambda config: config.width > 3])
def test_a_single_lane_is_one_as_well(is_hot):
    compiler = Compiler(ENV, lambda num, seconds: None)
    config, level = Config(rate=0.5), np.ones((1, 1), np.float32)
    programs = block(compiler, [[config]])
    result = programs.call(Part(grow, is_hot=is_hot), level, 0 * level, None, ENV, KEYS[:1], 0)
    np.testing.assert_allclose(result, np.reshape(grow(1.0, 0.0, config, ENV, KEYS[0], 0), (1, 1)), rtol=1e-5)


def test_blocks_decompose_matrices_one_after_the_other(compiler):
    inside, most = [], []

    def decompose(*arguments):
        inside.append(1)
        time.sleep(0.01)
        most.append(len(inside))
        inside.pop()
        return np.zeros(())

    blocks = [block(compiler, [[Config()]]) for _ in range(4)]
    part = Part(grow, row_by_row=True)
    for programs in blocks:
        programs._compiled[part, ()] = decompose
    with concurrent.futures.ThreadPoolExecutor(len(blocks)) as threads:
        list(threads.map(lambda programs: programs.call(part, (), (), None, ENV, KEYS), blocks))
    assert most == [1] * len(blocks)


def test_what_is_looked_at_is_recorded():
    looked_at = set()
    watched = configs.watched(Config(rate=0.25), {"width", "depth"}, looked_at)
    assert (watched.rate, watched.times, looked_at) == (0.25, 2, set())
    assert (watched.depth, looked_at) == (1, {"depth"})
    assert dataclasses.asdict(watched) == dataclasses.asdict(Config(rate=0.25))
    assert isinstance(watched, Config)
