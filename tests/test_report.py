"""The HTML report: what stands on the page, that it fetches nothing, and that no name can break it."""

import html.parser
import json
import math
import re
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import plotly.graph_objects as go
import pytest
import tiny

from arl.records.sweep import SweepRecord
from hpo.reports import pages, sweep_report

POINTS = 4
HYPERPARAMETERS = ["learning_rate", "activation", "normalize", "target_kl"]


def make_record(scores=(10.0, 30.0, 20.0), seeds=(0, 1), **changes):
    """A sweep with one trial per score; None stands for a trial that diverged halfway under its last seed.

    The score of seed `s` is the trial's plus `s`; `target_kl` is inactive in odd trials.
    """
    trials, runs, curves = [], [], []
    for trial, score in enumerate(scores):
        config = {
            "learning_rate": 10.0 ** (-4 + trial % 3),
            "activation": ("tanh", "relu")[trial % 2],
            "normalize": trial % 2 == 0,
            "target_kl": 0.01 * (1 + trial) if trial % 2 == 0 else math.nan,
        }
        outcome = {"status": "diverged" if score is None else "completed", "score": 0.0 if score is None else score}
        trials.append(
            {
                "trial": trial,
                "fidelity": 400,
                "num_seeds": len(seeds),
                "parent": None,
                **outcome,
                "score_std": 0.5,
                "env_steps": 400 * len(seeds),
                "seconds": 1.5,
                "finished_at": f"2026-01-01T00:{trial // 60:02d}:{trial % 60:02d}+00:00",
                **config,
            }
        )
        for seed in seeds:
            runs.append({"trial": trial, "seed": seed, **outcome, "env_steps": 400, **config})
            curves += make_curve(trial, seed, score, diverges=score is None and seed == seeds[-1])
    record = SimpleNamespace(
        answers=None,
        name="demo",
        task="ppo/CartPole-v1",
        settings=settings_of({"tuner": "random", "seeds": list(seeds), "space": {"gamma": {"low": 0.9, "high": 0.99}}}),
        scores=("final",),
        made_with={"version": "1.0", "created": "2026-01-01T00:00:00+00:00"},
        timing={"compile": 30.0, "train": 60.0},
        return_range=(0.0, 100.0),
        hyperparameters=list(HYPERPARAMETERS),
        log_hyperparameters={"learning_rate"},
        points=POINTS,
        trials=pd.DataFrame(trials).astype({"parent": "Int64"}),
        runs=pd.DataFrame(runs),
        curves=pd.DataFrame(curves),
        incumbent=make_incumbent(trials),
    )
    return SimpleNamespace(**{**vars(record), **changes})


def settings_of(values):
    """Settings that are shown as these values."""
    return SimpleNamespace(tuner=values.get("tuner", ""), to_json=lambda: values)


def make_curve(trial, seed, score, diverges):
    end = 50.0 if score is None else score
    return [
        {
            "trial": trial,
            "seed": seed,
            "point": point,
            "env_steps": 100 * (point + 1),
            "return_mean": math.nan if diverges and point >= POINTS // 2 else end * (point + 1) / POINTS + seed,
            "return_std": 1.0,
            "episode_length_mean": 10.0,
        }
        for point in range(POINTS)
    ]


def make_incumbent(trials):
    completed = [trial for trial in trials if trial["status"] == "completed"]
    if not completed:
        return None
    row = max(completed, key=lambda trial: trial["score"])
    config = {name: row[name] for name in HYPERPARAMETERS} | {"num_envs": 8}
    return {"trial": row["trial"], "score": row["score"], "score_std": row["score_std"], "config": config}


class Page(html.parser.HTMLParser):
    """Tags with their attributes, and the text of the page by the tag that holds it."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.current = [], [], None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.current = tag
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append((self.current, data.strip()))

    def ids(self):
        return {attrs["id"] for _, attrs in self.tags if "id" in attrs}

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)

    def visible(self):
        return " ".join(text for tag, text in self.texts if text and tag not in ("script", "style"))


def figures_of(text):
    """The figures of a page; raises where they are not strict JSON."""
    found = re.search(r'<script id="figures" type="application/json">(.*?)</script>', text, flags=re.DOTALL)
    return json.loads(found.group(1), parse_constant=pytest.fail)


def trace(figure, name):
    return next(trace for trace in figure["data"] if trace.get("name") == name)


def painted(value, key=""):
    """What the page does before it draws: names of colours become colours."""
    if isinstance(value, dict):
        return {name: painted(item, name) for name, item in value.items()}
    return "#123456" if key.endswith("color") and str(value).startswith("--") else value


@pytest.fixture(autouse=True)
def no_plotly(monkeypatch):
    """Five megabytes of plotly.js would slow down every test that parses a page."""
    monkeypatch.setattr(sweep_report, "get_plotlyjs", lambda: "const Plotly = null;")


@pytest.fixture
def text():
    return sweep_report.render(make_record((10.0, None, 30.0, 20.0)))


@pytest.mark.parametrize(
    "record",
    [
        make_record(),
        make_record((42.0,)),
        make_record((None, None)),
        make_record((10.0, 20.0), seeds=(3,)),
        make_record((10.0, None, 30.0), timing={}, settings=settings_of({}), made_with={}),
        make_record((10.0, 20.0), return_range=(-500.0, -60.0), points=1),
    ],
    ids=["plain", "one trial", "all diverged", "one seed", "bare", "negative scores"],
)
def test_every_plot_has_a_figure_that_plotly_accepts(record):
    page_text = sweep_report.render(record)
    page, figures = Page(page_text), figures_of(page_text)
    wanted = {attrs["data-figure"] for _, attrs in page.tags if "data-figure" in attrs}
    assert wanted == set(figures)
    assert {"incumbent", "curves"} | {f"panel-{index}" for index in range(4)} <= page.ids()
    for figure in figures.values():
        go.Figure([painted(trace) for trace in figure["data"]], painted(figure["layout"]))


def test_colors_of_figures_are_defined_in_the_page(text):
    names = set(re.findall(r'"[a-z]*color":"(--[a-z0-9-]+)"', text))
    assert names
    assert all(text.count(f"{name}:") == 2 for name in names), "once for light, once for dark"


def test_page_fetches_nothing(text):
    assert not re.search(r"https?:|@import|url\(|\bsrc=|src:|srcset|fetch\(|<iframe", text)
    assert [attrs["href"] for tag, attrs in Page(text).tags if "href" in attrs] == ["data:,"]
    assert "default-src 'none'" in text


def test_plotly_is_inlined_once(monkeypatch):
    monkeypatch.undo()
    text = sweep_report.render(make_record((1.0,)))
    assert text.count("* plotly.js v") == 1
    assert text.count("</script>") == 3, "plotly.js itself must not end its element"


def test_names_are_text_and_never_markup():
    nasty = "</script><img src=x onerror=alert(1)>"
    record = make_record(
        name=nasty,
        task=nasty,
        settings=settings_of({nasty: {nasty: nasty}, "tuner": nasty}),
        made_with={"device": nasty},
        timing={nasty: 1.0},
        hyperparameters=[nasty, *HYPERPARAMETERS],
    )
    record.trials[nasty] = nasty
    record.incumbent["config"] = {nasty: nasty}
    text = sweep_report.render(record)
    page = Page(text)
    assert (page.count("img"), page.count("script")) == (0, 3)
    assert ("h1", nasty) in page.texts
    assert ("td", nasty) in page.texts
    panel = figures_of(text)["panel-0"]
    labels = panel["layout"]["xaxis"]["ticktext"] + [text for trace in panel["data"] for text in trace["text"]]
    assert all("<img" not in label and "&lt;" in label for label in labels)


def test_header_gives_the_key_figures(text):
    visible = Page(text).visible()
    for part in (
        "30.0 ± 0.5",
        "trial 2, mean ± std over 2 seeds",
        "3 completed, 1 diverged",
        "3.2\u00a0k",
        "1\u00a0min 30",
    ):
        assert part in visible


def test_config_of_the_incumbent_is_given_exactly():
    record = make_record()
    record.incumbent["config"]["learning_rate"] = 0.00031622776601683794
    page = Page(sweep_report.render(record))
    assert '"learning_rate": 0.00031622776601683794' in page.visible()
    assert ("dd", "0.0003162") in page.texts
    assert ("dt", "num_envs") in page.texts


def test_incumbent_line_follows_the_order_of_finishing():
    record = make_record((10.0, None, 30.0, 20.0))
    record.trials.loc[0, "finished_at"] = "2026-01-02T00:00:00+00:00"
    figures = figures_of(sweep_report.render(record))
    over_trials, over_steps = figures["incumbent-trials"], figures["incumbent-env-steps"]
    assert trace(over_trials, "incumbent")["y"] == [None, 30.0, 30.0, 30.0]
    assert trace(over_trials, "incumbent")["x"] == [1, 2, 3, 4]
    assert trace(over_steps, "incumbent")["x"] == [800, 1600, 2400, 3200]


def test_incumbent_is_of_the_highest_fidelity_so_far():
    record = make_record((50.0, 20.0, 60.0, 30.0))
    record.trials["fidelity"] = [100, 400, 100, 400]
    record.incumbent = {"trial": 3, "score": 30.0, "score_std": 0.5, "config": {}}
    text = sweep_report.render(record)
    assert trace(figures_of(text)["incumbent-trials"], "incumbent")["y"] == [50.0, 20.0, 20.0, 30.0]
    assert re.findall(r'data-group="(.*?)"', text) == ["trial-3", "trial-1", "trial-2", "trial-0"]


def test_sweep_that_has_only_begun_has_a_page():
    space = {"hyperparameters": [{"name": "learning_rate", "log": True}]}
    record = SweepRecord(
        "demo", tiny.sweep_settings(trials=3, seeds=(0,)), provenance={}, timing={}, space=space, records={}
    )
    assert "no trial completed" in Page(sweep_report.render(record)).visible()


def test_diverged_trials_stand_at_the_worst_return():
    record = make_record((-70.0, None), return_range=(-500.0, -60.0))
    figure = figures_of(sweep_report.render(record))["incumbent-trials"]
    assert trace(figure, "diverged")["y"] == [-500.0]
    assert figure["layout"]["yaxis"]["range"][0] < -500.0


def test_failed_trials_have_no_curve():
    record = make_record((10.0, None, 30.0))
    record.trials["status"] = ["completed", "failed", "completed"]
    record.curves = record.curves[record.curves["trial"] != 1]
    text = sweep_report.render(record)
    assert trace(figures_of(text)["incumbent-trials"], "failed")["x"] == [2.0]
    assert "other trial" not in Page(text).visible()


@pytest.mark.parametrize("columns", ["all", "of an empty record"])
def test_all_failed_shows_no_incumbent(columns):
    record = make_record((None, None))
    record.trials["status"] = record.runs["status"] = "failed"
    record.curves = record.curves[:0] if columns == "all" else pd.DataFrame(columns=list(record.curves)[:7])
    text = sweep_report.render(record)
    assert "No incumbent" in Page(text).visible()
    assert trace(figures_of(text)["incumbent-trials"], "failed")["y"] == [0.0, 0.0]


def test_all_diverged_shows_no_incumbent():
    text = sweep_report.render(make_record((None, None)))
    assert "No incumbent" in Page(text).visible()
    assert "no trial completed" in text
    assert trace(figures_of(text)["incumbent-trials"], "incumbent")["y"] == [None, None]


def test_curve_band_reaches_from_the_lowest_to_the_highest_seed():
    figure = figures_of(sweep_report.render(make_record((40.0,), seeds=(0, 1, 5))))["curves"]
    band, mean = figure["data"]
    assert mean["y"] == [12.0, 22.0, 32.0, 42.0]
    assert band["y"] == [15.0, 25.0, 35.0, 45.0, 40.0, 30.0, 20.0, 10.0]
    assert band["x"] == [100, 200, 300, 400, 400, 300, 200, 100]


def test_one_seed_has_neither_band_nor_spread():
    text = sweep_report.render(make_record((10.0, 20.0), seeds=(3,)))
    assert not any("fill" in trace for trace in figures_of(text)["curves"]["data"])
    assert " ± " not in Page(text).visible()


def test_mean_ends_where_the_first_seed_diverges():
    figure = figures_of(sweep_report.render(make_record((None,))))["curves"]
    assert trace(figure, "other trials")["x"] == [100, 200, None]
    assert trace(figure, "diverged")["x"] == [200]


def test_hundreds_of_trials_share_one_trace():
    figure = figures_of(sweep_report.render(make_record([float(score % 90) for score in range(300)], seeds=(0,))))[
        "curves"
    ]
    others = trace(figure, "other trials")
    assert len(figure["data"]) == 1 + len(sweep_report.CURVE_COLORS)
    assert len(set(others["customdata"])) == 300 - len(sweep_report.CURVE_COLORS)
    assert len(others["x"]) == len(others["customdata"]) == (POINTS + 1) * (300 - len(sweep_report.CURVE_COLORS))


def test_inactive_hyperparameters_leave_their_panel():
    text = sweep_report.render(make_record((10.0, 30.0, 20.0)))
    panel = figures_of(text)["panel-3"]
    assert sorted(x for trace in panel["data"] for x in trace["x"]) == [0.01, 0.03]
    assert ("span", "1 inactive") in Page(text).texts


def test_hyperparameter_inactive_everywhere_has_no_plot():
    record = make_record()
    record.trials["target_kl"] = math.nan
    page = Page(sweep_report.render(record))
    assert "panel-3" not in page.ids()
    assert ("p", "inactive in every trial") in page.texts


def test_hyperparameters_may_be_named_like_what_the_report_computes():
    record = make_record(hyperparameters=["size", "x", "hover", "drawn"])
    record.trials[["size", "x", "hover", "drawn"]] = [7, 8, 9, 5]
    figures = figures_of(sweep_report.render(record))
    assert [figures[f"panel-{index}"]["layout"]["xaxis"]["tickvals"] for index in range(4)] == [[7], [8], [9], [5]]


def test_panel_axes_fit_their_hyperparameter(text):
    figures = figures_of(text)
    assert figures["panel-0"]["layout"]["xaxis"]["type"] == "log"
    assert figures["panel-1"]["layout"]["xaxis"]["ticktext"] == ["relu", "tanh"]
    assert figures["panel-2"]["layout"]["xaxis"]["ticktext"] == ["false", "true"]


def test_table_is_ranked_and_carries_raw_sort_keys():
    record = make_record((10.0, None, 30.0))
    record.trials["env_steps"] = [1_234_567, 2, 3]
    text = sweep_report.render(record)
    rows = re.findall(r'<tr class="([a-z ]+)">(.*?)</tr>', text, flags=re.DOTALL)
    assert [name for name, _ in rows] == ["completed incumbent", "completed", "diverged"]
    assert 'data-key="1234567">1\u202f234\u202f567</td>' in text
    assert f"<td>{pages.MISSING}</td>" in rows[2][1], "inactive cells have no sort key"


def test_parents_get_a_column_where_there_are_any(text):
    assert ("button", "parent") not in Page(text).texts
    record = make_record()
    record.trials["parent"] = pd.array([pd.NA, 0, 1], dtype="Int64")
    assert ("button", "parent") in Page(sweep_report.render(record)).texts


def test_settings_are_shown_whatever_they_hold():
    settings = {"fixed": {}, "space": {"gamma": {"low": 0.9, "log": True}}, "seeds": [0, 1], "budget": None}
    page = Page(sweep_report.render(make_record(settings=settings_of(settings))))
    for term, value in (
        ("fixed", pages.MISSING),
        ("gamma", "low 0.9, log true"),
        ("seeds", "0, 1"),
        ("budget", pages.MISSING),
    ):
        assert ("dt", term) in page.texts
        assert ("dd", value) in page.texts


def test_write_report_makes_folders_and_repeats_itself(tmp_path):
    record = make_record()
    path = sweep_report.write_report(record, tmp_path / "new" / "report.html")
    assert path == tmp_path / "new" / "report.html"
    assert path.read_text(encoding="utf-8") == sweep_report.render(record)


def test_import_leaves_jax_alone():
    code = "import hpo.reports.sweep_report, sys; sys.exit('jax' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (64.0, "64"),
        (1e-5, "1e-5"),
        (0.000316228, "0.0003162"),
        (True, "true"),
        (None, pages.MISSING),
        (12345.67, "12345.7"),
    ],
)
def test_values_are_short(value, text):
    assert pages.text(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(0.0, "0 s"), (42.13, "42.1 s"), (59.97, "60 s"), (3840, "1 h 04 min")])
def test_durations_name_their_unit(seconds, text):
    assert pages.duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("worst", "best", "text"), [(0, 500, "1.2"), (-1, 1, "1.23"), (-1800, -100, "1.2"), (0, 0.01, "1.2346")]
)
def test_scores_resolve_a_thousandth_of_the_return_range(worst, best, text):
    assert pages.score_format((worst, best))(1.23456) == text


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (-5.2, -1.4, [1e-5, 1e-4, 1e-3, 1e-2]),
        (0.5, 2.2, [5, 10, 20, 50, 100]),
        (-0.1, 0.8, [1, 2, 5]),
        (-8, -1, [1e-8, 1e-6, 1e-4, 1e-2]),
    ],
)
def test_log_ticks_are_round_and_few(low, high, ticks):
    assert sweep_report._round_logs(low, high) == pytest.approx(ticks)
