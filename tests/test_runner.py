"""The runner: a run gives the same bits whatever it is trained with, however it is cut, and spends just what it may.

Bits are checked with PPO; what the runner itself does, with an algorithm that only counts.
"""

import collections
import dataclasses
import functools
import itertools
import re
import threading
from types import SimpleNamespace

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import SMALL

from arl import algorithms
from arl import config as configs
from arl.algorithms.parts import ONE_PROGRAM, Part
from arl.config import shared, static, traced
from arl.training import backend
from arl.training.runner import Run, Runner, apart
from envs import InputError, vector
from envs.probes import Endless

ITERATION = 16
POINTS = (2 * ITERATION, 4 * ITERATION)


def train(runner, runs):
    curves = dict(itertools.chain.from_iterable(runner.train(runs)))
    return [curves[i] for i in range(len(runs))]


def outcome(curve):
    """Return all that a run gives but the time it took."""
    returns = (curve.env_steps, curve.return_mean, curve.return_std, curve.length_mean, curve.diverged)
    return jax.device_get((curve.agent.state, curve.agent.env_steps, returns, curve.metrics))


@pytest.fixture(scope="module")
def small(small):
    """Return small configs of a size that fills no vector register: the remaining numbers might be summed in another way."""
    return functools.partial(small, hidden_size=5, minibatch_size=8)


@pytest.fixture(scope="module", params=["Acrobot-v1", "Pendulum-v1"])
def runner(request):
    return Runner(algorithms.get("ppo"), vector.make(request.param), num_configs=2, num_seeds=4, num_episodes=4)


@pytest.fixture(scope="module")
def any_configs(small):
    return [
        small(learning_rate=0.001),
        small(gamma=0.5, normalize_observations=True),
        small(ent_coef=0.1, anneal_steps=64),
        small(num_epochs=3),
        small(clip_eps=0.01, normalize_advantage=False),
    ]


def test_a_run_is_the_same_alone_and_among_others(runner, any_configs, same_bits):
    runs = [Run(config, seed, POINTS) for config in any_configs for seed in (5, 0, 7)]
    together, reversed_ = train(runner, runs), train(runner, runs[::-1])[::-1]
    for run, curve, other in zip(runs, together, reversed_, strict=True):
        alone = outcome(*train(runner, [run]))
        assert same_bits(alone, outcome(curve))
        assert same_bits(alone, outcome(other))


def test_going_on_equals_going_straight(runner, any_configs, same_bits):
    whole, half = (tuple(ITERATION * i for i in range(1, n + 1)) for n in (8, 4))
    for config in any_configs[:3]:
        (straight,) = train(runner, [Run(config, 1, whole)])
        (start,) = train(runner, [Run(config, 1, half)])
        (end,) = train(runner, [Run(config, 1, whole[4:], parent=start.agent)])
        assert same_bits(straight.agent.state, end.agent.state)
        assert straight.return_mean.tolist() == [*start.return_mean, *end.return_mean]
        assert straight.env_steps.tolist() == [*start.env_steps, *end.env_steps]
        assert (start.trained_steps, end.trained_steps) == (4 * ITERATION, 4 * ITERATION)


def test_agents_can_be_gone_on_from_again_and_with_other_neighbours(runner, any_configs, same_bits):
    starts = train(runner, [Run(config, seed, POINTS[:1]) for config in any_configs for seed in (0, 1)])
    runs = [Run(any_configs[0], 3, POINTS[1:], parent=start.agent) for start in starts]
    first, again = (list(map(outcome, train(runner, runs))) for _ in range(2))
    assert same_bits(first, again)
    for run, expected in zip(runs, first, strict=True):
        assert same_bits(outcome(*train(runner, [run])), expected)


def test_cuts_do_not_matter(runner, small, same_bits):
    end = 8 * ITERATION
    cuts = [(end,), tuple(range(ITERATION, end + 1, ITERATION)), (50, end)]
    once, often, oddly = train(runner, [Run(small(), 0, points) for points in cuts])
    assert same_bits(once.agent.state, often.agent.state)
    assert same_bits(once.agent.state, oddly.agent.state)
    assert once.return_mean[-1] == often.return_mean[-1] == oddly.return_mean[-1]


def test_seeds_differ_in_everything(runner, small):
    first, second = (
        outcome(curve)[0].params for curve in train(runner, [Run(small(), seed, POINTS) for seed in (0, 1)])
    )
    weights = zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True)
    assert not any((x == y).any() for x, y in weights if x.size)


def test_a_diverging_run_is_flagged_and_disturbs_no_other(runner, small, same_bits):
    runs = [Run(small(), 0, POINTS), Run(small(learning_rate=1e30), 0, POINTS), Run(small(gamma=0.5), 0, POINTS)]
    before, diverged, after = train(runner, runs)
    assert diverged.diverged
    assert np.isnan(diverged.return_mean[-1])
    assert not before.diverged
    assert np.isfinite(before.return_mean).all()
    assert same_bits(list(map(outcome, (before, after))), list(map(outcome, train(runner, [runs[0], runs[2]]))))


def test_what_is_not_static_shares_a_program(runner, any_configs):
    train(runner, [Run(any_configs[0], 0, POINTS)])
    num_programs = runner.report.programs
    train(runner, [Run(config, 0, POINTS) for config in any_configs])
    assert len({config.num_epochs for config in any_configs}) == 2
    assert runner.report.programs == num_programs


def test_updates_are_those_of_the_number_of_epochs(runner, small):
    curves = train(runner, [Run(small(num_epochs=num), 0, POINTS) for num in (1, 3)])
    assert [int(curve.agent.state.opt_state.count) for curve in curves] == [4 * 2 * 1, 4 * 2 * 3]


@configs.config
class CountingConfig:
    breaks_at: int = traced(1 << 30)
    heals_at: int = traced(1 << 30)
    rate: int = shared(1)
    unit: int = static(10)


def count(state, read, config, env, key, env_steps, num_iterations):
    """Add up the env steps; a part of the state is NaN between the env steps `breaks_at` and `heals_at`."""
    after = env_steps + num_iterations * config.unit
    level = jnp.where((config.breaks_at <= after) & (after < config.heals_at), jnp.nan, after.astype(jnp.float32))
    return {"trained": state["trained"] + num_iterations * config.unit, "level": level}, {"level": level}


def start(changed, read, config, env, key):
    return {"trained": jnp.zeros((), jnp.int32), "level": jnp.zeros(())}


START, COUNT = Part(start), Part(count)

COUNTING = SimpleNamespace(
    Config=CountingConfig,
    METRICS=("level",),
    check=lambda config, env: None,
    canonical=lambda config: config,
    iteration_steps=lambda config: config.unit,
    init=lambda key, config, env, programs=ONE_PROGRAM: programs.call(START, (), (), config, env, key),
    train=lambda state, config, env, key, env_steps, num_iterations, programs=ONE_PROGRAM: programs.call(
        COUNT, state, (), config, env, key, env_steps, num_iterations
    ),
    actor=lambda state: state,
    act=lambda state, config, env, obs, key, explore: jnp.zeros(obs.shape[0], jnp.int32),
)


def make_counter(algorithm=COUNTING, num_configs=4, num_seeds=1):
    """Return a runner for one core, so that lanes are the same on every machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backend, "num_cores", lambda: 1)
        return Runner(algorithm, vector.make("ProbeEndless"), num_configs, num_seeds, num_episodes=3)


@pytest.fixture(scope="module")
def counter():
    return make_counter()


def points_from(lowest):
    return st.lists(st.integers(lowest, 1000), min_size=1, max_size=5).map(sorted).map(tuple)


@hypothesis.given(points_from(10))
def test_training_stops_at_the_last_whole_iteration(counter, points):
    (curve,) = train(counter, [Run(CountingConfig(), 0, points)])
    assert curve.env_steps.tolist() == [point // 10 * 10 for point in points]
    assert curve.agent.state["trained"] == curve.trained_steps == curve.agent.env_steps == points[-1] // 10 * 10


@hypothesis.given(points_from(60))
def test_going_on_counts_from_where_the_parent_stopped(counter, points):
    (parent,) = train(counter, [Run(CountingConfig(), 0, (56,))])
    (curve,) = train(counter, [Run(CountingConfig(), 0, points, parent=parent.agent)])
    assert curve.env_steps.tolist() == [point // 10 * 10 for point in points]
    assert curve.trained_steps == points[-1] // 10 * 10 - 50
    assert curve.agent.state["trained"] == curve.agent.env_steps


def test_every_point_is_an_evaluation(counter):
    (curve,) = train(counter, [Run(CountingConfig(), 0, (10, 20, 30))])
    assert curve.return_mean.tolist() == [5.0, 5.0, 5.0]
    assert curve.return_std.tolist() == [0.0, 0.0, 0.0]
    assert curve.length_mean.tolist() == [5.0, 5.0, 5.0]
    assert curve.metrics["level"].tolist() == [10.0, 20.0, 30.0]


def test_points_of_different_runs_may_differ(counter):
    runs = [Run(CountingConfig(), seed, (10 * n,)) for seed in (0, 1) for n in (1, 2, 3)]
    assert [curve.trained_steps for curve in train(counter, runs)] == [10, 20, 30, 10, 20, 30]


def test_less_than_an_iteration_is_refused(counter):
    with pytest.raises(InputError, match=r"one iteration of 10 env steps, got 9 to train"):
        train(counter, [Run(CountingConfig(), 0, (100,)), Run(CountingConfig(), 0, (9,))])


def test_less_than_an_iteration_beyond_the_parent_is_refused(counter):
    (parent,) = train(counter, [Run(CountingConfig(), 0, (50,))])
    for point, more in ((59, 9), (20, -30)):
        with pytest.raises(InputError, match=f"one iteration of 10 env steps, got {more} to train"):
            train(counter, [Run(CountingConfig(), 0, (point,), parent=parent.agent)])


def test_a_diverged_run_stays_diverged(counter):
    points = tuple(range(10, 60, 10))
    fine, late, healed = train(
        counter,
        [
            Run(config, 0, points)
            for config in (CountingConfig(), CountingConfig(breaks_at=50), CountingConfig(breaks_at=20, heals_at=30))
        ],
    )
    assert (fine.diverged, late.diverged, healed.diverged) == (False, True, True)
    np.testing.assert_array_equal(late.return_mean, [5.0, 5.0, 5.0, 5.0, np.nan])
    for values in (healed.return_mean, healed.return_std, healed.length_mean, healed.metrics["level"]):
        assert np.isnan(values).tolist() == [False, True, True, True, True]


class Undefined(Endless):
    """Its episodes have no finite return, which the first steps do not tell."""

    def reward(self, state, action):
        return jnp.where(state.time < 3, 1.0, jnp.nan)


def test_a_run_whose_return_is_no_number_has_diverged():
    runner = Runner(COUNTING, vector.make("test_runner:Undefined"), 1, 1, num_episodes=3)
    (curve,) = train(runner, [Run(CountingConfig(), 0, (10, 20))])
    assert curve.diverged
    assert np.isnan(curve.return_mean).all()
    sound = make_counter(num_configs=1)
    (after,) = train(sound, [Run(CountingConfig(), 0, (30,), parent=curve.agent)])
    assert after.diverged, "its agent has diverged for good"


def test_report_counts_what_was_done():
    counter, seen = make_counter(num_configs=4, num_seeds=1), []
    runs = [Run(CountingConfig(rate=rate), 0, (10, 20)) for rate in (1, 1, 1, 2)]
    blocks = list(counter.train(runs, on_segment=lambda report: seen.append(report.env_steps)))
    report = counter.report
    assert len(blocks) == 2, "runs that share no value share no block"
    assert report.env_steps == 4 * 20
    assert report.programs == 4, "the start, training, the start of evaluation, and evaluation"
    assert len(seen) == 4, "two points in each of two blocks"
    assert report.compile_seconds > 0
    assert report.train_seconds > 0


def test_what_is_static_has_a_program_each():
    counter = make_counter(num_configs=1)
    curves = train(counter, [Run(CountingConfig(unit=unit), 0, (20,)) for unit in (10, 7, 10)])
    assert [curve.trained_steps for curve in curves] == [20, 14, 20]
    assert counter.report.programs == 5, "training alone depends on it"


@pytest.fixture
def compiles_loops_in(monkeypatch):
    """Compile in how often loops are repeated, as for a GPU."""
    monkeypatch.setattr(backend, "compiles_loops_in", lambda: True)


def test_what_is_shared_may_be_compiled_in(compiles_loops_in):
    counter = make_counter(num_configs=1)
    runs = [Run(CountingConfig(rate=rate), 0, (20, 50)) for rate in (1, 2)]
    assert [curve.trained_steps for curve in train(counter, runs)] == [50, 50]
    assert counter.report.programs == 4, "no part looks at the rate, and iterations are not compiled in"


@pytest.mark.parametrize("name", ["ppo", "pqn", "dqn", "sac"])
def test_numbers_are_those_of_loops_that_are_compiled_in(name, monkeypatch):
    algorithm, env = algorithms.get(name), vector.make("Pendulum-v1" if name == "sac" else "Acrobot-v1")
    run = Run(configs.make(algorithm.Config, SMALL[name]), 0, (32, 64))
    curves = []
    for compiled_in in (False, True):
        monkeypatch.setattr(backend, "compiles_loops_in", lambda compiled_in=compiled_in: compiled_in)
        curves += train(Runner(algorithm, env, 1, 1, num_episodes=4), [run])
    returns, metrics = (
        np.stack([getattr(curve, field) for curve in curves]) for field in ("return_mean", "length_mean")
    )
    np.testing.assert_allclose(returns[0], returns[1], rtol=1e-3)
    np.testing.assert_allclose(metrics[0], metrics[1], rtol=1e-3)
    for metric in algorithm.METRICS:
        np.testing.assert_allclose(curves[0].metrics[metric], curves[1].metrics[metric], rtol=1e-2, atol=1e-4)


def test_programs_may_be_compiled_while_others_train(monkeypatch):
    monkeypatch.setattr(backend, "num_compilers", lambda: 2)
    counter, threads = make_counter(num_configs=1), collections.defaultdict(set)

    def noted(name):
        method = getattr(counter, name)

        def noting(*args):
            threads[name].add(threading.get_ident())
            return method(*args)

        return noting

    for name in ("_compile", "_train_block"):
        monkeypatch.setattr(counter, name, noted(name))
    curves = train(counter, [Run(CountingConfig(unit=unit), 0, (60,)) for unit in (1, 2, 3, 4, 5, 6)])
    assert [curve.trained_steps for curve in curves] == [60] * 6
    assert threads["_compile"].isdisjoint(threads["_train_block"])


def test_configs_that_train_the_same_share_a_program():
    at_most_10 = SimpleNamespace(
        **{**vars(COUNTING), "canonical": lambda config: CountingConfig(unit=min(config.unit, 10))}
    )
    counter = make_counter(at_most_10)
    curves = train(counter, [Run(CountingConfig(unit=unit), 0, (45,)) for unit in (10, 20, 30)])
    assert [curve.trained_steps for curve in curves] == [40, 40, 40]
    assert counter.report.programs == 4


def test_agents_know_the_size_of_their_block(counter):
    (curve,) = train(counter, [Run(CountingConfig(), 0, (10,))])
    assert curve.agent.block_bytes == 8 * counter.lanes.number, "an int32 and a float32 each"


def hungry_train(state, config, env, key, env_steps, num_iterations, programs=ONE_PROGRAM):
    return programs.call(HUNGRY, state, (), config, env, key, env_steps, num_iterations)


def hungry(state, read, config, env, key, env_steps, num_iterations):
    """Count as `count` does, by way of an array of 1 MiB in each lane that is no part of the state."""
    large = jnp.sort(jnp.sin(state["trained"] + jnp.arange(1 << 18, dtype=jnp.float32)))
    state, metrics = count(state, read, config, env, key, env_steps, num_iterations)
    return {**state, "level": state["level"] + jnp.where(large[0] > 2, 1.0, 0.0)}, metrics


HUNGRY = Part(hungry)
HUNGRY_COUNTING = SimpleNamespace(**{**vars(COUNTING), "train": hungry_train})


def hungry_counter(memory, monkeypatch, **arguments):
    monkeypatch.setattr(backend, "training_bytes", lambda: memory)
    monkeypatch.setattr(backend, "num_cores", lambda: 1)
    monkeypatch.setattr(backend, "lanes_per_worker", lambda: 8)
    return Runner(HUNGRY_COUNTING, vector.make("ProbeEndless"), 4, 2, num_episodes=3, **arguments)


@pytest.mark.parametrize(("memory", "lanes"), [(64, (4, 2)), (8, (4, 1)), (4, (2, 1)), (2, (1, 1))])
def test_blocks_are_as_large_as_their_programs_leave_room(memory, lanes, monkeypatch):
    """The state of a lane is 8 bytes; a program takes about 1 MiB for each lane besides."""
    counter = hungry_counter(memory * 2**20, monkeypatch)
    runs = [Run(CountingConfig(), seed, (20,)) for seed in (0, 1)]
    assert [curve.agent.lanes for curve in train(counter, runs * 4)] == [lanes] * 8
    assert [curve.agent.state["trained"] for curve in train(counter, runs)] == [20, 20]


def test_lanes_that_can_not_fit_are_not_compiled(monkeypatch):
    counter = hungry_counter(2 * 2**20, monkeypatch)
    assert counter.lanes == (4, 2)
    (curve,) = train(counter, [Run(CountingConfig(), 0, (20,))])
    assert curve.agent.lanes == (1, 1)
    assert counter.report.programs == 2 * 4, "those of eight lanes and of one"


def test_lanes_that_fit_are_compiled_once(monkeypatch):
    counter = hungry_counter(4 * 2**20, monkeypatch)
    train(counter, [Run(CountingConfig(), 0, (20,))])
    num_programs = counter.report.programs
    train(counter, [Run(CountingConfig(rate=rate), 0, (20, 40)) for rate in (1, 2)])
    assert counter.report.programs == num_programs


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, r"an agent of \d MiB in training must fit in memory, got 1 MiB free"),
        ({"lanes": (4, 2)}, r"8 agents of \d MiB trained together must fit in memory, got 1 MiB free"),
    ],
)
def test_a_run_that_never_fits_is_refused_and_others_go_on(arguments, said, monkeypatch):
    counter = hungry_counter(2**20, monkeypatch, **arguments)
    refused = train(counter, [Run(CountingConfig(unit=unit), 0, (20,)) for unit in (10, 5)])
    for error in refused:
        assert isinstance(error, InputError)
        assert re.fullmatch(said, str(error))
    assert counter.report.env_steps == 0


def test_agents_that_do_not_fit_are_refused_before_anything_is_compiled(monkeypatch):
    counter = hungry_counter(7, monkeypatch)
    with pytest.raises(InputError, match="an agent of 0 MiB in training must fit in memory, got 0 MiB free"):
        train(counter, [Run(CountingConfig(), 0, (20,))])
    assert counter.report.programs == 0


@pytest.mark.parametrize("lanes", [(0, 1), (4, 0)])
def test_there_must_be_lanes(lanes):
    with pytest.raises(InputError, match="lanes must be a width and a number of rows from 1 up"):
        Runner(COUNTING, vector.make("ProbeEndless"), 1, 1, lanes=lanes)


def exhausting(most, error="RESOURCE_EXHAUSTED: Out of memory allocating 1 byte."):
    """Return the counting algorithm on a device that more than `most` lanes of a row are too much for."""

    def train(state, *args):
        width, is_rehearsal = state["trained"].shape[1], isinstance(state["trained"], jax.core.Tracer)
        if width > most and not is_rehearsal:
            raise jax.errors.JaxRuntimeError(error)
        return COUNTING.train(state, *args)

    return SimpleNamespace(**{**vars(COUNTING), "train": train})


def test_a_block_that_runs_out_of_memory_is_trained_in_fewer_lanes():
    counter = make_counter(exhausting(1), num_configs=4, num_seeds=4)
    assert counter.lanes.width == 4
    runs = [Run(CountingConfig(rate=rate), seed, (20,)) for rate in (1, 2) for seed in (0, 1)]
    for _ in range(2):
        curves = train(counter, runs)
        assert [curve.agent.lanes for curve in curves] == [(1, 1)] * 4
        assert [curve.agent.state["trained"] for curve in curves] == [20] * 4


def test_a_run_that_runs_out_of_memory_alone_is_refused():
    (error,) = train(make_counter(exhausting(0)), [Run(CountingConfig(), 0, (20,))])
    assert isinstance(error, InputError)
    reason = "RESOURCE_EXHAUSTED: Out of memory allocating 1 byte."
    assert str(error) == f"1 agent in training must fit in memory, got {reason}"


def test_a_compiler_that_runs_out_of_memory_is_given_fewer_lanes(monkeypatch):
    counter = make_counter()
    compiled = counter.compiler.program

    def program(part, config, arguments, fixed_counts, lanes, device):
        if lanes.width > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 byte.")
        return compiled(part, config, arguments, fixed_counts, lanes, device)

    monkeypatch.setattr(counter.compiler, "program", program)
    (curve,) = train(counter, [Run(CountingConfig(), 0, (20,))])
    assert (counter.lanes, curve.agent.lanes) == ((4, 1), (2, 1))


def test_going_on_is_in_the_lanes_of_the_parent(counter):
    narrow = Runner(COUNTING, vector.make("ProbeEndless"), 1, 1, num_episodes=3, lanes=(1, 1))
    (parent,) = train(narrow, [Run(CountingConfig(), 0, (20,))])
    (child,) = train(counter, [Run(CountingConfig(), 0, (40,), parent=parent.agent)])
    assert counter.lanes != (1, 1)
    assert child.agent.lanes == parent.agent.lanes == (1, 1)


def test_agents_may_be_taken_out_of_their_block(counter, same_bits):
    curves = train(counter, [Run(CountingConfig(breaks_at=step), 0, (20,)) for step in (5, 60, 70, 80)])
    agents = {step: curve.agent for step, curve in zip((5, 60, 70, 80), curves, strict=True)}
    taken = apart({step: agents[step] for step in (80, 5, 60)})
    assert all(same_bits(agent.state, agents[step].state) for step, agent in taken.items())
    assert {agent.block_bytes for agent in taken.values()} == {4 * 8}, "a power of two, so that few shapes compile"
    assert {id(agent.block) for agent in taken.values()} == {id(taken[80].block)}
    runs = [Run(CountingConfig(rate=2), 0, (40,), parent=agent) for agent in (taken[60], agents[70], taken[5])]
    assert [curve.agent.state["trained"] for curve in train(counter, runs)] == [40] * 3
    assert [curve.diverged for curve in train(counter, runs)] == [False, False, True]


@pytest.mark.parametrize(
    ("num_configs", "num_seeds", "num_workers", "most", "lanes"),
    [
        (64, 1, 4, 4096, (16, 1)),
        (64, 2, 4, 4096, (32, 1)),
        (64, 10, 4, 4096, (64, 3)),
        (1, 8, 4, 4096, (1, 2)),
        (1000, 1, 1, 64, (64, 1)),
        (8, 1, 16, 4, (1, 1)),
        (128, 1, 2, 4, (4, 1)),
        (1, 1, 2, 4, (1, 1)),
    ],
)
def test_all_workers_get_lanes_before_these_are_made_wide(
    num_configs, num_seeds, num_workers, most, lanes, monkeypatch
):
    monkeypatch.setattr(backend, "lanes_per_worker", lambda: most)
    monkeypatch.setattr(backend, "workers", lambda: jax.devices()[:1] * num_workers)
    assert make_counter(num_configs=num_configs, num_seeds=num_seeds).lanes == lanes


def test_no_runs_give_nothing(counter):
    assert list(counter.train([])) == []


def test_training_may_be_left_early(counter):
    blocks = counter.train([Run(CountingConfig(rate=rate), 0, (10, 20)) for rate in range(5)])
    next(blocks)
    blocks.close()
    (curve,) = train(counter, [Run(CountingConfig(), 0, (30,))])
    assert curve.trained_steps == 30


@pytest.mark.parametrize("error", [ValueError("no such luck"), IndexError("no such place")])
def test_errors_of_workers_are_raised(error):
    def fail(*args):
        raise error

    caught = []
    counter = make_counter(SimpleNamespace(**{**vars(COUNTING), "train": fail}))

    def call():
        try:
            train(counter, [Run(CountingConfig(), 0, (10,))])
        except Exception as error:
            caught.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(timeout=60)
    assert caught == [error], "nothing caught: the runner waits for ever"


@pytest.mark.slow
@pytest.mark.parametrize(
    "env", ["CartPole-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0", "Pendulum-v1"]
)
def test_bits_at_the_sizes_of_real_sweeps(env, same_bits):
    """At other sizes XLA compiles other loops; the small ones above do not speak for these."""
    ppo = algorithms.get("ppo")
    runner = Runner(ppo, vector.make(env), num_configs=8, num_seeds=4, num_episodes=16)
    configs_ = [configs.make(ppo.Config, {"learning_rate": rate, "num_epochs": 2}) for rate in (1e-4, 1e-3, 1e-2)]
    runs = [Run(config, seed, (2048, 4096)) for config in configs_ for seed in range(4)]
    together = train(runner, runs)
    for run, curve in zip(runs, together, strict=True):
        (alone,) = train(runner, [run])
        (start,) = train(runner, [dataclasses.replace(run, points=run.points[:1])])
        (end,) = train(runner, [dataclasses.replace(run, points=run.points[1:], parent=start.agent)])
        assert same_bits(outcome(alone), outcome(curve))
        assert same_bits(alone.agent.state, end.agent.state)
