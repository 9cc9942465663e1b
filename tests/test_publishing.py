"""`arl report` of comparisons and sweeps: rebuilt from the store, with figures and tables as files of their own."""

import json

import pandas as pd
import pytest
from test_cli import arl

import hpo
from arl.records.store import Store
from hpo.comparisons import recorded
from hpo.reports import publishing, theme

TASKS = ["ppo/CartPole-v1", "ppo/Pendulum-v1"]


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return a folder with the store of a comparison and a sweep on landscapes, and the comparison."""
    folder = tmp_path_factory.mktemp("compared")
    store = Store(folder / "results" / "store.sqlite")
    settings = {"repeats": 2, "budget": 4, "objective": "table", "name": "big", "store": store}
    hpo.sweep("ppo/CartPole-v1", objective="table", trials=3, seeds=2, name="first", store=store)
    return folder, hpo.compare(["sobol", Backwards], TASKS, **settings)


class Backwards:
    """Asks for configs of a random search under ids that fall."""

    def __init__(self, space, fidelity, seed):
        self.space, self.fidelity, self.seed, self.next = space, fidelity, seed, 100

    def ask(self, n):
        ids = range(self.next, self.next - n, -1)
        self.next -= n
        return [hpo.Trial(i, hpo.spaces.sample(self.space, [self.seed, i]), self.fidelity) for i in ids]

    def tell(self, results):
        pass


def test_a_comparison_is_rebuilt_from_the_store(compared):
    folder, comparison = compared
    again = recorded.load("big", folder / "results" / "store.sqlite")
    assert again.settings == comparison.settings
    for frame in ("summary", "by_task", "costs", "pairs", "incumbents", "curves", "anytime"):
        pd.testing.assert_frame_equal(getattr(again, frame), getattr(comparison, frame), check_exact=True)
    assert again.scales == comparison.scales
    assert [list(swept.order) for swept in again.swept] == [list(swept.order) for swept in comparison.swept]


def test_the_report_of_a_comparison_is_written_by_name(compared):
    folder, comparison = compared
    done = arl(folder, "report", "big", "--csv", "--latex", "--svg")
    assert (done.status, done.err) == (0, "")
    paths = done.out.splitlines()
    assert paths[0] == "results/big/report.html"
    assert "results/big/report/anytime-ppo-Pendulum-v1.svg" in paths
    page = (folder / paths[0]).read_text()
    assert "arl</span> <span>compare" in page
    summary = pd.read_csv(folder / "results/big/report/summary.csv")
    pd.testing.assert_frame_equal(summary, comparison.summary, check_dtype=False)
    latex = (folder / "results/big/report/summary.tex").read_text()
    assert latex.count(r"\\") == 1 + len(comparison.summary)
    assert not set("\u2212\u202f\u00a0\u00b1\u2013") & set(latex)
    picture = (folder / "results/big/report/anytime-score.svg").read_text()
    assert all(f">{tuner}<" in picture for tuner in comparison.tuners), "the legend names the lines"


def test_figures_and_tables_of_a_sweep_are_written(compared):
    folder, _ = compared
    record = hpo.load_sweep("first", folder / "results" / "store.sqlite")
    done = arl(folder, "report", "first", "--out", "out/page.html", "--png", "--csv")
    assert (done.status, done.err) == (0, "")
    paths = [folder / path for path in done.out.splitlines()]
    assert paths[0] == folder / "out" / "page.html"
    assert {path.parent for path in paths[1:]} == {folder / "out" / "page"}
    assert {"learning_rate.png", "curves.png", "incumbent-trials.png", "parallel.png", "trials.csv", "runs.csv"} <= {
        p.name for p in paths
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in paths if path.suffix == ".png")
    assert pd.read_csv(folder / "out/page/trials.csv").score.tolist() == record.trials.score.tolist()


def test_a_picture_has_all_data_that_it_names(compared):
    _, comparison = compared
    from hpo.reports import comparison_figures

    charts, data = comparison_figures.figures(comparison), comparison_figures.tables(comparison)
    for name, chart in charts.items():
        spec = theme.standalone(chart, data, publishing.WIDTH, publishing.HEIGHT)
        assert spec["width"] == publishing.WIDTH
        named = {part.split('"')[0] for part in json.dumps(spec).split('"data": {"name": "')[1:]}
        assert named <= spec["datasets"].keys(), name


def test_a_comparison_that_was_stopped_is_not_reported(compared, tmp_path):
    folder, _ = compared
    store = Store(tmp_path / "results" / "store.sqlite")
    (before,) = Store(folder / "results" / "store.sqlite").comparisons()
    values = {**vars(before), "ended_at": None}
    store.set_comparison(type(before)(**values))
    done = arl(tmp_path, "report", "big")
    assert (done.status, done.out) == (2, "")
    assert done.err == (
        "arl: comparison 'big' must have ended, got one that was stopped: the same command goes on with it\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["bog"], "unknown sweep or comparison 'bog' in results/store.sqlite: did you mean 'big'?"),
        (
            ["big", "--out", "results/store.sqlite/page.html"],
            "the folder of out must be a directory, got 'results/store",
        ),
    ],
)
def test_bad_input_is_one_line(compared, words, message):
    done = arl(compared[0], "report", *words)
    assert (done.status, done.out, done.err.count("\n")) == (2, "", 1)
    assert message in done.err


def test_a_comparison_that_is_repeated_stays_as_it_is_on_record(compared):
    folder, _ = compared
    store = Store(folder / "results" / "store.sqlite")
    before = store.comparisons()
    settings = {"repeats": 2, "budget": 4, "objective": "table", "name": "big", "store": store}
    hpo.compare(["sobol", Backwards], TASKS, **settings)
    assert store.comparisons() == before
