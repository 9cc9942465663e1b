"""The conformance suite for tuners: what every tuner must do, checked on small spaces with a made-up objective.

    >>> from hpo.testing import check_tuner
    >>> check_tuner(MyTuner)              # a class, a registered name, `module:Class` or `file.py:Class`
    >>> check_tuner("mytuner.py:Mine", depth=3)

Nothing is trained. It raises an `AssertionError` that says which promise was broken, on which space, by which trial.
"""

import dataclasses
import json
import os
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
from hpo.trial import Cost, Result, Trial, TunerContext, as_dict

FIDELITY = 900
BUDGET = 12.0
BATCHES = (4, 2, 5, 3)

Objective = Callable[[Trial], Result]


def check_tuner(tuner: str | type, **options: Any) -> None:
    """Check that a tuner keeps the contract of `docs/tuners.md`.

    On spaces of every kind of hyperparameter: ids, configs, fidelities and parents are right, an ask gives at most what
    it is asked for, no two trials of a batch are the same, the space is left as it was. The same questions in the same
    batches get the same answers, also in a process with other hashes, and after an interruption at any batch. Trials
    that diverge or fail, equal scores and asks without results do no harm.

    Raises:
        AssertionError: the first promise that is broken.
    """
    check_here(tuner, options)
    check_elsewhere([(tuner, options)])


def check_here(tuner: str | type, options: Mapping[str, Any]) -> None:
    """What can be checked in this process."""
    for kind, space in SPACES.items():
        if not (kind == "constant" and _refuses(tuner, options, space())):
            _check_contract(tuner, options, kind, space)
    for name, objective in TROUBLES.items():
        _check_survives(tuner, options, name, objective)
    _check_waits(tuner, options)
    _check_resumes(tuner, options)


def check_elsewhere(makings: Sequence[tuple[str | type, Mapping[str, Any]]]) -> None:
    """Tuners with their options answer in another process, whose hashes differ, as they do in this one."""
    import cloudpickle

    code = (
        "import cloudpickle, json, sys; from hpo import testing; makings = cloudpickle.loads(sys.stdin.buffer.read()); "
        "print(json.dumps([testing.transcript(*making) for making in makings]))"
    )
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    env = {
        **os.environ,
        "PYTHONHASHSEED": seed,
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
    }
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, input=cloudpickle.dumps(list(makings)), env=env, capture_output=True, timeout=600)
    assert done.returncode == 0, f"the tuner must run in another process, got: {done.stderr.decode()[-2000:]}"
    for making, there in zip(makings, json.loads(done.stdout.splitlines()[-1]), strict=True):
        _check_same(transcript(*making), there, f"tuner {making[0]!r} in another process, whose hashes differ")


def continuous() -> ConfigurationSpace:
    """Two axes, one of them logarithmic."""
    return ConfigurationSpace(name="continuous", space=[Float("rate", (1e-6, 0.1), log=True), Float("x", (-1.0, 1.0))])


def integers() -> ConfigurationSpace:
    """An integer axis and a logarithmic one."""
    return ConfigurationSpace(name="integers", space=[Integer("size", (8, 512), log=True), Integer("i", (-3, 300))])


def choices() -> ConfigurationSpace:
    """Values to choose from: bools, strings, ints, floats, and ordered ones."""
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
    """`decay` for adam only, `steps` and `power` for schedules, `power` for long ones only; and a constant."""
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
    """One config only."""
    return ConfigurationSpace(name="constant", space=[Constant("rate", 0.5), Constant("name", "a")])


SPACES: dict[str, Callable[[], ConfigurationSpace]] = {
    space.__name__: space for space in (continuous, integers, choices, conditional, constant)
}


def result(trial: Trial, score: float, status: str = "completed") -> Result:
    """What a tuner is told of a trial, with a curve of one point."""
    return Result(trial, score, {0: score}, [(trial.fidelity, score)], {}, Cost(trial.fidelity, 0.1), status)


def hashed(trial: Trial) -> Result:
    """An objective without structure: a number in [0, 1) that the config decides, a little better at higher fidelity."""
    noise = zlib.crc32(json.dumps(dict(trial.config), sort_keys=True).encode()) / 2**32
    return result(trial, noise + trial.fidelity / FIDELITY / 10)


def _diverging(trial: Trial) -> Result:
    return hashed(trial) if trial.id % 3 else result(trial, -1e4, "diverged")


def _failing(trial: Trial) -> Result:
    return hashed(trial) if trial.id % 3 else _failed(trial)


def _failed(trial: Trial) -> Result:
    """The worst score, and no curve."""
    return dataclasses.replace(result(trial, -1e4, "failed"), curve=[])


TROUBLES: dict[str, Objective] = {
    "trials that diverge": _diverging,
    "trials that fail": _failing,
    "nothing but failures": _failed,
    "equal scores": lambda trial: result(trial, 1.0),
}


def make(tuner: str | type, options: Mapping[str, Any], space: ConfigurationSpace, seed: int = 0) -> Any:
    """The tuner as a sweep makes it."""
    context = TunerContext(
        space=space, fidelity=FIDELITY, seed=seed, budget=BUDGET, mutable=frozenset(space), scores=("final",)
    )
    return tuners.make(tuner, context, options)


def play(tuner: Any, objective: Objective = hashed, batches: Sequence[int] = BATCHES) -> Iterator[list[Trial]]:
    """The batches that a tuner asks for; each is told before the next. It ends when the tuner is done."""
    for size in batches:
        trials = tuner.ask(size)
        if not trials:
            return
        yield trials
        tuner.tell([objective(trial) for trial in trials])


def _refuses(tuner: str | type, options: Mapping[str, Any], space: ConfigurationSpace) -> bool:
    """Whether the tuner says by an InputError that it can't tune the space, as it may where there is nothing to tune."""
    try:
        make(tuner, options, space)
    except InputError:
        return True
    return False


def _check_contract(tuner: str | type, options: Mapping[str, Any], kind: str, space: Callable) -> None:
    given = space()
    asked: dict[int, Trial] = {}
    made = make(tuner, options, given)
    for size, trials in zip(BATCHES, play(made), strict=False):
        _check_batch(trials, size, asked, space(), f"space {kind!r}")
        asked.update({trial.id: trial for trial in trials})
    assert asked, f"space {kind!r}: the tuner must ask for at least one trial"
    assert given == space(), f"space {kind!r}: the tuner must leave the space as it was"


def _check_batch(trials: Any, size: int, asked: Mapping[int, Trial], space: ConfigurationSpace, where: str) -> None:
    assert isinstance(trials, Sequence), f"{where}: ask must give a list, got {trials!r}"
    assert len(trials) <= size, f"{where}: ask({size}) must give at most {size} trials, got {len(trials)}"
    for trial in trials:
        assert isinstance(trial, Trial), f"{where}: ask must give hpo.Trial objects, got {trial!r}"
        assert type(trial.id) is int, f"{where}: id must be an int, got {trial.id!r}"
        _check_config(trial, space, f"{where}, trial {trial.id}")
        _check_fidelity(trial, asked, f"{where}, trial {trial.id}")
    ids = [trial.id for trial in trials]
    assert len({*ids, *asked}) == len(ids) + len(asked), f"{where}: each trial must have an id of its own, got {ids}"
    work = [(json.dumps(dict(trial.config)), trial.fidelity, trial.parent) for trial in trials]
    if any(isinstance(space[name], FloatHyperparameter) for name in space):  # else there may not be enough configs
        assert len(set(work)) == len(work), f"{where}: the trials of a batch must differ, got {work}"


def _check_config(trial: Trial, space: ConfigurationSpace, where: str) -> None:
    types = {name: type(value) for name, value in trial.config.items() if type(value) not in (bool, int, float, str)}
    assert not types, f"{where}: config must hold plain Python scalars (hpo.plain makes them so), got {types}"
    try:
        spaces.check(space, trial.config)
    except InputError as error:
        raise AssertionError(f"{where}: {error}") from error


def _check_fidelity(trial: Trial, asked: Mapping[int, Trial], where: str) -> None:
    assert type(trial.fidelity) is int, f"{where}: fidelity must be an int, got {trial.fidelity!r}"
    assert 1 <= trial.fidelity <= FIDELITY, f"{where}: fidelity must be in [1, {FIDELITY}], got {trial.fidelity}"
    assert trial.seeds is None or set(trial.seeds) <= {0}, f"{where}: seeds must be tuning seeds, got {trial.seeds}"
    if trial.parent is not None:
        assert trial.parent in asked, f"{where}: parent must be a finished trial, got {trial.parent!r}"
        below = asked[trial.parent].fidelity
        assert below < trial.fidelity, f"{where}: fidelity must exceed its parent's {below}, got {trial.fidelity}"


def _check_survives(tuner: str | type, options: Mapping[str, Any], name: str, objective: Objective) -> None:
    asked: dict[int, Trial] = {}
    try:
        for size, trials in zip(BATCHES, play(make(tuner, options, conditional()), objective), strict=False):
            _check_batch(trials, size, asked, conditional(), name)
            parents = [asked[trial.parent] for trial in trials if trial.parent is not None]
            failed = [parent.id for parent in parents if objective(parent).status == "failed"]
            assert not failed, f"{name}: parent must not be a trial that failed, got {failed[0]}"
            asked.update({trial.id: trial for trial in trials})
    except AssertionError:
        raise
    except Exception as error:
        raise AssertionError(f"{name}: the tuner must go on, got {type(error).__name__}: {error}") from error
    assert asked, f"{name}: the tuner must ask for at least one trial"


def _check_waits(tuner: str | type, options: Mapping[str, Any]) -> None:
    """A tuner that is asked again before it is told may give nothing, but it must not repeat itself or hang."""
    made = make(tuner, options, continuous())
    asked: dict[int, Trial] = {}
    for _ in range(3):
        trials = made.ask(2)
        _check_batch(trials, 2, asked, continuous(), "asked again before it is told")
        asked.update({trial.id: trial for trial in trials})
    made.tell([hashed(trial) for trial in asked.values()])
    made.ask(1)


def _check_resumes(tuner: str | type, options: Mapping[str, Any]) -> None:
    """A sweep that stops after any ask, its results lost, is asked the same by a new tuner while the old one lives."""
    whole = transcript(tuner, options)
    stopped = []
    for num in range(1, len(whole) + 1):
        batches = play(make(tuner, options, conditional(), seed=1))
        seen = [_as_json(next(batches, [])) for _ in range(num)]
        _check_same(whole[:num], seen, f"stopped and resumed after batch {num}")
        stopped.append(batches)


def transcript(tuner: str | type, options: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """The batches that a tuner asks for on the conditional space, as JSON has them."""
    return [_as_json(trials) for trials in play(make(tuner, options, conditional(), seed=1))]


def _as_json(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    return json.loads(json.dumps([as_dict(trial) for trial in trials]))


def _check_same(one: Sequence[list[Any]], other: Sequence[list[Any]], where: str) -> None:
    before, after = ([trial for trials in batches for trial in trials] for batches in (one, other))
    for a, b in zip(before, after, strict=False):
        assert repr(a) == repr(b), f"{where}: the tuner must ask the same, got {b}, not {a}"
    assert len(before) == len(after), (
        f"{where}: the tuner must ask the same, got {len(after)} trials, not {len(before)}"
    )
