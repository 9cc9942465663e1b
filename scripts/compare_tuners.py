"""Compare all tuners that landscapes can answer on all landscapes of the package, at several budgets; nothing is trained.

Landscapes of a single seed are left out: there must be one to tune and one to test under. Populations are, too: their trials
go on from agents of other configs, which no landscape has. `gp` takes part if it is named; it needs the extra `gp`. Each
budget is a comparison of its own under `--out`, with its report, and goes on where it was stopped. Printed are the scores,
what the comparison can tell, and CPU seconds per task-repeat, so that a few task-repeats say what all of them will take:

    python scripts/compare_tuners.py --task-repeats 8
    python scripts/compare_tuners.py --budgets 16,32,64,128 --task-repeats 190 --out results/tuners
"""

import argparse
import math
import resource
import time
from pathlib import Path

import hpo
from arl.text import plural
from hpo import tuners
from hpo.cli import commands, parsing, printing
from hpo.reports.comparison_report import write_report
from landscapes import catalogue

POPULATIONS = ("pbt", "pb2")
LEFT_OUT = (
    *POPULATIONS,
    "default",
    "external",
    "gp",
    "grid",
)  # a baseline; needs options; needs torch; too many points
LEAST_SEEDS = 2


def landscapes_of_several_seeds() -> list[str]:
    """Return the names of the tasks whose landscapes, in the published space, have seeds to tune and to test under."""
    ships = [landscape for landscape in catalogue.available().values() if landscape.ships]
    return [one.name for one in ships if one.name == one.task and len(one.seeds) >= LEAST_SEEDS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budgets", type=parsing.listed, default=["16", "32", "64", "128"])
    parser.add_argument("--task-repeats", type=int, default=190)
    chosen = [name for name in tuners.names() if name not in LEFT_OUT]
    parser.add_argument("--tuners", type=parsing.listed, default=chosen)
    parser.add_argument("--tasks", type=parsing.listed, default=landscapes_of_several_seeds())
    parser.add_argument("--objective", default="surrogate")
    parser.add_argument("--score", default="auc")
    parser.add_argument("--out", type=Path, default=Path("results/tuners"))
    args = parser.parse_args()
    for budget in args.budgets:
        compare(args, float(budget))


def compare(args: argparse.Namespace, budget: float) -> None:
    """Run the comparison of one budget, write its report, and print what it says and what it cost."""
    directory = args.out / f"budget-{budget:g}"
    directory.mkdir(parents=True, exist_ok=True)
    repeats = math.ceil(args.task_repeats / len(args.tasks))
    began = time.process_time()
    comparison = hpo.compare(
        args.tuners,
        args.tasks,
        repeats=repeats,
        budget=budget,
        objective=args.objective,
        score=args.score,
        name=f"budget-{budget:g}",
        store=directory / "store.sqlite",
    )
    swept = time.process_time()
    command = commands.of_comparison(comparison.name, comparison.settings)
    written = [write_report(comparison, directory / "report.html", command), *comparison.export(directory)]
    reported = time.process_time()
    printing.print_comparison(comparison, written)
    num = len(args.tasks) * repeats
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"budget {budget:g}: {plural(num, 'task-repeat')} of {plural(len(comparison.tuners), 'tuner')}, "
        f"{(swept - began) / num:.1f} CPU s each and {reported - swept:.0f} s for the report, {memory:.1f} GiB of memory\n",
        flush=True,
    )


if __name__ == "__main__":
    main()
