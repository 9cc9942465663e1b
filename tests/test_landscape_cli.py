"""The analyses on the command line: what they print, draw and refuse."""

import dataclasses
import json
import re

import pytest
from test_analysis import TASK, by_learning_rate, landscape_of
from typer.testing import CliRunner

from arl.errors import InputError
from hpo.cli import landscape
from landscapes import catalogue


@pytest.fixture(autouse=True)
def two_landscapes(monkeypatch):
    """Make two landscapes of DQN available; the scores of the second are the negatives of the first's."""
    first = landscape_of(by_learning_rate, noise=1.0, num_seeds=4)
    first.metadata["cube"] = first.cube[:, :, [0, 9]]
    settings = {**TASK.settings().to_json(), "task": "dqn/Acrobot-v1"}
    second = dataclasses.replace(first, metadata={**first.metadata, "settings": settings, "cube": -first.cube})
    monkeypatch.setattr(catalogue, "available", lambda: {first.name: first, second.name: second})


def run(*arguments):
    result = CliRunner().invoke(landscape.app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_importance_and_interactions(tmp_path):
    rows = json.loads(run("importance", "dqn/CartPole-v1", "--fanova", "--json"))
    assert rows[0]["hyperparameter"] == "learning_rate"
    pairs = json.loads(run("importance", "dqn/CartPole-v1", "--interactions", "-o", tmp_path / "a.svg", "--json"))
    assert len(pairs) == 12 * 11 / 2
    assert "largest interactions" in (tmp_path / "a.svg").read_text()


def test_ablation(tmp_path):
    path = json.loads(run("ablation", "dqn/CartPole-v1", "-o", tmp_path / "a.svg", "--json"))
    assert path[0]["hyperparameters"] == "default"
    assert "forest: rank correlation" in (tmp_path / "a.svg").read_text()


def test_tasks(tmp_path):
    told = json.loads(run("tasks", "dqn", "-o", tmp_path, "--json"))
    matrix, subsets, by_ranks = told.values()
    assert matrix[0]["dqn/Acrobot-v1"] == pytest.approx(-1.0)
    assert [row["size"] for row in subsets] == [row["size"] for row in by_ranks] == [1, 1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["task-correlation.png", "task-subsets.png"]
    assert json.loads(run("tasks", "dqn/CartPole-v1", "dqn/Acrobot-v1", "--json")).keys() == told.keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["importance", "dqn/CartPole-v1", "-o", "a.doc"],
            r"picture must be a \.png, \.svg or \.pdf file, got 'a\.doc'",
        ),
        (["ablation", "dqn/CartPole-v1", "-o", "a"], "picture must be"),
        (["analyse", "dqn/CartPole-v1", "-o", "new", "--format", "gif"], r"got 'importance\.gif'"),
        (["tasks", "dqn", "-o", "new", "--format", "gif"], "picture must be"),
        (["query", "dqn/CartPole-v1", "--csv", "--json"], "output must be of one form, got --csv and --json"),
        (
            ["importance", "dqn/CartPole-v1", "-o", f"{__file__}/a.png"],
            "the folder of a picture must be a directory, got",
        ),
        (["analyse", "dqn/CartPole-v1", "-o", __file__], "the folder of a picture must be a directory, got"),
        (["explore", "dqn/CartPole-v1", "-o", f"{__file__}/a.html"], "the folder of out must be a directory, got"),
        (["build", "ppo/CartPole-v1", "--out", __file__], "out must be a directory, got"),
        (["tasks", "ppo"], "unknown algorithm of landscapes 'ppo': .*dqn"),
        (["tasks", "dqn/CartPole-v1", "dqn/CartPole"], "unknown landscape"),
    ],
)
def test_bad_input_is_refused_before_anything_is_printed(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(landscape.app, arguments)
    assert isinstance(result.exception, InputError)
    assert re.search(message, str(result.exception))
    assert not result.output
    assert not list(tmp_path.iterdir())
