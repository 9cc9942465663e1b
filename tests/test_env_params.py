"""Params of envs as hyperparameters: `env.length` in a config, a value per lane, recorded with it."""

import dataclasses
import json

import numpy as np
import pytest
from ConfigSpace import ConfigurationSpace, Float
from test_cli import arl

import hpo
from arl.errors import InputError
from arl.training import saved_agents
from arl.training.runner import Run, Runner
from hpo import tasks
from hpo.objectives.training import Training
from hpo.trial import Trial

STATICS = {"num_envs": 2, "num_steps": 10, "minibatch_size": 10, "num_epochs": 1, "hidden_size": 8, "num_layers": 1}
STEPS = 200


def pendulum(**fixed):
    """Return the task of PPO on Pendulum with everything fixed but its gravity."""
    full = tasks.get("ppo/Pendulum-v1", "full", STEPS)
    values = {**full.fixed, **{name: full.space[name].default_value for name in full.space}, **STATICS, **fixed}
    space = ConfigurationSpace(name="gravity", space=[Float("env.g", (1.0, 20.0), default=10.0)])
    return dataclasses.replace(full, space=space, fixed=values, num_points=2, num_episodes=4)


@pytest.fixture(scope="module")
def records():
    objective = Training(pendulum(), [0], 4)
    trials = [Trial(i, {"env.g": g}, STEPS) for i, g in enumerate((1.0, 10.0, 20.0))]
    return {record.config["env.g"]: record for record in objective.evaluate(trials)}


def test_each_lane_has_its_own_value(records):
    returns = {g: [point.return_mean for point in record.runs[0].points] for g, record in records.items()}
    assert len({tuple(values) for values in returns.values()}) == 3
    assert returns[1.0][0] > returns[20.0][0], "a light pendulum costs less"


def test_the_default_value_gives_the_default_env_within_rounding(records):
    plain = pendulum()
    (curve,) = trained(plain, {})
    recorded = [point.return_mean for point in records[10.0].runs[0].points]
    np.testing.assert_allclose(recorded[0], curve.return_mean[0], rtol=0.05)


def trained(task, config):
    runner = Runner(task.algorithm, task.env, 4, 1, task.num_episodes)
    run = Run(task.full(config), 0, task.points(STEPS), env_params=task.env_params(config))
    return [curve for block in runner.train([run]) for _, curve in block]


def test_a_lane_gives_the_same_bits_alone(records):
    (curve,) = trained(pendulum(), {"env.g": 20.0})
    recorded = [point.return_mean for point in records[20.0].runs[0].points]
    assert [float(value) for value in curve.return_mean] == recorded


def test_values_are_no_structure_of_their_own():
    task = pendulum()
    runner = Runner(task.algorithm, task.env, 2, 1, task.num_episodes)
    first, *others = (Run(task.full({}), 0, (STEPS,), env_params={"g": g}) for g in (1.0, 2.0, 3.0))
    list(runner.train([first]))
    num_programs = runner.report.programs
    list(runner.train(others))
    assert runner.report.programs == num_programs


def test_a_sweep_tunes_a_param_and_goes_on(tmp_path):
    store = tmp_path / "store.sqlite"
    task = pendulum()
    half = hpo.sweep(task, "random", trials=2, batch=2, name="gravity", store=store)
    whole = hpo.sweep(task, "random", trials=4, batch=2, name="gravity", store=store)
    assert list(whole.trials["env.g"][:2]) == list(half.trials["env.g"])
    assert whole.trials["env.g"].between(1.0, 20.0).all()
    assert task.mutable == {"env.g"}


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("env.gg", 1.0, "unknown parameter 'gg' of environment 'Pendulum-v1': did you mean 'g'"),
        ("env.g", "heavy", "parameter 'g' of environment 'Pendulum-v1' must be a number, got 'heavy'"),
        ("env.max_steps_in_episode", 10, "'max_steps_in_episode' of environment 'Pendulum-v1' can't vary"),
    ],
)
def test_what_is_no_param_is_refused(name, value, message):
    with pytest.raises(InputError, match=message):
        pendulum().checked(name, value)


def test_training_from_the_command_line_records_and_saves_it(tmp_path):
    sets = [word for name, value in STATICS.items() for word in ("--set", f"{name}={value}")]
    words = ["train", "ppo/Pendulum-v1", *sets, "--fidelity", STEPS, "--name", "light", "--json"]
    done = arl(tmp_path, *words, "--set", "env.g=1.5")
    assert done.status == 0, done.err
    agent = saved_agents.load(tmp_path / json.loads(done.out)["agents"][0])
    assert agent.env_params == {"g": 1.5}
    assert float(agent.env.params.g) == 1.5
    record = hpo.load_sweep("light", tmp_path / "results" / "store.sqlite")
    assert record.settings.task.fixed["env.g"] == 1.5
    refused = arl(tmp_path, *words, "--set", "env.weight=1.5")
    assert (refused.status, refused.err.count("\n")) == (2, 1)
    assert "unknown parameter 'weight' of environment 'Pendulum-v1'" in refused.err


def test_a_schedule_may_change_a_param_in_mid_run(tmp_path):
    sets = [word for name, value in STATICS.items() for word in ("--set", f"{name}={value}")]
    words = ["train", "ppo/Pendulum-v1", *sets, "--fidelity", STEPS, "--name", "curriculum", "--json"]
    done = arl(tmp_path, *words, "--set", "env.g=[1.0,10.0]")
    assert done.status == 0, done.err
    record = hpo.load_sweep("curriculum", tmp_path / "results" / "store.sqlite")
    assert list(record.trials["env.g"]) == [1.0, 10.0]
