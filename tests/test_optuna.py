"""A test for each fault of Optuna 5 that `hpo/tuners/optuna.py` works around."""

import dataclasses
import math
import sys

import numpy as np
import optuna
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, ForbiddenEqualsClause, Integer
from ConfigSpace.hyperparameters import OrdinalHyperparameter

from arl import spaces
from arl.errors import InputError
from hpo import testing, tuners
from hpo.trial import TunerContext
from hpo.tuners.optuna import CMAES, GP, NSGA2, TPE, from_optuna

FIDELITY = 900


def cube(num=4):
    return ConfigurationSpace(name="cube", space=[Float(f"x{i}", (0.0, 1.0)) for i in range(num)])


def grid():
    return ConfigurationSpace(
        name="grid", space=[Categorical("a", [1, 2, 3]), Categorical("b", [True, False]), Integer("c", (1, 3))]
    )


def parabola(trial):
    return testing.result(trial, -sum((value - 0.3) ** 2 for value in trial.config.values()))


def play(tuner, objective, *batches):
    return [trial for trials in testing.play(tuner, objective, batches) for trial in trials]


def values(tuner):
    return [trial.value for trial in tuner.study.get_trials()]


def test_only_active_hyperparameters_are_suggested_and_modelled():
    tuner = TPE(testing.conditional(), FIDELITY)
    trials = play(tuner, testing.hashed, *[8] * 5)
    for trial, suggestion in zip(trials, tuner.study.get_trials(), strict=True):
        spaces.check(testing.conditional(), trial.config)
        assert set(suggestion.params) == set(trial.config)


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_trial_without_a_score_counts_as_the_worst(score):
    tuner = TPE(cube(), FIDELITY)
    tuner.tell([testing.result(trial, score if trial.id == 1 else float(trial.id)) for trial in tuner.ask(3)])
    assert values(tuner) == [0.0, 0.0, 2.0]


def test_trials_that_failed_before_there_was_a_score_are_left_out():
    tuner = TPE(cube(), FIDELITY)
    tuner.tell([testing.result(trial, math.nan, "failed") for trial in tuner.ask(2)])
    tuner.tell([testing.result(trial, -7.0) for trial in tuner.ask(2)])
    assert values(tuner) == [None, None, -7.0, -7.0]


@pytest.mark.parametrize("cls", [TPE, NSGA2])
def test_no_config_is_trained_twice(cls):
    trials = play(cls(grid(), FIDELITY, seed=1), testing.hashed, *[5] * 20)
    assert len({str(trial.config) for trial in trials}) == len(trials) == 18


def test_nsga2_looks_for_the_front_of_several_scores():
    """Every x is on the front of x and 1 - x; to maximise a single score would end at 0 or 1."""
    space = ConfigurationSpace(space=[Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0))])

    def both(trial):
        x, y = trial.config["x"], trial.config["y"]
        metrics = {"final": x - y, "other": 1 - x - y}
        return dataclasses.replace(testing.result(trial, x - y), metrics=metrics)

    tuner = NSGA2(space, FIDELITY, budget=200.0, scores=("final", "other"))
    last = play(tuner, both, *[8] * 25)[-40:]
    assert np.mean([trial.config["y"] for trial in last]) < 0.4
    assert np.ptp([trial.config["x"] for trial in last]) > 0.6
    assert len(tuner.study.directions) == 2
    assert len(NSGA2(space, FIDELITY, scores=("final",)).study.directions) == 1


def test_a_config_that_is_repeated_gets_the_score_of_the_first():
    tuner = NSGA2(grid(), FIDELITY, population_size=4)
    play(tuner, testing.hashed, *[4] * 4)
    told = [(str(trial.params), trial.value) for trial in tuner.study.get_trials() if trial.value is not None]
    assert len(told) > len(set(told)) == len({params for params, _ in told})


def test_a_batch_does_not_collapse():
    tuner = TPE(cube(2), FIDELITY)
    play(tuner, parabola, *[8] * 4)
    batch = tuner.ask(16)
    for name in cube(2):
        assert max(trial.config[name] for trial in batch) - min(trial.config[name] for trial in batch) > 0.1


def test_cmaes_learns_from_every_trial():
    tuner = CMAES(cube(), FIDELITY)
    sizes = [len(trials) for trials in testing.play(tuner, parabola, [5, 64, 64, 3, 64])]
    assert sizes == [5, 3, 8, 3, 5]  # generations of 4 + 3 ln 4 = 8
    generations = [trial.system_attrs["cma:generation"] for trial in tuner.study.get_trials()]
    assert generations == [0] * 8 + [1] * 8 + [2] * 8


def test_cmaes_draws_what_it_cannot_model():
    trials = play(CMAES(testing.conditional(), FIDELITY), testing.hashed, *[4] * 10)
    assert {trial.config["optimiser"] for trial in trials} == {"sgd", "adam"}


def test_nsga2_has_five_generations_at_least():
    assert NSGA2(cube(), FIDELITY, budget=32.0).study.sampler.population_size == 6
    assert NSGA2(cube(), FIDELITY, budget=1e6).study.sampler.population_size == 50


def test_ordinal_values_keep_their_order():
    space = ConfigurationSpace(space=[OrdinalHyperparameter("size", ["small", "medium", "large"])])
    tuner = TPE(space, FIDELITY)
    assert len(play(tuner, testing.hashed, 3, 3)) == 3
    assert tuner.study.get_trials()[0].distributions["size"] == optuna.distributions.IntDistribution(0, 2)


def test_forbidden_configs_are_not_asked_for():
    space = grid()
    space.add(ForbiddenEqualsClause(space["a"], 2))
    trials = play(TPE(space, FIDELITY), testing.hashed, *[6] * 5)
    assert len(trials) > 6
    assert {trial.config["a"] for trial in trials} == {1, 3}


def test_nothing_is_printed(capfd):
    optuna.logging.set_verbosity(optuna.logging.INFO)
    for cls in (TPE, CMAES, NSGA2):
        play(cls(testing.conditional(), FIDELITY), testing.hashed, 8, 8, 4)
    assert capfd.readouterr() == ("", "")


def test_gp_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match=r"tuner 'gp' needs torch: pip install 'autorl-sweeps\[gp\]'"):
        GP(cube(), FIDELITY)


def test_options_are_those_of_the_sampler():
    assert TPE(cube(), FIDELITY, n_startup_trials=3).study.sampler._n_startup_trials == 3
    with pytest.raises(InputError, match="n_startup"):
        tuners.make("tpe", TunerContext(space=cube(), fidelity=FIDELITY), {"n_startup": 3})


def test_a_sampler_that_is_made_already_is_refused():
    with pytest.raises(InputError, match=r"class and options, not a sampler: from_optuna\(TPESampler, ...\)"):
        from_optuna(optuna.samplers.TPESampler())


def test_any_function_of_a_seed_makes_a_sampler():
    wrapped = from_optuna(lambda seed: optuna.samplers.RandomSampler(seed=seed))
    first, second = (wrapped(cube(), FIDELITY, seed).ask(3) for seed in (0, 1))
    assert first != second
