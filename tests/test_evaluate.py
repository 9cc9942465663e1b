"""`--save-agents best` and `arl evaluate`: the incumbent's agents are saved, and play."""

import json

import numpy as np
import pytest
import tiny
from test_cli import SWEEP, arl, files
from tiny import FIDELITY

import hpo
from arl.training import saved_agents
from hpo import agents
from hpo.cli import evaluation


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Return a directory in which a sweep has saved the agents of its incumbent, and its JSON."""
    directory = tmp_path_factory.mktemp("swept")
    done = arl(directory, *SWEEP, "--save-agents", "best", "--json")
    assert done.status == 0, done.err
    return directory, json.loads(done.out)


def test_the_incumbents_agents_are_saved(swept):
    directory, summary = swept
    assert summary["agents"] == [f"results/agents/first/trial6-seed{seed}.agent" for seed in (0, 1)]
    assert files(directory) == [*summary["agents"], "results/store.sqlite"]
    for seed, path in enumerate(summary["agents"]):
        agent = saved_agents.load(directory / path)
        assert (agent.seed, agent.env_steps) == (seed, FIDELITY)
        assert agent.config.learning_rate == summary["incumbent"]["config"]["learning_rate"]


def test_lost_agents_are_trained_again_to_the_same(swept):
    directory, summary = swept
    first, second = (directory / path for path in summary["agents"])
    before = first.read_bytes(), second.stat().st_mtime_ns
    first.unlink()
    assert arl(directory, *SWEEP, "--save-agents", "best").status == 0
    assert first.read_bytes() == before[0]
    times = second.stat().st_mtime_ns
    assert arl(directory, *SWEEP, "--save-agents", "best").status == 0
    assert second.stat().st_mtime_ns == times, "what is there is left as it is"


def test_agents_play_as_many_episodes_as_asked_for(swept):
    directory, summary = swept
    done = arl(directory, "evaluate", "results/agents/first", "--episodes", 7, "--json")
    assert (done.status, done.err) == (0, "")
    rows = json.loads(done.out)
    assert [row["agent"] for row in rows] == summary["agents"]
    assert [(row["episodes"], row["seed"], row["env steps"]) for row in rows] == [(7, 0, FIDELITY), (7, 1, FIDELITY)]
    assert all(row["lowest"] <= row["return"] <= row["highest"] for row in rows)
    (row,) = json.loads(arl(directory, "evaluate", summary["agents"][0], "--episodes", 7, "--json").out)
    assert row == rows[0], "the same seed gives the same episodes"
    other = json.loads(arl(directory, "evaluate", summary["agents"][0], "--episodes", 7, "--seed", 1, "--json").out)
    assert other[0]["return"] != row["return"]


def test_returns_are_those_of_the_evaluations_in_training(swept):
    """They differ by chance only: the means are within a few standard errors of each other."""
    directory, summary = swept
    record = hpo.load_sweep("first", directory / "results" / "store.sqlite")
    for run in record.records[6].runs:
        agent = saved_agents.load(agents.paths(record, directory / "results" / "agents")[run.seed])
        returns = np.asarray(evaluation.play(agent, 512, 0).episode_return)
        error = np.hypot(returns.std() / np.sqrt(512), run.points[-1].return_std / np.sqrt(128))
        assert abs(returns.mean() - run.points[-1].return_mean) < 5 * error + 1e-6
    assert summary["incumbent"]["trial"] == 6


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "nowhere.agent"], "agent file 'nowhere.agent' can't be read: FileNotFoundError"),
        (["evaluate", "results/store.sqlite"], "agent file 'results/store.sqlite' can't be read"),
        (["evaluate", "results"], "folder must hold files *.agent, got 'results' without any"),
        (["evaluate", "results/agents/first", "--episodes", 0], "Invalid value for '--episodes'"),
        (["evaluate", "results/agents/first", "--seed", 2**31], "seed must be below 2**31"),
        ([*SWEEP[:-1], "other", "--save-agents", "all"], "unknown agents to save 'all': known are best"),
        (
            ["sweep", "ppo/CartPole-v1", "--objective", "table", "--trials", 2, "--save-agents", "best"],
            "agents can be saved where they are trained, got an objective that trains none",
        ),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(swept, words, message):
    directory, _ = swept
    before = files(directory)
    done = arl(directory, *words)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err
    assert files(directory) == before


def test_from_python_the_folder_is_chosen(tmp_path):
    record = hpo.sweep(
        tiny.task(), "sobol", trials=2, store=tmp_path / "s.sqlite", name="a", save_agents=tmp_path / "kept"
    )
    (path,) = agents.paths(record, tmp_path / "kept").values()
    assert path == tmp_path / "kept" / "a" / f"trial{record.incumbent['trial']}-seed0.agent"
    assert saved_agents.load(path).seed == 0
