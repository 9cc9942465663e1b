"""Raw landscapes, as the files of another benchmark hold them, and the interface of a format's module."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

KEYS = ["config", "seed", "env_steps"]

# `log` is a float on a logarithmic scale.
Kind = Literal["float", "int", "log", "choice"]


@dataclasses.dataclass(frozen=True)
class RawLandscape:
    """A landscape as files hold it.

    Attributes:
        task: `algorithm/env`, in our words where we have some.
        files: the files it is in.
        configs: a row per config, by its name in the files, and a column per hyperparameter, null where it is inactive.
        kinds: the kind of each hyperparameter.
        points: columns `config, seed, env_steps, return_mean`, and `return_std` if the files have it.
        num_episodes: episodes of an evaluation.
        preset: the name of the space if there are several for the task.
        left_out: how many files were not imported, by reason.
    """

    task: str
    files: Sequence[Path]
    configs: pd.DataFrame
    kinds: Mapping[str, Kind]
    points: pd.DataFrame
    num_episodes: int
    preset: str = "published"
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def label(self) -> str:
        """The file's name, or how many files there are, for errors."""
        return self.files[0].name if len(self.files) == 1 else f"{len(self.files)} files of {self.task}"


@dataclasses.dataclass(frozen=True)
class Format:
    """A benchmark's files.

    Attributes:
        read: makes landscapes of files; raises InputError for files of another format.
        source: title of the dataset.
        url, version, licence: where it is, which it is, and under what terms.
    """

    read: Callable[[Sequence[Path]], Iterator[RawLandscape]]
    source: str
    url: str
    version: str
    licence: str
