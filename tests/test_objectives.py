"""Training as an objective: what a trial records, and that a trial with a parent goes on from that very agent."""

import dataclasses
import math

import numpy as np
import pytest
import tiny
from ConfigSpace import ConfigurationSpace, Integer
from conftest import SMALL
from tiny import FIDELITY, ITERATION, WORST, run_record, trial_record

from arl.errors import InputError
from arl.training import backend
from arl.training.programs import Lanes
from arl.training.runner import Runner
from hpo import tasks
from hpo.objectives.training import Training
from hpo.results import result
from hpo.trial import Cost, Trial

CONFIG, OTHER = {"learning_rate": 3e-3}, {"learning_rate": 3e-2}
SEEDS = (0, 1)


def training(**changes):
    return Training(tiny.task(), SEEDS, batch=2, **changes)


@pytest.fixture(scope="module")
def shared():
    """Return an objective for all tests to which its earlier trials do not matter."""
    return training()


def evaluate(objective, *trials):
    """Return the records in the order of the trials."""
    records = {record.trial: record for record in objective.evaluate(trials)}
    return [records[trial.id] for trial in trials]


def curve(record, seed, beyond=0):
    """Return all numbers of the run under a seed after some env steps."""
    (run,) = (run for run in record.runs if run.seed == seed)
    return [dataclasses.astuple(point) for point in run.points if point.env_steps > beyond]


@pytest.fixture(scope="module")
def straight(shared):
    return evaluate(shared, Trial(0, CONFIG, FIDELITY))[0]


def test_a_record_says_what_was_asked_and_what_came_of_it(straight):
    asked = (straight.trial, straight.config, straight.fidelity, straight.parent, straight.seeds)
    assert asked == (0, CONFIG, FIDELITY, None, SEEDS)
    assert straight.status == "completed"
    assert [run.seed for run in straight.runs] == [0, 1]
    for run in straight.runs:
        assert [point.env_steps for point in run.points] == list(range(20, 201, 20))
        assert (run.status, run.env_steps, run.score) == ("completed", FIDELITY, run.points[-1].return_mean)
        assert {point.episode_length_mean for point in run.points} == {1.0}
        assert all(type(number) is float for point in run.points for number in point.metrics.values())
    assert straight.score == np.mean([run.score for run in straight.runs])


def test_training_helps(straight):
    for run in straight.runs:
        assert WORST <= run.points[0].return_mean < run.score <= 0.0


def test_a_trial_never_trains_more_than_it_may(shared):
    (record,) = evaluate(shared, Trial(1, CONFIG, FIDELITY // 2 - 1))
    for run in record.runs:
        assert [point.env_steps for point in run.points] == [20, 40, 60, 80, 80]
        assert run.env_steps == 80


def test_a_trial_may_have_fewer_seeds(shared, straight):
    (record,) = evaluate(shared, Trial(2, CONFIG, FIDELITY, seeds=(1,)))
    assert record.seeds == (1,)
    assert record.score == straight.runs[1].score
    assert curve(record, 1) == curve(straight, 1)


def test_trials_do_not_depend_on_their_neighbours(shared, straight):
    _, _, same = evaluate(shared, *(Trial(i, config, FIDELITY) for i, config in enumerate((OTHER, OTHER, CONFIG), 10)))
    assert [curve(same, seed) for seed in SEEDS] == [curve(straight, seed) for seed in SEEDS]


def test_trials_may_start_from_networks_of_their_own(shared, straight, same_bits):
    """The networks depend on the seed and the number alone, and all else that is random on the seed alone."""
    still = {"learning_rate": 0.0}
    numbers = {110: 0, 111: 1, 112: 2, 113: 1}
    trials = [Trial(i, still, ITERATION, network_seed=number) for i, number in numbers.items()]
    records = evaluate(shared, *trials, Trial(114, CONFIG, FIDELITY, network_seed=0))
    assert [record.network_seed for record in records] == [0, 1, 2, 1, 0]
    agents = {i: shared.agents_of(i)[0].state.params for i in numbers}
    assert same_bits(agents[111], agents[113])
    assert len({agents[i].actor[0].weight.tobytes() for i in (110, 111, 112)}) == 3
    assert curve(records[-1], 0) == curve(straight, 0)
    assert curve(records[1], 0) == curve(records[3], 0) != curve(records[0], 0)


def test_a_promoted_trial_equals_a_straight_one(shared, straight):
    evaluate(shared, Trial(20, CONFIG, 2 * ITERATION))
    (promoted,) = evaluate(shared, Trial(21, CONFIG, FIDELITY, parent=20))
    assert promoted.score == straight.score
    for run in promoted.runs:
        assert curve(promoted, run.seed) == curve(straight, run.seed, beyond=2 * ITERATION)
        assert run.env_steps == FIDELITY - 2 * ITERATION


def test_a_promoted_trial_is_evaluated_at_its_own_points_only(shared):
    """The parent was asked to go to a point, though its last whole iteration ends before."""
    task = dataclasses.replace(tiny.task(), fidelity=FIDELITY + 9)
    objective, half = Training(task, SEEDS, batch=2, runner=shared.runner), task.fidelity // 2
    evaluate(objective, Trial(0, CONFIG, half))
    (promoted,) = evaluate(objective, Trial(1, CONFIG, task.fidelity, parent=0))
    assert [point.env_steps for point in promoted.runs[0].points] == [120, 140, 160, 180, 200]


def test_a_run_says_with_what_it_was_made(straight):
    assert {"arl", "commit", "jax", "device", "width", "rows"} <= straight.runs[0].provenance.keys()


def test_an_exploit_goes_on_from_another_trials_agent(shared, same_bits):
    evaluate(shared, Trial(30, OTHER, FIDELITY // 2))
    (exploit,) = evaluate(shared, Trial(31, {"learning_rate": 0.0}, FIDELITY, parent=30))
    assert [run.env_steps for run in exploit.runs] == [FIDELITY // 2] * 2
    for seed in SEEDS:
        parent, child = (shared.agents_of(trial)[seed].state for trial in (30, 31))
        assert same_bits(parent.params, child.params), "without a learning rate it stays the agent that it was"
        assert not same_bits(parent.normalizer, child.normalizer), "it has gone on"


@pytest.fixture(scope="module")
def forgetful():
    """Return an objective that keeps the agents of a single trial."""
    return training(agent_memory=0)


def test_agents_that_were_dropped_are_trained_again_to_the_same(forgetful, straight):
    evaluate(forgetful, Trial(0, CONFIG, ITERATION))
    evaluate(forgetful, Trial(1, OTHER, ITERATION), Trial(2, CONFIG, 2 * ITERATION, parent=0))
    evaluate(forgetful, Trial(3, OTHER, ITERATION))
    assert {trial for trial, _ in forgetful.agents} == {3}
    (promoted,) = evaluate(forgetful, Trial(4, CONFIG, FIDELITY, parent=2))
    for seed in SEEDS:
        assert curve(promoted, seed) == curve(straight, seed, beyond=2 * ITERATION)
    assert promoted.score == straight.score


@pytest.mark.parametrize(("keep_finished", "kept"), [(False, {0}), (True, {0, 1})])
def test_agents_of_the_full_fidelity_are_not_kept(shared, keep_finished, kept):
    keeping = training(runner=shared.runner, keep_finished=keep_finished)
    evaluate(keeping, Trial(0, CONFIG, ITERATION), Trial(1, OTHER, FIDELITY))
    assert {trial for trial, _ in keeping.agents} == kept


def test_agents_are_dropped_by_the_memory_of_their_blocks():
    keeping = training()
    evaluate(keeping, Trial(0, CONFIG, ITERATION), Trial(1, OTHER, ITERATION))
    blocks = {id(agent.block): agent.block_bytes for agent in keeping.agents.values()}
    keeping.agent_memory = sum(blocks.values())
    evaluate(keeping, Trial(2, CONFIG, ITERATION), Trial(3, OTHER, ITERATION))
    assert {trial for trial, _ in keeping.agents} == {2, 3}


def test_agents_that_are_needed_are_taken_out_of_their_blocks(straight, monkeypatch):
    monkeypatch.setattr(backend, "num_cores", lambda: 1)
    keeping = Training(tiny.task(), SEEDS, batch=4)
    evaluate(keeping, *(Trial(i, config, ITERATION) for i, config in enumerate((CONFIG, OTHER, OTHER, OTHER))))
    whole = keeping.agents[0, 0].block_bytes
    keeping.needed, keeping.agent_memory = {(0, seed) for seed in SEEDS}, 1
    keeping._keep({(0, 0): keeping.agents[0, 0]})
    assert {trial for trial, _ in keeping.agents} == {0}
    assert keeping.agents[0, 0].block_bytes < whole
    (promoted,) = evaluate(keeping, Trial(4, CONFIG, FIDELITY, parent=0))
    assert promoted.score == straight.score


def test_a_trial_that_does_not_fit_in_memory_fails(monkeypatch):
    objective = training()
    agent = objective.runner._lane_bytes(objective.task.full(CONFIG))
    monkeypatch.setattr(objective.runner, "memory", agent + 1)
    (record,) = evaluate(objective, Trial(0, CONFIG, FIDELITY))
    assert (record.status, record.score, [run.env_steps for run in record.runs]) == ("failed", WORST, [0, 0])
    assert record.runs[0].outcome.error == "an agent of 1 MiB in training must fit in memory, got 0 MiB free"


def test_a_run_says_in_which_lanes_it_was_trained(shared, monkeypatch):
    narrow = training(runner=Runner(shared.algorithm, shared.task.env, 1, 1, shared.task.num_episodes))
    monkeypatch.setattr(narrow.runner, "lanes", Lanes(8, 2))
    (record,) = evaluate(narrow, Trial(0, CONFIG, ITERATION))
    said = [{key: run.provenance[key] for key in ("width", "rows")} for run in record.runs]
    assert said == [{"width": 8, "rows": 2}] * 2


def test_several_dropped_parents_can_be_gone_on_from_at_once(forgetful, straight):
    first, second = Trial(50, CONFIG, ITERATION), Trial(51, OTHER, ITERATION)
    evaluate(forgetful, first, second)
    promoted = [Trial(52, CONFIG, FIDELITY, parent=50), Trial(53, OTHER, FIDELITY, parent=51)]
    assert evaluate(forgetful, *promoted)[0].score == straight.score


def test_a_parent_known_from_the_store_alone_is_trained_again(straight):
    fresh = training()
    fresh.remember([Trial(0, CONFIG, ITERATION), Trial(1, CONFIG, 2 * ITERATION, parent=0)])
    (promoted,) = evaluate(fresh, Trial(2, CONFIG, FIDELITY, parent=1))
    assert [curve(promoted, seed) for seed in SEEDS] == [curve(straight, seed, 2 * ITERATION) for seed in SEEDS]


def test_agents_can_be_had(shared, straight):
    agents = shared.agents_of(straight.trial)
    assert {seed: agent.env_steps for seed, agent in agents.items()} == {0: FIDELITY, 1: FIDELITY}


@pytest.mark.parametrize(("name", "before", "now"), [("hidden_size", 32, 64), ("minibatch_size", 16, 8)])
def test_a_trial_can_not_go_on_with_another_value_of_a_static_hyperparameter(shared, name, before, now):
    evaluate(shared, Trial(60, CONFIG, ITERATION))
    refused = f"another {name}: it must stay as it is while an agent is trained, {before}, got {now}"
    with pytest.raises(InputError, match=f"trial 61 can't go on from trial 60 with {refused}"):
        evaluate(shared, Trial(61, {**CONFIG, name: now}, FIDELITY, parent=60))


def test_a_trial_may_go_on_with_a_value_that_trains_the_same(shared):
    """A rollout has 20 samples."""
    evaluate(shared, Trial(62, {**CONFIG, "minibatch_size": 20}, ITERATION))
    (record,) = evaluate(shared, Trial(63, {**CONFIG, "minibatch_size": 64}, 2 * ITERATION, parent=62))
    assert record.status == "completed"


def test_a_trial_can_not_go_on_with_another_capacity_of_the_replay():
    full = tasks.get("dqn/ProbeChoice", "full", 40)
    space = ConfigurationSpace(space=[Integer("buffer_size", (16, 32))])
    task = dataclasses.replace(full, space=space, fixed={**SMALL["dqn"], "schedule_steps": 40})
    objective = Training(task, (0,), 1)
    small, large = ({"buffer_size": size} for size in (16, 32))
    evaluate(objective, Trial(0, large, task.fidelity // 2))
    with pytest.raises(InputError, match="trial 1 can't go on from trial 0 with another buffer_size"):
        evaluate(objective, Trial(1, small, task.fidelity, parent=0))


TOO_SHORT = "fidelity must allow one iteration of 20 env steps, got 19 to train"


@pytest.mark.parametrize(
    ("trial", "reason"),
    [
        (Trial(70, CONFIG, ITERATION - 1), TOO_SHORT),
        (Trial(71, CONFIG, FIDELITY - 1, parent=72), TOO_SHORT),
        (Trial(73, {**CONFIG, "num_envs": 0}, FIDELITY), "num_envs must be >= 1, got 0"),
    ],
    ids=["too short", "too short beyond its parent", "not in the algorithm's domain"],
)
def test_a_trial_that_can_not_be_trained_fails_and_the_others_go_on(shared, straight, trial, reason):
    evaluate(shared, Trial(72, CONFIG, FIDELITY - ITERATION))
    failed, neighbour = evaluate(shared, trial, Trial(74, CONFIG, FIDELITY))
    assert (failed.status, failed.score, failed.error) == ("failed", WORST, reason)
    for run in failed.runs:
        assert (run.status, run.score, run.env_steps, run.seconds, run.points) == ("failed", WORST, 0, 0.0, [])
        assert run.outcome.error == reason
    assert [run.seed for run in failed.runs] == list(SEEDS)
    assert (neighbour.status, neighbour.score, neighbour.error) == ("completed", straight.score, None)
    told = result(trial, failed)
    assert (told.status, told.score, told.seed_scores) == ("failed", WORST, {0: WORST, 1: WORST})
    assert (told.curve, told.metrics, told.cost) == ([], {}, Cost(0, 0.0))


def test_a_task_that_no_tuner_can_do_anything_about_is_refused():
    short = dataclasses.replace(tiny.task(), fidelity=ITERATION - 1)
    with pytest.raises(InputError, match="must allow one iteration of 20"):
        Training(short, SEEDS, batch=2).check()
    wrong = dataclasses.replace(tiny.task(), fixed={**tiny.task().fixed, "num_epochs": 0})
    with pytest.raises(InputError, match="num_epochs must be >= 1, got 0"):
        Training(wrong, SEEDS, batch=2).check()
    training().check()


@pytest.mark.parametrize("fidelity", [100, 5])
def test_a_task_whose_default_does_not_fit_is_fine_where_others_may(fidelity):
    Training(tasks.get("ppo/ProbeMatching", "full", fidelity), SEEDS, batch=2).check()


def test_a_config_that_diverges_is_a_result_of_the_worst_score(shared):
    diverging = Trial(80, {"learning_rate": 1e30}, FIDELITY)
    record, neighbour = evaluate(shared, diverging, Trial(81, CONFIG, FIDELITY))
    assert (record.status, neighbour.status) == ("diverged", "completed")
    assert record.score == WORST
    assert all(run.score == WORST and math.isnan(run.points[-1].return_mean) for run in record.runs)
    told = result(diverging, record)
    assert (told.score, told.status, told.seed_scores) == (WORST, "diverged", {0: WORST, 1: WORST})


def test_a_view_hears_of_every_segment(shared):
    heard = []
    before = shared.runner.report.env_steps
    list(shared.evaluate([Trial(90, CONFIG, FIDELITY)], lambda report: heard.append(report.env_steps - before)))
    assert len(heard) in (10, 20), "ten segments of one block of two rows or of two blocks"
    assert heard == sorted(heard)
    assert heard[-1] == 2 * FIDELITY


def test_what_a_tuner_is_told():
    trial = Trial(3, CONFIG, 10, seeds=(0, 4))
    told = result(trial, trial_record(3, 1.0, seeds=(0, 4)))
    assert told.trial == trial
    assert (told.score, told.seed_scores, told.status) == (3.0, {0: 1.0, 4: 5.0}, "completed")
    assert told.curve == [(5, 0.0), (10, 3.0)]
    assert told.metrics == {"entropy": 0.25}
    assert told.cost == Cost(20, 0.25)


def test_a_tuner_is_told_a_score_even_if_one_seed_diverged():
    runs = [run_record(0, -1.0), run_record(1, WORST, "diverged")]
    told = result(Trial(0, CONFIG, 10), trial_record(0, seeds=SEEDS, runs=runs, status="diverged"))
    assert (told.score, told.status, told.seed_scores) == ((WORST - 1.0) / 2, "diverged", {0: -1.0, 1: WORST})
    assert math.isnan(told.curve[-1][1])
