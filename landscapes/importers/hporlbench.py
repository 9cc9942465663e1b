"""HPO-RL-Bench's static and extended landscapes (Shala et al. 2024).

JSON files, one per run, or folders of them. The hyperparameters are in the names of the files, the mean returns in
`returns_eval`, their deviations in `std_returns_eval`. An evaluation follows every 10,000 env steps, as the benchmark's own
loader counts them; the files' `timesteps_eval` are those of the last finished episode. Files of schedules (`dynamic`) and
second copies of runs (`_eval_1`) are left out.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from arl.errors import InputError, first_line
from landscapes.importers.raw import Format, Kind, RawLandscape

NUM_EPISODES = 10
STEPS_BETWEEN_EVALUATIONS = 10_000

_FILE_NAME = re.compile(
    r"(?P<env>.+)_(?P<algorithm>PPO|DQN|A2C|DDPG|SAC|TD3)_(random_)?lr_(?P<lr>.+)_gamma_(?P<gamma>[^_]+)"
    r"(_clip_(?P<clip>[^_]+)|_epsilon_(?P<epsilon>[^_]+)|_tau_(?P<tau>[^_]+))?"
    r"(_layers_(?P<layers>\d+)_units_(?P<units>\d+))?_seed(?P<seed>\d+)(_eval)?(?P<copy>_\d+)?\.json"
)
# HPO-RL-Bench's names of hyperparameters: ours, and how to read their values; those of learning rates are powers of ten.
_HYPERPARAMETERS: dict[str, tuple[str, Callable[[str], float]]] = {
    "lr": ("learning_rate", lambda exponent: float(f"1e{int(exponent)}")),
    "gamma": ("gamma", float),
    "clip": ("clip_eps", float),
    "epsilon": ("initial_epsilon", float),
    "tau": ("tau", float),
    "layers": ("num_layers", int),
    "units": ("hidden_size", int),
}


class Run(NamedTuple):
    """A run by its file."""

    path: Path
    config: dict[str, float]
    seed: int


def read(paths: Sequence[Path]) -> Iterator[RawLandscape]:
    """Read a landscape per task and space from the files and folders.

    Raises:
        InputError: a file that is named otherwise or can't be read, or no run of a fixed config.
    """
    runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for path in _json_files(paths):
        match = _FILE_NAME.fullmatch(path.name)
        if match is None:
            raise InputError(f"file must be named as HPO-RL-Bench's runs, ENV_PPO_random_lr_..., got {path.name!r}")
        parts = match.groupdict()
        if parts["copy"] or not re.fullmatch(r"-?\d+", parts["lr"]):
            left_out["second copies" if parts["copy"] else "schedules"] += 1
            continue
        task = f"{parts['algorithm'].lower()}/{parts['env']}"
        preset = "extended" if parts["layers"] else "published"
        runs[task, preset].append(Run(path, _config(parts, path), int(parts["seed"])))
    if not runs:
        raise InputError(f"files must hold runs of fixed configs, got {dict(left_out) or 'no .json file'}")
    for (task, preset), of_task in sorted(runs.items()):
        yield _of_task(task, preset, of_task, left_out)


FORMAT = Format(
    read,
    source="HPO-RL-Bench",
    url="https://github.com/machinelearningnuremberg/HPO-RL-Bench",
    version="unknown",
    licence="unknown",
)


def _json_files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("*.json")) if path.is_dir() else [path]


def _config(parts: Mapping[str, str | None], path: Path) -> dict[str, float]:
    """Return the config in the parts of a file's name."""
    try:
        return {ours: kind(text) for name, (ours, kind) in _HYPERPARAMETERS.items() if (text := parts[name])}
    except ValueError as error:
        raise InputError(f"hyperparameters in the name of a file must be numbers, got {path.name!r}") from error


def _of_task(task: str, preset: str, runs: Sequence[Run], left_out: Mapping[str, int]) -> RawLandscape:
    names = list(runs[0].config)
    if odd := next((run.path for run in runs if list(run.config) != names), None):
        raise InputError(f"files of {task} must have the hyperparameters {', '.join(names)}, got {odd.name!r}")
    grid = sorted({tuple(run.config.values()) for run in runs})
    points = [_curve(run.path).assign(config=grid.index(tuple(run.config.values())), seed=run.seed) for run in runs]
    configs = pd.DataFrame(grid, columns=names).rename_axis("config")
    kinds: dict[str, Kind] = dict.fromkeys(names, "choice")
    files, frame = [run.path for run in runs], pd.concat(points, ignore_index=True)
    return RawLandscape(task, files, configs, kinds, frame, NUM_EPISODES, preset, left_out)


def _curve(path: Path) -> pd.DataFrame:
    """Return env steps, mean return and its deviation of each evaluation of a run."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        columns = {"return_mean": data["returns_eval"], "return_std": data["std_returns_eval"]}
        frame = pd.DataFrame(columns, dtype=float)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name} can't be read: {type(error).__name__}: {first_line(error)}") from error
    if frame.empty:
        raise InputError(f"{path.name} must have an evaluation, got none")
    return frame.assign(env_steps=STEPS_BETWEEN_EVALUATIONS * np.arange(1, len(frame) + 1))
