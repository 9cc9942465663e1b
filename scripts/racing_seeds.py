"""Measure what seeds are worth to random search: many configs under one seed, few under several, or a race.

Draws sets of recorded configs, chooses the best of each by a schedule, and scores it under seeds that the schedule has not
seen: mean final return on the scale of the env, 0 the worst and 1 the best, or of what the file has. A schedule is a list of
stages, such as 20x1:4x4: twenty configs under one seed, and the best four of them under four, so under three more. Equal
scores are ranked by the area under the learning curve, then by the worst seed (`curve`), or the `first` is taken.

Which seeds are seen changes with every draw. `low` and `high` are 95 % of bootstrap resamples over the configs of the file,
so they tell how far the numbers hold for other configs of the same space.

    python scripts/racing_seeds.py cc_cartpole_ppo.parquet cc_cartpole_dqn.parquet    # ARLBench's files
    python scripts/racing_seeds.py ppo/CartPole-v1 --seeds 3 --schedules 32x1,20x1:6x3
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

import landscapes
from arl import scores, statistics
from envs.registry import SPECS
from landscapes.importers import arlbench

NUM_TEST_SEEDS = 4
NUM_RESAMPLES, NUM_DRAWS = 100, 200  # resamples of the configs, and draws from each of them

Schedule = tuple[tuple[int, int], ...]  # (configs, seeds) of each stage
Curves = tuple[np.ndarray, np.ndarray, tuple[float, float]]  # env steps, returns (config, seed, point), return range


def schedule(text: str) -> Schedule:
    """Return the stages of a schedule, `20x1:4x4`."""
    return tuple((int(configs), int(seeds)) for configs, seeds in (stage.split("x") for stage in text.split(":")))


def cost(stages: Schedule) -> int:
    """Return how many runs a schedule trains."""
    before = (0, *(seeds for _, seeds in stages))
    return sum(configs * (seeds - trained) for (configs, seeds), trained in zip(stages, before, strict=False))


def read(name: str) -> Curves:
    """Return the curves of a file of ARLBench's, or of one of our landscapes; NaN stands for the worst return."""
    if not name.endswith((".parquet", ".csv")):
        landscape = landscapes.load(name)
        return np.array(landscape.steps), _filled(landscape.returns, landscape.return_range[0]), landscape.return_range
    raw = next(arlbench.read([Path(name)]))
    table = raw.points.pivot_table(index="config", columns=["seed", "env_steps"], values="return_mean")
    shape = (len(table), *(table.columns.get_level_values(level).nunique() for level in (0, 1)))
    returns = table.to_numpy().reshape(shape)
    env = raw.task.partition("/")[2]
    worst, best = (SPECS[env].return_range if env in SPECS else None) or (np.nanmin(returns), np.nanmax(returns))
    return table.columns.get_level_values(1).unique().to_numpy(), _filled(returns, worst), (worst, best)


def _filled(returns: np.ndarray, worst: float) -> np.ndarray:
    return np.where(np.isfinite(returns), returns, worst)


def best(final: np.ndarray, areas: np.ndarray, stages: Schedule, ties: str) -> int:
    """Return the config that a schedule chooses; `final` and `areas`: `(config, seed)`, in the order of asking."""
    chosen = np.arange(len(final))
    for num, seeds in stages:
        chosen = np.sort(chosen[:num])
        keys = [areas[chosen, :seeds].mean(axis=1), final[chosen, :seeds].mean(axis=1)]
        keys = [final[chosen, :seeds].min(axis=1), *keys] if ties == "curve" else keys[1:]
        chosen = chosen[np.lexsort([-key for key in keys])]  # the last key counts first; equals keep their order
    return int(chosen[0])


def measure(curves: Curves, schedules: Sequence[Schedule], num_seeds: int, ties: str, seed: int = 0) -> np.ndarray:
    """Return test scores `(resample, draw, schedule)` of what each schedule chooses."""
    steps, returns, (worst, top) = curves
    num_configs, all_seeds = returns.shape[:2]
    final = (returns[..., -1] - worst) / (top - worst)
    areas = np.apply_along_axis(lambda curve: scores.area(steps, curve), -1, returns)
    rng, most = np.random.default_rng(seed), max(stages[0][0] for stages in schedules)
    scored = np.empty((NUM_RESAMPLES, NUM_DRAWS, len(schedules)))
    for resample in range(NUM_RESAMPLES):
        pool = np.unique(rng.integers(num_configs, size=num_configs)) if resample else np.arange(num_configs)
        for draw in range(NUM_DRAWS):
            configs, seeds = rng.permutation(pool)[:most], rng.permutation(all_seeds)
            seen, unseen = seeds[:num_seeds], seeds[num_seeds : num_seeds + NUM_TEST_SEEDS]
            places = np.ix_(configs, seen)
            for i, stages in enumerate(schedules):
                config = configs[best(final[places], areas[places], stages, ties)]
                scored[resample, draw, i] = final[config, unseen].mean()
    return scored


def table(curves: Curves, schedules: Sequence[Schedule], num_seeds: int, ties: str) -> pd.DataFrame:
    """Return a row per schedule: its test score, and by how much it is better than the first one, with intervals."""
    means = measure(curves, schedules, num_seeds, ties).mean(axis=1)
    gains = means - means[:, :1]
    rows = []
    for i, stages in enumerate(schedules):
        (low, high), (gain_low, gain_high) = statistics.interval(means[:, i]), statistics.interval(gains[:, i])
        rows.append(
            {
                "ties": ties,
                "schedule": ", ".join(f"{configs}x{seeds}" for configs, seeds in stages),
                "runs": cost(stages),
                "score": means[:, i].mean(),
                "low": low,
                "high": high,
                "gain": gains[:, i].mean(),
                "gain_low": gain_low,
                "gain_high": gain_high,
            }
        )
    return pd.DataFrame(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("landscapes", nargs="+", help="files of ARLBench's, or names of our landscapes")
    parser.add_argument(
        "--schedules", default="32x1,10x3,8x4,20x1:4x4", help="comma-separated, stages with colons between"
    )
    parser.add_argument("--seeds", type=int, default=4, help="seeds that a schedule may see; up to 4 others test it")
    args = parser.parse_args()
    schedules = [schedule(text) for text in args.schedules.split(",")]
    for name in args.landscapes:
        print(Path(name).stem if name.endswith((".parquet", ".csv")) else name)
        tables = [table(read(name), schedules, args.seeds, ties) for ties in ("first", "curve")]
        print(pd.concat(tables).round(3).to_string(index=False), flush=True)


if __name__ == "__main__":
    main()
