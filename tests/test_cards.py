"""What a landscape says of itself, to people and to other programs."""

import json
import math
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from test_dataset import records, written  # noqa: F401

from landscapes import accuracy, cards, columns, croissant, dataset, surrogate
from landscapes.accuracy import Accuracy


@pytest.fixture
def landscape(tmp_path, records):  # noqa: F811
    return written(tmp_path / "dqn-CartPole-v1", records)


def test_the_card(landscape, monkeypatch):
    figures = Accuracy(0.71234, 0.87654, 0.41234, -5.678, 12.34)
    nearest = Accuracy(0.1, 0.3, math.nan, 0.25, 99.0)
    monkeypatch.setattr(surrogate.Surrogate, "accuracy", lambda self: {"final": figures, "auc": figures})
    monkeypatch.setattr(surrogate.Surrogate, "accuracy_of_nearest", lambda self: {"final": nearest, "auc": nearest})
    cards.write(landscape)
    card = (landscape.directory / "README.md").read_text()
    assert card.startswith("---\nlicense: cc-by-4.0\n")
    for text in (
        "12 configs x 3 seeds x 10 points x 128 episodes: 36 runs of dqn on CartPole-v1",
        "- 12 configs of the planned 256 and the default.\n- 3 of the planned 10 seeds.\n",
        "- 1 of 36 runs is `diverged`",
        "- 1 of 36 runs is `failed`",
        "in returns between 0 and 500.",
        "| `final` | `surrogate` | 0.71 | 0.88 | 0.41 | -5.68 | 12.3 |",
        "| `auc` | `table` | 0.10 | 0.30 | - | +0.25 | 99 |",
        "chosen under half of the seeds and measured under the others",
        "| `learning_rate` | double | hyperparameter in [1e-06, 0.1] (log) |",
        "; null unless use_target_network is True |",
        "| `q_loss` | float | loss of the action values, mean over the training since the evaluation before |",
        "| device | cpu |",
        ", huber_delta 1e9, ",
    ):
        assert text in card
    for name in columns.ROWS:
        for column in pq.read_schema(landscape.directory / f"{name}.parquet").names:
            assert f"| `{column}` |" in card.partition(f"### {name}.parquet")[2]


def test_how_well_a_surrogate_predicts_it(landscape, monkeypatch):
    cards.write(landscape)
    assert "Not measured: there are too few configs." in (landscape.directory / "README.md").read_text()
    monkeypatch.setattr(accuracy, "MIN_CONFIGS", 12)
    cards.write(landscape)
    assert re.search(r"\| `auc` \| `surrogate` \| -?\d\.\d\d \|", (landscape.directory / "README.md").read_text())


def test_cards_are_the_same_when_made_again_and_not_under_checksum(landscape):
    files = [landscape.directory / name for name in ("README.md", "croissant.json")]
    cards.write(landscape)
    before = [path.read_bytes() for path in files]
    cards.write(dataset.read(landscape.directory))
    assert [path.read_bytes() for path in files] == before
    files[0].write_text("changed")
    landscape.verify()


def test_croissant_names_every_file_and_column(landscape):
    document = croissant.metadata(landscape)
    assert {file["@id"]: file["sha256"] for file in document["distribution"]} == landscape.metadata["files"]
    for table in document["recordSet"]:
        fields = [field["source"] for field in table["field"]]
        schema = pq.read_schema(landscape.directory / f"{table['name']}.parquet")
        assert [field["extract"]["column"] for field in fields] == schema.names
        assert {field["fileObject"]["@id"] for field in fields} == {f"{table['name']}.parquet"}
        assert {key["@id"] for key in table["key"]} <= {field["@id"] for field in table["field"]}


@pytest.mark.slow
def test_croissant_is_valid_and_reads_the_records(landscape):
    croissant = pytest.importorskip("mlcroissant")
    cards.write(landscape)
    parsed = croissant.Dataset(jsonld=landscape.directory / "croissant.json")
    assert not parsed.metadata.ctx.issues.errors
    assert len(list(parsed.records("runs"))) == 36


@pytest.mark.slow
def test_landscapes_are_in_the_wheel(tmp_path, landscape):
    root = Path(__file__).parents[1]
    listed = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split(
        "\n"
    )
    for name in filter(None, listed):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, tmp_path / "tree" / name)
    shutil.copytree(landscape.directory, tmp_path / "tree" / "landscapes" / "data" / "tiny")
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, tmp_path / "tree"]
    subprocess.run(build, check=True)
    (wheel,) = tmp_path.glob("arl-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {f"landscapes/data/tiny/{file}" for file in ("landscape.json", *landscape.metadata["files"])} <= set(names)
    assert "landscapes/templates/card.md" in names
    typed = {
        f"{package}/{file}" for package in ("arl", "envs", "hpo", "landscapes") for file in ("py.typed", "__init__.pyi")
    }
    assert typed <= set(names)
    assert wheel.stat().st_size < 50 * 2**20


def test_the_front_matter_is_yaml(landscape):
    import yaml

    cards.write(landscape)
    front = yaml.safe_load((landscape.directory / "README.md").read_text().split("---\n")[1])
    assert front["license"] == "cc-by-4.0"
    assert [config["config_name"] for config in front["configs"]] == list(columns.ROWS)
    assert json.loads((landscape.directory / "croissant.json").read_text())["name"] == "dqn-CartPole-v1"
