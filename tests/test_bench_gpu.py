"""The measurement of a GPU: its time, its files, its counts, and all of it at a small scale."""

import dataclasses
import json
import shlex
import sys
import time
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
DOCS = SCRIPTS.parent / "docs"

# A fusion that holds a product, a product by itself, a call of a library in a loop.
HLO = """HloModule jit_block, is_scheduled=true

%fused_computation (p: f32[4,4]) -> f32[4] {
  %p = f32[4,4]{1,0} parameter(0)
  ROOT %dot.1 = f32[4]{0} dot(%p, %p), lhs_contracting_dims={1}
}

%body (state: (s32[], f32[4])) -> (s32[], f32[4]) {
  %state = (s32[], f32[4]{0}) parameter(0)
  ROOT %call = (s32[], /*index=1*/f32[4]{0}) custom-call(%state), custom_call_target="__cublas$gemm"
}

ENTRY %main (x: f32[4,4]) -> f32[4] {
  %x = f32[4,4]{1,0} parameter(0)
  %fusion = f32[4]{0} fusion(%x), kind=kLoop, calls=%fused_computation
  %dot.2 = f32[4]{0} dot(%x, %fusion), lhs_contracting_dims={1}
  ROOT %again = f32[4]{0} fusion(%x), kind=kLoop, calls=%fused_computation
}
"""


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    import bench_gpu

    return bench_gpu


@pytest.fixture
def clock(bench, monkeypatch):
    """Return a clock that the measurements of `taking` move on."""

    class Clock:
        now = 100.0

        def taking(self, name, seconds, share=1.0):
            def run(deadline):
                self.now += seconds
                return {"name": name}

            return bench.Job(name, share, run)

    made = Clock()
    monkeypatch.setattr(bench.time, "perf_counter", lambda: made.now)
    return made


def test_jobs_that_take_too_long_are_left_out(bench, clock):
    jobs, left_out = [clock.taking("a", 4), clock.taking("b", 4), clock.taking("c", 4), clock.taking("d", 1)], []
    assert [row["name"] for row in bench.measured(jobs, 100.0, 10, left_out)] == ["a", "b"]
    assert left_out == ["c", "d"]


def test_a_job_has_a_share_of_the_time(bench, clock):
    jobs, left_out = [clock.taking("a", 6, share=0.5), clock.taking("b", 1, share=0.5), clock.taking("c", 1)], []
    clock.now += 1
    assert [row["name"] for row in bench.measured(jobs, 100.0, 10, left_out)] == ["a"]
    assert left_out == ["b", "c"]


def test_a_job_that_can_stop_by_itself_needs_no_time_like_the_last(bench, clock):
    long, short = clock.taking("a", 9), clock.taking("b", 1)
    jobs = [long, dataclasses.replace(short, can_stop=True)]
    assert [row["name"] for row in bench.measured(jobs, 100.0, 10, [])] == ["a", "b"]


def test_a_job_that_stops_at_its_deadline_is_left_out(bench, clock):
    def run(deadline):
        bench.stop_at(deadline)(None)
        clock.now = deadline + 1
        bench.stop_at(deadline)(None)

    left_out = []
    assert list(bench.measured([bench.Job("training", 0.5, run)], 100.0, 10, left_out)) == []
    assert left_out == ["training"]
    assert clock.now == 106.0


def test_what_is_measured_is_written_before_the_next_is(bench, monkeypatch, tmp_path):
    path = tmp_path / "results" / "gpu.json"

    def cut_off(deadline):
        raise KeyboardInterrupt

    def jobs(args):
        return [bench.Job("a", 1.0, lambda deadline: {"lanes": 4}), bench.Job("b", 1.0, cut_off)]

    monkeypatch.setattr(bench, "SECTIONS", {"canary": lambda args: [], "lanes": jobs})
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py", "--json", str(path)])
    with pytest.raises(KeyboardInterrupt):
        bench.main()
    document = json.loads(path.read_text())
    assert document["tables"] == {"canary": [], "lanes": [{"lanes": 4}]}
    assert document["made_with"]["backend"] == "cpu"


def test_kernels_are_what_is_launched(bench):
    assert bench.num_kernels(HLO) == "2 fusion, 1 dot, 1 custom-call"


def test_records_are_those_of_the_docs(bench):
    costs = (DOCS / "validation.md").read_text().partition("## Costs")[2]
    assert all(f" {record:.2f}" in costs for record in bench.RECORDS.values())


def test_landscapes_have_as_many_configs_as_asked(bench, monkeypatch):
    monkeypatch.setattr(sys, "argv", shlex.split("bench_gpu.py --configs 20 --tasks ppo/CartPole-v1 sac/Pendulum-v1"))
    asked = []
    monkeypatch.setattr(bench, "landscape_row", lambda name, num, args, deadline: asked.append((name, num)) or {})
    jobs = bench.landscape_jobs(bench.parse_args())
    list(bench.measured(jobs, time.perf_counter(), 60, []))
    assert asked == [("ppo/CartPole-v1", 20), ("sac/Pendulum-v1", 3)]


@pytest.mark.slow
def test_all_is_measured_at_a_small_scale(bench, monkeypatch, tmp_path):
    path = tmp_path / "gpu.json"
    options = "--sizes 16 --lanes 2 4 --configs 2 --seeds 2 --fidelity 4000 --precision-seeds 3"
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py", *shlex.split(options), "--json", str(path)])
    bench.main()
    document = json.loads(path.read_text())
    tables = document["tables"]
    assert document["left_out"] == []
    assert [row["verdict"] for row in tables["canary"]] == ["float32"] * 4
    two, four = tables["lanes"]
    assert four["program MiB"] == pytest.approx(2 * two["program MiB"], rel=0.1)
    assert "dot" in two["update kernels"]
    steps = {row["task"]: (row["runs"], row["env steps"]) for row in tables["landscapes"]}
    assert steps == {"ppo/CartPole-v1": (4, 4 * 3840), "dqn/CartPole-v1": (2, 2 * 3840), "sac/Pendulum-v1": (2, 8000)}
    single, reduced = tables["precision"]
    assert single["difference"] == 0.0
    assert single["return"] == reduced["return"], "a CPU has no TF32"
    assert bench.jax.config.values["jax_default_matmul_precision"] is None


@pytest.mark.slow
def test_a_landscape_stops_at_its_deadline(bench, monkeypatch):
    options = "--configs 2 --seeds 1 --fidelity 20000"
    monkeypatch.setattr(sys, "argv", ["bench_gpu.py", *shlex.split(options)])
    row = bench.landscape_row("ppo/CartPole-v1", 2, bench.parse_args(), deadline=time.perf_counter())
    assert 0 < row["env steps"] < 2 * 19_968
