"""The command `arl landscape`: list, query, plot and build landscapes."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from envs.errors import InputError
from hpo.output import print_json, print_table

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(no_args_is_help=True, help="Landscapes: scores of every config, seed and fidelity of a task.")

NameArgument = Annotated[str, typer.Argument(help="A task, e.g. ppo/CartPole-v1; task@full for its full space.")]


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """The landscapes there are: your own under results/landscapes, and those that come with the package."""
    from landscapes import dataset

    rows = [
        {
            "landscape": name,
            "configs": landscape.about["num_configs"],
            "seeds": len(landscape.seeds),
            "points": landscape.about["settings"]["num_points"],
            "env steps": landscape.about["settings"]["fidelity"],
            "diverged": landscape.about["status"].get("diverged", 0),
            "MiB": round(
                sum((landscape.directory / file).stat().st_size for file in landscape.about["files"]) / 2**20, 2
            ),
            "made with": f"arl {landscape.about['provenance']['arl']}, {landscape.about['provenance']['device']}",
        }
        for name, landscape in dataset.available().items()
    ]
    print_json(rows) if as_json else print_table(rows)


@app.command()
def query(
    name: NameArgument,
    where: Annotated[
        str | None, typer.Option(help="A condition on columns, e.g. 'score > 480 and learning_rate < 1e-3'.")
    ] = None,
    top: Annotated[int | None, typer.Option(help="How many of the best configs.", min=1, show_default="all")] = None,
    point: Annotated[int, typer.Option(help="Evaluation point, 1 for the first.", show_default="the last")] = 0,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    parquet: Annotated[Path | None, typer.Option(help="Write a Parquet file instead.")] = None,
) -> None:
    """The configs of a landscape that meet a condition, best first, with their scores over the seeds."""
    from landscapes import dataset

    landscape = dataset.get(name)
    last = landscape.about["settings"]["num_points"]
    if not 0 <= point <= last:
        raise InputError(f"point must be in [1, {last}], got {point}")
    frame = landscape.query(where, top, (point or last) - 1)
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
    from landscapes import dataset, plots

    print(plots.landscape(dataset.get(name), x, y, out))


@app.command()
def importance(
    name: NameArgument, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Which hyperparameters matter, at each evaluation point (PED-ANOVA)."""
    from landscapes import analysis, dataset

    _print_frame(analysis.importance(dataset.get(name)), as_json)


@app.command()
def analyse(name: NameArgument, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """What fewer seeds and lower fidelities are worth, how rare good configs are, and how much tuning overfits its seeds."""
    from landscapes import analysis, dataset

    landscape = dataset.get(name)
    fidelity = analysis.fidelity_correlation(landscape).iloc[-1]
    parts = {
        "rank correlation with the full run, by env steps": fidelity.rename_axis("env_steps").reset_index(
            name="correlation"
        ),
        "rank correlation between halves of the seeds": analysis.reliability(landscape),
        "share of configs near the best, by part of the return range": analysis.near_best(landscape),
        "random search: incumbent's score on its tuning seeds and on the others": analysis.optimism(landscape),
    }
    if as_json:
        return print_json({title: json.loads(frame.to_json(orient="records")) for title, frame in parts.items()})
    for title, frame in parts.items():
        print(title)
        _print_frame(frame, as_json=False)
    return None


@app.command()
def explore(
    names: Annotated[
        list[str] | None, typer.Argument(help="Landscapes, the first one shown first.", show_default="all")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")] = Path("explore.html"),
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write a page on which landscapes are looked at: axes, fidelities, learning curves, filters. One file, offline."""
    from landscapes import dataset
    from landscapes.explore import write_page

    chosen = [dataset.get(name) for name in names] if names else list(dataset.available().values())
    print(write_page(chosen, out))
    if open_:
        typer.launch(str(out.resolve()))


@app.command()
def verify(name: NameArgument) -> None:
    """Check the files of a landscape against their checksums."""
    from landscapes import dataset

    landscape = dataset.get(name)
    landscape.verify()
    print(f"{landscape.name}: {len(landscape.about['files'])} files as recorded, in {landscape.directory}")


@app.command()
def build(
    task: NameArgument,
    configs: Annotated[int, typer.Option(help="Configs of the Sobol sequence, besides the default config.")] = 256,
    seeds: Annotated[int, typer.Option(help="Seeds 0, 1, ... that every config is trained under.")] = 10,
    space: Annotated[str, typer.Option(help="Space preset: published or full.")] = "published",
    out: Annotated[
        Path | None, typer.Option(help="Directory of landscapes.", show_default="results/landscapes")
    ] = None,
    store: Annotated[
        str, typer.Option(help="Run store that makes the build resumable.", envvar="ARL_LANDSCAPE_STORE")
    ] = "results/landscapes.sqlite",
) -> None:
    """Train a landscape seed by seed; stopped at any moment, the same command goes on."""
    from rich.console import Console

    from hpo import building
    from hpo.view import SweepView

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    landscape = building.build(task, configs, seeds, space, out, store, lambda: SweepView(console))
    print(
        f"{landscape.name}: {landscape.about['num_configs']} configs x {len(landscape.seeds)} seeds: {landscape.directory}"
    )


def _print_frame(frame: "pd.DataFrame", as_json: bool) -> None:
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records"))
    print_json(rows) if as_json else print_table(rows)
