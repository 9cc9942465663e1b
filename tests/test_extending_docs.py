"""The examples of docs/extending.md, and what it says of the registries."""

import re
import sys

import examples
import pytest

from arl import networks, scores
from arl.algorithms import registry as algorithms
from envs import registry as envs
from hpo import objectives, tasks
from hpo.tasks import registry as task_registry


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(scores.SCORES, "speed", scores.SCORES["auc"])  # the example replaces it
    yield tmp_path
    for module in ("gated", "poles"):
        sys.modules.pop(module, None)


def test_the_examples_run(folder):
    examples.run("extending.md", folder)
    assert len(list((folder / "results").glob("*"))) > 1, "the examples of trainings were run"


def test_the_rows_of_pqn_are_those_that_the_page_shows():
    page = (examples.ROOT / "docs" / "extending.md").read_text()
    rows = re.findall(r'`"(\w+)": "([\w.]+)"` \| `(\w+)`', page)
    registries = {"ALGORITHMS": algorithms.ALGORITHMS, "MODULES": task_registry.MODULES}
    assert rows == [("pqn", registries[name]["pqn"], name) for name in registries]


def test_the_contract_of_an_algorithm_is_complete():
    page = (examples.ROOT / "docs" / "extending.md").read_text()
    table = page.split("### The equations")[1].split("Four rules")[0]
    assert tuple(re.findall(r"^\| `(\w+)", table, flags=re.MULTILINE)) == algorithms.MEMBERS


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        (networks.NETWORKS, "mlp"),
        (envs.LIBRARIES, "gymnax"),
        (objectives.OBJECTIVES, "training"),
        (scores.SCORES, "auc"),
    ],
)
def test_the_registries_are_those_it_names(registry, name):
    assert name in registry


def test_an_env_without_a_row_is_a_task():
    assert tasks.get("pqn/MountainCar-v0").fidelity > 0
