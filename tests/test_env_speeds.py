"""Env steps per second of environments: measured here, and listed from then on."""

import platform

import pytest
from test_cli import arl

from hpo.cli import env_speeds, listings


@pytest.fixture(autouse=True)
def file(tmp_path, monkeypatch):
    monkeypatch.setattr(env_speeds, "path", lambda: tmp_path / "new" / "env_speeds.json")
    monkeypatch.setattr(env_speeds, "LEAST_SECONDS", 1e-9)
    return env_speeds.path()


def listed(name):
    (row,) = (row for row in listings.rows("envs", None) if row["env"] == name)
    return row["steps/s here"]


def test_a_speed_is_listed_on_the_machine_where_it_was_measured(monkeypatch):
    assert listed("ProbeConstant") is None
    constant, observed = listings.measured_envs(["ProbeC*t", "ProbeObserved", "ProbeConstant"])
    assert (constant["env"], observed["env"]) == ("ProbeConstant", "ProbeObserved")
    assert listed("ProbeConstant") == constant["steps/s here"] > 1000
    assert listed("ProbeDelayed") is None
    monkeypatch.setattr(platform, "node", lambda: "elsewhere")
    assert listed("ProbeConstant") is None


def test_an_env_that_is_not_registered_is_measured_as_well():
    (row,) = listings.measured_envs(["gymnax/Catch-bsuite"])
    assert (row["env"], row["family"]) == ("gymnax/Catch-bsuite", "bsuite")
    assert row["steps/s here"] > 1000


def test_a_damaged_file_is_measured_anew(file):
    file.parent.mkdir()
    file.write_text("{")
    assert listed("ProbeConstant") is None
    listings.measured_envs(["ProbeConstant"])
    assert listed("ProbeConstant") > 1000


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("list tasks --measure ProbeConstant", "--measure must be for a listing of envs, got 'tasks'"),
        ("list envs --measure CartPol-v1", "unknown environment 'CartPol-v1': did you mean 'CartPole-v1'"),
    ],
)
def test_what_can_not_be_measured_is_refused_in_one_line(tmp_path, line, error):
    done = arl(tmp_path, *line.split())
    assert (done.status, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert error in done.err
    assert list(tmp_path.iterdir()) == []
