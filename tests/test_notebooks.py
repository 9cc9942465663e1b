"""The notebooks of the documents are executed, cell by cell."""

import notebooks
import pytest

FOLDER = notebooks.ROOT / "docs" / "notebooks"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("landscapes", ["<Landscape ppo/CartPole-v1", "ent_coef", "hyperparameter", "vega", "<svg"]),
        ("agents", ["[('ppo', 'CartPole-v1', 0, ", "<svg", "0", "seed 1"]),
    ],
)
def test_a_notebook_runs(tmp_path, name, shown):
    outputs = notebooks.execute(FOLDER / f"{name}.ipynb", tmp_path)
    assert len(outputs) == len(shown)
    for parts, expected in zip(outputs, shown, strict=True):
        assert expected in parts[-1]


def test_every_notebook_is_executed_and_stored_without_outputs():
    files = sorted(FOLDER.glob("*.ipynb"))
    assert [file.stem for file in files] == ["agents", "landscapes"]
    assert not any('"output_type"' in file.read_text() for file in files)
