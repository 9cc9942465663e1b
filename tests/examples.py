"""The examples of a document, run in order in one folder."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# (\w+\.(?:py|yaml))\n")


def run(document: str, folder: Path) -> None:
    """Run the code blocks of a document of `docs/` in a folder, which is the working directory.

    A block that begins with `# NAME.py` or `# NAME.yaml` is that file, one in Python goes on from those before, one of TOML
    is read, any other one is of commands.
    """
    names = {"__name__": "example"}
    page = (ROOT / "docs" / document).read_text()
    for block in BLOCK.finditer(page):
        language, text = block.groups()
        if file := FILE.match(text):
            (folder / file[1]).write_text(text)
        elif language == "toml":
            tomllib.loads(text)
        elif language == "python":
            lines_before = "\n" * page.count("\n", 0, block.start(2))  # so that an error has its line of the document
            exec(compile(lines_before + text, str(ROOT / "docs" / document), "exec"), names)
        else:
            run_commands(text, folder)


def run_commands(text: str, folder: Path) -> str:
    """Run lines of `arl ...` in a folder, and return what they print; each must succeed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    printed = ""
    for line in text.replace("\\\n", " ").splitlines():
        program, *words = shlex.split(line, comments=True)
        assert program == "arl"
        command = [sys.executable, "-m", "hpo.cli", *words]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        printed += done.stdout
    return printed
