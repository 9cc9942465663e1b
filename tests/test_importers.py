"""Other benchmarks' files, made here in their layouts: what comes of them, and what is refused."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from test_cli import arl

import hpo
import landscapes
from arl.errors import InputError
from arl.records.store import Store
from hpo.reports import landscape_figures
from hpo.trial import Trial
from landscapes import ablation, importers

CONFIGS, SEEDS, BUDGETS = range(8), (2, 0, 1), (2_000, 4_000, 6_000, 8_000)
ARLBENCH = "arlbench:sac/Pendulum-v1"


def performance(config, seed, point):
    return -100.0 * (config + 1) - 10 * seed - point


def arlbench_frame():
    """As in the dataset: sorted by no key, priorities and tau empty where their switches are off."""
    rows = []
    for seed in SEEDS:
        for config in CONFIGS:
            switch, target = config % 2 == 1, config % 4 > 1
            for point, budget in enumerate(BUDGETS):
                rows.append(
                    {
                        "run_id": config,
                        "budget": budget,
                        "performance": performance(config, seed, point),
                        "hp_config.buffer_batch_size": [256, 512][config % 3 == 0],
                        "hp_config.buffer_prio_sampling": switch,
                        "hp_config.learning_rate": 10.0 ** -(1 + config / 2),
                        "hp_config.learning_starts": 100 + 7 * config,
                        "hp_config.use_target_network": target,
                        "hp_config.buffer_alpha": 0.1 * config if switch else math.nan,
                        "hp_config.tau": 0.01 + 0.1 * config if target else math.nan,
                        "seed": seed,
                    }
                )
    return pd.DataFrame(rows)


def arlbench_file(directory, frame=None, name="cc_pendulum_sac.parquet"):
    frame, path = arlbench_frame() if frame is None else frame, directory / name
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path)
    return path


def imported(name, paths, out):
    (landscape,), left_out = importers.write(name, paths, out)
    return landscape, left_out


@pytest.fixture(scope="module")
def arlbench(tmp_path_factory):
    directory = tmp_path_factory.mktemp("arlbench")
    return imported("arlbench", [arlbench_file(directory)], directory / "landscapes")[0]


def test_arlbench(arlbench):
    assert (arlbench.name, arlbench.source, arlbench.seeds) == (ARLBENCH, "ARLBench", [0, 1, 2])
    assert arlbench.metadata["settings"]["fidelity"] == 8_000
    assert arlbench.metadata["provenance"]["licence"] == "bsd-3-clause"
    assert arlbench.metadata["status"] == {"completed": 24}
    returns = [[[performance(c, s, p) for p in range(4)] for s in (0, 1, 2)] for c in CONFIGS]
    np.testing.assert_allclose(arlbench.returns, returns)
    assert arlbench.return_range == (-3255.0, -100.0)
    configs = arlbench.plain_configs
    assert configs[0] == {
        "batch_size": 512,
        "prioritized": False,
        "learning_rate": 0.1,
        "learning_starts": 100,
        "use_target_network": False,
    }
    assert configs[3].keys() - configs[0].keys() == {"priority_alpha", "tau"}
    by_name = {row["name"]: row for row in arlbench.metadata["space"]["hyperparameters"]}
    assert by_name["learning_rate"]["log"]
    assert by_name["batch_size"]["choices"] == [256, 512]
    conditions = {row["child"]: row["parent"] for row in arlbench.metadata["space"]["conditions"]}
    assert conditions == {"priority_alpha": "prioritized", "tau": "use_target_network"}


def test_the_published_names_of_columns_and_files_give_the_same(tmp_path, arlbench):
    published = arlbench_frame().rename(columns={"run_id": "config_id", "budget": "training_steps"})
    path = arlbench_file(tmp_path, published, "cc_pendulum_sac.csv")
    again, _ = imported("arlbench", [path], tmp_path)
    for name in ("configs.parquet", "runs.parquet", "curves.parquet"):
        assert (again.directory / name).read_bytes() == (arlbench.directory / name).read_bytes()


def test_missing_and_nan_rows_are_imported_flagged_and_counted(tmp_path):
    frame = arlbench_frame()
    frame.loc[(frame.run_id == 1) & (frame.seed == 2) & (frame.budget >= 6_000), "performance"] = math.nan
    missing = ((frame.run_id == 3) & (frame.seed == 0)) | (
        (frame.run_id == 4) & (frame.seed == 1) & (frame.budget == 8_000)
    )
    path = arlbench_file(tmp_path, frame[~missing])
    printed = arl(tmp_path, "landscape", "import", "arlbench", path, "--out", "data").out
    assert "8 configs x 3 seeds: runs 21 completed, 1 diverged, 2 missing; 7 of 96 points without a return" in printed
    landscape = landscapes.dataset.read(tmp_path / "data" / "arlbench-sac-Pendulum-v1")
    assert landscape.runs.set_index(["config", "seed"]).status[[(1, 2), (3, 0), (4, 1)]].to_list() == [
        "diverged",
        "missing",
        "missing",
    ]
    assert len(landscape.curves()) == 96
    assert landscape.cube[1, 2].tolist() == [-220.0, -221.0, -3255.0, -3255.0]
    scores = landscape.scores().set_index("config")
    assert scores.score[3] == np.mean([performance(3, seed, 3) for seed in (1, 2)]), "means over the seeds present"
    assert scores.status[[1, 3, 4, 5]].to_list() == ["diverged", "missing", "missing", "completed"]
    card = (landscape.directory / "README.md").read_text()
    assert "1 of 24 runs is `diverged`" in card
    assert "2 of 24 runs are `missing`" in card


def hporlbench_file(directory, name, returns, **others):
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"returns_eval": returns, "std_returns_eval": [0.5] * len(returns), "timesteps_eval": [9_000] * len(returns)}
    path.write_text(json.dumps({**data, **others}))
    return path


def test_after_a_lost_return_a_run_has_diverged(tmp_path):
    frame = arlbench_frame()
    frame.loc[(frame.run_id == 1) & (frame.seed == 2) & (frame.budget == 4_000), "performance"] = math.nan
    landscape, _ = imported("arlbench", [arlbench_file(tmp_path, frame)], tmp_path)
    assert landscape.cube[1, 2].tolist() == [-220.0, -3255.0, -3255.0, -3255.0]
    (result,) = hpo.objective("exact", landscape, [2])([Trial(0, landscape.config(1), 8_000)])
    assert (result.status, result.score) == ("diverged", -3255.0)


def test_what_is_missing_is_filled_in_from_the_tables_own_seeds(tmp_path):
    """Others may be those that a comparison tests under."""
    frame = arlbench_frame()
    frame = frame[(frame.run_id != 3) | (frame.seed != 0)]
    landscape, _ = imported("arlbench", [arlbench_file(tmp_path, frame)], tmp_path)
    table = hpo.objective("exact", landscape, [0, 1])
    (record,) = table.evaluate([Trial(0, landscape.config(3), 8_000)])
    assert [run.score for run in record.runs] == [performance(3, 1, 3)] * 2
    assert [run.outcome.filled for run in record.runs] == [True, False]
    assert table.scores(np.array([3]))[0] == performance(3, 1, 3)
    (alone,) = hpo.objective("exact", landscape, [0])([Trial(0, landscape.config(3), 8_000)])
    assert alone.status == "diverged", "this seed has no return"


def test_what_diverged_before_its_file_ends_is_diverged(tmp_path):
    frame = arlbench_frame()
    run = (frame.run_id == 1) & (frame.seed == 2)
    frame.loc[run & (frame.budget == 6_000), "performance"] = math.nan
    landscape, _ = imported("arlbench", [arlbench_file(tmp_path, frame[~(run & (frame.budget == 8_000))])], tmp_path)
    assert landscape.runs.set_index(["config", "seed"]).status[1, 2] == "diverged"
    assert landscape.cube[1, 2].tolist() == [-220.0, -221.0, -3255.0, -3255.0]


def test_configs_are_numbered_and_none_is_the_default(tmp_path, monkeypatch):
    frame = arlbench_frame().assign(run_id=lambda frame: 10 * frame.run_id + 10, seed=lambda frame: frame.seed + 70_000)
    landscape, _ = imported("arlbench", [arlbench_file(tmp_path, frame)], tmp_path)
    assert landscape.configs.index.tolist() == list(CONFIGS)
    assert landscape.seeds == [70_000, 70_001, 70_002]
    assert not landscape.has_default
    landscape_figures.landscape(landscape, "learning_rate", None, tmp_path / "picture.png")
    with pytest.raises(InputError, match="must hold the default config to start from, got none"):
        ablation.path(landscape)
    monkeypatch.setenv("ARL_LANDSCAPES", str(landscape.directory.parent))
    assert landscape.name in landscapes.catalogue.available()
    assert landscape.name not in [other.name for other in landscapes.catalogue.of_algorithm("sac")]


def test_hporlbench(tmp_path):
    static = "PPO/Pong-v0/Pong-v0_PPO_random_lr_{}_gamma_{}_clip_0.2_seed{}_eval.json"
    for i, (lr, gamma, seed) in enumerate([(-3, 0.9, 0), (-3, 0.9, 1), (-1, 1.0, 0), (-1, 1.0, 1)]):
        hporlbench_file(tmp_path, static.format(lr, gamma, seed), [float(i), i + 1.0, i + 2.0][: 2 if i == 3 else 3])
    hporlbench_file(tmp_path, static.format(-3, 0.9, 0).replace("eval", "eval_1"), [9.0])
    hporlbench_file(tmp_path, "PPO/Pong-v0/Pong-v0_PPO_random_lr_-3-4-3_gamma_0.990.990.98_seed1_eval.json", [9.0])
    extended = "DQN/CartPole-v1/CartPole-v1_DQN_lr_{}_gamma_0.9_epsilon_0.1_layers_2_units_64_seed0.json"
    for lr in (-3, -2):
        hporlbench_file(tmp_path, extended.format(lr), [1.0])
    (dqn, pong), left_out = importers.write("hporlbench", [tmp_path], tmp_path / "out")
    assert left_out == {"second copies": 1, "schedules": 1}
    assert (dqn.name, pong.name) == ("hporlbench:dqn/CartPole-v1@extended", "hporlbench:ppo/Pong-v0")
    assert pong.plain_configs == [
        {"learning_rate": rate, "gamma": gamma, "clip_eps": 0.2} for rate, gamma in ((0.001, 0.9), (0.1, 1.0))
    ]
    assert set(dqn.plain_configs[0]) == {"learning_rate", "gamma", "initial_epsilon", "num_layers", "hidden_size"}
    assert pong.metadata["settings"]["fidelity"] == 30_000
    assert pong.metadata["status"] == {"completed": 3, "missing": 1}
    assert pong.scores().score.to_list() == [2.5, 4.0]
    assert pong.metadata["provenance"]["licence"] == "unknown"


def test_objectives_answer_from_imported_landscapes(tmp_path, monkeypatch, arlbench):
    configs = arlbench.plain_configs
    exact, nearest = (
        hpo.objective(mode, arlbench)([Trial(i, config, 8_000) for i, config in enumerate(configs)])
        for mode in ("exact", "table")
    )
    assert [got.seed_scores for got in exact] == [got.seed_scores for got in nearest]
    assert exact[5].seed_scores == {seed: performance(5, seed, 3) for seed in (0, 1, 2)}
    monkeypatch.setenv("ARL_LANDSCAPES", str(arlbench.directory.parent))
    store = Store(tmp_path / "store.sqlite")
    record = hpo.sweep(ARLBENCH, "random", trials=4, seeds=2, objective="surrogate", name="a", store=store)
    assert record.trials.score.between(-3255, -100).all()
    for settings, message in [
        ({}, "is imported: objective must be table"),
        ({"fidelity": 100}, "must be its own, 8000"),
    ]:
        with pytest.raises(InputError, match=message):
            hpo.sweep(ARLBENCH, "random", trials=4, name="b", store=store, **settings)


@pytest.mark.parametrize(
    "words",
    [
        ["list"],
        ["query", ARLBENCH, "--where", "tau > 0.2 and prioritized"],
        ["verify", ARLBENCH],
        ["analyse", ARLBENCH],
        ["plot", ARLBENCH, "--x", "batch_size", "--y", "tau"],
        ["importance", ARLBENCH],
    ],
)
def test_commands_on_imported_landscapes(tmp_path, monkeypatch, arlbench, words):
    monkeypatch.setenv("ARL_LANDSCAPES", str(arlbench.directory.parent))
    got = arl(tmp_path, "landscape", *words)
    assert (got.status, got.err) == (0, "")


def test_imported_runs_are_not_reproduced(tmp_path, monkeypatch, arlbench):
    monkeypatch.setenv("ARL_LANDSCAPES", str(arlbench.directory.parent))
    got = arl(tmp_path, "reproduce", ARLBENCH)
    assert got.status == 2
    assert (
        got.err
        == f"arl: landscape {ARLBENCH} must have been made here to be reproduced, got one imported from ARLBench\n"
    )


def with_column(name, values):
    return lambda frame: frame.assign(**{name: values})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            with_column("hp_config.learning_rat", 1.0),
            "unknown column 'hp_config.learning_rat': did you mean 'hp_config.lear",
        ),
        (lambda frame: frame.drop(columns="seed"), "must have one column seed, got none"),
        (with_column("config_id", 0), "must have one column run_id or config_id, got 2"),
        (with_column("performance", "many"), "return_mean must be numbers, got 'many'"),
        (with_column("run_id", math.nan), "config must be a whole number in every row, got 96 rows"),
        (with_column("performance", math.inf), "at least one finite return"),
        (with_column("hp_config.learning_starts", range(96)), "the same hyperparameters in every row of a config"),
        (with_column("hp_config.tau", math.nan), "tau must have a value in at least one config"),
        (
            lambda frame: frame.replace({"hp_config.tau": 0.01 + 0.1 * 2}, math.nan),
            "tau must be null only where a choice",
        ),
        (lambda frame: pd.concat([frame, frame[:1]]), "got 2000 env steps of config 0 under seed 2 twice"),
        (lambda frame: frame.replace({"budget": 8_000}, 8_500), "evaluations at equal distances, got one after 2000"),
        (lambda frame: frame[:0], "must have rows, got none"),
    ],
)
def test_arlbench_files_that_are_none_are_refused(tmp_path, change, message):
    path = arlbench_file(tmp_path, change(arlbench_frame()))
    with pytest.raises(InputError, match=message) as error:
        importers.write("arlbench", [path], tmp_path / "out")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_files_of_other_kinds_are_refused(tmp_path):
    good = arlbench_file(tmp_path)
    cut, foreign, named = (
        tmp_path / name for name in ("cc_cartpole_ppo.parquet", "cc_cartpole_dqn.csv", "mine.parquet")
    )
    cut.write_bytes(good.read_bytes()[:-50])
    foreign.write_bytes(b"\x00\xff")
    named.write_bytes(good.read_bytes())
    run = hporlbench_file(tmp_path, "Pong-v0_PPO_random_lr_-1_gamma_0.8_clip_0.2_seed0_eval.json", [1.0, 2.0])
    whole = run.read_text()
    (tmp_path / "empty").mkdir()
    cases = [
        ("arlbench", [good, cut], "can't be read"),
        ("arlbench", [foreign], "can't be read"),
        ("arlbench", [tmp_path / "no_ppo.csv"], "can't be read"),
        ("arlbench", [named], "must be named ENV_ALGORITHM"),
        ("arlbench", [good, good], "must be of different tasks"),
        ("arlbenc", [good], "did you mean 'arlbench'"),
        ("hporlbench", [good], "must be named as HPO-RL-Bench's runs"),
        ("hporlbench", [tmp_path / "empty"], "got no .json"),
    ]
    for form, paths, message in cases:
        got = arl(tmp_path, "landscape", "import", form, *paths, "--out", "out")
        assert (got.status, got.out, got.err.count("\n")) == (2, "", 1)
        assert message in got.err
    for text in (whole[:-9], "[]", "{}", '{"returns_eval": [1], "std_returns_eval": ["a"]}'):
        run.write_text(text)
        with pytest.raises(InputError, match="can't be read"):
            importers.write("hporlbench", [run], tmp_path / "out")
    assert not (tmp_path / "out").exists()
