"""Schedules: configs with a value per interval, as stretches, as chains of trials, and trained from the command line."""

import json

import numpy as np
import pytest
import test_cli
import tiny

import hpo
import landscapes
from arl.errors import InputError
from arl.training import saved_agents
from hpo import testing
from hpo.autorl import schedules
from hpo.autorl.schedules import Schedule, Stretch
from hpo.cli import commands
from hpo.trial import Trial

RATES = [1e-3, 1e-2, 1e-2, 1e-6]


def test_a_schedule_has_a_config_per_interval():
    schedule = Schedule({"learning_rate": RATES, "gamma": 0.9, "clip_eps": (0.1, 0.2, 0.2, 0.2)})
    assert schedule.num_intervals == 4
    assert [schedule.config(i)["learning_rate"] for i in range(4)] == RATES
    assert schedule.config(0) == {"learning_rate": 1e-3, "gamma": 0.9, "clip_eps": 0.1}
    assert list(schedule.config(0)) == ["learning_rate", "gamma", "clip_eps"]
    assert Schedule({"gamma": 0.9}).stretches(10) == [Stretch(0, 10, {"gamma": 0.9})]


def test_neighbours_of_one_config_are_one_stretch():
    configs = [{"learning_rate": rate} for rate in (1e-3, 1e-2, 1e-6)]
    stretches = Schedule({"learning_rate": RATES}).stretches(99)
    assert stretches == [Stretch(0, 24, configs[0]), Stretch(24, 74, configs[1]), Stretch(74, 99, configs[2])]


def test_a_chain_of_trials_trains_the_schedule_and_gives_it_back():
    stretches = Schedule({"learning_rate": RATES}).stretches(100)
    trials = hpo.chain(stretches, first_id=7)
    assert [(trial.id, trial.parent, trial.fidelity) for trial in trials] == [(7, None, 25), (8, 7, 75), (9, 8, 100)]
    assert hpo.schedule_of(trials, 9) == stretches
    assert hpo.schedule_of(trials, 8) == stretches[:2]
    with pytest.raises(InputError, match="unknown trial '3'"):
        hpo.schedule_of(trials, 3)


@pytest.mark.parametrize(
    "values",
    [{"learning_rate": 0.1}, {"learning_rate": RATES, "gamma": 0.9}, {"a": [1, 1, 2], "b": [True, False, True]}],
)
@pytest.mark.parametrize("fidelity", [99, 100_000])
def test_stretches_give_their_schedule_back(values, fidelity):
    schedule = schedules.of_stretches(Schedule(values).stretches(fidelity))
    assert schedule.values == values


def test_stretches_that_no_lists_give_are_refused():
    uneven = [Stretch(0, 7, {"a": 1}), Stretch(7, 100_003, {"a": 2})]
    with pytest.raises(InputError, match=r"must end where one of at most 1000 equal intervals does, got \[7, 100003\]"):
        schedules.of_stretches(uneven)
    with pytest.raises(InputError, match="configs of a schedule must have the same hyperparameters"):
        schedules.of_stretches([Stretch(0, 5, {"a": 1}), Stretch(5, 10, {"a": 1, "b": 2})])


@pytest.mark.parametrize("values", [{"a": [1, 2], "b": [1, 2, 3]}, {"a": []}])
def test_lists_of_other_lengths_are_refused(values):
    with pytest.raises(InputError, match="lists of a schedule must have an entry per interval, got a with"):
        Schedule(values)


def test_values_keep_their_types_or_are_refused():
    schedule = Schedule({"a": (1, 2), "b": "tanh", "c": True, "d": 0.5})
    assert schedule.config(1) == {"a": 2, "b": "tanh", "c": True, "d": 0.5}
    with pytest.raises(InputError, match="a of a schedule must be plain scalars or a list of them, got array"):
        Schedule({"a": np.geomspace(1e-3, 1e-5, 3)})


def test_a_chain_is_asked_for_trial_by_trial():
    tuner = schedules.Chain(100, {"learning_rate": RATES})
    asked = []
    for _ in range(4):
        asked.append(tuner.ask(64))
        tuner.tell([testing.result(trial, 1.0) for trial in asked[-1]])
    assert [len(trials) for trials in asked] == [1, 1, 1, 0]


TRAIN = ["train", "ppo/ProbeMatching", *test_cli.SMALL, "--fidelity", tiny.FIDELITY, "--seeds", "0,3"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a directory in which a schedule was trained, and what that printed."""
    directory = tmp_path_factory.mktemp("trained")
    (directory / "schedule.json").write_text(json.dumps({"learning_rate": RATES, "gamma": 0.9}))
    return directory, test_cli.arl(
        directory, *TRAIN, "--schedule", "schedule.json", "--name", "mine", "--store", "s.sqlite"
    )


def test_a_schedule_is_trained_from_the_command_line(trained):
    directory, done = trained
    assert done.status == 0, done.err
    record = landscapes.load("mine", directory / "s.sqlite")
    assert record.trials.learning_rate.tolist() == [1e-3, 1e-2, 1e-6]
    assert record.trials.parent.fillna(-1).tolist() == [-1, 0, 1]
    assert record.trials.env_steps.tolist() == [2 * steps for steps in (40, 100, 60)]  # whole iterations
    assert record.settings.task.fixed["gamma"] == 0.9
    assert "learning_rate" not in record.settings.task.fixed
    saved = saved_agents.load(directory / "results" / "agents" / "mine" / "seed3.agent")
    assert (saved.env_steps, saved.config.learning_rate) == (tiny.FIDELITY, pytest.approx(1e-6))


def test_the_command_on_record_is_the_same_schedule(trained):
    directory, _ = trained
    before = landscapes.load("mine", directory / "s.sqlite")
    words = commands.of_sweep(before)[1:]
    assert f"learning_rate={json.dumps(RATES)}" in words
    done = test_cli.arl(directory, *words, "--store", "s.sqlite")
    assert done.status == 0, done.err
    assert landscapes.load("mine", directory / "s.sqlite") == before


def test_a_schedule_of_one_value_trains_as_that_value(trained):
    directory, _ = trained
    for name, value in (("list", "[3e-3, 3e-3]"), ("value", "3e-3")):
        words = ["--set", f"learning_rate={value}", "--name", name, "--store", "s.sqlite"]
        assert test_cli.arl(directory, *TRAIN, *words).status == 0
    as_list, as_value = (landscapes.load(name, directory / "s.sqlite") for name in ("list", "value"))
    assert as_list.curves.return_mean.tolist() == as_value.curves.return_mean.tolist()


def test_default_names_tell_schedules_apart(tmp_path):
    done = [
        test_cli.arl(tmp_path, *TRAIN, "--set", f"learning_rate={json.dumps(rates)}", "--json", "--store", "s.sqlite")
        for rates in ([1e-3, 1e-2], [1e-3] * 19 + [1e-2])
    ]
    assert [result.status for result in done] == [0, 2], "the second leaves no iteration to an interval"
    assert "learning_rate=[0.001,0.01]" in json.loads(done[0].out)["sweep"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--set", 'activation=["tanh", "relu"]'],
            "activation can't change while an agent is trained: it must be one value",
        ),
        (["--set", "learning_rate=[0.1, -1]"], "learning_rate must be >= 0, got -1"),
        (["--set", "learning_rat=[0.1, 0.2]"], "unknown hyperparameter of PPOConfig 'learning_rat'"),
        (
            ["--set", "gamma=[0.9, 1.0]", "--set", "learning_rate=[1, 2, 3]"],
            "lists of a schedule must have an entry per",
        ),
        (["--set", f"learning_rate={[0.1] * 11}"], "an interval must allow one iteration of 20 env steps, got 11"),
        (["--schedule", "none.json"], "schedule 'none.json' can't be read"),
        (["--schedule", "list.json"], "schedule must be a JSON object"),
        (["--schedule", "text.json"], "schedule 'text.json' can't be read"),
    ],
)
def test_bad_schedules_are_one_line(tmp_path, words, message):
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "text.json").write_text("learning_rate: 1")
    done = test_cli.arl(tmp_path, *TRAIN, *words)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"arl: {message}")
    assert done.err.count("\n") == 1
    assert not (tmp_path / "results").exists()


def test_the_parts_of_a_chain_are_trials():
    assert hpo.chain([Stretch(0, 5, {})]) == [Trial(0, {}, 5)]
