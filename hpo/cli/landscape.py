"""The command `arl landscape`: list, query, plot, analyse, build and import landscapes."""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arl.errors import InputError
from arl.records.settings import DEFAULT_SCORE
from arl.text import plural
from hpo.cli import workers
from hpo.cli.options import App, env_steps
from hpo.cli.printing import print_json
from hpo.cli.tables import print_table, print_words

if TYPE_CHECKING:
    import pandas as pd

    from landscapes.dataset import Landscape

_STATUSES_OF_IMPORTS = ("completed", "diverged", "missing")

app = App(no_args_is_help=True, help="Landscapes: scores of every config, seed and fidelity of a task.")

NameArgument = Annotated[
    str,
    typer.Argument(help="A task, e.g. ppo/CartPole-v1; task@full for its full space, task@25000 for another fidelity."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PictureOption = Annotated[Path | None, typer.Option("--out", "-o", help="PNG, SVG or PDF file to draw it in.")]
DirectoryOption = Annotated[Path | None, typer.Option("--out", "-o", help="Directory to draw pictures in.")]
FormOption = Annotated[str, typer.Option("--format", help="Format of the pictures: png, svg or pdf.")]
ScoreOption = Annotated[str, typer.Option("--score", help="A score of returns: final, auc, best, iqm, worst or cvar.")]
OutOption = Annotated[Path | None, typer.Option(help="Directory of landscapes.", show_default="results/landscapes")]


@app.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the landscapes: your own under results/landscapes, and those that come with the package."""
    from landscapes import catalogue

    rows = [
        {
            "landscape": name,
            "configs": landscape.num_configs,
            "seeds": len(landscape.seeds),
            "points": landscape.settings.num_points,
            "env steps": landscape.settings.fidelity,
            **{status: landscape.num_by_status.get(status, 0) for status in ("diverged", "failed", "missing")},
            "MiB": round(landscape.num_bytes / 2**20, 2),
            "made with": landscape.made_with,
            "from": "the package" if landscape.ships else str(landscape.directory.parent),
        }
        for name, landscape in catalogue.available().items()
    ]
    print_json(rows) if as_json else print_table(rows)


@app.command()
def query(
    name: NameArgument,
    where: Annotated[
        str | None, typer.Option(help="A condition on columns, e.g. 'score > 480 and learning_rate < 1e-3'.")
    ] = None,
    top: Annotated[int | None, typer.Option(help="How many of the best configs.", min=1, show_default="all")] = None,
    point: Annotated[
        int | None, typer.Option(help="Evaluation point, 1 for the first.", show_default="the last")
    ] = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: JsonOption = False,
    parquet: Annotated[Path | None, typer.Option(help="Write a Parquet file instead.")] = None,
) -> None:
    """Print the configs of a landscape that meet a condition, best first, with their scores over the seeds."""
    from landscapes import catalogue

    landscape = catalogue.get(name)
    last = landscape.settings.num_points
    point = last if point is None else point
    if not 1 <= point <= last:
        raise InputError(f"point must be in [1, {last}], got {point}")
    if csv and as_json:
        raise InputError("output must be of one form, got --csv and --json")
    frame = landscape.query(where, top, point - 1)
    if parquet is not None:
        frame.to_parquet(parquet, index=False)
        print(parquet)
    elif csv:
        print(frame.to_csv(index=False), end="")
    else:
        _print_frame(frame, as_json)


@app.command()
def plot(
    name: NameArgument,
    x: Annotated[str, typer.Option(help="Hyperparameter along the horizontal axis.")] = "learning_rate",
    y: Annotated[str | None, typer.Option(help="Hyperparameter along the vertical axis; the score by default.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG, SVG or PDF file to write.")] = Path("landscape.png"),
) -> None:
    """Draw the scores over one or two hyperparameters."""
    from hpo.reports import landscape_figures
    from landscapes import catalogue

    print(landscape_figures.landscape(catalogue.get(name), x, y, out))


@app.command()
def importance(
    name: NameArgument,
    fanova: Annotated[bool, typer.Option("--fanova", help="Use functional ANOVA instead of PED-ANOVA.")] = False,
    interactions: Annotated[
        bool, typer.Option("--interactions", help="Print what pairs explain beyond both alone, by functional ANOVA.")
    ] = False,
    score: ScoreOption = DEFAULT_SCORE,
    out: PictureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print which hyperparameters matter, at each evaluation point.

    The picture shows both methods, or the largest interactions.
    """
    from landscapes import analysis, catalogue

    landscape = catalogue.get(name)
    if out is not None:
        from hpo.reports import landscape_figures, theme

        theme.check_picture(out)
    method = "fanova" if fanova else "ped-anova"
    if interactions:
        table = analysis.interactions(landscape, score=score)
    else:
        table = analysis.importance(landscape, method=method, score=score)
    _print_frame(table, as_json)
    _print_caveats([landscape], as_json)
    if out is not None and interactions:
        pairs = analysis.fanova(landscape, -1, pairs=True, score=score)
        landscape_figures.interactions(landscape, pairs, out, score=score)
    elif out is not None:
        fanova_table, ped_anova = analysis.fanova(landscape, score=score), analysis.importance(landscape, score=score)
        landscape_figures.importance(landscape, fanova_table, ped_anova, out, score)


@app.command()
def ablation(
    name: NameArgument, score: ScoreOption = DEFAULT_SCORE, out: PictureOption = None, as_json: JsonOption = False
) -> None:
    """Print which of the changes from the default config to the best account for the gain, as a forest predicts."""
    from landscapes import ablation, catalogue, forest, scoring

    landscape = catalogue.get(name)
    if out is not None:
        from hpo.reports import landscape_figures, theme

        theme.check_picture(out)
    path = ablation.path(landscape, score)
    accuracy = forest.accuracy_words(landscape, scoring.of_configs(landscape, score))
    _print_frame(path, as_json)
    _print_caveats([landscape], as_json)
    if not as_json:
        print_words(accuracy or "the forest's accuracy is unknown: there are too few configs")
        if len(path) == 1:
            print("the default config is among the best: no path leads from it")
    if out is not None:
        landscape_figures.ablation(landscape, path, out, accuracy, score)


@app.command()
def analyse(
    name: NameArgument,
    score: ScoreOption = DEFAULT_SCORE,
    out: DirectoryOption = None,
    form: FormOption = "png",
    as_json: JsonOption = False,
) -> None:
    """Print what fewer seeds and lower fidelities are worth, how rare good configs are, and how much tuning overfits seeds.

    With --out, draw these, importance, interactions and ablation.
    """
    from landscapes import analysis, catalogue

    landscape = catalogue.get(name)
    fidelity = analysis.fidelity_correlation(landscape, score).iloc[-1]
    parts = {
        "rank correlation with the full run, by env steps": fidelity.rename_axis("env_steps").reset_index(
            name="correlation"
        ),
        "rank correlation between halves of the seeds": analysis.reliability(landscape, score=score),
        "share of configs near the best, by part of the return range": analysis.near_best(landscape, score=score),
        "random search: incumbent's score on its tuning seeds and on the others": analysis.optimism(
            landscape, score=score
        ),
    }
    pictures: Iterable[Path] = []
    if out is not None:
        from hpo.reports import gallery

        pictures = gallery.of_landscape(landscape, out, form, score)
    _print_parts(parts, pictures, as_json)
    _print_caveats([landscape], as_json)


@app.command()
def tasks(
    names: Annotated[list[str], typer.Argument(help="An algorithm, e.g. ppo, or two landscapes or more by name.")],
    score: ScoreOption = DEFAULT_SCORE,
    out: DirectoryOption = None,
    form: FormOption = "png",
    as_json: JsonOption = False,
) -> None:
    """Print how alike tasks rank the same configs, and which few tasks predict the mean over all."""
    from landscapes import catalogue, task_similarity

    chosen = catalogue.of_algorithm(names[0]) if len(names) == 1 else [catalogue.get(name) for name in names]
    parts = {
        "rank correlation between tasks": task_similarity.correlation(chosen, score).rename_axis("task").reset_index(),
        "rank correlation of the mean over all tasks with its prediction from some": task_similarity.subsets(
            chosen, score=score
        ),
        "the same of mean ranks, in which all tasks count alike": task_similarity.subsets(
            chosen, score=score, ranks=True
        ),
    }
    pictures: Iterable[Path] = []
    if out is not None:
        from hpo.reports import gallery

        pictures = gallery.of_tasks(chosen, out, form, score)
    _print_parts(parts, pictures, as_json)
    _print_caveats(chosen, as_json)


@app.command()
def explore(
    names: Annotated[
        list[str] | None, typer.Argument(help="Landscapes, the first one shown first.", show_default="all")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("explore.html"),
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write a page to explore landscapes on: axes, fidelities, learning curves, filters. One file that works offline."""
    from arl import files
    from hpo.reports.explorer import write_page
    from landscapes import catalogue

    files.check_directory(out.parent, "the folder of out")
    chosen = [catalogue.get(name) for name in names] if names else list(catalogue.available().values())
    print(write_page(chosen, out))
    if open_:
        typer.launch(str(out.resolve()))


@app.command()
def verify(
    name: Annotated[str | None, typer.Argument(help="A landscape's name.", show_default="all")] = None,
) -> None:
    """Check the files of landscapes against their checksums."""
    from landscapes import catalogue, dataset

    for landscape in [catalogue.get(name)] if name else map(dataset.read, catalogue.paths()):
        landscape.verify()
        print(
            f"{landscape.name}: {plural(len(landscape.metadata['files']), 'file')} as recorded, in {landscape.directory}"
        )


@app.command()
def build(
    task: Annotated[str, typer.Argument(help="A task, e.g. ppo/CartPole-v1.", show_default=False)],
    configs: Annotated[int, typer.Option(help="Configs of the Sobol sequence, besides the default config.")] = 256,
    seeds: Annotated[int, typer.Option(help="Seeds 0, 1, ... that every config is trained under.")] = 10,
    space: Annotated[str, typer.Option(help="Space preset: published or full.")] = "published",
    fidelity: Annotated[
        int | None,
        typer.Option(
            help="Env steps of a full run, e.g. 1e5.", parser=env_steps, metavar="ENV_STEPS", show_default="the task's"
        ),
    ] = None,
    out: OutOption = None,
    store: Annotated[
        str, typer.Option(help="Run store that makes the build resumable.", envvar="ARL_LANDSCAPE_STORE")
    ] = "results/landscapes.sqlite",
    cluster: workers.ClusterOption = None,
    cluster_host: workers.HostOption = None,
    cluster_wait: workers.WaitOption = 300.0,
) -> None:
    """Train a landscape seed by seed; stopped at any moment, the same command goes on."""
    from hpo import build_landscape, progress

    console = progress.stderr()
    landscape = build_landscape.build(
        task,
        configs,
        seeds,
        space,
        out,
        store,
        lambda: progress.SweepView(console),
        fidelity,
        workers.address(cluster, cluster_host, cluster_wait),
    )
    print(f"{_size(landscape)}: {landscape.directory}")


@app.command("import")
def import_(
    form: Annotated[str, typer.Argument(metavar="FORMAT", help="arlbench or hporlbench.", show_default=False)],
    files: Annotated[list[Path], typer.Argument(help="Its files; of hporlbench folders, too.", show_default=False)],
    out: OutOption = None,
) -> None:
    """Import the files of another benchmark's dataset as landscapes such as arlbench:ppo/CartPole-v1."""
    from landscapes import catalogue, importers

    imported, left_out = importers.write(form, files, out or catalogue.directories()[0])
    for landscape in imported:
        counts = [f"{landscape.num_by_status.get(status, 0)} {status}" for status in _STATUSES_OF_IMPORTS]
        num_points, num_lost = landscape.returns.size, landscape.metadata["points_without_return"]
        lost = f"{num_lost} of {plural(num_points, 'point')} without a return"
        print(f"{_size(landscape)}: runs {', '.join(counts)}; {lost}: {landscape.directory}")
    for reason, count in left_out.items():
        print(f"left out: {plural(count, 'file')} of {reason}")


def _size(landscape: "Landscape") -> str:
    num_configs, num_seeds = landscape.num_configs, len(landscape.seeds)
    return f"{landscape.name}: {plural(num_configs, 'config')} x {plural(num_seeds, 'seed')}"


def _print_frame(frame: "pd.DataFrame", as_json: bool) -> None:
    rows = _rows(frame)
    print_json(rows) if as_json else print_table(rows)


def _print_parts(parts: Mapping[str, "pd.DataFrame"], pictures: Iterable[Path], as_json: bool) -> None:
    """Print tables under their titles, then the path of each picture as it is drawn."""
    if as_json:
        print_json({title: _rows(frame) for title, frame in parts.items()})
    else:
        for title, frame in parts.items():
            print(title)
            print_table(_rows(frame))
    for picture in pictures:
        print(picture, file=sys.stderr if as_json else sys.stdout)


def _print_caveats(chosen: Iterable["Landscape"], as_json: bool) -> None:
    """Print the caveats of landscapes; beside a JSON document, on the standard error."""
    for landscape in chosen:
        for caveat in landscape.caveats:
            line = f"{landscape.name}: {caveat}"
            print(line, file=sys.stderr) if as_json else print_words(line)


def _rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return rows
