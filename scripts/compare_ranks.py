"""Measure whether a comparison of tuners on tables ranks them as one by training does: Kendall's tau, with its uncertainty.

Takes the directories of two comparisons of the same task, fidelity, budget and score. Tuners are ranked by their mean test
score, with the whole budget spent and over all budget points. The intervals are of a bootstrap over repeats in both. Beside
it stands how well training agrees with itself: tau between random halves of its repeats, which have none in common. Whole
comparisons would agree better than halves.

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
    """Return test scores `(tuner, repeat)`: with the whole budget, and the mean over all budget points."""
    curves = pd.read_parquet(directory / "curves.parquet")
    last = curves[curves.point == curves.point.max()]
    return {
        "final": last.pivot_table(index="tuner", columns="repeat", values="score"),
        "area": curves.pivot_table(index="tuner", columns="repeat", values="score", aggfunc="mean"),
    }


def resampled_means(scores: pd.DataFrame, draw: np.random.Generator) -> np.ndarray:
    """Return mean scores `(tuner,)` over repeats drawn with replacement, for every tuner anew."""
    values = scores.to_numpy()
    columns = draw.integers(values.shape[1], size=values.shape)
    return np.take_along_axis(values, columns, axis=1).mean(axis=1)


def means_of_halves(scores: pd.DataFrame, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return mean scores `(tuner,)` over each of two random halves of the repeats, for every tuner anew."""
    shuffled = draw.permuted(scores.to_numpy(), axis=1)
    half = shuffled.shape[1] // 2
    return shuffled[:, :half].mean(axis=1), shuffled[:, half : 2 * half].mean(axis=1)


def tau(a: np.ndarray, b: np.ndarray) -> float:
    """Return Kendall's tau of two rankings of the same tuners."""
    return float(kendalltau(a, b).statistic)


def interval(values: list[float]) -> str:
    """Return the range that holds 95 % of the values."""
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
            tuners = [tuner for tuner in trained[name].index if tuner in tables[name].index]
            by_training, by_table = trained[name].loc[tuners], tables[name].loc[tuners]
            taus = [tau(resampled_means(by_training, draw), resampled_means(by_table, draw)) for _ in range(NUM_DRAWS)]
            with_itself = [tau(*means_of_halves(by_training, draw)) for _ in range(NUM_DRAWS)]
            means = pd.DataFrame({"trained": by_training.mean(axis=1), "tables": by_table.mean(axis=1)})
            repeats = f"{by_training.shape[1]} and {by_table.shape[1]} repeats"
            print(f"{directory}, {name} score: {len(tuners)} tuners, {repeats}")
            print(means.sort_values("trained", ascending=False).round(3).to_string())
            print(f"Kendall's tau {tau(means.trained, means.tables):.2f} {interval(taus)}, ", end="")
            half = by_training.shape[1] // 2
            print(
                f"of {half} repeats of training with {half} others {np.nanmean(with_itself):.2f} {interval(with_itself)}\n"
            )


if __name__ == "__main__":
    main()
