"""The HTML report: what stands on the page, that it fetches nothing, and that no name can break it."""

import html.parser
import json
import math
import re
import subprocess
import sys
from types import SimpleNamespace

import pandas as pd
import pytest
import tiny
import vl_convert
from browser import Browser

from arl.records.sweep import SweepRecord
from arl.text import duration
from hpo.reports import pages, sweep_figures, sweep_report, theme

POINTS = 4
HYPERPARAMETERS = ["learning_rate", "activation", "normalize", "target_kl"]


class Record(SimpleNamespace):
    """The parts of a sweep's record that the report reads."""

    @property
    def ranked(self):
        """The trials by fidelity, then score, equals in their order; those that diverged come last."""
        order = ["status", "fidelity", "score", "trial"]
        rows = self.trials.sort_values(order, ascending=[True, False, False, True])
        return list(rows[["trial", "status", "score"]].itertuples())


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
    record = Record(
        records={},  # without them, the figures of all hyperparameters together are left out
        space={"hyperparameters": []},
        answers=None,
        remarks=[],
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
        is_schedule=False,
    )
    return Record(**{**vars(record), **changes})


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


def make_schedule(scores=(10.0, 30.0, 20.0), **changes):
    """A sweep whose trials each go on from the one before, for 400 env steps."""
    record = make_record(scores, **changes)
    record.is_schedule = len(scores) > 1
    record.trials["parent"] = record.trials["trial"].shift().astype("Int64")
    for table in (record.trials, record.curves):
        table["fidelity" if table is record.trials else "env_steps"] += 400 * table["trial"]
    last = record.trials.iloc[-1]
    if last.status == "completed":
        record.incumbent |= {"trial": int(last.trial), "score": last.score}
    return record


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


def drawing_of(text):
    """The figures of a page and their tables; raises where they are not strict JSON."""
    found = re.search(r'<script id="drawing" type="application/json">(.*?)</script>', text, flags=re.DOTALL)
    return json.loads(found.group(1), parse_constant=pytest.fail)


def trials_of(text, outcome=None):
    """Rows of the trials that the figures draw, by their number."""
    rows = sorted(drawing_of(text)["tables"]["trials"], key=lambda row: row["trial"])
    return [row for row in rows if outcome is None or row["outcome"].startswith(outcome)]


def compiled(drawing, name):
    """The Vega specification of a figure; raises where Vega-Lite does not accept it."""
    figure = {**drawing["figures"][name], "datasets": drawing["tables"]}
    return vl_convert.vegalite_to_vega(theme.themed(figure))


def encodings(figure):
    """The encoding of each layer."""
    return [layer["encoding"] for layer in figure["layer"]]


@pytest.fixture(autouse=True)
def no_vega(monkeypatch):
    """A megabyte of Vega would slow down every test that parses a page."""
    monkeypatch.setattr(theme, "javascript", lambda: "const vega = null;")


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
        make_record((None, None), curves=make_record().curves.assign(return_mean=math.nan)),
        make_schedule(),
        make_schedule((10.0, None)),
    ],
    ids=[
        "plain",
        "one trial",
        "all diverged",
        "one seed",
        "bare",
        "negative scores",
        "no returns",
        "schedule",
        "diverged schedule",
    ],
)
def test_every_plot_has_a_figure_that_vega_lite_accepts(record):
    page_text = sweep_report.render(record)
    page, drawing = Page(page_text), drawing_of(page_text)
    wanted = {attrs["data-figure"] for _, attrs in page.tags if "data-figure" in attrs}
    assert wanted == set(drawing["figures"])
    assert {f"panel-{index}" for index in range(4)} < page.ids()
    for name in drawing["figures"]:
        compiled(drawing, name)


def test_colors_of_figures_are_defined_in_the_page(text):
    names = set(re.findall(r'{"expr":"([a-z0-9]+)"}', text))
    assert {"accent", "series1"} <= names
    assert all(text.count(f"--{name}:") == 2 for name in names), "once for light, once for dark"
    assert all(name in drawing_of(text)["colors"][ground] for name in names for ground in ("light", "dark"))


def test_page_fetches_nothing(text):
    assert not re.search(r"https?:|@import|url\(|\bsrc=|src:|srcset|fetch\(|<iframe", text)
    assert [attrs["href"] for tag, attrs in Page(text).tags if "href" in attrs] == ["data:,"]
    assert "default-src 'none'" in text


def test_vega_is_inlined_once_and_kept(monkeypatch, tmp_path):
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    theme.javascript.cache_clear()
    text = sweep_report.render(make_record((1.0,)))
    assert "vegaEmbed" in text
    assert text.count("</script>") == 3, "Vega itself must not end its element"
    (kept,) = (tmp_path / "arl").iterdir()
    assert kept.read_text(encoding="utf-8") in text
    kept.write_text("kept")
    theme.javascript.cache_clear()
    assert theme.javascript() == "kept"
    theme.javascript.cache_clear()


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
    drawing = drawing_of(text)
    assert drawing["tables"]["trials"][0]["text0"] == nasty, "Vega draws text, and its tooltips escape it"
    compiled(drawing, "panel-0")


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
    text = sweep_report.render(record)
    rows = sorted(trials_of(text), key=lambda row: row["finished"])
    assert [row["best"] for row in rows] == [None, 30.0, 30.0, 30.0]
    assert [row["finished"] for row in rows] == [1, 2, 3, 4]
    assert [row["env_steps"] for row in rows] == [800, 1600, 2400, 3200]
    figures = drawing_of(text)["figures"]
    for name, field in (("incumbent-trials", "finished"), ("incumbent-env-steps", "env_steps")):
        line, points, _ = figures[name]["layer"]
        assert line["mark"]["interpolate"] == "step-after"
        assert [layer["encoding"]["x"]["field"] for layer in (line, points)] == [field, field]


def test_incumbent_is_of_the_highest_fidelity_so_far():
    record = make_record((50.0, 20.0, 60.0, 30.0))
    record.trials["fidelity"] = [100, 400, 100, 400]
    record.incumbent = {"trial": 3, "score": 30.0, "score_std": 0.5, "config": {}}
    text = sweep_report.render(record)
    assert [row["best"] for row in trials_of(text)] == [50.0, 20.0, 20.0, 30.0]
    assert re.findall(r'data-group="(.*?)"', text) == ["trial-3", "trial-1", "trial-2", "trial-0"]


def test_sweep_that_has_only_begun_has_a_page():
    space = {"hyperparameters": [{"name": "learning_rate", "log": True}]}
    record = SweepRecord(
        "demo", tiny.sweep_settings(trials=3, seeds=(0,)), provenance={}, timing={}, space=space, records={}
    )
    assert "no trial completed" in Page(sweep_report.render(record)).visible()


def test_diverged_trials_stand_at_the_worst_return():
    text = sweep_report.render(make_record((-70.0, None), return_range=(-500.0, -60.0)))
    assert [row["score"] for row in trials_of(text, "diverged")] == [-500.0]
    for encoding in encodings(drawing_of(text)["figures"]["incumbent-trials"]):
        assert encoding["y"]["scale"]["domain"][0] < -500.0


def test_failed_trials_have_no_curve():
    record = make_record((10.0, None, 30.0))
    record.trials["status"] = ["completed", "failed", "completed"]
    record.curves = record.curves[record.curves["trial"] != 1]
    text = sweep_report.render(record)
    assert [row["finished"] for row in trials_of(text, "failed")] == [2]
    assert "other trial" not in Page(text).visible()


@pytest.mark.parametrize("columns", ["all", "of an empty record"])
def test_all_failed_shows_no_incumbent(columns):
    record = make_record((None, None))
    record.trials["status"] = record.runs["status"] = "failed"
    record.curves = record.curves[:0] if columns == "all" else pd.DataFrame(columns=list(record.curves)[:7])
    text = sweep_report.render(record)
    assert "No incumbent" in Page(text).visible()
    assert [row["score"] for row in trials_of(text, "failed")] == [0.0, 0.0]


def test_all_diverged_shows_no_incumbent():
    text = sweep_report.render(make_record((None, None)))
    assert "No incumbent" in Page(text).visible()
    assert "no trial completed" in text
    assert [row["best"] for row in trials_of(text)] == [None, None]


def test_where_no_return_is_there_to_draw_the_page_says_so():
    record = make_record((None, None))
    record.curves["return_mean"] = math.nan
    text = sweep_report.render(record)
    assert "there is no curve to draw" in Page(text).visible()
    assert "curves" not in Page(text).ids()
    line, *_ = drawing_of(text)["figures"]["incumbent-trials"]["layer"]
    assert line["transform"] == [{"filter": "isValid(datum.best)"}], "an incumbent that is not there has no line"


@pytest.mark.parametrize("scores", [(5.0,), (None,)], ids=["completed", "no return"])
def test_picture_of_a_training_says_where_there_is_nothing_to_draw(tmp_path, scores):
    record = make_record(scores)
    if scores == (None,):
        record.curves["return_mean"] = math.nan
    text = sweep_figures.save_curve(record, tmp_path / "curve.svg").read_text()
    assert ("Nothing to draw" in text) == (scores == (None,))
    lines = re.findall(r'aria-roledescription="line mark" d="([^"]+)"', text)
    assert [line.count("L") for line in lines] == ([] if scores == (None,) else [POINTS - 1] * 3), (
        "two seeds and a mean"
    )


def test_axes_of_env_steps_have_whole_numbers():
    drawing = drawing_of(sweep_report.render(make_record((5.0,))))
    axes = [compiled(drawing, name)["axes"] for name in ("curves", "incumbent-trials")]
    steps = [axis for each in axes for axis in each if axis.get("title") in ("env steps", "trials finished")]
    assert [axis["tickMinStep"] for axis in steps] == [1, 1]


def test_schedule_is_one_curve_and_the_values_of_its_hyperparameters_over_env_steps():
    text = sweep_report.render(make_schedule())
    page, drawing = Page(text), drawing_of(text)
    assert "incumbent" not in page.ids()
    assert {"Learning curve of the schedule", "Hyperparameters over env steps"} < {words for _, words in page.texts}
    rows = drawing["tables"]["curves"]
    assert [row["env_steps"] for row in rows] == [100.0 * point for point in range(1, 3 * POINTS + 1)]
    assert {row["group"] for row in rows} == {"trial-2"}
    assert [(row["start"], row["end"], row["value0"]) for row in trials_of(text)] == [
        (0, 400, 0.0001),
        (400, 800, 0.001),
        (800, 1200, 0.01),
    ]
    panel = drawing["figures"]["panel-0"]["encoding"]
    assert (panel["x"]["field"], panel["x2"]["field"], panel["y"]["field"]) == ("start", "end", "value0")
    assert panel["y"]["scale"]["type"] == "log"


def test_schedule_that_diverges_ends_at_a_cross():
    drawing = drawing_of(sweep_report.render(make_schedule((10.0, None))))
    assert [row["env_steps"] for row in drawing["tables"]["ends"]] == [600]


def test_curve_band_reaches_from_the_lowest_to_the_highest_seed():
    drawing = drawing_of(sweep_report.render(make_record((40.0,), seeds=(0, 1, 5))))
    rows = drawing["tables"]["curves"]
    assert [row["env_steps"] for row in rows] == [100, 200, 300, 400]
    assert [row["mean"] for row in rows] == [12.0, 22.0, 32.0, 42.0]
    assert [row["low"] for row in rows] == [10.0, 20.0, 30.0, 40.0]
    assert [row["high"] for row in rows] == [15.0, 25.0, 35.0, 45.0]
    *_, band, mean, _ = encodings(drawing["figures"]["curves"])
    assert (band["y"]["field"], band["y2"]["field"], mean["y"]["field"]) == ("low", "high", "mean")


def test_one_seed_has_neither_band_nor_spread():
    text = sweep_report.render(make_record((10.0, 20.0), seeds=(3,)))
    drawing = drawing_of(text)
    assert all(row["low"] == row["high"] for row in drawing["tables"]["curves"])
    band = drawing["figures"]["curves"]["layer"][2]
    assert {"filter": "datum.high > datum.low"} in band["transform"]
    assert " ± " not in Page(text).visible()


def test_mean_ends_where_the_first_seed_diverges():
    tables = drawing_of(sweep_report.render(make_record((None,))))["tables"]
    assert [row["env_steps"] for row in tables["curves"]] == [100, 200]
    assert [row["env_steps"] for row in tables["ends"]] == [200]


def test_hundreds_of_trials_are_one_group():
    drawing = drawing_of(sweep_report.render(make_record([float(score % 90) for score in range(300)], seeds=(0,))))
    rows = drawing["tables"]["curves"]
    assert {row["group"] for row in rows[: -5 * POINTS]} == {"others"}, "the top trials are drawn last"
    assert len({row["trial"] for row in rows if row["group"] == "others"}) == 300 - sweep_figures.NUM_TOP
    assert len({row["group"] for row in rows}) == 1 + sweep_figures.NUM_TOP


def test_inactive_hyperparameters_leave_their_panel():
    text = sweep_report.render(make_record((10.0, 30.0, 20.0)))
    assert [row["value3"] for row in trials_of(text)] == [0.01, None, 0.03]
    _, *points, _ = drawing_of(text)["figures"]["panel-3"]["layer"]
    assert all({"filter": "isValid(datum.value3)"} in layer["transform"] for layer in points)
    assert ("span", "1 inactive") in Page(text).texts


def test_hyperparameter_inactive_everywhere_has_no_plot():
    record = make_record()
    record.trials["target_kl"] = math.nan
    text = sweep_report.render(record)
    page = Page(text)
    assert "panel-3" not in page.ids()
    assert "panel-3" not in drawing_of(text)["figures"]
    assert ("p", "inactive in every trial") in page.texts


def test_hyperparameters_may_be_named_like_what_the_report_computes():
    record = make_record(hyperparameters=["area", "best", "text0", "value0"])
    record.trials[["area", "best", "text0", "value0"]] = [7, 8, 9, 5]
    row = trials_of(sweep_report.render(record))[0]
    assert [row[f"value{index}"] for index in range(4)] == [7, 8, 9, 5]
    assert (row["area"], row["best"]) != (7, 8)


def test_panel_axes_fit_their_hyperparameter(text):
    figures = drawing_of(text)["figures"]
    axes = [figures[f"panel-{index}"]["layer"][0]["encoding"]["x"] for index in range(3)]
    assert axes[0]["scale"]["type"] == "log"
    assert [axis["type"] for axis in axes] == ["quantitative", "nominal", "nominal"]
    assert {row["value1"] for row in trials_of(text)} == {"relu", "tanh"}
    assert {row["value2"] for row in trials_of(text)} == {"false", "true"}


def test_table_is_ranked_and_carries_raw_sort_keys():
    record = make_record((10.0, None, 30.0))
    record.trials["env_steps"] = [1_234_567, 2, 3]
    text = sweep_report.render(record)
    rows = re.findall(r'<tr class="([a-z ]+)" data-trial="\d">(.*?)</tr>', text, flags=re.DOTALL)
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


def test_import_leaves_what_trains_and_tunes_alone():
    modules = "import hpo.cli.commands, hpo.reports.sweep_report, sys"
    code = f"{modules}; sys.exit(bool({{'jax', 'ConfigSpace'}} & set(sys.modules)))"
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
    assert duration(seconds).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("worst", "best", "text"), [(0, 500, "1.2"), (-1, 1, "1.23"), (-1800, -100, "1.2"), (0, 0.01, "1.2346")]
)
def test_scores_resolve_a_thousandth_of_the_return_range(worst, best, text):
    assert pages.score_format((worst, best))(1.23456) == text


@pytest.mark.parametrize(
    ("values", "log", "number_format"),
    [
        ([1e-5, 1e-2], True, theme.POWER),
        ([0.5, 100.0], True, theme.DECIMALS),
        ([64, 128], True, theme.DECIMALS),
        ([10_000, 20_000], False, theme.COUNT),
        ([0.0, 0.5], False, theme.DECIMALS),
        ([], False, theme.DECIMALS),
    ],
)
def test_labels_are_powers_where_a_logarithmic_axis_needs_them(values, log, number_format):
    assert theme.number_format(values, log) == number_format


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1366, False)], ids=["phone, dark", "desktop, light"])
def test_it_is_drawn_by_a_browser(monkeypatch, browser, tmp_path, width, dark):
    monkeypatch.undo()
    nasty = "<img src=x onerror=alert(1)>"
    record = make_record((10.0, None, 30.0, 20.0), hyperparameters=[*HYPERPARAMETERS, nasty])
    record.trials[nasty] = nasty
    training = ["arl", "train", "--from", "it's", "--seeds", "10"]
    report = sweep_report.write_report(record, tmp_path / "report.html", training=training)
    browser.open(report, width=width, dark=dark)
    browser.wait("views.size === document.querySelectorAll('.plot').length")
    assert browser.errors == []
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    assert browser.js("performance.getEntriesByType('resource').length") == 0
    assert browser.js("document.images.length") == 0
    assert browser.js("document.querySelector('.plot svg.marks').style.backgroundColor") == (
        "rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)"
    )
    browser.js("document.querySelector('[data-group=\"trial-3\"]').focus()")
    browser.key("Enter", 13, "\r")
    assert browser.js("document.activeElement.getAttribute('aria-pressed')") == "false"
    browser.wait("views.get(document.getElementById('curves')).signal('hidden').length === 1")
    browser.js("document.querySelector('.copy').click()")
    browser.wait("document.querySelector('.copy').textContent === 'copied'")
    assert browser.js("getSelection().toString().trim()") == "arl train --from 'it''s' --seeds 10".replace(
        "''", "'\"'\"'"
    )
    browser.js("document.querySelector('[data-figure=\"incumbent-env-steps\"]').click()")
    browser.wait("document.getElementById('incumbent').textContent.includes('env steps, all trials and seeds')")
    assert browser.errors == []


# The centre, in px of the window, of the mark of a trial in the first figure.
CENTRE = """(() => {
  const plot = document.getElementById("incumbent");
  const { x, y } = plot.querySelector(".marks").getBoundingClientRect();
  const [dx, dy] = views.get(plot).origin().map((length) => length + 5); // of padding
  const items = views.get(plot).scenegraph().root.items[0].items.flatMap((mark) => mark.items);
  const item = items.find(({ shape, datum }) => shape && datum?.trial === %s);
  return [x + dx + item.x, y + dy + item.y];
})()"""


def test_selected_trials_are_those_of_figures_table_and_address(monkeypatch, browser, tmp_path):
    monkeypatch.undo()
    path = sweep_report.write_report(make_record(tuple(range(0, 80, 5))), tmp_path / "report.html")
    browser.open(path)
    browser.wait("views.size === document.querySelectorAll('.plot').length")
    browser.js("document.querySelector('tr[data-trial=\"3\"] td').click()")
    shown = "[...views.values()].map((view) => view.signal('selected'))"
    browser.wait(f"{shown}.every((trials) => String(trials) === '3')")
    assert browser.js("location.hash") == "#trials=3"
    assert browser.js("document.querySelector('#selection b').textContent") == "1 trial selected"
    x, y = browser.js(CENTRE % "15")
    browser.drag((x, y), (x, y))
    browser.wait("selected.size === 2 && selected.has(15)")
    browser.open(path, "#trials=3,15,x")
    browser.wait("views.size === document.querySelectorAll('.plot').length")
    assert browser.js("document.querySelectorAll('tr[aria-selected=\"true\"]').length") == 2
    assert browser.js("views.get(document.getElementById('curves')).signal('selected')") == [3, 15]
    browser.key("Escape", 27)
    browser.wait("document.getElementById('selection').hidden && !location.hash")


def test_a_box_selects_the_trials_in_it(monkeypatch, browser, tmp_path):
    monkeypatch.undo()
    browser.open(sweep_report.write_report(make_record(tuple(range(0, 80, 5))), tmp_path / "report.html"))
    browser.wait("views.size === document.querySelectorAll('.plot').length")
    (left, top), (right, bottom) = (browser.js(CENTRE % trial) for trial in ("6", "9"))
    browser.drag((left - 6, top + 6), (right + 6, bottom - 6))
    browser.wait("selected.size > 0")
    assert browser.js("[...selected].sort((a, b) => a - b)") == [6, 7, 8, 9]
    assert browser.errors == []


def test_of_many_trials_the_best_and_every_incumbent_are_drawn(monkeypatch):
    monkeypatch.setattr(sweep_figures, "MOST_TRIALS", 20)
    monkeypatch.setattr(sweep_figures, "MOST_CURVES", 10)
    monkeypatch.setattr(sweep_report, "MOST_ROWS", 5)
    falling = tuple(map(float, range(60)[::-1]))
    text = sweep_report.render(make_record(falling))
    assert [row["trial"] for row in trials_of(text)] == [*range(10), *range(10, 60, 5)]
    assert "Of 60 trials 20 are drawn" in Page(text).visible()
    assert "5 of 55 other trials" in Page(text).visible()
    assert "The best 5 of 60" in Page(text).visible()
    assert len(trials_of(sweep_report.render(make_record(falling[::-1])))) == 60, "each is a new incumbent"
