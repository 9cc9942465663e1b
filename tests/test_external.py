"""Tuner processes: what goes over the pipe, and the error of one line for every breach of the protocol."""

import math
import re
import sys
import time
from pathlib import Path

import pytest

from arl import spaces
from arl.errors import InputError
from hpo import testing
from hpo.trial import Trial
from hpo.tuners.external import External

RANDOM_SEARCH = [sys.executable, str(Path(__file__).parent.parent / "docs" / "examples" / "random_search.py")]
LOOP = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    kind = message["type"]
    {body}
"""


def made(body, timeout=20.0, start=""):
    """Return a tuner whose process runs `body` for every message, which has a `kind`."""
    code = start + LOOP.format(body=body.replace("\n", "\n    "))
    return External(testing.continuous(), 900, 3, 8.0, command=[sys.executable, "-c", code], timeout=timeout)


def answer(reply):
    return f'print(json.dumps({reply!r} if kind == "ask" else {{}}), flush=True)'


def test_random_search_asks_for_the_same_trials_as_in_process():
    options = {"command": RANDOM_SEARCH}
    assert testing.transcript("external", options) == testing.transcript("random", {})


def test_the_command_may_be_one_string():
    tuner = External(testing.continuous(), 900, command=" ".join(RANDOM_SEARCH))
    assert [trial.id for trial in tuner.ask(2)] == [0, 1]


def test_all_but_the_config_may_be_left_out():
    tuner = made(answer({"trials": [{"config": {"x": 0.5}}, {"config": {"x": 0.1}, "fidelity": 30, "seeds": [0]}]}))
    assert tuner.ask(2) == [Trial(0, {"x": 0.5}, 900), Trial(1, {"x": 0.1}, 30, seeds=(0,))]
    assert tuner.ask(1)[0].id == 2


def test_it_is_told_all_of_a_result_in_plain_json(tmp_path):
    file = tmp_path / "messages"
    tuner = made(f"open({str(file)!r}, 'a').write(line)\nprint('{{}}', flush=True)".replace("{{}}", "{}"))
    tuner.tell([testing.result(Trial(0, {"x": 0.5, "rate": 0.01}, 900), math.nan, "failed")])
    hello, tell = file.read_text().splitlines()
    assert '"fidelity": 900, "seed": 3, "budget": 8.0' in hello
    assert '"name": "rate"' in hello
    assert '"mutable": null, "min_fidelity": 1, "min_interval": 1, "scores": [], "seeds": [0]' in hello
    assert tell == (
        '{"type": "tell", "results": [{"id": 0, "config": {"x": 0.5, "rate": 0.01}, "fidelity": 900, "parent": null, '
        '"seeds": null, "network_seed": 0, "score": null, "seed_scores": {"0": null, "1": null, "2": null, "3": null}, '
        '"curve": [[900, null]], "metrics": {}, "cost": {"env_steps": 900, "seconds": 0.1}, "status": "failed"}]}'
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("sys.exit(3)", "must answer hello, but it ended with status 3"),
        (
            'print("Loading model...", flush=True)',
            "must answer hello with one line that is a JSON object, got 'Loading model",
        ),
        ("print([1], flush=True)", "must answer hello with one line that is a JSON object"),
        ('print(json.dumps({"error": "no licence"}), flush=True)', "says: 'no licence'"),
        ("sys.stdout.buffer.write(bytes([255, 254, 10])); sys.stdout.flush()", "one line that is a JSON object"),
    ],
)
def test_a_bad_start_is_one_line(body, message):
    with pytest.raises(InputError, match=message) as caught:
        made(body)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ({}, "must answer ask with a list of trials, got '{}'"),
        ({"trials": [3]}, "must give trials as objects of config, fidelity, id, network_seed, parent, seeds, got '3'"),
        ({"trials": [{"id": 3}]}, "must give trials as objects"),
        ({"trials": [{"config": {}, "budget": 3}]}, "must give trials as objects"),
    ],
)
def test_trials_of_another_form_are_refused(reply, message):
    tuner = made(answer(reply))
    with pytest.raises(InputError, match=message):
        tuner.ask(1)
    with pytest.raises(InputError, match="has ended"):
        tuner.ask(1)


def test_a_process_that_dies_is_named_with_its_status():
    tuner = made('sys.exit(7) if kind == "tell" else print(json.dumps({"trials": []}), flush=True)')
    assert tuner.ask(1) == []
    with pytest.raises(InputError, match="must answer tell, but it ended with status 7"):
        tuner.tell([])


def test_a_process_that_hangs_is_ended():
    tuner = made('time.sleep(60) if kind == "ask" else print("{}", flush=True)', timeout=1.0, start="import time")
    started = time.monotonic()
    with pytest.raises(InputError, match="must answer ask within 1 s, got nothing"):
        tuner.ask(1)
    assert tuner.process.poll() is not None
    assert time.monotonic() - started < 10


def test_a_process_that_does_not_read_is_ended():
    tuner = made('print("{}", flush=True); time.sleep(60)', timeout=1.0, start="import time")
    many = [testing.result(Trial(i, {"x": 0.5}, 900), 0.0) for i in range(5000)]
    with pytest.raises(InputError, match="must answer tell within 1 s"):
        tuner.tell(many)
    assert tuner.process.poll() is not None


def test_a_tuner_that_is_dropped_ends_its_process():
    tuner = External(testing.continuous(), 900, command=RANDOM_SEARCH)
    process = tuner.process
    del tuner
    assert process.wait(10) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "command must be that of a tuner process, e.g. 'python mine.py', got ''"),
        (
            {"command": "no-such-program --fast"},
            "tuner process 'no-such-program --fast' does not start: .*No such file",
        ),
        ({"command": 3}, "command must be"),
        ({"command": "cat", "timeout": 0}, "timeout must be a positive number of seconds, got 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        External(testing.continuous(), 900, **options)


def test_the_process_of_the_docs_keeps_its_promise(tmp_path):
    docs = (Path(__file__).parent.parent / "docs" / "tuners.md").read_text()
    (code,) = re.findall(r"```python\n(# process.py.*?)```", docs, flags=re.DOTALL)
    (tmp_path / "mine.py").write_text(code)
    tuner = External(testing.continuous(), 900, command=[sys.executable, str(tmp_path / "mine.py")])
    trials = tuner.ask(3)
    for trial in trials:
        spaces.check(testing.continuous(), trial.config)
    tuner.tell([testing.result(trial, 1.0) for trial in trials])
