"""Tables and the progress line on terminals of several widths: no number is cut or wrapped, and no time is lost."""

import io
import re
from types import SimpleNamespace

import pytest
import tiny
from rich.console import Console

from hpo import plans, progress
from hpo.cli import tables

CONFIG = {"learning_rate": 0.002084, "num_epochs": 9, "minibatch_size": 128, "gae_lambda": 0.9123, "clip_eps": 0.2345}
CONFIG |= {"ent_coef": 0.001234, "vf_coef": 0.5123, "max_grad_norm": 0.7, "normalize_advantage": True}
LONG = "Grid search: every combination of a few values per hyperparameter, and what else there is to say of it."


def trials(num):
    """Return rows such as `arl show` has them, each with a score of its own."""
    return [{"trial": i, "fidelity": 100_000, "score": 400 + i / 8, "score_std": 71.04, **CONFIG} for i in range(num)]


def printed(rows, width):
    """Return the lines that rows give on a terminal of a width."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    for part in tables.fitting(rows, width):
        console.print(part)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    return lines


def words(lines):
    return [word for line in lines for word in line.split()]


@pytest.mark.parametrize("width", [80, 100, 128, 200])
@pytest.mark.parametrize("num", [1, 5, 10])
def test_few_rows_keep_all_their_columns(width, num):
    rows = trials(num)
    shown = words(printed(rows, width))
    for row in rows:
        assert all(f"{value:.4g}" if isinstance(value, float) else str(value) in shown for value in row.values())
    assert shown.count("0.002084") == num
    assert not [word for word in shown if "…" in word]


@pytest.mark.parametrize(("width", "is_on_its_side"), [(80, True), (128, True), (200, False)])
def test_a_table_that_is_too_wide_is_turned_on_its_side(width, is_on_its_side):
    heading = next(line for line in printed(trials(5), width) if line.strip())
    assert heading.split() == ["trial", *("01234" if is_on_its_side else list(trials(1)[0])[1:])]


@pytest.mark.parametrize("width", [80, 100, 128])
def test_many_rows_lose_columns_and_say_which(width):
    lines = printed(trials(60), width)
    heading = next(line for line in lines if line.strip()).split()
    note = " ".join(words(lines[-4:]))
    left_out = [name for name in trials(1)[0] if name not in heading]
    assert f"not shown for lack of width: {', '.join(left_out)}; --json has them" in note
    assert sum(line.split()[:1] == ["59"] for line in lines) == 1


def test_texts_wrap_between_words_and_numbers_do_not():
    rows = [{"tuner": "grid", "class": "hpo.tuners.grid:Grid", "what": LONG, "number": 123456.0}]
    lines = printed(rows, 80)
    assert "hpo.tuners.grid:Grid" in words(lines)
    assert "123456" in words(lines)
    assert set(LONG.split()) <= set(words(lines))


def test_lines_of_words_wrap_on_a_terminal_only(capsys, monkeypatch):
    line = "16 trials (0 diverged), 3,194,880 env steps; total\N{NO-BREAK SPACE}81.0\N{NO-BREAK SPACE}s  learning-rate"
    tables.print_words(line)
    assert capsys.readouterr().out == line.replace("\N{NO-BREAK SPACE}", " ") + "\n"
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "54")
    tables.print_words(line)
    assert capsys.readouterr().out.splitlines() == [
        "16 trials (0 diverged), 3,194,880 env steps;",
        "total 81.0 s  learning-rate",
    ]


def test_what_fits_is_one_table_with_headings():
    lines = printed([{"a": 1, "b": "x"}, {"a": None, "b": "y"}], 80)
    assert [line.split() for line in lines if line.strip() and "─" not in line] == [["a", "b"], ["1", "x"], ["y"]]


@pytest.mark.parametrize("width", [60, 80, 100, 128, 200])
def test_the_progress_line_keeps_its_times_and_cuts_no_number(width):
    console = Console(file=io.StringIO(), width=width, force_terminal=True, highlight=False, soft_wrap=True)
    view = progress.SweepView(console)
    view.started(plans.plan(tiny.task(), "random", trials=64, seeds=2), "a-sweep-with-a-long-name" * 3, 0)
    view.begun -= 100
    view.live.tasks[0].start_time -= 100
    view.segment(SimpleNamespace(env_steps=1_000_000, words="", details=()))
    view.trial(tiny.trial_record(12, score=-123.4, status="completed"))
    (line,) = [line for line in text(view.live).splitlines() if "left" in line]
    view.closed()
    assert len(line) <= width
    assert re.search(r" 0:01:40 +left +\d+:\d\d:\d\d", line)
    assert "1/64 trials" in line
    assert ("incumbent -123.4 (trial 12)" in line) is (width > 60)
    assert "env steps/s" in line or width < 100
    assert "…" not in line.replace("a-sweep-with-a-long-name", "") or width >= 150, "only the name may be cut"


def text(live):
    console = Console(file=io.StringIO(), width=live.console.width, highlight=False)
    console.print(live.get_renderable())
    return console.file.getvalue()
