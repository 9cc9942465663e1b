"""Loggers: what they hear of a sweep, what the libraries get, and the lines of those that fail."""

import re
import sys
import types

import examples
import pytest
import tiny
from test_cli import arl

import hpo
from arl.errors import InputError

PARTS = ("return", "return_std", "episode_length", "entropy")


class Noting(hpo.Logger):
    """Notes what it hears, for all instances."""

    heard = []

    def on_point(self, trial, run, point):
        self.heard.append((trial.trial, run.seed, point.env_steps))

    def on_trial(self, trial):
        self.heard.append(trial.trial)

    def on_sweep(self, sweep):
        self.heard.append((self.sweep, self.settings.tuner, len(sweep.records)))


@pytest.fixture
def heard(monkeypatch):
    monkeypatch.setattr(Noting, "heard", [])
    return lambda: Noting.heard


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Return a function that runs a sweep of the tiny task in a new folder, answered by a formula under two seeds."""
    monkeypatch.chdir(tmp_path)

    def sweep(trials=2, **settings):
        return hpo.sweep(
            tiny.task(), trials=trials, batch=2, seeds=2, objective=tiny.Parabola, name="first", **settings
        )

    return sweep


def points(trial):
    return [(trial, seed, steps) for seed in (0, 1) for steps in (5, 10)]


def test_a_logger_hears_of_points_then_of_their_trial_then_of_the_sweep(sweep, heard):
    sweep(log=Noting)
    assert heard() == [*points(1), 1, *points(0), 0, ("first", "random", 2)]


def test_a_sweep_that_goes_on_does_not_repeat_what_is_on_record(sweep, heard):
    sweep()
    sweep(trials=3, log=[Noting])
    assert heard() == [*points(2), 2, ("first", "random", 3)]


def test_a_whole_record_can_be_logged(sweep, heard):
    hpo.log(sweep(), Noting)
    assert heard() == [*points(0), 0, *points(1), 1, ("first", "random", 2)]


def test_a_comparison_is_heard_of_sweep_by_sweep(heard, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"repeats": 1, "budget": 2, "seeds": 1, "test_seeds": 1, "baselines": False, "objective": tiny.Parabola}
    hpo.compare(["random", "sobol"], [tiny.task()], name="both", log=Noting, **settings)
    sweeps = [entry[:2] for entry in heard() if isinstance(entry, tuple) and isinstance(entry[0], str)]
    assert [tuner for _, tuner in sweeps] == ["random", "sobol", "given"]
    assert [name for name, _ in sweeps] == hpo.Store().names()


def test_a_training_is_heard_of(tmp_path):
    (tmp_path / "mylogger.py").write_text(
        "import hpo\nclass Mine(hpo.Logger):\n    def on_trial(self, trial): print('heard', trial.trial, trial.seeds)\n"
    )
    steps = ["--fidelity", 40, "--set", "num_envs=4", "--set", "num_steps=5"]
    words = ["train", "ppo/ProbeMatching", "--seeds", 2, *steps]
    done = arl(tmp_path, *words, "--log", "mylogger.py:Mine", "--log", "tensorbord")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert "unknown logger 'tensorbord'" in done.err
    assert not (tmp_path / "results").exists()
    done = arl(tmp_path, *words, "--log", "mylogger.py:Mine")
    assert "heard 0 (0, 1)" in done.out


def test_a_file_has_a_logger(sweep, tmp_path, capsys):
    text = "import hpo\nclass Mine(hpo.Logger):\n    def on_trial(self, trial): print(f'heard {trial.trial}')\n"
    (tmp_path / "mylogger.py").write_text(text)
    sweep(log="mylogger.py:Mine")
    assert capsys.readouterr().out == "heard 1\nheard 0\n"


class Fails(hpo.Logger):
    def on_trial(self, trial):
        raise KeyError("no such project")


@pytest.mark.parametrize(
    ("log", "line"),
    [
        ("tensorbord", "unknown logger 'tensorbord': did you mean 'tensorboard'?"),
        (["wandb", "wandb"], "loggers must differ, got 'wandb' twice"),
        ("tiny:Listed", "logger 'tiny:Listed' must be a class that derives from hpo.Logger"),
        (Fails, r"logger 'test_loggers:Fails' failed in on_trial: KeyError: 'no such project' \(test_loggers.py, line"),
    ],
)
def test_a_logger_that_can_not_be_is_one_line(sweep, log, line):
    with pytest.raises(InputError, match=line):
        sweep(log=log)


def test_nothing_is_written_where_a_logger_is_unknown_and_trials_stay_where_one_fails(sweep, tmp_path):
    with pytest.raises(InputError):
        sweep(log="tensorbord")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError):
        sweep(log=Fails)
    assert list(hpo.load_sweep("first").records) == [1]


@pytest.mark.parametrize(
    ("name", "package"), [("tensorboard", "tensorboardX"), ("wandb", "wandb"), ("mlflow", "mlflow")]
)
def test_a_library_that_is_missing_is_named_with_its_extra(sweep, monkeypatch, name, package):
    monkeypatch.setitem(sys.modules, package, None)
    line = f"logger '{name}' needs the package '{package}': pip install 'autorl-sweeps[{name}]'"
    with pytest.raises(InputError, match=f"^{re.escape(line)}$"):
        sweep(log=name)


def events(file):
    """Return the values of an event file of TensorBoard by tag and step; the format frames each event by length and sums."""
    from tensorboardX.proto.event_pb2 import Event

    data, start, logged = file.read_bytes(), 0, {}
    while start < len(data):
        length = int.from_bytes(data[start : start + 8], "little")
        event = Event.FromString(data[start + 12 : start + 12 + length])
        logged |= {(value.tag, event.step): value.simple_value for value in event.summary.value}
        start += length + 16
    return logged


def test_tensorboard_has_a_run_per_trial_with_curves_and_hyperparameters(sweep, tmp_path):
    record = sweep(log="tensorboard")
    folders = sorted((tmp_path / "results" / "tensorboard" / "first").iterdir())
    assert [folder.name for folder in folders] == ["trial-0", "trial-1"]
    logged = {}
    for file in folders[1].iterdir():
        logged |= events(file)
    score = record.records[1].runs[1].score
    assert logged["return/seed1", 10] == pytest.approx(score)
    assert logged["score", tiny.FIDELITY] == pytest.approx(record.records[1].score)
    assert {tag for tag, _ in logged} >= {f"{part}/seed{seed}" for part in PARTS for seed in (0, 1)}
    assert any(tag.startswith("_hparams_") for tag, _ in logged)


class FakeWandB(types.ModuleType):
    """Keeps what it is told; the part of the library that is used."""

    def __init__(self):
        super().__init__("wandb")
        self.runs = []

    def init(self, **settings):
        run = types.SimpleNamespace(settings=settings, logged=[], summary={}, finished=False)
        run.log, run.define_metric = run.logged.append, lambda *names, **steps: None
        run.finish = lambda: setattr(run, "finished", True)
        self.runs.append(run)
        return run


def test_wandb_has_a_run_per_trial_in_the_group_of_the_sweep(sweep, monkeypatch):
    wandb = FakeWandB()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    record = sweep(log="wandb")
    run = wandb.runs[1]
    assert run.settings["group"] == "first"
    assert run.settings["config"] == {**record.records[0].config, "trial": 0}
    assert [row["env_steps"] for row in run.logged] == [5, 10, 5, 10]
    assert run.logged[-1]["return/seed1"] == record.records[0].runs[1].score
    assert run.summary["score"] == record.records[0].score
    assert run.finished


def test_wandb_itself_takes_it_offline(sweep, monkeypatch, tmp_path):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    sweep(log="wandb")
    assert len(list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))) == 2


def test_mlflow_itself_has_a_run_per_trial_in_the_experiment_of_the_sweep(sweep, monkeypatch, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    record = sweep(log="mlflow")
    client = mlflow.MlflowClient()
    experiment = client.get_experiment_by_name("first")
    runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}
    assert set(runs) == {"first-0", "first-1"}
    run = runs["first-1"]
    assert run.info.status == "FINISHED"
    assert run.data.params == {name: str(value) for name, value in record.records[1].config.items()}
    assert run.data.metrics["score"] == record.records[1].score
    curve = [(metric.step, metric.value) for metric in client.get_metric_history(run.info.run_id, "return/seed1")]
    assert curve == [(5, 0.0), (10, record.records[1].runs[1].score)]


def test_the_examples_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples.run("loggers.md", tmp_path)
    logged = tmp_path / "results" / "tensorboard"
    assert {folder.name: len(list(folder.iterdir())) for folder in logged.iterdir()} == {"logged": 2, "printed": 4}
