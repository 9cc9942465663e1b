"""Scores of a landscape's runs and configs: those that a sweep on it gives."""

import numpy as np
import pytest
from test_analysis import by_learning_rate, landscape_of

from arl.errors import InputError
from hpo import scores
from hpo.objectives.tabular import Exact
from hpo.trial import Trial
from landscapes import ablation, analysis, catalogue, scoring

OF_RETURNS = ["final", "auc", "best", "iqm", "worst", "cvar"]


@pytest.mark.parametrize("name", OF_RETURNS)
def test_scores_are_those_of_a_sweep_on_the_landscape(name):
    landscape = catalogue.get("ppo/MountainCarContinuous-v0")
    objective = Exact.on(landscape)
    configs, settings = landscape.plain_configs[:40], objective.task.settings()
    records = list(objective.evaluate([Trial(i, config, settings.fidelity) for i, config in enumerate(configs)]))
    expected = [scores.several(record, [name], settings, {})[name] for record in records]
    assert scoring.of_configs(landscape, name)[:40] == pytest.approx(expected, rel=1e-6)


def test_a_run_scores_as_if_it_ended_at_the_point():
    made = landscape_of(by_learning_rate, num_seeds=2)
    made.metadata["cube"] = np.array([[[0.0, 6.0, 3.0, np.nan], [2.0, 4.0, 8.0, 10.0]]])
    assert scoring.of_runs(made, "best", 2).tolist() == [[6.0, 8.0]]
    assert scoring.of_runs(made, "best").tolist() == [[made.return_range[0], 10.0]]
    first, *intervals = np.diff(made.steps[:3], prepend=0) / made.steps[2]
    assert scoring.of_configs(made, "auc", -2) == pytest.approx(
        np.mean([0 * first + np.dot(intervals, [6, 3]), 2 * first + np.dot(intervals, [4, 8])])
    )
    assert scoring.of_configs(made, "worst", 0).tolist() == [0.0]


@pytest.mark.parametrize(
    ("score", "line"),
    [
        ("ouc", "unknown score 'ouc': did you mean 'auc'"),
        ("runtime", "score of a landscape must be one of returns, got 'runtime'"),
        ("iqm", "score 'iqm' must have at least 4 seeds, got 2"),
    ],
)
def test_scores_that_a_landscape_can_not_give_are_refused(score, line):
    with pytest.raises(InputError, match=line):
        analysis.importance(landscape_of(by_learning_rate, num_seeds=2), score=score)


@pytest.fixture
def at_the_ceiling():
    """Return a landscape all of whose configs end at 100, those of a middling learning rate from the start, default apart."""
    made = landscape_of(by_learning_rate, num_seeds=4)
    cube = np.full((len(made.configs), 4, 2), 100.0)
    cube[:, :, 0] = [[by_learning_rate(config)] for config in made.plain_configs]
    cube[0, :, 0] = 0.0
    made.metadata["cube"] = cube
    return made


@pytest.mark.parametrize("method", analysis.METHODS)
def test_where_all_end_the_same_the_area_still_tells_what_matters(at_the_ceiling, method):
    with pytest.raises(InputError, match="importance needs configs of different scores, got 128 configs, all 100"):
        analysis.importance(at_the_ceiling, point=-1, method=method)
    assert analysis.importance(at_the_ceiling, -1, method, "auc").hyperparameter[0] == "learning_rate"
    assert len(ablation.path(at_the_ceiling)) == 1
    path = ablation.path(at_the_ceiling, "auc")
    assert path.measured.iloc[-1] > path.measured.iloc[0]


def test_analyses_of_seeds_take_no_fewer_than_the_score_needs():
    made = landscape_of(by_learning_rate, noise=5.0, num_seeds=10)
    assert analysis.reliability(made, 3, "iqm").seeds.to_list() == [4, 5]
    assert set(analysis.optimism(made, repetitions=3, score="worst").seeds) == {3, 5}
    of_means, of_worst = (analysis.near_best(made, (0.01,), name).configs[0] for name in ("final", "worst"))
    assert of_means != of_worst
