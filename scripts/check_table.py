"""Table = training: random trials answered from a landscape and freshly trained, compared number by number.

Trained in lanes of the landscape's width and rows; on the kind of device that it was made on, every number must be the same.

    .venv/bin/python scripts/check_table.py [--landscape ppo/CartPole-v1] [--trials 50]
"""

import argparse
import sys

import numpy as np

import hpo
import landscapes
from arl.training.runner import Runner
from hpo import tasks
from hpo.objectives.training import Training
from hpo.trial import Trial


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landscape", default="ppo/CartPole-v1")
    parser.add_argument("--trials", type=int, default=50)
    args = parser.parse_args()
    landscape = landscapes.load(args.landscape)
    task, lanes, seeds = tasks.of_landscape(landscape), landscape.metadata["lanes"], landscape.seeds
    table = hpo.objective("exact", landscape)
    draw = np.random.default_rng(0)
    configs = landscape.plain_configs
    numbers = draw.choice(len(configs), args.trials, replace=args.trials > len(configs))
    trials = [
        Trial(i, configs[number], task.fidelity, seeds=(int(draw.choice(seeds)),)) for i, number in enumerate(numbers)
    ]
    algorithm, env = task.algorithm, task.env
    runner = Runner(algorithm, env, 1, 1, task.num_episodes, lanes=(lanes["width"], lanes["rows"]))
    trained = {record.trial: record for record in Training(task, seeds, args.trials, runner).evaluate(trials)}
    known = {record.trial: record for record in table.evaluate(trials)}
    same = [str(known[i].runs[0].points) == str(trained[i].runs[0].points) for i in trained]
    gaps = [abs(known[i].score - trained[i].score) for i in trained]
    print(
        f"{landscape.name}: {sum(same)} of {len(same)} trials equal in every number; largest gap of a score {max(gaps):g}"
    )
    sys.exit(not all(same))


if __name__ == "__main__":
    main()
