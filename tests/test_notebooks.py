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


INTERRUPTED = [
    """
import os, signal, threading
import hpo, tiny

hears = threading.Event()

class Ears(hpo.Logger):
    def on_trial(self, trial):
        hears.set()

def interrupt():
    hears.wait()
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
""",
    "straight = hpo.sweep(tiny.task(), trials=6, batch=1, name='straight').trials.score",
    "hpo.sweep(tiny.task(), trials=6, batch=1, name='cut', log=Ears)",
    "num = len(hpo.load_sweep('cut').trials); num",
    "assert hpo.sweep(tiny.task(), trials=6, batch=1, name='cut').trials.score.equals(straight)",
]


def test_a_cell_that_is_interrupted_keeps_its_trials(tmp_path):
    _, _, cut, (kept,), again = notebooks.execute(INTERRUPTED, tmp_path, allow_errors=True)
    assert cut[-1] == "interrupted: finished trials are kept; the same call goes on from here"
    assert 1 <= int(kept) < 6
    assert "6/6 trials" in again[-1]
