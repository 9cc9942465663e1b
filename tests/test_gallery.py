"""Pictures of landscapes: each is written and says what it is about, whatever there is to draw."""

import dataclasses
import re

import numpy as np
import pytest
from test_analysis import TASK, by_learning_rate, landscape_of

from arl.errors import InputError
from hpo.reports import gallery
from hpo.reports.gallery import OF_LANDSCAPE, OF_TASKS
from landscapes import ablation, forest


@pytest.fixture(autouse=True)
def no_forest(monkeypatch):
    """The forests know the answers: nothing is fitted."""

    def predict(configs):
        return np.array([[by_learning_rate(config)] * 3 for config in configs])

    monkeypatch.setattr(ablation, "predictor", lambda landscape, scores: predict)
    monkeypatch.setattr(forest, "accuracy_words", lambda landscape, scores: "exact")


def texts(path):
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())


def drawn(landscape, directory):
    landscape.metadata["cube"] = landscape.cube[:, :, [0, 9]]
    paths = list(gallery.of_landscape(landscape, directory, "svg"))
    return {path.stem: path for path in paths}


def test_all_analyses_are_drawn(tmp_path):
    made = landscape_of(by_learning_rate, noise=5.0, num_seeds=4)
    made.metadata["cube"][:, :, 0] = 0.0  # nothing learnt yet
    paths = drawn(made, tmp_path / "new")
    assert set(paths) == set(OF_LANDSCAPE)
    for path in paths.values():
        assert any("dqn/CartPole-v1" in text for text in texts(path)), path
    assert set(TASK.space) < set(texts(paths["importance"]))
    assert {"45k", "50k"} < set(texts(paths["fidelity-correlation"]))
    assert any(text.startswith("learning_rate 0.0003 → ") for text in texts(paths["ablation"]))
    assert "exact" in texts(paths["ablation"])
    assert "best of 32 configs" in texts(paths["optimism"])


def test_analyses_are_drawn_of_another_score(tmp_path):
    made = landscape_of(by_learning_rate, noise=5.0, num_seeds=4)
    made.metadata["cube"] = made.cube[:, :, [0, 9]]
    paths = {path.stem: path for path in gallery.of_landscape(made, tmp_path, "svg", "auc")}
    assert set(paths) == set(OF_LANDSCAPE)
    assert "auc over seeds" in texts(paths["distribution"])
    assert any(text.startswith("dqn/CartPole-v1, auc: ") for text in texts(paths["importance"]))


def test_one_seed_and_a_default_that_is_best_leave_less_to_draw(tmp_path):
    paths = drawn(landscape_of(by_learning_rate, num_seeds=1), tmp_path)
    assert set(paths) == set(OF_LANDSCAPE) - {"reliability", "optimism", "ablation"}
    assert all(path.stat().st_size for path in paths.values())


def test_what_tasks_have_in_common_is_drawn(tmp_path):
    def task_of(name, score):
        made = landscape_of(score, num_seeds=2)
        return dataclasses.replace(
            made, metadata={**made.metadata, "settings": {**TASK.settings().to_json(), "task": name}}
        )

    two = [task_of("dqn/A-v0", by_learning_rate), task_of("dqn/B-v0", lambda config: config["final_epsilon"])]
    correlation, subsets = gallery.of_tasks(two, tmp_path, "svg")
    assert [correlation.stem, subsets.stem] == list(OF_TASKS)
    assert {"A-v0", "B-v0"} < set(texts(correlation))
    assert {"1: A-v0", "1: B-v0"} & set(texts(subsets))


def test_nothing_is_drawn_of_bad_input(tmp_path):
    made = landscape_of(by_learning_rate, num_seeds=1)
    with pytest.raises(InputError, match=r"must be a \.png, \.svg or \.pdf file, got 'importance\.gif'"):
        gallery.of_landscape(made, tmp_path, "gif")
    made.metadata["cube"][:] = 1.0
    with pytest.raises(InputError, match="configs of different scores"):
        gallery.of_landscape(made, tmp_path, "png")
    assert not list(tmp_path.iterdir())
