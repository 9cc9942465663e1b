"""Training on several devices: these tests run where JAX has four of them, see `test_devices.py`."""

import itertools
import time
from types import SimpleNamespace

import jax
import numpy as np
import pytest
import tiny
from test_runner import COUNTING, CountingConfig, exhausting, make_counter, train

from arl import algorithms
from arl.errors import InputError
from arl.training import backend
from arl.training.runner import Run, Runner
from envs import vector
from hpo.objectives.training import Training
from hpo.trial import Trial

DEVICES = jax.devices()


@pytest.fixture(autouse=True)
def a_worker_for_each_device(monkeypatch):
    assert len(DEVICES) == 4
    monkeypatch.setattr(backend, "num_cores", lambda: 1)


def slow(algorithm=COUNTING):
    """Return the algorithm, so slow that no device has trained two blocks before all have trained one."""

    def train(*args):
        time.sleep(0.2)
        return algorithm.train(*args)

    return SimpleNamespace(**{**vars(algorithm), "train": train})


def test_a_worker_for_each_device():
    assert backend.workers() == DEVICES


def test_cores_share_the_devices(monkeypatch):
    monkeypatch.setattr(backend, "num_cores", lambda: 6)
    assert backend.workers() == [*DEVICES, *DEVICES[:2]]
    available = 64 << 30
    monkeypatch.setattr(backend.psutil, "virtual_memory", lambda: SimpleNamespace(available=available))
    assert backend.device_bytes() == available // 4
    assert backend.agent_bytes() == available // 4 // 16
    assert backend.training_bytes() == available // 4 * 15 // 16 // 2, "of two workers on a device"


def test_configs_are_spread_and_programs_compiled_for_all_at_once():
    counter = make_counter(slow(), num_configs=16)
    curves = train(counter, [Run(CountingConfig(), 0, (20,))] * 16)
    assert counter.lanes == (4, 1)
    assert {curve.agent.device for curve in curves} == set(DEVICES)
    assert [curve.agent.state["trained"] for curve in curves] == [20] * 16
    assert counter.report.programs == 4, "the start, training, the start of evaluation, and evaluation"


def test_agents_may_be_gone_on_from_wherever_they_are():
    counter = make_counter(slow(), num_configs=8)
    starts = train(counter, [Run(CountingConfig(unit=unit), 0, (20,)) for unit in (10, 5, 4, 2, 1)])
    assert len({start.agent.device for start in starts}) > 1
    runs = [Run(CountingConfig(), 0, (40,), parent=start.agent) for start in starts]
    assert [curve.agent.state["trained"] for curve in train(counter, runs)] == [40] * 5


@pytest.mark.slow
def test_numbers_are_the_same_on_every_device(small, same_bits):
    runner = Runner(algorithms.get("ppo"), vector.make("Acrobot-v1"), 4, 2, num_episodes=4)
    runs = [Run(small(), 0, (32, 64))] * 8
    blocks = list(itertools.chain.from_iterable(runner.train(runs)))
    points = {np.stack((curve.return_mean, curve.metrics["grad_norm"])).tobytes() for _, curve in blocks}
    assert len({curve.agent.device for _, curve in blocks}) > 1
    assert len(points) == 1
    assert all(same_bits(curve.agent.state, blocks[0][1].agent.state) for _, curve in blocks)


def failing(devices, error="INTERNAL: the device is lost\nand more"):
    """Return the counting algorithm on devices of which some fail when they train; they are counted."""
    failures = []

    def train(state, *args):
        if not isinstance(state["trained"], jax.core.Tracer):
            (device,) = state["trained"].devices()
            if device in devices:
                failures.append(device)
                raise jax.errors.JaxRuntimeError(error)
        return COUNTING.train(state, *args)

    return slow(SimpleNamespace(**{**vars(COUNTING), "train": train})), failures


def test_a_block_whose_device_fails_is_trained_again_on_another():
    algorithm, failures = failing(DEVICES[1:2])
    counter = make_counter(algorithm, num_configs=16)
    runs = [Run(CountingConfig(), 0, (20,))] * 16
    with pytest.warns(UserWarning, match="failed") as caught:
        curves = train(counter, runs)
    said = "failed (INTERNAL: the device is lost): its runs are trained again on another device"
    assert [str(warning.message) for warning in caught] == [f"{DEVICES[1]} {said}"]
    assert [curve.agent.state["trained"] for curve in curves] == [20] * 16
    assert DEVICES[1] not in {curve.agent.device for curve in curves}
    train(counter, runs)
    assert failures == DEVICES[1:2], "nothing is trained on it any more"


def test_programs_are_compiled_though_the_first_device_has_failed(monkeypatch):
    monkeypatch.setattr(backend, "num_compilers", lambda: 1)
    algorithm, failures = failing(DEVICES[:1])
    counter = make_counter(algorithm, num_configs=16)
    with pytest.warns(UserWarning, match="failed"):
        train(counter, [Run(CountingConfig(), 0, (20,))] * 16)
    curves = train(counter, [Run(CountingConfig(unit=unit), 0, (20,)) for unit in (1, 2, 4, 5)])
    assert [curve.agent.state["trained"] for curve in curves] == [20] * 4
    assert failures == DEVICES[:1]


def test_a_block_is_trained_again_once():
    algorithm, failures = failing(DEVICES)
    with pytest.warns(UserWarning, match="failed"), pytest.raises(jax.errors.JaxRuntimeError, match="device is lost"):
        train(make_counter(algorithm, num_configs=1), [Run(CountingConfig(), 0, (20,))])
    assert len(failures) == 2


def test_a_lack_of_memory_loses_no_device():
    counter = make_counter(exhausting(1), num_configs=16)
    curves = train(counter, [Run(CountingConfig(), 0, (20,))] * 16)
    assert [curve.agent.lanes for curve in curves] == [(1, 1)] * 16
    assert not isinstance(curves[0], InputError)


@pytest.mark.slow
def test_agents_on_a_failed_device_are_trained_again():
    objective = Training(tiny.task(), (0,), batch=4)
    objective.runner.algorithm = slow(objective.algorithm)
    trials = [Trial(i, {"learning_rate": 3e-3}, tiny.ITERATION) for i in range(4)]
    list(objective.evaluate(trials))
    objective.runner.lost.add(objective.agents[0, 0].device)
    children = [Trial(i, {"learning_rate": 3e-3}, tiny.FIDELITY, parent=i - 4) for i in range(4, 8)]
    scores = {record.score for record in objective.evaluate(children)}
    assert len(scores) == 1
    assert {agent.device for agent in objective.agents.values()}.isdisjoint(objective.runner.lost)


@pytest.mark.slow
def test_agents_take_memory_of_their_device(monkeypatch):
    objective = Training(tiny.task(), (0,), batch=8)
    monkeypatch.setattr(objective.runner, "algorithm", slow(objective.algorithm))
    list(objective.evaluate([Trial(i, {"learning_rate": 3e-3}, tiny.FIDELITY) for i in range(8)]))
    before = dict(objective.agents)
    (some, *others) = {agent.device for agent in before.values()}
    objective.agent_memory = 1
    objective._make_room(some, [key for key, agent in before.items() if agent.device == some])
    assert {agent.device for agent in objective.agents.values()} == set(others)
    assert len(others) == 3
