"""Every code block of the README and of the documents is executed, by a test here or by one that `ELSEWHERE` names.

What trains for minutes as it stands is made cheaper first; each text to be replaced must be there.
"""

import sys

import examples
import pytest

from arl.scores import SCORES

ELSEWHERE = {
    "cluster.md": "test_cluster.py",
    "dashboard.md": "test_dashboard.py",
    "environments.md": "test_environment_docs.py",
    "extending.md": "test_extending_docs.py",
    "loggers.md": "test_loggers.py",
    "spaces.md": "test_own_spaces.py",
    "sweeps.md": "test_sweeps_docs.py",
}

# By document: texts, and what is run in their place.
CHEAPER = {
    "README.md": {
        "--trials 64 --seeds 4 --name first": "--trials 4 --seeds 2 --fidelity 2048 --name first",
        "--tuner mytuner.py:Mine --trials 32": "--tuner mytuner.py:Mine --trials 2 --fidelity 8192",
        "--from first --seeds 10": "--from first --seeds 2",
        "--set learning_rate=1e-3 --seeds 10": "--set learning_rate=1e-3 --seeds 2 --fidelity 2000",
        "smac,pbt,mytuner.py:Mine --tasks ppo/CartPole-v1,ppo/Acrobot-v1 --repeats 10 --budget 32": (
            "smac,mytuner.py:Mine --tasks ppo/CartPole-v1,dqn/CartPole-v1 --repeats 2 --budget 2 --objective table"
        ),
        'tuner="random", trials=64, seeds=4)': 'tuner="random", trials=64, seeds=4, objective="table")',
        "repeats=5, budget=16)": 'repeats=2, budget=2, objective="table")',
        "--configs 256 --seeds 10": "--configs 1 --seeds 2 --fidelity 2048",
        "arl reproduce ppo/CartPole-v1 --trial 12": "",  # whether the bits are the same depends on the machine
    },
    "compare.md": {
        "ppo/Acrobot-v1,dqn/CartPole-v1 --repeats 10 --budget 32": "dqn/CartPole-v1 --repeats 2 --budget 2 --objective table",
        # hours of training
        **dict.fromkeys(examples.blocks("compare.md")[1:], ""),
    },
    "hydra.md": {
        "python launch.py --multirun tuner=sobol,tpe tuner_seed=0,1": "python launch.py --multirun tuner=sobol,tpe",
        # a cluster
        "python launch.py --multirun hydra/launcher=submitit_slurm 'tuner_seed=range(8)'": "",
    },
    "landscapes-analysis.md": {},
    "landscapes.md": {
        "--configs 256 --seeds 10": "--configs 1 --seeds 1 --fidelity 2048",
        "--space full --configs 64 --seeds 3": "--space full --configs 1 --seeds 1 --fidelity 2000",
        "--fidelity 25000 --seeds 4": "--fidelity 2500 --configs 1 --seeds 1",
        # the files of other benchmarks
        "arl landscape import arlbench cc_cartpole_ppo.csv": "",
        "arl landscape import hporlbench FOLDER": "",
        "--tuner smac --trials 64": "--tuner smac --trials 8",
        "--tuners tpe,dehb --tasks ppo/CartPole-v1": "--tuners tpe,dehb --tasks ppo/CartPole-v1 --repeats 2 --budget 4",
    },
    "objectives.md": {},
    "publishing.md": {},
    "schedules.md": {
        "--seeds 10": "--seeds 2 --fidelity 6000",
        "num_intervals=10": "num_intervals=2, fidelity=2048",
    },
    "scores.md": {"--tuner nsga2 --trials 64": "--tuner nsga2 --trials 4 --fidelity 20000"},
    "tuners.md": {
        "import nevergrad as ng\n": "",  # test_wrappers.py brings it where it is installed
        "--tuner racing --seeds 4 --budget 8 ": "--tuner racing --seeds 4 --budget 8 --objective table ",
        "-o tuner=tpe --seeds 4 --budget 32": "-o tuner=tpe --seeds 4 --budget 32 --objective table",
        "--repeats 120": "--repeats 2",
        '"pb2", budget=8)': '"pb2", budget=2, fidelity=10_000)',
    },
}


DOCUMENTS = sorted((examples.ROOT / "docs").glob("*.md"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return the current folder, with the files that documents speak of."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setenv("ARL_LANDSCAPE_STORE", str(tmp_path / "landscapes.sqlite"))
    monkeypatch.delenv("ARL_STORE", raising=False)
    monkeypatch.setitem(SCORES, "speed", SCORES["auc"])
    (tmp_path / "schedule.json").write_text('{"learning_rate": [1e-3, 1e-4]}')
    examples.write_files("README.md", tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("document", CHEAPER)
def test_the_examples_run(document, folder):
    examples.run(document, folder, CHEAPER[document])


def test_every_document_with_examples_has_a_test():
    languages = {path: {block[1] for block in examples.BLOCK.finditer(path.read_text())} for path in DOCUMENTS}
    documents = [path for path, used in languages.items() if used - {"text"}]
    assert {path.name for path in documents} | {"README.md"} <= set(CHEAPER) | set(ELSEWHERE)
    for document, test in ELSEWHERE.items():
        assert f'"{document}"' in (examples.ROOT / "tests" / test).read_text()
