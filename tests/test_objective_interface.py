"""Objectives are an interface: a third kind is one class and one row, and what breaks the contract is refused."""

import dataclasses
import inspect
import json
import math
import re
from pathlib import Path

import parabola
import pytest
import tiny
from parabola import Parabola
from test_cli import arl

import hpo
from arl.errors import InputError
from hpo import objectives, plans
from hpo.cli import commands, main
from hpo.comparisons import compare
from hpo.reports import comparison_report, sweep_report
from hpo.testing import check_objective
from hpo.trial import Trial
from landscapes import catalogue

PATH = parabola.__file__
CONFIGS = [{"learning_rate": 1e-3}, {"learning_rate": 0.02}]


@pytest.fixture
def row(monkeypatch):
    monkeypatch.setitem(objectives.OBJECTIVES, "parabola", f"{PATH}:Parabola")


@pytest.mark.parametrize("given", ["row", "path", "class", "instance"])
def test_a_third_kind_is_swept(tmp_path, row, given):
    kinds = {"row": "parabola", "path": f"{PATH}:Parabola", "class": Parabola}
    objective = kinds.get(given) or Parabola(tiny.task(), (0, 1))
    seeds = None if given == "instance" else 2
    store = hpo.Store(tmp_path / "store.sqlite")
    record = hpo.sweep(tiny.task(), "tpe", trials=6, seeds=seeds, objective=objective, store=store)
    assert record.name == "ppo-ProbeMatching-tpe-parabola-0"
    assert record.settings.seeds == (0, 1)
    assert record.settings.objective == objectives.path(objective)
    for trial in record.records.values():
        assert trial.score == pytest.approx(tiny.parabola(trial.config) - 0.005)
    longer = hpo.sweep(tiny.task(), "tpe", trials=8, batch=1, seeds=seeds, objective=objective, store=store)
    assert len(longer.records) == 8


def test_it_is_compared_and_reported(tmp_path, row):
    comparison = hpo.compare(
        ["sobol"], [tiny.task()], repeats=2, budget=4, objective="parabola", store=tmp_path / "store.sqlite"
    )
    assert set(comparison.tuners) == {"sobol", "random", "random-2x", "default"}
    assert comparison.settings.seeds == ((0, 1, 2), (3, 4, 5))
    assert comparison.settings.test_seeds == (tuple(range(1000, 1005)), tuple(range(1005, 1010)))
    command = commands.of_comparison(comparison.name, comparison.settings)
    assert command[command.index("--objective") + 1] == "parabola"
    assert "random-2x" in comparison_report.render(comparison, command)
    record = comparison.swept[0].record
    assert record.answers is None
    assert "sobol" in sweep_report.render(record, commands.of_sweep(record))


def test_it_is_given_on_the_command_line(tmp_path):
    store = str(tmp_path / "store.sqlite")
    words = ["sweep", "ppo/CartPole-v1", "--objective", f"{PATH}:Parabola", "--trials", "4", "--store", store, "--json"]
    done = arl(tmp_path, *words)
    assert done.status in (0, None), done.err
    assert json.loads(done.out)["trials"] == 4


def test_a_tuner_hears_what_the_objective_says(tmp_path):
    class Told:
        def __init__(self, space, fidelity, mutable, min_interval):
            told.append((mutable, min_interval))
            self.trials = [Trial(0, CONFIGS[0], fidelity)]

        def ask(self, n):
            return [self.trials.pop()] if self.trials else []

        def tell(self, results):
            pass

    class Particular(Parabola):
        min_fidelity = 7
        mutable = frozenset({"learning_rate"})

    told: list = []
    hpo.sweep(tiny.task(), Told, trials=1, objective=Particular, store=tmp_path / "store.sqlite")
    assert told == [(frozenset({"learning_rate"}), 7)]


@pytest.mark.parametrize("objective", [Parabola, "training"])
def test_objectives_keep_their_contract(objective):
    check_objective(objective, tiny.task(), configs=CONFIGS)


@pytest.mark.parametrize("objective", ["table", "exact", "pool", "surrogate"])
def test_those_of_landscapes_keep_it_too(objective):
    landscape = catalogue.get("ppo/CartPole-v1")
    check_objective(objective, "ppo/CartPole-v1", configs=landscape.plain_configs[:3])


def test_a_score_that_differs_from_time_to_time_is_found():
    class Noisy(Parabola):
        count = 0

        def run(self, trial, seed):
            Noisy.count += 1
            return dataclasses.replace(super().run(trial, seed), score=float(Noisy.count))

    with pytest.raises(AssertionError, match="trial 0 alone and among others must"):
        check_objective(Noisy, tiny.task(), configs=CONFIGS)


def broken(**changes):
    return type("Broken", (Parabola,), changes)


def altered(**changes):
    """A parabola whose records have other values."""

    def evaluate(self, trials, on_segment):
        for record in Parabola.evaluate(self, trials):
            yield dataclasses.replace(record, **changes)

    return broken(evaluate=evaluate)


class Unrelated:
    pass


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        ("trainin", "unknown objective 'trainin': did you mean 'training'"),
        ("no.py:No", "objective 'no.py:No' does not import"),
        (Unrelated, "Unrelated' must have a method 'check'"),
        (type("Empty", (hpo.Objective,), {}), "Empty' must define evaluate"),
        (broken(costs=None), "Broken' must have a method 'costs', got"),
        (broken(label=3), "Broken' must have a class attribute label of type str, got 3"),
        (broken(__init__=lambda self, task: None), "Broken' can't be made: TypeError"),
        (broken(min_fidelity=0), "Broken' must have a min_fidelity of at least 1 env step, got 0"),
        (broken(mutable=frozenset({"gama"})), "Broken' must have a frozenset mutable of names of the space, got"),
        (broken(evaluate=lambda self, trials, on_segment: [7]), "Broken' must give records of trials, got 7"),
        (
            broken(evaluate=lambda self, trials, on_segment: []),
            "Broken' must give a record of each trial .* got none of 0",
        ),
        (altered(trial=77), "Broken' must give one record of each trial that it is asked, got one of 77"),
        (altered(score=math.nan), "Broken', trial 0: score must be a finite number, got nan"),
        (altered(config={}), "Broken', trial 0: config must be that of the trial, .* got {}"),
        (altered(runs=()), r"Broken', trial 0: runs must be those of the seeds \(0,\), got \[\]"),
        (Parabola(tiny.task(), (0, 3)), r"Parabola' must be of the sweep's seeds \(0,\), got \(0, 3\)"),
        (Parabola(tiny.task(0.2), (0,)), "Parabola' must be of the sweep's task ppo/ProbeMatching"),
    ],
)
def test_what_breaks_the_contract_is_refused_before_anything_is_written(tmp_path, objective, message):
    with pytest.raises(InputError, match=message) as error:
        hpo.sweep(tiny.task(), "default", trials=1, seeds=1, objective=objective, store=tmp_path / "store.sqlite")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "store.sqlite").exists()


def test_an_instance_is_no_objective_of_a_comparison():
    with pytest.raises(InputError, match="objective of a comparison must be a name or a class"):
        hpo.compare(["sobol"], [tiny.task()], objective=Parabola(tiny.task(), (0,)))


def test_scores_that_only_training_gives_are_refused_before():
    with pytest.raises(InputError, match=r"score 'parameters' must be of the config itself, .*\(exact, nearest\)"):
        hpo.sweep("ppo/CartPole-v1", trials=2, objective="table", score="parameters")


def options(function):
    return {
        name: (option.default, option.annotation) for name, option in inspect.signature(function).parameters.items()
    }


@pytest.mark.parametrize(
    ("outer", "inner", "more"),
    [
        (
            hpo.sweep,
            plans.plan,
            {"name", "store", "view", "log", "save_agents", "warm_start", "cluster", "synchronous"},
        ),
        (hpo.compare, compare.design, {"store", "view", "log", "cluster"}),
    ],
)
def test_settings_are_declared_alike_at_each_layer(outer, inner, more):
    offered, declared = options(outer), options(inner)
    declared.pop("asynchronous", None)  # follows from cluster and synchronous
    assert offered.keys() - declared.keys() == more
    assert {name: offered[name] for name in declared} == declared


def test_the_command_line_has_the_same_defaults():
    offered, declared = options(main.sweep), options(hpo.sweep)
    renamed = {"options": "option", "view": "as_json"}
    differing = {"trials", "seeds", "options", "view", "store", "task", "log", "enqueue"}  # 64, and texts to parse
    of_cluster = {"cluster_host", "cluster_wait"}
    assert offered.keys() == {renamed.get(name, name) for name in declared} | of_cluster
    for name in declared.keys() - differing:
        assert offered[name][0] == declared[name][0], name


def test_the_example_of_the_docs_keeps_the_contract(tmp_path):
    text = (Path(__file__).parents[1] / "docs" / "objectives.md").read_text()
    (code,) = re.findall(r"```python\n(# parabola\.py\n.*?)```", text, flags=re.DOTALL)
    (tmp_path / "documented.py").write_text(code)
    check_objective(f"{tmp_path / 'documented.py'}:Parabola", "ppo/CartPole-v1")
