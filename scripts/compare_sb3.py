"""Compare our learning curves with stable-baselines3's under the same hyperparameters, on a task of every algorithm.

Both evaluate the deterministic policy at ten points: ours on 128 episodes, theirs on 30. It writes a picture (the mean,
and the range between the worst and the best seed) and a CSV with a row per system, seed and point; tasks in the CSV stay
unless they are run again. It prints the final mean and standard deviation of both systems, the difference in standard
errors, and by Welch's test the chance of such a difference if the systems were alike. `peers/run_sb3.py` says what is
matched, and what can't be.

    make peers
    .venv/bin/python scripts/compare_sb3.py [--seeds 5] [--tasks ppo/CartPole-v1 ...]
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
from scipy import stats

from arl import algorithms
from arl import config as configs
from arl.text import plural
from arl.training.runner import Run, Runner
from envs import vector
from hpo.reports import theme

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
NUM_POINTS = 10
NUM_EPISODES = 30  # of theirs: they play one after the other

# Env steps, and the hyperparameters that differ from our defaults; stable-baselines3 has no double Q, and never clips
# values as ours does. The settings are the usual ones of these tasks, rounded so that every point ends an iteration.
TASKS: dict[str, tuple[int, dict[str, Any]]] = {
    "ppo/CartPole-v1": (
        102_400,
        {
            "learning_rate": 1e-3,
            "anneal_steps": 102_400,
            "gamma": 0.98,
            "gae_lambda": 0.8,
            "vf_clip_eps": 1e9,
            "num_envs": 8,
            "num_steps": 32,
            "num_epochs": 20,
            "minibatch_size": 256,
        },
    ),
    "dqn/CartPole-v1": (
        50_000,
        {
            "learning_rate": 2.3e-3,
            "double_q": False,
            "num_envs": 1,
            "train_freq": 250,
            "gradient_steps": 125,
            "target_update_interval": 250,
            "exploration_fraction": 0.16,
            "final_epsilon": 0.04,
            "activation": "relu",
            "schedule_steps": 50_000,
        },
    ),
    "sac/Pendulum-v1": (
        10_000,
        {"learning_rate": 1e-3, "batch_size": 128, "num_envs": 1, "schedule_steps": 10_000},
    ),
    "dqn/planar/LunarLander": (
        100_000,
        {
            "learning_rate": 6.3e-4,
            "double_q": False,
            "num_envs": 1,
            "train_freq": 4,
            "gradient_steps": 4,
            "batch_size": 128,
            "buffer_size": 50_000,
            "target_update_interval": 250,
            "exploration_fraction": 0.12,
            "final_epsilon": 0.1,
            "hidden_size": 256,
            "activation": "relu",
            "schedule_steps": 100_000,
        },
    ),
}
THEIRS = {"planar/LunarLander": "LunarLander-v3"}  # what they train in, where it is not the env of that name


def main() -> None:
    args = parse_args()
    for folder in filter(None, (args.csv.parent, args.policies)):
        folder.mkdir(parents=True, exist_ok=True)
    curves = pd.read_csv(args.csv) if args.csv.exists() else pd.DataFrame({"task": []})
    for name in args.tasks:
        curves = pd.concat([curves[curves.task != name], curves_of_both(name, args).round(4)], ignore_index=True)
        curves.to_csv(args.csv, index=False)
    draw(curves, args.picture)
    report(curves)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="*", choices=TASKS, default=list(TASKS))
    parser.add_argument("--csv", type=Path, default=ROOT / "results/sb3.csv")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/sb3.png")
    parser.add_argument("--policies", type=Path, help="folder to save the networks in that they learn")
    parser.add_argument("--sb3-python", default=str(ROOT / ".venv-sb3/bin/python"))
    return parser.parse_args()


def curves_of_both(name: str, args: argparse.Namespace) -> pd.DataFrame:
    """Return the curves of both systems, a row per system, seed and point."""
    steps, changes = TASKS[name]
    points = [steps * i // NUM_POINTS for i in range(1, NUM_POINTS + 1)]
    ours, theirs = our_curves(name, changes, points, args.seeds), sb3_curves(name, changes, points, args)
    rows = [(name, "ours", *row) for row in ours] + [(name, "stable-baselines3", *row) for row in theirs]
    return pd.DataFrame(rows, columns=["task", "system", "seed", "env_steps", "return_mean"])


def our_curves(name: str, changes: dict[str, Any], points: list[int], num_seeds: int) -> list[tuple[int, int, float]]:
    """Return seed, env steps and mean return of every point of ours."""
    algorithm_name, env_name = name.split("/", 1)
    algorithm = algorithms.get(algorithm_name)
    config: Any = configs.make(algorithm.Config, changes)
    runs = [Run(config, seed, tuple(points)) for seed in range(num_seeds)]
    runner = Runner(algorithm, vector.make(env_name), num_configs=1, num_seeds=num_seeds)
    return [
        (runs[i].seed, int(env_steps), float(value))
        for block in runner.train(runs)
        for i, curve in block
        for env_steps, value in zip(curve.env_steps, curve.return_mean, strict=True)
    ]


def sb3_curves(
    name: str, changes: dict[str, Any], points: list[int], args: argparse.Namespace
) -> list[tuple[int, int, float]]:
    """Return the same of stable-baselines3, which runs in its own virtual environment."""
    algorithm, env = name.split("/", 1)
    config: Any = configs.make(algorithms.get(algorithm).Config, changes)
    task = {
        "algorithm": algorithm,
        "env": THEIRS.get(env, env),
        "config": configs.values(config),
        "points": points,
        "seeds": list(range(args.seeds)),
        "num_episodes": NUM_EPISODES,
        "policies": str(args.policies) if args.policies else None,
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(task, file)
        file.flush()
        command = [args.sb3_python, HERE / "peers/run_sb3.py", file.name]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True)
    return [
        (curve["seed"], point, value)
        for curve in json.loads(done.stdout)["curves"]
        for point, value in zip(points, curve["returns"], strict=True)
    ]


def report(curves: pd.DataFrame) -> None:
    """Print how far the curves of both systems are apart."""
    for name, of_task in curves.groupby("task", sort=False):
        table = of_task.pivot_table(index="env_steps", columns=["system", "seed"], values="return_mean")
        ours, theirs = table["ours"], table["stable-baselines3"]
        final = stats.ttest_ind(ours.iloc[-1], theirs.iloc[-1], equal_var=False)
        area = stats.ttest_ind(ours.mean(), theirs.mean(), equal_var=False)
        meet = (ours.max(axis=1) >= theirs.min(axis=1)) & (theirs.max(axis=1) >= ours.min(axis=1))
        print(f"{name}, {ours.shape[1]} seeds: the seeds' ranges meet at {meet.sum()} of {len(meet)} points")
        print(f"  final: {spread(ours.iloc[-1])} ours, {spread(theirs.iloc[-1])} theirs, {difference(final)}")
        print(f"  mean of all points: {spread(ours.mean())} ours, {spread(theirs.mean())} theirs, {difference(area)}")


def spread(values: pd.Series) -> str:
    """Return mean and standard deviation as text."""
    return f"{values.mean():.1f} +- {values.std():.1f}"


def difference(test: Any) -> str:
    """Return the result of Welch's test as text."""
    if np.isnan(test.pvalue):  # both the same without any spread
        return "no difference"
    return f"{test.statistic:+.1f} standard errors (p = {test.pvalue:.2f})"


def draw(curves: pd.DataFrame, path: Path) -> None:
    """Draw the mean over seeds of both systems, and the band of all seeds, a panel per task."""
    num_seeds = curves.groupby("system").seed.nunique()
    words = {system: f"{system}, {plural(num, 'seed')}" for system, num in num_seeds.items()}
    rows = curves[["task", "env_steps", "return_mean"]].assign(system=curves.system.map(words))
    systems = [words["ours"], words["stable-baselines3"]]
    base = alt.Chart(theme.data(rows)).encode(
        x=alt.X("env_steps:Q", title="env steps", axis=theme.steps_axis(tickCount=5)),
        color=theme.named(alt.Color, "system", theme.palette(systems), theme.legend()),
    )
    title = "episode return"
    layers = alt.layer(
        base.mark_area(opacity=0.15).encode(y=alt.Y("min(return_mean):Q", title=title), y2="max(return_mean):Q"),
        base.mark_line(strokeWidth=2).encode(y=alt.Y("mean(return_mean):Q", title=title)),
    ).properties(width=300, height=220)
    panels = layers.facet(column=alt.Column("task:N", title=None, sort=list(TASKS)))
    theme.save(panels.resolve_scale(x="independent", y="independent"), path)


if __name__ == "__main__":
    main()
