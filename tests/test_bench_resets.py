"""The measurement of dear resets: its env, its ratios, and the lanes that it trains."""

import json
import os
import shlex
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from envs import testing, vector

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import bench_resets

    return bench_resets


@pytest.fixture
def lanes(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import training_lanes

    return training_lanes


@pytest.mark.parametrize("dear", [True, False])
def test_only_a_dear_reset_makes_a_map_of_its_own(bench, dear):
    walk = bench.Walk(dear)
    starts = [walk.reset_env(jax.random.key(i), walk.default_params)[1] for i in range(2)]
    assert np.array_equal(*(start.heights for start in starts)) == (not dear)
    assert not np.array_equal(*(start.place for start in starts))


def test_maps_are_smooth_and_keep_their_mean(bench):
    heights = np.asarray(bench.smooth_map(jax.random.key(0)))
    assert heights.mean() == pytest.approx(0.5, abs=0.02)
    assert 0 < np.abs(np.diff(heights)).max() < 0.1 < np.ptp(heights)


def test_ratios_are_to_the_free_reset_of_the_same_repeat(bench):
    row = bench.row("ppo", 4, "dear reset, no pool", [2.0, 16.0], [1.0, 2.0])
    assert row["training"] == "ppo, 4 lanes"
    assert (row["cpu"], row["ratio"]) == (9.0, pytest.approx(4.0))
    assert row["low"] < 4.0 < row["high"]


def test_lanes_are_trained_part_by_part(lanes):
    config = {"num_envs": 2, "num_steps": 8, "minibatch_size": 4, "num_epochs": 1, "hidden_size": 8}
    training = lanes.TrainingLanes("ppo", config, vector.make("ProbeMatching"), 2)
    training.train(35)
    assert training.env_steps == 32
    assert training.compile_seconds > 0
    ticks = iter(range(100))
    seconds = training.seconds_by_part(16, lambda: next(ticks))
    assert training.env_steps == 48
    assert seconds["experience"] == seconds["update"] == 1
    assert set(seconds) <= set(training.programs.compiled)
    assert training.programs.clock is None


@pytest.mark.slow
def test_the_env_keeps_the_contract(bench):
    testing.check_env(bench.Walk)


@pytest.mark.slow
def test_a_dear_reset_costs_more_without_a_pool(bench, monkeypatch, tmp_path):
    path, core, cores = tmp_path / "resets.json", min(os.sched_getaffinity(0)), os.sched_getaffinity(0)
    options = f"--algorithms ppo --lanes 1 --env-steps 2048 --repeats 2 --core {core} --json {path}"
    monkeypatch.setattr(sys, "argv", ["bench_resets.py", *shlex.split(options)])
    bench.main()
    os.sched_setaffinity(0, cores)
    document = json.loads(path.read_text())
    ratios = {row["env"]: row["ratio"] for row in document["table"]}
    assert ratios["free reset"] == 1.0
    assert ratios["dear reset, no pool"] > ratios["dear reset, pool of 64"] > ratios["dear reset, pool of 8"]
    assert document["reset_steps"] > 10
