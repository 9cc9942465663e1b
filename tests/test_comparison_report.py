"""The report of a comparison: every section it can give, nothing fetched, and no name that can break it."""

import dataclasses
import functools
import re

import plotly.graph_objects as go
import pytest
import tiny
from test_report import Page, figures_of, painted
from tiny import Halving

import hpo
from arl import statistics
from hpo.reports import comparison_report, pages


@pytest.fixture(autouse=True)
def no_plotly(monkeypatch):
    monkeypatch.setattr(comparison_report, "get_plotlyjs", lambda: "const Plotly = null;")


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
def test_every_plot_has_a_figure_that_plotly_accepts(make, settings):
    comparison = make(**settings)
    text = comparison_report.render(comparison)
    page, figures = Page(text), figures_of(text)
    assert {attrs["data-figure"] for _, attrs in page.tags if "data-figure" in attrs} == set(figures)
    for figure in figures.values():
        go.Figure([painted(trace) for trace in figure["data"]], painted(figure["layout"]))
    colors = set(re.findall(r'"[a-z]*color":"(--[a-z0-9-]+)"', text))
    assert colors
    assert all(text.count(f"{name}:") == 2 for name in colors), "once for light, once for dark"
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
    assert f"chi-squared {comparison.ranks.statistic:.2f}" in visible


def test_curves_are_steps_over_the_budget(make):
    comparison = make(num_tasks=1)
    figure = figures_of(comparison_report.render(comparison))["anytime-score"]
    line = next(trace for trace in figure["data"] if trace.get("name") == "sobol")
    points = [statistics.pooled_iqm(comparison.scores[0][..., i]) for i in range(32)]
    assert line["y"][::2] == pytest.approx(points, rel=1e-5)
    assert line["x"][::2] == [4 * (i + 1) / 32 for i in range(32)]


def test_one_repeat_has_no_intervals(make):
    text = comparison_report.render(make(repeats=1))
    assert not any("fill" in trace or "error_x" in trace for f in figures_of(text).values() for trace in f["data"])
    assert "One repeat gives no interval" in Page(text).visible()


def test_the_checklist_says_what_is_not_so(make):
    comparison = make()
    known = {item: (good, how) for good, item, how in comparison_report.checklist(comparison)}
    assert known["Tuning and test seeds are apart"] == (True, "0, 1 / 1000, 1001")
    assert known["At least 10 tuner seeds"] == (False, "3: 0 to 2")
    assert known["All tuners finished"][0]
    broken = dataclasses.replace(comparison, broken={"x": "sweep 'x-0': tuner 'x' failed in ask"})
    assert "x is left out" in [how for _, _, how in comparison_report.checklist(broken)]
    assert "tuner 'x' failed in ask" in Page(comparison_report.render(broken)).visible()


def test_page_of_a_comparison_without_incumbents(make):
    comparison = make(num_tasks=1, repeats=1)
    for swept in comparison.swept:
        swept.__dict__["at_points"] = [None] * 32
    bare = dataclasses.replace(comparison, tests={"ppo/<b>Task0": None})
    assert "rank tests need at least 3 tasks" in Page(comparison_report.render(bare)).visible()
