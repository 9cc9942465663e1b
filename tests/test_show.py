"""`arl list sweeps`, `arl show` and `arl show --trial`: what has run, what runs, and what became of each trial."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tiny
from test_cli import TASK, arl
from tiny import FIDELITY, trial_record

import hpo
from arl.records import outlines
from arl.records.store import ComparisonRecord, Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "results" / "store.sqlite")


def add(store, name, num_trials, **settings):
    """Record a sweep of so many trials, as far as it has come."""
    store.add_sweep(name, tiny.sweep_settings(**settings).to_json(), {}, {"hyperparameters": []})
    store.add_trials(
        name, [trial_record(i, fidelity=FIDELITY, seeds=(0, 1), score=float(i)) for i in range(num_trials)]
    )


def listed(tmp_path, *words):
    done = arl(tmp_path, "list", "sweeps", *words, "--json")
    assert done.status == 0, done.err
    return {row["sweep"]: row for row in json.loads(done.out)}


def test_a_finished_sweep_is_done_and_says_what_it_spent(home):
    (row,) = listed(home).values()
    best = hpo.load_sweep("first", home / "results" / "store.sqlite").incumbent["score"]
    assert row == {
        "sweep": "first",
        "task": TASK,
        "tuner": f"{tiny.__file__}:Halving",
        "status": "done",
        "trials": 7,
        "planned": 7,
        "full runs": 1.8,
        "budget": None,
        "score": round(best, 2),
    }


def test_a_sweep_is_running_as_long_as_a_process_holds_it(tmp_path, store):
    add(store, "a", 2, trials=4)
    add(store, "done", 4, trials=4)
    with store.claim("a"):
        assert {name: row["status"] for name, row in listed(tmp_path).items()} == {"a": "running", "done": "done"}
        assert arl(tmp_path, "show", "a").out.splitlines()[-3] == "running: 2/4 trials"
        with pytest.raises(hpo.InputError, match="sweep 'a' is running in another process"), store.claim("a"):
            pass
    assert listed(tmp_path)["a"]["status"] == "stopped"
    assert not store.path.with_name("store.sqlite.running").exists()


def test_a_budget_is_progress_too(tmp_path, store):
    add(store, "a", 2, budget=8.0)
    assert arl(tmp_path, "show", "a").out.splitlines()[-3] == "stopped: 2 trials, 2/8 full runs"
    row = listed(tmp_path)["a"]
    assert (row["trials"], row["planned"], row["full runs"], row["budget"], row["score"]) == (2, None, 2.0, 8.0, 1.5)
    store.set_ended("a")
    assert listed(tmp_path)["a"]["status"] == "done", "it may end before its budget is spent"


def test_sweeps_of_a_comparison_are_one_row_and_are_found_one_by_one(tmp_path, store):
    for name in ("alone", "big-random-0", "big-test-1000"):
        add(store, name, 1, trials=1)
    members = [{"sweep": "big-random-0", "budget": 4.0}, {"sweep": "big-test-1000"}, {"sweep": "big-random-1"}]
    settings = {"tasks": {TASK: {}}, "tuners": {"random": {}, "sobol": {}}}
    store.set_comparison(ComparisonRecord("big", settings, {}, members, {}))
    rows = listed(tmp_path)
    assert list(rows) == ["alone", "big"]
    assert (rows["big"]["tuner"], rows["big"]["trials"]) == ("comparison of random, sobol", 1)
    assert rows["big"]["status"] == "stopped"
    assert list(listed(tmp_path, "--filter", "big-*")) == ["big-random-0", "big-test-1000"]
    assert list(listed(tmp_path, "--filter", "done")) == ["alone", "big-random-0", "big-test-1000"]
    assert listed(tmp_path, "--filter", "nothing") == {}
    with store.claim("big-test-1000"):
        assert listed(tmp_path)["big"]["status"] == "running"


def test_other_lists_are_filtered_too(tmp_path):
    rows = json.loads(arl(tmp_path, "list", "spaces", "--filter", "ppo/CartPole-v1", "--json").out)
    assert {row["task"] for row in rows} == {"ppo/CartPole-v1"}


def test_a_stored_sweep_without_trials_gives_way(tmp_path):
    store = Store(tmp_path / "store.sqlite")
    store.add_sweep("a", tiny.sweep_settings(trials=9).to_json(), {}, {"hyperparameters": []})
    assert outlines.status(store.outlines()[0]) == "stopped"
    record = hpo.sweep("ppo/CartPole-v1", objective="table", trials=2, name="a", store=store)
    assert len(record.records) == 2


def test_show_json_has_as_many_of_the_best_trials_as_asked_for(home):
    record = hpo.load_sweep("first", home / "results" / "store.sqlite")
    document = json.loads(arl(home, "show", "first", "--top", 2, "--json").out)
    assert (document["status"], document["planned_trials"], document["budget"]) == ("done", 7, None)
    assert [trial["trial"] for trial in document["ranked"]] == [trial.trial for trial in record.ranked[:2]]
    assert document["ranked"][0]["config"] == dict(record.ranked[0].config)
    assert document["ranked"][0]["seed_scores"] == {str(run.seed): run.score for run in record.ranked[0].runs}


def test_one_trial_is_shown_whole(home):
    record = hpo.load_sweep("first", home / "results" / "store.sqlite")
    done = arl(home, "show", "first", "--trial", 6)
    assert (done.status, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[0] == f"trial 6 of first: completed, score {record.records[6].score:.6g}, place 1 of 7"
    parents = hpo.schedule_of(record, 6)
    assert len(parents) == 1
    parent = record.records[6].parent
    first = record.records[parent].parent
    assert f"lineage, env steps: trial {first} to 40, then trial {parent} to 80, then trial 6 to 200" in lines
    assert lines[-2:] == ["arl train --from first:6 --seeds 10", "arl reproduce first --trial 6"]
    assert "episode return over env steps" in done.out
    for name in record.records[6].config:
        assert any(line.split()[:1] == [name] for line in lines), name


def test_one_trial_as_json_has_its_curve_with_its_ancestors(home):
    record = hpo.load_sweep("first", home / "results" / "store.sqlite")
    document = json.loads(arl(home, "show", "first", "--trial", 6, "--json").out)
    assert document["config"] == dict(record.records[6].config)
    assert document["fixed"] == dict(record.settings.task.fixed)
    assert [steps for steps, _ in document["curves"]["0"]] == list(range(20, FIDELITY + 1, 20))
    assert document["rank"] == 1
    assert document["commands"][0] == ["arl", "train", "--from", "first:6", "--seeds", "10"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trial", 7], "unknown trial '7' of sweep 'first': known are 0, 1, 2, 3, 4, 5, 6"),
        (["--trial", 1, "--front", "auc,parameters"], "trial must not be given with --front, got 1"),
    ],
)
def test_bad_input_is_one_line(home, words, message):
    done = arl(home, "show", "first", *words)
    assert (done.status, done.out, done.err) == (2, "", f"arl: {message}\n")


def test_it_does_without_pandas_which_takes_as_long_as_all_else(home):
    code = "import sys; from hpo.cli.main import app; app(['show', 'first'], standalone_mode=False)"
    command = [sys.executable, "-c", f"{code}; sys.exit('pandas' in sys.modules)"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "trials" in done.stdout
