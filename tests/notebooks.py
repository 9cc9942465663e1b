"""Execution of notebooks in a kernel, with the packages and commands of this checkout."""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parent.parent


def execute(notebook, folder, allow_errors=False):
    """Execute a notebook in a folder, and return what each of its code cells shows: HTML, text, or its error.

    Args:
        notebook: a file, or the sources of cells.
        folder: the working directory, where IPython's own files are kept, too.
        allow_errors: whether cells after one that fails are executed.
    """
    if isinstance(notebook, Path):
        made = nbformat.read(notebook, as_version=4)
    else:
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in notebook])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "IPYTHONDIR": str(folder / "ipython"),
    }
    settings = {"resources": {"metadata": {"path": folder}}, "timeout": None, "allow_errors": allow_errors}
    client = NotebookClient(made, kernel_name="python3", **settings)
    client.execute(env=environment)
    return [[_shown(output) for output in cell.outputs] for cell in made.cells if cell.cell_type == "code"]


def _shown(output):
    if output.output_type == "error":
        return "\n".join(output.traceback)
    if "data" not in output:
        return output.text
    return output.data.get("text/html", output.data.get("text/plain"))
