"""Successive halving, Hyperband and ASHA: their schedules, what they spend, and that they find more than random search."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from play import Game, bowl, curve, result, square

from arl.errors import InputError
from hpo import tuners
from hpo.trial import Trial, TunerContext
from hpo.tuners import brackets, hyperband

FIDELITY = 270
NAMES = ["successive_halving", "hyperband", "asha"]


def make(name, space=None, fidelity=FIDELITY, seed=0, budget=8.0, **options):
    context = TunerContext(space=space or square(), fidelity=fidelity, seed=seed, budget=budget)
    return tuners.make(name, context, options)


def game(name, batch=8, status=lambda trial: "completed", score=None, **settings):
    fidelity = settings.get("fidelity", FIDELITY)
    score = score or (lambda trial: curve(trial.config, trial.fidelity / fidelity))
    return Game(make(name, **settings), score, batch, status, settings.get("space") or square())


class TestRungs:
    @pytest.mark.parametrize(
        ("fidelity", "eta", "num_rungs", "min_fidelity", "rungs"),
        [
            (27, 3, 4, 1, (1, 3, 9, 27)),
            (27, 3, 9, 1, (1, 3, 9, 27)),
            (100_000, 3, 4, 1, (3704, 11111, 33333, 100_000)),
            (100_000, 3, 4, 4096, (11111, 33333, 100_000)),
            (100_000, 3, 4, 60_000, (100_000,)),
            (100, 1.5, 9, 10, (20, 30, 44, 67, 100)),  # from 13 up to 20 it would be less than 10
            (5, 3, 4, 1, (1, 2, 5)),
            (1, 3, 4, 1, (1,)),
            (50, 2, 1, 1, (50,)),
        ],
    )
    def test_by_hand(self, fidelity, eta, num_rungs, min_fidelity, rungs):
        assert brackets.rungs(fidelity, eta, num_rungs, min_fidelity) == rungs

    @given(st.integers(1, 2**31 - 1), st.floats(1.01, 10), st.integers(1, 12), st.integers(1, 1000))
    def test_rise_to_the_full_fidelity_by_no_less_than_the_least(self, fidelity, eta, num_rungs, least):
        rungs = brackets.rungs(fidelity, eta, num_rungs, least)
        assert rungs[-1] == fidelity
        assert len(rungs) <= num_rungs
        assert len(rungs) == 1 or min(b - a for a, b in zip((0, *rungs), rungs, strict=False)) >= least


class TestBrackets:
    def test_costs_by_hand(self):
        anew, bracket = (brackets.bracket(27, (1, 3, 9, 27), 3, continued) for continued in (False, True))
        assert bracket.sizes == (27, 9, 3, 1)
        assert anew.env_steps == 4 * 27
        assert bracket.env_steps == 27 + 9 * 2 + 3 * 6 + 1 * 18 == 3 * 27

    def test_the_shapes_of_hyperband_are_those_of_its_paper(self):
        """R = 81 and eta = 3, the example of Li et al. 2018: n = 81, 34, 15, 8 and 5."""
        rungs = (1, 3, 9, 27, 81)
        chosen = [brackets.bracket(num, starts, 3, True) for num, starts in hyperband.shapes(rungs, 3)]
        assert [bracket.sizes for bracket in chosen] == [(81, 27, 9, 3, 1), (34, 11, 3, 1), (15, 5, 1), (8, 2), (5,)]
        assert [bracket.rungs[0] for bracket in chosen] == [1, 3, 9, 27, 81]

    def test_the_last_one_is_as_wide_as_the_rest_pays_for(self):
        rungs = (1, 3, 9, 27)
        assert brackets.fitting(27, rungs, 3, True, 81).sizes == (27, 9, 3, 1)
        assert brackets.fitting(27, rungs, 3, True, 80).sizes == (26, 8, 2, 1)
        assert brackets.fitting(27, rungs, 3, True, 27).sizes == (1, 1, 1, 1)
        assert brackets.fitting(27, rungs, 3, True, 26) is None

    @given(st.integers(1, 60), st.integers(1, 300), st.floats(1.2, 5), st.booleans(), st.integers(0, 5000))
    def test_no_wider_one_would_fit(self, most, fidelity, eta, continued, env_steps):
        rungs = brackets.rungs(fidelity, eta, 5, 1)
        chosen = brackets.fitting(most, rungs, eta, continued, env_steps)
        size = chosen.sizes[0] if chosen else 0
        assert chosen is None or chosen.env_steps <= env_steps
        assert size == most or brackets.bracket(size + 1, rungs, eta, continued).env_steps > env_steps

    @pytest.mark.parametrize(("budget", "fidelity", "steps"), [(0.29, 100, 29), (0.1, 30, 3), (2.5, 5, 12), (1, 7, 7)])
    def test_budgets_in_env_steps(self, budget, fidelity, steps):
        assert brackets.affordable_steps(budget, fidelity) == steps


def test_successive_halving_by_hand():
    """Four configs at eta 2: the scores of the first rung are 1, 4, 2, 3, so that trials 1 and 3 go on."""
    scores = iter([1.0, 4.0, 2.0, 3.0, 5.0, 6.0, 7.0])
    played = game("successive_halving", fidelity=8, eta=2, num_rungs=3, num_configs=4, score=lambda trial: next(scores))
    asked = [(t.id, t.fidelity, t.parent) for t in played.trials.values()]
    assert asked == [(0, 2, None), (1, 2, None), (2, 2, None), (3, 2, None), (4, 4, 1), (5, 4, 3), (6, 8, 5)]
    assert [played.trials[i].config for i in (4, 5, 6)] == [played.trials[i].config for i in (1, 3, 3)]
    assert played.env_steps == 4 * 2 + 2 * 2 + 4


def test_asha_by_hand():
    """Two at a time, eta 2, rungs 1 and 2: of every two results at a rung, one more trial is promoted."""
    scores = {0: 1.0, 1: 2.0, 3: 0.0, 4: 5.0, 5: 0.0}
    played = game(
        "asha", fidelity=2, eta=2, num_rungs=2, batch=2, budget=5, score=lambda trial: scores.get(trial.id, 0.5)
    )
    asked = [[(t.id, t.fidelity, t.parent) for t in trials] for trials in played.rounds]
    assert asked[:4] == [
        [(0, 1, None), (1, 1, None)],
        [(2, 2, 1), (3, 1, None)],
        [(4, 1, None), (5, 1, None)],
        [(6, 2, 4), (7, 1, None)],
    ]


@pytest.mark.parametrize("name", NAMES)
class TestEverySchedule:
    @given(
        budget=st.floats(1, 12),
        fidelity=st.integers(1, 500),
        eta=st.floats(1.3, 5),
        num_rungs=st.integers(1, 6),
        least=st.integers(1, 50),
        batch=st.integers(1, 20),
        continued=st.booleans(),
        seed=st.integers(0, 3),
    )
    def test_never_spends_more_than_its_budget(
        self, name, budget, fidelity, eta, num_rungs, least, batch, continued, seed
    ):
        options = {"eta": eta, "num_rungs": num_rungs, "min_fidelity": least, "continued": continued}
        num_fitting = brackets.rungs(fidelity, eta, num_rungs, least)
        if not continued:
            budget += len(num_fitting)
        played = game(name, batch, fidelity=fidelity, budget=budget, seed=seed, **options)
        assert played.env_steps <= (budget + 1e-9) * fidelity
        assert {trial.fidelity for trial in played.trials.values()} <= set(num_fitting)
        assert all(trial.parent is None for trial in played.trials.values()) or continued

    def test_spends_what_it_can(self, name):
        assert game(name, budget=20.0).env_steps > 18.5 * FIDELITY

    def test_a_promoted_config_goes_on_from_its_agent_one_rung_below(self, name):
        played = game(name)
        promoted = [trial for trial in played.trials.values() if trial.parent is not None]
        rungs = brackets.rungs(FIDELITY, 3, 4, 1)
        assert promoted
        for trial in promoted:
            parent = played.trials[trial.parent]
            assert parent.config == trial.config
            assert rungs.index(parent.fidelity) == rungs.index(trial.fidelity) - 1
        assert max(Counter(trial.parent for trial in promoted).values()) == 1

    def test_without_continuation_the_same_configs_are_trained_anew(self, name):
        options = {"budget": 40.0} | ({"num_configs": 27} if name == "successive_halving" else {})
        continued, anew = (game(name, continued=value, **options) for value in (True, False))
        assert all(trial.parent is None for trial in anew.trials.values())
        if name == "successive_halving":
            assert [(t.config, t.fidelity) for t in anew.trials.values()] == [
                (t.config, t.fidelity) for t in continued.trials.values()
            ]
            assert (continued.env_steps, anew.env_steps) == (3 * FIDELITY, 4 * FIDELITY)

    def test_the_best_are_promoted(self, name):
        played = game(name, budget=3.0)
        first = played.at(10)
        promoted = {trial.parent for trial in played.at(30)}
        by_score = sorted((trial.id for trial in first), key=lambda i: -played.results[i].score)
        if name == "asha":  # it does not wait for all
            assert len(promoted & set(by_score[: len(promoted)])) > len(promoted) / 2
        else:
            assert promoted == set(by_score[: len(promoted)])
            assert len(promoted) == len(first) // 3

    def test_equals_are_promoted_in_the_order_of_asking(self, name):
        played = game(name, batch=27, score=lambda trial: 1.0)
        first = [trial.id for trial in played.trials.values() if trial.fidelity == 10][:27]
        assert [trial.parent for trial in played.at(30)][:9] == first[:9]

    @pytest.mark.parametrize("status", ["diverged", "failed"])
    @pytest.mark.parametrize("bad", [{0}, set(range(0, 1000, 2)), set(range(1000))], ids=["first", "half", "all"])
    def test_what_diverged_or_failed_is_not_promoted(self, name, status, bad):
        played = game(
            name,
            status=lambda trial: status if trial.id in bad else "completed",
            score=lambda trial: 5.0 if trial.id in bad else curve(trial.config, trial.fidelity / FIDELITY),
        )
        assert played.trials
        assert not any(trial.parent in bad for trial in played.trials.values())

    def test_a_score_that_is_not_a_number_is_not_promoted(self, name):
        played = game(name, score=lambda trial: float("nan") if trial.id % 3 == 0 else bowl(trial.config))
        assert not any(trial.parent is not None and trial.parent % 3 == 0 for trial in played.trials.values())
        assert any(trial.parent is not None for trial in played.trials.values())

    def test_missing_results_end_nothing_but_their_own_bracket(self, name):
        tuner = make(name, budget=30.0)
        first = tuner.ask(8)
        tuner.tell([result(trial, 0.0) for trial in first[1:]])
        assert isinstance(tuner.ask(8), list)

    def test_finds_more_than_random_search(self, name):
        """Simple regret at a budget of six full runs, summed over 20 seeds: at most half of random search's."""
        tuned = [bowl(game(name, seed=seed, budget=6.0).incumbent.config) for seed in range(20)]
        random = [max(bowl(trial.config) for trial in make("random", seed=seed).ask(6)) for seed in range(20)]
        assert sum(tuned) > 0.5 * sum(random)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"eta": 1}, "eta must be a number above 1, got 1"),
            ({"eta": "big"}, "eta must be"),
            ({"eta": True}, "eta must be"),
            ({"eta": float("nan")}, "eta must be"),
            ({"num_rungs": 0}, "num_rungs must be a whole number of at least 1, got 0"),
            ({"num_rungs": 2.5}, "num_rungs must be"),
            ({"min_fidelity": 0}, "min_fidelity must be"),
            ({"continued": "no"}, "continued must be true or false, got 'no'"),
        ],
    )
    def test_bad_options_are_refused(self, name, options, message):
        with pytest.raises(InputError, match=message):
            make(name, **options)


@pytest.mark.parametrize("name", ["successive_halving", "hyperband"])
class TestBracketsOfATuner:
    def test_batches_change_nothing(self, name):
        whole, parts, singly = (game(name, batch, budget=7.0).trials for batch in (64, 5, 1))
        assert whole == parts == singly
        assert sorted(whole) == list(range(len(whole)))

    def test_less_than_one_climb_is_refused(self, name):
        with pytest.raises(InputError, match=r"budget must pay for a config that climbs all of 4 rungs, got 0.5"):
            make(name, budget=0.5)

    def test_a_rung_waits_for_all_of_the_one_below(self, name):
        tuner = make(name, budget=3.0)
        asked = tuner.ask(100)
        tuner.tell([result(trial, 1.0) for trial in asked[:5]])
        assert tuner.ask(100) == []
        tuner.tell([result(trial, 1.0) for trial in asked[5:]])
        assert {trial.fidelity for trial in tuner.ask(100)} == {30}


def test_hyperband_goes_through_its_brackets_again():
    played = game("hyperband", fidelity=27, budget=30.0, batch=1)
    starts = [trial.fidelity for trial in played.trials.values() if trial.parent is None]
    once = [1] * 27 + [3] * 12 + [9] * 6 + [27] * 4
    assert starts[: 2 * len(once)] == once + once
    assert len(starts) > 2 * len(once)


def test_num_configs_must_be_paid_for():
    assert len(make("successive_halving", budget=3.0, num_configs=27).ask(100)) == 27
    with pytest.raises(InputError, match=r"num_configs must be at most the 26 that a budget of 2.9 pays for, got 27"):
        make("successive_halving", budget=2.9, num_configs=27)
    with pytest.raises(InputError, match="num_configs must be a whole number of at least 1, got 0"):
        make("successive_halving", num_configs=0)


@pytest.mark.parametrize("batch", [1, 3, 8])
def test_asha_with_one_rung_is_random_search(batch):
    asha, random = make("asha", num_rungs=1, budget=9.0), make("random")
    asked = [asha.ask(batch) for _ in range(20)]
    trials = [trial for trials in asked for trial in trials]
    assert trials == random.ask(9)


def test_asha_fills_every_ask_while_the_budget_lasts():
    played = game("asha", batch=7, budget=10.0)
    assert {len(trials) for trials in played.rounds[:-1]} == {7}


def test_asha_promotes_before_it_starts_anew():
    tuner = make("asha", budget=50.0)
    first = tuner.ask(9)
    tuner.tell([result(trial, float(trial.id)) for trial in first])
    second = tuner.ask(9)
    assert [trial.parent for trial in second] == [8, 7, 6] + [None] * 6
    tuner.tell([result(trial, float(trial.id)) for trial in second])
    third = tuner.ask(9)
    assert [(trial.fidelity, trial.parent) for trial in third[:2]] == [(90, 11), (30, 17)]


def test_trials_are_plain():
    assert all(type(trial) is Trial for trial in make("asha").ask(3))
