"""The order of trials: fidelity, seeds, score, area under the learning curve, worst seed, then the earlier one."""

import itertools
import math

import numpy as np
import pytest
import tiny

from arl import scores
from arl.records import ranking
from arl.records.ranking import Rank
from arl.records.store import PointRecord, RunRecord
from arl.records.sweep import SweepRecord
from hpo.cli import printing
from hpo.comparisons import incumbents


def run(seed, *returns, start=0):
    """Return a run that is evaluated every ten env steps after `start`."""
    points = [PointRecord(start + 10 * (i + 1), value, 0.0, 1.0, {}) for i, value in enumerate(returns)]
    return RunRecord(seed, "completed", returns[-1], 10 * len(returns), 0.0, {}, points)


def trial(number, *runs, **changes):
    return tiny.trial_record(number, runs=list(runs), seeds=[run.seed for run in runs], **changes)


def record_of(*trials, **settings):
    made = tiny.sweep_settings(trials=9, **settings)
    space = {"hyperparameters": [{"name": "learning_rate"}]}
    return SweepRecord("a", made, {}, {}, space, {trial.trial: trial for trial in trials})


def test_the_key_of_a_trial_by_hand():
    first = trial(0, run(0, 2.0), run(1, 4.0))
    second = trial(1, run(0, 6.0, 10.0, start=10), run(1, 0.0, 8.0, start=10), parent=0, fidelity=30)
    areas = [(2.0 + 6.0 + 10.0) / 3, (4.0 + 0.0 + 8.0) / 3]
    assert ranking.rank(second, {0: first}) == Rank(30, 2, 9.0, sum(areas) / 2, 8.0)


@pytest.mark.parametrize(
    ("curve", "start", "area"),
    [
        ([(10, 1.0), (30, 4.0)], 0, 3.0),
        ([(30, 4.0), (40, 1.0)], 20, 2.5),
        ([], 0, math.nan),
        ([(0, 1.0)], 0, math.nan),
        ([(10, math.nan), (20, 1.0)], 0, math.nan),
    ],
)
def test_the_area_is_the_mean_return_over_env_steps(curve, start, area):
    assert scores.area(*np.reshape(curve, (-1, 2)).T, start) == pytest.approx(area, nan_ok=True)


BEST_FIRST = {
    "higher fidelity": trial(8, run(0, 0.0, 1.0), fidelity=20),
    "more seeds": trial(7, run(0, 0.0, 2.0), run(1, 0.0, 2.0)),
    "higher score": trial(6, run(0, 0.0, 6.0)),
    "larger area": trial(5, run(0, 4.0, 5.0)),
    "earlier": trial(3, run(0, 3.0, 5.0)),
    "later": trial(4, run(0, 3.0, 5.0)),
    "return unknown": trial(2, run(0, math.nan, 5.0)),
    "lower score": trial(1, run(0, 4.0, 4.0)),
    "diverged": trial(0, run(0, 9.0, 9.0), status="diverged"),
}


@pytest.mark.parametrize("order", [sorted, lambda ids: sorted(ids, reverse=True)])
def test_trials_are_ranked_by_one_rule(order):
    expected = [trial.trial for trial in BEST_FIRST.values()]
    trials = {trial.trial: trial for trial in BEST_FIRST.values()}
    assert [best.trial for best in ranking.ranked({i: trials[i] for i in order(trials)})] == expected


def test_equal_areas_are_ranked_by_the_worst_seed():
    spread = trial(0, run(0, 2.0, 1.0), run(1, 2.0, 5.0))
    steady = trial(1, run(0, 2.0, 3.0), run(1, 2.0, 3.0))
    assert [best.trial for best in ranking.ranked({0: spread, 1: steady})] == [1, 0]


def test_every_view_of_a_sweep_has_the_same_incumbent(capsys):
    late, soon = trial(0, run(0, 0.0, 0.0, 5.0)), trial(1, run(0, 5.0, 5.0, 5.0))
    record = record_of(late, soon, seeds=(0,))
    assert record.incumbent["trial"] == 1
    assert [best.trial for best in record.ranked] == [1, 0]
    assert [best.trial for best in incumbents.incumbents(record, [0, 1])] == [0, 1]
    assert [best.trial for best in incumbents.incumbents(record, [1, 0])] == [1]
    printing.print_sweep(record, 2)
    rows = [line.split()[0] for line in capsys.readouterr().out.splitlines()[3:5]]
    assert rows == ["1", "0"]


@pytest.mark.parametrize(("score", "num"), [(0.0, "2 trials"), (-0.5, None)])
def test_a_sweep_at_the_ceiling_of_its_score_says_so(score, num, capsys):
    trials = [trial(i, run(0, -1.0, score)) for i in range(2)]
    record = record_of(*trials, trial(2, run(0, -3.0)), task={"return_range": (-4.0, 0.0), "fidelity": 10}, seeds=(0,))
    printing.print_sweep(record, 2)
    said = [line for line in capsys.readouterr().out.splitlines() if "ceiling" in line]
    line = f"score 'final' is at its ceiling, 0, in {num}: equal ones are ranked by the area under the learning curve, "
    assert said == ([line + "then by the worst seed"] if num else [])
    assert printing.summary(record, 2)["remarks"] == said


@pytest.mark.parametrize(("fidelities", "said"), [((10, 20), True), ((10, 200), False), ((), False)])
def test_a_sweep_without_a_full_run_says_so(fidelities, said):
    trials = [trial(i, run(0, 1.0), fidelity=fidelity) for i, fidelity in enumerate(fidelities)]
    line = "no trial reached the full fidelity of 200 env steps, the highest is 20: raise the budget"
    assert record_of(*trials).remarks == ([line] if said else [])


def test_all_orders_of_ties_agree():
    trials = [trial(i, run(0, float(i % 2), 5.0)) for i in range(4)]
    orders = itertools.permutations(trials)
    assert {tuple(best.trial for best in ranking.ranked({t.trial: t for t in order})) for order in orders} == {
        (1, 3, 0, 2)
    }
