"""The path from the default config to the best, on functions whose answer is clear."""

import numpy as np
import pytest
from ConfigSpace import AndConjunction, Categorical, ConfigurationSpace, EqualsCondition, Float
from test_analysis import TASK, landscape_of

from arl import spaces
from landscapes import ablation


def decides(config):
    """Return a score to which prioritized replay with its exponents adds 50, a small buffer 20, and nothing else."""
    return 50.0 * config["prioritized"] * (config.get("priority_alpha", 0) > 0.5) + 20.0 * (config["buffer_size"] < 6e4)


@pytest.fixture
def exact(monkeypatch):
    """Make forests predict `decides`, and refuse configs outside the space."""

    def predict(configs):
        for config in configs:
            spaces.check(TASK.space, config)
        return np.array([[decides(config)] for config in configs])

    monkeypatch.setattr(ablation, "predictor", lambda landscape, scores: predict)


@pytest.mark.usefixtures("exact")
def test_the_path_goes_by_what_matters_most():
    made = landscape_of(decides, num_seeds=4)
    path = ablation.path(made)
    assert path.hyperparameters[0] == "default"
    assert path.hyperparameters[1] == "prioritized, priority_alpha, priority_beta, priority_epsilon"
    assert path.change[1].startswith("false → true, none → 0.")
    assert path.hyperparameters[2] == "buffer_size"
    assert path.gain[1:].to_list() == [50, 20] + [0] * (len(path) - 3)
    assert path.score.to_list() == [0, 50] + [70] * (len(path) - 2)
    assert path.measured[[0, len(path) - 1]].to_list() == pytest.approx([0, 70])
    assert path.measured[1:-1].isna().all()


@pytest.mark.usefixtures("exact")
def test_there_is_no_way_to_go_from_a_default_that_is_best():
    path = ablation.path(landscape_of(lambda config: -float(config != spaces.default(TASK.space))))
    assert path.hyperparameters.to_list() == ["default"]
    assert path.measured.to_list() == [0.0]


def test_the_forest_says_what_lies_between():
    made = landscape_of(lambda config: 100.0 * (config["initial_epsilon"] < 0.75), num_seeds=4)
    path = ablation.path(made)
    assert path.hyperparameters[path.gain.idxmax()] == "initial_epsilon"
    assert path.score_std.notna().all()


def test_changes_that_hang_together_move_together():
    """c is active where a and b are 1: neither of the two may move alone, or c would have no value half way."""
    space = ConfigurationSpace(
        space=[Categorical("a", [1, 2]), Categorical("b", [1, 2]), Float("c", (0, 1)), Float("d", (0, 1))]
    )
    space.add(AndConjunction(EqualsCondition(space["c"], space["a"], 1), EqualsCondition(space["c"], space["b"], 1)))
    described = space.to_serialized_dict()
    assert ablation.changes(described, {"a": 1, "b": 2, "d": 0.5}, {"a": 2, "b": 1, "d": 0.7}) == [["a", "b"], ["d"]]
    assert ablation.changes(described, {"a": 1, "b": 1, "c": 0.1, "d": 0}, {"a": 1, "b": 1, "c": 0.2, "d": 0}) == [
        ["c"]
    ]
    assert ablation.changes(described, {"a": 1, "b": 1, "c": 0.1, "d": 0}, {"a": 2, "b": 1, "d": 0}) == [["a", "c"]]
    assert ablation.changes(described, {"a": 1, "b": 2, "d": 0}, {"a": 1, "b": 2, "d": 0}) == []
