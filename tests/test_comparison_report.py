"""The report of a comparison: every section it can give, nothing fetched, and no name that can break it."""

import dataclasses
import functools
import math
import re
import types

import pandas as pd
import pytest
import tiny
from browser import Browser
from test_report import Page, compiled, drawing_of
from tiny import Halving

import hpo
from arl import statistics
from hpo.comparisons import words
from hpo.reports import comparison_report, pages, theme


@pytest.fixture(autouse=True)
def no_vega(monkeypatch):
    monkeypatch.setattr(theme, "javascript", lambda: "const vega = null;")


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """Comparisons by the parabola, by numbers of tasks and repeats."""

    @functools.cache
    def make(num_tasks=3, repeats=3, baselines=True):
        tasks = [dataclasses.replace(tiny.task(), name=f"ppo/<b>Task{i}") for i in range(num_tasks)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("hpo.objectives.training.Training", tiny.counting([]))
            return hpo.compare(
                ["sobol", Halving],
                tasks,
                repeats=repeats,
                budget=4,
                seeds=2,
                test_seeds=2,
                baselines=baselines,
                store=tmp_path_factory.mktemp("comparison") / "store.sqlite",
            )

    return make


@pytest.mark.parametrize("settings", [{}, {"num_tasks": 1}, {"repeats": 1}, {"num_tasks": 1, "baselines": False}])
def test_every_plot_has_a_figure_that_vega_lite_accepts(make, settings):
    comparison = make(**settings)
    text = comparison_report.render(comparison)
    page, drawing = Page(text), drawing_of(text)
    figures = drawing["figures"]
    assert {attrs["data-figure"] for _, attrs in page.tags if "data-figure" in attrs} == set(figures)
    for name in figures:
        compiled(drawing, name)
    colors = set(re.findall(r'{"expr":"([a-z0-9]+)"}', text))
    assert "series1" in colors
    assert all(text.count(f"--{name}:") == 2 for name in colors), "once for light, once for dark"
    assert ("ranks" in figures) == (comparison.ranks.reason is None)
    assert ("improvement" in figures) == ("random" in comparison.tuners)


def test_page_fetches_nothing_and_names_are_text(make):
    text = comparison_report.render(make())
    assert not re.search(r"https?:|@import|url\(|\bsrc=|src:|srcset|fetch\(|<iframe", text)
    page = Page(text)
    assert page.count("b") == text.count("<figcaption><b>"), "no <b> of a task's name"
    assert ("th", "ppo/<b>Task0") in page.texts


def test_numbers_of_the_page_are_those_of_the_summary(make):
    comparison = make()
    visible = Page(comparison_report.render(comparison)).visible()
    for row in comparison.summary.to_dict("records"):
        low, score, high = (f"{row[key]:.3f}".replace("-", pages.MINUS) for key in ("low", "score", "high"))
        assert f"{row['tuner']} {score} {low} to {high}" in re.sub(r"\s+", " ", visible)
    assert f"over 3 tasks: F {comparison.ranks.statistic:.2f}" in visible
    assert "Not ranked, as they have another budget or do not tune: random-2x, default." in visible
    assert words.resolution(comparison)[1:] in visible
    assert "With so few repeats, intervals of scores are narrower than 95 % asks for" in visible
    assert {row["tuner"] for row in drawing_of(comparison_report.render(comparison))["tables"]["ranks"]} == {
        "sobol",
        "Halving",
        "random",
    }


@pytest.mark.parametrize(("lows", "winner"), [((0.1, 0.2), "a"), ((-0.1, 0.2), None), ((math.nan, 0.2), None)])
def test_a_winner_leads_every_other_tuner_by_more_than_the_interval(lows, winner):
    pairs = pd.DataFrame({"tuner": ["a", "a", "b"], "other": ["b", "c", "c"], "low": [*lows, -1.0]})
    comparison = types.SimpleNamespace(summary=pd.DataFrame({"tuner": ["a", "b", "c"]}), pairs=pairs)
    assert words.winner(comparison) == winner


def test_page_names_a_winner_only_where_there_is_one(make):
    one_repeat, several = make(repeats=1), make()
    for comparison in (one_repeat, several):
        visible = re.sub(r"\s+", " ", Page(comparison_report.render(comparison)).visible())
        assert f"Highest score {words.winner(comparison) or 'no clear winner'}" in visible
    assert words.winner(one_repeat) is None


def test_curves_are_steps_over_the_budget(make):
    comparison = make(num_tasks=1)
    drawing = drawing_of(comparison_report.render(comparison))
    rows = [row for row in drawing["tables"]["anytime"] if row["tuner"] == "sobol"]
    points = [statistics.mean_iqm(comparison.scores[0][..., i]) for i in range(32)]
    assert [row["score"] for row in rows] == pytest.approx(points, rel=1e-5)
    assert [row["budget"] for row in rows] == [4 * (i + 1) / 32 for i in range(32)]
    band, line = drawing["figures"]["anytime-score"]["layer"]
    assert band["mark"]["interpolate"] == line["mark"]["interpolate"] == "step-after"
    assert [line["encoding"][channel]["field"] for channel in ("x", "y")] == ["budget", "score"]


def test_regret_is_one_minus_the_score(make):
    rows = drawing_of(comparison_report.render(make()))["tables"]["anytime"]
    assert {row["task"] for row in rows} == {"all tasks", *(f"ppo/<b>Task{i}" for i in range(3))}
    for row in rows:
        assert row["regret_score"] == pytest.approx(max(1 - row["score"], 1e-3), abs=1e-5)
        assert row["regret_high"] <= row["regret_score"] <= row["regret_low"]


def test_one_repeat_has_no_intervals(make):
    text = comparison_report.render(make(repeats=1))
    drawing = drawing_of(text)
    assert [layer["mark"]["type"] for layer in drawing["figures"]["anytime-score"]["layer"]] == ["line"]
    assert all(row["low"] is None for row in drawing["tables"]["summary"])
    assert {"filter": "isValid(datum.low)"} in drawing["figures"]["final"]["layer"][0]["transform"]
    assert "One repeat gives no interval" in Page(text).visible()


def test_the_checklist_says_what_is_not_so(make):
    comparison = make()
    checks = {item: (good, how) for good, item, how in comparison_report.checklist(comparison)}
    assert checks["Tuning and test seeds of a sweep are apart"] == (True, "0, 1 / 1000, 1001 in the first repeat")
    assert checks["At least 3 tuning seeds"] == (False, "2 in each repeat, 6 in all")
    assert checks["Other seeds in each repeat"][0]
    same = dataclasses.replace(comparison.settings, seeds=((0, 1, 2),) * 3)
    checks = {
        item: (good, how)
        for good, item, how in comparison_report.checklist(dataclasses.replace(comparison, settings=same))
    }
    assert checks["At least 3 tuning seeds"] == (True, "3 in each repeat, 3 in all")
    assert checks["Other seeds in each repeat"] == (False, "the intervals say nothing of other seeds")
    checks = {item: (good, how) for good, item, how in comparison_report.checklist(comparison)}
    assert checks["At least 10 tuner seeds"] == (False, "3: 0 to 2")
    assert checks["All tuners finished"][0]
    broken = dataclasses.replace(comparison, broken={"x": "sweep 'x-0': tuner 'x' failed in ask"})
    assert "x is left out" in [how for _, _, how in comparison_report.checklist(broken)]
    assert "tuner 'x' failed in ask" in Page(comparison_report.render(broken)).visible()


def test_page_of_a_comparison_without_incumbents(make):
    comparison = make(num_tasks=1, repeats=1)
    for swept in comparison.swept:
        swept.__dict__["at_points"] = [None] * 32
    bare = dataclasses.replace(comparison, tests={"ppo/<b>Task0": None})
    assert "rank tests need at least 3 tasks" in Page(comparison_report.render(bare)).visible()


def test_it_is_drawn_by_a_browser(monkeypatch, make, tmp_path):
    monkeypatch.undo()
    path = comparison_report.write_report(make(), tmp_path / "report.html")
    browser = Browser(tmp_path / "profile")
    try:
        browser.open(path, width=390, touch=True)
        browser.wait("views.size === document.querySelectorAll('.plot').length")
        assert browser.js("document.documentElement.scrollWidth <= innerWidth")
        browser.js("document.querySelector('[data-figure=\"anytime-regret\"]').click()")
        browser.wait("document.getElementById('anytime').textContent.includes('regret, 1 minus score')")
        browser.js("document.querySelector('[data-group=\"tuner-0\"]').click()")
        browser.wait("views.get(document.getElementById('panel-0')).signal('hidden')[0] === 'tuner-0'")
        assert browser.errors == []
    finally:
        browser.close()
