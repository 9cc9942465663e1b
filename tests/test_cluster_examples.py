"""Examples of clusters: scripts are run with stand-ins of ssh and Slurm's programs, and the commands of a manifest."""

import os
import subprocess
import sys
from pathlib import Path

import dask
import pytest
import typer
import yaml
from test_cluster_faults import free_port, start  # noqa: F401

import hpo
from hpo.cli import main
from hpo.cluster import connection

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
BIN = Path(sys.executable).parent
CHEAPER = ("ppo/Acrobot-v1 --tuner asha", "ppo/ProbeMatching --tuner asha --fidelity 4000 --seeds 1 --cluster-wait 120")
STAND_INS = {
    "srun": 'while [[ $1 == --* ]]; do shift; done\nexec "$@"',
    "ssh": 'shift\nexec bash -c "$*"',
    "hostname": "echo 127.0.0.1",
}


def manifest():
    """Return the documents of the manifest by name, and the containers among them."""
    documents = list(yaml.safe_load_all((EXAMPLES / "kubernetes.yaml").read_text()))
    templates = [document["spec"]["template"] for document in documents if "template" in document["spec"]]
    containers = [container for template in templates for container in template["spec"]["containers"]]
    return documents, {container["name"]: container for container in containers}


def test_the_parts_of_the_manifest_find_each_other():
    documents, containers = manifest()
    kinds = [document["kind"] for document in documents]
    assert kinds == ["Deployment", "Service", "Deployment", "Job"]
    for deployment in (documents[0], documents[2]):
        assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    service = documents[1]
    assert service["spec"]["selector"] == documents[0]["spec"]["template"]["metadata"]["labels"]
    address = f"tcp://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}"
    assert address in containers["worker"]["command"]
    assert f"--cluster={address}" in containers["driver"]["command"]


def test_the_scheduler_of_the_manifest_is_set_as_a_driver_sets_its_own():
    _, containers = manifest()
    given = {variable["name"]: variable["value"] for variable in containers["scheduler"]["env"]}
    settings = dask.config.collect_env(given)
    for name in ("scheduler.allowed-failures", "scheduler.worker-saturation", "admin.low-level-log-length"):
        assert dask.config.get(f"distributed.{name}", config=settings) == connection.CONFIG[f"distributed.{name}"]


@pytest.mark.parametrize("name", ["worker", "driver"])
def test_the_commands_of_the_manifest_are_understood(name):
    program, command, *words = manifest()[1][name]["command"]
    assert program == "arl"
    app = typer.main.get_command(main.app)
    app.commands[command].make_context(command, words)


@pytest.mark.slow
def test_the_commands_of_the_manifest_run(tmp_path, start):  # noqa: F811
    port = free_port()
    commands = {
        name: [word.replace("arl-scheduler:8786", f"127.0.0.1:{port}") for word in container["command"]]
        for name, container in manifest()[1].items()
    }
    cheaper = {"8786": str(port), "ppo/Acrobot-v1": "ppo/ProbeMatching", "--budget=64": "--budget=1"}
    commands = {name: [cheaper.get(word, word) for word in words] for name, words in commands.items()}
    start(*commands["scheduler"])
    start(*commands["worker"])
    driver = start(*commands["driver"], "--fidelity", 4000, "--seeds", 1, ARL_STORE=str(tmp_path / "store.sqlite"))
    said, _ = driver.communicate(timeout=240)
    assert driver.returncode == 0, said
    assert len(hpo.load_sweep("acrobot", tmp_path / "store.sqlite").records) > 0


@pytest.fixture
def stand_ins(tmp_path):
    """Return the environment in which programs stand in for those of other machines."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, lines in STAND_INS.items():
        (folder / name).write_text(f"#!/bin/bash\n{lines}\n")
        (folder / name).chmod(0o755)
    return {**os.environ, "PATH": os.pathsep.join([str(folder), str(BIN), os.environ["PATH"]])}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "words", "budget"), [("slurm.sh", (), 256), ("ssh.sh", ("127.0.0.1", "one"), 64)], ids=["slurm", "ssh"]
)
def test_scripts_run_a_sweep_with_workers(tmp_path, stand_ins, name, words, budget):
    text = (EXAMPLES / name).read_text()
    assert text.count(CHEAPER[0]) == 1
    script = tmp_path / name
    script.write_text(text.replace(*CHEAPER).replace(f"--budget {budget} ", "--budget 1 "))
    done = subprocess.run(
        ["bash", script, *words], cwd=tmp_path, env=stand_ins, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert "the scheduler has ended" in done.stdout
    assert len(hpo.load_sweep("acrobot", tmp_path / "results" / "store.sqlite").records) > 0
    assert not (tmp_path / "run" / "scheduler.json").exists()
