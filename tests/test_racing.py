"""Races over seeds: which configs get more of them, by hand and in sweeps."""

import pandas as pd
import pytest
import tiny
from play import square
from test_resume import StopAfter
from tiny import FIDELITY, Listed, outcome, parabola

import hpo
from arl.errors import InputError
from arl.records.lineage import lineage
from hpo import tuners
from hpo.trial import Cost, Result, Trial, TunerContext
from hpo.tuners.given import Given
from hpo.tuners.racing import doubled

# Scores of six configs under three seeds: the first is lucky under seed 0, the third under the others.
SCORES = [(5.0, 1.0, 1.0), (4.0, 4.0, 4.0), (3.0, 9.0, 9.0), (2.0, 2.0, 2.0), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)]


class InOrder(Listed):
    """Asks for the configs of the table one after the other, under ids of its own; `told`: what it heard."""

    told: list = []

    def __init__(self, space, fidelity):
        super().__init__([Trial(70 - i, {"x0": i / 10, "x1": 0.5}, fidelity) for i in range(len(SCORES))])
        InOrder.told = []

    def tell(self, results):
        InOrder.told += [(result.trial.id, result.trial.seeds, result.score) for result in results]


def score(trial, scores=SCORES):
    by_seed = {seed: scores[round(10 * trial.config["x0"])][seed] for seed in trial.seeds}
    mean = sum(by_seed.values()) / len(by_seed)
    return Result(trial, mean, by_seed, [(trial.fidelity, mean)], {}, Cost(1, 0.0), "completed")


def play(name, batch, scores=SCORES, **options):
    """Return the rounds of a race, each a list of (config, number of seeds)."""
    context = TunerContext(space=square(), fidelity=100, budget=4.0, seeds=(0, 1, 2))
    tuner, rounds = tuners.make(name, context, {"tuner": InOrder, **options}), []
    while trials := tuner.ask(batch):
        assert all(trial.seeds == (0, 1, 2)[: len(trial.seeds)] for trial in trials)
        rounds.append([(round(10 * trial.config["x0"]), len(trial.seeds)) for trial in trials])
        tuner.tell([score(trial, scores) for trial in trials])
    return rounds


def test_racing_by_hand():
    """Half of twelve runs under one seed leave six: two more seeds for the best three."""
    assert play("racing", 4, share=0.5) == [
        [(0, 1), (1, 1), (2, 1), (3, 1)],
        [(4, 1), (5, 1)],
        [(0, 3), (1, 3), (2, 3)],
    ]
    assert InOrder.told == [(70 - i, None, SCORES[i][0]) for i in range(6)], "of its own trials, as it asked for them"


def test_a_larger_share_leaves_fewer_to_confirm():
    assert play("racing", 9, share=0.35)[1] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert play("racing", 9, share=0.25) == [[(0, 1), (1, 1), (2, 1)], [(0, 3), (1, 3), (2, 3)]]
    assert play("racing", 9, share=1.0)[1] == [(0, 3), (1, 3), (2, 3)]


def test_ties_are_broken_by_the_curve_not_by_the_order():
    context = TunerContext(space=square(), fidelity=100, budget=4.0, seeds=(0, 1, 2))
    tuner = tuners.make("racing", context, {"tuner": InOrder, "share": 0.5})
    trials = tuner.ask(6)
    curves = [[(50, float(i)), (100, 5.0)] for i in range(6)]
    for trial, curve in zip(trials, curves, strict=True):
        tuner.tell([Result(trial, 5.0, {0: 5.0}, curve, {}, Cost(1, 0.0), "completed")])
    assert [round(10 * trial.config["x0"]) for trial in tuner.ask(9)] == [5, 4, 3]


def test_intensification_by_hand():
    """Two at a time. The first config is lucky under seed 0: two more runs show it, and the second takes its place."""
    assert doubled(3) == [1, 2, 3]
    assert play("intensify", 2) == [
        [(0, 1), (1, 1)],
        [(0, 2), (2, 1)],  # 3 under two seeds; the second config has 4, the third 3
        [(0, 3), (3, 1)],  # 2.3 under three
        [(1, 2), (4, 1)],
        [(1, 3), (5, 1)],  # 4 under three; under one seed, no other has more
    ]


def test_a_config_that_falls_behind_gets_no_further_seed():
    scores = [(5.0, 5.0, 5.0), (9.0, 0.0, 0.0), (6.0, 6.0, 6.0), *SCORES[3:]]
    asked = [pair for trials in play("intensify", 2, scores) for pair in trials]
    assert (1, 2) in asked
    assert (1, 3) in asked, "it was the incumbent"
    assert (2, 3) in asked
    assert (3, 2) not in asked


@pytest.mark.parametrize(("num", "steps"), [(2, [1, 2]), (4, [1, 2, 4]), (5, [1, 2, 4, 5]), (10, [1, 2, 4, 8, 10])])
def test_numbers_of_seeds_double(num, steps):
    assert doubled(num) == steps


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    """Return a function that runs a sweep of the tiny task, answered by a parabola."""
    monkeypatch.setattr("hpo.objectives.training.Training", tiny.counting([]))

    def sweep(tuner, store="store", **settings):
        chosen = {"budget": 4.0, "seeds": 4, "name": "a", **settings}
        return hpo.sweep(tiny.task(), tuner, store=tmp_path / f"{store}.sqlite", **chosen)

    return sweep


def test_a_sweep_confirms_its_incumbent_within_the_budget(sweep):
    record = sweep("racing")
    assert record.trials.num_seeds.tolist() == [1] * 10 + [4] * 2
    assert len(record.runs[record.runs.merged.isna()]) == 10 + 2 * 3 == 16
    best = max(range(10), key=lambda i: parabola(record.records[i].config))
    assert record.incumbent["config"] == dict(record.records[best].config)
    assert record.incumbent["trial"] == 10


@pytest.mark.parametrize("name", ["racing", "intensify"])
@pytest.mark.parametrize("tuner", ["tpe", "asha", "hyperband", "sobol"])
def test_any_tuner_races(sweep, name, tuner):
    record = sweep(name, options={"tuner": tuner})
    confirmed = record.trials[record.trials.num_seeds == 4]
    assert len(confirmed) > 0
    assert (confirmed.fidelity == FIDELITY).all()
    assert record.trials.num_seeds[record.trials.trial == record.incumbent["trial"]].item() == 4
    assert record.runs.merged.isna().sum() <= 16 or tuner in ("asha", "hyperband")


def test_a_schedule_races_link_by_link(sweep):
    """What a population ends with is confirmed as it came about; the runs under the first seed are taken over."""
    record = sweep("racing", seeds=2, options={"tuner": "pbt", "num_intervals": 2})
    schedule = hpo.schedule_of(record, record.incumbent["trial"])
    assert (schedule[0].start, schedule[-1].end) == (0, FIDELITY)
    confirmed = record.trials[record.trials.num_seeds == 2]
    assert set(confirmed.fidelity) <= {FIDELITY // 2, FIDELITY}
    assert record.runs.merged[record.runs.trial.isin(confirmed.trial)].notna().sum() == len(confirmed)
    networks = {trial.network_seed for trial in record.records.values() if trial.parent is None}
    assert networks != {0}, "members of a population begin with networks of their own, and are confirmed with these"


@pytest.mark.parametrize(("name", "tuner"), [("racing", "random"), ("racing", "pbt"), ("intensify", "random")])
@pytest.mark.parametrize("num", [1, 7, 11])
def test_a_stopped_race_ends_as_a_straight_one(sweep, name, tuner, num):
    settings = {"options": {"tuner": tuner}, "batch": 1}
    with pytest.raises(KeyboardInterrupt):
        sweep(name, view=StopAfter(num), **settings)
    for frame, expected in zip(
        outcome(sweep(name, **settings)), outcome(sweep(name, store="b", **settings)), strict=True
    ):
        pd.testing.assert_frame_equal(frame, expected, check_exact=True)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"seeds": 1}, "a race must have at least 2 tuning seeds, --seeds 4 for instance, got 1"),
        ({"options": {"tuner": "rndom"}}, "unknown tuner 'rndom'"),
        ({"options": {"share": 2.0}}, r"share must be in \[0, 1\], got 2.0"),
        ({"options": {"tuner": "asha", "etta": 3}}, "unknown option 'etta'"),
        ({"score": "worst"}, "score 'worst' must have at least 2 seeds, got 1"),
    ],
)
def test_bad_input_is_one_line(sweep, settings, line):
    with pytest.raises(InputError, match=line):
        sweep("racing", **settings)


@pytest.mark.parametrize("name", ["racing", "intensify"])
def test_seeds_that_a_landscape_has_not_are_refused(tmp_path, name):
    store = tmp_path / "store.sqlite"
    with pytest.raises(InputError, match=r"seeds must be among those of landscape ppo/CartPole-v1, .*, got 999"):
        hpo.sweep("ppo/CartPole-v1", name, budget=2.0, seeds=(0, 999), objective="table", store=store)
    assert not store.exists()


@pytest.mark.slow
def test_a_trained_schedule_is_confirmed_as_it_came_about(tmp_path):
    """The runs of the race under all seeds are those of the winner's chain of configs, trained link by link."""
    settings = {"budget": 4.0, "seeds": 2, "batch": 1, "store": tmp_path / "store.sqlite"}
    race = hpo.sweep(tiny.task(), "racing", name="race", options={"tuner": "pbt", "num_intervals": 2}, **settings)
    links = lineage(race.records[race.incumbent["trial"]], race.records)
    chain = [Trial(i, t.config, t.fidelity, i - 1 if i else None, None, t.network_seed) for i, t in enumerate(links)]
    given = type("Alone", (Given,), {"__init__": lambda self: Given.__init__(self, chain)})
    alone = hpo.sweep(tiny.task(), given, name="alone", **settings)
    assert [record.score for record in links] == [record.score for record in alone.records.values()]
    assert race.runs.merged.notna().any()
