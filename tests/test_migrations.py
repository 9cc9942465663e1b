"""Records of earlier versions: `data/store-v1.sqlite` was written by the version before a run's outcome had a column."""

import dataclasses
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from arl import config as configs
from arl.errors import InputError
from arl.records import migrations
from arl.records.settings import SweepSettings, TaskSettings
from arl.records.store import Outcome, Store
from arl.records.sweep import load_sweep
from hpo import plans, scores, sweeps, tasks
from hpo.build_landscape import DefaultThenSobol
from hpo.cli import commands
from hpo.objectives import tabular
from hpo.objectives.training import Training
from hpo.reports import sweep_report
from landscapes import catalogue

OLD = Path(__file__).parent / "data" / "store-v1.sqlite"
NAMES = ["asha", "dqn", "landscape", "pbt", "sac", "scheduled", "surrogate", "table"]


@pytest.fixture
def store(tmp_path):
    return Store(shutil.copy(OLD, tmp_path / "store.sqlite"))


def must_not_train(self, trials, on_segment):
    raise AssertionError(f"trials {[trial.id for trial in trials]} were trained again")


def version(store):
    with sqlite3.connect(store.path) as connection:
        return connection.execute("SELECT schema_version FROM arl_store").fetchone()[0]


def test_reading_leaves_an_old_store_as_it_is(store):
    before = store.path.read_bytes()
    assert sorted(store.names()) == NAMES
    for name in NAMES:
        assert load_sweep(name, store).records
    assert store.path.read_bytes() == before


def test_outcomes_are_read_from_where_they_were(store):
    failed = load_sweep("sac", store).records[0]
    assert failed.error == "fidelity must allow one iteration of 512 env steps, got 64 to train"
    (run,) = load_sweep("surrogate", store).records[0].runs[:1]
    assert (run.outcome.source, run.provenance) == (
        "surrogate",
        {"objective": "surrogate", "landscape": "ppo/CartPole-v1"},
    )
    assert load_sweep("table", store).answers == (
        "nothing was trained, landscape ppo/CartPole-v1 bd6f541a3c8e answered: 7 by the nearest config"
    )
    trained = load_sweep("asha", store).records[0].runs[0]
    assert trained.outcome == Outcome()
    assert {"arl", "commit", "jax", "width", "rows"} <= trained.provenance.keys()


@pytest.mark.parametrize("name", NAMES)
def test_old_sweeps_are_shown_exported_and_reported(store, tmp_path, name):
    record = load_sweep(name, store)
    assert commands.of_sweep(record)[1] == ("train" if name == "scheduled" else "sweep")
    record.export(tmp_path / "export")
    assert json.loads((tmp_path / "export" / "sweep.json").read_text())["settings"] == record.settings.to_json()
    assert record.task in sweep_report.render(record, commands.of_sweep(record))
    task = tasks.of_record(record.settings.task, record.space)
    assert task.settings() == record.settings.task
    assert {*task.space, *task.fixed} == set(configs.kinds(task.algorithm.Config))


def of_range(task, return_range):
    """Return the task with a return range on record: Pendulum's was narrower."""
    return dataclasses.replace(task, return_range=return_range)


@pytest.mark.parametrize("name", NAMES)
def test_old_sweeps_are_of_the_tasks_of_today(store, name):
    record = load_sweep(name, store)
    task = record.settings.task
    if task.preset == "published":
        now = of_range(tasks.get(task.name, task.preset, task.fidelity), task.return_range)
        assert now.settings() == task
        assert now.space.to_serialized_dict() == record.space


def test_landscapes_that_ship_are_of_the_tasks_of_today():
    for landscape in catalogue.available().values():
        settings = landscape.settings
        now = tasks.get(settings.name, settings.preset, settings.fidelity)
        assert tabular.difference(landscape, now) is None, landscape.name


@pytest.mark.parametrize(
    ("name", "tuner", "asked"),
    [
        ("asha", "asha", {"budget": 2, "seeds": 2, "batch": 2, "options": {"eta": 2}}),
        ("landscape", DefaultThenSobol, {"trials": 2, "seeds": [0], "batch": 128}),
        ("sac", "random", {"trials": 2, "batch": 2, "score": "auc,final"}),
    ],
)
def test_old_sweeps_are_resumed_without_training(store, monkeypatch, name, tuner, asked):
    monkeypatch.setattr(Training, "evaluate", must_not_train)
    before = load_sweep(name, store)
    settings = before.settings.task
    task = tasks.of_record(settings, before.space)
    again = sweeps.sweep(task, tuner, name=name, store=store, **asked)
    assert again.records == before.records or repr(again.records) == repr(before.records), "NaN is not NaN"
    assert version(store) == 1


def test_a_sweep_under_another_return_range_is_not_resumed(store):
    record = load_sweep("sac", store)
    task = of_range(tasks.of_record(record.settings.task, record.space), tasks.get(record.task).return_range)
    with pytest.raises(InputError, match=r"with return_range \[-1800.0, -100.0\], not \[-3255.0, -100.0\]"):
        sweeps.sweep(task, "random", name="sac", store=store, trials=2, batch=2, score="auc,final")


def test_an_old_schedule_is_resumed_without_training(store, monkeypatch, tmp_path):
    from hpo.cli import train as train_command

    monkeypatch.setattr(Training, "evaluate", must_not_train)
    monkeypatch.setattr(Training, "agents_of", lambda self, trial: {})
    changes = {"learning_rate": [1e-3, 3e-4]}
    source = train_command.from_task("ppo/ProbeMatching", "full", 2048, changes)
    again = train_command.train(source, 1, "scheduled", store, tmp_path, sweeps.View())
    assert repr(again.record.records) == repr(load_sweep("scheduled", store).records)


def test_a_sweep_on_another_surrogate_does_not_go_on(store):
    settings = {"trials": 4, "seeds": 2, "objective": "surrogate", "name": "surrogate", "store": store}
    with pytest.raises(InputError, match=r"taken by a sweep with objective_version .*, not '.*, Gaussian process 1'"):
        sweeps.sweep("ppo/CartPole-v1", "random", **settings)
    assert version(store) == 1


def test_an_old_sweep_on_a_landscape_goes_on_and_brings_the_store_up_to_date(store, monkeypatch):
    before = load_sweep("surrogate", store)
    monkeypatch.setattr(tabular.Surrogate, "version", before.settings.objective_version)
    longer = sweeps.sweep(
        "ppo/CartPole-v1", "random", trials=4, seeds=2, objective="surrogate", name="surrogate", store=store
    )
    assert version(store) == 4
    assert len(longer.records) == 4
    assert {i: repr(longer.records[i]) for i in before.records} == {
        i: repr(trial) for i, trial in before.records.items()
    }
    reopened = load_sweep("surrogate", Store(store.path))
    assert repr(reopened.records) == repr(longer.records)
    assert reopened.settings.planned_trials == 3
    assert load_sweep("sac", Store(store.path)).records[0].error is not None, "old rows are read as before"


def test_a_store_that_another_process_brings_up_to_date_is_read_to_the_end(store):
    sweeps.sweep("ppo/CartPole-v1", "default", trials=1, objective="exact", name="new", store=Store(store.path))
    assert load_sweep("new", store).records[0].runs[0].outcome.source == "exact"


def test_scores_of_old_answers_are_refused_as_those_of_new_ones(store):
    record = load_sweep("surrogate", store)
    with pytest.raises(ValueError, match="'runtime' must be measured in training"):
        scores.table(record, "runtime")


def test_hyperparameters_of_today_are_in_records_from_before(monkeypatch):
    monkeypatch.setitem(migrations.ADDED_HYPERPARAMETERS, "sac", {"network": "mlp"})
    monkeypatch.setitem(migrations.RENAMED_HYPERPARAMETERS, "sac", {"old_interval": "interval"})
    recorded = {
        **tasks.get("sac/Pendulum-v1").settings().to_json(),
        "fixed": {"old_interval": 3},
        "tuner": "hpo.schedules:Chain",
        "options": {"schedule": {"old_interval": [1, 2]}},
        "seeds": [0],
        "batch": 1,
        "landscape": "some version",
    }
    settings = SweepSettings.from_json(recorded)
    assert settings.task.fixed == {"network": "mlp", "interval": 3}
    assert settings.tuner == "hpo.autorl.schedules:Chain"
    assert settings.options == {"schedule": {"interval": [1, 2]}}
    assert settings.objective_version == "some version"
    assert SweepSettings.from_json(settings.to_json()) == settings, "what is of today stays as it is"
    tuned = tasks.get("sac/Pendulum-v1", "full").settings()
    assert TaskSettings.from_json(tuned.to_json()) == tuned, "what a space of today tunes is not fixed"
    assert migrations.config("sac", {"old_interval": 3}) == {"interval": 3}
    space = {
        "name": "s",
        "hyperparameters": [{"name": "old_interval", "lower": 1}],
        "conditions": [{"child": "old_interval"}],
    }
    renamed = migrations.space("sac", space)
    assert renamed["hyperparameters"] == [{"name": "interval", "lower": 1}]
    assert renamed["conditions"] == [{"child": "interval"}]


def test_imported_tasks_say_what_their_source_says(monkeypatch):
    monkeypatch.setitem(migrations.ADDED_HYPERPARAMETERS, "ppo", {"network": "mlp"})
    assert migrations.settings({"task": "arlbench:ppo/CartPole-v1", "algorithm": "ppo", "fixed": {}})["fixed"] == {}


def test_settings_survive_json():
    plan = plans.plan("ppo/CartPole-v1", "asha", budget=3, seeds=[4, 2], options={"eta": 2.5}, score="auc,final")
    assert SweepSettings.from_json(json.loads(json.dumps(plan.settings.to_json()))) == plan.settings
