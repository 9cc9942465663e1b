"""The dashboard: what its pages hold, what a real browser makes of them, and that they follow a sweep."""

import contextlib
import dataclasses
import html
import json
import math
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.parse
import urllib.request

import examples
import numpy as np
import psutil
import pytest
import test_report
import test_studies
from browser import Browser
from tiny import PROVENANCE, sweep_settings, trial_record
from typer.testing import CliRunner

import hpo
from arl import spaces
from arl.errors import InputError
from arl.records import ranking
from arl.records.store import PointRecord, RunRecord, Store, TrialRecord
from hpo.cli import commands
from hpo.cli.main import app as arl
from hpo.dashboard import rows as tables_of_sweeps
from hpo.dashboard import server
from hpo.dashboard.library import Library
from hpo.reports import surrogate, sweep_figures, sweep_report

NASTY = "<img src=x onerror=alert(1)>"
NUM_TRIALS, FIDELITY, SEEDS = 40, 400, (0, 1)
DIVERGED, CHILD = 3, 39


def make_trial(trial, space=None, parent=None, seeds=SEEDS):
    """A trial whose score is the higher the nearer its `rate` is to 1e-3; its seeds differ by 1."""
    config = spaces.sample(space or test_studies.space(), [7, trial])
    score = 100 - 20 * abs(math.log10(config["rate"]) + 3)
    start = 0 if parent is None else FIDELITY
    steps = [start + 100 * (i + 1) for i in range(FIDELITY // 100)]
    status = "diverged" if trial == DIVERGED else "completed"

    def run(seed):
        ends = [score * step / steps[-1] + seed for step in steps]
        if status == "diverged":
            ends[2:] = [math.nan] * 2
        points = [
            PointRecord(s, end, 1.0, 9.0, {"kl": 0.1 * end, "entropy": seed})
            for s, end in zip(steps, ends, strict=True)
        ]
        return RunRecord(seed, status, 0.0 if status == "diverged" else score + seed, FIDELITY, 0.5, PROVENANCE, points)

    runs = [run(seed) for seed in seeds]
    mean = sum(run.score for run in runs) / len(runs)
    return TrialRecord(trial, config, steps[-1], parent, seeds, status, mean, runs)


def begin(store, name="first", trials=100, space=None):
    """Record a sweep of `NUM_TRIALS` trials, of which the last goes on from the one before."""
    space = space or test_studies.space()
    task = {"name": "ppo/CartPole-v1", "return_range": (0.0, 100.0), "fidelity": FIDELITY, "num_points": 4}
    settings = sweep_settings(task=task, trials=trials, seeds=SEEDS)
    store.add_sweep(name, settings.to_json(), {"arl": "1"}, space.to_serialized_dict())
    store.add_trials(name, [make_trial(trial, space) for trial in range(NUM_TRIALS - 1)])
    store.add_trial(name, make_trial(CHILD, space, parent=CHILD - 1))
    return store


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """Return the path of a store with one sweep, which no test changes."""
    return begin(Store(tmp_path_factory.mktemp("store") / "store.sqlite")).path


@pytest.fixture
def store(recorded, tmp_path):
    """Return a copy of that store."""
    path = tmp_path / "store.sqlite"
    path.write_bytes(recorded.read_bytes())
    return Store(path)


@pytest.fixture
def client(store):
    return server.make(store, commands).test_client()


def page(client, path):
    answer = client.get(path, headers={"Host": "localhost"})
    return answer, html.unescape(answer.text)


def drawing(text):
    return json.loads(re.search(r'<script id="drawing".*?>(.*?)</script>', text, flags=re.DOTALL)[1])


def test_first_page_lists_sweeps_and_landscapes(client, store):
    answer, text = page(client, "/")
    assert answer.status_code == 200
    row = re.search(r"<tbody>(.*?)</tbody>", text, flags=re.DOTALL)[1]
    best = max(trial.score for trial in store.trials("first").values() if trial.fidelity > FIDELITY)
    assert 'href="/sweeps/first"' in row
    assert "stopped" in row
    assert "40/100 trials" in row
    assert f"<td>{best:.1f}</td>" in row
    assert 'href="/landscapes/ppo/CartPole-v1"' in text


def test_a_comparison_leads_to_its_report_and_its_sweeps(tmp_path):
    store = Store(tmp_path / "store.sqlite")
    hpo.compare(["sobol"], ["ppo/CartPole-v1"], repeats=2, budget=2, objective="table", name="both", store=store)
    client = server.make(store, commands).test_client()
    _, text = page(client, "/")
    compared = text.split("Comparisons</h2>")[1]
    assert 'href="/comparisons/both"' in compared
    assert 'href="/sweeps/both-ppo-CartPole-v1-sobol-0"' in compared
    assert "both-ppo" not in text.split("Comparisons</h2>")[0]
    report = client.get("/comparisons/both", headers={"Host": "localhost"}).text
    assert "Pairs of tuners" in report
    assert "arl compare" in re.sub(r"</?span>", "", report)
    assert 'src="/vega.js"' in report, "it is fetched once for all pages"
    assert "fetches nothing" not in report


def test_a_comparison_is_shown_while_it_runs(browser, monkeypatch, tmp_path):
    monkeypatch.setattr(tables_of_sweeps, "SECONDS_IDLE", 0.1)
    store, tasks = Store(tmp_path / "store.sqlite"), ["ppo/CartPole-v1", "ppo/Pendulum-v1"]
    hpo.compare(["sobol"], tasks, repeats=2, budget=4, objective="table", name="both", store=store)
    ended = store.comparison("both")
    store.set_comparison(dataclasses.replace(ended, ended_at=None))
    with served(store) as address:
        browser.open(f"{address}/comparisons/both")
        browser.wait(DRAWN)
        text = browser.js("document.body.innerText")
        assert "Preliminary. It was stopped" in text
        assert "2/2 repeats" in text
        assert "arl compare --tuners sobol" in text
        (row,) = (
            row
            for row in browser.js("views.get(document.getElementById('panel-0')).data('scores')")
            if (row["task"], row["tuner"], row["budget"]) == (tasks[0], "sobol", 4.0)
        )
        sweeps = [store.trials(f"both-ppo-CartPole-v1-sobol-{repeat}") for repeat in range(2)]
        best = [max(trial.score for trial in trials.values()) for trials in sweeps]
        assert (row["mean"], row["size"]) == (pytest.approx(np.mean(best), rel=1e-5), 2)
        store.set_comparison(ended)
        browser.wait("document.body?.innerText.includes('Pairs of tuners')")
    assert browser.errors == []


def test_a_comparison_of_which_no_sweep_has_begun_has_a_page(tmp_path):
    store = Store(tmp_path / "store.sqlite")
    hpo.compare(["sobol"], ["ppo/CartPole-v1"], repeats=1, budget=2, objective="table", name="both", store=store)
    record = store.comparison("both")
    store.set_comparison(dataclasses.replace(record, ended_at=None))
    store.delete([member["sweep"] for member in record.members])
    answer, text = page(server.make(store, commands).test_client(), "/comparisons/both")
    assert answer.status_code == 200
    assert "0/5 sweeps" in text


def test_incumbents_of_several_sweeps_are_laid_over_one_another(store):
    begin(store, "second")
    store.add_trial("second", dataclasses.replace(make_trial(NUM_TRIALS), score=1e3))
    client = server.make(store, commands).test_client()
    answer, text = page(client, "/overlay?sweep=first&sweep=second")
    assert answer.status_code == 200
    table = drawing(text)["tables"]["incumbents"]
    assert {row["sweep"] for row in table} == {"first", "second"}
    record = Library(store).sweep("first").record
    last = [row for row in table if row["sweep"] == "first"][-1]
    assert (last["finished"], last["trial"]) == (NUM_TRIALS, record.incumbent["trial"])
    scores = [run.score for run in record.trial(record.incumbent["trial"]).runs]
    assert (last["low"], last["high"]) == pytest.approx((min(scores), max(scores)), rel=1e-5)
    assert last["env_steps"] == record.trials["env_steps"].sum()


def test_only_sweeps_of_one_task_are_laid_over_one_another(tmp_path):
    store = Store(tmp_path / "store.sqlite")
    for name, task in (("a", "ppo/CartPole-v1"), ("b", "ppo/Acrobot-v1")):
        hpo.sweep(task, tuner="sobol", trials=2, objective="table", name=name, store=store)
    client = server.make(store, commands).test_client()
    for query, words in {
        "": "must be of one to 40 sweeps",
        "?sweep=a&sweep=b": "must have the same task, got ppo/CartPole-v1 and ppo/Acrobot-v1",
        "?sweep=c": "unknown sweep 'c'",
    }.items():
        answer, text = page(client, f"/overlay{query}")
        assert (answer.status_code, words in text) == (404, True), text


def test_a_store_without_sweeps_says_how_to_begin(tmp_path):
    client = server.make(Store(tmp_path / "none.sqlite"), commands).test_client()
    assert "arl sweep ppo/CartPole-v1" in page(client, "/")[1]
    assert not (tmp_path / "none.sqlite").exists()


def test_page_of_a_sweep_is_its_report_and_more(client):
    _, text = page(client, "/sweeps/first")
    figures = drawing(text)["figures"]
    assert {"incumbent-trials", "curves", "parallel", "importance", "panel-0", "panel-8"} <= set(figures)
    assert len(drawing(text)["tables"]["trials"]) == NUM_TRIALS
    assert "arl sweep ppo/CartPole-v1 --name first" in re.sub(r"</?span>", "", text)


def test_a_sweep_that_has_only_begun_has_a_page(tmp_path):
    store = Store(tmp_path / "store.sqlite")
    store.add_sweep("new", sweep_settings(trials=8).to_json(), {}, test_studies.space().to_serialized_dict())
    client = server.make(store, commands).test_client()
    assert "0/8 trials" in page(client, "/")[1]
    answer, text = page(client, "/sweeps/new")
    assert answer.status_code == 200
    assert "no trial completed" in text
    store.add_trials("new", [make_trial(i) for i in range(3)])
    answer, _ = page(client, "/sweeps/new/surrogate.json")
    assert (answer.status_code, "needs 10 trials" in answer.json["error"]) == (200, True)
    assert page(client, "/sweeps/new/9")[0].status_code == 404


def test_page_of_a_trial_has_its_metrics_lineage_and_commands(client, store):
    _, text = page(client, f"/sweeps/first/{CHILD}")
    tables = drawing(text)["tables"]
    assert [row["env_steps"] for row in tables["seeds"] if row["seed"] == 1] == [*range(100, 900, 100)]
    returns = [[point.return_mean for point in run.points] for run in store.trials("first")[CHILD].runs]
    means = [row["mean"] for row in tables["means"] if row["env_steps"] > FIDELITY]
    assert means == pytest.approx(np.mean(returns, axis=0), rel=1e-5)
    assert [name for name in ("kl", "entropy") if f'<span class="name">{name}</span>' in text] == ["kl", "entropy"]
    assert tables["metrics"][0]["metric0"] == pytest.approx(0.1 * tables["seeds"][0]["return_mean"], rel=1e-5)
    assert f'href="/sweeps/first/{CHILD - 1}"' in text
    assert "0 to 400" in text.replace("\u202f", "")
    assert "400 to 800" in text.replace("\u202f", "")
    assert f"arl train --from first:{CHILD}" in re.sub(r"</?span>", "", text)
    assert f"arl reproduce first --trial {CHILD}" in re.sub(r"</?span>", "", text)
    assert "Trials that go on from it" in page(client, f"/sweeps/first/{CHILD - 1}")[1]


def test_pages_of_what_does_not_exist_say_so_in_a_line(client):
    for path, words in {
        "/sweeps/frist": "did you mean 'first'",
        "/sweeps/first/77": "must be one that has finished, got 77",
        "/landscapes/ppo/Nothing": "unknown landscape",
        "/comparisons/none": "comparison",
        "/nowhere": "there is no page '/nowhere'",
    }.items():
        answer, text = page(client, path)
        assert (answer.status_code, words in text) == (404, True), text
    answer, text = page(client, "/sweeps/first/contour.json?x=rate&y=raet")
    assert answer.status_code == 404
    assert "did you mean 'rate'" in answer.json["error"]


def test_a_store_that_is_locked_or_deleted_is_a_line(store):
    client = server.make(Store(f"sqlite:///{store.path}?timeout=0.05"), commands).test_client()
    with contextlib.closing(sqlite3.connect(store.path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        for path in ("/", "/sweeps/first", "/comparisons/both"):
            answer, text = page(client, path)
            assert (answer.status_code, "can't be read: database is locked" in text) == (503, True), text
    assert page(client, "/sweeps/first")[0].status_code == 200
    store.path.unlink()
    answer, text = page(client, "/sweeps/first")
    assert (answer.status_code, "unknown sweep 'first'" in text) == (404, True)
    assert "Nothing is recorded yet" in page(client, "/")[1]


def test_it_only_reads_and_only_for_this_machine(client):
    assert client.post("/", headers={"Host": "localhost"}).status_code == 405
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 400, "another page's name for this machine"
    answer, _ = page(client, "/")
    assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]


def test_a_page_is_sent_anew_when_there_is_something_new(client, store):
    answer, _ = page(client, "/sweeps/first")
    headers = {"Host": "localhost", "If-None-Match": answer.headers["ETag"]}
    assert client.get("/sweeps/first", headers=headers).status_code == 304
    store.add_trial("first", make_trial(NUM_TRIALS))
    again = client.get("/sweeps/first", headers=headers)
    assert again.status_code == 200
    assert len(drawing(again.text)["tables"]["trials"]) == NUM_TRIALS + 1


def test_trials_are_read_once(monkeypatch, store):
    shown = Library(store)
    first = shown.sweep("first").record
    asked = []
    read = store.trials
    monkeypatch.setattr(store, "trials", lambda name, ids, **rest: asked.append(ids) or read(name, ids, **rest))
    assert shown.sweep("first").record is first
    store.add_trial("first", make_trial(NUM_TRIALS))
    record = shown.sweep("first").record
    assert asked == [{NUM_TRIALS}]
    assert record.records == read("first")
    store.delete(["first"])
    begin(store, trials=50)
    assert shown.sweep("first").record.settings.trials == 50


def test_curves_are_read_where_they_are_drawn(monkeypatch, store):
    monkeypatch.setattr(sweep_figures, "MOST_CURVES", 4)
    store.add_trials("first", [dataclasses.replace(make_trial(20), trial=NUM_TRIALS + i) for i in range(2)])
    shown, written = Library(store), store.trials("first")
    record = shown.sweep("first").record
    with_points = {i for i, trial in record.records.items() if trial.runs[0].points}
    ties = {20, NUM_TRIALS, NUM_TRIALS + 1}
    assert with_points == ties | {CHILD - 1} | set(sweep_figures.drawn_curves(record))
    assert [trial.trial for trial in record.ranked] == [trial.trial for trial in ranking.ranked(written)]
    absent = min(record.records.keys() - with_points)
    assert shown.trial("first", absent).record.records[absent] == written[absent]


def test_the_first_page_reads_again_what_has_changed(monkeypatch, store):
    begin(store, "second")
    shown, asked, read = Library(store), [], store.outlines
    monkeypatch.setattr(store, "outlines", lambda names: asked.append(names) or read(names))
    assert list(shown.summaries()) == ["first", "second"]
    store.add_trial("second", make_trial(NUM_TRIALS))
    assert shown.summaries()["second"].progress_words == f"{NUM_TRIALS + 1}/100 trials"
    with store.claim("first"):
        assert shown.summaries()["first"].status == "running"
    store.set_ended("first")
    assert shown.summaries()["first"].status == "done"
    store.delete(["first"])
    assert list(shown.summaries()) == ["second"]
    assert asked == [["first", "second"], ["second"], ["first"], ["first"], []]


def test_surrogate_tells_what_matters(store):
    model = surrogate.Surrogate(Library(store).sweep("first").record)
    shares = {row["hyperparameter"]: row["share"] for row in model.importance()}
    assert max(shares, key=shares.get) == "rate"
    assert shares["rate"] > 60
    rate, on = model.names.index("rate"), model.names.index("on")
    rows = model.dependence(rate)
    best = max(rows, key=lambda row: row["score"])
    assert 1e-4 < best[f"value{rate}"] < 1e-2
    assert rows[0][f"value{rate}"] == pytest.approx(1e-6)
    assert [row[f"value{on}"] for row in model.dependence(on)] == ["true", "false"]
    assert rate in model.pair()
    cells = model.contour(rate, on)
    assert len(cells) == 2 * surrogate.NUM_VALUES
    assert cells[0]["x"] == pytest.approx(1e-6)
    assert cells[-1]["x2"] == pytest.approx(0.1)


def test_the_report_has_the_figures_of_the_surrogate_as_well(browser, store, tmp_path):
    record = hpo.load_sweep("first", store)
    browser.open(sweep_report.write_report(record, tmp_path / "report.html"))
    browser.wait(f"{DRAWN} && !document.body.classList.contains('drawing')")
    assert browser.js("views.get(document.getElementById('importance')).data('importance').length") == 9
    assert browser.js("views.get(document.getElementById('contour')).data('cells').length") > 0
    assert browser.js("views.get(document.getElementById('panel-0')).data('dependence0').length") > 0
    assert browser.js("views.get(document.getElementById('parallel')).data('trials').length") == NUM_TRIALS
    assert "fitted to 39 trials of 400 env steps" in browser.js("document.body.textContent")
    assert browser.errors == []


def test_the_report_of_few_trials_has_no_figures_of_a_surrogate(tmp_path):
    store = Store(tmp_path / "store.sqlite")
    space = test_studies.space()
    store.add_sweep("few", sweep_settings(seeds=SEEDS).to_json(), {}, space.to_serialized_dict())
    store.add_trials("few", [make_trial(trial, space) for trial in range(5)])
    text = sweep_report.render(hpo.load_sweep("few", store))
    assert 'data-figure="parallel"' in text
    assert 'data-figure="importance"' not in text
    assert "partial dependence" not in text


def test_the_report_of_a_training_shows_its_config_and_no_figures_of_what_is_tuned(tmp_path):
    store = Store(tmp_path / "store.sqlite")
    fixed = {"task": {"fixed": {"learning_rate": 0.001, "gamma": 0.5}}}
    store.add_sweep("trained", sweep_settings(seeds=SEEDS, **fixed).to_json(), {}, {"hyperparameters": []})
    store.add_trials("trained", [dataclasses.replace(make_trial(0), config={})])
    text = sweep_report.render(hpo.load_sweep("trained", store))
    assert set(drawing(text)["figures"]) == {"curves"}
    assert ">Config</h2>" in text
    assert "<h3>Tuned</h3>" not in text
    assert re.search(r"<h3>Fixed</h3>.*gamma.*0\.5", text, flags=re.DOTALL)


def test_few_trials_have_no_surrogate(store):
    record = Library(store).sweep("first").record
    few = dataclasses.replace(record, records={i: record.records[i] for i in range(9)})
    with pytest.raises(InputError, match="needs 10 trials of one fidelity"):
        surrogate.Surrogate(few)
    same = {i: trial_record(i, 1.0, config=record.records[i].config) for i in range(20)}
    with pytest.raises(InputError, match="with different scores"):
        surrogate.Surrogate(dataclasses.replace(record, records=same))


def test_a_surrogate_is_fitted_anew_when_a_tenth_is_new(monkeypatch, store):
    shown = Library(store)
    first = shown.surrogate("first")
    store.add_trials("first", [make_trial(NUM_TRIALS + i) for i in range(4)])
    assert shown.surrogate("first") is first
    store.add_trial("first", make_trial(NUM_TRIALS + 4))
    assert shown.surrogate("first").num_trials == NUM_TRIALS + 5


def test_a_port_in_use_is_one_line(tmp_path):
    threads = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            InputError, match=f"^port {port} of 127.0.0.1 can't be listened on: .*; choose another --port or --host$"
        ):
            CliRunner().invoke(
                arl, ["dashboard", "--port", str(port), "--store", str(tmp_path / "a")], catch_exceptions=False
            )
    assert threading.active_count() == threads, "none keeps the command from ending"
    with pytest.raises(InputError, match=r"^port 8765 of no\.such\.host\.invalid can't be listened on: [^(]*; choose"):
        server.listen(server.make(Store(tmp_path / "a"), commands), "no.such.host.invalid", 8765)


def test_without_its_libraries_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)
    monkeypatch.delitem(sys.modules, "hpo.dashboard.server")
    monkeypatch.delattr("hpo.dashboard.server")
    with pytest.raises(InputError, match=r"pip install 'autorl-sweeps\[dashboard\]'"):
        CliRunner().invoke(arl, ["dashboard"], catch_exceptions=False)


@contextlib.contextmanager
def served(store):
    """Serve a store within the block; give the address."""
    listening = server.listen(server.make(store, commands), "127.0.0.1", 0)
    threading.Thread(target=listening.run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.effective_port}"
    finally:
        listening.task_dispatcher.shutdown()  # answers that are being made are waited for
        listening.trigger.pull_trigger(listening.close)  # in the thread that waits for it


@pytest.fixture
def address(store):
    with served(store) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


DRAWN = "[...document.querySelectorAll('.plot')].every((plot) => views.has(plot))"


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1280, False)], ids=["phone, dark", "desktop, light"])
def test_pages_fit_a_browser(browser, address, width, dark):
    paths = {"/": "true", "/sweeps/first": DRAWN, f"/sweeps/first/{CHILD}": DRAWN, "/overlay?sweep=first": DRAWN}
    for path, drawn in {**paths, "/landscapes/ppo/CartPole-v1": "views.size > 3"}.items():
        browser.open(address + path, width=width, dark=dark, touch=width < 500)
        browser.wait(drawn)
        assert browser.errors == []
        assert browser.js("document.documentElement.scrollWidth <= innerWidth"), path


def test_selection_is_linked_and_leads_to_the_trial(browser, address):
    browser.open(f"{address}/sweeps/first")
    browser.wait(DRAWN)
    x, y = browser.js(test_report.CENTRE % "20")
    browser.drag((x, y), (x, y))
    figures = ("incumbent", "curves", "parallel", "contour", "panel-0")
    shown = "((id) => String(views.get(document.getElementById(id)).signal('selected')) === '20')"
    browser.wait(f"{list(figures)}.every({shown})")
    assert browser.js("document.querySelector('tr[aria-selected=\"true\"]').dataset.trial") == "20"
    browser.js("document.querySelector('#selection a').click()")
    browser.wait("location.pathname === '/sweeps/first/20' && document.readyState === 'complete'")
    browser.wait(DRAWN)
    browser.js("document.querySelector('nav a').click()")
    browser.wait("location.pathname === '/sweeps/first' && typeof selected !== 'undefined' && selected.has(20)")
    assert browser.errors == []


def test_ticks_choose_the_sweeps_of_an_overlay(browser, address, store):
    begin(store, "second")
    begin(store, "third")
    settings = {**store.sweep("third")["settings"], "task": "ppo/Acrobot-v1"}
    store.set_settings("third", settings)
    browser.open(address)
    box = "document.querySelector('[value={}]')"
    browser.js(f"{box.format('first')}.click(), {box.format('second')}.click()")
    assert browser.js("document.querySelector('#overlay b').textContent") == "2 sweeps ticked"
    assert browser.js(f"{box.format('third')}.disabled"), "it is of another task"
    browser.js("document.querySelector('#overlay button').click()")
    browser.wait("location.pathname === '/overlay' && document.readyState === 'complete'")
    browser.wait(DRAWN)
    rows = "views.get(document.getElementById('incumbent')).data('incumbents')"
    assert browser.js(f"[...new Set({rows}.map((row) => row.sweep))].sort().join()") == "first,second"
    browser.js("document.querySelector('.keys button').click()")
    browser.wait("String(views.get(document.getElementById('incumbent')).signal('hidden')).length > 0")
    browser.js("document.querySelector('[data-figure=incumbent-env-steps]').click()")
    browser.wait("document.getElementById('incumbent').textContent.includes('env steps')")
    assert browser.errors == []


def test_a_box_on_an_axis_selects_the_lines_that_cross_it(browser, address, store):
    browser.open(f"{address}/sweeps/first")
    browser.wait(DRAWN)
    x, top, bottom = browser.js(
        "(() => { const plot = at = document.getElementById('parallel'); plot.scrollIntoView({block: 'center'});"
        " const view = views.get(plot), { x, y } = plot.querySelector('.marks').getBoundingClientRect();"
        " const [left, above] = view.origin().map((length, i) => length + 5 + (i ? y : x)), to = view.scale('score_y');"
        " return [left + view.scale('x')('score'), above + to(85), above + to(65)]; })()"
    )
    browser.drag((x - 8, top), (x + 8, bottom))
    browser.wait("selected.size > 0")
    scores = {trial.trial: trial.score for trial in store.trials("first").values() if trial.status == "completed"}
    assert set(browser.js("[...selected]")) == {trial for trial, score in scores.items() if 65 < score < 85}


def test_contours_are_of_the_axes_that_are_chosen(browser, address):
    browser.open(f"{address}/sweeps/first")
    browser.wait(DRAWN)
    assert "rate" in browser.js("[axes.x.value, axes.y.value]")
    browser.js(
        "axes.x.value = 'steps', axes.y.value = 'activation',"
        " axes.x.dispatchEvent(new Event('change', {bubbles: true}))"
    )
    browser.wait("document.getElementById('contour').textContent.includes('activation')")
    cells = browser.js("views.get(document.getElementById('contour')).data('cells')")
    assert {row["y"] for row in cells} == {"tanh", "relu"}
    marks = "views.get(document.getElementById('contour')).scenegraph().root.items[0].items"
    items = f"{marks}.filter((mark) => mark.name?.endsWith('_marks')).map((mark) => mark.items)"
    rects, points = (browser.js(f"{items}[{place}].map((it) => [it.y, it.height])") for place in (0, 1))
    height = browser.js("views.get(document.getElementById('contour')).height()")
    assert {round(h) for _, h in rects} == {round(height / 2)}, "the cells of two choices fill the plot"
    assert len({round(y) for y, _ in points}) > 10, "points of a choice are spread"
    assert all(0 < y < height for y, _ in points)
    assert browser.errors == []


def test_it_follows_a_sweep_while_it_runs(monkeypatch, browser, address, store):
    monkeypatch.setattr(tables_of_sweeps, "SECONDS_LIVE", 0.1)
    monkeypatch.setattr(tables_of_sweeps, "SECONDS_IDLE", 0.1)
    browser.open(f"{address}/sweeps/first", "#trials=5")
    browser.wait(DRAWN)
    browser.js("window.isSame = true; document.querySelector('.keys button').click()")
    with store.claim("first"):
        browser.wait("document.querySelector('.status').textContent === 'running'")
        store.add_trial("first", make_trial(NUM_TRIALS))
        browser.wait("document.querySelector('.progress').textContent === '41/100 trials'")
        rows = "views.get(document.getElementById('incumbent')).data('trials').length"
        browser.wait(f"{rows} === {NUM_TRIALS + 1}")
    browser.wait("document.querySelector('.status').textContent === 'stopped'")
    assert browser.js("window.isSame && String([...selected])") == "5", "without being loaded again"
    assert browser.js("document.querySelector('tr[aria-selected=\"true\"]').dataset.trial") == "5"
    assert browser.js("document.querySelector('.keys button').ariaPressed") == "false"
    assert browser.errors == []


def test_first_page_follows_as_well(monkeypatch, browser, address, store):
    monkeypatch.setattr(tables_of_sweeps, "SECONDS_IDLE", 0.1)
    browser.open(address)
    begin(store, "second")
    browser.wait("document.querySelector('a[href=\"/sweeps/second\"]') !== null")
    assert browser.errors == []


def test_names_are_text_and_never_markup(browser, tmp_path):
    space = test_studies.space()
    space.add(test_studies.Categorical(NASTY, [NASTY, "b"]))
    name = "<script>alert(1)<b>'\"&?#%20"
    with served(begin(Store(tmp_path / "nasty.sqlite"), name, space=space)) as address:
        follow_names(browser, address, name)


def follow_names(browser, address, name):
    browser.open(address)
    browser.js("document.querySelector('.list a').click()")
    browser.wait("document.readyState === 'complete' && location.pathname.startsWith('/sweeps/')")
    browser.wait(DRAWN)
    assert browser.js("document.querySelector('h1').textContent") == name
    browser.js("select([4]), document.querySelector('#selection a').click()")
    browser.wait("document.querySelector('h1')?.textContent === 'Trial 4'")
    assert browser.js("document.images.length") == 0
    browser.open(f"{address}/overlay?{urllib.parse.urlencode({'sweep': name})}")
    browser.wait(DRAWN)
    assert browser.js("document.querySelector('.list a').textContent") == name
    assert browser.errors == []


@pytest.mark.slow
def test_it_shows_ten_thousand_trials_soon(tmp_path):
    store = begin(Store(tmp_path / "store.sqlite"), trials=10_000)
    store.add_trials("first", [make_trial(i, seeds=(0, 1, 2)) for i in range(NUM_TRIALS, 10_000)])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert "\narl dashboard " in examples.blocks("dashboard.md")[0]
    command = [sys.executable, "-m", "hpo.cli", "dashboard", "--store", str(store.path), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    assert f"http://127.0.0.1:{port}" in process.stdout.readline()
    for path in ("", "sweeps/first"):
        assert b"10000/10000" in urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}").read()
    cpu = psutil.Process(process.pid).cpu_times()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert process.stdout.read() == ""
    assert cpu.user + cpu.system < 3


@pytest.mark.slow
def test_it_follows_a_real_sweep(monkeypatch, browser, tmp_path):
    monkeypatch.setattr(tables_of_sweeps, "SECONDS_LIVE", 0.2)
    monkeypatch.setattr(tables_of_sweeps, "SECONDS_IDLE", 0.2)
    path = tmp_path / "store.sqlite"
    sweep = ["sweep", "ppo/CartPole-v1", "--trials", "12", "--batch", "2", "--fidelity", "2048", "--name", "live"]
    command = [sys.executable, "-m", "hpo.cli", *sweep, "--store", str(path)]
    with served(Store(path)) as address, subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        browser.open(address)
        browser.wait("document.querySelector('.status.running') !== null", 120)
        browser.js("document.querySelector('.list a').click()")
        browser.wait("location.pathname === '/sweeps/live' && document.readyState === 'complete'")
        browser.wait("document.querySelector('.status')?.textContent === 'done'", 120)
        assert browser.js("document.querySelector('.progress').textContent") == "12/12 trials"
        browser.wait("views.get(document.getElementById('incumbent'))?.data('trials').length === 12")
        assert process.wait(60) == 0
    assert browser.errors == []
