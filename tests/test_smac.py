"""A test for each fault of SMAC 2.4 that `hpo/tuners/smac.py` works around.

`test_tuner_conformance.py` tests that its answers do not depend on the hashes of the process, as for all tuners.
"""

import copy
import math
import os
import tempfile

import pytest
from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

from arl import spaces
from arl.errors import InputError
from hpo import tasks, testing
from hpo.trial import Trial, TunerError
from hpo.tuners import smac
from hpo.tuners.smac import Smac, SmacHyperband, from_smac

FIDELITY = 1000


def square():
    return ConfigurationSpace(name="square", space=[Float("x", (0.0, 1.0)), Float("y", (0.0, 1.0))])


def grid():
    return ConfigurationSpace(
        name="grid", space=[Categorical("a", [1, 2, 3]), Categorical("b", [True, False]), Integer("c", (1, 3))]
    )


def parabola(trial):
    return testing.result(trial, -((trial.config["x"] - 0.3) ** 2) - (trial.config["y"] - 0.7) ** 2)


def play(tuner, objective, *batches):
    return [trial for trials in testing.play(tuner, objective, batches) for trial in trials]


def test_every_private_attribute_that_is_used_exists(monkeypatch):
    """This fails where a new version of SMAC renames one: its reason in `PRIVATE` says what must be done in another way."""
    used = set()

    def noted(part, name, private=smac._private):
        used.add(name)
        return private(part, name)

    monkeypatch.setattr(smac, "_private", noted)
    play(Smac(square(), FIDELITY, budget=8.0), parabola, 2, 2)
    brackets = SmacHyperband(square(), FIDELITY)
    brackets.warm_start([parabola(Trial(-1, {"x": 0.5, "y": 0.5}, FIDELITY))])
    play(brackets, parabola, 16, 16)
    assert used == set(smac.PRIVATE)


@pytest.mark.parametrize("name", ["_rf_opts", "_max_new_config_tries"])
def test_a_version_of_smac_that_lacks_an_attribute_is_refused(name):
    class Changed:
        pass

    for use in (lambda: smac._private(Changed(), name), lambda: smac._replace(Changed(), name, 1)):
        with pytest.raises(TunerError, match=rf"SMAC must be 2\.4, whose Changed has '{name}', got SMAC \d"):
            use()


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("status", ["completed", "diverged", "failed"])
def test_a_trial_without_a_score_costs_as_much_as_the_worst(score, status):
    tuner = Smac(square(), FIDELITY, budget=16.0)
    scores = {0: score, 1: -5.0, 2: 3.0}
    tuner.tell(
        [
            testing.result(trial, scores[trial.id % 3], status if trial.id % 3 == 0 else "completed")
            for trial in tuner.ask(4)
        ]
    )
    assert sorted(value.cost for value in tuner.facade.runhistory.values()) == [-3.0, 5.0, 5.0, 5.0]
    assert len(tuner.ask(3)) == 3


def test_trials_that_failed_before_there_was_a_score_follow_the_worst():
    tuner = Smac(square(), FIDELITY, budget=16.0)
    first, *rest = tuner.ask(4)
    tuner.tell([testing.result(first, math.nan, "failed")])
    tuner.tell([testing.result(trial, -1000.0 + trial.id) for trial in rest])
    costs = [tuner.facade.runhistory.get_cost(info.config) for info in tuner.infos]
    assert costs == [999.0, 999.0, 998.0, 997.0]


def test_promotions_go_on_from_the_agents_of_the_best():
    tuner = SmacHyperband(square(), FIDELITY)
    first = tuner.ask(9)
    assert [trial.fidelity for trial in first] == [111] * 9
    tuner.tell([parabola(trial) for trial in first])
    second = tuner.ask(3)
    best = sorted(first, key=lambda trial: -parabola(trial).score)[:3]
    assert {trial.parent for trial in second} == {trial.id for trial in best}
    assert all(trial.fidelity == 333 and trial.config == first[trial.parent].config for trial in second)
    tuner.tell([parabola(trial) for trial in second])
    (third,) = (trial for trial in tuner.ask(9) if trial.fidelity == FIDELITY and trial.parent is not None)
    assert third.config == best[0].config
    assert third.parent in {trial.id for trial in second}


def test_every_bracket_is_filled_and_promoted():
    trials = play(SmacHyperband(square(), FIDELITY), parabola, *[16] * 9)
    assert [trial.fidelity for trial in trials].count(111) == 27
    promoted = [trial for trial in trials if trial.parent is not None]
    assert [trial.fidelity for trial in promoted].count(333) == 9
    assert [trial.fidelity for trial in promoted].count(FIDELITY) == 6
    assert len({str(trial.config) for trial in trials}) == len(trials) - len(promoted)


def test_a_failed_trial_has_no_agent_to_go_on_from():
    tuner = SmacHyperband(square(), FIDELITY)
    trials = play(tuner, lambda trial: testing.result(trial, math.nan, "failed"), 9, 3)
    assert [trial.parent for trial in trials] == [None] * 12
    assert [trial.fidelity for trial in trials[9:]] == [333] * 3


def test_an_ask_opens_one_bracket():
    assert [trial.fidelity for trial in SmacHyperband(square(), FIDELITY).ask(64)] == [111] * 9


def test_the_first_batch_is_the_initial_design():
    tuner = Smac(square(), FIDELITY, budget=32.0)
    first = tuner.ask(64)
    assert len(first) == 8
    assert tuner.ask(64) == []
    tuner.tell([parabola(trial) for trial in first])
    assert len(tuner.ask(24)) == 24


@pytest.mark.parametrize("eta", [2, 3, 5, 7, 10])
def test_rungs_are_counted_without_rounding_errors(eta):
    trials = SmacHyperband(square(), eta**3, eta=eta, num_rungs=4).ask(1)
    assert trials[0].fidelity == 1


@pytest.mark.parametrize(("cls", "num"), [(Smac, 18), (SmacHyperband, 18)])
def test_a_small_space_is_searched_to_its_end(cls, num):
    tuner = cls(grid(), FIDELITY, seed=3, budget=32.0)
    trials = play(tuner, testing.hashed, *[7] * 40)
    assert len({str(trial.config) for trial in trials}) == num
    assert tuner.ask(7) == []


def test_the_forest_learns_at_every_ask(monkeypatch):
    from smac.model.random_forest import RandomForest

    sizes = []
    monkeypatch.setattr(
        RandomForest, "_train", lambda self, X, y, train=RandomForest._train: sizes.append(len(X)) or train(self, X, y)
    )
    play(Smac(square(), FIDELITY, budget=16.0), parabola, 4, 4, 4, 12, 12)
    assert sizes == [4, 8, 12, 24]  # all that was told before each ask but the first


def test_a_fit_does_not_set_aside_memory_for_a_million_leaves():
    tuner = Smac(square(), FIDELITY, budget=16.0)
    play(tuner, parabola, 4)
    tuner.ask(1)
    assert tuner.facade._model._rf.max_leaf_nodes is None
    assert tuner.facade._model._rf.n_jobs == 1


def test_no_files_are_left(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    play(Smac(square(), FIDELITY, budget=12.0), parabola, 3, 2)
    assert os.listdir(tmp_path) == []


def test_the_space_keeps_its_random_state():
    space, other = square(), square()
    space.seed(5)
    other.seed(5)
    play(SmacHyperband(space, FIDELITY), parabola, 9, 9)
    assert dict(space.sample_configuration()) == dict(other.sample_configuration())


def test_seeds_of_any_size_are_taken():
    small, large = (Smac(square(), FIDELITY, seed=seed).ask(2) for seed in (0, 2**40 + 1))
    assert small != large


@pytest.mark.parametrize("preset", tasks.PRESETS)
def test_the_spaces_of_tasks_are_taken(preset):
    space = tasks.get("ppo/CartPole-v1", preset).space
    for cls in (Smac, SmacHyperband):
        used = copy.deepcopy(space)
        trials = play(cls(used, FIDELITY, budget=8.0), testing.hashed, 9, 9)
        for trial in trials:
            spaces.check(space, trial.config)
        assert used == space


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (SmacHyperband, {"eta": 1}, "eta must be a whole number of at least 2, got 1"),
        (SmacHyperband, {"num_rungs": 0}, "num_rungs must be a whole number of at least 1, got 0"),
    ],
)
def test_bad_options_are_refused(cls, options, message):
    with pytest.raises(InputError, match=message):
        cls(square(), FIDELITY, **options)


def test_facades_are_wrapped_as_they_are():
    from smac import MultiFidelityFacade, RandomFacade

    by_two = from_smac(
        MultiFidelityFacade,
        min_budget=250,
        intensifier=lambda scenario: MultiFidelityFacade.get_intensifier(scenario, eta=2),
    )
    trials = play(by_two(square(), FIDELITY), parabola, 4, 2)
    assert [trial.fidelity for trial in trials] == [250] * 4 + [500] * 2
    assert all(trial.parent is not None for trial in trials[4:])
    testing.check_here(from_smac(RandomFacade), {})


def test_a_sweep_s_least_fidelity_is_a_floor_and_not_the_lowest_rung():
    """A sweep's is the fewest env steps that train every config: a bracket that began there would have thousands."""
    trials = SmacHyperband(square(), 100_000, min_fidelity=4).ask(64)
    assert {trial.fidelity for trial in trials} == {round(100_000 / 9)}
    assert len(trials) == 9
    assert {trial.fidelity for trial in SmacHyperband(square(), 100, min_fidelity=200).ask(4)} == {100}
