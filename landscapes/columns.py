"""The columns of a landscape's tables: their types, and what they mean."""

from typing import NamedTuple

import pyarrow.parquet as pq
from pyarrow import DataType

from arl import spaces
from landscapes.dataset import Landscape

# What a row of each table is, and the columns that tell rows apart.
ROWS = {
    "configs": "a row per config",
    "runs": "a row per config and seed",
    "curves": "a row per config, seed and evaluation point, also where there is no return",
}
KEYS = {"configs": ["config"], "runs": ["config", "seed"], "curves": ["config", "seed", "point"]}

_MEANINGS = {
    "config": "number of the config",
    "seed": "seed of the run",
    "status": "`completed`, `diverged` (a return was no finite number), `failed` (could not be trained) or, in imported "
    "landscapes, `missing` (the source lacks at least one point)",
    "score": "mean return of the last evaluation; the worst of the return range if the run diverged or failed, null where "
    "an imported run has none",
    "point": "number of the evaluation, from 0",
    "return_mean": "mean return over the episodes of the evaluation, null once the run has diverged or failed",
    "return_std": "standard deviation of the return over the episodes",
    "episode_length_mean": "mean length of the episodes, in env steps",
}
_ENV_STEPS = {"runs": "env steps trained", "curves": "env steps trained before the evaluation"}
_METRICS = {
    "policy_loss": "loss of the policy",
    "value_loss": "loss of the value function",
    "q_loss": "loss of the action values",
    "td_error": "absolute temporal-difference error",
    "q_value": "action value of the sampled transitions",
    "value": "value of the visited states",
    "entropy": "entropy of the policy",
    "alpha": "temperature of the entropy bonus",
    "kl": "KL divergence of the updated policy from the one that collected",
    "clip_fraction": "share of the ratios that were clipped",
    "explained_variance": "share of the returns' variance that the value function explains",
    "exploration_rate": "probability of a random action",
    "grad_norm": "norm of the gradients",
    "grad_norm_variance": "variance of the gradients' norm over updates",
    "episode_length": "env steps per finished training episode",
    "episode_return": "return per finished training episode",
}


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        type: its type in Parquet.
        meaning: what it holds, as text.
    """

    name: str
    type: DataType
    meaning: str


def of_table(landscape: Landscape, table: str) -> list[Column]:
    """Return the columns of a landscape's table, in the order of its file."""
    schema = pq.read_schema(landscape.directory / f"{table}.parquet")
    return [Column(field.name, field.type, _meaning(landscape, table, field.name)) for field in schema]


def _meaning(landscape: Landscape, table: str, name: str) -> str:
    if table == "configs" and name in landscape.space:
        return _hyperparameter(landscape, name)
    if name == "env_steps":
        return _ENV_STEPS[table]
    if name in _MEANINGS:
        return _MEANINGS[name]
    metric = _METRICS.get(name, name.replace("_", " "))
    return f"{metric}, mean over the training since the evaluation before"


def _hyperparameter(landscape: Landscape, name: str) -> str:
    """Return the values that a hyperparameter may have, and when it is active."""
    values = spaces.describe(landscape.space[name])
    meaning = f"hyperparameter {values}" if values.startswith("in ") else f"hyperparameter, {values}"
    conditions = landscape.metadata["space"].get("conditions", [])
    condition = next((condition for condition in conditions if condition.get("child") == name), None)
    if condition is None:
        return meaning
    needed = condition.get("values", [condition.get("value")])
    return f"{meaning}; null unless {condition['parent']} is {' or '.join(map(str, needed))}"
