"""A regression forest over the trials of a sweep: which hyperparameters matter, and how the score depends on them."""

import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from arl import spaces
from arl.errors import InputError
from arl.records.sweep import SweepRecord
from arl.text import grouped, plural
from hpo.reports import pages, parallel, space_figures, sweep_figures, theme
from landscapes import fanova, forest

Rows = list[dict[str, Any]]

MIN_TRIALS, MOST_TRIALS = 10, 1000
NUM_CONFIGS = 100  # random ones over which the score is averaged
NUM_VALUES = 24  # of a numeric hyperparameter


class Surrogate:
    """A random forest that predicts the scores of a sweep's trials at the highest fidelity that has enough of them.

    Inactive hyperparameters count as set to their defaults; a trial that diverged or failed has the worst return.

    Raises:
        InputError: too few trials, or all with the same score.
    """

    def __init__(self, record: SweepRecord):
        self.record, self.num_trials = record, len(record.records)
        self.space, self.names = spaces.from_json(record.space), record.hyperparameters
        self.fidelity = _fidelity(record)
        trials = [trial for trial in record.ranked if trial.fidelity == self.fidelity]
        trials = trials[:: 1 + len(trials) // MOST_TRIALS]
        drawn = sweep_figures.drawn_scores(record.trials, record.return_range[0])
        scores = dict(zip(record.trials["trial"], drawn, strict=True))
        self.y = np.array([scores[trial.trial] for trial in trials])
        if len(trials) < MIN_TRIALS or np.ptp(self.y) == 0:
            raise InputError(
                f"a surrogate needs {MIN_TRIALS} trials of one fidelity, with different scores, got {len(trials)}"
            )
        self.x = np.array([self._vector(trial.config) for trial in trials])
        self.forest = forest.regressor().fit(self.x, self.y)

    @property
    def words(self) -> str:
        """What it is fitted to, in words."""
        return f"fitted to {plural(len(self.y), 'trial')} of {grouped(self.fidelity)} env steps"

    def tables(self) -> dict[str, Rows]:
        """Return the tables of the importance and of the partial dependences by name."""
        dependences = {space_figures.dependence_table(i): self.dependence(i) for i in range(len(self.names))}
        return {space_figures.IMPORTANCE: self.importance(), **dependences}

    def importance(self) -> Rows:
        """Return a row per hyperparameter: its share of the variance over the space by functional ANOVA, in percent."""
        shares, _ = self._shares
        mean, std = 100 * shares.mean(axis=0), 100 * shares.std(axis=0)
        columns = {"share": mean, "low": np.maximum(mean - std, 0), "high": mean + std}
        return theme.records(pd.DataFrame({"hyperparameter": self.names, **columns}))

    def pair(self) -> tuple[int, int]:
        """Return the indices of the two hyperparameters that explain most together; the only one twice."""
        main, both = (shares.mean(axis=0) for shares in self._shares)
        pairs = list(itertools.combinations(range(len(self.names)), 2)) or [(0, 0)]
        explained = [main[i] + main[j] + (both[place] if len(both) else 0) for place, (i, j) in enumerate(pairs)]
        return pairs[int(np.argmax(explained))]

    def dependence(self, index: int) -> Rows:
        """Return the predicted score at values of a hyperparameter, and one standard deviation over the trees."""
        values, places = zip(*self._values(index), strict=True)
        by_tree = self._average({index: places})
        mean, std = by_tree.mean(axis=0), by_tree.std(axis=0)
        columns = {"score": mean, "low": mean - std, "high": mean + std}
        return theme.records(pd.DataFrame({f"value{index}": pd.Series(values, dtype=object), **columns}))

    def contour(self, i: int, j: int) -> Rows:
        """Return the predicted score over two hyperparameters: a row per cell, with its score and its sides.

        Numbers reach from `x` to `x2` and from `y` to `y2`; choices are both.
        """
        pairs = list(itertools.product(self._cells(i), self._cells(j)))
        scores = self._average({i: [x for (*_, x), _ in pairs], j: [y for _, (*_, y) in pairs]}).mean(axis=0)
        return [
            {"x": x, "x2": x2, "y": y, "y2": y2, "score": theme.rounded(score)}
            for ((x, x2, _), (y, y2, _)), score in zip(pairs, scores.tolist(), strict=True)
        ]

    @functools.cached_property
    def _shares(self) -> tuple[np.ndarray, np.ndarray]:
        """Shares of the variance: of each hyperparameter `(tree, hyperparameter)`, and of each pair beyond both."""
        choices = [spaces.choices(self.space[name]) for name in self.names]
        num_choices = [None if values is None else len(values) for values in choices]
        return fanova.variance_shares(self.x, self.y, num_choices, pairs=True)

    @functools.cached_property
    def _configs(self) -> np.ndarray:
        """Random configs `(config, hyperparameter)`."""
        space = spaces.from_json(self.record.space)  # it is reseeded
        return np.array([self._vector(spaces.sample(space, [0, i])) for i in range(NUM_CONFIGS)])

    def _vector(self, config: Mapping[str, Any]) -> list[float]:
        """Return a config `(hyperparameter,)`: numbers in [0, 1] on their own scale, and the numbers of choices."""
        of_space = [self.space[name] for name in self.names]
        return [float(one.to_vector(config.get(one.name, one.default_value))) for one in of_space]

    def _average(self, fixed: Mapping[int, Sequence[float]]) -> np.ndarray:
        """Return mean predictions `(tree, point)` over random configs in which some columns have given values."""
        num = len(next(iter(fixed.values())))
        points = np.repeat(self._configs[None], num, axis=0)  # (point, config, hyperparameter)
        for index, places in fixed.items():
            points[:, :, index] = np.array(places)[:, None]
        flat = points.reshape(-1, points.shape[-1]).astype(np.float32)
        by_tree = np.array([tree.predict(flat, check_input=False) for tree in self.forest.estimators_])
        return by_tree.reshape(len(by_tree), num, NUM_CONFIGS).mean(axis=-1)

    def _values(self, index: int) -> list[tuple[Any, float]]:
        """Return values along a hyperparameter as figures have them, each with its place in a vector."""
        hyperparameter = self.space[self.names[index]]
        choices = spaces.choices(hyperparameter)
        if choices is not None:
            return [(self._drawn(index, value), float(hyperparameter.to_vector(value))) for value in choices]
        places = np.linspace(0, 1, NUM_VALUES).tolist()
        values = [pages.plain(spaces.value_at(hyperparameter, place)) for place in places]
        return list(dict(zip(values, places, strict=True)).items())

    def _cells(self, index: int) -> list[tuple[Any, Any, float]]:
        """Return the cells along a hyperparameter: their two ends, and the place of their middle in a vector."""
        spec = self.record.space["hyperparameters"][index]
        if parallel.choices_of(spec) is not None:
            return [(value, value, place) for value, place in self._values(index)]
        edges = np.linspace(0, 1, NUM_VALUES + 1)
        ends = (np.geomspace if spec.get("log") else np.linspace)(spec["lower"], spec["upper"], NUM_VALUES + 1).tolist()
        return list(zip(ends[:-1], ends[1:], ((edges[:-1] + edges[1:]) / 2).tolist(), strict=True))

    def _drawn(self, index: int, value: Any) -> Any:
        """Return a choice as the table of trials has it."""
        return value if pages.is_numeric(self.record.trials[self.names[index]]) else pages.text(value)


def _fidelity(record: SweepRecord) -> int:
    """Return the highest fidelity of which there are enough trials; the commonest where there is none."""
    counts = record.trials["fidelity"].value_counts()
    enough = counts[counts >= MIN_TRIALS]
    return int(enough.index.max() if len(enough) else counts.index[0])
