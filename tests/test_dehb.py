"""DEHB: its schedule and the operators of differential evolution."""

import numpy as np
import pytest
from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer
from hypothesis import given
from hypothesis import strategies as st
from play import Game, bowl, curve, result, square

from arl import spaces
from arl.errors import InputError
from hpo import tuners
from hpo.trial import TunerContext
from hpo.tuners import dehb

FIDELITY = 270


def make(space=None, fidelity=FIDELITY, seed=0, budget=14.0, **options):
    context = TunerContext(space=space or square(), fidelity=fidelity, seed=seed, budget=budget)
    return tuners.make("dehb", context, options)


def game(batch=8, status=lambda trial: "completed", **settings):
    fidelity, space = settings.get("fidelity", FIDELITY), settings.get("space") or square()
    return Game(make(**settings), lambda trial: curve(trial.config, trial.fidelity / fidelity), batch, status, space)


def test_the_first_bracket_is_successive_halving_and_the_rest_is_new():
    played = game(batch=100, budget=16.0)
    sizes = [(len(trials), trials[0].fidelity) for trials in played.rounds]
    assert sizes[:7] == [(27, 10), (9, 30), (3, 90), (1, 270), (12, 30), (4, 90), (1, 270)]
    by_score = sorted(range(27), key=lambda i: -played.results[i].score)
    assert [trial.parent for trial in played.rounds[1]] == by_score[:9]
    assert [trial.config for trial in played.rounds[1]] == [played.trials[i].config for i in by_score[:9]]
    assert all(trial.parent is None for trials in played.rounds[4:] for trial in trials)
    assert len({str(trial.config) for trials in played.rounds[4:] for trial in trials}) > 20


@given(
    budget=st.floats(4, 12),
    fidelity=st.integers(1, 500),
    eta=st.floats(1.5, 5),
    num_rungs=st.integers(1, 4),
    batch=st.integers(1, 20),
    continued=st.booleans(),
)
def test_never_spends_more_than_its_budget(budget, fidelity, eta, num_rungs, batch, continued):
    played = game(batch, fidelity=fidelity, budget=budget, eta=eta, num_rungs=num_rungs, continued=continued)
    assert (budget - num_rungs) * fidelity - 1 < played.env_steps <= (budget + 1e-9) * fidelity


def test_batches_change_nothing():
    whole, parts, singly = (game(batch).trials for batch in (64, 5, 1))
    assert whole == parts == singly
    assert sorted(whole) == list(range(len(whole)))


def test_spaces_with_conditions_and_choices():
    size, power = Categorical("size", ["small", "big"]), Integer("power", (1, 9), log=True)
    space = ConfigurationSpace(space=[size, power, Float("rate", (1e-4, 1.0), log=True)])
    space.add(EqualsCondition(power, size, "big"))
    played = Game(make(space, budget=30.0), lambda trial: trial.config.get("power", 0), 8, space=space)
    powers = [trial.config.get("power", 0) for trial in played.trials.values() if trial.parent is None]
    assert min(powers) == 0
    assert max(powers) == 9
    assert sum(powers[27:]) / len(powers[27:]) > 2 * sum(powers[:27]) / 27


def test_finds_more_than_random_search():
    """Simple regret at a budget of 60 full runs in three dimensions, summed over 10 seeds: at most half of random's."""
    space = square(3)
    tuned = [bowl(game(space=space, seed=seed, budget=60.0).incumbent.config) for seed in range(10)]
    random = [max(bowl(spaces.sample(space, [seed, i])) for i in range(60)) for seed in range(10)]
    assert sum(tuned) > 0.5 * sum(random)


@pytest.mark.parametrize("status", ["diverged", "failed"])
@pytest.mark.parametrize("bad", [set(range(0, 1000, 2)), set(range(27)), set(range(1000))], ids=["half", "27", "all"])
def test_what_diverged_or_failed_is_not_promoted(status, bad):
    played = game(status=lambda trial: status if trial.id in bad else "completed", budget=16.0)
    assert not any(trial.parent in bad for trial in played.trials.values())
    assert played.at(FIDELITY)


def test_a_member_is_replaced_by_what_is_at_least_as_good():
    tuner = make(num_rungs=1, budget=4.0)
    asked = tuner.ask(4)
    assert len(asked) == 1  # with one rung, a bracket is one config in full
    tuner.tell([result(asked[0], 1.0)])
    for score, kept in [(0.5, 1.0), (1.0, 1.0), (float("nan"), 1.0)]:
        before = tuner.populations[FIDELITY][0].point
        trials = tuner.ask(1)
        tuner.tell([result(trials[0], score)])
        member = tuner.populations[FIDELITY][0]
        assert member.worth == kept
        assert np.array_equal(member.point, before) == (score != 1.0)


def test_operators_by_hand():
    base, plus, minus = np.array([0.1, 0.2]), np.array([0.9, 0.5]), np.array([0.1, 0.7])
    assert dehb.mutate(base, plus, minus, 0.5) == pytest.approx([0.5, 0.1])
    assert dehb.mutate(base, plus, minus, 0.0) == pytest.approx(base)
    rng = np.random.default_rng(0)
    assert dehb.inside(np.array([0.0, 0.4, 1.0]), rng).tolist() == [0.0, 0.4, 1.0]
    assert all(0 <= value <= 1 for value in dehb.inside(np.array([-0.5, 1.5, 2.0]), rng))
    target, mutant = np.zeros(5), np.ones(5)
    assert dehb.crossover(target, mutant, 1.0, rng).sum() == 5
    assert {dehb.crossover(target, mutant, 0.0, rng).sum() for _ in range(20)} == {1}
    assert np.mean([dehb.crossover(target, mutant, 0.5, rng).sum() for _ in range(2000)]) == pytest.approx(3, abs=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mutation_factor": 1.5}, r"mutation_factor must be in \[0, 1\], got 1.5"),
        ({"crossover_rate": "half"}, r"crossover_rate must be in \[0, 1\], got 'half'"),
        ({"budget": 0.5}, r"budget must pay for a config that climbs all of 4 rungs, got 0\.5"),
        ({"eta": 0.5}, "eta must be a number above 1"),
        ({"continued": 1}, "continued must be true or false"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        make(**options)
