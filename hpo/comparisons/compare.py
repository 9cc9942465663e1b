"""Comparisons: tuners on tasks with equal budgets, their incumbents trained again under test seeds.

Every (task, tuner, repeat) is an ordinary sweep, and the incumbents of a task are one more; all are in the store, so that a
comparison that was stopped goes on with the same command, and one that was finished takes more tuners or repeats.
"""

import dataclasses
import itertools
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from arl.errors import InputError, unknown
from arl.records.store import Store, TrialRecord
from arl.training import provenance
from hpo import plans, scores, sweeps, tasks, tuners
from hpo.comparisons import incumbents
from hpo.comparisons.incumbents import Chain
from hpo.comparisons.results import REFERENCE, Comparison, Swept
from hpo.shared_runs import Pool
from hpo.tasks import Task
from hpo.trial import Trial, TunerError
from hpo.tuners.given import Given
from landscapes import catalogue

NUM_SEEDS, NUM_TEST_SEEDS = 3, 5


class View:
    """What a comparison shows of its progress; this one shows nothing."""

    def sweep(self, name: str, number: int, total: int) -> sweeps.View:
        """The view of the next sweep, the `number`-th of `total`."""
        return sweeps.View()

    def test(self, name: str, num_incumbents: int) -> sweeps.View:
        """The view of the sweep that trains a task's incumbents under the test seeds."""
        return sweeps.View()

    def broken(self, reason: str) -> None:
        """A tuner broke its contract and is left out."""


@dataclasses.dataclass(frozen=True)
class Entry:
    """A tuner in a comparison; `label` names it there, `factor` is its budget in those of the others."""

    label: str
    tuner: str | type
    options: Mapping[str, Any]
    factor: int = 1


@dataclasses.dataclass(frozen=True)
class Design:
    """All that decides what a comparison trains."""

    name: str
    entries: tuple[Entry, ...]
    tasks: tuple[Task, ...]
    repeats: int
    budget: float
    seeds: tuple[int, ...]
    test_seeds: tuple[int, ...]
    batch: int
    objective: str = "training"
    score: tuple[str, ...] = (scores.DEFAULT,)

    def settings(self) -> dict[str, Any]:
        """The design as JSON-ready values."""
        own = {key: getattr(self, key) for key in ("repeats", "budget", "batch", "objective")}
        return {
            "tuners": {entry.label: dict(entry.options) for entry in self.entries},
            "tasks": {task.name: task.settings() for task in self.tasks},
            **own,
            "scores": list(self.score),
            "seeds": list(self.seeds),
            "test_seeds": list(self.test_seeds),
        }

    def plan(self, task: Task, entry: Entry, repeat: int) -> plans.Plan:
        """The sweep of a tuner on a task under a repeat, which is the tuner's seed."""
        return plans.plan(
            task,
            entry.tuner,
            budget=self.budget * entry.factor,
            seeds=self.seeds,
            tuner_seed=repeat,
            batch=self.batch,
            options=entry.options,
            objective=self.objective,
            score=self.score,
        )

    def sweep_name(self, task: Task, entry: Entry, repeat: int) -> str:
        """`comparison-ppo-CartPole-v1-random-0`."""
        return _plain(self.name, task.name, entry.label, str(repeat))

    def test_name(self, task: Task) -> str:
        """`comparison-ppo-CartPole-v1-test-5`, or with the test seeds themselves if they are not the first ones."""
        num = len(self.test_seeds)
        first = tuple(range(plans.FIRST_TEST_SEED, plans.FIRST_TEST_SEED + num))
        listed = str(num) if self.test_seeds == first else ",".join(map(str, self.test_seeds)) + "," * (num == 1)
        return _plain(self.name, task.name, "test", listed)


def design(
    tuners: Sequence[str | type],
    on: Sequence[str | Task],
    *,
    repeats: int = 10,
    budget: float = 32.0,
    seeds: int | Sequence[int] | None = None,
    test_seeds: int | Sequence[int] | None = None,
    space: str = "published",
    fidelity: int | Sequence[int] | None = None,
    batch: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    baselines: bool = True,
    objective: str = "training",
    score: str | Sequence[str] = scores.DEFAULT,
    name: str = "comparison",
) -> Design:
    """A checked design; `fidelity`: of all tasks, or one per task; `options`: of tuners, by label; `score`: what a tuner
    maximises and is judged by; of several, it is judged by the first.

    By default there are 3 tuning and 5 test seeds. Landscapes answer under the seeds they have: by default half of them, up
    to 3, are tuning seeds, and up to 5 others test seeds.

    Raises:
        InputError: unknown names, one twice, numbers that make no sense, test seeds that are tuning seeds, or a landscape
            of a single seed.
    """
    if repeats < 1:
        raise InputError(f"repeats must be at least 1, got {repeats}")
    if not 0 < budget < math.inf:
        raise InputError(f"budget must be positive and finite, got {budget}")
    if batch is not None and batch < 1:
        raise InputError(f"batch must be at least 1, got {batch}")
    entries = _entries(tuners, options or {}, baselines)
    fidelities = [fidelity] * len(on) if fidelity is None or isinstance(fidelity, int) else list(fidelity)
    if len(fidelities) != len(on):
        raise InputError(f"fidelity must be one number, or one per task ({len(on)}), got {len(fidelities)}")
    chosen = tuple(
        tasks.get(task, space, steps) if isinstance(task, str) else task
        for task, steps in zip(on, fidelities, strict=True)
    )
    _check_distinct("tasks", [task.name for task in chosen])
    tuning, tests = _seeds(objective, chosen, seeds, test_seeds)
    each = batch or plans.batch_of_learner(budget)
    names = scores.chosen(score)
    if scores.SCORES[names[0]].worst is not None:
        raise InputError(f"score of a comparison must be one of returns, which tasks have a scale of, got {names[0]!r}")
    return Design(name, entries, chosen, repeats, float(budget), tuning, tests, each, objective, names)


def compare(
    tuners: Sequence[str | type],
    on: Sequence[str | Task],
    *,
    store: Store | str | Path | None = None,
    view: View | None = None,
    **settings: Any,
) -> Comparison:
    """Compare tuners on tasks, or finish a comparison that was begun; `settings` are those of `design`.

    Example:
        >>> comparison = hpo.compare(["sobol"], ["ppo/CartPole-v1", "ppo/Acrobot-v1"], repeats=5, budget=16)
        >>> comparison.summary

    Raises:
        InputError: bad settings, or no tuner that keeps its contract.
    """
    chosen = design(tuners, on, **settings)
    return _Comparing(chosen, store if isinstance(store, Store) else Store(store), view or View()).run()


class _Comparing:
    """A comparison on its way."""

    def __init__(self, design: Design, store: Store, view: View):
        self.design, self.store, self.view = design, store, view
        self.broken: dict[str, str] = {}
        self.number = 0

    def run(self) -> Comparison:
        design = self.design
        for task in design.tasks:
            self._check(task)
        pairs = [(task, list(self._tune(task))) for task in design.tasks]
        swept = [known for _, known_of_task in pairs for known in known_of_task if known.tuner not in self.broken]
        if not swept:
            raise InputError(next(iter(self.broken.values())))
        tests = {
            task.name: self._test(task, [known for known in swept if known.task == task.name]) for task in design.tasks
        }
        return Comparison(design.name, design.settings(), provenance.now(), swept, tests, self.broken, command(design))

    def _check(self, task: Task) -> None:
        """Refuse what can't be, before anything is trained: by making each tuner's first sweep, and that of the tests."""
        pool = Pool()
        for entry in self.design.entries:
            self._sweep(task, entry, 0, sweeps.View(), pool).objective.check()
        scores.check(self.design.score, task.settings(), task.space, len(self.design.test_seeds))
        self._test_sweep(task, [], sweeps.View())

    def _tune(self, task: Task) -> Iterator[Swept]:
        """The sweeps of a task. The first repeat of every tuner comes first: what breaks, breaks early."""
        pool, total = Pool(), len(self.design.tasks) * self.design.repeats * len(self.design.entries)
        for repeat, entry in itertools.product(range(self.design.repeats), self.design.entries):
            self.number += 1
            if entry.label in self.broken:
                continue
            name = self.design.sweep_name(task, entry, repeat)
            try:
                sweep = self._sweep(task, entry, repeat, self.view.sweep(name, self.number, total), pool)
                record = sweep.run()
            except TunerError as error:
                self.broken[entry.label] = f"sweep {name!r}: {error}"
                self.view.broken(self.broken[entry.label])
                continue
            yield Swept(entry.label, repeat, self.design.budget * entry.factor, record, list(sweep.asked))

    def _sweep(self, task: Task, entry: Entry, repeat: int, view: sweeps.View, pool: Pool | None) -> sweeps.Sweep:
        plan, name = self.design.plan(task, entry, repeat), self.design.sweep_name(task, entry, repeat)
        return sweeps.Sweep(plan, name, self.store, entry.tuner, view, pool)

    def _test(self, task: Task, swept: Sequence[Swept]) -> Any:
        """The record of the task's incumbents under the test seeds, each trained once; None if there are none."""
        stood = (incumbent for known in swept for incumbent in known.at_points if incumbent is not None)
        chains = list(dict.fromkeys(incumbent.chain for incumbent in stood))
        if not chains:
            return None
        name = self.design.test_name(task)
        recorded = self.store.trials(name) if name in self.store else {}
        trials = test_trials(chains, recorded)
        return self._test_sweep(task, trials, self.view.test(name, len(trials))).run()

    def _test_sweep(self, task: Task, trials: Sequence[Trial], view: sweeps.View) -> sweeps.Sweep:
        """The sweep of the task's incumbents under the test seeds."""
        plan = plans.Plan(
            task,
            "given",
            0,
            {},
            None,
            None,
            self.design.test_seeds,
            plans.MAX_BATCH,
            self.design.score,
            self.design.objective,
            plans.version_of_landscape(task, self.design.objective),
        )
        given = type("given", (Given,), {"__init__": lambda tuner: Given.__init__(tuner, trials)})
        return sweeps.Sweep(plan, self.design.test_name(task), self.store, given, view)


def test_trials(chains: Sequence[Chain], recorded: Mapping[int, TrialRecord]) -> list[Trial]:
    """A trial for each link of the chains, those they have in common once; what is on record keeps its id.

    Ids that are free are given in the order of the chains, shorter ones first, so that a stopped comparison gives the
    same ids as one that was not.
    """
    ids = {incumbents.chain(recorded, trial): trial for trial in recorded}
    links = dict.fromkeys([*ids, *(chain[:num] for chain in chains for num in range(1, len(chain) + 1))])
    free = (i for i in itertools.count() if i not in recorded)
    for link in sorted(links, key=len):
        if link not in ids:
            ids[link] = next(free)
    return [_trial(link, ids) for link in sorted(links, key=ids.__getitem__)]


def _trial(chain: Chain, ids: Mapping[Chain, int]) -> Trial:
    steps, config = chain[-1]
    return Trial(ids[chain], json.loads(config), steps, ids[chain[:-1]] if len(chain) > 1 else None)


def command(design: Design) -> list[str]:
    """The words of the command that gives the same comparison."""
    given = [tuners.path(entry.tuner) for entry in design.entries if entry.factor == 1]
    with_baselines = len(given) < len(design.entries)
    first = design.tasks[0]
    words = ["arl", "compare", "--tuners", ",".join(given), "--tasks", ",".join(task.name for task in design.tasks)]
    words += ["--name", design.name, "--repeats", str(design.repeats), "--budget", f"{design.budget:g}"]
    words += ["--seeds", ",".join(map(str, design.seeds)) + ",", "--test-seeds"]
    words += [",".join(map(str, design.test_seeds)) + ",", "--space", first.preset, "--batch", str(design.batch)]
    words += [] if with_baselines else ["--no-baselines"]
    words += [] if design.objective == "training" else ["--objective", design.objective]
    words += [] if design.score == (scores.DEFAULT,) else ["--score", ",".join(design.score)]
    fidelities = [str(task.fidelity) for task in design.tasks]
    words += ["--fidelity", ",".join(fidelities if len(set(fidelities)) > 1 else fidelities[:1])]
    for entry in design.entries:
        for option, value in entry.options.items():
            words += ["--option", f"{tuners.path(entry.tuner)}.{option}={json.dumps(value)}"]
    return words


def _entries(
    given: Sequence[str | type], options: Mapping[str, Mapping[str, Any]], baselines: bool
) -> tuple[Entry, ...]:
    """The tuners given, and the baselines that are not among them."""
    labels = [tuner if isinstance(tuner, str) else tuners.path(tuner).rpartition(":")[2] for tuner in given]
    _check_distinct("tuners", labels)
    entries = [Entry(label, tuner, options.get(label, {})) for label, tuner in zip(labels, given, strict=True)]
    added = [entry for entry in _baselines() if entry.label not in labels] if baselines else []
    stray = [label for label in options if label not in labels]
    if stray:
        raise unknown("tuner with options", stray[0], labels)
    return (*entries, *added)


def _baselines() -> list[Entry]:
    """Random search, random search with twice the budget, and the task's default config."""
    return [Entry(REFERENCE, "random", {}), Entry(f"{REFERENCE}-2x", "random", {}, 2), Entry("default", "default", {})]


Seeds = int | Sequence[int] | None


def _seeds(
    objective: str, on: Sequence[Task], seeds: Seeds, test_seeds: Seeds
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tuning and test seeds, of which numbers or the seeds themselves are given."""
    if objective == "training":
        tuning = plans.tuning_seeds(NUM_SEEDS if seeds is None else seeds)
        tests = NUM_TEST_SEEDS if test_seeds is None else test_seeds
        first = plans.FIRST_TEST_SEED
        chosen = tuple(range(first, first + tests)) if isinstance(tests, int) else tuple(tests)
    else:
        tuning, chosen = _seeds_of_landscapes(_seeds_in_common(on), seeds, test_seeds)
    if not chosen or len(set(chosen)) < len(chosen):
        raise InputError(f"test seeds must be at least one, and differ, got {test_seeds!r}")
    shared = [seed for seed in chosen if seed in tuning]
    if shared:
        raise InputError(f"test seeds must not be tuning seeds, got {shared[0]} as both")
    low = [seed for seed in chosen if seed < plans.FIRST_TEST_SEED]
    if low and objective == "training":
        raise InputError(f"test seeds must be at least {plans.FIRST_TEST_SEED}, below are tuning seeds, got {low[0]}")
    return tuning, chosen


def _seeds_in_common(on: Sequence[Task]) -> list[int]:
    """The seeds that the landscapes of all tasks have, two at least."""
    known = [catalogue.get(task.landscape) for task in on]
    fewest = min(known, key=lambda landscape: len(landscape.seeds))
    if len(fewest.seeds) < 2:
        raise InputError(
            f"landscape {fewest.name} must have at least 2 seeds for a comparison, to tune and to test under, got 1"
        )
    return [seed for seed in fewest.seeds if all(seed in landscape.seeds for landscape in known)]


def _seeds_of_landscapes(known: list[int], seeds: Seeds, test_seeds: Seeds) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of the seeds that there are, tuning seeds come first; those that are named are used for nothing else."""
    named = () if test_seeds is None or isinstance(test_seeds, int) else tuple(test_seeds)
    free = [seed for seed in known if seed not in named]
    num_tests = test_seeds if isinstance(test_seeds, int) else len(named)
    if seeds is None:
        seeds = max(1, min(NUM_SEEDS, len(known) // 2, len(known) - num_tests))
    tuning = plans.tuning_seeds(free[:seeds] if isinstance(seeds, int) else seeds)
    left = [seed for seed in free if seed not in tuning]
    tests = named or tuple(left[:NUM_TEST_SEEDS] if test_seeds is None else left[:num_tests])
    if len(tests) < (1 if test_seeds is None else num_tests) or (isinstance(seeds, int) and len(tuning) < seeds):
        raise InputError(
            f"seeds must be among those that the landscapes have in common, {known}, got {len(tuning)} tuning seeds and too "
            "few others to test under"
        )
    return tuning, tests


def _check_distinct(what: str, names: Sequence[str]) -> None:
    if not names:
        raise InputError(f"{what} must name at least one, got none")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{what} must differ, got {twice!r} twice")


def _plain(*parts: str) -> str:
    return "-".join(parts).replace("/", "-").replace(":", ".")
