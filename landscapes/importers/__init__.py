"""Landscapes from the files of other benchmarks, under names of their own such as `arlbench:ppo/CartPole-v1`.

A format is one module, which reads files into `RawLandscape`s, and one row of `FORMATS`; `landscapes.importers.convert` makes
our tables of them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from arl.errors import InputError, unknown
from landscapes import cards, catalogue, dataset
from landscapes.dataset import Landscape
from landscapes.importers import arlbench, convert, hporlbench
from landscapes.importers.raw import Format, RawLandscape

__all__ = ["FORMATS", "Format", "RawLandscape", "write"]

FORMATS: dict[str, Format] = {"arlbench": arlbench.FORMAT, "hporlbench": hporlbench.FORMAT}


def write(name: str, paths: Sequence[Path], out: Path) -> tuple[list[Landscape], Mapping[str, int]]:
    """Write the landscapes in files of a format, each with its card into a directory of its own under `out`.

    Returns:
        The landscapes, and how many files were left out for each reason.

    Raises:
        InputError: an unknown format, a file that is not of it, or two landscapes of one name; then nothing is written.
    """
    if name not in FORMATS:
        raise unknown("format", name, FORMATS)
    raws = list(FORMATS[name].read(paths))
    converted = [_converted(name, raw) for raw in raws]
    names = [_name(metadata) for metadata, _ in converted]
    (most, count), *_ = Counter(names).most_common(1)
    if count > 1:
        raise InputError(f"files must be of different tasks, got {most} {count} times")
    landscapes = [
        dataset.write(out / catalogue.directory_name(label), metadata, tables)
        for label, (metadata, tables) in zip(names, converted, strict=True)
    ]
    for landscape in landscapes:
        cards.write(landscape)
    return landscapes, raws[-1].left_out


def _converted(name: str, raw: RawLandscape) -> tuple[dict[str, Any], dict[str, pd.DataFrame]]:
    """Return what `landscape.json` says of a landscape, and its tables."""
    tables = convert.tables(raw)
    return convert.metadata(name, FORMATS[name], raw, tables), tables


def _name(metadata: Mapping[str, Any]) -> str:
    return dataset.label(metadata["settings"]["task"], metadata["settings"]["preset"])
