"""Galleries: all pictures of a landscape, or of the tasks of an algorithm, in a directory."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from hpo.reports import landscape_figures, theme
from landscapes import ablation, analysis, forest, scoring, task_similarity
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


def of_landscape(
    landscape: Landscape, directory: str | Path, form: str = "png", score: str = "final"
) -> Iterator[Path]:
    """Draw every analysis, and return an iterator that yields each picture as it is drawn; empty pictures are left out.

    Raises:
        InputError: another form than png, svg and pdf, or as of `analysis.fanova`.
    """
    files = {name: theme.check_picture(Path(directory) / f"{name}.{form}") for name in OF_LANDSCAPE}
    return _of_landscape(landscape, files, analysis.fanova(landscape, -1, pairs=True, score=score), score)


def of_tasks(
    landscapes: Sequence[Landscape], directory: str | Path, form: str = "png", score: str = "final"
) -> Iterator[Path]:
    """Draw how alike tasks are and how well subsets predict all; the iterator yields each picture as it is drawn.

    Raises:
        InputError: another form than png, svg and pdf, or as of `task_similarity.subsets`.
    """
    files = {name: theme.check_picture(Path(directory) / f"{name}.{form}") for name in OF_TASKS}
    return _of_tasks(
        files,
        task_similarity.correlation(landscapes, score),
        task_similarity.subsets(landscapes, score=score),
        len(task_similarity.scores(landscapes)),
        score,
    )


def _of_landscape(landscape: Landscape, files: Mapping[str, Path], pairs: pd.DataFrame, score: str) -> Iterator[Path]:
    top = analysis.importance(landscape, score=score)
    first, *others = top.hyperparameter[:2]
    fanova = analysis.fanova(landscape, score=score)
    yield landscape_figures.importance(landscape, fanova, top, files["importance"], score)
    yield landscape_figures.landscape(landscape, first, None, files["landscape-1"])
    for second in others:
        yield landscape_figures.landscape(landscape, first, second, files["landscape-2"])
        yield landscape_figures.interactions(landscape, pairs, files["interactions"], score=score)
    if landscape.has_default and len(steps := ablation.path(landscape, score)) > 1:  # the default may be the best
        accuracy = forest.accuracy_words(landscape, scoring.of_configs(landscape, score))
        yield landscape_figures.ablation(landscape, steps, files["ablation"], accuracy, score)
    correlation = analysis.fidelity_correlation(landscape, score)
    yield landscape_figures.fidelity_correlation(landscape, correlation, files["fidelity-correlation"], score)
    near = analysis.near_best(landscape, score=score)
    yield landscape_figures.distribution(landscape, near, files["distribution"], score)
    if len(halves := analysis.reliability(landscape, score=score)):
        yield landscape_figures.reliability(landscape, halves, files["reliability"], score)
    half = tuple(range(1, len(landscape.seeds) // 2 + 1))  # so that as many are left to test on
    if len(searches := analysis.optimism(landscape, num_seeds=half, score=score)):
        yield landscape_figures.optimism(landscape, searches, files["optimism"], score)


def _of_tasks(
    files: Mapping[str, Path], correlation: pd.DataFrame, subsets: pd.DataFrame, num_configs: int, score: str
) -> Iterator[Path]:
    yield landscape_figures.task_correlation(correlation, num_configs, files["task-correlation"], score)
    yield landscape_figures.subsets(subsets, files["task-subsets"], score)
