"""Compare our landscape with the reference system's, on its configs: rank correlation, noise ceiling, outliers.

Trains the configs of one of the reference dataset's landscape files (columns `run_id, budget, performance, seed,
hp_config.*`) at the task's published settings, one sweep per seed, so that training can be stopped, resumed and prolonged;
then compares the mean final scores.

The noise ceiling is what the correlation would be if both systems had the same true landscape: with reliabilities r_ours
and r_theirs of the means over seeds (from the correlation between halves of the seeds, by Spearman and Brown's formula),
it is sqrt(r_ours r_theirs).

    python scripts/compare_reference.py ppo/CartPole-v1 cc_cartpole_ppo.parquet --seeds 3
    python scripts/compare_reference.py dqn/Acrobot-v1 cc_acrobot_dqn.parquet --seeds 2 --configs 64
"""

import argparse
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from ConfigSpace import ConfigurationSpace
from ConfigSpace.hyperparameters import Hyperparameter

from arl import spaces
from arl.scalars import Scalar
from hpo import sweeps, tasks
from hpo.records import Store, load_sweep
from hpo.reports import theme
from hpo.trial import Result, Trial
from landscapes.importers import arlbench

PANEL = {"width": 200, "height": 150}  # px
BATCH = 64  # the same for every sweep, so that one of few configs can be prolonged

Configs = dict[int, dict[str, Scalar]]  # by the id of the config


class Recorded:
    """A tuner that asks for the configs of a landscape file, in the order of their ids."""

    def __init__(self, space: ConfigurationSpace, fidelity: int, path: str):
        self.trials = iter([Trial(int(i), config, fidelity) for i, config in read_configs(Path(path), space).items()])

    def ask(self, n: int) -> list[Trial]:
        """Return the next trials."""
        return list(itertools.islice(self.trials, n))

    def tell(self, results: list[Result]) -> None:
        """Learn nothing."""


def read_configs(path: Path, space: ConfigurationSpace) -> Configs:
    """Return the configs of a landscape file by id, under our names and of the types of the space.

    Inactive hyperparameters, NaN in the file, are left out.
    """
    table = next(arlbench.read([path])).configs
    rows = {i: {name: table[name][i] for name in table if not pd.isna(table[name][i])} for i in table.index}
    return {i: {name: _typed(space[name], value) for name, value in row.items()} for i, row in rows.items()}


def _typed(hyperparameter: Hyperparameter, value: Any) -> Scalar:
    """Return a value of the hyperparameter's type: the file has floats where a column has NaN, some a little out of range."""
    choices = spaces.choices(hyperparameter)
    if choices is not None:
        return next(choice for choice in choices if choice == value)
    kind = int if isinstance(hyperparameter.default_value, int) else float
    return kind(min(max(value, hyperparameter.lower), hyperparameter.upper))


def read_scores(path: Path) -> pd.DataFrame:
    """Return the final scores `(config, seed)` of a landscape file."""
    points = next(arlbench.read([path])).points
    last = points[points.env_steps == points.env_steps.max()]
    return last.pivot_table(index="config", columns="seed", values="return_mean")


def our_scores(task: str, path: Path, configs: int, seeds: int, store: Store) -> pd.DataFrame:
    """Return the final scores `(config, seed)` of the same configs, trained here unless they are on record."""
    columns = {}
    for seed in range(seeds):
        name, settings = f"reference-{path.stem}-seed{seed}", {"seeds": [seed], "options": {"path": str(path)}}
        record = sweeps.sweep(task, Recorded, trials=configs, batch=BATCH, name=name, store=store, **settings)
        columns[seed] = load_sweep(record.name, store).trials.set_index("trial").score
        print(f"seed {seed}: {configs} configs, mean score {columns[seed].mean():.1f}, {record.timing}", flush=True)
    return pd.DataFrame(columns)


def reliability(scores: pd.DataFrame, splits: int = 200) -> float:
    """Return the rank reliability of the mean over all seeds.

    It is the mean correlation between random halves of the seeds, stepped up to all seeds by Spearman and Brown's formula.
    """
    draw = np.random.default_rng(0)
    half = scores.shape[1] // 2
    halves = []
    for _ in range(splits):
        order = draw.permutation(scores.columns)
        halves.append(_spearman(scores[order[:half]].mean(axis=1), scores[order[half : 2 * half]].mean(axis=1)))
    single = np.mean(halves) / (half - (half - 1) * np.mean(halves))
    return scores.shape[1] * single / (1 + (scores.shape[1] - 1) * single)


def compare(ours: pd.DataFrame, theirs: pd.DataFrame, configs: pd.DataFrame, worst: int = 8) -> pd.DataFrame:
    """Print how far both systems agree and where they do not; return their mean scores, a row per config."""
    table = pd.DataFrame({"ours": ours.mean(axis=1), "theirs": theirs.mean(axis=1)}).dropna()
    correlation = _spearman(table.ours, table.theirs)
    low, high = bootstrap(table)
    print(f"{len(table)} configs, {ours.shape[1]} seeds of ours, {theirs.shape[1]} of theirs")
    print(f"mean final score: ours {table.ours.mean():.1f}, theirs {table.theirs.mean():.1f}")
    print(f"Spearman correlation: {correlation:.3f} [{low:.3f}, {high:.3f}] (95 % bootstrap over configs)")
    r_theirs = reliability(theirs)
    print(f"reliability of their mean over {theirs.shape[1]} seeds: {r_theirs:.3f}")
    if ours.shape[1] > 1:
        r_ours = reliability(ours)
        print(f"reliability of our mean over {ours.shape[1]} seeds: {r_ours:.3f}")
        print(f"noise ceiling: {np.sqrt(r_ours * r_theirs):.3f}")
    by_seeds = {
        k: np.mean([_spearman(ours[list(s)].mean(axis=1), table.theirs) for s in itertools.combinations(ours, k)])
        for k in range(1, ours.shape[1] + 1)
    }
    print("correlation by number of our seeds: " + ", ".join(f"{k}: {value:.3f}" for k, value in by_seeds.items()))
    among_theirs = {k: _theirs_against_theirs(theirs, k) for k in (1, 3, 5) if k < theirs.shape[1]}
    print("their k seeds against their others:  " + ", ".join(f"{k}: {value:.3f}" for k, value in among_theirs.items()))
    ranks = table.rank(pct=True)
    farthest = (ranks.ours - ranks.theirs).abs().sort_values(ascending=False).index[:worst]
    print("largest differences of rank:")
    print(table.join(configs).loc[farthest].round(4).to_string())
    return table


def bootstrap(table: pd.DataFrame, repetitions: int = 1000) -> tuple[float, float]:
    """Return the 95 % interval of the rank correlation, of a bootstrap over configs."""
    draw = np.random.default_rng(0)
    samples = [table.iloc[draw.integers(len(table), size=len(table))] for _ in range(repetitions)]
    low, high = np.quantile([_spearman(sample.ours, sample.theirs) for sample in samples], [0.025, 0.975])
    return low, high


def draw(
    pairs: pd.DataFrame,
    systems: Mapping[str, tuple[pd.DataFrame, pd.Series]],
    task: str,
    path: Path,
    their_scores: str = "their mean score",
) -> None:
    """Draw the scores of both systems against each other, and their mean scores along every hyperparameter.

    Args:
        pairs: scores of the same configs, columns `ours` and `theirs`.
        systems: by name, the configs and the mean scores of a system to draw along the hyperparameters.
        task: the title.
        path: a PNG, SVG or PDF file.
        their_scores: the title of the axis of their scores.
    """
    space = tasks.get(task).space
    x, y = alt.X("theirs:Q", title=their_scores), alt.Y("ours:Q", title="our mean score")
    scatter = alt.Chart(theme.data(pairs[["theirs", "ours"]])).mark_point(color=theme.color("point"), size=25)
    low, high = float(pairs.min().min()), float(pairs.max().max())
    same = alt.Chart(theme.data([{"theirs": end, "ours": end} for end in (low, high)]))
    equal = same.mark_line(color=theme.color("rule"), strokeWidth=1.5)
    first = alt.layer(equal.encode(x=x, y=y), scatter.encode(x=x, y=y)).properties(**PANEL)
    panels = [_means(systems, name, space[name]) for name in space]
    theme.save(alt.concat(first, *panels, columns=4, title=task), path)
    print(path)


def _means(
    systems: Mapping[str, tuple[pd.DataFrame, pd.Series]], name: str, hyperparameter: Hyperparameter
) -> alt.LayerChart:
    """Return the mean scores of the systems along a hyperparameter, with two standard errors."""
    choices, log = spaces.choices(hyperparameter), bool(getattr(hyperparameter, "log", False))
    tables = []
    for system, (configs, scores) in systems.items():
        places, bins = _bins(configs[name].reindex(scores.index), choices)
        means = scores.groupby(bins).agg(["mean", "sem"])
        low, high = means["mean"] - 2 * means["sem"], means["mean"] + 2 * means["sem"]
        tables.append(pd.DataFrame({"place": places[means.index], "mean": means["mean"], "low": low, "high": high}))
        tables[-1]["system"] = system
    rows = pd.concat(tables)
    color = theme.named(alt.Color, "system", theme.palette(systems), theme.legend())
    if choices is None:
        scale, axis = theme.number_axis(list(rows.place), log, ticks=5)
        x = alt.X("place:Q", title=name, scale=scale, axis=axis)
    else:
        x = alt.X("place:N", title=name, sort=[str(choice) for choice in choices], axis=alt.Axis(labelAngle=0))
    base, title = alt.Chart(theme.data(rows)).encode(x=x, color=color), "mean score"
    return alt.layer(
        base.mark_rule().encode(y=alt.Y("low:Q", title=title), y2="high:Q"),
        base.mark_line(point=True).encode(y=alt.Y("mean:Q", title=title)),
    ).properties(**PANEL)


def _bins(values: pd.Series, choices: Sequence | None, num: int = 8) -> tuple[pd.Series, pd.Series]:
    """Return the place of every bin on the axis, and the bin of every config; bins hold equally many configs, or a choice."""
    if choices is not None:
        places = pd.Series([str(choice) for choice in choices])
        return places, values.map({choice: i for i, choice in enumerate(choices)})
    bins = pd.qcut(values.astype(float), num, labels=False)
    return values.astype(float).groupby(bins).median(), bins


def _theirs_against_theirs(theirs: pd.DataFrame, k: int) -> float:
    """Return the mean rank correlation between `k` random seeds and the others."""
    draw = np.random.default_rng(0)
    orders = [draw.permutation(theirs.columns) for _ in range(100)]
    return float(np.mean([_spearman(theirs[o[:k]].mean(axis=1), theirs[o[k:]].mean(axis=1)) for o in orders]))


def _spearman(a: pd.Series, b: pd.Series) -> float:
    return float(a.corr(b, method="spearman"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task")
    parser.add_argument("file", type=Path)
    parser.add_argument("--configs", type=int, default=256, help="how many of the file's configs, the first ones")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--store", default="results/reference.sqlite")
    parser.add_argument(
        "--picture", type=Path, help="PNG, SVG or PDF to write: both systems' scores, and along each hyperparameter"
    )
    args = parser.parse_args()
    ours = our_scores(args.task, args.file, args.configs, args.seeds, Store(args.store))
    configs = pd.DataFrame.from_dict(read_configs(args.file, tasks.get(args.task).space), orient="index")
    table = compare(ours, read_scores(args.file), configs)
    if args.picture:
        draw(table, {system: (configs, table[system]) for system in table}, args.task, args.picture)


if __name__ == "__main__":
    main()
