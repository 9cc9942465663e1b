"""The command line as a user meets it: what each command prints and leaves, and that bad input is one line."""

import contextlib
import io
import json
import math
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pandas as pd
import pytest
import tiny
from tiny import FIDELITY

import hpo
import landscapes
from arl.text import seed_list
from arl.training import saved_agents
from hpo import plans, tasks
from hpo.cli import commands, parsing
from hpo.cli import train as train_command
from hpo.cli.main import main

ARL = Path(sys.executable).with_name("arl")
TASK = "ppo/ProbeMatching"
SMALL = [word for name, value in tiny.STATICS.items() for word in ("--set", f"{name}={value}")]
SWEEP = ["sweep", TASK, "--space", "full", "--fidelity", FIDELITY, "--tuner", f"{tiny.__file__}:Halving"]
SWEEP += ["--trials", 7, "--seeds", 2, "--batch", 2, "--name", "first"]
UNSET = ["train", TASK, *SMALL, "--fidelity", FIDELITY, "--seeds", "0,3"]
TRAIN = [*UNSET, "--set", "learning_rate=3e-3"]


def arl(directory, *words):
    """Run a command in this process and a directory: its exit status, and what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with (
        own_ctrl_c(),
        contextlib.chdir(directory),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["arl", *map(str, words)]),
        pytest.raises(SystemExit) as stop,
    ):
        main()
    return SimpleNamespace(status=stop.value.code, out=out.getvalue(), err=err.getvalue())


def changed(words, *more):
    """Return the words of a command with options replaced, or added if it has none of that name."""
    words = [*words]
    for option, value in zip(more[::2], more[1::2], strict=True):
        if option in words:
            place = words.index(option)
            del words[place : place + 2]
        words += [option, value]
    return words


@contextlib.contextmanager
def own_ctrl_c():
    """Restore pytest's answer to Ctrl-C, which the command replaces."""
    handler = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, handler)


@pytest.fixture(autouse=True)
def no_store_of_the_users(monkeypatch):
    monkeypatch.delenv("ARL_STORE", raising=False)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Return a directory in which a sweep was run, and what that printed."""
    directory = tmp_path_factory.mktemp("swept")
    with mock.patch.dict("os.environ"):
        return directory, arl(directory, *SWEEP)


@pytest.fixture
def home(swept, tmp_path):
    """Return a copy of the directory with the sweep."""
    return shutil.copytree(swept[0], tmp_path / "home")


def files(directory):
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_a_sweep_prints_its_best_trials_and_leaves_its_store(swept):
    directory, done = swept
    assert done.status == 0
    assert files(directory) == ["results/store.sqlite"]
    header, best, *rest = [line for line in done.out.splitlines() if line.strip() and "──" not in line]
    record = landscapes.load("first", directory / "results" / "store.sqlite")
    assert header.split()[:4] == ["trial", "fidelity", "score", "score_std"]
    assert "learning_rate" in header
    assert best.split()[:3] == ["6", str(FIDELITY), f"{record.incumbent['score']:.4g}"]
    assert rest[-3].startswith("7 trials (0 diverged), 720 env steps")
    assert rest[-2] == "more: arl show first    report: arl report first"
    assert rest[-1] == "train the incumbent under new seeds: arl train --from first --seeds 10"
    assert done.err.splitlines()[0].startswith("sweep first: ppo/ProbeMatching (full space)")
    assert "7/7 trials" in done.err.splitlines()[-1]


def test_the_same_command_again_trains_nothing(home):
    before = landscapes.load("first", home / "results" / "store.sqlite")
    done = arl(home, *SWEEP, "--json")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["trials"] == 7
    assert landscapes.load("first", home / "results" / "store.sqlite") == before


def test_json_is_one_document(home):
    record = landscapes.load("first", home / "results" / "store.sqlite")
    done = arl(home, "show", "first", "--json")
    assert (done.status, done.err) == (0, "")
    summary = json.loads(done.out)
    assert summary["incumbent"] == record.incumbent
    assert (summary["sweep"], summary["task"], summary["seeds"]) == ("first", TASK, [0, 1])
    assert (summary["trials"], summary["diverged"], summary["env_steps"]) == (7, 0, 720)


LOUD = """
from hpo.tuners.sobol import Sobol

class Loud(Sobol):
    def ask(self, n):
        print("asked")
        return super().ask(n)

    def tell(self, results):
        raise ValueError("[gp] :smile:")
"""


def test_what_a_tuner_prints_is_no_part_of_the_document(tmp_path):
    (tmp_path / "loud.py").write_text(LOUD)
    on_table = ["sweep", "ppo/CartPole-v1", "--objective", "table", "--trials", 2]
    done = arl(tmp_path, *on_table, "--tuner", "loud.py:Loud", "--json")
    assert (done.status, done.out) == (2, "")
    printed, line = done.err.splitlines()
    assert printed == "asked"
    assert line == "arl: tuner 'loud.py:Loud' failed in tell: ValueError: [gp] :smile: (loud.py, line 10)"


ON_LANDSCAPES = (
    "sweep ppo/CartPole-v1 --objective table --tuner random --trials 2",
    "sweep sac/Pendulum-v1 --objective surrogate --tuner sobol --trials 2",
    "sweep ppo/Acrobot-v1 --objective exact --tuner default --trials 1",
    "compare --objective table --tasks ppo/CartPole-v1 --tuners sobol --repeats 1 --budget 2",
)


def test_a_landscape_answers_without_jax_and_on_no_device(tmp_path):
    commands = [f"app({words.split()}, standalone_mode=False)" for words in ON_LANDSCAPES]
    code = "; ".join(["import sys", "from hpo.cli.main import app", *commands, "sys.exit('jax' in sys.modules)"])
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    record = hpo.load_sweep("ppo-CartPole-v1-random-table-0", tmp_path / "results" / "store.sqlite")
    assert {"arl", "jax", "machine"} <= set(record.provenance)
    assert "device" not in record.provenance


@pytest.mark.parametrize("tuner", ["successive_halving", "hyperband"])
def test_a_tuner_of_several_fidelities_trains_to_the_end_by_default(tmp_path, tuner):
    line = ["sweep", "ppo/CartPole-v1", "--objective", "table", "--tuner", tuner, "--name", "a", "--json"]
    summary = json.loads(arl(tmp_path, *line).out)
    assert summary["incumbent"]["fidelity"] == 100_000
    assert 60 * 100_000 < summary["env_steps"] <= 64 * 100_000
    assert not [remark for remark in summary["remarks"] if "full fidelity" in remark]


def test_a_sweep_that_reaches_no_full_run_says_so(tmp_path):
    line = ["sweep", "ppo/CartPole-v1", "--objective", "table", "--tuner", "successive_halving", "--trials", 2]
    printed = arl(tmp_path, *line, "--budget", 8, "--name", "a").out
    assert "no trial reached the full fidelity of 100,000 env steps, the highest is 11,111: raise the budget" in printed


def test_sweeps_are_deleted(home):
    assert arl(home, "delete", "fir*").out.splitlines() == ["first", "not deleted: say --yes"]
    assert landscapes.load("first", home / "results" / "store.sqlite").trials.size
    assert arl(home, "delete", "fir*", "--yes").out.splitlines() == ["first", "deleted"]
    store = hpo.Store(home / "results" / "store.sqlite")
    assert (store.names(), store.trials("first")) == ([], {})
    assert arl(home, "delete", "first").status == 2


def test_show_gives_the_top(home):
    done = arl(home, "show", "first", "--top", 2)
    assert (done.status, done.err) == (0, "")
    assert "report: not written yet; write it with  arl report first" in done.out
    rows = [line.split() for line in done.out.splitlines() if line.strip()[:1].isdigit()]
    assert [row[0] for row in rows[:2]] == ["6", rows[1][0]]
    assert rows[1][0] in ("4", "5")
    assert len(rows) == 3, "two trials and the line of costs"


def test_report_is_written_where_it_is_said(home):
    done = arl(home, "report", "first")
    assert (done.status, done.out, done.err) == (0, "results/first.html\n", "")
    page = (home / "results" / "first.html").read_text()
    assert TASK in page
    assert "report: results/first.html" in arl(home, "show", "first").out
    assert arl(home, "report", "first", "--out", "new/page.html").out == "new/page.html\n"
    assert (home / "new" / "page.html").is_file()


def test_export_writes_parquet(home):
    record = landscapes.load("first", home / "results" / "store.sqlite")
    done = arl(home, "export", "first", "exported")
    assert (done.status, done.out, done.err) == (0, "exported\n", "")
    trials = pd.read_parquet(home / "exported" / "trials.parquet")
    pd.testing.assert_frame_equal(trials, record.trials, check_exact=True)
    refused = arl(home, "export", "first", "exported")
    assert refused.status == 2
    assert refused.err.startswith("arl: export directory must be new or empty")


def test_the_command_on_record_gives_the_same_sweep(home):
    store = home / "results" / "store.sqlite"
    before = landscapes.load("first", store)
    words = shlex.split(shlex.join(commands.of_sweep(before)))
    assert words[0] == "arl"
    done = arl(home, *words[1:])
    assert done.status == 0, done.err
    assert landscapes.load("first", store) == before


def test_the_command_on_record_holds_the_options(tmp_path):
    store = tmp_path / "store.sqlite"
    settings = {"trials": 2, "fidelity": FIDELITY, "options": {"pause": 0.0}, "space": "full", "batch": 2, "name": "a"}
    record = hpo.sweep(TASK, f"{tiny.__file__}:Halving", store=store, **settings)
    done = arl(tmp_path, *commands.of_sweep(record)[1:], "--store", store, "--json")
    assert done.status == 0, done.err
    assert landscapes.load("a", store) == record


@pytest.mark.parametrize("words", [["sweep", "--trials", 1, "--space", "full", "--tuner", "default"], ["train"]])
def test_episodes_of_an_evaluation_are_recorded_and_repeated(tmp_path, words):
    store = tmp_path / "results" / "store.sqlite"
    command, *options = words
    values = [word.replace("--set", "--fix") if command == "sweep" else word for word in SMALL]
    done = arl(tmp_path, command, TASK, *options, *values, "--fidelity", FIDELITY, "--episodes", 5, "--name", "few")
    assert done.status == 0, done.err
    record = landscapes.load("few", store)
    assert record.settings.task.num_episodes == 5
    again = commands.of_sweep(record)
    assert again[again.index("--episodes") + 1] == "5"
    assert arl(tmp_path, *again[1:]).status == 0
    assert landscapes.load("few", store) == record


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a directory in which a config was trained, and what that printed."""
    directory = tmp_path_factory.mktemp("trained")
    with mock.patch.dict("os.environ"):
        return directory, arl(directory, *TRAIN, "--name", "mine")


def test_train_draws_its_curve_and_saves_its_agents(trained):
    directory, done = trained
    assert done.status == 0, done.err
    assert files(directory) == [
        "results/agents/mine/seed0.agent",
        "results/agents/mine/seed3.agent",
        "results/mine.png",
        "results/store.sqlite",
    ]
    assert (directory / "results" / "mine.png").read_bytes().startswith(b"\x89PNG")
    assert "ppo/ProbeMatching: episode return over env steps" in done.out
    assert "picture: results/mine.png" in done.out
    assert "agents:  results/agents/mine (2 files)" in done.out
    record = landscapes.load("mine", directory / "results" / "store.sqlite")
    assert record.runs.seed.tolist() == [0, 3]
    assert record.settings.task.fixed["learning_rate"] == 3e-3
    assert record.settings.task.fixed["hidden_size"] == tiny.STATICS["hidden_size"]


def test_the_curve_has_no_terminal_codes(trained):
    assert "\x1b" not in trained[1].out


def test_what_was_set_is_shown(trained):
    assert (
        "set: num_envs 4, num_steps 5, num_epochs 1, minibatch_size 16, hidden_size 32, num_layers 1, "
        in trained[1].out
    )
    assert arl(trained[0], "show", "mine").out.splitlines()[-5].endswith("num_layers 1, learning_rate 0.003")
    assert json.loads(arl(trained[0], "show", "mine", "--json").out)["set"] == {**tiny.STATICS, "learning_rate": 3e-3}


def test_one_is_not_told_as_many(trained):
    assert "tuner default, 1 trial x 2 seeds" in trained[1].err
    assert "1/1 trial " in trained[1].err
    assert "1 trial (0 diverged)" in trained[1].out


@pytest.mark.parametrize(("seeds", "text"), [((7,), "7,"), ((0, 1), "0,1")])
def test_a_single_seed_is_told_from_a_number_of_seeds(seeds, text):
    assert seed_list(seeds) == text
    assert parsing.seeds(text) == list(seeds)


def test_a_saved_agent_can_be_loaded(trained):
    saved = saved_agents.load(trained[0] / "results" / "agents" / "mine" / "seed3.agent")
    assert (saved.seed, saved.env_steps, saved.config.learning_rate) == (3, FIDELITY, 3e-3)


def test_training_again_trains_nothing(trained):
    directory, _ = trained
    store = directory / "results" / "store.sqlite"
    before = landscapes.load("mine", store)
    done = arl(directory, *TRAIN, "--name", "mine", "--json")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["agents"] == [f"results/agents/mine/seed{seed}.agent" for seed in (0, 3)]
    assert landscapes.load("mine", store) == before


def test_the_command_on_record_trains_the_same(trained):
    directory, _ = trained
    store = directory / "results" / "store.sqlite"
    before = landscapes.load("mine", store)
    done = arl(directory, *commands.of_sweep(before)[1:], "--json")
    assert done.status == 0, done.err
    assert landscapes.load("mine", store) == before


def test_agents_that_were_lost_are_trained_again_to_the_same(trained, tmp_path):
    home = shutil.copytree(trained[0], tmp_path / "home")
    lost = home / "results" / "agents" / "mine" / "seed0.agent"
    before = lost.read_bytes()
    lost.unlink()
    assert arl(home, *TRAIN, "--name", "mine", "--json").status == 0
    assert lost.read_bytes() == before


def test_training_that_diverges_at_once_has_its_table(tmp_path):
    done = arl(tmp_path, "train", TASK, *SMALL, "--set", "learning_rate=3e38", "--fidelity", FIDELITY)
    assert (done.status, "1 diverged" in done.out) == (0, True), done.err


@pytest.mark.parametrize(
    ("body", "cause"),
    [("raise ValueError('no\\nwhere')", "ValueError: no where (broken.py, line 6)"), ("return None", "TypeError: ")],
)
def test_an_objective_that_fails_is_one_line(tmp_path, body, cause):
    code = f"import hpo\n\n\nclass Broken(hpo.Objective):\n    def evaluate(self, trials, on_segment=None):\n        {body}\n"
    (tmp_path / "broken.py").write_text(code)
    done = arl(tmp_path, "sweep", TASK, "--objective", "broken.py:Broken", "--trials", 2, "--json")
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert done.err.startswith(f"arl: objective 'broken.py:Broken' failed in evaluate: {cause}")


@pytest.mark.parametrize("name", ["", "../outside", "..", "-first", "two\nlines", "\x1b[31mred", "x" * 231])
@pytest.mark.parametrize(
    "words",
    [["sweep", TASK, "--trials", 1], ["compare", "--tuners", "sobol", "--tasks", TASK], TRAIN],
    ids=lambda w: w[0],
)
def test_a_name_that_can_not_be_a_files_is_refused(tmp_path, words, name):
    done = arl(tmp_path, *words, f"--name={name}")
    assert done.err.startswith("arl: name must be that of a file without its folder, of 1 to 230 bytes")
    assert (done.status, done.err.count("\n"), list(tmp_path.iterdir())) == (2, 1, [])


def test_a_command_that_is_printed_quotes_the_name(tmp_path):
    words = ["sweep", "ppo/CartPole-v1", "--objective", "table", "--trials", 1, "--name", "it's mine"]
    assert f"arl show {shlex.quote('it' + chr(39) + 's mine')} " in arl(tmp_path, *words).out


def test_a_long_default_name_is_cut(monkeypatch):
    plan = plans.plan("ppo/CartPole-v1", "default", trials=1)
    names = [train_command.default_name(plan, "ppo-CartPole-v1", {"gamma": 0.9, "x" * 300: value}) for value in (1, 2)]
    assert all(name.startswith("train-ppo-CartPole-v1-gamma=0.9-xxx") for name in names)
    assert [len(name) for name in names] == [230, 230]
    assert names[0] != names[1]


@pytest.fixture
def read_only(tmp_path, monkeypatch):
    """Return a directory that nothing may be written to; the user of the tests may be one who can write anywhere."""
    folder = tmp_path / "mine"
    folder.mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != folder and access(path, mode))
    return folder


def test_nothing_is_trained_that_can_not_be_recorded(tmp_path, read_only):
    done = arl(tmp_path, *TRAIN, "--store", read_only / "store.sqlite")
    assert (
        done.err.splitlines()[-1]
        == f"arl: store '{read_only}/store.sqlite' can't be written: '{read_only}' is read-only"
    )
    assert (done.status, "env steps/s" in done.err, list(read_only.iterdir())) == (2, False, [])


def test_nothing_is_trained_whose_agents_can_not_be_saved(tmp_path, read_only):
    done = arl(tmp_path, *TRAIN, "--out", read_only / "new")
    assert done.err == f"arl: out must be a directory that can be written to, got '{read_only}/new'\n"
    assert (done.status, list(read_only.iterdir())) == (2, [])


def test_a_network_that_does_not_fit_is_one_line(tmp_path):
    done = arl(tmp_path, "train", "ppo/CartPole-v1", "--set", "network=cnn", "--fidelity", 2000)
    assert (done.status, done.err.count("\n")) == (2, 1)
    assert done.err.startswith("arl: network 'cnn' must take observations float32[4], got ")


def test_agents_of_another_config_are_not_taken_for_its_own(trained, tmp_path):
    home = shutil.copytree(trained[0], tmp_path / "home")
    done = arl(home, *UNSET, "--set", "learning_rate=0.01", "--name", "mine", "--store", "other.sqlite", "--json")
    assert done.status == 0, done.err
    for file in json.loads(done.out)["agents"]:
        assert saved_agents.load(home / file).config.learning_rate == 0.01


@pytest.mark.parametrize(
    ("seeds", "fidelity", "end"),
    [
        (1, None, "seeds=1"),
        ([0], 100_000, "seeds=1"),
        (10, 200, "seeds=10-fidelity=200"),
        ([7], None, "seeds=7,"),
        ([3, 0], None, "seeds=3,0"),
    ],
)
def test_names_of_trained_configs(seeds, fidelity, end):
    plan = plans.plan(tasks.get("ppo/CartPole-v1", "full", fidelity), "default", trials=1, seeds=seeds)
    assert (
        train_command.default_name(plan, "ppo-CartPole-v1", {"gamma": 0.9}) == f"train-ppo-CartPole-v1-gamma=0.9-{end}"
    )


def test_a_config_that_diverges_is_recorded(tmp_path):
    done = arl(tmp_path, *UNSET, "--set", "learning_rate=3e38", "--json")
    assert done.status == 0, done.err
    summary = json.loads(done.out)
    assert (summary["diverged"], summary["incumbent"]) == (1, None)
    assert summary["sweep"].endswith("-learning_rate=3e+38-seeds=0,3-fidelity=200")
    record = landscapes.load(summary["sweep"], tmp_path / "results" / "store.sqlite")
    assert record.trials.status.tolist() == ["diverged"]
    assert record.trials.score.tolist() == [tiny.WORST]
    shown = arl(tmp_path, "show", summary["sweep"])
    assert (shown.status, shown.err) == (0, "")
    assert "1 trial (1 diverged)" in shown.out
    assert arl(tmp_path, "report", summary["sweep"]).status == 0


def test_a_sweep_tells_of_its_failed_trials(tmp_path):
    words = ["sweep", TASK, "--space", "full", "--fidelity", FIDELITY, "--tuner", "hasty.py:Hasty", "--trials", 3]
    (tmp_path / "hasty.py").write_text(
        "import tiny\nfrom hpo.trial import Trial\n"
        "class Hasty(tiny.Listed):\n"
        "    def __init__(self, space, fidelity):\n"
        "        config = tiny.config(space, 1e-3)\n"
        "        super().__init__([Trial(i, config, steps) for i, steps in enumerate((19, 20, 7))])\n"
    )
    done = arl(tmp_path, *words, "--name", "hasty", "--json")
    assert done.status == 0, done.err
    assert (json.loads(done.out)["failed"], json.loads(done.out)["diverged"]) == (2, 0)
    shown = arl(tmp_path, "show", "hasty")
    assert (shown.status, shown.err) == (0, "")
    assert "3 trials (0 diverged, 2 failed), 20 env steps" in shown.out
    assert "1 failed: fidelity must allow one iteration of 20 env steps, got 19" in shown.out
    assert "status" in shown.out
    assert arl(tmp_path, "report", "hasty").status == 0
    assert arl(tmp_path, "export", "hasty", "exported").status == 0


def test_a_sweep_of_which_all_trials_fail_ends_with_status_1(tmp_path):
    words = ["sweep", TASK, "--space", "full", "--fidelity", FIDELITY, "--tuner", "hasty.py:Hasty", "--trials", 1]
    (tmp_path / "hasty.py").write_text(
        "import tiny\nfrom hpo.trial import Trial\n"
        "class Hasty(tiny.Listed):\n"
        "    def __init__(self, space, fidelity):\n"
        "        super().__init__([Trial(0, tiny.config(space, 1e-3), 7)])\n"
    )
    done = arl(tmp_path, *words, "--name", "hasty")
    assert (done.status, "1 trial (0 diverged, 1 failed)" in done.out) == (1, True)
    assert "score_std" not in done.out, "one seed has no deviation"


def test_train_may_be_evaluated_more_often_than_it_iterates(tmp_path):
    done = arl(tmp_path, *changed(TRAIN, "--fidelity", 5 * tiny.ITERATION), "--json")
    assert done.status == 0, done.err


def test_an_environment_of_the_users_own_is_trained_on(tmp_path):
    code = "from envs.probes import Matching\nclass Mine(Matching):\n    return_range = (-9.0, 0.0)\n"
    (tmp_path / "mine.py").write_text(f"{code}print('no part of the document')\n")
    done = arl(tmp_path, *TRAIN[:1], "ppo/mine.py:Mine", *TRAIN[2:], "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["task"] == "ppo/mine.py:Mine"
    assert "no part of the document" in done.err
    missing = arl(tmp_path, "train", "ppo/mine.py:Yours")
    assert missing.status == 2
    assert missing.err.startswith("arl: environment 'mine.py:Yours': unknown name 'Yours'")


COMMANDS = {
    "sweep": ("--tuner", "--trials", "--budget", "--seeds", "--name", "--space", "--fidelity", "--batch", "--option"),
    "train": ("--set", "--seeds", "--name", "--fidelity", "--out", "--store", "--json"),
    "show": ("name", "--top", "--store", "--json"),
    "report": ("name", "--out", "--store"),
    "export": ("name", "directory", "--store"),
    "list": ("tasks, envs, tuners, objectives", "--store", "--json"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_help(tmp_path, command):
    done = arl(tmp_path, command, "--help")
    assert (done.status, done.err) == (0, "")
    assert f"arl {command} [OPTIONS]" in done.out
    for word in COMMANDS[command]:
        assert word.lower() in done.out.lower()


@pytest.mark.parametrize("command", [[], ["show"], ["landscape", "query"]])
def test_h_is_short_for_help(tmp_path, command):
    assert arl(tmp_path, *command, "-h").out == arl(tmp_path, *command, "--help").out != ""


def test_all_of_several_bounds_hold():
    bounds = parsing.bounds(["kl<=0.1", "kl<=0.5", "kl>=0.02", "kl>=0.01", "auc>=3"])
    assert bounds == {"kl": (0.02, 0.1), "auc": (3.0, math.inf)}


def test_help_of_all(tmp_path):
    done = arl(tmp_path, "--help")
    assert (done.status, done.err) == (0, "")
    assert all(command in done.out for command in COMMANDS)


def test_no_command_is_answered_by_the_help(tmp_path):
    done = arl(tmp_path)
    assert all(command in done.out for command in COMMANDS)
    assert done.err == ""


LISTED = {
    "tasks": ("task", ["ppo/CartPole-v1", "ppo/Pendulum-v1"]),
    "envs": ("env", ["CartPole-v1", "Acrobot-v1", "ProbeChoice"]),
    "tuners": ("tuner", ["default", "grid", "random", "sobol"]),
    "algorithms": ("hyperparameter", ["learning_rate", "num_envs"]),
    "networks": ("network", ["mlp", "mlp_layer_norm", "cnn"]),
    "spaces": ("hyperparameter", ["learning_rate", "minibatch_size"]),
    "sweeps": ("sweep", ["first"]),
}


@pytest.mark.parametrize("what", LISTED)
def test_lists(home, what):
    key, expected = LISTED[what]
    plain, as_json = arl(home, "list", what), arl(home, "list", what, "--json")
    assert (plain.status, plain.err, as_json.status, as_json.err) == (0, "", 0, "")
    rows = json.loads(as_json.out)
    assert set(expected) <= {row[key] for row in rows}
    assert all(set(row) == set(rows[0]) for row in rows)
    assert all(name in plain.out for name in [*expected, *rows[0]])


def test_a_list_of_sweeps_has_their_settings(home):
    (first,) = json.loads(arl(home, "list", "sweeps", "--json").out)
    assert (first["task"], first["trials"]) == (TASK, 7)
    rows = json.loads(arl(home, "list", "algorithms", "--json").out)
    assert {(row["algorithm"], row["hyperparameter"]): row for row in rows}["ppo", "num_epochs"] == {
        "algorithm": "ppo",
        "hyperparameter": "num_epochs",
        "kind": "shared",
        "default": 10,
    }
    objectives = json.loads(arl(home, "list", "objectives", "--json").out)
    assert [row["objective"] for row in objectives] == ["training", "table", "exact", "pool", "surrogate"]
    spaces = json.loads(arl(home, "list", "spaces", "--json").out)
    wanted = {"task": "ppo/CartPole-v1", "space": "published", "hyperparameter": "learning_rate"}
    assert {**wanted, "values": "in [1e-06, 0.1] (log)", "default": 3e-4} in spaces


def test_a_list_of_nothing_says_none(tmp_path):
    assert arl(tmp_path, "list", "sweeps").out == "none\n"
    assert json.loads(arl(tmp_path, "list", "sweeps", "--json").out) == []
    assert files(tmp_path) == []


@pytest.fixture
def littered(tmp_path):
    """Return a directory with files of all kinds, as users have them."""
    (tmp_path / "note.txt").write_text("hello\n")
    (tmp_path / "folder").mkdir()
    (tmp_path / "broken.py").write_text("def (\n")
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    def ask(self, n): return []\n    def tell(self, results): pass\n"
        "class Deaf:\n    def ask(self, n): return []\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("sweeep", "No such command 'sweeep'"),
        ("sweep", "Missing argument"),
        ("show", "Missing argument"),
        ("--nope", "No such option: --nope"),
        ("sweep ppo/ProbeChoice --trails 3", "No such option: --trails"),
        ("sweep ppo/ProbeChoices", "unknown task 'ppo/ProbeChoices'"),
        ("sweep ProbeChoice", "unknown task 'ProbeChoice'"),
        ("sweep a2c/CartPole-v1", "unknown task 'a2c/CartPole-v1': did you mean 'pqn/CartPole-v1'?"),
        ("sweep ppo/note.txt:Env", "environment 'note.txt:Env' does not import"),
        ("sweep ppo/ProbeChoice --tuner rundom", "unknown tuner 'rundom': did you mean 'random'?"),
        ("sweep ppo/ProbeChoice --space fall", "unknown space 'fall': did you mean 'full'?"),
        ("sweep ppo/ProbeChoice --trials many", "Invalid value for '--trials'"),
        ("sweep ppo/ProbeChoice --trials 1.5", "Invalid value for '--trials'"),
        ("sweep ppo/ProbeChoice --trials 0", "trials must be positive"),
        ("sweep ppo/ProbeChoice --trials -4", "trials must be positive"),
        ("sweep ppo/ProbeChoice --budget x", "Invalid value for '--budget'"),
        ("sweep ppo/ProbeChoice --budget -1", "budget must be positive"),
        ("sweep ppo/ProbeChoice --budget nan", "budget must be positive"),
        ("sweep ppo/ProbeChoice --batch 0", "batch must be positive"),
        ("sweep ppo/ProbeChoice --fidelity 0", "fidelity must be at least 1 env step, got 0"),
        ("sweep ppo/ProbeChoice --fidelity x", "Invalid value for '--fidelity'"),
        ("sweep ppo/ProbeChoice --tuner-seed -1", "tuner_seed must be at least 0, got -1"),
        ("sweep ppo/ProbeChoice --seeds two", "seeds must be a number, or numbers with commas between, got 'two'"),
        ("sweep ppo/ProbeChoice --episodes 0", "episodes must be at least 1, got 0"),
        ("train ppo/ProbeChoice --episodes -1", "episodes must be at least 1, got -1"),
        ("sweep ppo/ProbeChoice --fidelity 1.5", "must be a whole number, such as 100000 or 1e5, got '1.5'"),
        (
            "sweep ppo/ProbeChoice --trials 3 --trials 4",
            "arl: --trials must be given once, got it twice",
        ),
        ("sweep ppo/ProbeChoice --seeds 1,,2", "seeds must be a number, or numbers with commas between, got '1,,2'"),
        ("show first --front auc --front parameters", "arl: --front must be given once, got it twice"),
        ("landscape query ppo/CartPole-v1 --top 1 --top 2", "arl: --top must be given once, got it twice"),
        ("sweep ppo/ProbeChoice --seeds 0", "seeds must name at least one seed"),
        ("sweep ppo/ProbeChoice --seeds -1", "seeds must name at least one seed"),
        ("sweep ppo/ProbeChoice --seeds ,", "seeds must name at least one seed"),
        ("sweep ppo/ProbeChoice --seeds 999999999999", "(test seeds start at 1000), got 1000"),
        ("sweep ppo/ProbeChoice --seeds 1,1", "seeds must differ"),
        ("sweep ppo/ProbeChoice --seeds 0,1000", "(test seeds start at 1000), got 1000"),
        ("sweep ppo/ProbeChoice --seeds 0,-2", "got -2"),
        ("sweep ppo/ProbeChoice -o points=3", "unknown option 'points' of tuner 'random'"),
        ("sweep ppo/ProbeChoice --tuner grid -o point=3", "did you mean 'points'?"),
        ("sweep ppo/ProbeChoice --tuner grid -o points", "option must be given as name=value, got 'points'"),
        ("sweep ppo/ProbeChoice --tuner grid -o points=3 -o points=4", "option must be given once, got points twice"),
        ("sweep ppo/ProbeChoice --tuner grid -o points=many", "points"),
        ("sweep ppo/ProbeChoice --tuner missing.py:Mine", "no file 'missing.py'"),
        ("sweep ppo/ProbeChoice --tuner broken.py:Mine", "does not import: SyntaxError"),
        ("sweep ppo/ProbeChoice --tuner mine.py:Mina", "unknown name 'Mina': did you mean 'Mine'?"),
        ("sweep ppo/ProbeChoice --tuner mine.py:Deaf", "must have a method 'tell'"),
        ("sweep ppo/ProbeChoice --tuner nowhere:Mine", "No module named 'nowhere'"),
        ("sweep ppo/ProbeChoice --store note.txt", "is no arl store"),
        ("sweep ppo/ProbeChoice --store folder", "store must be a file"),
        ("sweep ppo/ProbeChoice --store sqlite:///x?timeout=y", "store must be a file or an SQLAlchemy URL"),
        ("sweep ppo/ProbeChoice --store nosuch://x", "store must be a file or an SQLAlchemy URL"),
        ("list sweeps --store note.txt", "is no arl store"),
        ("list task", "unknown listing 'task': did you mean 'tasks'?"),
        ("show first", "unknown sweep 'first' in results/store.sqlite: known are none"),
        ("show first --top 0", "Invalid value for '--top'"),
        ("report first", "unknown sweep or comparison 'first' in results/store.sqlite"),
        ("export first new", "unknown sweep 'first' in results/store.sqlite"),
        ("train ppo/Nowhere", "unknown task 'ppo/Nowhere'"),
        ("train ppo/ProbeChoice --seeds 1.5", "seeds must be a number"),
        ("train ppo/ProbeChoice --set learning_rat=1", "did you mean 'learning_rate'?"),
        ("train ppo/ProbeChoice --set learning_rate", "hyperparameter must be given as name=value"),
        ("train ppo/ProbeChoice --set gamma=0.9 --set gamma=0.8", "hyperparameter must be given once, got gamma twice"),
        ("train ppo/ProbeChoice --set learning_rate=fast", "learning_rate must be of type float, got 'fast'"),
        ("train ppo/ProbeChoice --set learning_rate=-1", "learning_rate must be >= 0"),
        ("train ppo/ProbeChoice --set num_envs=0", "num_envs must be >= 1"),
        ("train ppo/ProbeChoice --set activation=gelu", "activation must be one of tanh, relu"),
        ("train ppo/ProbeChoice --set anneal_steps=99999999999", "anneal_steps must be"),
        ("train ppo/ProbeChoice --fidelity 999", "must allow one iteration of 1024"),
        ("train ppo/ProbeChoice --fidelity 999 --set num_envs=100", "must allow one iteration of 12800"),
        ("sweep ppo/ProbeChoice --fidelity 999", "must allow one iteration of 1024"),
        ("sweep ppo/ProbeChoice --tuner mine.py:Mine", "must ask for at least one trial"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(littered, line, message):
    before = files(littered)
    done = arl(littered, *shlex.split(line))
    assert done.status == 2
    assert len(done.err.splitlines()) == 1
    assert done.err.startswith("arl: ")
    assert message in done.err
    assert done.out == ""
    assert [name for name in files(littered) if "__pycache__" not in name] == before


def test_names_of_sweeps_are_near(home):
    done = arl(home, "show", "fist")
    assert (done.status, done.out) == (2, "")
    assert done.err == "arl: unknown sweep 'fist' in results/store.sqlite: did you mean 'first'? known are first\n"


def test_a_name_that_is_taken_is_one_line(home):
    done = arl(home, *changed(SWEEP, "--trials", 6), "--json")
    assert (done.status, done.out) == (2, "")
    assert done.err == "arl: sweep name 'first' is taken by a sweep with trials 7, not 6: choose another --name\n"


@pytest.mark.parametrize(
    "words",
    [
        ["export", "first", "results/store.sqlite"],
        ["report", "first", "--out", "."],
        ["report", "first", "--out", "results/store.sqlite/page.html"],
        [*TRAIN, "--out", "results/store.sqlite"],
    ],
    ids=lambda words: f"{words[0]} to {words[-1]}",
)
def test_what_can_not_be_written_is_one_line(home, words):
    done = arl(home, *words, *["--json"] * (words[0] == "train"))
    assert (done.status, done.out) == (2, "")
    assert len(done.err.splitlines()) == 1


def test_a_store_that_is_locked_is_one_line(home):
    store = home / "results" / "store.sqlite"
    holder = sqlite3.connect(store)
    holder.execute("BEGIN EXCLUSIVE")
    for words in (["show", "first"], [*SWEEP, "--json"], ["list", "sweeps"]):
        done = arl(home, *words, "--store", f"sqlite:///{store}?timeout=0.05")
        assert (done.status, done.out) == (2, "")
        assert done.err == f"arl: store 'sqlite:///{store}?timeout=0.05' can't be read: database is locked\n"
    holder.close()


def test_the_installed_command_keeps_its_promises(tmp_path):
    done = subprocess.run([ARL, "sweep", "ppo/Nowhere"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.startswith("arl: unknown task 'ppo/Nowhere'")
    assert files(tmp_path) == []


@pytest.mark.parametrize("line", ["list envs", "list envs --json", "list spaces --json", "--help"])
def test_a_reader_that_goes_away_is_not_worth_a_word(tmp_path, line):
    """Whether the pipe breaks while a table is printed, while the rest of a short document is flushed, or in the help."""
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([ARL, *line.split()], cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")
