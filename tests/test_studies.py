"""Sweeps as Optuna studies: every hyperparameter, score, curve and status is read back as it was recorded."""

import sqlite3

import optuna
import pytest
import test_cli
import tiny
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    Integer,
    OrdinalHyperparameter,
)
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState
from tiny import run_record, trial_record

import hpo
import landscapes
from arl import spaces
from arl.errors import InputError
from arl.records.store import Outcome
from arl.records.sweep import SweepRecord
from hpo import tasks
from hpo.reports import optuna_study
from hpo.tasks import registry


def space():
    """Return a space with a hyperparameter of every kind, a conditional one among them."""
    mixed = ConfigurationSpace(
        space=[
            Float("rate", (1e-6, 0.1), default=1e-3, log=True),
            Float("share", (0.0, 1.0), default=0.5),
            Integer("steps", (1, 1000), default=10, log=True),
            Integer("starts", (0, 10), default=0),
            Categorical("on", [True, False], default=True),
            Categorical("activation", ["tanh", "relu"], default="tanh"),
            Categorical("size", [32, 64], default=32),
            OrdinalHyperparameter("level", ["low", "high"], default_value="low"),
            Constant("kind", "a"),
        ]
    )
    mixed.add(EqualsCondition(mixed["share"], mixed["on"], True))
    return mixed


SPACE = space()
DISTRIBUTIONS = {
    "rate": FloatDistribution(1e-6, 0.1, log=True),
    "share": FloatDistribution(0.0, 1.0),
    "steps": IntDistribution(1, 1000, log=True),
    "starts": IntDistribution(0, 10),
    "on": CategoricalDistribution([True, False]),
    "activation": CategoricalDistribution(["tanh", "relu"]),
    "size": CategoricalDistribution([32, 64]),
    "level": CategoricalDistribution(["low", "high"]),
    "kind": CategoricalDistribution(["a"]),
}


def swept(*trials, scores=("final",), space=None):
    settings = tiny.sweep_settings(scores=tuple(scores))
    return SweepRecord("mine", settings, {}, {}, (space or SPACE).to_serialized_dict(), {t.trial: t for t in trials})


def study(path, name="mine"):
    return optuna.load_study(study_name=name, storage=f"sqlite:///{path}")


def test_hyperparameters_of_every_kind_come_back(tmp_path):
    configs = [spaces.sample(space(), [0, i]) for i in range(20)]
    assert {"share" in config for config in configs} == {True, False}
    trials = [trial_record(i, score=i / 10, config=config) for i, config in enumerate(configs)]
    exported = study(optuna_study.export(swept(*trials), tmp_path / "new" / "study.sqlite"))
    assert [trial.params for trial in exported.trials] == configs
    assert [[type(x) for x in trial.params.values()] for trial in exported.trials] == [
        [type(config[name]) for name in trial.params] for trial, config in zip(exported.trials, configs, strict=True)
    ]
    for trial in exported.trials:
        assert trial.distributions == {name: DISTRIBUTIONS[name] for name in trial.params}
    assert [trial.value for trial in exported.trials] == [i / 10 for i in range(20)]
    assert exported.best_trial.number == 19
    assert exported.direction == optuna.study.StudyDirection.MAXIMIZE


@pytest.mark.parametrize("name", tasks.names())
@pytest.mark.parametrize("preset", tasks.PRESETS)
def test_configs_of_every_task_are_within_their_distributions(name, preset):
    task_space = tasks.get(name, preset).space
    for i in range(3):
        for key, value in spaces.sample(task_space, [1, i]).items():
            made = spaces.to_optuna(task_space[key])
            assert made._contains(made.to_internal_repr(value))


def test_curves_statuses_and_costs_come_back(tmp_path):
    rates = ConfigurationSpace(space=[Float("learning_rate", (0.0, 1.0))])
    parent = trial_record(4, 1.0, seeds=(0, 1))
    child_runs = [run_record(seed, 5.0 + seed) for seed in (0, 1)]
    child_runs = [
        tiny.dataclasses.replace(run, points=[tiny.dataclasses.replace(run.points[1], env_steps=15)])
        for run in child_runs
    ]
    trials = [
        parent,
        trial_record(5, seeds=(0, 1), runs=child_runs, parent=4, fidelity=15),
        trial_record(6, tiny.WORST, status="diverged", runs=[run_record(0, tiny.WORST, "diverged")]),
        trial_record(
            7,
            tiny.WORST,
            status="failed",
            runs=[
                tiny.dataclasses.replace(
                    run_record(0, tiny.WORST, "failed"), points=[], outcome=Outcome(error="too short")
                )
            ],
        ),
    ]
    first, child, diverged, failed = study(optuna_study.export(swept(*trials, space=rates), tmp_path / "s")).trials
    assert first.intermediate_values == {5: 0.0, 10: 1.5}
    assert child.intermediate_values == {5: 0.0, 10: 1.5, 15: 5.5}
    assert diverged.intermediate_values == {5: 0.0}
    assert [trial.state for trial in (first, child, diverged, failed)] == [TrialState.COMPLETE] * 3 + [TrialState.FAIL]
    assert (diverged.value, failed.value) == (tiny.WORST, None)
    assert child.user_attrs["parent"] == 4
    assert child.user_attrs["seed_scores"] == {"0": 5.0, "1": 6.0}
    assert (first.user_attrs["status"], first.user_attrs["env_steps"], first.user_attrs["fidelity"]) == (
        "completed",
        20,
        10,
    )
    assert failed.user_attrs["error"] == "too short"
    assert first.duration.total_seconds() == 0.25


def test_several_scores_are_several_objectives(tmp_path):
    rates = ConfigurationSpace(space=[Float("learning_rate", (0.0, 1.0))])
    trials = [trial_record(0, 1.0), trial_record(1, 3.0)]
    made = study(optuna_study.export(swept(*trials, scores=("final", "auc"), space=rates), tmp_path / "s"))
    assert [trial.values for trial in made.trials] == [[1.0, 0.5], [3.0, 1.5]]
    assert [trial.number for trial in made.best_trials] == [1]
    assert made.metric_names == ["final", "auc"]


def test_a_sweep_is_exported_from_the_command_line(tmp_path, monkeypatch):
    store = tmp_path / "store.sqlite"
    record = hpo.sweep(tiny.task(), "random", trials=3, seeds=2, batch=2, name="a", store=store)
    words = ["export", "a", "study.sqlite", "--optuna", "--store", store]
    done = test_cli.arl(tmp_path, *words)
    assert (done.status, done.out, done.err) == (0, "study.sqlite\n", "")
    made = study(tmp_path / "study.sqlite", "a")
    assert [trial.value for trial in made.trials] == record.trials.score.tolist()
    assert list(made.trials[0].intermediate_values) == [20 * i for i in range(1, 11)]
    again = test_cli.arl(tmp_path, *words)
    assert again.status == 2
    assert again.err == "arl: study 'a' is in 'study.sqlite' already: choose another file\n"
    assert len(study(tmp_path / "study.sqlite", "a").trials) == 3


def test_a_file_that_is_not_optunas_is_refused_and_left_alone(tmp_path):
    text, other = tmp_path / "text.sqlite", tmp_path / "other.sqlite"
    text.write_text("not a database, but longer than the header of one would be" * 10)
    sqlite3.connect(other).execute("CREATE TABLE mine (a)").connection.commit()
    for path in (text, other, tmp_path):
        before = path.read_bytes() if path.is_file() else b""
        with pytest.raises(InputError, match="Optuna storage"):
            optuna_study.export(swept(trial_record(0)), path)
        assert (path.read_bytes() if path.is_file() else b"") == before


def test_our_own_store_is_no_place_for_a_study(tmp_path):
    store = tmp_path / "store.sqlite"
    hpo.sweep(tiny.task(), "default", trials=1, name="a", store=store)
    with pytest.raises(InputError, match="Optuna storage"):
        optuna_study.export(landscapes.load("a", store), store)
    assert len(landscapes.load("a", store).trials) == 1


def test_spaces_have_every_kind_that_presets_have():
    kinds = {
        type(hyperparameter)
        for name in registry.MODULES
        for hyperparameter in registry.of_algorithm(name).published_space("probe").values()
    }
    assert kinds <= {type(hyperparameter) for hyperparameter in space().values()}
