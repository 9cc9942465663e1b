"""Compare the landscapes that ship with the reference system's, which have other configs, without training.

A regression forest is fitted to the mean final scores of a file of the reference dataset and predicts those of our configs;
the rank correlation with what ours scored is set beside the forest's on configs of the reference that it has not seen, under
as many seeds: what two systems with one true landscape would come to.

    python scripts/compare_landscapes.py ppo/CartPole-v1=cc_cartpole_ppo.parquet dqn/Acrobot-v1=cc_acrobot_dqn.parquet

With `--pictures DIRECTORY`, a picture of each task: scores and predictions, and the mean score along each hyperparameter in
both landscapes, over the configs of each.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from compare_reference import bootstrap, draw, read_configs, read_scores
from sklearn.model_selection import cross_val_predict

import landscapes
from arl import spaces
from hpo import tasks
from landscapes import catalogue, forest, surrogate


def compare(task: str, path: Path, pictures: Path | None) -> dict[str, object]:
    """Return the row of a task; draw its picture in a directory if one is given."""
    space, ours = tasks.get(task).space, landscapes.load(task)
    scores = read_scores(path).dropna()
    theirs, few = scores.mean(axis=1), scores.iloc[:, : len(ours.seeds)].mean(axis=1)
    configs = read_configs(path, space)
    encoded = np.array([spaces.encode(space, configs[i]) for i in theirs.index])
    unseen = cross_val_predict(forest.regressor(), encoded, theirs.to_numpy(), cv=10)
    predicted = forest.regressor().fit(encoded, theirs.to_numpy()).predict(surrogate.of_landscape(ours).encoded)
    table = pd.DataFrame({"ours": ours.scores().score.to_numpy(), "theirs": predicted})
    if pictures:
        scored = ours.scores().set_index("config")
        systems = {
            "ours": (scored[list(space)], scored.score),
            "theirs": (pd.DataFrame.from_dict(configs, orient="index"), theirs),
        }
        draw(table, systems, task, pictures / f"{catalogue.directory_name(task)}.png", "predicted from theirs")
    unseen_scores = pd.DataFrame({"ours": few.to_numpy(), "theirs": unseen})
    return {
        "task": task,
        "ours": f"{len(table)} x {len(ours.seeds)}",
        "theirs": f"{len(scores)} x {scores.shape[1]}",
        "spearman": correlation(table),
        "on their own unseen configs": correlation(unseen_scores),
    }


def correlation(table: pd.DataFrame) -> str:
    """Return the rank correlation of two systems' scores, with the 95 % interval of a bootstrap over configs."""
    low, high = bootstrap(table)
    return f"{table.ours.corr(table.theirs, method='spearman'):.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pairs", nargs="+", metavar="TASK=FILE")
    parser.add_argument("--pictures", type=Path, help="directory to draw a picture of each task in")
    args = parser.parse_args()
    pairs = (pair.partition("=") for pair in args.pairs)
    rows = [compare(task, Path(path), args.pictures) for task, _, path in pairs]
    print(pd.DataFrame(rows).to_string(index=False))


if __name__ == "__main__":
    main()
