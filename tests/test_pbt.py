"""Population-based training: who copies from whom, what may change, and what it spends."""

from types import SimpleNamespace

import numpy as np
import pytest
from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Constant,
    EqualsCondition,
    Float,
    Integer,
    OrdinalHyperparameter,
)
from hypothesis import given
from hypothesis import strategies as st
from play import Game, Sum, drift, result, square

from arl import spaces
from arl.errors import InputError
from hpo import tuners
from hpo.autorl.schedules import Stretch, schedule_of
from hpo.trial import Trial, TunerContext
from hpo.tuners import pbt

FIDELITY = 40
NAMES = ["pbt", "pb2"]


def make(name="pbt", space=None, fidelity=FIDELITY, seed=0, budget=5.0, **options):
    context = TunerContext(space=space or square(), fidelity=fidelity, seed=seed, budget=budget)
    return tuners.make(name, context, options)


def game(name="pbt", batch=8, status=lambda trial: "completed", score=None, **settings):
    score = score or Sum(settings.get("fidelity", FIDELITY), drift)
    return Game(make(name, **settings), score, batch, status, settings.get("space") or square())


def mixed():
    """Return a space of all kinds of hyperparameters, in which a choice switches a number on."""
    size, power = Categorical("size", ["small", "big"], default="big"), Integer("power", (1, 100), log=True, default=10)
    space = ConfigurationSpace(name="mixed", space=[size, power, Float("rate", (1e-4, 1.0), log=True, default=0.01)])
    space.add(
        [Float("share", (0.8, 1.0), default=0.9), OrdinalHyperparameter("level", ["a", "b", "c"]), Constant("k", 3)]
    )
    space.add(EqualsCondition(power, size, "big"))
    return space


@pytest.mark.parametrize("name", NAMES)
class TestEveryPopulation:
    def test_by_hand(self, name):
        """Five members, four intervals, and scores by which member 2 is always the worst and member 4 the best."""
        scores = [3.0, 2.0, 1.0, 4.0, 5.0]
        played = game(name, num_intervals=4, quantile=0.2, score=lambda trial: scores[trial.id % 5])
        assert sorted(played.trials) == list(range(20))
        assert [trial.fidelity for trial in played.trials.values()] == [10] * 5 + [20] * 5 + [30] * 5 + [40] * 5
        for i in range(5, 20):
            trial, parent = played.trials[i], played.trials[played.trials[i].parent]
            assert parent.id == (i // 5 - 1) * 5 + (4 if i % 5 == 2 else i % 5)
            assert (trial.config == parent.config) == (i % 5 != 2)
        assert played.env_steps == 5 * FIDELITY

    def test_batches_change_nothing(self, name):
        whole, parts, singly = (game(name, batch).trials for batch in (64, 3, 1))
        assert whole == parts == singly

    @given(
        budget=st.floats(1, 9),
        fidelity=st.integers(1, 300),
        num_intervals=st.integers(1, 12),
        least=st.integers(1, 90),
        quantile=st.floats(0, 0.5),
        population=st.integers(1, 9),
        batch=st.integers(1, 12),
    )
    def test_spends_whole_full_runs(self, name, budget, fidelity, num_intervals, least, quantile, population, batch):
        options = {"num_intervals": num_intervals, "min_interval": least, "quantile": quantile}
        options["population"] = min(population, int(budget))
        played = game(name, batch, fidelity=fidelity, budget=budget, **options)
        assert played.env_steps == int(budget) * fidelity
        ends = sorted({trial.fidelity for trial in played.trials.values()})
        assert ends[-1] == fidelity
        assert len(ends) == max(1, min(num_intervals, fidelity // least))
        assert len(ends) == 1 or min(np.diff([0, *ends])) >= least

    def test_populations_follow_one_another_while_the_budget_lasts(self, name):
        played = game(name, budget=11.5, population=4, num_intervals=2)
        starts = [trial.id for trial in played.trials.values() if trial.parent is None]
        assert starts == [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18]
        assert len({str(played.trials[i].config) for i in starts}) == 11

    def test_every_member_starts_from_networks_of_its_own_if_asked_to(self, name):
        for own, first in ((True, [0, 1, 2, 6, 7, 8]), (False, [0] * 6)):
            played = game(name, budget=6.0, population=3, num_intervals=2, own_networks=own)
            starts = [trial for trial in played.trials.values() if trial.parent is None]
            assert [trial.network_seed for trial in starts] == first
            assert {trial.network_seed for trial in played.trials.values() if trial.parent is not None} == {0}

    def test_what_may_not_change_is_copied_with_the_agent(self, name):
        space = mixed()
        mutable = {"rate", "share"}
        played = Game(
            tuners.make(
                name, TunerContext(space=space, fidelity=40, seed=1, budget=8.0, mutable=mutable), {"quantile": 0.4}
            ),
            lambda trial: trial.config["rate"],
            space=space,
        )
        changed = set()
        for trial in played.trials.values():
            if trial.parent is not None:
                before = played.trials[trial.parent].config
                assert before.keys() == trial.config.keys()
                changed |= {key for key in before if before[key] != trial.config[key]}
        assert changed == mutable

    def test_what_switches_on_what_may_not_change_does_not_change(self, name):
        space = mixed()
        assert pbt.changeable(space, None) == [key for key in space if key != "k"]
        assert pbt.changeable(space, {"size", "rate"}) == ["rate"]
        assert pbt.changeable(space, {"size", "power"}) == ["size", "power"]

    def test_conditions_hold_after_every_change(self, name):
        space = mixed()
        played = Game(
            make(name, space, budget=12.0, quantile=0.5), lambda trial: trial.config["rate"], space=space
        )  # which checks every config
        sizes = {(played.trials[t.parent].config["size"], t.config["size"]) for t in played.trials.values() if t.parent}
        assert {("small", "big"), ("big", "small")} <= sizes

    @pytest.mark.parametrize("status", ["diverged", "failed"])
    def test_whoever_diverged_or_failed_is_replaced(self, name, status):
        bad = {0, 2, 3, 7, 16}
        played = game(
            name,
            budget=8.0,
            num_intervals=3,
            status=lambda trial: status if trial.id in bad else "completed",
            score=lambda trial: 9.0 if trial.id in bad else float(trial.id % 8),
        )
        assert len(played.trials) == 24
        assert not any(trial.parent in bad for trial in played.trials.values())
        assert {played.trials[8 + i].parent for i in (0, 2, 3)} <= {5, 6}

    @pytest.mark.parametrize("status", ["diverged", "failed"])
    def test_a_population_that_has_died_out_is_begun_anew(self, name, status):
        played = game(name, budget=8.0, num_intervals=4, status=lambda t: status if t.id < 8 else "completed")
        starts = [trial.id for trial in played.trials.values() if trial.parent is None]
        assert starts == [*range(8), *range(8, 14)]  # a quarter of the budget is gone
        assert len(played.at(FIDELITY)) == 6
        hopeless = game(name, budget=8.0, num_intervals=4, status=lambda trial: status)
        assert hopeless.env_steps <= 8 * FIDELITY

    def test_scores_that_are_no_numbers_lose(self, name):
        played = game(name, budget=8.0, score=lambda t: float("nan") if t.id == 1 else float(t.id % 8))
        assert played.trials[9].parent in (6, 7)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"population": 6}, "population must be at most the 5 that the budget pays for, got 6"),
            ({"population": 0}, "population must be a whole number of at least 1, got 0"),
            ({"budget": 0.9}, "budget must pay for a full run"),
            ({"num_intervals": 2.5}, r"num_intervals must be a whole number of at least 1, got 2\.5"),
            ({"quantile": 0.6}, r"quantile must be in \[0, 0\.5\], got 0\.6"),
            ({"resample": "often"}, r"resample must be in \[0, 1\], got 'often'"),
            ({"mutable": []}, "mutable must name a hyperparameter of the space that may change in mid-run, got none"),
        ],
    )
    def test_bad_options_are_refused(self, name, options, message):
        with pytest.raises(InputError, match=message):
            make(name, **options)

    def test_follows_a_moving_optimum_better_than_any_fixed_config_that_random_search_finds(self, name):
        tuned = [max(r.score for r in game(name, seed=seed, budget=8.0).results.values()) for seed in range(6)]
        fixed = [max(constant(spaces.sample(square(), [seed, i])) for i in range(8)) for seed in range(6)]
        assert sum(tuned) > sum(fixed) + 0.3


def constant(config):
    """Return what a config that never changes gains in ten intervals."""
    return sum(drift(config, i / 10 + 0.05) for i in range(10)) / 10


def told(*scores):
    return [result(Trial(i, {}, 1), score) for i, score in enumerate(scores)]


@pytest.mark.parametrize(
    ("scores", "quantile", "winners", "losers"),
    [
        ((1.0, 2.0, 3.0, 4.0, 5.0), 0.2, [4], {0}),
        ((1.0, 2.0, 3.0, 4.0, 5.0), 0.4, [4, 3], {0, 1}),
        ((1.0, 2.0, 3.0, 4.0, 5.0), 0.5, [4, 3], {0, 1}),
        ((1.0, 1.0, 1.0, 1.0), 0.25, [0], {3}),
        ((1.0, float("nan"), float("nan"), 0.0), 0.25, [0], {1, 2}),
        ((float("nan"), 1.0, float("nan"), float("nan")), 0.5, [1], {0, 2, 3}),
        ((1.0,), 0.5, [0], set()),
        ((2.0, 1.0), 0.2, [0], {1}),
        ((2.0, 1.0), 0.0, [0], set()),
    ],
)
def test_truncation_selection_by_hand(scores, quantile, winners, losers):
    best, lost = pbt.truncate(told(*scores), quantile)
    assert ([trial.id for trial in best], lost) == (winners, losers)


@pytest.mark.parametrize(
    ("hyperparameter", "value", "possible"),
    [
        (Float("x", (0.0, 1.0)), 0.5, {0.4, 0.6}),
        (Float("x", (0.0, 1.0)), 1.0, {0.8, 1.0}),
        (Float("x", (0.0, 1.0)), 0.0, {0.0}),
        (Float("x", (0.8, 1.0)), 0.9, {0.88, 0.92}),
        (Float("x", (-1.0, 1.0)), 0.0, {-0.2, 0.2}),
        (Float("x", (1e-5, 1e-1), log=True), 1e-3, {8e-4, 1.2e-3}),
        (Float("x", (1e-5, 1e-1), log=True), 1e-5, {1e-5, 1.2e-5}),
        (Integer("x", (1, 20)), 11, {9, 13}),
        (Integer("x", (1, 20)), 2, {1, 3}),
        (Integer("x", (1, 20)), 20, {16, 20}),
        (Integer("x", (1, 1000), log=True), 100, {80, 120}),
        (Categorical("x", ["a", "b", "c", "d"]), "a", {"a", "b"}),
        (Categorical("x", [16, 32, 64]), 32, {16, 32, 64}),
        (Categorical("x", [True, False]), True, {True, False}),
        (OrdinalHyperparameter("x", ["low", "mid", "high"]), "high", {"mid", "high"}),
    ],
)
def test_perturbations_by_hand(hyperparameter, value, possible):
    rng = np.random.default_rng(0)
    seen = {pbt.perturb(hyperparameter, value, rng) for _ in range(60)}
    assert {type(moved) for moved in seen} == {type(value)}
    if isinstance(value, float):
        assert sorted(seen) == pytest.approx(sorted(possible))
    else:
        assert seen == possible


class TestSchedules:
    TRIALS = (
        Trial(0, {"x": 1}, 10),
        Trial(1, {"x": 2}, 10),
        Trial(2, {"x": 2}, 20, parent=1),
        Trial(3, {"x": 3}, 20, parent=1),
        Trial(4, {"x": 3}, 30, parent=3),
        Trial(5, {"x": 2}, 40, parent=4),
    )

    @pytest.mark.parametrize(
        ("trial", "schedule"),
        [
            (0, [(0, 10, {"x": 1})]),
            (2, [(0, 20, {"x": 2})]),
            (4, [(0, 10, {"x": 2}), (10, 30, {"x": 3})]),
            (5, [(0, 10, {"x": 2}), (10, 30, {"x": 3}), (30, 40, {"x": 2})]),
        ],
    )
    def test_by_hand(self, trial, schedule):
        assert schedule_of(self.TRIALS, trial) == schedule
        records = [
            SimpleNamespace(trial=t.id, config=t.config, fidelity=t.fidelity, parent=t.parent) for t in self.TRIALS
        ]
        assert schedule_of(records, trial) == schedule
        assert all(isinstance(stretch, Stretch) for stretch in schedule_of(iter(self.TRIALS), trial))

    def test_an_unknown_trial_is_refused(self):
        with pytest.raises(InputError, match="unknown trial '7': known are 0, 1, 2"):
            schedule_of(self.TRIALS, 7)

    def test_that_of_a_winner_has_no_gaps(self):
        played = game(budget=8.0, seed=3)
        schedule = schedule_of(played.trials.values(), played.incumbent.id)
        assert [s.start for s in schedule] == [0, *(s.end for s in schedule[:-1])]
        assert schedule[-1].end == FIDELITY
        assert len(schedule) > 1
