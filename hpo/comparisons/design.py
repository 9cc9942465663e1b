"""Designs of comparisons: their sweeps and seeds, checked before anything is trained."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from arl.errors import InputError, unknown
from arl.records.settings import DEFAULT_OBJECTIVE, DEFAULT_SCORE, ComparisonSettings, SweepSettings
from hpo import objectives, plans, scores, tasks, tuners
from hpo.comparisons import REFERENCE, UNTUNED
from hpo.objectives import Objective
from hpo.plans import ConfigLike
from hpo.tasks import Task

if TYPE_CHECKING:
    from hpo.tasks.registry import SpaceLike

NUM_SEEDS, NUM_TEST_SEEDS = 3, 5
MOST_TEST_SEEDS = 1000

Seeds = int | Sequence[int] | None
Split = tuple[tuple[int, ...], tuple[int, ...]]  # tuning and test seeds


@dataclasses.dataclass(frozen=True)
class Entry:
    """A tuner of a comparison, called `label` in it; its budget is `factor` times the comparison's."""

    label: str
    tuner: str | type
    options: Mapping[str, Any]
    factor: int = 1


@dataclasses.dataclass(frozen=True)
class Design:
    """All that decides what a comparison trains.

    Attributes:
        seeds, test_seeds: of tuning, and of the incumbents' test, by repeat.
        objective: a registered name, `module:Class`, `file.py:Class`, or a class.
        scores: what a tuner maximises and is judged by; of several, it is judged by the first.
        enqueued: configs that every tuner but the default config tries first, see `hpo.plans.plan`.
    """

    name: str
    entries: tuple[Entry, ...]
    tasks: tuple[Task, ...]
    repeats: int
    budget: float
    seeds: tuple[tuple[int, ...], ...]
    test_seeds: tuple[tuple[int, ...], ...]
    batch: int
    objective: str | type[Objective] = DEFAULT_OBJECTIVE
    scores: tuple[str, ...] = (DEFAULT_SCORE,)
    enqueued: tuple[ConfigLike, ...] = ()

    def settings(self) -> ComparisonSettings:
        """Return the design as it is recorded."""
        return ComparisonSettings(
            tuners={entry.label: dict(entry.options) for entry in self.entries},
            tasks={task.name: task.settings() for task in self.tasks},
            repeats=self.repeats,
            budget=self.budget,
            seeds=self.seeds,
            test_seeds=self.test_seeds,
            batch=self.batch,
            objective=objectives.path(self.objective),
            scores=self.scores,
            classes={e.label: tuners.path(e.tuner) for e in self.entries if not isinstance(e.tuner, str)},
            enqueued=self.enqueued,
        )

    def plan(self, task: Task, entry: Entry, repeat: int) -> plans.Plan:
        """Return the plan of a tuner's sweep on a task; the number of the repeat is the tuner's seed."""
        return plans.plan(
            task,
            entry.tuner,
            budget=self.budget * entry.factor,
            seeds=self.seeds[repeat],
            tuner_seed=repeat,
            batch=self.batch,
            options=entry.options,
            objective=self.objective,
            score=self.scores,
            enqueue=() if entry.tuner == UNTUNED else self.enqueued,
        )

    def test_plan(self, task: Task, test_seeds: tuple[int, ...]) -> plans.Plan:
        """Return the plan of the sweep that trains a task's incumbents under test seeds; it ends when all are trained."""
        settings = SweepSettings(
            task=task.settings(),
            tuner="given",
            seeds=test_seeds,
            batch=plans.MAX_BATCH,
            scores=self.scores,
            objective=objectives.path(self.objective),
            user_files=plans.file_checksums(task, self.objective),
        )
        return plans.Plan(task, settings)

    def sweep_name(self, task: Task, entry: Entry, repeat: int) -> str:
        """Return a sweep's name, such as `comparison-ppo-CartPole-v1-random-0`."""
        return _plain(self.name, task.name, entry.label, str(repeat))

    def test_name(self, task: Task, test_seeds: tuple[int, ...]) -> str:
        """Return the name of a task's test, such as `comparison-ppo-CartPole-v1-test-1000-1004` for five test seeds."""
        first, last = test_seeds[0], test_seeds[-1]
        is_range = len(test_seeds) > 1 and test_seeds == tuple(range(first, last + 1))
        seeds = f"{first}-{last}" if is_range else ",".join(map(str, test_seeds))
        return plans.fitting(_plain(self.name, task.name, "test", seeds))


def design(
    tuners: Sequence[str | type],
    on: Sequence[str | Task],
    *,
    repeats: int = 10,
    budget: float = 32.0,
    seeds: Seeds = None,
    test_seeds: Seeds = None,
    space: "SpaceLike" = "published",
    fidelity: int | Sequence[int] | None = None,
    fix: Mapping[str, Any] | None = None,
    episodes: int | None = None,
    batch: int | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    baselines: bool = True,
    objective: str | type[Objective] = DEFAULT_OBJECTIVE,
    score: str | Sequence[str] = DEFAULT_SCORE,
    enqueue: ConfigLike | Sequence[ConfigLike] = (),
    name: str = "comparison",
) -> Design:
    """Return a checked design.

    Args:
        tuners: registered names, `module:Class`, `file.py:Class`, or classes.
        on: tasks or their names.
        repeats: sweeps of each tuner on each task.
        budget: equivalent full runs that each sweep may spend.
        seeds, test_seeds: how many, others in each repeat, or the seeds themselves, the same in all repeats; by default 3
            tuning and 5 test seeds. Where an objective has certain seeds only, as a landscape has, half of them, up to 3, are
            tuning seeds, and up to 5 others test seeds; from one repeat to the next the roles move on by one seed.
        space, fidelity: of tasks that are given by name; the fidelity of all tasks, or one per task.
        fix: hyperparameters that no tuner tunes but that have these values.
        episodes: of an evaluation; the tasks' by default, 128.
        batch: how many trials are asked for at a time.
        options: of tuners, by label.
        baselines: whether random search, random search with twice the budget, and the default config are added.
        objective: a registered name, `module:Class`, `file.py:Class`, or a class.
        score: what a tuner maximises and is judged by; of several, it is judged by the first.
        enqueue: configs that every tuner tries first, and pays for, see `hpo.plans.plan`; the baseline `default` does
            not.
        name: of the comparison; the same call with the same name goes on with it.

    Raises:
        InputError: unknown names, one twice, numbers that make no sense, test seeds that are tuning seeds, or an objective
            with a single seed.
    """
    plans.check_name(name)
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
        tasks.with_episodes(
            tasks.get(task, space, steps, fix) if isinstance(task, str) else tasks.with_fixed(task, fix), episodes
        )
        for task, steps in zip(on, fidelities, strict=True)
    )
    _check_distinct("tasks", [task.name for task in chosen])
    kind = objectives.get(objective)
    if not isinstance(kind, type):
        raise InputError(f"objective of a comparison must be a name or a class, got {objective!r}")
    for task in chosen:
        kind.check_task(task)
    available = _seeds_in_common(kind, chosen)
    splits = [_split(available, seeds, test_seeds, repeat) for repeat in range(repeats)]
    names = scores.chosen(score)
    scores.check_sources(names, kind.sources)
    if scores.SCORES[names[0]].worst is not None:
        raise InputError(f"score of a comparison must be one of returns, which tasks have a scale of, got {names[0]!r}")
    return Design(
        name,
        entries,
        chosen,
        repeats,
        float(budget),
        tuple(tuning for tuning, _ in splits),
        tuple(tests for _, tests in splits),
        batch or plans.batch_of_learner(budget),
        objective,
        names,
        plans.several_configs(enqueue),
    )


def _entries(
    given: Sequence[str | type], options: Mapping[str, Mapping[str, Any]], baselines: bool
) -> tuple[Entry, ...]:
    """Return the given tuners, and the baselines that are not among them."""
    labels = [tuner if isinstance(tuner, str) else tuners.path(tuner).rpartition(":")[2] for tuner in given]
    _check_distinct("tuners", labels)
    entries = [Entry(label, tuner, options.get(label, {})) for label, tuner in zip(labels, given, strict=True)]
    added = [entry for entry in _baselines() if entry.label not in labels] if baselines else []
    strays = [label for label in options if label not in labels]
    if strays:
        raise unknown("tuner with options", strays[0], labels)
    return (*entries, *added)


def _baselines() -> list[Entry]:
    """Return the baselines: random search, random search with twice the budget, and the task's default config."""
    return [Entry(REFERENCE, "random", {}), Entry(f"{REFERENCE}-2x", "random", {}, 2), Entry(UNTUNED, "default", {})]


def _split(available: list[int] | None, seeds: Seeds, test_seeds: Seeds, repeat: int) -> Split:
    """Return the tuning seeds and the test seeds of a repeat; both are given as seeds, as how many, or not at all.

    Seeds that are not given as such are others in each repeat, so that intervals over repeats hold for other seeds, too.

    `available`: the seeds under which all tasks can be answered; None if any will do.
    """
    if isinstance(test_seeds, int) and test_seeds > MOST_TEST_SEEDS:
        raise InputError(f"test seeds must be at most {MOST_TEST_SEEDS}, got {test_seeds}")
    if available is None:
        tuning, tests = _any_seeds(seeds, test_seeds, repeat)
    else:
        shift = repeat % len(available)
        tuning, tests = _shared_out([*available[shift:], *available[:shift]], seeds, test_seeds)
    if not tests or len(set(tests)) < len(tests):
        raise InputError(f"test seeds must be at least one, and differ, got {test_seeds!r}")
    both = [seed for seed in tests if seed in tuning]
    if both:
        raise InputError(f"test seeds must not be tuning seeds, got {both[0]} as both")
    low = [seed for seed in tests if seed < plans.FIRST_TEST_SEED]
    if low and available is None:
        raise InputError(f"test seeds must be at least {plans.FIRST_TEST_SEED}, below are tuning seeds, got {low[0]}")
    return tuning, tests


def _any_seeds(seeds: Seeds, test_seeds: Seeds, repeat: int) -> Split:
    """Return the next tuning seeds and test seeds of each kind; after 999, tuning seeds begin anew."""
    tuning = plans.tuning_seeds(NUM_SEEDS if seeds is None else seeds)
    if not isinstance(seeds, Sequence):
        tuning = tuple((seed + repeat * len(tuning)) % plans.FIRST_TEST_SEED for seed in tuning)
    if isinstance(test_seeds, Sequence):
        return tuning, tuple(test_seeds)
    num = NUM_TEST_SEEDS if test_seeds is None else test_seeds
    first = plans.FIRST_TEST_SEED + repeat * num
    return tuning, tuple(range(first, first + num))


def _seeds_in_common(kind: type[Objective], on: Sequence[Task]) -> list[int] | None:
    """Return the seeds under which all tasks can be answered; None if they can be answered under any seed.

    Raises:
        InputError: a task with fewer than two seeds, one to tune and one to test under.
    """
    by_task = {task.name: seeds for task in on if (seeds := kind.available_seeds(task)) is not None}
    if not by_task:
        return None
    fewest = min(by_task, key=lambda name: len(by_task[name]))
    if len(by_task[fewest]) < 2:
        raise InputError(
            f"{objectives.path(kind)} of {fewest} must have at least 2 seeds for a comparison, to tune and to test under, "
            f"got {len(by_task[fewest])}"
        )
    return [seed for seed in by_task[fewest] if all(seed in seeds for seeds in by_task.values())]


def _shared_out(available: list[int], seeds: Seeds, test_seeds: Seeds) -> Split:
    """Divide the available seeds into tuning and test seeds, tuning seeds first.

    Test seeds that the user names are never tuning seeds.
    """
    named = () if test_seeds is None or isinstance(test_seeds, int) else tuple(test_seeds)
    free = [seed for seed in available if seed not in named]
    num_tests = test_seeds if isinstance(test_seeds, int) else len(named)
    if seeds is None:
        seeds = max(1, min(NUM_SEEDS, len(available) // 2, len(available) - num_tests))
    tuning = plans.tuning_seeds(sorted(free[:seeds]) if isinstance(seeds, int) else seeds)
    others = [seed for seed in free if seed not in tuning]
    tests = named or tuple(sorted(others[: NUM_TEST_SEEDS if test_seeds is None else num_tests]))
    if len(tests) < (1 if test_seeds is None else num_tests) or (isinstance(seeds, int) and len(tuning) < seeds):
        raise InputError(
            f"seeds must be among those that the tasks have in common, {sorted(available)}, got {len(tuning)} tuning seeds "
            "and too few others to test under"
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
