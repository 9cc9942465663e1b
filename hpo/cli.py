"""The command `arl`. Everything heavy is imported inside the command that needs it: `arl --help` answers at once."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from envs.errors import InputError, unknown

if TYPE_CHECKING:
    from landscapes.record import SweepRecord

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="AutoRL benchmark: tune reinforcement learning with whole training runs as lanes of one compiled program.",
)  # fmt: skip

_INTERRUPTED = 130
_PIPE_WIDTH = 500

TaskArgument = Annotated[
    str, typer.Argument(help="algorithm/env, e.g. ppo/CartPole-v1; the env may be file.py:Class or module:Class")
]
StoreOption = Annotated[
    str | None,
    typer.Option(
        help="File or SQLAlchemy URL of the run store.", envvar="ARL_STORE", show_default="results/store.sqlite"
    ),
]
SeedsOption = Annotated[
    str, typer.Option(help="Number of tuning seeds (0, 1, ...), or the seeds themselves, comma-separated.")
]
SpaceOption = Annotated[str, typer.Option(help="Space preset: published or full.")]
FidelityOption = Annotated[int | None, typer.Option(help="Env steps of a full run.", show_default="the task's")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def main() -> None:
    """Run the command line: bad input is one line and exit status 2, Ctrl-C is exit status 130."""
    signal.signal(signal.SIGINT, _end_at_once)
    try:
        status = app(standalone_mode=False)
    except InputError as error:
        status = _complain(str(error))
    except typer.TyperException as error:
        status = _complain(getattr(error, "format_message", error.__str__)())
    except BrokenPipeError:
        status = 141
    except OSError as error:
        status = _complain(f"{error.filename or 'input or output'}: {error.strerror or error}")
    sys.exit(status or 0)


def _end_at_once(*_: Any) -> None:
    """What Ctrl-C does: workers are in the middle of a segment, and what is finished is in the store.

    Not by KeyboardInterrupt: Python drops an exception that is raised inside a callback, and JAX has some.
    """
    show_cursor = "\x1b[?25h\r" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{show_cursor}interrupted: finished trials are kept; the same command goes on from here\n")
    sys.stderr.flush()
    os._exit(_INTERRUPTED)


@app.command()
def sweep(
    task: TaskArgument,
    tuner: Annotated[str, typer.Option(help="A registered tuner, file.py:Class or module:Class.")] = "random",
    trials: Annotated[int | None, typer.Option(help="Number of trials.")] = None,
    budget: Annotated[
        float | None, typer.Option(help="Equivalent full runs to spend, instead of or besides --trials.")
    ] = None,
    seeds: SeedsOption = "1",
    name: Annotated[
        str | None,
        typer.Option(
            help="Name of the sweep; the same command with the same name goes on with it.",
            show_default="from task and tuner",
        ),
    ] = None,
    space: SpaceOption = "published",
    fidelity: FidelityOption = None,
    tuner_seed: Annotated[int, typer.Option(help="Seed of the tuner.")] = 0,
    batch: Annotated[
        int | None, typer.Option(help="Trials asked for at a time.", show_default="all, at most 64")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="Option of the tuner, name=value; repeatable.")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a sweep, or finish one that was begun."""
    from hpo import sweeps

    if trials is None and budget is None:
        trials = 64
    plan = {
        "trials": trials, "budget": budget, "seeds": _seeds(seeds), "tuner_seed": tuner_seed, "space": space,
        "fidelity": fidelity, "batch": batch, "options": _assignments(option or [], "option"),
    }  # fmt: skip
    record = sweeps.sweep(task, tuner, name=name, store=store, view=None if as_json else _view(), **plan)
    _print_sweep(record, 5, as_json)
    if not as_json:
        print(f"more: arl show {record.name}    report: arl report {record.name}")


@app.command()
def train(
    task: TaskArgument,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", help="Hyperparameter, name=value; repeatable. The others are the task's defaults."),
    ] = None,
    seeds: SeedsOption = "1",
    name: Annotated[
        str | None, typer.Option(help="Name under which it is recorded.", show_default="from task and settings")
    ] = None,
    fidelity: FidelityOption = None,
    out: Annotated[Path, typer.Option(help="Directory for the picture and the agents.")] = Path("results"),
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train one config under some seeds: its learning curve in the terminal and as a picture, its agents saved."""
    from hpo import training

    changes = _assignments(assign or [], "hyperparameter")
    trained = training.train(task, changes, _seeds(seeds), fidelity, name, store, out, None if as_json else _view())
    if as_json:
        return _print_json(
            {
                **_summary(trained.record),
                "picture": str(trained.picture),
                "agents": [str(path) for path in trained.agents],
            }
        )
    training.print_curve(trained.record)
    _print_sweep(trained.record, 1, as_json)
    print(f"picture: {trained.picture}")
    print(f"agents:  {trained.agents[0].parent} ({len(trained.agents)} files)")
    return None


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a sweep.")],
    top: Annotated[int, typer.Option(help="How many of the best trials.", min=1)] = 10,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a sweep: its best trials, what it cost, and where its report is."""
    import landscapes

    record = landscapes.load(name, store)
    _print_sweep(record, top, as_json)
    if not as_json:
        report = _report_path(name)
        print(f"report: {report}" if report.exists() else f"report: not written yet; write it with  arl report {name}")


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="Name of a sweep.")],
    out: Annotated[Path | None, typer.Option(help="HTML file to write.", show_default="results/NAME.html")] = None,
    store: StoreOption = None,
) -> None:
    """Write the report of a sweep: one self-contained HTML file."""
    import landscapes
    from landscapes.report import write_report

    record = landscapes.load(name, store)
    if not record.records:
        raise InputError(f"sweep {name!r} must have a finished trial before it can be reported, got none")
    print(write_report(record, out or _report_path(name)))


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="Name of a sweep.")],
    directory: Annotated[Path, typer.Argument(help="New directory for the Parquet files.")],
    store: StoreOption = None,
) -> None:
    """Export a sweep's trials, runs and curves to Parquet."""
    import landscapes

    print(landscapes.load(name, store).export(directory))


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="tasks, envs, tuners, algorithms, spaces or sweeps")],
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List what there is."""
    listings = {
        "tasks": _list_tasks, "envs": _list_envs, "tuners": _list_tuners, "algorithms": _list_algorithms,
        "spaces": _list_spaces, "sweeps": lambda: _list_sweeps(store),
    }  # fmt: skip
    if what not in listings:
        raise unknown("listing", what, listings)
    rows = listings[what]()
    if as_json:
        _print_json(rows)
    else:
        _print_table(rows)


def _list_tasks() -> list[dict[str, Any]]:
    from hpo import tasks

    rows = [(name, preset, tasks.get(name, preset)) for name in tasks.names() for preset in tasks.PRESETS]
    return [
        {
            "task": name,
            "space": preset,
            "env steps": task.fidelity,
            "hyperparameters": len(task.space),
            "points": task.num_points,
            "episodes": task.num_episodes,
        }
        for name, preset, task in rows
    ]


def _list_envs() -> list[dict[str, Any]]:
    import envs

    specs = [envs.spec(name) for name in envs.names()]
    return [
        {
            "env": spec.name,
            "family": spec.family,
            "episode limit": spec.episode_limit,
            "worst return": spec.return_range[0],
            "best return": spec.return_range[1],
            "extra": spec.extra or "",
        }
        for spec in specs
    ]


def _list_tuners() -> list[dict[str, Any]]:
    import collections
    import inspect

    from hpo import tuners

    entries = tuners.registered()
    num_in = collections.Counter(entry.module for entry in entries.values())

    def what(entry: Any) -> str:
        """A module of several tuners says nothing of each."""
        cls = entry.load()
        return _first_line(cls) if num_in[entry.module] == 1 else (inspect.getdoc(cls) or "").partition("\n")[0]

    return [{"tuner": name, "class": entry.value, "what": what(entry)} for name, entry in entries.items()]


def _list_algorithms() -> list[dict[str, Any]]:
    from arl import config
    from arl.algorithms import ALGORITHMS

    return [
        {"algorithm": name, "hyperparameter": field, "kind": config.kinds(algorithm.config)[field], "default": default}
        for name, algorithm in ALGORITHMS.items()
        for field, default in config.values(algorithm.config()).items()
    ]


def _list_spaces() -> list[dict[str, Any]]:
    from hpo import spaces, tasks

    rows = [(name, preset, tasks.get(name, preset).space) for name in tasks.names() for preset in tasks.PRESETS]
    return [
        {
            "task": name,
            "space": preset,
            "hyperparameter": key,
            "values": spaces.describe(space[key]),
            "default": spaces.default(space)[key],
        }
        for name, preset, space in rows
        for key in space
    ]


def _list_sweeps(store: str | None) -> list[dict[str, Any]]:
    import landscapes

    opened = landscapes.Store(store)
    records = [landscapes.load(name, opened) for name in opened.names()]
    return [
        {
            "sweep": record.name,
            "task": record.task,
            "tuner": record.settings["tuner"],
            "trials": len(record.records),
            "score": record.incumbent and round(record.incumbent["score"], 2),
        }
        for record in records
    ]


def _first_line(documented: Any) -> str:
    import inspect

    module = sys.modules.get(getattr(documented, "__module__", ""))
    return ((inspect.getdoc(module) or inspect.getdoc(documented) or "").splitlines() or [""])[0]


def _seeds(text: str) -> int | list[int]:
    """A number of seeds, or, with a comma in it (`7,` is the one seed 7), the seeds themselves."""
    try:
        numbers = [int(part) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise InputError(f"seeds must be a number, or numbers with commas between, got {text!r}") from error
    return numbers if "," in text or not numbers else numbers[0]


def _assignments(texts: list[str], kind: str) -> dict[str, Any]:
    """`name=value` pairs; a value is read as JSON (1e-3, true, [1, 2]) or else taken as text."""
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InputError(f"{kind} must be given as name=value, got {text!r}")
        try:
            pairs[name] = json.loads(value.lower() if value in ("True", "False") else value)
        except ValueError:
            pairs[name] = value
    return pairs


def _view() -> Any:
    from rich.console import Console

    from hpo.view import SweepView

    return SweepView(Console(stderr=True, soft_wrap=True, highlight=False))


def _summary(record: "SweepRecord") -> dict[str, Any]:
    trials = record.trials
    return {
        "sweep": record.name, "task": record.task, "tuner": record.settings["tuner"], "seeds": record.settings["seeds"],
        "trials": len(trials), "diverged": int((trials.status == "diverged").sum()), "env_steps": int(trials.env_steps.sum()),
        "incumbent": record.incumbent, "timing": record.timing,
    }  # fmt: skip


def _print_sweep(record: "SweepRecord", top: int, as_json: bool) -> None:
    if as_json:
        return _print_json(_summary(record))
    summary = _summary(record)
    best = record.trials.sort_values(["fidelity", "score", "trial"], ascending=[False, False, True]).head(top)
    shown = best.drop(
        columns=["parent", "finished_at", "seconds", "env_steps", *(["status"] if summary["diverged"] == 0 else [])]
    )
    _print_table(json.loads(shown.to_json(orient="records")))
    times = "  ".join(f"{phase} {seconds:.1f} s" for phase, seconds in record.timing.items())
    print(f"{summary['trials']} trials ({summary['diverged']} diverged), {summary['env_steps']:,} env steps; {times}")
    return None


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    if not rows:
        print("none")
        return
    numeric = {key for key in rows[0] if all(isinstance(row[key], int | float | None) for row in rows)}
    table = Table(box=box.SIMPLE, pad_edge=False)
    for key in rows[0]:
        table.add_column(key, justify="right" if key in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    width = None if sys.stdout.isatty() else _PIPE_WIDTH
    Console(width=width, highlight=False).print(table)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, default=str))


def _report_path(name: str) -> Path:
    return Path("results") / f"{name}.html"


def _complain(message: str) -> int:
    if message:
        print(f"arl: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
