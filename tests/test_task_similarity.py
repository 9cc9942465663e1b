"""Tasks that share configs: how alike they are and which stand for all, on made-up ones of which it is known."""

import dataclasses

import numpy as np
import pytest
from test_analysis import MadeUp, landscape_of

from arl.errors import InputError
from landscapes import task_similarity


def task_of(name, score):
    made = landscape_of(score, num_seeds=2)
    settings = {**made.metadata["settings"], "task": name}
    return dataclasses.replace(made, metadata={**made.metadata, "settings": settings})


def by(name):
    return lambda config: 500 * config[name]


@pytest.fixture(scope="module")
def four():
    """Return four landscapes: the last one's scores are the mean of the others', which have nothing in common."""
    names = ["initial_epsilon", "final_epsilon", "learning_rate"]
    made = [task_of(f"dqn/{name}", by(name)) for name in names]
    for landscape in made:  # ranks, so that all three weigh the same
        landscape.metadata["cube"][:] = 5 * np.argsort(np.argsort(landscape.cube, axis=0), axis=0)
    mean = task_of("dqn/mean", by("initial_epsilon"))
    mean.metadata["cube"][:] = np.mean([landscape.cube for landscape in made], axis=0)
    return [*made, mean]


def test_scores_are_on_the_tasks_scales(four):
    table = task_similarity.scores(four)
    assert list(table) == [landscape.name for landscape in four]
    np.testing.assert_allclose(table["dqn/mean"], four[3].cube[:, :, -1].mean(axis=1) / 500)


def test_correlation_of_tasks(four):
    table = task_similarity.correlation([*four, task_of("dqn/opposite", lambda config: -config["initial_epsilon"])])
    assert table.loc["dqn/initial_epsilon", "dqn/opposite"] == pytest.approx(-1)
    assert abs(table.loc["dqn/initial_epsilon", "dqn/final_epsilon"]) < 0.15
    assert 0.4 < table.loc["dqn/initial_epsilon", "dqn/mean"] < 0.8
    assert np.diag(table).tolist() == [1.0] * 5


def test_a_task_that_is_the_mean_of_all_stands_for_them(four):
    table = task_similarity.subsets(four)
    assert table["size"].value_counts().to_dict() == {1: 4, 2: 6, 3: 4}
    best = table.groupby("size").first()
    assert best.tasks[1] == "dqn/mean"
    np.testing.assert_allclose(best[["correlation", "low", "high"]], 1.0, atol=1e-3)  # ties of the mean
    alone = table.set_index("tasks").loc["dqn/final_epsilon"]
    assert alone.low < alone.correlation < alone.high < 0.9
    assert task_similarity.subsets(four, largest=1).equals(table[:4])


def test_by_ranks_a_task_of_small_spread_counts_as_much_as_others(four):
    """Two tasks agree and a third is their opposite, with fifty times their spread: only by ranks the two decide."""
    wide = task_of("dqn/wide", lambda config: -500 * config["initial_epsilon"])
    narrow = [
        task_of(f"dqn/narrow{i}", lambda config, i=i: 10 * config["initial_epsilon"] + i * config["final_epsilon"] / 10)
        for i in range(2)
    ]
    by_score, by_rank = (
        task_similarity.subsets([wide, *narrow], largest=1, ranks=ranks).set_index("tasks").correlation
        for ranks in (False, True)
    )
    assert by_score.idxmax() == "dqn/wide"
    assert by_rank.idxmax() in ("dqn/narrow0", "dqn/narrow1")


def test_tasks_without_common_configs_are_refused(four):
    with pytest.raises(InputError, match=r"at least 2, got \['dqn/mean'\]"):
        task_similarity.scores(four[3:])
    other = MadeUp({**four[0].metadata, "configs": four[0].configs.assign(learning_rate=1e-3)}, None)
    with pytest.raises(InputError, match=r"landscape dqn/initial_epsilon must have the configs of dqn/mean"):
        task_similarity.scores([four[3], other])
    few = MadeUp({**four[0].metadata, "configs": four[0].configs[:9], "cube": four[0].cube[:9]}, None)
    with pytest.raises(InputError, match="subsets need at least 10 configs, got 9"):
        task_similarity.subsets([few, four[1]])


def test_the_configs_that_all_have_are_compared(four):
    few = MadeUp({**four[0].metadata, "configs": four[0].configs[:20], "cube": four[0].cube[:20]}, None)
    assert len(task_similarity.scores([few, four[1]])) == 20
