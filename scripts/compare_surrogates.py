"""Measure how well models predict configs that a landscape has not, and how like that of its runs a surrogate's noise is.

    .venv/bin/python scripts/compare_surrogates.py    # of the landscapes that ship, those of 100 configs or more
    .venv/bin/python scripts/compare_surrogates.py --landscapes ppo/CartPole-v1 dqn/CartPole-v1 --json FILE

Prints three tables in Markdown, with `--json` also every figure. Models are cross-validated over 5 folds of the configs; R2,
rank correlation (`rho`, and within the top quarter) and the bias in the top tenth are those of `landscapes.accuracy`, for
the scores `final` and `auc`. `peak` is the highest prediction among 2,000 random configs, minus what the best recorded config
scores under seeds that did not choose it. Biases and peaks are in percent of the return range. Seconds are of the CPU.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor
from sklearn.multioutput import MultiOutputRegressor

from arl import spaces
from landscapes import accuracy, catalogue, curve_model, forest, scoring
from landscapes.accuracy import Accuracy
from landscapes.curve_model import CurveModel
from landscapes.dataset import Landscape
from landscapes.surrogate import Model, Surrogate, cross_validated

NUM_COMPONENTS = 3
NUM_RANDOM = 2000
NUM_DRAWN = 40  # seeds under which noise is drawn
FEWEST_CONFIGS = 100


class Nearest:
    """The curve of the nearest config, as `--objective table` has it."""

    def __init__(self, encoded: np.ndarray, curves: np.ndarray):
        self.encoded, self.curves = encoded, curves

    def predict(self, encoded: np.ndarray) -> np.ndarray:
        distances = np.abs(encoded[:, None] - self.encoded).sum(axis=2)
        return self.curves[distances.argmin(axis=1)]


class Forest:
    """The forest of the analyses."""

    regressor = staticmethod(forest.regressor)

    def __init__(self, encoded: np.ndarray, curves: np.ndarray):
        self.fitted = self.regressor().fit(encoded, curves)

    def predict(self, encoded: np.ndarray) -> np.ndarray:
        return self.fitted.predict(encoded)


class ExtraTrees(Forest):
    """Extremely randomized trees, which interpolate."""

    regressor = staticmethod(lambda: ExtraTreesRegressor(100, max_features=0.7, random_state=0))


class Components:
    """A model for each principal component of the curves."""

    def __init__(self, encoded: np.ndarray, curves: np.ndarray):
        self.components = PCA(min(NUM_COMPONENTS, *curves.shape)).fit(curves)
        self.fitted = self.fit(encoded, self.components.transform(curves))

    def fit(self, encoded: np.ndarray, values: np.ndarray) -> Any:
        trees = GradientBoostingRegressor(
            n_estimators=200, learning_rate=0.05, max_depth=4, subsample=0.7, random_state=0
        )
        return MultiOutputRegressor(trees).fit(encoded, values)

    def predict(self, encoded: np.ndarray) -> np.ndarray:
        return self.components.inverse_transform(self.fitted.predict(encoded))


class OwnScale(CurveModel):
    """The process on the returns' own scale."""

    scale = staticmethod(curve_model.standardized)


class OfComponents(Components):
    """A process with a kernel of its own for each principal component."""

    def fit(self, encoded: np.ndarray, values: np.ndarray) -> Any:
        self.processes = [OwnScale(encoded, column[:, None]) for column in values.T]
        return self

    def predict(self, encoded: np.ndarray) -> np.ndarray:
        values = np.hstack([process.predict(encoded) for process in self.processes])
        return self.components.inverse_transform(values)


class Ranks(CurveModel):
    """The process on the scale of ranks."""

    scale = staticmethod(curve_model.normal_scores)


MODELS: dict[str, Callable[[np.ndarray, np.ndarray], Model]] = {
    "nearest config": Nearest,
    "random forest": Forest,
    "extremely randomized trees": ExtraTrees,
    "gradient boosting of 3 components": Components,
    "process per component": OfComponents,
    "process, returns": OwnScale,
    "process, ranks": Ranks,
    "process, half of each": CurveModel,
}


def main() -> None:
    args = parse_args()
    surrogates = [Surrogate(landscape) for landscape in chosen(args.landscapes)]
    models = pd.DataFrame(row for surrogate in surrogates for row in rows_of_models(surrogate))
    noise = pd.DataFrame(row_of_noise(surrogate) for surrogate in surrogates if len(surrogate.landscape.seeds) > 1)
    means = models.drop(columns="landscape").groupby("model", sort=False).mean().reset_index()
    show(f"Mean over {len(surrogates)} landscapes", means)
    show("The surrogate", models[models.model == list(MODELS)[-1]].drop(columns="model"))
    show("Noise", noise)
    if args.json:
        args.json.write_text(
            json.dumps({"models": models.to_dict("records"), "noise": noise.to_dict("records")}, indent=1)
        )


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--landscapes", nargs="+", metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser.parse_args()


def chosen(names: Sequence[str] | None) -> list[Landscape]:
    """Return the landscapes of some names; by default those of the package that have enough configs."""
    if names:
        return [catalogue.get(name) for name in names]
    available = catalogue.available().values()
    return [landscape for landscape in available if landscape.ships and landscape.num_configs >= FEWEST_CONFIGS]


def rows_of_models(surrogate: Surrogate) -> Iterator[dict[str, Any]]:
    """Yield a row per model: what it costs in CPU time, and how well it predicts."""
    random = surrogate.encode([spaces.sample(surrogate.space, [0, i]) for i in range(NUM_RANDOM)])
    best = accuracy.score_of_best(scoring.of_runs(surrogate.landscape))
    for name, model in MODELS.items():
        fitted, fit = timed(lambda model=model: model(surrogate.encoded, surrogate.means))
        _, queries = timed(lambda fitted=fitted: [fitted.predict(config[None]) for config in random[:100]])
        row = {"landscape": surrogate.landscape.name, "model": name, "fit, s": fit, "query, ms": 10 * queries}
        predicted = cross_validated(model, surrogate.encoded, surrogate.means)
        for score, agreement in surrogate.agreement(predicted).items():
            row |= figures(score, agreement, span(surrogate.landscape))
        yield row | {"peak, %": 100 * (fitted.predict(random)[:, -1].max() - best) / span(surrogate.landscape)}


def figures(score: str, agreement: Accuracy, scale: float) -> dict[str, float]:
    """Return the figures of a score, the bias in percent of the return range."""
    return {
        f"{score}: R2": agreement.r2,
        f"{score}: rho": agreement.spearman,
        f"{score}: rho top": agreement.spearman_top,
        f"{score}: bias top, %": 100 * agreement.bias_top / scale,
    }


def row_of_noise(surrogate: Surrogate) -> dict[str, Any]:
    """Return how the noise of configs that a surrogate has not seen compares with that of their runs, at the full run.

    `spread` is the standard deviation over seeds, averaged over configs, in percent of the return range; `Spearman` the rank
    correlation of drawn and measured spread; `shift` the mean of the drawn scores minus the prediction, in percent.
    `correlation` is that of the deviations of each config and the recorded one most similar to it, over all pairs and seeds.
    """
    landscape, scale = surrogate.landscape, span(surrogate.landscape)
    drawn, predicted = drawn_of_unseen(surrogate)
    top = accuracy.best(surrogate.means[:, -1], accuracy.TOP_DECILE)
    measured_spread, drawn_spread = surrogate.deviations[..., -1].std(axis=1), drawn.std(axis=1)
    shift = drawn.mean(axis=1) - predicted
    return {
        "landscape": landscape.name,
        "spread, %": 100 * measured_spread.mean() / scale,
        "drawn, %": 100 * drawn_spread.mean() / scale,
        "Spearman": spearmanr(measured_spread, drawn_spread)[0],
        "top tenth, %": 100 * measured_spread[top].mean() / scale,
        "drawn there, %": 100 * drawn_spread[top].mean() / scale,
        "shift, %": 100 * shift.mean() / scale,
        "shift there, %": 100 * shift[top].mean() / scale,
        **correlations(surrogate),
    }


def drawn_of_unseen(surrogate: Surrogate) -> tuple[np.ndarray, np.ndarray]:
    """Return drawn scores `(config, seed)` and predictions `(config,)` of configs, by surrogates that have not seen them."""
    configs = surrogate.landscape.plain_configs
    drawn, predicted = np.empty((len(configs), NUM_DRAWN)), np.empty(len(configs))
    for rest, fold in accuracy.folds().split(configs):
        part = part_of(surrogate, rest)
        unseen = [configs[i] for i in fold]
        drawn[fold] = [part.curves(config, range(NUM_DRAWN))[:, -1] for config in unseen]
        predicted[fold] = part.predict(unseen)[:, -1]
    return drawn, predicted


def part_of(surrogate: Surrogate, numbers: np.ndarray) -> Surrogate:
    """Return the surrogate that follows from some of the configs only."""
    part = Surrogate(surrogate.landscape)
    part.__dict__.update({name: getattr(surrogate, name)[numbers] for name in ("encoded", "means", "deviations")})
    return part


def correlations(surrogate: Surrogate) -> dict[str, float]:
    """Return the correlation of the noise of recorded configs with that of the one most similar to each, in both ways."""
    configs = surrogate.landscape.plain_configs
    similar = [surrogate.neighbours(config)[1] for config in configs]
    drawn = np.array([surrogate.curves(config, range(NUM_DRAWN))[:, -1] for config in configs])
    return {
        "correlation": correlation(surrogate.deviations[..., -1], similar),
        "drawn": correlation(drawn - drawn.mean(axis=1, keepdims=True), similar),
    }


def correlation(deviations: np.ndarray, similar: Sequence[int]) -> float:
    """Return the correlation of deviations `(config, seed)` with those of another config each, over all configs and seeds."""
    others = deviations[similar]
    return float((deviations * others).sum() / np.sqrt((deviations**2).sum() * (others**2).sum()))


def span(landscape: Landscape) -> float:
    """Return the width of the return range."""
    low, high = landscape.return_range
    return high - low


def timed(action: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result of an action, and the CPU seconds that this process spent in it."""
    started = time.process_time()
    return action(), time.process_time() - started


def show(title: str, table: pd.DataFrame) -> None:
    """Print a table in Markdown."""
    print(f"{title}\n")
    rows = [list(table), ["---"] * table.shape[1], *table.to_numpy(object)]
    for row in rows:
        print("|", " | ".join(value if isinstance(value, str) else f"{value:.3g}" for value in row), "|")
    print()


if __name__ == "__main__":
    main()
