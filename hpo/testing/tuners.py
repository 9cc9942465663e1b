"""The conformance suite for tuners: the promises that every tuner must keep, checked on small spaces.

    >>> from hpo.testing import check_tuner
    >>> check_tuner(MyTuner)              # a class, a registered name, `module:Class` or `file.py:Class`
    >>> check_tuner("mytuner.py:Mine", depth=3)

Nothing is trained: the objectives are made up. An `AssertionError` says which promise is broken, on which space, by which
trial.
"""

import dataclasses
import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, GreaterThanCondition, Integer
from ConfigSpace.hyperparameters import Constant, FloatHyperparameter, OrdinalHyperparameter

from arl import spaces
from arl.errors import InputError
from hpo import tuners
from hpo.trial import Cost, Result, Trial, Tuner, TunerContext, WarmTuner, as_dict

FIDELITY = 900
BUDGET = 12.0
BATCHES = (4, 2, 5, 3)
SEEDS = (0, 1, 2, 3)
NUM_WORKERS, NUM_TOLD = 3, 30  # of a tuner that is told one result at a time

Objective = Callable[[Trial], Result]


def check_tuner(tuner: str | type, **options: Any) -> None:
    """Check that a tuner keeps the contract of `docs/tuners.md`.

    On spaces of every kind of hyperparameter: ids, configs, fidelities and parents are right, an ask gives at most what
    it is asked for, no two trials of a batch are the same, the space is left as it was. The same questions in the same
    batches get the same answers, also in a process with other hashes, and after an interruption at any batch. Trials
    that diverge or fail, equal scores and asks without results do no harm; nor do earlier trials, where the tuner has
    `warm_start`. A tuner whose class says that it is asynchronous
    goes on, and asks the same again, when results are told one at a time in any order.

    Raises:
        AssertionError: the first promise that is broken.
    """
    check_here(tuner, options)
    check_elsewhere([(tuner, options)])


def check_here(tuner: str | type, options: Mapping[str, Any]) -> None:
    """Check the promises that can be checked in this process.

    Raises:
        AssertionError: the first promise that is broken.
    """
    for kind, space in SPACES.items():
        if not (kind == "constant" and _refuses(tuner, options, space())):
            _check_contract(tuner, options, kind, space)
    for name, objective in TROUBLES.items():
        _check_survives(tuner, options, name, objective)
    _check_waits(tuner, options)
    _check_resumes(tuner, options)
    if tuners.learns_from_others(tuner):
        _check_warm_start(tuner, options)
    if tuners.is_asynchronous(tuner):
        _check_asynchronous(tuner, options)


def check_elsewhere(pairs: Sequence[tuple[str | type, Mapping[str, Any]]]) -> None:
    """Check that tuners answer in another process, whose hashes differ, as they do in this one.

    Args:
        pairs: tuners with their options.

    Raises:
        AssertionError: the first difference.
    """
    import cloudpickle

    code = (
        "import cloudpickle, json, sys; from hpo.testing import tuners; pairs = cloudpickle.loads(sys.stdin.buffer.read()); "
        "print(json.dumps([tuners.transcript(*pair) for pair in pairs]))"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    env = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=cloudpickle.dumps(list(pairs)), env=env, capture_output=True, timeout=600)
    _require(done.returncode == 0, f"the tuner must run in another process, got: {done.stderr.decode()[-2000:]}")
    for pair, answers in zip(pairs, json.loads(done.stdout.splitlines()[-1]), strict=True):
        _check_same(transcript(*pair), answers, f"tuner {pair[0]!r} in another process, whose hashes differ")


def continuous() -> ConfigurationSpace:
    """Return a space of two floats, one of them logarithmic."""
    return ConfigurationSpace(name="continuous", space=[Float("rate", (1e-6, 0.1), log=True), Float("x", (-1.0, 1.0))])


def integers() -> ConfigurationSpace:
    """Return a space of two integers, one of them logarithmic."""
    return ConfigurationSpace(name="integers", space=[Integer("size", (8, 512), log=True), Integer("i", (-3, 300))])


def choices() -> ConfigurationSpace:
    """Return a space of choices: bools, strings, ints, floats, and ordered ints."""
    kinds: dict[str, list[Any]] = {
        "flag": [True, False],
        "name": ["tanh", "relu", "elu"],
        "width": [16, 64, 256],
        "share": [0.1, 0.5, 0.9],
    }
    space = ConfigurationSpace(name="choices", space=[Categorical(name, kinds[name]) for name in kinds])
    space.add(OrdinalHyperparameter("level", [1, 2, 4, 8]))
    return space


def conditional() -> ConfigurationSpace:
    """Return a space with conditions: `decay` for adam only, `steps` for schedules, `power` for long ones; and a constant."""
    optimiser, schedule = Categorical("optimiser", ["sgd", "adam"]), Categorical("schedule", [True, False])
    decay, steps, power = Float("decay", (0.0, 1.0)), Integer("steps", (1, 100)), Float("power", (1.0, 3.0))
    space = ConfigurationSpace(
        name="conditional", space=[Float("rate", (1e-5, 1.0), log=True), Constant("version", "a")]
    )
    space.add([optimiser, schedule, decay, steps, power])
    space.add([EqualsCondition(decay, optimiser, "adam"), EqualsCondition(steps, schedule, True)])
    space.add(GreaterThanCondition(power, steps, 50))
    return space


def constant() -> ConfigurationSpace:
    """Return a space of a single config."""
    return ConfigurationSpace(name="constant", space=[Constant("rate", 0.5), Constant("name", "a")])


SPACES: dict[str, Callable[[], ConfigurationSpace]] = {
    space.__name__: space for space in (continuous, integers, choices, conditional, constant)
}


def result(trial: Trial, score: float, status: str = "completed") -> Result:
    """Return a result with a curve of one point."""
    by_seed = dict.fromkeys(trial.seeds or SEEDS, score)
    return Result(trial, score, by_seed, [(trial.fidelity, score)], {}, Cost(trial.fidelity, 0.1), status)


def hashed(trial: Trial) -> Result:
    """Return a score in [0, 1) that is a hash of the config, a little better at higher fidelity: nothing can be learnt."""
    noise = zlib.crc32(json.dumps(dict(trial.config), sort_keys=True).encode()) / 2**32
    return result(trial, noise + trial.fidelity / FIDELITY / 10)


def _diverging(trial: Trial) -> Result:
    return hashed(trial) if trial.id % 3 else result(trial, -1e4, "diverged")


def _failing(trial: Trial) -> Result:
    return hashed(trial) if trial.id % 3 else _failed(trial)


def _failed(trial: Trial) -> Result:
    """Return the worst score, and no curve."""
    return dataclasses.replace(result(trial, -1e4, "failed"), curve=[])


TROUBLES: dict[str, Objective] = {
    "trials that diverge": _diverging,
    "trials that fail": _failing,
    "nothing but failures": _failed,
    "equal scores": lambda trial: result(trial, 1.0),
}


def make(
    tuner: str | type,
    options: Mapping[str, Any],
    space: ConfigurationSpace,
    seed: int = 0,
    asynchronous: bool = False,
) -> Tuner:
    """Return the tuner as a sweep makes it."""
    context = TunerContext(
        space=space,
        fidelity=FIDELITY,
        seed=seed,
        budget=BUDGET,
        mutable=frozenset(space),
        scores=("final",),
        seeds=SEEDS,
        asynchronous=asynchronous,
    )
    return tuners.make(tuner, context, options)


def play(tuner: Tuner, objective: Objective = hashed, batches: Sequence[int] = BATCHES) -> Iterator[list[Trial]]:
    """Yield the batches that a tuner asks for, each told before the next, until the tuner is done."""
    for size in batches:
        trials = tuner.ask(size)
        if not trials:
            return
        yield trials
        tuner.tell([objective(trial) for trial in trials])


def _refuses(tuner: str | type, options: Mapping[str, Any], space: ConfigurationSpace) -> bool:
    """Return whether the tuner refuses the space by an InputError, as it may where there is nothing to tune."""
    try:
        make(tuner, options, space)
    except InputError:
        return True
    return False


def _check_contract(
    tuner: str | type, options: Mapping[str, Any], kind: str, make_space: Callable[[], ConfigurationSpace]
) -> None:
    space, asked = make_space(), dict[int, Trial]()
    for size, trials in zip(BATCHES, play(make(tuner, options, space)), strict=False):
        _check_batch(trials, size, asked, make_space(), f"space {kind!r}")
        asked.update({trial.id: trial for trial in trials})
    _require(asked, f"space {kind!r}: the tuner must ask for at least one trial")
    _require(space == make_space(), f"space {kind!r}: the tuner must leave the space as it was")


def _check_batch(trials: Any, size: int, asked: Mapping[int, Trial], space: ConfigurationSpace, where: str) -> None:
    _require(isinstance(trials, Sequence), f"{where}: ask must give a list, got {trials!r}")
    _require(len(trials) <= size, f"{where}: ask({size}) must give at most {size} trials, got {len(trials)}")
    for trial in trials:
        _require(isinstance(trial, Trial), f"{where}: ask must give hpo.Trial objects, got {trial!r}")
        _require(type(trial.id) is int, f"{where}: id must be an int, got {trial.id!r}")
        _check_config(trial, space, f"{where}, trial {trial.id}")
        _check_fidelity(trial, asked, f"{where}, trial {trial.id}")
    ids = [trial.id for trial in trials]
    _require(len({*ids, *asked}) == len(ids) + len(asked), f"{where}: each trial must have an id of its own, got {ids}")
    work = [(json.dumps(dict(trial.config)), trial.fidelity, trial.parent) for trial in trials]
    if any(isinstance(space[name], FloatHyperparameter) for name in space):  # else there may not be enough configs
        _require(len(set(work)) == len(work), f"{where}: the trials of a batch must differ, got {work}")


def _check_config(trial: Trial, space: ConfigurationSpace, where: str) -> None:
    types = {name: type(value) for name, value in trial.config.items() if type(value) not in (bool, int, float, str)}
    _require(not types, f"{where}: config must hold plain Python scalars (hpo.plain makes them so), got {types}")
    try:
        spaces.check(space, trial.config)
    except InputError as error:
        raise AssertionError(f"{where}: {error}") from error


def _check_fidelity(trial: Trial, asked: Mapping[int, Trial], where: str) -> None:
    _require(type(trial.fidelity) is int, f"{where}: fidelity must be an int, got {trial.fidelity!r}")
    _require(1 <= trial.fidelity <= FIDELITY, f"{where}: fidelity must be in [1, {FIDELITY}], got {trial.fidelity}")
    seeds = set(SEEDS if trial.seeds is None else trial.seeds)
    _require(seeds and seeds <= set(SEEDS), f"{where}: seeds must be tuning seeds, got {trial.seeds}")
    if trial.parent is not None:
        _require(trial.parent in asked, f"{where}: parent must be a finished trial, got {trial.parent!r}")
        below = asked[trial.parent].fidelity
        _require(below < trial.fidelity, f"{where}: fidelity must exceed its parent's {below}, got {trial.fidelity}")
        of_parent = set(asked[trial.parent].seeds or SEEDS)
        _require(seeds <= of_parent, f"{where}: seeds must be among its parent's {of_parent}, got {trial.seeds}")


def _check_survives(tuner: str | type, options: Mapping[str, Any], name: str, objective: Objective) -> None:
    asked: dict[int, Trial] = {}
    try:
        for size, trials in zip(BATCHES, play(make(tuner, options, conditional()), objective), strict=False):
            _check_batch(trials, size, asked, conditional(), name)
            parents = [asked[trial.parent] for trial in trials if trial.parent is not None]
            failed = [parent.id for parent in parents if objective(parent).status == "failed"]
            _require(not failed, f"{name}: parent must not be a trial that failed, got {failed}")
            asked.update({trial.id: trial for trial in trials})
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{name}: the tuner must go on, got {type(error).__name__}: {error}") from error
    _require(asked, f"{name}: the tuner must ask for at least one trial")


def _check_waits(tuner: str | type, options: Mapping[str, Any]) -> None:
    """Check that a tuner that is asked again before it is told does not repeat itself or hang; it may give nothing."""
    waiting, asked = make(tuner, options, continuous()), dict[int, Trial]()
    for _ in range(3):
        trials = waiting.ask(2)
        _check_batch(trials, 2, asked, continuous(), "asked again before it is told")
        asked.update({trial.id: trial for trial in trials})
    waiting.tell([hashed(trial) for trial in asked.values()])
    waiting.ask(1)


def _check_resumes(tuner: str | type, options: Mapping[str, Any]) -> None:
    """Check that a new tuner asks the same after a stop at any batch, while the old one lives."""
    whole = transcript(tuner, options)
    stopped = []  # keeps the old tuners alive
    for num in range(1, len(whole) + 1):
        batches = play(make(tuner, options, conditional(), seed=1))
        seen = [_as_json(next(batches, [])) for _ in range(num)]
        _check_same(whole[:num], seen, f"stopped and resumed after batch {num}")
        stopped.append(batches)


def _check_warm_start(tuner: str | type, options: Mapping[str, Any]) -> None:
    """Check that a tuner that is told earlier trials keeps the contract, and asks the same when it is told the same."""
    for name, objective in {"hashed scores": hashed, **TROUBLES}.items():
        first, second = (_after_warm_start(tuner, options, objective) for _ in range(2))
        _check_same(first, second, f"told earlier trials, {name}")


def _after_warm_start(tuner: str | type, options: Mapping[str, Any], objective: Objective) -> list[list[Any]]:
    """Return the batches that a tuner asks for after it was told trials of its space, as JSON has them."""
    warm, asked, batches = make(tuner, options, conditional()), dict[int, Trial](), list[list[Any]]()
    assert isinstance(warm, WarmTuner)
    earlier = [Trial(-i, spaces.sample(conditional(), [9, i]), FIDELITY) for i in range(1, 13)]
    warm.warm_start([objective(trial) for trial in earlier[:11]])
    warm.warm_start([objective(trial) for trial in earlier[11:]])
    for size, trials in zip(BATCHES, play(warm, objective), strict=False):
        _check_batch(trials, size, asked, conditional(), "told earlier trials")
        asked.update({trial.id: trial for trial in trials})
        batches.append(_as_json(trials))
    _require(asked, "told earlier trials: the tuner must ask for at least one trial")
    return batches


def _check_asynchronous(tuner: str | type, options: Mapping[str, Any]) -> None:
    """Check a tuner that is told one result at a time, of whichever trial is finished first, while others are trained."""
    asked = [_asynchronous_transcript(tuner, options) for _ in range(2)]
    _check_same([asked[0]], [asked[1]], "results told one at a time, again")
    least = min(NUM_WORKERS + 1, sum(len(trials) for trials in transcript(tuner, options)))
    _require(
        len(asked[0]) >= least, f"results told one at a time: the tuner must go on, got {len(asked[0])} trials in all"
    )


def _asynchronous_transcript(tuner: str | type, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the trials that a tuner asks for whose results come one at a time, as JSON has them."""
    made, order = make(tuner, options, conditional(), seed=1, asynchronous=True), random.Random(0)
    asked, training = dict[int, Trial](), list[Trial]()
    for _ in range(NUM_TOLD):
        trials = made.ask(NUM_WORKERS - len(training))
        _check_batch(trials, NUM_WORKERS, asked, conditional(), "results told one at a time")
        asked.update({trial.id: trial for trial in trials})
        training += trials
        if not training:
            break
        made.tell([hashed(training.pop(order.randrange(len(training))))])
    return _as_json(list(asked.values()))


def transcript(tuner: str | type, options: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the batches that a tuner asks for on the conditional space, as JSON has them."""
    return [_as_json(trials) for trials in play(make(tuner, options, conditional(), seed=1))]


def _as_json(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    return json.loads(json.dumps([as_dict(trial) for trial in trials]))


def _check_same(expected: Sequence[list[Any]], answers: Sequence[list[Any]], where: str) -> None:
    before, after = ([trial for trials in batches for trial in trials] for batches in (expected, answers))
    for a, b in zip(before, after, strict=False):
        _require(repr(a) == repr(b), f"{where}: the tuner must ask the same, got {b}, not {a}")
    _require(
        len(before) == len(after), f"{where}: the tuner must ask the same, got {len(after)} trials, not {len(before)}"
    )


def _require(kept: Any, message: str) -> None:
    """Raise an AssertionError unless a promise is kept; an `assert` would vanish under `python -O`."""
    if not kept:
        raise AssertionError(message)
