"""Tables in the terminal. A number is never wrapped: what is too wide is turned on its side, or loses columns.

Only columns of long texts wrap, between words.
"""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from arl.text import number

if TYPE_CHECKING:
    from rich.table import Table

PIPE_WIDTH = 10_000
LONG_TEXT = 24  # a text that is longer may wrap
NO_BREAK = "\N{NO-BREAK SPACE}"
MOST_BLOCKS = 3  # of a table on its side
_GAP = 3  # between columns

Row = Mapping[str, Any]


class Column(NamedTuple):
    """A column: its heading, its texts, and how wide it must be at least; narrower than its texts, it wraps them."""

    heading: str
    texts: Sequence[str]
    is_number: bool
    least: int
    wraps: bool = False


def print_table(rows: Sequence[Row]) -> None:
    """Print rows with the same keys as a table; where it is piped, the table is as wide as its content."""
    from rich.console import Console

    if not rows:
        print("none")
        return
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    console = Console(width=width, highlight=False, markup=False, emoji=False)
    for part in fitting(rows, console.width):
        print_words(part) if isinstance(part, str) else console.print(part)


def print_words(text: str) -> None:
    """Print a line, on a terminal wrapped between words; a no-break space keeps a number with its unit."""
    is_wrapped = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns
    lines = textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False) if is_wrapped else [text]
    print("\n".join(lines).replace(NO_BREAK, " "))


def fitting(rows: Sequence[Row], width: int) -> "Iterator[Table | str]":
    """Yield rows as tables that fit a width in characters, and what is left out of them.

    What does not fit as one table becomes up to three on their sides, with a column per row; else the last columns go.
    """
    columns = [_column(name, [row[name] for row in rows]) for name in rows[0]]
    blocks = [] if _fit(columns, width) else list(_blocks(rows, width))
    if not blocks or len(blocks) > MOST_BLOCKS:
        num = max((num for num in range(1, len(columns) + 1) if _fit(columns[:num], width)), default=1)
        blocks = [columns[:num]]
        left_out = [column.heading for column in columns[num:]]
    else:
        left_out = []
    yield from (_table(block) for block in blocks)
    if left_out:
        yield f"not shown for lack of width: {', '.join(left_out)}; --json has them"


def _blocks(rows: Sequence[Row], width: int) -> Iterator[list[Column]]:
    """Yield the columns of tables on their sides, each of as many rows as fit."""
    names = list(rows[0])
    block = [_names(names)]
    for row in rows:
        heading, *texts = map(_text, row.values())
        column = Column(heading, texts, True, _widest([heading, *texts]))
        if len(block) > 1 and not _fit([*block, column], width):
            yield block
            block = [_names(names)]
        block.append(column)
    yield block


def _names(names: Sequence[str]) -> Column:
    return Column(names[0], names[1:], False, _widest(names))


def _column(name: str, values: Sequence[Any]) -> Column:
    is_number = all(isinstance(value, int | float | None) for value in values)
    texts = [_text(value) for value in values]
    width = _widest([name, *texts])
    if is_number or width <= LONG_TEXT:
        return Column(name, texts, is_number, width)
    words = [word for text in (name, *texts) for word in text.split()]
    return Column(name, texts, is_number, max(LONG_TEXT, _widest(words)), wraps=True)


def _fit(columns: Sequence[Column], width: int) -> bool:
    return sum(column.least + _GAP for column in columns) - 1 <= width


def _table(columns: Sequence[Column]) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False)
    for column in columns:
        justify: Any = "right" if column.is_number else "left"
        table.add_column(column.heading, justify=justify, no_wrap=not column.wraps, min_width=column.least)
    for texts in zip(*(column.texts for column in columns), strict=True):
        table.add_row(*texts)
    return table


def _widest(texts: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, float) else str(value)
