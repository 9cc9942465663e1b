"""Progress of sweeps and comparisons that are begun from Python: bars in notebooks and on terminals."""

import re
import sys

import notebooks
import pytest

from hpo import progress
from hpo.comparisons import progress as comparisons

SWEEP = "hpo.sweep('ppo/CartPole-v1', 'random', trials={}, seeds=2, objective='table', name='first')"
COMPARE = "hpo.compare(['tpe'], ['ppo/CartPole-v1'], repeats=1, budget=2, objective='table').summary"


def test_a_notebook_shows_a_bar_and_the_result(tmp_path):
    _, sweep, comparison = notebooks.execute(["import hpo", SWEEP.format(16), COMPARE], tmp_path)
    assert "sweep first: ppo/CartPole-v1 (published space), tuner random, 16 trials x 2 seeds" in sweep[0]
    assert re.fullmatch(
        r'<progress value="1" max="1"></progress> 16/16 trials · incumbent [\d.]+ \(trial \d+\) · .*s', sweep[1]
    )
    assert "<table" in sweep[2]
    assert len(sweep) == 3, "the bar is replaced, not repeated"
    assert len(comparison) == 2, "no warning of a library's"
    assert re.fullmatch(
        r'<progress value="4" max="4"></progress> 4 sweeps; \d incumbents? under test seeds, .*', comparison[0]
    )


INTERRUPTED = """
class Interrupted(hpo.View):
    def segment(self, progress):
        if progress.env_steps >= 2.5 * tiny.FIDELITY:
            os.kill(os.getpid(), signal.SIGINT)

try:
    hpo.sweep(tiny.task(), trials=4, batch=1, name="first", view=Interrupted())
except KeyboardInterrupt:
    print("kept", *hpo.load_sweep("first").records)
"""


def test_an_interrupted_cell_keeps_its_trials_and_the_same_call_goes_on(tmp_path):
    again = "hpo.sweep(tiny.task(), trials=4, batch=1, name='first')"
    _, interrupted, finished = notebooks.execute(["import hpo, os, signal, tiny", INTERRUPTED, again], tmp_path)
    assert interrupted == ["kept 0 1\n"]
    assert "2 trials on record already" in finished[0]
    assert "4/4 trials" in finished[1]
    assert "4 trials x 1 seed" in finished[2]


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_script_shows_a_bar_on_a_terminal_only(monkeypatch, is_terminal):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    assert type(progress.default()) is (progress.SweepView if is_terminal else progress.View)
    assert type(comparisons.default()) is (comparisons.ComparisonView if is_terminal else comparisons.View)
