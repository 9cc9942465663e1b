"""The examples of a document, run in order in one folder."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.(?:py|yaml))\n")
NOT_RUN = ("source", "pip", "optuna-dashboard", "...")  # first words of lines that are for a reader's shell only


def run(document: str, folder: Path, cheaper: Mapping[str, str] | None = None) -> None:
    """Run the code blocks of a document in a folder, which is the working directory.

    A block that begins with `# NAME.py` or `# NAME.yaml` is that file, one in Python goes on from those before, one of TOML
    is read, one of text is not looked at, any other one is of commands.

    Args:
        document: the README, or a page of `docs/`.
        folder: where files are written, the commands' working directory.
        cheaper: texts, each of which must be in a block that is run, and what is run in its place.
    """
    names = {"__name__": "example"}
    page, unused = text(document), dict(cheaper or {})
    write_files(document, folder)
    for block in BLOCK.finditer(page):
        language, code = block.groups()
        for replaced in [replaced for replaced in cheaper or {} if replaced in code]:
            code = code.replace(replaced, (cheaper or {})[replaced])
            unused.pop(replaced, None)
        if FILE.match(code) or language == "text":
            continue
        if language == "toml":
            tomllib.loads(code)
        elif language == "python":
            lines_before = "\n" * page.count("\n", 0, block.start(2))  # so that an error has its line of the document
            exec(compile(lines_before + code, str(path(document)), "exec"), names)
        else:
            run_commands(code, folder)
    assert not unused, f"not in {document}: {list(unused)}"


def path(document: str) -> Path:
    """Return the file of a document."""
    return ROOT / document if document == "README.md" else ROOT / "docs" / document


def text(document: str) -> str:
    """Return the text of a document."""
    return path(document).read_text()


def blocks(document: str) -> list[str]:
    """Return the code blocks of a document."""
    return [block[2] for block in BLOCK.finditer(text(document))]


def write_files(document: str, folder: Path) -> None:
    """Write the files that a document shows."""
    for block in BLOCK.finditer(text(document)):
        if file := FILE.match(block[2]):
            (folder / file[1]).write_text(block[2])


def run_commands(lines: str, folder: Path) -> str:
    """Run lines of commands in a folder, and return what `arl` prints; each must succeed.

    `cd` holds for the lines that follow. Targets of `make` must exist, as must files in `scripts/`; `NOT_RUN` is not run.
    """
    printed = ""
    for line in lines.replace("\\\n", " ").splitlines():
        program, *words = shlex.split(line, comments=True) or ("...",)
        if program == "cd":
            folder = folder / words[0]
        elif program == "make":
            assert f"\n{words[0]}:" in (ROOT / "Makefile").read_text()
        elif program == "python":
            _run_script(words, folder)
        elif program not in NOT_RUN:
            assert program == "arl", line
            printed += _arl(words, folder)
    return printed


def _run_script(words: list[str], folder: Path) -> None:
    """Run a script that the document shows; those of `scripts/` have tests of their own."""
    if not (ROOT / words[0]).is_file():
        _python(words, folder)


def _arl(words: list[str], folder: Path) -> str:
    return _python(["-m", "hpo.cli", *words], folder)


def _python(words: list[str], folder: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run([sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout
