"""Landscapes from the files of other benchmarks, in our format and under a name of their own, such as
`arlbench:ppo/CartPole-v1`.

A format is a function that reads files into `Recorded` landscapes, and a row of `FORMATS`. Every point of every config and
seed gets a row: a run is `missing` if the files lack one of its points, else `diverged` if one of its returns is no finite
number.
"""

import dataclasses
import hashlib
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from arl.errors import InputError, first_line, unknown
from arl.scalars import plain_value
from envs.registry import SPECS
from landscapes import catalogue, dataset, file_format
from landscapes.dataset import Landscape

KEYS = ["config", "seed", "env_steps"]


@dataclasses.dataclass(frozen=True)
class Recorded:
    """A landscape as it was found in files.

    Attributes:
        task: `algorithm/env`, in our words where there are some.
        files: where it was found.
        configs: a row per config, by its name in the files, and a column per hyperparameter, null where it is inactive.
        kinds: of each hyperparameter: `float`, `int`, `log` (a float on a logarithmic scale) or `choice`.
        points: columns `config, seed, env_steps, return_mean`, and `return_std` if it is known.
        num_episodes: episodes of an evaluation.
        preset: the name of the space if there are several for the task.
        left_out: why files were not imported, and how many.
    """

    task: str
    files: Sequence[Path]
    configs: pd.DataFrame
    kinds: Mapping[str, str]
    points: pd.DataFrame
    num_episodes: int
    preset: str = "published"
    left_out: Mapping[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Format:
    """How to read a benchmark's files, and where they come from: title, address, version and licence."""

    read: Callable[[Sequence[Path]], Iterator[Recorded]]
    source: str
    url: str
    version: str
    licence: str


# ARLBench's names of hyperparameters: ours, and their kind in its spaces.
_ARLBENCH = {
    "learning_rate": ("learning_rate", "log"),
    "minibatch_size": ("minibatch_size", "choice"),
    "gae_lambda": ("gae_lambda", "float"),
    "clip_eps": ("clip_eps", "float"),
    "vf_clip_eps": ("vf_clip_eps", "float"),
    "normalize_advantage": ("normalize_advantage", "choice"),
    "ent_coef": ("ent_coef", "float"),
    "vf_coef": ("vf_coef", "float"),
    "max_grad_norm": ("max_grad_norm", "float"),
    "buffer_size": ("buffer_size", "int"),
    "buffer_batch_size": ("batch_size", "choice"),
    "buffer_prio_sampling": ("prioritized", "choice"),
    "buffer_alpha": ("priority_alpha", "float"),
    "buffer_beta": ("priority_beta", "float"),
    "buffer_epsilon": ("priority_epsilon", "log"),
    "initial_epsilon": ("initial_epsilon", "float"),
    "target_epsilon": ("final_epsilon", "float"),
    "learning_starts": ("learning_starts", "int"),
    "use_target_network": ("use_target_network", "choice"),
    "target_update_interval": ("target_update_interval", "int"),
    "tau": ("tau", "float"),
    "reward_scale": ("reward_scale", "log"),
}
_ARLBENCH_COLUMNS = {
    "run_id": "config",
    "config_id": "config",
    "seed": "seed",
    "budget": "env_steps",
    "training_steps": "env_steps",
    "performance": "return_mean",
}
_ARLBENCH_ENVS = {
    "cc_cartpole": "CartPole-v1",
    "cc_acrobot": "Acrobot-v1",
    "cc_pendulum": "Pendulum-v1",
    "cc_mountain_car": "MountainCar-v0",
    "cc_continuous_mountain_car": "MountainCarContinuous-v0",
}


def arlbench(paths: Sequence[Path]) -> Iterator[Recorded]:
    """ARLBench's landscapes, a file each, CSV as published or Parquet, named `ENV_ALGORITHM`: a row per config, seed and
    evaluation, with the columns `config_id` (or `run_id`), `seed`, `training_steps` (or `budget`), `performance` and
    `hp_config.*`, which are empty where inactive.
    """
    for path in paths:
        env, _, algorithm = path.stem.rpartition("_")
        if not env or algorithm not in ("ppo", "dqn", "sac"):
            raise InputError(f"file must be named ENV_ALGORITHM, such as cc_cartpole_ppo.csv, got {path.name!r}")
        frame = _read_frame(path)
        names = {column: column.removeprefix("hp_config.") for column in frame if column.startswith("hp_config.")}
        for column in frame:
            if column not in _ARLBENCH_COLUMNS and names.get(column) not in _ARLBENCH:
                known = [*_ARLBENCH_COLUMNS, *(f"hp_config.{name}" for name in _ARLBENCH)]
                raise InputError(f"{path.name}: {unknown('column', column, known)}")
        kinds = dict(_ARLBENCH[name] for name in names.values())
        frame = frame.rename(columns={**_ARLBENCH_COLUMNS, **{c: _ARLBENCH[name][0] for c, name in names.items()}})
        _check_keys(frame, path.name)
        by_config = frame.groupby("config")[list(kinds)]
        if not kinds or (by_config.nunique(dropna=False) > 1).to_numpy().any():
            raise InputError(f"{path.name} must have the same hyperparameters in every row of a config, got others")
        configs = frame.drop_duplicates("config").set_index("config")[list(kinds)].sort_index()
        task = f"{algorithm}/{_ARLBENCH_ENVS.get(env, env)}"
        yield Recorded(task, [path], configs, kinds, frame[[*KEYS, "return_mean"]], num_episodes=128)


_HPORLBENCH_NAME = re.compile(
    r"(?P<env>.+)_(?P<algorithm>PPO|DQN|A2C|DDPG|SAC|TD3)_(random_)?lr_(?P<lr>.+)_gamma_(?P<gamma>[^_]+)"
    r"(_clip_(?P<clip>[^_]+)|_epsilon_(?P<epsilon>[^_]+)|_tau_(?P<tau>[^_]+))?"
    r"(_layers_(?P<layers>\d+)_units_(?P<units>\d+))?_seed(?P<seed>\d+)(_eval)?(?P<copy>_\d+)?\.json"
)
# HPO-RL-Bench's names of hyperparameters: ours, and how to read their values; those of learning rates are powers of ten.
_HPORLBENCH: dict[str, tuple[str, Callable[[str], float]]] = {
    "lr": ("learning_rate", lambda exponent: float(f"1e{int(exponent)}")),
    "gamma": ("gamma", float),
    "clip": ("clip_eps", float),
    "epsilon": ("initial_epsilon", float),
    "tau": ("tau", float),
    "layers": ("num_layers", int),
    "units": ("hidden_size", int),
}
_HPORLBENCH_STEPS = 10_000


def hporlbench(paths: Sequence[Path]) -> Iterator[Recorded]:
    """HPO-RL-Bench's static and extended landscapes: JSON files, one a run, or folders of them; the hyperparameters are in
    the names, the mean returns in `returns_eval`, their deviations in `std_returns_eval`.

    An evaluation follows every 10,000 env steps, as its own loader counts them; its `timesteps_eval` are those of the last
    finished episode. Its files of schedules (`dynamic`) and second copies of runs (`_eval_1`) are left out.
    """
    runs: dict[tuple[str, str], list[tuple[Path, dict[str, float], int]]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for path in _json_files(paths):
        match = _HPORLBENCH_NAME.fullmatch(path.name)
        if match is None:
            raise InputError(f"file must be named as HPO-RL-Bench's runs, ENV_PPO_random_lr_..., got {path.name!r}")
        found = match.groupdict()
        if found["copy"] or not re.fullmatch(r"-?\d+", found["lr"]):
            left_out["second copies" if found["copy"] else "schedules"] += 1
            continue
        config = {ours: _value(kind, found[name], path) for name, (ours, kind) in _HPORLBENCH.items() if found[name]}
        task = f"{found['algorithm'].lower()}/{found['env']}"
        runs[task, "extended" if found["layers"] else "published"].append((path, config, int(found["seed"])))
    if not runs:
        raise InputError(f"files must hold runs of fixed configs, got {dict(left_out) or 'no .json file'}")
    for (task, preset), of_task in sorted(runs.items()):
        yield _hporlbench_task(task, preset, of_task, left_out)


def _hporlbench_task(
    task: str, preset: str, runs: list[tuple[Path, dict[str, float], int]], left_out: Mapping[str, int]
) -> Recorded:
    names = [ours for ours, _ in _HPORLBENCH.values() if ours in runs[0][1]]
    if odd := next((path for path, config, _ in runs if list(config) != names), None):
        raise InputError(f"files of {task} must have the hyperparameters {', '.join(names)}, got {odd.name!r}")
    grid = sorted({tuple(config.values()) for _, config, _ in runs})
    points = [
        curve.assign(config=grid.index(tuple(config.values())), seed=seed)
        for path, config, seed in runs
        for curve in [_hporlbench_curve(path)]
    ]
    configs = pd.DataFrame(grid, columns=names).rename_axis("config")
    files, frame = [path for path, _, _ in runs], pd.concat(points, ignore_index=True)
    return Recorded(task, files, configs, dict.fromkeys(names, "choice"), frame, 10, preset, left_out)


def _hporlbench_curve(path: Path) -> pd.DataFrame:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        columns = {"return_mean": data["returns_eval"], "return_std": data["std_returns_eval"]}
        frame = pd.DataFrame(columns, dtype=float)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name} can't be read: {type(error).__name__}: {first_line(error)}") from error
    if frame.empty:
        raise InputError(f"{path.name} must have an evaluation, got none")
    return frame.assign(env_steps=_HPORLBENCH_STEPS * np.arange(1, len(frame) + 1))


FORMATS = {
    "arlbench": Format(
        arlbench,
        "ARLBench",
        "https://huggingface.co/datasets/autorl-org/arlbench",
        "doi:10.57967/hf/3200",
        "bsd-3-clause",
    ),
    "hporlbench": Format(
        hporlbench, "HPO-RL-Bench", "https://github.com/machinelearningnuremberg/HPO-RL-Bench", "unknown", "unknown"
    ),
}


def read(name: str, paths: Sequence[Path]) -> list[tuple[Recorded, dict[str, Any], dict[str, pd.DataFrame]]]:
    """The landscapes in files of a format: what was found, and what `dataset.write` takes.

    Raises:
        InputError: an unknown format, or a file that is not of it.
    """
    if name not in FORMATS:
        raise unknown("format", name, FORMATS)
    found = []
    for recorded in FORMATS[name].read(paths):
        tables = _tables(recorded)
        found.append((recorded, _about(name, recorded, tables), tables))
    names = Counter(_name(about) for _, about, _ in found)
    if twice := [label for label, count in names.items() if count > 1]:
        raise InputError(f"files must be of different tasks, got {twice[0]} {names[twice[0]]} times")
    return found


def write(name: str, paths: Sequence[Path], out: Path) -> tuple[list[Landscape], Mapping[str, int]]:
    """Write the landscapes in files of a format, each into a directory of its own; with why files were left out.

    Raises:
        InputError: as `read`; then nothing is written.
    """
    found = read(name, paths)
    written = [dataset.write(out / catalogue.directory_name(_name(about)), about, tables) for _, about, tables in found]
    return written, found[-1][0].left_out


def _name(about: Mapping[str, Any]) -> str:
    return dataset.label(about["settings"]["task"], about["settings"]["preset"])


def _tables(recorded: Recorded) -> dict[str, pd.DataFrame]:
    """The tables of a landscape, with a row for every point that there should be."""
    numbers = {config: i for i, config in enumerate(recorded.configs.index)}
    points = recorded.points.assign(config=recorded.points.config.map(numbers)).sort_values(KEYS)
    if (twice := points.duplicated(KEYS)).any():
        config, seed, step = points[twice].iloc[0][KEYS]
        raise InputError(
            f"{_files(recorded)} must have one row per config, seed and evaluation, got {step:g} env steps of config "
            f"{config:g} under seed {seed:g} twice"
        )
    steps = _equal_steps(points.env_steps, recorded)
    seeds = np.sort(points.seed.unique())
    every = pd.MultiIndex.from_product([list(numbers.values()), seeds, steps], names=KEYS)
    known = points.set_index(KEYS)
    curves = known.reindex(every).astype("float32")
    curves = curves.where(np.isfinite(curves)).assign(missing=~every.isin(known.index)).reset_index()
    curves = curves.assign(
        **{name: np.float32("nan") for name in ("return_std", "episode_length_mean") if name not in curves}
    )
    curves.insert(2, "point", curves.env_steps.map({step: i for i, step in enumerate(steps)}))
    lost = curves.return_mean.isna() & ~curves.missing  # what comes after a lost return is no longer believed
    curves["return_mean"] = curves.return_mean.mask(lost.groupby([curves.config, curves.seed]).cummax())
    runs = _runs(curves)
    types = {"config": "int32", "seed": "int64", "point": "int16", "env_steps": "Int64"}
    return {
        "configs": _configs(recorded)
        .reset_index(drop=True)
        .rename_axis("config")
        .reset_index()
        .astype({"config": "int32"}),
        "runs": runs.astype({"config": "int32", "seed": "int64", "env_steps": "int64", "score": "float32"}),
        "curves": curves.drop(columns="missing").astype(types),
    }


def _equal_steps(env_steps: pd.Series, recorded: Recorded) -> list[int]:
    """The env steps of the evaluations: equally many between any two of them."""
    step, last = int(env_steps.min()), int(env_steps.max())
    if step < 1 or (env_steps % step).any() or last // step > 10_000:
        raise InputError(
            f"{_files(recorded)} must have evaluations at equal distances, got one after {step} env steps, the last after "
            f"{last}"
        )
    return list(range(step, last + 1, step))


def _runs(curves: pd.DataFrame) -> pd.DataFrame:
    """A row per run; its score is the last return, NaN where that is missing or diverged. What diverged before its file ends
    is diverged, not missing.
    """
    there = ~curves.missing
    curves = curves.assign(diverged=curves.return_mean.isna() & there, known=curves.env_steps.where(there, 0))
    frame = curves.groupby(["config", "seed"]).agg(
        {"missing": "any", "diverged": "any", "return_mean": lambda returns: returns.iloc[-1], "known": "max"}
    )
    status = np.select([frame.diverged, frame.missing], ["diverged", "missing"], "completed")
    columns = {"status": status, "score": frame.return_mean, "env_steps": frame.known}
    return pd.DataFrame(columns, index=frame.index).reset_index()


def _configs(recorded: Recorded) -> pd.DataFrame:
    """The configs, each column of its hyperparameter's own type, also where some are null."""
    return pd.DataFrame({name: _typed(recorded.configs[name], kind) for name, kind in recorded.kinds.items()})


def _typed(values: pd.Series, kind: str) -> pd.Series:
    if kind in ("float", "log"):
        return values.astype("float64")
    if kind == "int":
        return values.astype("Int64")
    return values if pd.api.types.is_float_dtype(values) else values.convert_dtypes()


def _about(name: str, recorded: Recorded, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    form, curves, runs = FORMATS[name], tables["curves"], tables["runs"]
    algorithm, _, env = recorded.task.partition("/")
    settings = {
        "task": f"{name}:{recorded.task}",
        "algorithm": algorithm,
        "env": env,
        "preset": recorded.preset,
        "fidelity": int(curves.env_steps.max()),
        "num_points": int(curves.point.max()) + 1,
        "num_episodes": recorded.num_episodes,
        "fixed": {},
        "return_range": _return_range(env, curves.return_mean),
    }
    source = {key: getattr(form, key) for key in ("source", "url", "version", "licence")}
    files = {"num_files": len(recorded.files), "sha256": _digest(recorded.files), "importer": f"arl {version('arl')}"}
    return {
        "settings": settings,
        "space": _space(recorded).to_serialized_dict(),
        "seeds": sorted(runs.seed.unique().tolist()),
        "num_configs": len(tables["configs"]),
        "provenance": {**source, **files},
        "status": runs.status.value_counts().sort_index().to_dict(),
        "points_without_return": int(curves.return_mean.isna().sum()),
    }


def _return_range(env: str, returns: pd.Series) -> list[float]:
    """The env's, where it is one of ours, widened to what was seen."""
    if not returns.notna().any():
        raise InputError(f"files of {env} must hold at least one finite return, got none")
    known = list(SPECS[env].return_range) if env in SPECS else []
    return [min([float(returns.min()), *known]), max([float(returns.max()), *known])]


def _space(recorded: Recorded) -> Any:
    """The space of the configs: bounds and choices are those that occur, a hyperparameter is conditional if it is null just
    where a choice has certain values.
    """
    from ConfigSpace import ConfigurationSpace, InCondition

    frame = _configs(recorded)
    space = ConfigurationSpace(space=[_hyperparameter(name, recorded.kinds[name], frame[name]) for name in frame])
    for name in frame.columns[frame.isna().any()]:
        choices = [other for other in frame if recorded.kinds[other] == "choice" and frame[other].notna().all()]
        active = frame[name].notna().to_numpy()
        values = {other: set(frame[other][active]) for other in choices}
        parent = next((o for o in choices if (frame[o].isin(values[o]).to_numpy() == active).all()), None)
        if parent is None:
            raise InputError(f"{_files(recorded)}: {name} must be null only where a choice switches it off, got others")
        space.add(InCondition(space[name], space[parent], [plain_value(value) for value in sorted(values[parent])]))
    return space


def _hyperparameter(name: str, kind: str, values: pd.Series) -> Any:
    from ConfigSpace import Categorical, Float, Integer

    known = sorted({plain_value(value) for value in values.dropna()})
    if not known:
        raise InputError(f"hyperparameter {name} must have a value in at least one config, got none")
    if kind == "choice" or len(known) == 1:
        return Categorical(name, known)
    if kind == "int":
        return Integer(name, (int(known[0]), int(known[-1])))
    return Float(name, (_outward(known[0], math.floor), _outward(known[-1], math.ceil)), log=kind == "log")


def _outward(bound: float, direction: Callable[[float], int]) -> float:
    """A bound to four digits, away from what lies within."""
    digits = 3 - math.floor(math.log10(abs(bound))) if bound else 0
    return float(f"{direction(bound * 10.0**digits)}e{-digits}")


def _check_keys(frame: pd.DataFrame, file: str) -> None:
    """Refuse rows that can't be assigned to a config, seed and evaluation."""
    for name in (*KEYS, "return_mean"):
        if (count := list(frame).count(name)) != 1:
            theirs = " or ".join(column for column, ours in _ARLBENCH_COLUMNS.items() if ours == name)
            raise InputError(f"{file} must have one column {theirs}, got {count or 'none'}")
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise InputError(f"{file}: {name} must be numbers, got {frame[name].iloc[0] if len(frame) else 'no row'!r}")
    if not len(frame):
        raise InputError(f"{file} must have rows, got none")
    for name in KEYS:
        if odd := int((frame[name].isna() | (frame[name] % 1 != 0) | (frame[name] < 0)).sum()):
            raise InputError(f"{file}: {name} must be a whole number in every row, got {odd} rows in which it is not")


def _read_frame(path: Path) -> pd.DataFrame:
    """A CSV or Parquet file."""
    try:
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except Exception as error:  # pandas and pyarrow each fail in their own way
        raise InputError(f"{str(path)!r} can't be read: {type(error).__name__}: {first_line(error)}") from error


def _json_files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        yield from sorted(path.rglob("*.json")) if path.is_dir() else [path]


def _value(kind: Callable[[str], float], text: str, path: Path) -> float:
    try:
        return kind(text)
    except ValueError as error:
        raise InputError(f"hyperparameters in the name of a file must be numbers, got {path.name!r}") from error


def _digest(files: Sequence[Path]) -> str:
    """The SHA-256 of a file; of several, that of their names and checksums."""
    sums = sorted((path.name, file_format.checksum(path)) for path in files)
    listing = "".join(f"{digest}  {name}\n" for name, digest in sums)
    return sums[0][1] if len(sums) == 1 else hashlib.sha256(listing.encode()).hexdigest()


def _files(recorded: Recorded) -> str:
    return recorded.files[0].name if len(recorded.files) == 1 else f"{len(recorded.files)} files of {recorded.task}"
