"""What the command line prints: tables and JSON."""

import json
import sys
from typing import Any

_PIPE_WIDTH = 500


def print_table(rows: list[dict[str, Any]]) -> None:
    """Rows of one kind as a table; as wide as it needs to be where it is piped."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if not rows:
        print("none")
        return
    numeric = {key for key in rows[0] if all(isinstance(row[key], int | float | None) for row in rows)}
    table = Table(box=box.SIMPLE, pad_edge=False)
    for key in rows[0]:
        table.add_column(key, justify="right" if key in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(width=width, highlight=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def print_json(value: Any) -> None:
    """One JSON document."""
    print(json.dumps(value, indent=2, default=str))
