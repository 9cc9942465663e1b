"""Records of sweeps: their frames, the rule for the incumbent, the export, and that reading them needs no JAX."""

import dataclasses
import json
import math
import subprocess
import sys

import pandas as pd
import pytest
from tiny import run_record, sweep_settings, trial_record

import hpo
from arl.errors import InputError
from arl.records.settings import SweepSettings

SETTINGS = sweep_settings(task={"name": "ppo/X", "return_range": (-4.0, 0.0), "num_points": 10}).to_json()
SPACE = {
    "hyperparameters": [
        {"name": "learning_rate", "log": True},
        {"name": "optimizer"},
        {"name": "momentum", "log": False},
        {"name": "nesterov"},
        {"name": "num_layers"},
    ]
}
ADAM = {"learning_rate": 0.1, "optimizer": "adam", "num_layers": 1}
SGD = {"learning_rate": 1e-3, "optimizer": "sgd", "num_layers": 2, "momentum": 0.9, "nesterov": True}


@pytest.fixture
def load(tmp_path):
    """Return a function that stores trials as a sweep and loads its record."""

    def load(*trials):
        store = hpo.Store(tmp_path / "store.sqlite")
        store.add_sweep("a", SETTINGS, {"arl": "1"}, SPACE)
        for trial in trials:
            store.add_trial("a", trial)
        return hpo.load_sweep("a", store)

    return load


@pytest.fixture
def record(load):
    """Return a record of a trial of two seeds, another that goes on from it, and a third that diverged under a seed."""
    diverged = [run_record(0, -1.0), run_record(1, -4.0, "diverged")]
    return load(
        trial_record(0, -3.0, seeds=(0, 1), config=ADAM),
        trial_record(1, -2.0, seeds=(0,), config=SGD, fidelity=20, parent=0),
        trial_record(5, seeds=(0, 1), config=ADAM, status="diverged", runs=diverged),
    )


def test_runs_of_different_versions_are_told_apart(load):
    run = run_record(0, 1.0)
    trials = [
        trial_record(i, runs=[dataclasses.replace(run, provenance=provenance)])
        for i, provenance in enumerate(({}, {"arl": "2"}))
    ]
    assert load(*trials).made_with == {"arl": ["1", "2"]}, "older runs have no version of their own"


def test_trials_are_a_row_each(record):
    frame = record.trials
    asked = [
        "trial",
        "fidelity",
        "num_seeds",
        "parent",
        "status",
        "score",
        "score_std",
        "env_steps",
        "seconds",
        "finished_at",
    ]
    assert list(frame) == [*asked, "learning_rate", "optimizer", "momentum", "nesterov", "num_layers"]
    assert frame.trial.tolist() == [0, 1, 5]
    assert frame.parent.tolist() == [pd.NA, 0, pd.NA]
    assert frame.score.tolist() == [-2.5, -2.0, -2.5]
    assert frame.score_std.fillna(-1).tolist() == [0.5, -1, 1.5], "one seed has no deviation"
    assert frame.env_steps.tolist() == [20, 10, 20]
    assert frame.seconds.tolist() == [0.25, 0.125, 0.25]
    assert frame.status.tolist() == ["completed", "completed", "diverged"]


def test_inactive_hyperparameters_are_missing(record):
    assert record.trials.momentum.isna().tolist() == [True, False, True]
    assert record.trials.nesterov.tolist()[1] is True
    assert record.trials.nesterov.isna().tolist() == [True, False, True]


def test_columns_have_the_types_of_what_they_hold(record):
    assert record.trials.dtypes[["trial", "fidelity", "score", "env_steps", "num_layers"]].map(str).tolist() == [
        "int64",
        "int64",
        "float64",
        "int64",
        "int64",
    ]
    assert str(record.trials.dtypes["parent"]) == "Int64"
    assert str(record.runs.dtypes["seed"]) == "int64"
    assert str(record.curves.dtypes["return_mean"]) == "float64"


def test_runs_are_a_row_per_trial_and_seed(record):
    frame = record.runs
    assert list(frame)[:6] == ["trial", "seed", "status", "score", "env_steps", "seconds"]
    assert list(zip(frame.trial, frame.seed, strict=True)) == [(0, 0), (0, 1), (1, 0), (5, 0), (5, 1)]
    assert frame.score.tolist() == [-3.0, -2.0, -2.0, -1.0, -4.0]
    assert frame.status.tolist() == ["completed"] * 4 + ["diverged"]
    assert frame.optimizer.tolist() == ["adam", "adam", "sgd", "adam", "adam"]


def test_curves_are_a_row_per_point(record):
    frame = record.curves
    columns = ["trial", "seed", "point", "env_steps", "return_mean", "return_std", "episode_length_mean", "entropy"]
    assert list(frame) == columns
    assert frame.iloc[3].tolist() == [0, 1, 1, 10, -2.0, 0.25, 2.0, 0.25]
    assert frame.point.tolist() == [0, 1] * 5
    assert math.isnan(frame.return_mean.iloc[-1])
    assert frame.return_mean.iloc[:-1].notna().all()


def test_what_the_report_reads(record):
    assert (record.task, record.return_range, record.points) == ("ppo/X", (-4.0, 0.0), 10)
    assert record.hyperparameters == ["learning_rate", "optimizer", "momentum", "nesterov", "num_layers"]
    assert record.log_hyperparameters == {"learning_rate"}


@pytest.mark.parametrize(
    ("trials", "best"),
    [
        ([{"trial": 0, "score": 1.0}, {"trial": 1, "score": 2.0}], 1),
        ([{"trial": 0, "score": 9.0, "fidelity": 5}, {"trial": 1, "score": 1.0}], 1),
        ([{"trial": 2, "score": 1.0}, {"trial": 1, "score": 1.0}, {"trial": 3, "score": 1.0}], 1),
        ([{"trial": 0, "score": 9.0, "status": "diverged"}, {"trial": 1, "score": -9.0}], 1),
        ([{"trial": 0, "score": 9.0, "status": "diverged", "fidelity": 99}, {"trial": 1, "fidelity": 5}], 1),
    ],
    ids=["score", "fidelity first", "earliest among equals", "never diverged", "diverged fidelity does not count"],
)
def test_incumbent(load, trials, best):
    incumbent = load(*(trial_record(**changes) for changes in trials)).incumbent
    assert incumbent["trial"] == best
    assert incumbent["config"] == {"learning_rate": 0.5}


def test_incumbent_has_its_spread(record):
    assert record.incumbent == {"trial": 1, "score": -2.0, "score_std": None, "fidelity": 20, "config": SGD}


@pytest.mark.parametrize("trials", [[], [{"status": "diverged"}]], ids=["no trial", "all diverged"])
def test_there_may_be_no_incumbent(load, trials):
    assert load(*(trial_record(**changes) for changes in trials)).incumbent is None


def test_a_sweep_that_has_only_begun_has_empty_frames(load):
    record = load()
    assert (len(record.trials), len(record.runs), len(record.curves)) == (0, 0, 0)
    assert "learning_rate" in record.trials
    assert "learning_rate" in record.runs
    assert "return_mean" in record.curves


def test_export_can_be_read_back(record, tmp_path):
    path = record.export(tmp_path / "new" / "export")
    assert sorted(file.name for file in path.iterdir()) == [
        "curves.parquet",
        "runs.parquet",
        "space.json",
        "sweep.json",
        "trials.parquet",
    ]
    for name in ("trials", "runs", "curves"):
        exported = pd.read_parquet(path / f"{name}.parquet")
        pd.testing.assert_frame_equal(exported, getattr(record, name), check_exact=True)
    assert json.loads((path / "space.json").read_text()) == SPACE
    metadata = json.loads((path / "sweep.json").read_text())
    settings = SweepSettings.from_json(SETTINGS).to_json()  # as today: hyperparameters that were added are in it
    assert metadata == {"name": "a", "settings": settings, "provenance": {"arl": "1"}, "timing": {}}


def test_export_of_an_empty_sweep(load, tmp_path):
    path = load().export(tmp_path / "export")
    assert len(pd.read_parquet(path / "trials.parquet")) == 0


def test_export_overwrites_nothing(record, tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="export directory must be new or empty, got"):
        record.export(full)
    assert [path.name for path in full.iterdir()] == ["thesis.txt"]
    assert record.export(tmp_path / "fresh") == tmp_path / "fresh"
    with pytest.raises(InputError):
        record.export(tmp_path / "fresh")


def test_export_to_a_file_is_refused(record, tmp_path):
    (tmp_path / "file").write_text("years of work")
    with pytest.raises(InputError):
        record.export(tmp_path / "file")


def test_unknown_sweeps_name_the_nearest(load, tmp_path):
    load()
    with pytest.raises(InputError, match=r"'aa' in .*: did you mean 'a'"):
        hpo.load_sweep("aa", tmp_path / "store.sqlite")


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import arl, envs, hpo, landscapes", {"jax", "numpy", "pandas", "ConfigSpace", "sqlalchemy"}),
        ("import hpo.cli.main", {"jax", "numpy", "pandas", "ConfigSpace"}),
        ("import hpo.tuners", {"jax", "pandas"}),
        ("import arl.spaces", {"jax", "pandas"}),
        ("import hpo.tasks", {"jax", "numpy", "pandas", "ConfigSpace"}),
        ("from hpo.cli import listings; listings.rows('tasks', None)", {"jax", "numpy", "ConfigSpace"}),
        ("from hpo.cli import listings; listings.rows('envs', None)", {"jax", "numpy", "ConfigSpace"}),
        ("from hpo.cli import listings; listings.rows('algorithms', None)", {"jax", "numpy", "ConfigSpace"}),
        ("import arl.hyperparameters.ppo", {"jax", "numpy"}),
        (
            "import landscapes; landscapes.load('ppo/CartPole-v1').query('score > 480')",
            {"jax", "ConfigSpace", "sqlalchemy", "sklearn", "scipy", "optuna"},
        ),
    ],
)
def test_what_must_not_be_imported(code, heavy):
    code = f"import sys; {code}; print(*{heavy} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
