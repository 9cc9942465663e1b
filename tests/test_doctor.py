"""`arl doctor`: what it prints and returns follows from the checks of the canary."""

import json

import pytest
import typer.testing

from arl.training import canary
from hpo.cli.main import app

RIGHT, REDUCED, WRONG = (canary.Check("network", 64, error) for error in (1e-7, 1e-3, 0.5))


@pytest.fixture
def doctor(monkeypatch):
    """Return a function that runs `arl doctor` with some checks in place of the canary's."""

    def doctor(checks, *options):
        monkeypatch.setattr(canary, "checks", lambda: iter(checks))
        return typer.testing.CliRunner().invoke(app, ["doctor", *options])

    return doctor


@pytest.mark.parametrize(
    ("checks", "meaning", "status"),
    [
        ([RIGHT], "All pieces are those of float32.", 0),
        ([REDUCED, RIGHT], "Matrix products are in reduced precision", 0),
        ([RIGHT, WRONG, REDUCED], "Numbers of this machine are wrong", 1),
    ],
)
def test_the_worst_check_decides(doctor, checks, meaning, status):
    run = doctor(checks)
    assert meaning in run.output
    assert run.exit_code == status
    for check in checks:
        assert check.verdict in run.output


def test_it_says_with_what_runs_are_trained(doctor):
    document = json.loads(doctor([RIGHT], "--json").stdout)
    assert document["made_with"]["dtype"] == "float32"
    assert {"jax", "python", "device", "num_workers"} <= document["made_with"].keys()
    assert document["checks"] == [{"piece": "network", "size": 64, "error": 1e-7, "verdict": "float32"}]
    assert document["verdict"] == "float32"
