"""ARLBench's landscapes (Becktepe, Dierkes et al. 2024).

One file per task, CSV as published or Parquet, named `ENV_ALGORITHM`: a row per config, seed and evaluation, with the columns
`config_id` (or `run_id`), `seed`, `training_steps` (or `budget`), `performance`, and `hp_config.*`, which are empty where
inactive.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from arl.errors import InputError, first_line, unknown
from landscapes.importers.raw import KEYS, Format, Kind, RawLandscape

NUM_EPISODES = 128

# ARLBench's names of hyperparameters: ours, and their kind in its spaces.
_HYPERPARAMETERS: dict[str, tuple[str, Kind]] = {
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
_COLUMNS = {
    "run_id": "config",
    "config_id": "config",
    "seed": "seed",
    "budget": "env_steps",
    "training_steps": "env_steps",
    "performance": "return_mean",
}
_PREFIX = "hp_config."
_ENVS = {
    "cc_cartpole": "CartPole-v1",
    "cc_acrobot": "Acrobot-v1",
    "cc_pendulum": "Pendulum-v1",
    "cc_mountain_car": "MountainCar-v0",
    "cc_continuous_mountain_car": "MountainCarContinuous-v0",
}


def read(paths: Sequence[Path]) -> Iterator[RawLandscape]:
    """Read a landscape from each file.

    Raises:
        InputError: a file that is named otherwise, can't be read, or lacks a column.
    """
    return (_read(path) for path in paths)


FORMAT = Format(
    read,
    source="ARLBench",
    url="https://huggingface.co/datasets/autorl-org/arlbench",
    version="doi:10.57967/hf/3200",
    licence="bsd-3-clause",
)


def _read(path: Path) -> RawLandscape:
    env, _, algorithm = path.stem.rpartition("_")
    if not env or algorithm not in ("ppo", "dqn", "sac"):
        raise InputError(f"file must be named ENV_ALGORITHM, such as cc_cartpole_ppo.csv, got {path.name!r}")
    frame = _read_frame(path)
    names = {column: column.removeprefix(_PREFIX) for column in frame if column.startswith(_PREFIX)}
    for column in frame:
        if column not in _COLUMNS and names.get(column) not in _HYPERPARAMETERS:
            allowed = [*_COLUMNS, *(_PREFIX + name for name in _HYPERPARAMETERS)]
            raise InputError(f"{path.name}: {unknown('column', column, allowed)}")
    kinds = dict(_HYPERPARAMETERS[name] for name in names.values())
    ours = {column: _HYPERPARAMETERS[name][0] for column, name in names.items()}
    frame = frame.rename(columns={**_COLUMNS, **ours})
    _check_keys(frame, path.name)
    by_config = frame.groupby("config")[list(kinds)]
    if not kinds or (by_config.nunique(dropna=False) > 1).to_numpy().any():
        raise InputError(f"{path.name} must have the same hyperparameters in every row of a config, got others")
    configs = frame.drop_duplicates("config").set_index("config")[list(kinds)].sort_index()
    task = f"{algorithm}/{_ENVS.get(env, env)}"
    return RawLandscape(task, [path], configs, kinds, frame[[*KEYS, "return_mean"]], NUM_EPISODES)


def _read_frame(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
    except Exception as error:  # pandas and pyarrow each fail in their own way
        raise InputError(f"{str(path)!r} can't be read: {type(error).__name__}: {first_line(error)}") from error


def _check_keys(frame: pd.DataFrame, file: str) -> None:
    """Refuse rows that can't be assigned to a config, seed and evaluation."""
    for name in (*KEYS, "return_mean"):
        if (count := list(frame).count(name)) != 1:
            theirs = " or ".join(column for column, ours in _COLUMNS.items() if ours == name)
            raise InputError(f"{file} must have one column {theirs}, got {count or 'none'}")
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise InputError(f"{file}: {name} must be numbers, got {frame[name].iloc[0] if len(frame) else 'no row'!r}")
    if not len(frame):
        raise InputError(f"{file} must have rows, got none")
    for name in KEYS:
        if odd := int((frame[name].isna() | (frame[name] % 1 != 0) | (frame[name] < 0)).sum()):
            raise InputError(f"{file}: {name} must be a whole number in every row, got {odd} rows in which it is not")
