"""The measurement of sweeps of full spaces: its configs, what is compared with what, and its table."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import tiny

import hpo
from hpo import tasks

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
ALGORITHMS = ("ppo", "dqn", "sac")


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import bench_full

    return bench_full


@pytest.fixture
def peer(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    from peers import run_arlbench

    return run_arlbench


@pytest.fixture
def measured(bench, monkeypatch, tmp_path):
    """Return a function that runs the script with sweeps that are not trained, and gives its JSON document.

    A sweep of n trials takes 4n CPU seconds with an empty cache and 2n with a warm one, and half as long on the clock
    with twice as many cores; ARLBench takes 8 CPU seconds for a run.
    """

    def timed_sweep(task, options, name, scratch, cores):
        trials = options[options.index("--trials") + 1]
        (scratch / "cache").mkdir(exist_ok=True)
        (scratch / "cache/arl/programs/traced").mkdir(parents=True, exist_ok=True)
        for program in ("step", "traced/step"):
            (scratch / f"cache/arl/programs/{program}.program").touch()
        hpo.sweep(
            tiny.task(), "random", trials=trials, objective=tiny.Parabola, name=name, store=scratch / "store.sqlite"
        )
        cpu = trials * {"empty": 4.0, "warm": 2.0}[name]
        return {"sweep": name, "trials": trials, "timing": {"compile": 1.0, "train": 1.0}}, cpu, cpu / len(cores)

    def timed(command, cores, environment):
        count = command[3]
        return {"cpu_seconds_per_run": 8.0, "runs": count}, 8.0 * count, 8.0 * count

    def run(*options):
        out = tmp_path / "out.json"
        monkeypatch.setattr(sys, "argv", ["bench_full.py", "--algorithms", "ppo", "--json", str(out), *options])
        bench.main()
        return json.loads(out.read_text())

    monkeypatch.setattr(bench, "timed_sweep", timed_sweep)
    monkeypatch.setattr(bench, "timed", timed)
    return run


def by_program(document):
    (rows,) = document["tables"].values()
    return {row["program"]: row for row in rows}


def test_the_table_has_seconds_per_run_and_ratios_to_arlbench(measured):
    document = measured(
        "--configs", "4", "--arlbench-configs", "1", "--repeats", "2", "--arlbench-python", sys.executable
    )
    rows = by_program(document)
    assert {program: row["cpu"] for program, row in rows.items()} == {
        "full space, empty cache": 4.0,
        "full space, warm cache": 2.0,
        "published space, empty cache": 4.0,
        "published space, warm cache": 2.0,
        "ARLBench": 8.0,
    }
    cold, warm = rows["full space, empty cache"], rows["full space, warm cache"]
    assert cold["compile"] == 0.25
    assert cold["programs"] == 1
    assert [cold["ratio"], cold["low"], cold["high"]] == pytest.approx([2.0, 2.0, 2.0])
    assert warm["ratio"] == pytest.approx(4.0)
    assert rows["ARLBench"]["runs"] == 1
    assert rows["published space, warm cache"]["ratio"] is None
    (repeats,) = document["repeats"].values()
    assert [next(iter(costs)) for costs in repeats] == ["full space, empty cache", "published space, empty cache"]


def test_without_arlbench_installed_nothing_is_measured(measured):
    with pytest.raises(SystemExit, match=r"ARLBench must be installed \(make peers\), got no nowhere"):
        measured("--configs", "4", "--arlbench-python", "nowhere")


def test_scaling_has_a_row_per_number_of_configs(measured):
    rows = by_program(measured("--scaling", "1", "2", "--repeats", "1"))
    assert {program: row["runs"] for program, row in rows.items()} == {
        "1 config, empty cache": 1,
        "2 configs, empty cache": 2,
    }


def test_cores_are_compared_by_wall_time(measured, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    rows = by_program(measured("--configs", "2", "--cores", "2", "--repeats", "1"))
    assert rows["2 cores, warm cache"]["ratio"] == pytest.approx(2.0)
    assert rows["1 core, warm cache"]["ratio"] is None


def test_costs_on_some_runs_are_their_training_and_a_share_of_the_rest(bench):
    cost = bench.Cost(
        runs=2, cpu=10.0, wall=20.0, run_seconds=(4.0, 12.0)
    )  # on half a core: 2 and 6 CPU seconds, 2 else
    assert cost.cpu_per_run([0]) == 3.0
    assert cost.cpu_per_run([0, 1]) == 5.0


def test_the_ratio_is_a_geometric_mean_with_an_interval(bench):
    ratio, low, high = bench.geometric_mean([1.0, 4.0])
    assert ratio == pytest.approx(2.0)
    assert low * high == pytest.approx(4.0)
    assert bench.geometric_mean([3.0]) == (3.0, None, None)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_configs_are_small_and_more_of_them_begin_with_the_same(bench, algorithm):
    name, _ = bench.TASKS[algorithm]
    task = tasks.get(name, "full")
    configs = bench.small_configs(task, 4, 64)
    assert bench.small_configs(task, 2, 64) == configs[:2]
    assert {config["hidden_size"] for config in configs} <= {32, 64}
    assert all(bench.gradient_steps(task, config) <= task.fidelity for config in configs)


def test_too_few_small_configs_are_one_line(bench):
    with pytest.raises(SystemExit, match="1 config of ppo/CartPole-v1 must be small, got 0 of 100 points"):
        bench.small_configs(tasks.get("ppo/CartPole-v1", "full"), 1, 16)


def test_arlbench_is_given_what_it_can_train_alike(bench):
    task = tasks.get("ppo/CartPole-v1", "full")
    config = {"num_envs": 8, "num_steps": 32, "num_layers": 2}
    assert bench.is_alike_in_arlbench(task, config)
    assert not bench.is_alike_in_arlbench(task, config | {"num_layers": 3})
    assert not bench.is_alike_in_arlbench(
        task, config | {"num_envs": 32, "num_steps": 512}
    )  # 163,840 env steps, not 98,304


def test_a_full_config_of_ppo_keeps_its_rollout_in_arlbench(peer):
    config = {"num_envs": 4, "num_steps": 64, "num_epochs": 3, "minibatch_size": 128, "gamma": 0.9}
    theirs = peer.to_arlbench(config, "ppo/CartPole-v1")
    assert {**theirs, "n_steps": 64, "update_epochs": 3, "gamma": 0.9} == theirs
    assert peer.trained_steps(config, "ppo/CartPole-v1", 100_000) == 102_400
    assert peer.gradient_steps(config, "ppo/CartPole-v1", 100_000) == 400 * 3 * 2


def test_targets_of_sac_follow_after_as_many_env_steps_in_arlbench(peer):
    config = {
        "num_envs": 4,
        "train_freq": 2,
        "gradient_steps": 4,
        "learning_starts": 80,
        "target_update_gradient_steps": 3,
    }
    theirs = peer.to_arlbench(config, "sac/Pendulum-v1")
    assert theirs["target_update_interval"] == 6
    assert theirs["learning_starts"] == 20


@pytest.mark.slow
def test_a_warm_cache_has_all_programs_of_the_same_sweep(tmp_path):
    out = tmp_path / "out.json"
    options = shlex.split("--algorithms ppo --configs 2 --fidelity 2000 --published --without-arlbench --repeats 1")
    core = min(os.sched_getaffinity(0))
    command = [sys.executable, SCRIPTS / "bench_full.py", *options, "--core", core, "--json", out]
    subprocess.run(list(map(str, command)), check=True)
    rows = by_program(json.loads(out.read_text()))
    cold, warm = rows["full space, empty cache"], rows["full space, warm cache"]
    assert cold["programs"] == warm["programs"] >= 2
    assert warm["compile"] < cold["compile"]
    assert warm["cpu"] < cold["cpu"]
