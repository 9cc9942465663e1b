"""Scores: known values of known curves, what a sweep records and tells, Pareto fronts and hypervolumes."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import tiny
from tiny import WORST, Listed, parabola, run_record, trial_record

import hpo
from arl.errors import InputError
from arl.records.ranking import curve
from arl.records.store import PointRecord
from arl.records.sweep import SweepRecord
from hpo import scores
from hpo.cli import commands
from hpo.trial import Trial

SETTINGS = tiny.task().settings()


def run(seed, *returns, seconds=1.0, status="completed", unit=10, start=0):
    points = [PointRecord(start + unit * (i + 1), value, 0.0, 1.0, {"kl": -value}) for i, value in enumerate(returns)]
    return tiny.dataclasses.replace(run_record(seed, returns[-1], status), points=points, seconds=seconds)


def trial(number, *runs, **changes):
    status = next((run.status for run in runs if run.status != "completed"), "completed")
    return trial_record(number, seeds=[run.seed for run in runs], runs=list(runs), status=status, **changes)


def values(*finals):
    return trial(0, *(run(seed, value) for seed, value in enumerate(finals)))


def of(name, record, finished=()):
    return scores.several(record, [name], SETTINGS, {other.trial: other for other in finished})[name]


@pytest.mark.parametrize(
    ("name", "value"),
    [("final", 3.0), ("auc", 2.0), ("best", 4.5), ("iqm", 3.0), ("worst", 2.0), ("runtime", -1.5)],
)
def test_scores_of_known_curves(name, value):
    record = trial(0, run(0, -1.0, 5.0, 2.0, seconds=1.0), run(1, -1.0, 3.0, 4.0, seconds=2.0))
    assert of(name, record) == pytest.approx(value)


def test_area_under_the_curve_weighs_by_env_steps():
    uneven = [PointRecord(10, 0.0, 0.0, 1.0, {}), PointRecord(40, 4.0, 0.0, 1.0, {})]
    record = trial(0, tiny.dataclasses.replace(run_record(0, 4.0), points=uneven))
    assert of("auc", record) == 3.0


@pytest.mark.parametrize(
    ("name", "finals", "value"),
    [
        ("iqm", [0.0, 1.0, 3.0, 100.0], 2.0),
        ("iqm", [5.0] * 4, 5.0),
        ("worst", [0.5, -2.0, 9.0], -2.0),
        ("cvar", [4.0, 1.0, 2.0, 3.0], 1.0),
        ("cvar", [1.0, 2.0, 3.0, 4.0, 5.0, 6.0], (1.0 + 0.5 * 2.0) / 1.5),
        ("cvar", list(range(8)), 0.5),
        ("cvar", [1.0, 7.0], 1.0),
    ],
)
def test_scores_over_seeds(name, finals, value):
    assert of(name, values(*finals)) == pytest.approx(value)
    assert of(name, values(*finals[::-1])) == pytest.approx(value)


@pytest.mark.parametrize("name", list(scores.SCORES))
def test_what_diverged_or_failed_has_the_worst_value(name):
    worst = scores.SCORES[name].worst or WORST
    for status in ("diverged", "failed"):
        assert of(name, trial(0, *(run(seed, math.nan, status=status) for seed in range(4)))) == worst


def test_one_seed_that_diverged_counts_as_the_worst():
    record = trial(0, run(0, 1.0, 2.0), run(1, 9.0, math.nan, status="diverged"))
    assert of("best", record) == (2.0 + WORST) / 2
    assert of("worst", record) == WORST


def test_a_curve_holds_that_of_the_parents():
    first, second = trial(0, run(0, 1.0, seconds=1.0)), trial(1, run(0, 5.0, 3.0, start=10, seconds=2.0), parent=0)
    assert curve(second, 0, {0: first}) == [(10, 1.0), (20, 5.0), (30, 3.0)]
    assert of("auc", second, [first]) == 3.0
    assert of("runtime", second, [first]) == -3.0
    assert of("best", trial(1, run(0, 0.5, start=10), parent=0), [first]) == 1.0


@pytest.mark.parametrize(("size", "layers"), [(32, 1), (64, 2)])
def test_parameters_are_those_of_the_networks(size, layers):
    settings = dataclasses.replace(SETTINGS, fixed={**SETTINGS.fixed, "hidden_size": size, "num_layers": layers})
    hidden = (layers - 1) * (size * size + size)
    network = 1 * size + size + hidden + size * 1 + 1
    assert scores.num_parameters(settings, {}) == 2 * network + 1, "actor, critic, and the spread of the one action"


class Three(Listed):
    """Three trials, and what it was told."""

    told: list

    def __init__(self, space, fidelity):
        super().__init__([Trial(i, tiny.config(space, rate), fidelity) for i, rate in enumerate((1e-3, 1e-2, 3e-2))])
        Three.told = []

    def tell(self, results):
        Three.told += results


@pytest.fixture
def sweep(monkeypatch, tmp_path):
    monkeypatch.setattr("hpo.objectives.training.Training", tiny.counting([]))

    def sweep(score, seeds=4, name="a"):
        return hpo.sweep(tiny.task(), Three, trials=3, seeds=seeds, score=score, name=name, store=tmp_path / "s.sqlite")

    return sweep


def test_a_sweep_records_and_tells_the_score_it_maximises(sweep):
    record = sweep("worst")
    expected = [parabola(trial.config) - 3 for trial in record.records.values()]
    assert record.trials.score.tolist() == pytest.approx(expected)
    assert [result.score for result in Three.told] == record.trials.score.tolist()
    assert record.settings.scores == ("worst",)
    assert record.incumbent["trial"] == 1
    assert commands.of_sweep(record)[-2:] == ["--score", "worst"]
    told = [result.metrics for result in Three.told]
    assert sweep("worst").trials.score.tolist() == record.trials.score.tolist()
    assert [result.metrics for result in Three.told] == told == [{"entropy": 0.25}] * 3


def test_of_several_scores_the_first_is_maximised_and_a_tuner_finds_all(sweep):
    record = sweep("auc,final,runtime")
    assert record.trials.score.tolist() == pytest.approx(
        [total / 2 for total in record.curves.groupby("trial").return_mean.sum() / 4]
    )
    for result in Three.told:
        assert result.metrics["auc"] == result.score
        assert result.metrics["final"] == pytest.approx(parabola(result.trial.config) - 1.5)
        assert result.metrics["runtime"] == -0.125
    told = list(Three.told)
    sweep("auc,final,runtime")
    assert Three.told == told


def test_a_sweep_of_one_score_is_not_one_of_another(sweep):
    sweep("final")
    with pytest.raises(InputError, match=r"taken by a sweep with scores .*'final'.* not .*'auc'"):
        sweep("auc")


def test_sweeps_from_before_scores_were_recorded_go_on(sweep, monkeypatch, tmp_path):
    sweep("final")
    store = hpo.Store(tmp_path / "s.sqlite")
    recorded = store.sweep("a")
    del recorded["settings"]["scores"]
    monkeypatch.setattr(hpo.Store, "sweep", lambda self, name: recorded)
    assert len(sweep("final").trials) == 3
    with pytest.raises(InputError, match="scores"):
        sweep("auc")


@pytest.mark.parametrize(
    ("score", "seeds", "message"),
    [
        ("finale", 4, "unknown score 'finale': did you mean 'final'"),
        ("", 4, "unknown score ''"),
        ("final,final", 4, "score must name at least one score, each once, got final, final"),
        ([], 4, "score must name at least one score, each once, got none"),
        ("iqm", 3, "score 'iqm' must have at least 4 seeds, got 3"),
        ("worst", 1, "score 'worst' must have at least 2 seeds, got 1"),
        ("cvar", 1, "score 'cvar' must have at least 2 seeds, got 1"),
        ("final,parameters", 1, "score 'parameters' must differ in the space, got 195 for every config"),
    ],
)
def test_a_score_that_the_task_can_not_give_is_one_line(sweep, tmp_path, score, seeds, message):
    with pytest.raises(InputError, match=message) as caught:
        sweep(score, seeds)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def swept(*trials):
    return SweepRecord(
        "a", tiny.sweep_settings(), {}, {}, tiny.task().space.to_serialized_dict(), {t.trial: t for t in trials}
    )


def test_the_front_holds_what_no_other_beats():
    record = swept(
        trial(0, run(0, 1.0, seconds=1.0)),
        trial(1, run(0, 3.0, seconds=9.0)),
        trial(2, run(0, 2.0, seconds=9.0)),
        trial(3, run(0, 2.0, seconds=3.0)),
        trial(4, run(0, 9.0, status="diverged", seconds=0.1)),
        trial(5, run(0, 9.0, seconds=0.1), fidelity=5),
    )
    front = hpo.front(record, "final,runtime")
    assert front.trial.tolist() == [1, 3, 0]
    assert front.runtime.tolist() == [-9.0, -3.0, -1.0]
    assert hpo.front(record, "final").trial.tolist() == [1]
    several = swept(trial(0, run(0, 9.0)), trial(1, run(0, 5.0), run(1, 5.0)))
    assert hpo.front(several, "final").trial.tolist() == [1], "one of fewer seeds counts as one of lower fidelity"
    assert hpo.front(record, "final,runtime", {"runtime": (-5.0, 0.0)}).trial.tolist() == [3, 0]
    assert hpo.front(record, "final,runtime", {"kl": (-2.5, 0.0)}).trial.tolist() == [3, 0]
    assert hpo.front(record, "final,runtime", {"kl": (5.0, 6.0)}).empty
    with pytest.raises(InputError, match="unknown score or metric 'kll': did you mean 'kl'"):
        hpo.front(record, "final,runtime", {"kll": (0.0, 1.0)})
    assert isinstance(scores.table(record, "final"), pd.DataFrame)


def test_pareto_keeps_equals():
    points = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    assert scores.pareto(points).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("points", "reference", "volume"),
    [
        ([[2.0, 1.0], [1.0, 2.0]], [0.0, 0.0], 3.0),
        ([[2.0, 1.0], [1.0, 2.0], [1.0, 1.0], [-1.0, 9.0]], [0.0, 0.0], 3.0),
        ([[1.0, 1.0, 1.0], [2.0, 0.5, 0.5]], [0.0, 0.0, 0.0], 1.25),
        ([[3.0]], [1.0], 2.0),
        ([], [0.0, 0.0], 0.0),
    ],
)
def test_hypervolumes(points, reference, volume):
    assert scores.hypervolume(np.array(points), reference) == pytest.approx(volume)


def test_hypervolume_is_the_share_of_points_that_are_dominated():
    rng = np.random.default_rng(0)
    points, probes = rng.random((10, 3)), rng.random((100_000, 3))
    dominated = (probes[:, None] < points[None]).all(axis=-1).any(axis=-1).mean()
    assert scores.hypervolume(points, [0.0] * 3) == pytest.approx(dominated, abs=0.005)
