"""What a user sees of the packages: names that are listed, and types that a checker knows."""

import importlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

GOOD = """
    from collections.abc import Sequence

    import envs
    import hpo
    import landscapes
    import pandas as pd
    from ConfigSpace import ConfigurationSpace
    from hpo import spaces

    class Mine:
        def __init__(self, space: ConfigurationSpace, fidelity: int, seed: int = 0) -> None:
            self.space, self.fidelity, self.seed = space, fidelity, seed
            self.results: list[hpo.Result] = []

        def ask(self, n: int) -> list[hpo.Trial]:
            return [hpo.Trial(i, spaces.sample(self.space, [self.seed, i]), self.fidelity) for i in range(n)]

        def tell(self, results: Sequence[hpo.Result]) -> None:
            self.results.extend(results)

    env: envs.VectorEnv = envs.vector.make("CartPole-v1")
    limit: int = envs.spec("CartPole-v1").episode_limit
    landscape = landscapes.load("ppo/CartPole-v1")
    scores: pd.DataFrame = landscape.query("score > 480", top=3)
    record: hpo.SweepRecord = hpo.load_sweep("first", store="results/store.sqlite")
    best: float = hpo.objective("table", landscape)([hpo.Trial(0, landscape.config(7), 100_000)])[0].score
    swept: hpo.SweepRecord = hpo.sweep("ppo/CartPole-v1", tuner="random", trials=64, seeds=4, score=["final", "auc"])
    summary: pd.DataFrame = hpo.compare(["sobol", Mine], ["ppo/CartPole-v1"], repeats=5, budget=16).summary
    task: hpo.Task = hpo.task("ppo/CartPole-v1", fidelity=1000)
    tuner: hpo.Tuner = Mine(task.space, task.fidelity)
"""

WRONG = """
    import envs, hpo, landscapes
    hpo.sweeep("ppo/CartPole-v1")  # has no attribute "sweeep"
    hpo.sweep("ppo/CartPole-v1", trails=8)  # Unexpected keyword argument "trails"
    hpo.sweep("ppo/CartPole-v1", trials="8")  # incompatible type "str"; expected "int | None"
    hpo.compare(["sobol"], ["ppo/CartPole-v1"], repeat=5)  # Unexpected keyword argument "repeat"
    hpo.objective("table", landscpe="ppo/CartPole-v1")  # Unexpected keyword argument "landscpe"
    hpo.Trial(0, {}, fidelty=100)  # Unexpected keyword argument "fidelty"
    hpo.Trial("0", {}, 100)  # incompatible type "str"; expected "int"
    hpo.task("ppo/CartPole-v1", prset="full")  # Unexpected keyword argument "prset"
    landscapes.load("ppo/CartPole-v1").query(were="score > 480")  # Unexpected keyword argument "were"
    landscapes.load("ppo/CartPole-v1").scors()  # has no attribute "scors"
    envs.spec("CartPole-v1").limit  # has no attribute "limit"
    hpo.load_sweep("first").trails  # has no attribute "trails"
"""


@pytest.mark.parametrize("package", ["hpo", "landscapes", "arl", "envs"])
def test_what_there_is_is_listed_and_there(package):
    module = importlib.import_module(package)
    assert dir(module) == sorted(module.__all__)
    for name in dir(module):
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match=f"{package}.* has no attribute 'sweeep'|No {package} attribute sweeep"):
        _ = module.sweeep


def test_help_lists_what_there_is():
    shown = subprocess.run(
        [sys.executable, "-c", "import pydoc, hpo; print(pydoc.plain(pydoc.render_doc(hpo)))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    for name in ("class Trial", "sweep(", "compare(", "load_sweep(", "class Schedule"):
        assert name in shown


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    """Return mypy's errors in two scripts of a user's, by the script's name."""
    directory = tmp_path_factory.mktemp("scripts")
    for name, script in {"good": GOOD, "wrong": WRONG}.items():
        (directory / f"{name}.py").write_text(textwrap.dedent(script))
    options = ["--config-file=", "--ignore-missing-imports", f"--cache-dir={ROOT / '.mypy_cache' / 'scripts'}"]
    command = [sys.executable, "-m", "mypy", *options, *directory.iterdir()]
    env = {**os.environ, "MYPYPATH": str(ROOT)}
    lines = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env).stdout.splitlines()
    return {
        name: [line for line in lines if f"{name}.py:" in line and ": error: " in line] for name in ("good", "wrong")
    }


def test_a_right_script_passes(errors):
    assert errors["good"] == []


def test_every_misspelt_name_and_wrong_type_is_an_error(errors):
    lines = [line for line in textwrap.dedent(WRONG).splitlines() if "#" in line]
    for line, error in zip(lines, errors["wrong"], strict=True):
        assert line.partition("# ")[2] in error
