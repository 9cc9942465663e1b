"""Functions with known optima, which stand in for training: a space, a score of a config, and the best score."""

import json
import math
import zlib

from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

from hpo import testing, tuners
from hpo.trial import TunerContext

FIDELITY = 900


def parabola_space():
    return ConfigurationSpace(
        space=[
            Float("rate", (1e-6, 1e-1), log=True),
            Float("x", (-1.0, 1.0)),
            Float("y", (0.0, 1.0)),
            Integer("k", (1, 20)),
        ]
    )


def parabola(config):
    """Return a score that is best at rate 1e-3, x -0.4, y 0.7, k 12, where it is 0."""
    rate, k = (math.log10(config["rate"]) + 3) / 5, (config["k"] - 12) / 20
    return -(rate**2 + (config["x"] / 2 + 0.2) ** 2 + (config["y"] - 0.7) ** 2 + k**2)


def branin_space():
    return ConfigurationSpace(space=[Float("a", (-5.0, 10.0)), Float("b", (0.0, 15.0))])


def branin(config):
    """Return Branin's function (Dixon & Szegö 1978), negated: best at three points, where it is -0.397887."""
    a, b = config["a"], config["b"]
    bowl = (b - 5.1 / (4 * math.pi**2) * a**2 + 5 / math.pi * a - 6) ** 2
    return -(bowl + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10)


def conditional_space():
    kind = Categorical("kind", ["plain", "momentum", "adaptive"])
    momentum, decay, slow = (
        Float("momentum", (0.0, 1.0)),
        Float("decay", (1e-4, 1.0), log=True),
        Float("slow", (0.0, 1.0)),
    )
    space = ConfigurationSpace(space=[Float("rate", (1e-6, 1e-1), log=True), kind, momentum, decay, slow])
    space.add([EqualsCondition(momentum, kind, "momentum")])
    space.add([EqualsCondition(child, kind, "adaptive") for child in (decay, slow)])
    return space


def conditional(config):
    """Return a score that is best for the adaptive kind at rate 1e-3, decay 0.1, slow 0.2, where it is 0."""
    score = -((math.log10(config["rate"]) + 3) ** 2) / 4
    if config["kind"] == "adaptive":
        return score - (math.log10(config["decay"]) + 1) ** 2 / 4 - (config["slow"] - 0.2) ** 2
    return score - 0.3 - ((config["momentum"] - 0.9) ** 2 if config["kind"] == "momentum" else 0.2)


def step_space():
    return ConfigurationSpace(space=[Float(f"x{i}", (0.0, 1.0)) for i in range(5)])


def step(config):
    """Return how many of five values lie in the upper third; best is 5."""
    return float(sum(value > 2 / 3 for value in config.values()))


def noise(config):
    """Return a number in [-1, 1) that the config decides."""
    return zlib.crc32(json.dumps(dict(config)).encode()) / 2**31 - 1


FUNCTIONS = {
    "parabola": (parabola_space, parabola, 0.0),
    "branin": (branin_space, branin, 0.0),
    "conditional": (conditional_space, conditional, 0.0),
    "noisy step": (step_space, step, 0.5),
}


def best(tuner, function, seed, budget=48, batch=4, **options):
    """Return the score, without noise, of the config that scored best at the full fidelity within a budget of full runs."""
    space, true, scale = FUNCTIONS[function]
    context = TunerContext(space=space(), fidelity=FIDELITY, seed=seed, budget=float(budget))
    made, asked, spent = tuners.make(tuner, context, options), {}, 0.0
    full_runs = []
    while spent < budget and (trials := made.ask(batch)):
        results = []
        for trial in trials:
            asked[trial.id] = trial
            start = asked[trial.parent].fidelity if trial.parent is not None else 0
            spent += (trial.fidelity - start) / FIDELITY
            if spent > budget + 1e-9:
                break
            lack = 1 - trial.fidelity / FIDELITY
            score = true(trial.config) + scale * noise(trial.config) - 0.1 * lack * (1 + noise(trial.config))
            results.append(testing.result(trial, score))
            full_runs += [(score, true(trial.config))] if trial.fidelity == FIDELITY else []
        made.tell(results)
    return max(full_runs)[1]
