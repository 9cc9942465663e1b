"""How results show themselves in a Python shell and in a notebook."""

import re

import pandas as pd
import pytest

import hpo
from arl import results

TASK = "ppo/CartPole-v1"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return tmp_path_factory.mktemp("results") / "store.sqlite"


@pytest.fixture(scope="module")
def sweep(store):
    return hpo.sweep(TASK, "sobol", trials=64, seeds=3, objective="table", name="first", store=store)


@pytest.fixture(scope="module")
def comparison(store):
    on = [TASK, "dqn/CartPole-v1"]
    return hpo.compare(["sobol"], on, repeats=2, budget=4, objective="table", name="<i>", store=store)


def test_the_echo_of_a_sweep_is_short_and_has_the_best_trials_whole(sweep):
    lines = repr(sweep).splitlines()
    assert lines[0] == "sweep 'first': ppo/CartPole-v1 (published space), tuner sobol, 64 trials x 3 seeds"
    assert len(lines) <= 30
    assert max(map(len, lines)) <= 100
    assert set(sweep.hyperparameters) <= set(" ".join(lines).split())
    assert [int(line.split()[0]) for line in lines[2:7]] == [trial.trial for trial in sweep.ranked[:5]]


def test_the_echo_of_a_sweep_of_a_large_space_is_short(store):
    sweep = hpo.sweep(TASK, trials=8, space="full", objective="surrogate", name="wide", store=store)
    assert len(repr(sweep).splitlines()) <= 30
    assert f"... and {len(sweep.hyperparameters) + 2 - 20} columns" in repr(sweep)


def test_what_varies_is_a_column(store):
    sweep = hpo.sweep(TASK, "hyperband", budget=4, seeds=2, objective="table", name="rungs", store=store)
    assert list(sweep.best(2).columns[:4]) == ["trial", "fidelity", "score", "score_std"]
    assert "status" not in sweep.best(2)


def test_the_echo_of_a_record_read_back_is_the_same(sweep, store):
    assert repr(hpo.load_sweep("first", store)) == repr(sweep)


def test_a_notebook_shows_the_table_and_the_curves_of_the_best_trials(sweep):
    shown = sweep._repr_html_()
    assert all(f"<th>{name}</th>" in shown for name in sweep.hyperparameters)
    assert shown.count("<svg") == 1
    assert shown.count('aria-roledescription="line mark"') == 5
    assert "episode return" in shown
    assert "<script" not in shown
    assert len(shown) < 50_000


def test_the_echo_of_a_comparison_is_a_row_per_tuner(comparison):
    lines = repr(comparison).splitlines()
    assert lines[0] == "comparison '<i>': 4 tuners on ppo/CartPole-v1, dqn/CartPole-v1, 2 repeats, budget 4"
    assert len(lines) == 3 + len(comparison.tuners)
    assert [line.split()[0] for line in lines[2:-1]] == list(comparison.summary.tuner)


def test_a_notebook_shows_the_scores_of_a_comparison_over_budget(comparison):
    shown = comparison._repr_html_()
    assert "<i>" not in shown
    assert shown.count('aria-roledescription="line mark"') == len(comparison.tuners)
    assert "NaN" not in shown


def test_results_without_a_curve_have_no_chart():
    shown = results.as_html(
        "none", pd.DataFrame({"trial": []}), pd.DataFrame({"x": [], "y": [], "trial": []}), "trial", ""
    )
    assert re.findall(r"<(svg|table)", shown) == ["table"]
