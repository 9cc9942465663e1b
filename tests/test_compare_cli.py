"""`arl compare` as a user meets it."""

import json

import pandas as pd
import pytest
import tiny
from test_cli import arl, changed, files

TASK = "ppo/ProbeMatching"
HALVING = f"{tiny.__file__}:Halving"
COMPARE = ["compare", "--tuners", HALVING, "--tasks", TASK, "--space", "full", "--fidelity", tiny.FIDELITY]
COMPARE += ["--repeats", 2, "--budget", 2, "--seeds", 1, "--test-seeds", 2, "--no-baselines", "--name", "mine"]


@pytest.fixture(autouse=True)
def no_store_of_the_users(monkeypatch):
    monkeypatch.delenv("ARL_STORE", raising=False)


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return a directory in which tuners were compared, and what that printed."""
    directory = tmp_path_factory.mktemp("compared")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("ARL_STORE", raising=False)
        return directory, arl(directory, *COMPARE)


def test_it_prints_a_table_and_leaves_report_and_data(compared):
    directory, done = compared
    assert done.status == 0
    tables = [f"results/mine/{name}.parquet" for name in ("curves", "incumbents", "runs")]
    assert files(directory) == [*tables[:2], "results/mine/report.html", tables[2], "results/store.sqlite"]
    header, row, *rest = [line for line in done.out.splitlines() if line.strip() and "──" not in line]
    assert header.split()[:4] == ["tuner", "score", "95", "%"]
    assert row.split()[0] == HALVING
    assert "no test of ranks: rank tests need at least 3 tasks, got 1" in rest
    assert rest[-1] == "report: results/mine/report.html    data: results/mine/*.parquet"
    assert done.err.startswith("sweep 1/2 mine-ppo-ProbeMatching-")
    assert "4 incumbents under test seeds, mine-ppo-ProbeMatching-test-1000-1001" in done.err
    assert set(pd.read_parquet(directory / tables[2]).seed) == {0, 1, 1000, 1001, 1002, 1003}


def test_the_same_command_again_gives_the_same_as_json(compared):
    directory, _ = compared
    before = pd.read_parquet(directory / "results" / "mine" / "curves.parquet")
    done = arl(directory, *COMPARE, "--json")
    assert (done.status, done.err) == (0, "")
    told = json.loads(done.out)
    assert [row["tuner"] for row in told["tuners"]] == [HALVING]
    assert told["tuners"][0]["score"] == pytest.approx(before.score[before.point == 31].mean())
    pd.testing.assert_frame_equal(pd.read_parquet(directory / "results" / "mine" / "curves.parquet"), before)
    again = arl(directory, *told["command"][1:], "--json")
    assert json.loads(again.out)["tuners"] == told["tuners"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--tuners", "sobl"], "arl: unknown tuner 'sobl': did you mean 'sobol'? known are"),
        (["--tuners", ","], "arl: tuners must name at least one, got none"),
        (["--tasks", "ppo/CartPole"], "arl: unknown task 'ppo/CartPole': did you mean 'ppo/CartPole-v1'?"),
        (["--repeats", 0], "arl: repeats must be at least 1, got 0"),
        (["--budget", 0], "arl: budget must be positive and finite, got 0.0"),
        (["--budget", "many"], "arl: Invalid value for '--budget': Input should be a valid number"),
        (["--test-seeds", "999999999999"], "arl: test seeds must be at most 1000, got 999999999999"),
        (["--test-seeds", "1000,0"], "arl: test seeds must not be tuning seeds, got 0 as both"),
        (["--seeds", "x"], "arl: seeds must be a number, or numbers with commas between, got 'x'"),
        (["--space", "fll"], "arl: unknown space 'fll': did you mean 'full'?"),
        (["--fidelity", "100,x"], "arl: fidelity must be a number, or one per task with commas between, got '100,x'"),
        (["--fidelity", "100,200"], "arl: fidelity must be one number, or one per task (1), got 2"),
        (["-o", "pause=1"], "arl: option must be given as tuner.name=value, got 'pause=1'"),
        (["-o", f"{HALVING}.paus=1"], f"arl: unknown option 'paus' of tuner '{HALVING}': did you mean 'pause'?"),
        (["-o", f"{HALVING}.pause=1", "-o", f"{HALVING}.pause=2"], "arl: option must be given once, got pause twice"),
        (["-o", "sobol.x=1"], "arl: unknown tuner with options 'sobol'"),
        (["--out", "file"], "arl: out must be a directory, got 'file'"),
    ],
)
def test_bad_input_is_one_line(tmp_path, words, line):
    (tmp_path / "file").write_text("")
    repeated = words if words[0] == "-o" else []
    done = arl(tmp_path, *(COMPARE if repeated else changed(COMPARE, *words)), *repeated)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(line)
    assert done.err.count("\n") == 1
    assert files(tmp_path) == ["file"]


def test_options_go_to_their_tuner(compared):
    directory, _ = compared
    done = arl(directory, *changed(COMPARE, "--name", "other"), "-o", f"{HALVING}.pause=0.0", "--json")
    assert json.loads(done.out)["settings"]["tuners"] == {HALVING: {"pause": 0.0}}


def test_a_broken_tuner_is_one_line_and_the_others_are_reported(compared):
    directory, _ = compared
    (directory / "broken.py").write_text(
        "class Broken:\n    def ask(self, n):\n        return 7\n    def tell(self, results):\n        pass\n"
    )
    words = [*COMPARE]
    words[words.index(HALVING)] = f"{HALVING},broken.py:Broken"
    done = arl(directory, *words)
    assert done.status == 2
    reason = "tuner 'broken.py:Broken' must give a list of trials, got 7"
    assert done.err.splitlines()[-1] == f"arl: sweep 'mine-ppo-ProbeMatching-broken.py.Broken-0': {reason}"
    assert HALVING in done.out
    assert reason.replace("'", "&#39;") in (directory / "results" / "mine" / "report.html").read_text()
