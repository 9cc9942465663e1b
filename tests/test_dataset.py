"""Landscapes as files: the same files from the same records, what queries give, and what is refused."""

import dataclasses
import json
import math
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import hpo
import landscapes
from arl import spaces
from arl.errors import InputError
from arl.records.store import PointRecord, RunRecord, Store, TrialRecord
from arl.records.sweep import load_sweep
from hpo import tasks
from hpo.build_landscape import DefaultThenSobol
from hpo.objectives import tabular
from hpo.reports import landscape_figures
from hpo.trial import Trial
from landscapes import catalogue, collect, dataset

TASK = tasks.get("dqn/CartPole-v1")
NUM_CONFIGS, SEEDS = 12, (0, 1, 2)
DIVERGED, FAILED = (3, 1), (5, 2)  # config and seed
WORST = TASK.return_range[0]


def made_up_return(config, seed, point):
    return 10.0 * config + seed + point / 10


def record_of(trial, seed):
    key, nan = (trial.id, seed), math.nan
    status = {DIVERGED: "diverged", FAILED: "failed"}.get(key, "completed")
    returns = [made_up_return(*key, point) for point in range(TASK.num_points)]
    if status == "diverged":
        returns[4:] = [nan] * 6
    steps = TASK.points(TASK.fidelity)
    points = [PointRecord(s, r, 0.5, 9.0, {"q_loss": 0.1}) for s, r in zip(steps, returns, strict=True)]
    score = returns[-1] if status == "completed" else WORST
    run = RunRecord(seed, status, score, 50_000, 1.0, {"width": 4, "rows": 1}, points if status != "failed" else [])
    return TrialRecord(trial.id, trial.config, trial.fidelity, None, (seed,), status, score, [run])


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("store") / "store.sqlite")
    trials = DefaultThenSobol(TASK.space, TASK.fidelity).ask(NUM_CONFIGS)
    for seed in SEEDS:
        settings = {**TASK.settings().to_json(), "tuner": "sequence", "seeds": [seed], "batch": 1}
        store.add_sweep(f"seed{seed}", settings, {"arl": "1", "device": "cpu"}, TASK.space.to_serialized_dict())
        for trial in trials:
            store.add_trial(f"seed{seed}", record_of(trial, seed))
    return [load_sweep(f"seed{seed}", store) for seed in SEEDS]


def written(directory, records):
    return dataset.write(directory, collect.metadata(records), collect.tables(records), collect.build(records))


@pytest.fixture(scope="module")
def landscape(tmp_path_factory, records):
    return written(tmp_path_factory.mktemp("landscapes") / "dqn-CartPole-v1", records)


@pytest.fixture
def installed(monkeypatch, landscape):
    monkeypatch.setenv("ARL_LANDSCAPES", str(landscape.directory.parent))


def test_the_same_records_give_the_same_files(tmp_path, records, landscape):
    again = written(tmp_path / "again", records)
    assert again.metadata == landscape.metadata
    for name in ("configs.parquet", "runs.parquet", "curves.parquet", "landscape.json"):
        assert (again.directory / name).read_bytes() == (landscape.directory / name).read_bytes()


def test_every_point_has_a_row(landscape):
    curves = landscape.curves()
    assert len(curves) == NUM_CONFIGS * len(SEEDS) * TASK.num_points
    assert curves[curves.duplicated(["config", "seed", "point"])].empty
    assert int(curves.return_mean.isna().sum()) == 6 + TASK.num_points
    assert landscape.runs.status.value_counts().to_dict() == {"completed": 34, "diverged": 1, "failed": 1}
    assert landscape.num_by_status == {"completed": 34, "diverged": 1, "failed": 1}


def test_configs_come_back_as_they_were(landscape):
    trials = DefaultThenSobol(TASK.space, TASK.fidelity).ask(NUM_CONFIGS)
    configs = landscape.plain_configs
    assert configs == [trial.config for trial in trials]
    assert [{key: type(value) for key, value in config.items()} for config in configs] == [
        {key: type(value) for key, value in trial.config.items()} for trial in trials
    ]
    assert configs[0] == spaces.default(TASK.space)


def test_a_longer_sequence_holds_a_shorter_one():
    short, long = (DefaultThenSobol(TASK.space, TASK.fidelity) for _ in range(2))
    assert long.ask(20) == [*short.ask(7), *short.ask(13)]


def test_scores(landscape):
    scores = landscape.scores().set_index("config")
    returns = [made_up_return(4, seed, 9) for seed in SEEDS]
    np.testing.assert_allclose(scores.score[4], np.mean(returns), rtol=1e-6)
    np.testing.assert_allclose(scores.score_std[4], np.std(returns), rtol=1e-5)
    np.testing.assert_allclose(scores.score_worst[4], min(returns), rtol=1e-6)
    assert scores.score_worst[3] == WORST
    assert scores.status.to_dict() == {**dict.fromkeys(range(NUM_CONFIGS), "completed"), 3: "diverged", 5: "failed"}
    early = landscape.scores(point=0).set_index("config")
    np.testing.assert_allclose(early.score[3], np.mean([made_up_return(3, seed, 0) for seed in SEEDS]), rtol=1e-6)


def test_queries(landscape):
    best = landscape.query("score > 50 and batch_size == 256", top=2)
    assert (best.score > 50).all()
    assert (best.batch_size == 256).all()
    assert best.score.is_monotonic_decreasing
    assert len(best) <= 2
    assert len(landscape.query()) == NUM_CONFIGS
    inactive = landscape.query("priority_alpha > 0")
    assert inactive.prioritized.all(), "a condition on an inactive hyperparameter does not hold"


@pytest.mark.parametrize(
    "where",
    [
        "(score > 3).head(2)",
        "score.to_csv('x.csv')",
        "score >",
        "scor > 1",
        "score + 1",
        "1 + 1",
        "@landscape",
        "__import__('os')",
        "score.sum() > 'a'",
        "(",
    ],
)
def test_conditions_that_are_none_are_refused(landscape, where):
    with pytest.raises(InputError, match="where must"):
        landscape.query(where)


def test_loaded_by_the_name_of_its_task(installed, landscape):
    assert landscapes.load("dqn/CartPole-v1").metadata == landscape.metadata
    assert "dqn/CartPole-v1" in catalogue.available()
    with pytest.raises(InputError, match="unknown landscape 'dqn/CartPole': did you mean 'dqn/CartPole-v1'"):
        landscapes.load("dqn/CartPole")


@pytest.fixture
def copy(tmp_path, records):
    return written(tmp_path / "copy", records)


def test_files_that_were_changed_are_refused(copy):
    copy.verify()
    runs = copy.directory / "runs.parquet"
    frame = pd.read_parquet(runs)
    frame.assign(score=500.0).to_parquet(runs)
    with pytest.raises(InputError, match=r"runs\.parquet must have SHA-256"):
        copy.verify()
    with pytest.raises(InputError, match="it was changed"):
        dataset.read(copy.directory).runs  # noqa: B018


def test_files_that_are_cut_or_missing_are_refused(copy):
    curves = copy.directory / "curves.parquet"
    curves.write_bytes(curves.read_bytes()[:-100])
    with pytest.raises(InputError, match="it was changed"):
        copy.curves()
    curves.unlink()
    with pytest.raises(InputError, match=r"curves\.parquet is missing"):
        copy.verify()
    with pytest.raises(InputError, match="can't be read"):
        dataset.read(copy.directory).curves()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "can't be read"),
        ("[]", "can't be read"),
        ("{}", "can't be read"),
        ("\x00", "can't be read"),
        ('{"format": 99}', "must have format 1, got 99, made by a newer version of arl"),
        ('{"format": "1"}', "must have format 1, got '1'$"),
        ('{"format": 1}', "must have a dict settings, got None"),
        ('{"format": 1, "settings": {"task": 7}}', "settings can't be read: Expected `str`, got `int`"),
    ],
)
def test_what_is_no_landscape_is_refused(tmp_path, text, message):
    (tmp_path / "landscape.json").write_text(text)
    with pytest.raises(InputError, match=message):
        dataset.read(tmp_path)


def test_one_landscape_that_can_not_be_read_hides_no_other(copy, monkeypatch):
    monkeypatch.setenv("ARL_LANDSCAPES", str(copy.directory.parent))
    broken = copy.directory.parent / "broken"
    broken.mkdir()
    (broken / "landscape.json").write_text("")
    with pytest.warns(UserWarning, match="broken' can't be read"):
        assert catalogue.get("dqn/CartPole-v1").directory == copy.directory


def test_a_landscape_json_that_was_changed_is_refused(copy):
    path = copy.directory / "landscape.json"
    path.write_text(path.read_text().replace('"num_points": 10', '"num_points": 9'))
    with pytest.raises(InputError, match=r"must have a row for each of \(12, 3, 9\) points, got 360"):
        dataset.read(copy.directory).scores()
    path.write_text(path.read_text()[:-200])
    with pytest.raises(InputError, match="can't be read"):
        dataset.read(copy.directory)


def test_loading_imports_little(installed):
    """No JAX, and not what only sweeps, pictures or analyses need; each would take longer than the landscape."""
    code = "import sys, landscapes; landscapes.load('dqn/CartPole-v1').scores(); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "landscapes.dataset" in modules
    assert not {
        "jax",
        "sqlalchemy",
        "ConfigSpace",
        "altair",
        "matplotlib",
        "sklearn",
        "scipy",
        "optuna",
        "jinja2",
    } & set(modules)


@pytest.mark.parametrize(
    ("x", "y"), [("learning_rate", None), ("batch_size", None), ("learning_rate", "priority_alpha")]
)
def test_pictures(tmp_path, landscape, x, y):
    path = landscape_figures.landscape(landscape, x, y, tmp_path / "new" / "picture.png")
    assert path.read_bytes().startswith(b"\x89PNG")


def test_pictures_of_the_unknown_are_refused(tmp_path, landscape):
    with pytest.raises(InputError, match="unknown hyperparameter"):
        landscape_figures.landscape(landscape, "learning_rat", None, tmp_path / "a.png")
    with pytest.raises(InputError, match=r"picture must be a \.png"):
        landscape_figures.landscape(landscape, "learning_rate", None, tmp_path / "a.doc")


def table(landscape, mode="table", seeds=SEEDS):
    return hpo.objective(mode, landscape, seeds)


def test_the_table_gives_what_was_trained(landscape, records):
    trials = [Trial(i, config, TASK.fidelity) for i, config in enumerate(landscape.plain_configs)]
    for got in table(landscape)(trials):
        runs = [record.records[got.trial.id].runs[0] for record in records]
        assert got.seed_scores == pytest.approx({run.seed: run.score for run in runs})
        assert got.score == pytest.approx(np.mean([run.score for run in runs]))
        if got.status == "completed":
            assert [step for step, _ in got.curve] == list(TASK.points(TASK.fidelity))
            assert got.metrics == {"q_loss": pytest.approx(0.1)}
            assert got.cost.env_steps == 50_000 * len(SEEDS)
    status = [got.status for got in table(landscape)(trials)]
    assert (status.count("diverged"), status.count("failed")) == (1, 1)


def test_fidelities_and_continued_configs(landscape):
    config = landscape.plain_configs[2]
    asked = [Trial(0, config, 5_000), Trial(1, config, 7_500), Trial(2, config, 50_000, parent=0, seeds=(1,))]
    low, between, high = table(landscape)(asked)
    assert low.score == pytest.approx(made_up_return(2, 1, 0))
    assert between.score == pytest.approx(made_up_return(2, 1, 0.5))
    assert high.score == pytest.approx(made_up_return(2, 1, 9))
    assert (high.cost.env_steps, list(high.seed_scores)) == (45_000, [1])
    with pytest.raises(InputError, match="trial 3: fidelity must be at least 5000, where the landscape's curves begin"):
        table(landscape)([Trial(3, config, 4_999)])


def test_a_row_of_the_scores_is_a_config(landscape):
    """Its columns of whole numbers are floats where a config has none, and what is inactive is NaN."""
    rows = landscape.scores()[landscape.hyperparameters].to_dict(orient="records")
    asked = [Trial(i, row, TASK.fidelity) for i, row in enumerate(rows)]
    configs = [Trial(i, landscape.config(i), TASK.fidelity) for i in range(len(rows))]
    for mode in ("exact", "table"):
        assert [got.score for got in table(landscape, mode)(asked)] == [got.score for got in table(landscape)(configs)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"config": {}}, "is not in the space"),
        ({"config": {"learning_rat": 1e-3}}, "did you mean 'learning_rate'"),
        ({"fidelity": 100_000}, "fidelity must be at most 50000, got 100000"),
        ({"fidelity": 0}, "fidelity must be at least 5000"),
        ({"seeds": (5,)}, r"seeds must be among \(0, 1, 2\), got 5"),
        ({"parent": 77}, "parent must be a trial that was asked for before, got 77"),
    ],
)
def test_trials_that_a_table_can_not_answer_are_refused(landscape, change, reason):
    trial = Trial(0, landscape.config(1), TASK.fidelity)
    with pytest.raises(InputError, match=reason):
        table(landscape)([dataclasses.replace(trial, **change)])


def test_configs_by_number(landscape):
    assert landscape.config(3) == landscape.plain_configs[3]
    with pytest.raises(InputError, match=r"config of dqn/CartPole-v1 must be in \[0, 11\], got 12"):
        landscape.config(12)
    assert repr(landscape) == "<Landscape dqn/CartPole-v1: 12 configs x 3 seeds>"


def test_between_what_was_trained_and_what_was_asked_for_it_is_the_same_agent(landscape):
    """A run is evaluated after whole iterations, at most the env steps asked for."""
    objective = table(landscape)
    values = np.stack([np.array(objective._steps) - 300.0, np.arange(10.0)], axis=1)
    rows = objective._at((9_700, 9_900, 10_000, 12_350), values)
    assert rows[:, 0].tolist() == [9_700, 9_700, 9_700, 12_350]
    assert rows[:, 1].tolist() == [1, 1, 1, pytest.approx(1.5)]


def test_a_surrogate_answers_any_seed(landscape):
    trials = [Trial(i, spaces.sample(TASK.space, [5, i]), TASK.fidelity) for i in range(4)]
    few, many = (tabular.Surrogate.on(landscape, seeds)(trials) for seeds in ([1000], [7, 1000, 0]))
    for one, three in zip(few, many, strict=True):
        assert one.seed_scores[1000] == three.seed_scores[1000]
        assert set(three.seed_scores) == {7, 1000, 0}
    assert tabular.Surrogate.seeds_on(landscape) is None


def test_a_surrogate_of_one_recorded_seed_answers_no_other(landscape, tmp_path, records):
    single = dataset.write(tmp_path / "single", {**landscape.metadata, "seeds": [0]}, collect.tables(records[:1]))
    assert tabular.Surrogate.seeds_on(single) == [0]
    with pytest.raises(InputError, match=r"seeds must be among those of landscape dqn/CartPole-v1, \[0\], got 1"):
        tabular.Surrogate.on(single, [0, 1])


def test_a_sweep_is_of_one_version_of_a_landscape(installed, landscape, tmp_path, monkeypatch):
    settings = {"objective": "table", "name": "a", "store": tmp_path / "store.sqlite"}
    record = hpo.sweep("dqn/CartPole-v1", "random", trials=3, **settings)
    assert record.settings.objective_version == landscape.version
    assert record.answers == f"nothing was trained, landscape {landscape.version} answered: 3 by the nearest config"
    monkeypatch.setattr(dataset.Landscape, "version", "dqn/CartPole-v1 another")
    with pytest.raises(InputError, match="taken by a sweep with objective_version"):
        hpo.sweep("dqn/CartPole-v1", "random", trials=4, **settings)


def test_seconds_of_training_are_no_score_of_a_table(installed):
    with pytest.raises(InputError, match="score 'runtime' must be measured in training, got answers of a landscape"):
        hpo.sweep("dqn/CartPole-v1", "random", trials=3, objective="table", score="runtime")


def test_another_configs_agent_is_refused(landscape):
    configs = landscape.plain_configs
    with pytest.raises(InputError, match="a table can't answer that"):
        table(landscape)([Trial(0, configs[0], 5_000), Trial(1, configs[1], 50_000, parent=0)])


def test_configs_outside_the_table(landscape):
    config = spaces.sample(TASK.space, [77])
    with pytest.raises(InputError, match="must be one of the 12 of landscape dqn/CartPole-v1"):
        table(landscape, "exact")([Trial(0, config, TASK.fidelity)])
    (nearest,) = table(landscape)([Trial(0, config, TASK.fidelity)])
    assert nearest.score in [pytest.approx(got) for got in landscape.scores().score]
    (guessed,) = table(landscape, "surrogate")([Trial(0, config, TASK.fidelity)])
    assert TASK.return_range[0] <= guessed.score <= TASK.return_range[1]


def test_the_nearest_of_a_recorded_config_is_itself(landscape):
    trials = [Trial(i, config, TASK.fidelity) for i, config in enumerate(landscape.plain_configs)]
    exact, nearest = (table(landscape, mode)(trials) for mode in ("exact", "table"))
    assert [got.seed_scores for got in exact] == [got.seed_scores for got in nearest]


def test_a_pool_gives_each_recorded_config_once(installed, landscape, tmp_path):
    settings = {"objective": "pool", "name": "pool", "store": tmp_path / "store.sqlite"}
    hpo.sweep("dqn/CartPole-v1", "random", trials=5, **settings)
    record = hpo.sweep("dqn/CartPole-v1", "random", trials=20, **settings)
    numbers = [run.outcome.config for trial in record.records.values() for run in trial.runs]
    assert sorted(numbers) == list(range(NUM_CONFIGS)), "then there are no more"
    for number, trial in zip(numbers, record.records.values(), strict=True):
        assert trial.config == landscape.config(number)
    assert record.answers == f"nothing was trained, landscape {landscape.version} answered: {NUM_CONFIGS} recorded"


def test_what_is_asked_of_a_pool_becomes_the_nearest_that_is_free(landscape):
    pool, model = table(landscape, "pool"), table(landscape).surrogate
    other = spaces.sample(TASK.space, [77])
    first, second = model.by_distance(spaces.encode(TASK.space, other))[:2]
    half = [Trial(0, other, 25_000), Trial(1, other, 50_000, parent=0), Trial(2, landscape.config(first), 50_000)]
    near = Trial(3, {**other, "learning_rate": other["learning_rate"] * 1.0001}, 50_000)
    got = [result.trial.config for result in pool([*half, near])]
    assert got == [landscape.config(number) for number in (first, first, first, second)]
    rest = [Trial(4 + i, spaces.sample(TASK.space, [i]), 50_000) for i in range(NUM_CONFIGS)]
    assert len(pool(rest)) == NUM_CONFIGS - 2, "none is free for the others"


def test_incumbents_of_a_pool_are_tested_as_they_were_recorded(installed, tmp_path):
    settings = {"objective": "pool", "repeats": 2, "budget": 4, "seeds": [0], "test_seeds": [2], "baselines": False}
    comparison = hpo.compare(["random", "tpe"], ["dqn/CartPole-v1"], store=tmp_path / "store.sqlite", **settings)
    incumbents = comparison.incumbents
    assert set(incumbents.tuner) == {"random", "tpe"}
    gaps = incumbents.test_score - incumbents.tuning_score
    assert gaps.to_list() == pytest.approx([2.0] * len(incumbents)), "the same configs under seed 2 instead of 0"


class Mutating:
    """Goes on from an agent with another config, as population-based tuners do."""

    def __init__(self, space, fidelity):
        self.trials = [
            Trial(0, spaces.default(space), fidelity // 2),
            Trial(1, {**spaces.default(space), "learning_rate": 1e-5}, fidelity, parent=0),
        ]

    def ask(self, n):
        return [self.trials.pop(0)] if self.trials else []

    def tell(self, results):
        pass


def test_tuners_are_compared_on_a_table(installed, tmp_path):
    store = Store(tmp_path / "store.sqlite")
    settings = {"objective": "table", "repeats": 2, "budget": 4, "seeds": 2, "test_seeds": 1}
    comparison = hpo.compare(["sobol", Mutating], ["dqn/CartPole-v1"], store=store, **settings)
    assert comparison.tuners == ["sobol", "random", "random-2x", "default"]
    assert "a table can't answer that" in comparison.broken["Mutating"]
    assert list(comparison.tests) == [("dqn/CartPole-v1", (2,)), ("dqn/CartPole-v1", (0,))]
    default = comparison.incumbents.query("tuner == 'default'")
    assert default.test_score.to_list() == pytest.approx([made_up_return(0, seed, 9) for seed in (2, 0)])
    with pytest.raises(InputError, match=r"among those that the tasks have in common, \[0, 1, 2\], got 2 tuning seeds"):
        hpo.compare(["tpe"], ["dqn/CartPole-v1"], store=Store(tmp_path / "new"), **{**settings, "test_seeds": 2})
    assert not (tmp_path / "new").exists(), "refused before anything is swept"
    with pytest.raises(InputError, match="test seeds must not be tuning seeds, got 1 as both"):
        hpo.compare(["sobol"], ["dqn/CartPole-v1"], store=store, **{**settings, "seeds": [0, 1], "test_seeds": [1]})


def test_tables_that_do_not_fit_are_refused(landscape):
    with pytest.raises(InputError, match=r"seeds must be among those of landscape dqn/CartPole-v1, \[0, 1, 2\], got 7"):
        table(landscape, seeds=[7])
    with pytest.raises(InputError, match="unknown objective 'tables': did you mean 'table'"):
        table(landscape, "tables")
    with pytest.raises(InputError, match="must have fidelity 100"):
        tabular.Table(tasks.get("dqn/CartPole-v1", fidelity=100), [0], 1, landscape)


def test_landscape_json_says_how_it_was_made(landscape):
    metadata = json.loads((landscape.directory / "landscape.json").read_text())
    assert metadata["settings"]["task"] == "dqn/CartPole-v1"
    assert metadata["provenance"] == {"arl": "1", "device": "cpu"}
    assert metadata["lanes"] == {"width": 4, "rows": 1}
    assert metadata["num_configs"] == NUM_CONFIGS
