"""A tuner that is another process, in any language: JSON lines on its standard input and output.

One line goes in, one line comes out:

    {"type": "hello", "protocol": 1, "space": ..., "fidelity": 99840, "seed": 0, "budget": 32.0, ...}    ->  {}
    {"type": "ask", "n": 4}    ->  {"trials": [{"config": {"learning_rate": 0.001}}, ...]}
    {"type": "tell", "results": [{"id": 0, "score": 93.5, ...}, ...]}    ->  {}
    {"type": "warm_start", "results": [{"id": -1, "score": 81.0, ...}, ...]}    ->  {}

`docs/tuners.md` lists the fields. A reply `{"error": "..."}` ends the sweep with that text. Standard error is passed
through. The end of input asks the process to end.
"""

import contextlib
import dataclasses
import json
import math
import os
import queue
import shlex
import signal
import subprocess
import threading
import weakref
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ConfigSpace import ConfigurationSpace

from arl.errors import InputError
from hpo.trial import Result, Trial, as_dict

PROTOCOL = 1
LONGEST_LINE = 1 << 26


class External:
    """A tuner process.

    Args:
        space, fidelity, seed, budget, mutable, min_fidelity, min_interval, scores, seeds: see `TunerContext`; the process is
            told all of them.
        command: the program and its arguments, as a list or as a shell would split it.
        timeout: seconds within which each reply must come.

    Raises:
        InputError: the process does not start, dies, is late or breaks the protocol; it is then ended.
    """

    def __init__(
        self,
        space: ConfigurationSpace,
        fidelity: int,
        seed: int = 0,
        budget: float = 100.0,
        mutable: Collection[str] | None = None,
        min_fidelity: int = 1,
        min_interval: int = 1,
        scores: Sequence[str] = (),
        seeds: Sequence[int] = (0,),
        command: str | Sequence[str] = "",
        timeout: float = 60.0,
    ):
        if not command or not isinstance(command, str | Sequence):
            raise InputError(f"command must be that of a tuner process, e.g. 'python mine.py', got {command!r}")
        if type(timeout) not in (int, float) or not 0 < timeout < math.inf:
            raise InputError(f"timeout must be a positive number of seconds, got {timeout!r}")
        self.command = shlex.split(command) if isinstance(command, str) else list(command)
        self.fidelity, self.timeout, self.num_asked = fidelity, timeout, 0
        self.process = _start(self.command)
        self.close = weakref.finalize(self, _end, self.process)
        context = {
            "space": space.to_serialized_dict(),
            "fidelity": fidelity,
            "seed": seed,
            "budget": budget,
            "mutable": None if mutable is None else sorted(mutable),
            "min_fidelity": min_fidelity,
            "min_interval": min_interval,
            "scores": list(scores),
            "seeds": list(seeds),
        }
        self._call({"type": "hello", "protocol": PROTOCOL, **context})

    def ask(self, n: int) -> list[Trial]:
        reply = self._call({"type": "ask", "n": n})
        if not isinstance(reply.get("trials"), list):
            raise self._refused(f"must answer ask with a list of trials, got {_short(reply)}")
        trials = [self._trial(fields, self.num_asked + i) for i, fields in enumerate(reply["trials"])]
        self.num_asked += len(trials)
        return trials

    def tell(self, results: Sequence[Result]) -> None:
        self._call({"type": "tell", "results": [_fields(result) for result in results]})

    def warm_start(self, results: Sequence[Result]) -> None:
        self._call({"type": "warm_start", "results": [_fields(result) for result in results]})

    def _trial(self, fields: Any, number: int) -> Trial:
        """Return a trial of JSON fields, of which all but the config may be left out.

        Raises:
            InputError: fields that are no trial's.
        """
        names = {field.name for field in dataclasses.fields(Trial)}
        if not isinstance(fields, dict) or not isinstance(fields.get("config"), dict) or set(fields) - names:
            raise self._refused(f"must give trials as objects of {', '.join(sorted(names))}, got {_short(fields)}")
        complete = {"id": number, "fidelity": self.fidelity, **fields}
        if isinstance(complete.get("seeds"), list):
            complete["seeds"] = tuple(complete["seeds"])
        return Trial(**complete)

    def _call(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Return the reply to a message, exchanged on a thread, because writing as well as reading may block for ever.

        Raises:
            InputError: no reply in time, one that breaks the protocol, or one that reports an error.
        """
        if not self.close.alive:
            raise self._refused("has ended")
        replies: queue.Queue[str] = queue.Queue()
        line = json.dumps(_finite(message)) + "\n"
        threading.Thread(target=lambda: replies.put(_exchange(self.process, line)), daemon=True).start()
        try:
            reply = replies.get(timeout=self.timeout)
        except queue.Empty:
            raise self._refused(f"must answer {message['type']} within {self.timeout:g} s, got nothing") from None
        if not reply:
            raise self._refused(f"must answer {message['type']}, but it ended with status {self._status()}")
        return self._parsed(reply, str(message["type"]))

    def _parsed(self, reply: str, kind: str) -> dict[str, Any]:
        try:
            parsed = json.loads(reply)
        except ValueError:
            parsed = None
        if not isinstance(parsed, dict):
            raise self._refused(f"must answer {kind} with one line that is a JSON object, got {_short(reply.rstrip())}")
        if "error" in parsed:
            raise self._refused(f"says: {_short(parsed['error'])}")
        return parsed

    def _status(self) -> int | None:
        """Return the process's exit status, None if it does not end within a second."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        return self.process.returncode

    def _refused(self, text: str) -> InputError:
        """End the process and return the error that says why."""
        self.close()
        return InputError(f"tuner process {shlex.join(self.command)!r} {text}")


def _start(command: Sequence[str]) -> subprocess.Popen[str]:
    """Start the process in a new session, so that it can be ended with all that it started.

    Raises:
        InputError: it does not start.
    """
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "encoding": "utf-8"}
    try:
        return subprocess.Popen(command, errors="replace", start_new_session=True, **pipes)
    except OSError as error:
        raise InputError(f"tuner process {shlex.join(command)!r} does not start: {error}") from error


def _exchange(process: subprocess.Popen[str], line: str) -> str:
    """Write a line to the process and return its reply; empty if the process is gone.

    The line is written past the pipe's buffer, whose lock would keep the pipe from being closed while the process does not
    read.
    """
    assert process.stdin is not None
    assert process.stdout is not None
    remaining = line.encode()
    try:
        while remaining:
            remaining = remaining[os.write(process.stdin.fileno(), remaining) :]
        return process.stdout.readline(LONGEST_LINE)
    except (OSError, ValueError):
        return ""


def _end(process: subprocess.Popen[str]) -> None:
    """Ask the process to end by the end of its input; whatever it has running after a second is killed."""
    with contextlib.suppress(OSError):
        process.stdin.close()  # type: ignore[union-attr]
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1.0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _fields(result: Result) -> dict[str, Any]:
    """Return a result's fields, those of its trial among them."""
    rest = {field.name: getattr(result, field.name) for field in dataclasses.fields(Result) if field.name != "trial"}
    return {**as_dict(result.trial), **rest, "cost": dataclasses.asdict(result.cost)}


def _finite(value: Any) -> Any:
    """Return a value with None in place of NaN and of infinities, which JSON lacks."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value


def _short(value: Any) -> str:
    """Return a value as it is quoted in an error, of at most 80 characters."""
    text = value if isinstance(value, str) else json.dumps(value)
    return repr(text if len(text) <= 80 else text[:77] + "...")
