"""`arl train --from`: a recorded config means the same whatever trains it, and goes on under new seeds."""

import json

import pytest
import tiny
from test_cli import SMALL, TASK, arl, files
from tiny import FIDELITY

import hpo
from arl import config as configs
from arl import spaces
from arl.hyperparameters.ppo import PPOConfig
from arl.records.store import Store
from arl.training import saved_agents
from hpo.cli import train as train_command


def trained(home, *words):
    """Return the record of a training, and the seeds of its agents."""
    done = arl(home, "train", *words, "--json")
    assert done.status == 0, done.err
    summary = json.loads(done.out)
    agents = [saved_agents.load(home / path) for path in summary["agents"]]
    return hpo.load_sweep(summary["sweep"], home / "results" / "store.sqlite"), agents


def test_the_incumbent_has_its_score_again_under_the_same_seeds(home):
    incumbent = hpo.load_sweep("first", home / "results" / "store.sqlite").incumbent
    record, agents = trained(home, "--from", "first", "--seeds", "0,1")
    assert record.incumbent["score"] == pytest.approx(incumbent["score"], rel=1e-4)
    assert {agent.config.learning_rate for agent in agents} == {incumbent["config"]["learning_rate"]}


def test_seeds_are_new_and_a_trial_is_trained_as_far_as_it_was(home):
    record, agents = trained(home, "--from", "first:1", "--seeds", 2)
    assert record.name == "train-first-1-seeds=2,3-fidelity=40"
    assert [(agent.seed, agent.env_steps, agent.config.learning_rate) for agent in agents] == [
        (2, 40, 0.03),
        (3, 40, 0.03),
    ]
    changed, _ = trained(home, "--from", "first:1", "--set", "learning_rate=0.01", "--fidelity", 60)
    assert changed.name == "train-first-1-learning_rate=0.01-seeds=2,-fidelity=60"
    assert changed.records[0].fidelity == 60


def test_every_value_is_the_recorded_one(tmp_path):
    """The space `published` fixes other values than the defaults of `full`, which `arl train` has by itself."""
    store = Store(tmp_path / "store.sqlite")
    sweep = hpo.sweep("ppo/CartPole-v1", objective="table", trials=4, store=store, name="first")
    incumbent = sweep.incumbent["config"]
    source = train_command.from_sweep("first", None, None, {}, store)
    assert source.values == {**sweep.settings.task.fixed, **incumbent}
    assert source.task.fidelity == sweep.settings.task.fidelity
    default = train_command.from_task("ppo/CartPole-v1", "full", None, incumbent).task
    assert default.fixed.get("schedule_steps", default.fidelity) == source.task.fidelity
    assert hpo.task("ppo/CartPole-v1", "full").space["gamma"].default_value != source.values["gamma"]


def test_what_the_default_fills_in_is_shown(tmp_path):
    done = arl(tmp_path, "train", TASK, *SMALL, "--fidelity", FIDELITY)
    assert done.status == 0, done.err
    (line,) = [line for line in done.out.splitlines() if line.startswith("default: ")]
    shown = dict(pair.rsplit(" ", 1) for pair in line.removeprefix("default: ").split(", "))
    assert set(shown) == set(configs.values(PPOConfig())) - set(tiny.STATICS)
    assert float(shown["gamma"]) == hpo.task(TASK, "full").space["gamma"].default_value


@pytest.mark.parametrize("space", ["full", "published"])
def test_defaults_are_those_of_the_space(space):
    source = train_command.from_task("ppo/CartPole-v1", space, None, {"learning_rate": 0.01})
    task = hpo.task("ppo/CartPole-v1", space)
    expected = {**task.fixed, **spaces.default(task.space), "learning_rate": 0.01}
    complete = train_command.complete(source.task, hpo.Schedule(source.values))
    assert complete.fixed == configs.values(task.full(expected))


def test_the_schedule_of_a_population_is_trained(tmp_path):
    store = tmp_path / "results" / "store.sqlite"
    options = {"population": 2, "num_intervals": 2}
    sweep = hpo.sweep(tiny.task(), "pbt", budget=2, options=options, store=store, name="population", tuner_seed=1)
    ends = [trial for trial in sweep.records.values() if trial.fidelity == FIDELITY]
    changed = next(trial for trial in ends if len(hpo.schedule_of(sweep, trial.trial)) == 2)
    record, agents = trained(tmp_path, "--from", f"population:{changed.trial}", "--seeds", "0,")
    rates = [trial.config["learning_rate"] for trial in record.records.values()]
    assert rates == [stretch.config["learning_rate"] for stretch in hpo.schedule_of(sweep, changed.trial)]
    assert agents[0].config.learning_rate == rates[-1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--from", "fist"], "unknown sweep 'fist' in results/store.sqlite: did you mean 'first'? known are first"),
        (["--from", "first:9"], "unknown trial '9' of sweep 'first': known are 0, 1, 2, 3, 4, 5, 6"),
        (["dqn/CartPole-v1", "--from", "first"], f"task must be that of sweep 'first', {TASK}, got dqn/CartPole-v1"),
        (
            ["--from", "first", "--space", "full"],
            "space must not be given with --from, which has all values, got 'full'",
        ),
        (["--from", "first", "--set", "learning_rat=1"], "did you mean 'learning_rate'?"),
        (["--from", "first", "--fidelity", "0"], "fidelity must be at least 1 env step, got 0"),
        (["--from", "first", "--seeds", "0"], "seeds must name at least one seed"),
        (["--from", "first", "--seeds", "1000"], "(test seeds start at 1000), got 1000"),
        ([], "task must be given unless --from is, got neither"),
        ([TASK, "--space", "fll"], "unknown space 'fll': did you mean 'full'?"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(home, words, message):
    before = files(home)
    done = arl(home, "train", *words)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert files(home) == before


def test_the_incumbent_of_a_running_sweep_is_not_trained(home):
    with Store(home / "results" / "store.sqlite").claim("first"):
        done = arl(home, "train", "--from", "first")
    assert (done.status, done.out) == (2, "")
    assert done.err == "arl: sweep 'first' is running: wait, or name a trial, e.g. --from first:0\n"


def test_a_sweep_without_a_finished_trial(tmp_path):
    store = Store(tmp_path / "results" / "store.sqlite")
    store.add_sweep("new", tiny.sweep_settings(trials=4).to_json(), {}, {"hyperparameters": []})
    with store.claim("new"):
        running = arl(tmp_path, "train", "--from", "new")
    assert (running.status, running.err) == (2, "arl: sweep 'new' is running: wait\n")
    stopped = arl(tmp_path, "train", "--from", "new")
    assert "sweep 'new' must have a completed trial to train its incumbent, got none" in stopped.err
    shown = arl(tmp_path, "show", "new")
    assert shown.out.splitlines()[:3] == ["none", "0 trials (0 diverged), 0 env steps", "stopped: 0/4 trials"]


def test_a_sweep_without_an_incumbent_is_one_line(tmp_path):
    words = ["train", TASK, *SMALL, "--fidelity", FIDELITY, "--set", "learning_rate=3e38", "--name", "wild"]
    assert arl(tmp_path, *words).status == 0
    done = arl(tmp_path, "train", "--from", "wild")
    line = "arl: sweep 'wild' must have a completed trial to train its incumbent, got none\n"
    assert (done.status, done.out, done.err) == (2, "", line)
    assert "new seeds" not in arl(tmp_path, "show", "wild").out
