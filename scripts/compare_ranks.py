"""Whether a comparison of tuners on tables ranks them as one by training does: Kendall's tau, with its uncertainty.

Takes the directories of two comparisons of the same task, fidelity, budget and score. Tuners are ranked by their mean test
score, with the whole budget spent and over all budget points. The intervals are of a bootstrap over repeats in both; the
ceiling is the tau between two draws of the repeats by training, which tables could not surpass.

    arl compare --tuners random,tpe,dehb --tasks ppo/CartPole-v1 --seeds 1 --test-seeds 1 --name trained
    arl compare --tuners random,tpe,dehb --tasks ppo/CartPole-v1 --seeds 1 --test-seeds 1 --objective table --name looked-up
    python scripts/compare_ranks.py results/trained results/looked-up
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import kendalltau

NUM_DRAWS = 2000


def scores(directory: Path) -> dict[str, pd.DataFrame]:
    """Test scores `(tuner, repeat)`: with the whole budget, and the mean over all budget points."""
    curves = pd.read_parquet(directory / "curves.parquet")
    last = curves[curves.point == curves.point.max()]
    return {
        "final": last.pivot_table(index="tuner", columns="repeat", values="score"),
        "area": curves.pivot_table(index="tuner", columns="repeat", values="score", aggfunc="mean"),
    }


def drawn(known: pd.DataFrame, draw: np.random.Generator) -> np.ndarray:
    """Mean scores `(tuner,)` over repeats drawn anew, of each tuner apart."""
    values = known.to_numpy()
    places = draw.integers(values.shape[1], size=values.shape)
    return np.take_along_axis(values, places, axis=1).mean(axis=1)


def tau(one: np.ndarray, other: np.ndarray) -> float:
    return float(kendalltau(one, other).statistic)


def interval(values: list[float]) -> str:
    low, high = np.nanquantile(values, [0.025, 0.975])
    return f"[{low:.2f}, {high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trained", type=Path)
    parser.add_argument("tables", type=Path, nargs="+")
    args = parser.parse_args()
    trained, draw = scores(args.trained), np.random.default_rng(0)
    for directory in args.tables:
        tables = scores(directory)
        for name in trained:
            both = [tuner for tuner in trained[name].index if tuner in tables[name].index]
            one, other = trained[name].loc[both], tables[name].loc[both]
            found = [tau(drawn(one, draw), drawn(other, draw)) for _ in range(NUM_DRAWS)]
            ceiling = [tau(drawn(one, draw), drawn(one, draw)) for _ in range(NUM_DRAWS)]
            means = pd.DataFrame({"trained": one.mean(axis=1), "tables": other.mean(axis=1)})
            print(f"{directory}, {name} score: {len(both)} tuners, {one.shape[1]} and {other.shape[1]} repeats")
            print(means.sort_values("trained", ascending=False).round(3).to_string())
            print(f"Kendall's tau {tau(means.trained, means.tables):.2f} {interval(found)}, ", end="")
            print(f"of training with itself {np.nanmean(ceiling):.2f} {interval(ceiling)}\n")


if __name__ == "__main__":
    main()
