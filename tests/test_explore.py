"""The explorer: what its page holds, and what a real browser makes of it."""

import json
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from browser import Browser
from ConfigSpace import ConfigurationSpace, EqualsCondition
from ConfigSpace.hyperparameters import (
    CategoricalHyperparameter,
    UniformFloatHyperparameter,
    UniformIntegerHyperparameter,
)
from typer.testing import CliRunner

from arl.errors import InputError
from hpo.cli.landscape import app
from hpo.reports import explorer, explorer_figures, theme
from landscapes import catalogue, dataset

NUM_CONFIGS, SEEDS, POINTS = 40, [0, 1, 2], 4
DIVERGED = (7, 1)  # config and seed, from the third point on
NASTY = "</script><img src=x onerror=alert(1)>\"'`$(x)"


def make_space(extra=None):
    """One of each kind; `momentum` is active where `optimizer` is sgd. `extra` is the name of one more."""
    space = ConfigurationSpace(seed=1)
    optimizer = CategoricalHyperparameter("optimizer", ["sgd", "adam"])
    momentum = UniformFloatHyperparameter("momentum", 0.0, 1.0)
    space.add(
        UniformFloatHyperparameter("learning_rate", 1e-6, 0.1, log=True, default_value=3e-4),
        CategoricalHyperparameter("width", [256, 64, 128]),
        UniformIntegerHyperparameter("num_steps", 1, 100),
        CategoricalHyperparameter("normalize", [True, False]),
        optimizer,
        momentum,
        *([CategoricalHyperparameter(extra, [extra, "b"])] if extra else []),
    )
    space.add(EqualsCondition(momentum, optimizer, "sgd"))
    return space


def write(directory, name="ppo/CartPole-v1", extra=None):
    """A landscape in which the score falls with the distance of the learning rate from 1e-3, and grows with the seed."""
    space = make_space(extra)
    configs = [space.get_default_configuration(), *space.sample_configuration(NUM_CONFIGS - 1)]
    frame = pd.DataFrame([dict(config) for config in configs], columns=list(space))
    frame["num_steps"] = frame["num_steps"].astype("Int64")
    level = 400 - 100 * np.abs(np.log10(frame["learning_rate"].to_numpy()) + 3)
    returns = level[:, None, None] * np.linspace(0.25, 1, POINTS) + 7.3 * np.arange(len(SEEDS))[None, :, None]
    returns[DIVERGED][2:] = np.nan
    index = pd.MultiIndex.from_product([range(NUM_CONFIGS), SEEDS, range(POINTS)], names=["config", "seed", "point"])
    curves = index.to_frame(index=False)
    curves["env_steps"] = 1000 * (curves["point"] + 1)
    curves["return_mean"] = returns.reshape(-1).astype(np.float32)
    curves["return_std"] = curves["episode_length_mean"] = curves["return_mean"]
    runs = curves[curves["point"] == POINTS - 1][["config", "seed"]].reset_index(drop=True)
    runs["status"] = np.where(np.isnan(returns[:, :, -1].reshape(-1)), "diverged", "completed")
    settings = {
        "task": name,
        "algorithm": "ppo",
        "env": "CartPole-v1",
        "fixed": {},
        "num_episodes": 128,
        "preset": "published",
        "fidelity": 4000,
        "num_points": POINTS,
        "return_range": [0.0, 500.0],
    }
    about = {
        "settings": settings,
        "space": space.to_serialized_dict(),
        "seeds": SEEDS,
        "num_configs": NUM_CONFIGS,
        "provenance": {"arl": "1", "device": NASTY if extra else "cpu"},
        "status": {},
    }
    frame.insert(0, "config", range(NUM_CONFIGS))
    tables = {"configs": frame, "runs": runs, "curves": curves}
    return dataset.write(directory / catalogue.directory_name(re.sub(r"\W", "-", name)), about, tables, {})


@pytest.fixture(scope="module")
def landscape(tmp_path_factory):
    return write(tmp_path_factory.mktemp("landscapes"))


@pytest.fixture(scope="module")
def file(tmp_path_factory, landscape):
    directory = tmp_path_factory.mktemp("pages")
    other = write(directory, "dqn/CartPole-v1")
    return explorer.write_page([landscape, other], directory / "new" / "explore.html")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def loaded(browser, file):
    browser.open(file)
    return browser


@pytest.fixture
def view(loaded):
    """The loaded page at an address: `view("#x=width")`, the first view by default."""

    def show(address=""):
        loaded.errors.clear()
        loaded.js(f"history.replaceState(null, '', {json.dumps(address or '#')}); readAddress()")
        return loaded

    return show


def rows_of(browser, plot, table):
    """The rows of a table as a figure has them."""
    browser.wait(f"views.has(at('{plot}'))")
    return browser.js(f"views.get(at('{plot}')).runAsync().then((view) => view.data('{table}'))")


def labels_of(browser, plot):
    """The labels of a figure's axes, in the order of the page."""
    return browser.js(f"[...at('{plot}').querySelectorAll('.role-axis-label text')].map((text) => text.textContent)")


def data_of(text):
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', text, flags=re.DOTALL)
    return json.loads(found.group(1), parse_constant=pytest.fail)["landscapes"]


def shown(browser):
    """The configs of the table, in its order."""
    return browser.js("[...document.querySelectorAll('#configs tbody tr')].map((row) => Number(row.dataset.config))")


def queried(landscape, browser):
    """What the command on the page gives."""
    words = shlex.split(browser.js("document.getElementById('command').textContent"))
    assert words[:4] == ["arl", "landscape", "query", landscape.name]
    options = dict(zip(words[4::2], words[5::2], strict=True))
    return landscape.query(options.get("--where"), None, int(options.get("--point", POINTS)) - 1)


def select(browser, name, value):
    browser.js(
        f"(() => {{ const it = document.getElementById('{name}'); it.value = {value!r};"
        f" it.dispatchEvent(new Event('{'input' if name == 'point' else 'change'}', {{bubbles: true}})); }})()"
    )


def fill(browser, label, text):
    browser.js(
        f"(() => {{ const it = document.querySelector('[aria-label=\"{label}\"]'); it.value = '{text}';"
        " it.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )


def test_numbers_are_those_of_the_files(file, landscape):
    data = data_of(file.read_text(encoding="utf-8"))[0]
    returns = np.array(data["returns"], dtype=float)
    assert np.array_equal(returns.astype(np.float32), landscape.returns.astype(np.float32), equal_nan=True)
    assert data["configs"]["learning_rate"] == landscape.configs.learning_rate.to_list()
    assert data["configs"]["momentum"].count(None) == int(landscape.configs.momentum.isna().sum()) > 0
    assert (data["steps"], data["status"][DIVERGED[0]]) == ([1000, 2000, 3000, 4000], "diverged")
    assert max(data["importance"], key=lambda name: data["importance"][name][-1]) == "learning_rate"


def test_a_point_without_differences_has_no_importance(tmp_path, monkeypatch):
    landscape = write(tmp_path)
    returns = landscape.returns.copy()
    returns[:, :, 0] = 5.0
    monkeypatch.setitem(vars(landscape), "returns", returns)
    shares = explorer.importance(landscape)
    assert all(values[0] is None and values[-1] is not None for values in shares.values())


def test_command(tmp_path, monkeypatch, landscape):
    monkeypatch.setenv("ARL_LANDSCAPES", str(landscape.directory.parent))
    out = tmp_path / "new" / "page.html"
    result = CliRunner().invoke(app, ["explore", landscape.name, "-o", str(out)])
    assert (result.exit_code, result.stdout.strip()) == (0, str(out))
    assert [data["name"] for data in data_of(out.read_text(encoding="utf-8"))] == [landscape.name]


def test_what_cannot_be_shown_is_refused(tmp_path, monkeypatch, landscape):
    with pytest.raises(InputError, match="at least one landscape, got none"):
        explorer.write_page([], tmp_path / "a.html")
    monkeypatch.setitem(landscape.metadata["space"]["hyperparameters"][0], "name", "other")
    with pytest.raises(InputError, match="must have a column per hyperparameter, got none for 'other'"):
        explorer.write_page([landscape], tmp_path / "a.html")
    monkeypatch.setenv("ARL_LANDSCAPES", str(landscape.directory.parent))
    result = CliRunner().invoke(app, ["explore", "ppo/Nothing", "-o", str(tmp_path / "a.html")])
    assert "unknown landscape 'ppo/Nothing'" in str(result.exception)
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize(("width", "dark"), [(390, True), (1366, False)], ids=["phone, dark", "desktop, light"])
def test_it_fits_the_window_and_fetches_nothing(browser, file, width, dark):
    browser.open(file, width=width, dark=dark, touch=width < 600)
    browser.wait("views.size === 5")
    assert browser.errors == []
    assert browser.js("document.documentElement.scrollWidth <= innerWidth")
    assert browser.js("[...document.querySelectorAll('.plot')].every((plot) => plot.querySelector('svg.marks'))")
    assert browser.js("performance.getEntriesByType('resource').length") == 0
    unlabelled = "[...document.querySelectorAll('select, input')].filter((it) => !it.labels.length && !it.ariaLabel)"
    assert browser.js(f"{unlabelled}.length") == 0
    background = browser.js("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")
    assert browser.js("document.querySelector('#plane svg.marks').style.backgroundColor") == background
    assert browser.js("[...document.querySelectorAll('.plot')].every((plot) => plot.role === 'img' && plot.ariaLabel)")


def test_first_view_is_the_last_point_of_the_first_landscape(view, landscape):
    browser = view()
    assert shown(browser) == landscape.query().config.to_list()
    best = landscape.query().iloc[0]
    assert f"{best.score:.1f} ± {best.score_std:.1f}" in browser.js("document.getElementById('key-figures').innerText")
    assert browser.js("at('x').value") == "learning_rate"
    assert browser.js("[...at('y').options].map((option) => option.value)")[-1] == "score"
    diverged = browser.js("document.querySelector('#configs [data-config=\"7\"]').textContent")
    assert "1 of 3 diverged" in diverged


def test_axes_are_those_of_the_space(view):
    browser = view("#x=learning_rate&y=width")
    labels = labels_of(browser, "plane")
    assert labels == ["1e-6", "1e-5", "1e-4", "1e-3", "1e-2", "1e-1", "256", "64", "128"]
    assert "inactive" not in browser.js("at('plane').textContent")
    select(browser, "x", "momentum")
    browser.wait("at('plane').textContent.includes('inactive')")
    (field,) = {spec["field"] for spec in [browser.js("land.axes.x.momentum.x")]}
    inactive = [row for row in rows_of(browser, "plane", "configs") if row[field] is None]
    assert len(inactive) == browser.js("land.configs.momentum.filter((value) => value === null).length") > 0


def test_parallel_axes_have_scales_and_ticks_of_their_own(view, landscape):
    browser = view()
    browser.wait("at('parallel').querySelectorAll('.role-axis').length >= 8")
    labels = labels_of(browser, "parallel")
    assert {"1e-6", "1e-3", "1e-1", "64", "256", "0.2", "20", "100", "true", "adam"} < set(labels)
    scale = "((name, value) => views.get(at('parallel')).scale(name + '_y')(value))"
    low, middle, high = (browser.js(f"{scale}('value0', {rate})") for rate in (1e-6, 10**-3.5, 0.1))
    assert middle == pytest.approx((low + high) / 2, abs=0.01), "a logarithmic scale"
    unused = int(landscape.configs.momentum.isna().idxmax())
    browser.js(f"hover({unused})")
    browser.wait(f"views.get(at('parallel')).signal('hovered') === {unused}")
    assert browser.js("at('parallel').textContent").count("inactive") == 1


def test_inactive_is_a_choice_among_choices_and_a_lane_beside_numbers(tmp_path, monkeypatch):
    landscape = write(tmp_path)
    configs = landscape.configs.assign(optimizer=landscape.configs.optimizer.where(landscape.configs.index != 3))
    monkeypatch.setitem(vars(landscape), "configs", configs)
    along = explorer_figures.axes(landscape)["x"]
    assert along["optimizer"]["x"]["scale"]["domain"] == ["sgd", "adam", "inactive"]
    assert along["width"]["x"]["scale"]["domain"] == ["256", "64", "128"]
    assert along["momentum"]["x"]["scale"]["domain"] == [0.0, 1.0]
    layers = theme.spec(explorer_figures.parallel_coordinates(landscape))["layer"]
    uprights = {layer["encoding"]["y"]["field"]: layer["encoding"]["y"] for layer in layers if "name" in layer}
    assert uprights[along["optimizer"]["x"]["field"]]["scale"]["domain"] == ["sgd", "adam", "inactive"]


def test_another_fidelity_gives_its_scores(view, landscape):
    browser = view()
    select(browser, "point", "1")
    assert shown(browser) == queried(landscape, browser).config.to_list() == landscape.query(point=0).config.to_list()
    assert "1 k env steps, point 1 of 4" in browser.js("at('fidelity').textContent").replace("\u00a0", " ")
    assert all(row["lost"] == 0 for row in rows_of(browser, "plane", "configs"))
    scores = {row["config"]: row["score"] for row in rows_of(browser, "plane", "configs")}
    assert [scores[config] for config in shown(browser)] == pytest.approx(landscape.query(point=0).score.to_list())
    assert browser.js("views.get(at('importance')).signal('step')") == 1000
    assert len(rows_of(browser, "importance", "importance")) == 6 * POINTS


def test_filters_keep_what_the_command_gives(view, landscape):
    browser = view()
    fill(browser, "learning_rate at least", "1e-5")
    fill(browser, "learning_rate at most", "0.01")
    fill(browser, "momentum at most", "0.75")
    browser.js("document.querySelector('[data-name=width] input').click()")
    browser.js("document.querySelector('[data-name=normalize] input').click()")
    select(browser, "point", "3")
    kept = shown(browser)
    assert kept == queried(landscape, browser).config.to_list()
    assert 0 < len(kept) < NUM_CONFIGS
    assert browser.js("at('count').textContent") == f"{len(kept)} of 40 configs"
    for plot, table in (("plane", "configs"), ("distribution", "configs"), ("parallel", "configs")):
        assert {row["config"] for row in rows_of(browser, plot, table) if row["kept"]} == set(kept)
    browser.js("document.querySelector('#chips .reset').click()")
    assert len(shown(browser)) == NUM_CONFIGS


def test_bounds_that_are_no_numbers_change_nothing(view):
    browser = view()
    fill(browser, "learning_rate at least", "much")
    assert browser.js("document.querySelector('[aria-label=\"learning_rate at least\"]').ariaInvalid") == "true"
    assert len(shown(browser)) == NUM_CONFIGS


def test_a_box_and_a_click_on_the_landscape(view, landscape):
    browser = view("#x=learning_rate&y=score")
    browser.wait("at('plane').querySelectorAll('.mark-symbol path').length > 40")
    left, top, right, bottom = browser.js(
        "(() => { const { left, top, right, bottom } = document.querySelector('#plane .root path.background')"
        ".getBoundingClientRect(); return [left, top, right, bottom]; })()"
    )
    browser.drag((left + 20, top + 1), ((left + right) / 2, (top + bottom) / 2))
    browser.wait("Object.keys(state.filters).length === 2")
    kept = shown(browser)
    assert kept == queried(landscape, browser).config.to_list()
    assert 0 < len(kept) < NUM_CONFIGS
    browser.wait("views.get(at('plane')).signal('box').score === undefined")
    x, y = browser.js(
        "(() => { const { x, y } = document.querySelectorAll('#plane .mark-symbol path')[35].getBoundingClientRect();"
        " return [x + 3, y + 3]; })()"
    )
    browser.drag((x, y), (x, y))
    browser.wait("state.picked.length === 1")
    assert "configs=" in browser.js("location.hash")


def test_the_config_under_the_pointer_stands_out_everywhere(view):
    browser = view()
    browser.js(
        "document.querySelector('#configs [data-config=\"9\"]').dispatchEvent(new Event('mouseover', {bubbles: true}))"
    )
    for plot in ("plane", "curves", "parallel"):
        browser.wait(f"views.get(at('{plot}')).signal('hovered') === 9")
    browser.js("at('configs').tBodies[0].dispatchEvent(new Event('mouseleave'))")
    browser.wait("views.get(at('plane')).signal('hovered') === null")


def test_keys_pick_configs_and_sort(view, landscape):
    browser = view()
    browser.js("document.querySelector('#configs [data-config=\"7\"] button').focus()")
    browser.key("Enter", 13, "\r")
    assert browser.js("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert "config 7" in browser.js("at('picked').innerText")
    curves = rows_of(browser, "curves", "curves")
    ends = [row["env_steps"] for row in curves if row["kind"] == "end"]
    assert ends == [2000], "its second seed ends after the second point"
    assert {row["mark"] for row in curves if row["config"] == 7} == {"picked 1"}
    browser.js("document.querySelectorAll('#configs th button')[5].focus()")
    browser.key("Enter", 13, "\r")
    assert browser.js("document.activeElement.textContent") == "learning_rate"
    rates = landscape.configs.learning_rate[shown(browser)].to_list()
    assert rates == sorted(rates)


@pytest.mark.parametrize(
    "address",
    [
        "#landscape=no&x=no&y=no&point=99&configs=99,-1,x,3&sort=no",
        "#in.width=7&in.learning_rate=[1,2,&in.no=[1]&in.width=[7]",
        "#in.learning_rate=%5B%22a%22%5D&in.normalize=null&x=__proto__&in.__proto__=[1,2]",
    ],
)
def test_addresses_that_do_not_fit_are_made_to(view, address):
    browser = view(address)
    assert browser.errors == []
    assert len(shown(browser)) == NUM_CONFIGS
    assert browser.js("state.x") == "learning_rate"


def test_the_address_holds_the_view(browser, file):
    browser.open(file)
    select(browser, "landscape", "1")
    select(browser, "x", "num_steps")
    select(browser, "point", "2")
    fill(browser, "score at least", "50")
    browser.js("pick(3)")
    address, before = browser.js("location.hash"), shown(browser)
    browser.open(file, address)
    assert browser.errors == []
    assert shown(browser) == before
    assert browser.js("[land.name, state.x, state.point, state.picked]") == ["dqn/CartPole-v1", "num_steps", 1, [3]]
    assert browser.js("location.hash") == address


@pytest.mark.parametrize("num", [(1, 1, 1), (2, 1, 4), (40, 3, 1)], ids=["one of each", "one seed", "one point"])
def test_small_landscapes(view, num):
    browser = view()
    browser.js(
        f"(([configs, seeds, points], all) => {{ land = prepared({{...all, seeds: all.seeds.slice(0, seeds),"
        " steps: all.steps.slice(0, points), table: undefined, importance: Object.fromEntries("
        "Object.keys(all.importance).map((name) => [name, Array(points).fill(null)])), ids: undefined,"
        " returns: all.returns.slice(0, configs).map((runs) => runs.slice(0, seeds).map((run) => run.slice(0, points))) });"
        f" fit(); return show().then(() => hover(0)); }})({list(num)}, landscapes[0])"
    )
    assert browser.errors == []
    assert len(shown(browser)) == num[0]
    assert "NaN" not in browser.js("document.querySelector('main').textContent")


def test_names_are_text_and_never_markup(browser, tmp_path):
    landscape = write(tmp_path, f"ppo/{NASTY}", extra=NASTY)
    path = explorer.write_page([landscape], tmp_path / "nasty.html")
    browser.open(path)
    select(browser, "x", NASTY)
    browser.js("document.querySelector('fieldset:last-of-type input').click()")
    browser.js("hover(3)")
    assert browser.errors == []
    assert browser.js("[...document.images].length") == 0
    assert browser.js("land.name") == landscape.name
    words = shlex.split(browser.js("at('command').textContent"))
    assert words[3] == landscape.name, "a shell takes the name as one word"
    browser.wait("at('plane').textContent.includes('<img')")
    center = "(({ x, y, width, height }) => [x + width / 2, y + height / 2])"
    point = f"{center}(at('plane').querySelectorAll('.mark-symbol path')[5].getBoundingClientRect())"
    browser.drag(browser.js(point), browser.js(point))
    browser.wait("document.getElementById('vg-tooltip-element')?.textContent.includes('<img')")
    assert browser.js("[...document.images].length") == 0
