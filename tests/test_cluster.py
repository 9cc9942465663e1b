"""Training on a cluster: the numbers are those of this process, whatever happens to workers and drivers."""

import contextlib
import dataclasses
import importlib.util
import sys
import time
import types
from pathlib import Path

import distributed
import examples
import pandas as pd
import pytest
import tiny
from tiny import FIDELITY, outcome

import hpo
from arl.errors import InputError
from arl.records.store import Store
from hpo import cluster as clusters
from hpo.cluster import connection, serving, worker
from hpo.cluster.connection import Calls, Cluster, Sent
from hpo.cluster.training import ClusterTraining
from hpo.comparisons import compare, design, progress
from hpo.trial import Trial

ARL = Path(sys.executable).with_name("arl")


@pytest.fixture(scope="module")
def cluster():
    """Return a cluster of two workers that are threads of this process."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0", memory_limit=0
        ) as workers,
        distributed.Client(workers, set_as_default=False) as client,
    ):
        made = Cluster(client, wait=30.0)
        yield made
        made.close()


@pytest.fixture
def sweep(tmp_path):
    """Return a function that runs a sweep of the tiny task."""

    def sweep(tuner="random", store="store", **settings):
        chosen = {"seeds": 2, "name": "a", **({} if "budget" in settings else {"trials": 4}), **settings}
        return hpo.sweep(tiny.task(), tuner, store=tmp_path / f"{store}.sqlite", **chosen)

    return sweep


def assert_same(record, other):
    for frame, expected in zip(outcome(record), outcome(other), strict=True):
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)


@pytest.mark.parametrize(
    ("tuner", "settings"),
    [("random", {}), ("asha", {"budget": 4.0, "synchronous": True}), ("pbt", {"budget": 3.0, "synchronous": True})],
)
def test_a_cluster_gives_the_numbers_of_this_process(sweep, cluster, tuner, settings):
    here = sweep(tuner, **settings)
    assert_same(sweep(tuner, store="cluster", cluster=cluster, **settings), here)


def test_a_promoting_tuner_is_told_results_as_they_come(sweep, cluster, tmp_path):
    record = sweep("asha", budget=4.0, cluster=cluster)
    assert record.settings.asynchronous
    calls = Store(tmp_path / "store.sqlite").calls("a")
    told = [len(call.trials) for call in calls if call.method == "tell"]
    assert sum(told) == len(record.records)
    assert max(told) < 4, "no rounds"
    assert_same(sweep("asha", budget=4.0), record)
    assert Store(tmp_path / "store.sqlite").calls("a") == calls, "what is on record is not trained again"


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [1, 2, 4])
def test_any_number_of_processes_gives_the_numbers_of_this_one(sweep, num_workers):
    rounds = {"budget": 4.0, "synchronous": True}
    with clusters.connect(f"local:{num_workers}") as processes:
        for tuner, settings in {"random": {"trials": 12}, "asha": rounds, "pbt": rounds}.items():
            here = sweep(tuner, name=tuner, **settings)
            assert_same(sweep(tuner, store="cluster", name=tuner, cluster=processes, **settings), here)


def test_a_tuner_on_a_cluster_is_told_earlier_trials_first(sweep, cluster, tmp_path):
    settings = {"warm_start": "source", "enqueue": {"learning_rate": 0.02}}
    source = sweep(name="source", trials=6)
    record = sweep("tpe", cluster=cluster, options={"n_startup_trials": 6}, **settings)
    assert record.settings.asynchronous
    assert record.settings.warm_start.num_trials == len(source.records)
    assert record.records[0].config["learning_rate"] == 0.02
    first = next(call for call in Store(tmp_path / "store.sqlite").calls("a") if call.method == "tell")
    assert first.trials == (0,), "the tuner waits for what is enqueued"
    assert record.records[1].config != sweep("tpe", name="cold").records[0].config
    assert_same(sweep("tpe", cluster=cluster, options={"n_startup_trials": 6}, **settings), record)


def compared(store, **settings):
    chosen = {"repeats": 3, "budget": 2, "seeds": 2, "test_seeds": 2, "batch": 2, "baselines": False, "store": store}
    comparison = hpo.compare(["random", "successive_halving"], [tiny.task()], **chosen, **settings)
    records = {name: hpo.load_sweep(name, store) for name in Store(store).names()}
    return comparison.summary, dict(sorted(records.items()))


def test_sweeps_of_a_comparison_run_at_once_and_give_the_same_records(cluster, tmp_path):
    summary, here = compared(tmp_path / "here.sqlite")
    together, there = compared(tmp_path / "there.sqlite", cluster=cluster)
    pd.testing.assert_frame_equal(together, summary)
    assert len(here) == 3 * 2 + 3
    for record, other in zip(here.values(), there.values(), strict=True):
        assert_same(record, other)


def test_groups_of_sweeps_share_no_run(cluster, tmp_path):
    def groups(cluster, seeds):
        chosen = design.design(["random"], [tiny.task()], repeats=3, budget=2, seeds=seeds, test_seeds=2)
        comparing = compare._Comparing(chosen, Store(tmp_path / "s.sqlite"), progress.View(), (), cluster)
        return [list(repeats) for _, repeats in comparing._groups()]

    assert groups(cluster, 2) == [[0], [1], [2]]
    assert groups(cluster, [0, 1]) == [[0, 1, 2]]
    assert groups(None, 2) == [[0, 1, 2]]


def test_what_uses_a_cluster_at_the_same_time_ends_with_the_first_that_fails(cluster):
    def wait():
        calls = Calls(cluster)
        calls.submit(Sent(time.sleep, 5.0))
        try:
            calls.next()
        finally:
            calls.cancel()

    def refuse():
        raise InputError("no")

    begun = time.monotonic()
    with pytest.raises(InputError, match="no"):
        cluster.at_once([wait, refuse], 2)
    assert time.monotonic() - begun < 4.0
    assert not cluster.is_stopped.is_set()


def objective(cluster, **settings):
    return ClusterTraining(tiny.task(), (0,), 1, cluster, **settings)


def trial(number, fidelity=FIDELITY, parent=None):
    return Trial(number, {"learning_rate": 1e-3 * (number % 10 + 1)}, fidelity, parent)


def numbers(record):
    return [[(point.env_steps, point.return_mean) for point in run.points] for run in record.runs]


@pytest.mark.parametrize("memory", [None, 0])
def test_agents_that_are_dropped_are_trained_again(cluster, memory):
    """With no memory for agents, all that later trials go on from are trained again."""
    made = objective(cluster, agent_memory=memory)
    chain = [trial(0, 40), trial(1, 80, 0), trial(2, FIDELITY, 1)]
    records = [record for link in chain for record in made.evaluate([link])]
    assert made.num_trained_again == (0 if memory is None else 1 + 2)
    plain = hpo.objective("training", tiny.task(), [0], 1)
    expected = [record for link in chain for record in plain.evaluate([link])]
    assert [numbers(record) for record in records] == [numbers(record) for record in expected]


def test_a_chain_of_another_session_is_trained_again(cluster):
    made = objective(cluster)
    made.remember([trial(0, 40), trial(1, 80, 0)])
    (record,) = made.evaluate([trial(2, FIDELITY, 1)])
    assert made.num_trained_again == 2
    assert record.status == "completed"


def test_large_agents_are_files_that_any_worker_reads(cluster, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "SMALL", 10)
    monkeypatch.setattr(cluster, "folder", tmp_path / "agents")
    made = objective(cluster)
    list(made.evaluate([trial(0, 40)]))
    (stored,) = made.stored.values()
    assert stored.data.parent == tmp_path / "agents"
    monkeypatch.setattr(worker, "_agents", worker._Agents())
    (record,) = made.evaluate([trial(1, 80, 0)])
    assert made.num_trained_again == 0
    assert record.status == "completed"


def test_runs_go_on_where_their_parents_were_trained(cluster):
    made = objective(cluster)
    list(made.evaluate([trial(i, 40) for i in range(4)]))
    for i in range(4):
        list(made.evaluate([trial(4 + i, FIDELITY - 1, i)]))
    places = [[made.stored[i + first, 0].worker for i in range(4)] for first in (0, 4)]
    assert places[0] == places[1]
    assert len(set(places[0])) == 2


def test_a_run_does_not_wait_for_the_worker_of_its_parent_while_another_is_free(cluster):
    calls, (address, _) = Calls(cluster), cluster.client.nthreads()
    calls.submit(Sent(time.sleep, 3.0, "long", address))
    calls.submit(Sent(time.sleep, 0.1, "short", address))
    assert [calls.next()[0] for _ in range(2)] == ["short", "long"]


def test_a_run_goes_elsewhere_when_the_worker_of_its_parent_has_gone():
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as workers,
        distributed.Client(workers, set_as_default=False) as client,
    ):
        calls = Calls(Cluster(client))
        calls.submit(Sent(len, "abc", "label", "tcp://127.0.0.1:1"))
        while not client.run_on_scheduler(connection._waiting_keys):
            time.sleep(0.1)
        workers.scale(1)
        client.wait_for_workers(1)
        calls.free()
        assert calls.next(time.monotonic() + 30.0) == ("label", 3)


def test_more_workers_are_asked_for_more_trials(cluster):
    made = objective(cluster)
    made.start([trial(0)])
    assert made.room() == 1
    made.num_workers = 1
    made.calls.next = lambda ends: time.sleep(0.1)
    assert made.wait() == [], "another worker has come since"
    del made.calls.next
    made.stop()


def test_the_agents_of_a_trial_are_saved(cluster, tmp_path):
    made = objective(cluster, keep_finished=True)
    list(made.evaluate([trial(0, 40)]))
    made.save_agents(0, {0: tmp_path / "a.agent"})
    plain = hpo.objective("training", tiny.task(), [0], 1)
    plain.keep_finished = True
    list(plain.evaluate([trial(0, 40)]))
    plain.save_agents(0, {0: tmp_path / "b.agent"})
    assert (tmp_path / "a.agent").read_bytes() == (tmp_path / "b.agent").read_bytes()


def test_a_config_that_cannot_be_trained_fails_alone(cluster):
    made = objective(cluster)
    records = {record.trial: record for record in made.evaluate([trial(0, 1), trial(1)])}
    assert records[0].status == "failed"
    assert "fidelity must allow one iteration" in records[0].error
    assert records[1].status == "completed"


def test_a_sweep_that_is_stopped_takes_its_jobs_back(cluster):
    made = objective(cluster)
    answers = made.evaluate([trial(i) for i in range(6)])
    next(answers)
    answers.close()
    assert len(made.calls) == 0
    assert not made.queued
    assert not made.unfinished


refusals = list[clusters.jobs.Refusal]()


def refuse_first(argument):
    return refusals.pop() if refusals else argument


def test_a_worker_of_another_version_is_not_used(cluster, monkeypatch):
    removed = []
    monkeypatch.setattr(cluster.client, "run_on_scheduler", lambda _, address: removed.append(address))
    refusals.append(clusters.jobs.Refusal("tcp://a", "jax must be the driver's 0.1, got 0.2"))
    calls = Calls(cluster)
    calls.submit(Sent(refuse_first, "argument", "label"))
    with pytest.warns(UserWarning, match=r"worker tcp://a is not used: jax must be the driver's 0.1"):
        answer = calls.next()
    assert answer == ("label", "argument")
    assert removed == ["tcp://a"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"versions": {"jax": "0.1"}}, "jax must be the driver's 0.1, got "),
        ({"backend": "tpu"}, "backend must be the sweep's tpu, got cpu"),
        ({"user_files": {"mine.py": "0"}}, "file 'mine.py' must be the driver's, got none or another"),
        ({"env": "brax/nothing"}, "nothing"),
    ],
)
def test_a_worker_says_in_one_line_why_it_refuses(cluster, change, reason):
    made = objective(cluster)
    job = clusters.jobs.Job(dataclasses.replace(made.setup, **change), [])
    calls = Calls(cluster)
    future = cluster.client.submit(worker.train, job, pure=False)
    assert reason in future.result().reason
    assert "\n" not in future.result().reason
    assert len(calls) == 0


def die(argument):
    raise distributed.KilledWorker("train", types.SimpleNamespace(address="tcp://a"), 10)


def test_a_call_under_which_all_workers_die_becomes_an_error(cluster):
    calls = Calls(cluster)
    calls.submit(Sent(die, None, "label"))
    label, result = calls.next()
    assert label == "label"
    assert isinstance(result, InputError)
    assert "got 10 that died of them" in str(result)


def fail(argument):
    raise FileNotFoundError(argument)


def test_what_a_call_raises_is_raised(cluster):
    """An error of files is not taken for one of the connection, after which a call is sent again."""
    calls = Calls(cluster)
    calls.submit(Sent(fail, "a.agent"))
    with pytest.raises(FileNotFoundError, match=r"a\.agent"):
        calls.next(time.monotonic() + 30.0)


def test_a_cancelled_call_is_sent_again(cluster):
    calls = Calls(cluster)
    calls.submit(Sent(time.sleep, 1.0, "label"))
    ((_, future),) = calls.sent.values()
    future.cancel(force=True)
    assert calls.next() == ("label", None)


def refused(message, **settings):
    with pytest.raises(InputError, match=message), clusters.connect(clusters.Address(**settings)) as cluster:
        assert cluster.description, "no worker is waited for before there is something to train"


def test_bad_clusters_are_refused_in_one_line(tmp_path, monkeypatch):
    refused("must be used where jobs can be submitted, got no command 'sbatch'", name="slurm:jobs.yaml")
    monkeypatch.setattr(connection, "SUBMIT", "true")
    refused("cluster local:N must have at least 1 worker, got 'local:0'", name="local:0")
    refused("cluster must be local:N, slurm:FILE, .* got 'elsewhere'", name="elsewhere")
    refused("scheduler tcp://127.0.0.1:1 must answer within 0.5 s", name="tcp://127.0.0.1:1", wait=0.5)
    (tmp_path / "bad.json").write_text("{")
    refused("must name a scheduler", name=str(tmp_path / "bad.json"))
    (tmp_path / "bad.yaml").write_text("- 1")
    refused("must have settings of a Slurm job", name=f"slurm:{tmp_path / 'bad.yaml'}")
    (tmp_path / "bad.yaml").write_text("{cores: 1, memory: 1GB, jobs: 0}")
    refused("jobs must be at least 1, got 0", name=f"slurm:{tmp_path / 'bad.yaml'}")
    refused("must be tcp://HOST:PORT or tls://HOST:PORT, got 'tcp://here'", name="tcp://here")
    refused("needs a certificate", name="tls://127.0.0.1:1")
    refused("seconds to wait must be at least 0, got -1", name="local:1", wait=-1.0)
    file = str(tmp_path / "s.json")
    refused("cluster host must be an address of this machine, got '1.2.3.4'", name=file, host="1.2.3.4")
    refused("cluster must have a worker within 0.5 s, got none", name=file, wait=0.5)
    assert not (tmp_path / "s.json").exists()


def test_the_place_of_a_cluster_names_its_dashboard(cluster):
    """The extra that it needs is named where it is not installed."""
    without = importlib.util.find_spec("bokeh") is None
    shown = (
        "its dashboard needs pip install 'autorl-sweeps[dask-dashboard]'" if without else cluster.client.dashboard_link
    )
    assert cluster.place.startswith(f"cluster at {cluster.client.scheduler_info(1)['address']} with 2 workers, ")
    assert shown in cluster.place


def test_agents_end_with_their_driver_and_those_of_dead_drivers_with_the_next_one(tmp_path):
    """Two drivers share a scheduler's file; a third one has left agents behind."""
    (tmp_path / "agents" / "Client-dead").mkdir(parents=True)
    file = str(tmp_path / "s.json")
    with clusters.connect(file) as first:
        first.folder.mkdir()
        with clusters.connect(file) as second:
            second.folder.mkdir()
            assert {path.name for path in (tmp_path / "agents").iterdir()} == {first.client.id, second.client.id}
        assert [path.name for path in (tmp_path / "agents").iterdir()] == [first.client.id]
    assert list(tmp_path.iterdir()) == []


def test_a_cluster_is_for_training(tmp_path):
    with pytest.raises(InputError, match="objective must be training, got table"):
        hpo.sweep("ppo/CartPole-v1", trials=2, objective="table", cluster="local:2", store=tmp_path / "s.sqlite")
    assert list(tmp_path.iterdir()) == []


def test_a_worker_waits_for_its_scheduler(tmp_path):
    with pytest.raises(InputError, match=r"must answer within 0 s, got no answer, and the file is missing"):
        serving.serve(str(tmp_path / "s.json"), 1, 0.0)


def test_a_job_of_slurm_runs_workers(tmp_path):
    jobqueue = pytest.importorskip("dask_jobqueue")
    (tmp_path / "jobs.yaml").write_text("queue: short\ncores: 1\nmemory: 4GB\njobs: 3\n")
    with contextlib.ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        scaled = []
        patch.setattr(connection, "SUBMIT", "true")
        patch.setattr(jobqueue.SLURMCluster, "scale", lambda self, jobs: scaled.append(jobs))
        script = connection._slurm(tmp_path / "jobs.yaml", stack).job_script()
    assert scaled == [3]
    assert "#SBATCH -p short" in script
    assert "--preload hpo.cluster.worker" in script


@pytest.mark.slow
def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples.run("cluster.md", tmp_path)
