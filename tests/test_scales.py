"""The scale of a task's scores: its landscape's, else the comparison's, else the env's."""

import dataclasses

import pytest
import tiny
from test_analysis import TASK, landscape_of
from tiny import trial_record

from hpo.comparisons import scales
from hpo.comparisons.scales import Scale
from landscapes import catalogue

FULL = TASK.fidelity
RANDOM = [
    {0: trial_record(0, 10.0, fidelity=FULL), 1: trial_record(1, 90.0, fidelity=5)},
    {0: trial_record(0, 30.0, fidelity=FULL)},
]
TESTED = [{0: trial_record(0, 70.0, fidelity=FULL), 1: trial_record(1, 99.0, fidelity=5)}]


@pytest.fixture
def landscape(monkeypatch):
    """Make a landscape available on which all but the default config score 100 times their final epsilon."""
    made = landscape_of(lambda config: 100.0 * config["final_epsilon"], num_seeds=2)
    monkeypatch.setattr(catalogue, "available", lambda: {made.name: made})
    return made


def test_a_landscape_gives_its_median_random_config_and_its_best(landscape):
    means = landscape.cube[:, :, -1].mean(axis=1)
    random = sorted(means[1:])
    assert len(random) % 2 == 1, "the median is one of them"
    scale = scales.of_task(TASK, "final", "training", RANDOM, TESTED)
    assert scale == (random[len(random) // 2], max(means), "median and best config of the landscape")
    area = scales.of_task(TASK, "auc", "table", RANDOM, TESTED)
    assert area.one != scale.one


@pytest.mark.parametrize(
    ("changes", "score", "objective"),
    [
        ({"name": "dqn/Acrobot-v1"}, "final", "training"),  # no such landscape
        ({"num_episodes": 7}, "final", "training"),  # of another task
        ({}, "iqm", "training"),  # two seeds are too few
        ({}, "final", f"{__name__}:Formula"),  # what it answers is no return of the env's
    ],
)
def test_without_a_landscape_random_search_and_the_best_incumbent_are_the_scale(landscape, changes, score, objective):
    task = dataclasses.replace(TASK, **changes)
    scale = scales.of_task(task, score, objective, RANDOM, TESTED)
    assert scale == (20.0, 70.0, "median trial of random search, and best incumbent")


@pytest.mark.parametrize(
    ("random", "tested"), [([], TESTED), (RANDOM, []), (RANDOM, [{0: trial_record(0, 21.0, fidelity=FULL)}])]
)
def test_a_scale_that_is_missing_or_too_narrow_is_the_return_range(random, tested):
    task = dataclasses.replace(TASK, name="dqn/Nothing-v0")
    assert scales.of_task(task, "final", "training", random, tested)[:2] == TASK.return_range


def test_scores_are_normalised_and_no_failure_counts_below_minus_one():
    scale = Scale(-80.0, -60.0, "")
    assert [scale.normalized(score) for score in (-80, -70, -60, -50, -90, -500)] == [0.0, 0.5, 1.0, 1.5, -0.5, -1.0]


def test_the_landscapes_that_ship_are_of_the_present_tasks():
    scale = scales.of_task(tiny.tasks.get("ppo/CartPole-v1"), "final", "training", [], [])
    assert scale.source == "median and best config of the landscape"
