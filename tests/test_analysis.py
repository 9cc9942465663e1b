"""What is read out of a landscape, on made-up ones whose answers are known."""

import re

import numpy as np
import pandas as pd
import pytest

from arl import spaces
from arl.errors import InputError
from hpo import build_landscape, tasks
from hpo.build_landscape import DefaultThenSobol
from landscapes import analysis, catalogue
from landscapes.dataset import Landscape

TASK = tasks.get("dqn/CartPole-v1")
NUM_CONFIGS = 128


class MadeUp(Landscape):
    """A landscape whose tables are given; its points are the task's last."""

    configs = property(lambda self: self.metadata["configs"])
    cube = returns = property(lambda self: self.metadata["cube"])
    values = property(lambda self: np.stack([np.broadcast_to(self.steps, self.cube.shape), self.cube], axis=-1))
    runs = property(lambda self: pd.DataFrame({"config": [0], "status": ["completed"]}))

    def curves(self):
        steps = TASK.points(TASK.fidelity)[-self.cube.shape[2] :]
        return pd.DataFrame({"point": range(len(steps)), "env_steps": steps})


def landscape_of(score, noise=0.0, num_seeds=10):
    """Return a landscape with `score` of a config at the full run; at earlier points noise hides it, the same for all."""
    trials = DefaultThenSobol(TASK.space, TASK.fidelity).ask(NUM_CONFIGS)
    draw = np.random.default_rng(0)
    full = np.array([score(trial.config) for trial in trials])[:, None, None]
    share = np.linspace(0.1, 1.0, TASK.num_points)
    early = 100 * draw.random((NUM_CONFIGS, 1, 1)) * (1 - share)
    cube = full * share + early + noise * draw.normal(size=(NUM_CONFIGS, num_seeds, TASK.num_points))
    metadata = {
        "settings": TASK.settings().to_json(),
        "space": TASK.space.to_serialized_dict(),
        "seeds": list(range(num_seeds)),
        "provenance": {},
        "configs": pd.DataFrame([trial.config for trial in trials], columns=list(TASK.space)).rename_axis("config"),
        "cube": cube,
    }
    return MadeUp(metadata, None)


def by_learning_rate(config):
    return 100.0 * (abs(np.log10(config["learning_rate"]) + 3.5) < 1)


@pytest.mark.parametrize("method", analysis.METHODS)
@pytest.mark.parametrize(
    ("score", "most"),
    [
        (by_learning_rate, "learning_rate"),
        (lambda config: 100.0 * (config["batch_size"] == 64), "batch_size"),
    ],
)
def test_the_hyperparameter_that_decides_is_the_most_important(score, most, method):
    table = analysis.importance(landscape_of(score, noise=0.1), method=method)
    assert table.hyperparameter[0] == most
    shares = table.drop(columns="hyperparameter")
    assert list(shares) == [f"point {i}" for i in range(1, 11)]
    assert (shares.sum() <= 1 + 1e-6).all()
    assert shares["point 10"].sum() == pytest.approx(1.0, abs=1e-6 if method == "ped-anova" else 0.2)
    assert set(table.hyperparameter) == set(TASK.space)


def test_what_two_hyperparameters_decide_together_is_their_interaction():
    made = landscape_of(lambda config: 100.0 * (config["initial_epsilon"] > 0.75) * (config["final_epsilon"] > 0.1))
    table = analysis.interactions(made, point=-1)
    assert table.columns.to_list() == ["hyperparameter", "other", "point 10"]
    assert len(table) == 12 * 11 / 2
    assert set(table.loc[0, ["hyperparameter", "other"]]) == {"initial_epsilon", "final_epsilon"}
    assert table["point 10"][0] == pytest.approx(1 / 3, abs=0.1)
    assert table["point 10"][1] < 0.1


def test_an_inactive_hyperparameter_counts_as_its_default():
    """As `config.get` has it here, for the half of the configs that have no priority_alpha."""
    made = landscape_of(lambda config: 100.0 * (config.get("priority_alpha", 0.9) > 0.5))
    assert analysis.fanova(made, point=-1).set_index("hyperparameter").share.idxmax() == "priority_alpha"


def test_unknown_methods_are_refused():
    with pytest.raises(InputError, match="method must be one of ped-anova, fanova, got 'shap'"):
        analysis.importance(landscape_of(by_learning_rate), method="shap")


@pytest.mark.parametrize("method", analysis.METHODS)
def test_importance_of_a_flat_landscape_is_refused(method):
    flat = landscape_of(lambda config: 0.0)
    flat.metadata["cube"] = np.zeros_like(flat.cube)
    with pytest.raises(InputError, match="importance needs configs of different scores"):
        analysis.importance(flat, method=method)


@pytest.mark.parametrize("method", analysis.METHODS)
def test_points_at_which_all_score_the_same_have_no_importance(method):
    """As where no config has reached the goal yet."""
    made = landscape_of(by_learning_rate)
    made.metadata["cube"][:, :, 0] = -200.0
    made.metadata["cube"] = made.cube[:, :, [0, 1, 9]]
    table = analysis.importance(made, method=method)
    assert table["point 1"].isna().all()
    assert table["point 2"].notna().all()
    with pytest.raises(InputError, match="got 128 configs, all -200"):
        analysis.importance(made, point=0, method=method)


def test_higher_fidelities_say_more():
    table = analysis.fidelity_correlation(landscape_of(lambda config: 100 * config["final_epsilon"]))
    assert list(table.index) == list(TASK.points(TASK.fidelity))
    last = table.iloc[-1].to_numpy()
    assert last[-1] == 1.0
    assert last[0] < 0.3 < 0.8 < last[-2]


def test_reliability_follows_spearman_and_brown():
    """Scores of variance 1 with noise of variance 1: halves of k seeds correlate as k / (k + 1)."""
    draw = np.random.default_rng(1)
    made = landscape_of(lambda config: 0.0)
    made.metadata["cube"] = draw.normal(size=(5000, 1, 1)) + draw.normal(size=(5000, 10, 1))
    table = analysis.reliability(made, repetitions=20)
    assert table.seeds.to_list() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(table.correlation, [k / (k + 1) for k in range(1, 6)], atol=0.03)


def test_configs_near_the_best():
    made = landscape_of(lambda config: 0.0)
    made.metadata["cube"] = np.array([500.0, 499.0, 470.0, 300.0])[:, None, None]
    worst, best = TASK.return_range
    assert (worst, best) == (0.0, 500.0)
    assert analysis.near_best(made, (0.01, 0.1, 1.0)).configs.to_list() == [0.5, 0.75, 1.0]


def test_choosing_on_few_seeds_promises_too_much():
    table = analysis.optimism(landscape_of(lambda config: 0.0, noise=10.0)).set_index(["configs", "seeds"])
    assert (table.tuning > table.test).all()
    assert table.tuning[128, 1] > table.tuning[8, 1]
    assert table.tuning[128, 1] > table.tuning[128, 5]
    assert (table.best >= table.test).all()


def test_caveats_say_what_an_analysis_can_not_tell():
    single = landscape_of(by_learning_rate, num_seeds=1)
    few, alike = single.caveats
    assert single.scores().score_std.isna().all()
    assert few.startswith("1 seed: luck can't be told from what a config is worth")
    assert re.match(r"\d+ of 128 configs score 0: what tells configs apart rests on the other \d+\.", alike)
    assert landscape_of(by_learning_rate, noise=1.0).caveats == []


def test_minibatches_that_hold_a_whole_rollout_are_alike():
    landscape = catalogue.get("ppo/MountainCarContinuous-v0")
    alike = ["minibatch_size 128, 256, 512 train alike, as 8."]
    assert build_landscape.train_alike(tasks.of_landscape(landscape), landscape.plain_configs) == alike
    assert landscape.caveats[:1] == alike


@pytest.mark.parametrize(
    ("env", "alike"),
    [("CartPole-v1", ["target_update_interval 1 to 100 train alike, as 1."]), ("Acrobot-v1", [])],
)
def test_intervals_that_every_iteration_passes_are_alike(env, alike):
    """An iteration is 256 env steps on CartPole, 4 on Acrobot."""
    task = tasks.get(f"dqn/{env}")
    configs = [spaces.sample(task.space, [seed]) for seed in range(8)]
    assert build_landscape.train_alike(task, configs) == alike
