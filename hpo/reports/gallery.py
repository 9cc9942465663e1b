"""Galleries: all pictures of a landscape, or of the tasks of an algorithm, in a directory."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from hpo.reports import landscape_figures, theme
from landscapes import ablation, analysis, surrogate, task_similarity
from landscapes.dataset import Landscape

OF_LANDSCAPE = (
    "importance",
    "landscape-1",
    "landscape-2",
    "interactions",
    "ablation",
    "fidelity-correlation",
    "distribution",
    "reliability",
    "optimism",
)
OF_TASKS = ("task-correlation", "task-subsets")


def of_landscape(landscape: Landscape, directory: str | Path, form: str = "png") -> Iterator[Path]:
    """Draw every analysis, and return an iterator that yields each picture as it is drawn; empty pictures are left out.

    Raises:
        InputError: another form than png, svg and pdf, or configs that all have the same score.
    """
    files = {name: theme.check_picture(Path(directory) / f"{name}.{form}") for name in OF_LANDSCAPE}
    return _of_landscape(landscape, files, analysis.fanova(landscape, -1, pairs=True))


def of_tasks(landscapes: Sequence[Landscape], directory: str | Path, form: str = "png") -> Iterator[Path]:
    """Draw how alike tasks are and how well subsets predict all; the iterator yields each picture as it is drawn.

    Raises:
        InputError: another form than png, svg and pdf, or as of `task_similarity.subsets`.
    """
    files = {name: theme.check_picture(Path(directory) / f"{name}.{form}") for name in OF_TASKS}
    return _of_tasks(
        files,
        task_similarity.correlation(landscapes),
        task_similarity.subsets(landscapes),
        len(task_similarity.scores(landscapes)),
    )


def _of_landscape(landscape: Landscape, files: Mapping[str, Path], pairs: pd.DataFrame) -> Iterator[Path]:
    top = analysis.importance(landscape)
    first, *others = top.hyperparameter[:2]
    yield landscape_figures.importance(landscape, analysis.fanova(landscape), top, files["importance"])
    yield landscape_figures.landscape(landscape, first, None, files["landscape-1"])
    for second in others:
        yield landscape_figures.landscape(landscape, first, second, files["landscape-2"])
        yield landscape_figures.interactions(landscape, pairs, files["interactions"])
    if landscape.has_default and len(steps := ablation.path(landscape)) > 1:  # the default may be the best
        accuracy = surrogate.of_landscape(landscape).accuracy_words()
        yield landscape_figures.ablation(landscape, steps, files["ablation"], accuracy)
    yield landscape_figures.fidelity_correlation(
        landscape, analysis.fidelity_correlation(landscape), files["fidelity-correlation"]
    )
    yield landscape_figures.distribution(landscape, analysis.near_best(landscape), files["distribution"])
    if len(halves := analysis.reliability(landscape)):
        yield landscape_figures.reliability(landscape, halves, files["reliability"])
    half = tuple(range(1, len(landscape.seeds) // 2 + 1))  # so that as many are left to test on
    if len(searches := analysis.optimism(landscape, num_seeds=half)):
        yield landscape_figures.optimism(landscape, searches, files["optimism"])


def _of_tasks(
    files: Mapping[str, Path], correlation: pd.DataFrame, subsets: pd.DataFrame, num_configs: int
) -> Iterator[Path]:
    yield landscape_figures.task_correlation(correlation, num_configs, files["task-correlation"])
    yield landscape_figures.subsets(subsets, files["task-subsets"])
