"""The command `arl`. Everything heavy is imported inside the command that needs it: `arl --help` answers at once."""

import json
import math
import os
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from envs.errors import InputError, unknown
from hpo import landscape_cli
from hpo.output import print_json, print_table

if TYPE_CHECKING:
    from landscapes.comparison import Comparison
    from landscapes.record import SweepRecord

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
    help="AutoRL benchmark: tune reinforcement learning with whole training runs as lanes of one compiled program.",
)  # fmt: skip

app.add_typer(landscape_cli.app, name="landscape")

_INTERRUPTED = 130
_READER_GONE = 141

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
ObjectiveOption = Annotated[
    str, typer.Option(help="training, or how a landscape answers instead: table, exact or surrogate.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def main() -> None:
    """Run the command line: bad input is one line and exit status 2, Ctrl-C is 130, a reader that goes away 141."""
    signal.signal(signal.SIGINT, _end_at_once)
    try:
        status = app(standalone_mode=False)
        sys.stdout.flush()
    except InputError as error:
        status = _complain(str(error))
    except typer.TyperException as error:
        status = _complain(getattr(error, "format_message", error.__str__)())
    except BrokenPipeError:
        status = _end_quietly()
    except SystemExit as end:  # typer and rich make one of a broken pipe
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        status = _end_quietly()
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


def _end_quietly() -> int:
    """What a closed pipe does. Python flushes once more when it ends; into nothing, else it would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _READER_GONE


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
    objective: ObjectiveOption = "training",
    score: Annotated[
        str,
        typer.Option(
            help="What to maximise: final, auc, best, iqm, worst, cvar, runtime or parameters; the first of several."
        ),
    ] = "final",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run a sweep, or finish one that was begun."""
    from hpo import sweeps

    if trials is None and budget is None:
        trials = 64
    plan = {
        "trials": trials, "budget": budget, "seeds": _seeds(seeds), "tuner_seed": tuner_seed, "space": space,
        "fidelity": fidelity, "batch": batch, "options": _assignments(option or [], "option"), "score": score,
        "objective": objective,
    }  # fmt: skip
    record = sweeps.sweep(task, tuner, name=name, store=store, view=None if as_json else _view(), **plan)
    _print_sweep(record, 5, as_json)
    if not as_json:
        print(f"more: arl show {record.name}    report: arl report {record.name}")


@app.command()
def compare(
    tuners: Annotated[
        str, typer.Option(help="Tuners, comma-separated: registered names, file.py:Class or module:Class.")
    ],
    tasks: Annotated[str, typer.Option(help="Tasks, comma-separated: algorithm/env.")],
    repeats: Annotated[int, typer.Option(help="Sweeps of each tuner on each task, with tuner seeds 0, 1, ...")] = 10,
    budget: Annotated[float, typer.Option(help="Equivalent full runs that each sweep may spend.")] = 32.0,
    seeds: SeedsOption = "3",
    test_seeds: Annotated[
        str,
        typer.Option(help="Number of test seeds (1000, 1001, ...; a landscape's next ones), or the seeds themselves."),
    ] = "5",
    space: SpaceOption = "published",
    fidelity: FidelityOption = None,
    batch: Annotated[
        int | None,
        typer.Option(help="Trials asked for at a time, of every tuner.", show_default="an eighth of the budget"),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="Option of a tuner, tuner.name=value; repeatable.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="Add random search, random search with twice the budget, and the default config.")
    ] = True,
    objective: ObjectiveOption = "training",
    name: Annotated[
        str, typer.Option(help="Name; the same command with the same name goes on with it.")
    ] = "comparison",
    out: Annotated[
        Path | None, typer.Option(help="Directory for the report and the Parquet files.", show_default="results/NAME")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare tuners on tasks with equal budgets; their incumbents are trained again under test seeds."""
    from hpo import comparisons
    from landscapes.comparison_report import write_report

    directory = out or Path("results") / name
    if any(folder.is_file() for folder in (directory, *directory.parents)):
        raise InputError(f"out must be a directory, got {str(directory)!r}")
    comparison = comparisons.compare(
        _listed(tuners), _listed(tasks), repeats=repeats, budget=budget, seeds=_seeds(seeds),
        test_seeds=_seeds(test_seeds), space=space, fidelity=fidelity, batch=batch, options=_tuner_options(option or []),
        baselines=baselines, objective=objective, name=name, store=store,
        view=None if as_json else _comparison_view(),
    )  # fmt: skip
    files = [write_report(comparison, directory / "report.html"), *comparison.export(directory)]
    if as_json:
        print_json(_comparison_summary(comparison, files))
    else:
        _print_comparison(comparison, files)
    if comparison.broken:
        raise InputError("; ".join(comparison.broken.values()))


@app.command()
def train(
    task: TaskArgument,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Hyperparameter, name=value (a list: one per interval); repeatable. The others are the task's defaults.",
        ),
    ] = None,
    schedule: Annotated[
        Path | None, typer.Option(help="JSON file of hyperparameters; a list is a value per interval.")
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
    from hpo import schedules, training

    changes = {**(schedules.read(schedule) if schedule else {}), **_assignments(assign or [], "hyperparameter")}
    trained = training.train(task, changes, _seeds(seeds), fidelity, name, store, out, None if as_json else _view())
    if as_json:
        return print_json(
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
    front: Annotated[
        str | None,
        typer.Option(help="Instead, the trials that no other beats in all these scores, e.g. auc,parameters."),
    ] = None,
    bound: Annotated[
        list[str] | None, typer.Option(help="Of the front, a bound on a score or metric, e.g. 'kl<=0.05'; repeatable.")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a sweep: its best trials, what it cost, and where its report is."""
    import landscapes

    record = landscapes.load_sweep(name, store)
    if bound and front is None:
        raise InputError(f"bound must be given with --front, got {bound[0]!r} alone")
    if front is not None:
        return _print_front(record, front, bound or [], as_json)
    _print_sweep(record, top, as_json)
    if not as_json:
        report = _report_path(name)
        print(f"report: {report}" if report.exists() else f"report: not written yet; write it with  arl report {name}")
    return None


@app.command()
def reproduce(
    name: Annotated[str, typer.Argument(help="Name of a sweep, or a landscape, e.g. ppo/CartPole-v1.")],
    trial: Annotated[int | None, typer.Option(help="Trial, or config of a landscape.", show_default="the best")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed.", show_default="the trial's first")] = None,
    tolerance: Annotated[
        float,
        typer.Option(help="On other devices or versions, what mean returns may differ by, in parts of their range."),
    ] = 0.05,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train one recorded run again, and say whether the numbers are the same; exit status 1 if they are not."""
    from hpo import reproducing

    found = reproducing.reproduce(name, trial, seed, store, tolerance)
    if as_json:
        print_json(found.summary())
    else:
        print("\n".join(found.lines()))
    if not found.agrees:
        raise typer.Exit(1)


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="Name of a sweep.")],
    out: Annotated[Path | None, typer.Option(help="HTML file to write.", show_default="results/NAME.html")] = None,
    store: StoreOption = None,
) -> None:
    """Write the report of a sweep: one self-contained HTML file."""
    import landscapes
    from landscapes.report import write_report

    record = landscapes.load_sweep(name, store)
    if not record.records:
        raise InputError(f"sweep {name!r} must have a finished trial before it can be reported, got none")
    print(write_report(record, out or _report_path(name)))


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="Name of a sweep.")],
    target: Annotated[Path, typer.Argument(help="New directory for the Parquet files; with --optuna an SQLite file.")],
    optuna: Annotated[
        bool, typer.Option("--optuna", help="As an Optuna study of the same name, in a new file or one of Optuna's.")
    ] = False,
    store: StoreOption = None,
) -> None:
    """Export a sweep's trials, runs and curves to Parquet, or the sweep as an Optuna study."""
    import landscapes

    record = landscapes.load_sweep(name, store)
    if optuna:
        from hpo import studies

        print(studies.export(record, target))
    else:
        print(record.export(target))


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
        print_json(rows)
    else:
        print_table(rows)


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
            "default": spaces.plain({key: space[key].default_value})[key],  # of inactive ones as well
        }
        for name, preset, space in rows
        for key in space
    ]


def _list_sweeps(store: str | None) -> list[dict[str, Any]]:
    import landscapes

    opened = landscapes.Store(store)
    records = [landscapes.load_sweep(name, opened) for name in opened.names()]
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


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _tuner_options(texts: list[str]) -> dict[str, dict[str, Any]]:
    """Options by tuner, of `tuner.name=value`; a tuner's own name may hold dots."""
    options: dict[str, dict[str, Any]] = {}
    for text in texts:
        name, equals, _ = text.partition("=")
        tuner, dot, option = name.rpartition(".")
        if not (tuner and dot and option and equals):
            raise InputError(f"option must be given as tuner.name=value, got {text!r}")
        options.setdefault(tuner, {}).update(_assignments([text[len(tuner) + 1 :]], "option"))
    return options


def _view() -> Any:
    from hpo.view import SweepView

    return SweepView(_stderr())


def _comparison_view() -> Any:
    from hpo.view import ComparisonView

    return ComparisonView(_stderr())


def _stderr() -> Any:
    from rich.console import Console

    return Console(stderr=True, soft_wrap=True, highlight=False)


def _summary(record: "SweepRecord") -> dict[str, Any]:
    trials = record.trials
    return {
        "sweep": record.name, "task": record.task, "tuner": record.settings["tuner"], "seeds": record.settings["seeds"],
        "trials": len(trials), **{status: int((trials.status == status).sum()) for status in ("diverged", "failed")},
        "env_steps": int(trials.env_steps.sum()), "incumbent": record.incumbent, "timing": record.timing,
    }  # fmt: skip


def _print_sweep(record: "SweepRecord", top: int, as_json: bool) -> None:
    if as_json:
        return print_json(_summary(record))
    summary = _summary(record)
    best = record.trials.sort_values(["fidelity", "score", "trial"], ascending=[False, False, True]).head(top)
    all_completed = summary["diverged"] == summary["failed"] == 0
    shown = best.drop(columns=["parent", "finished_at", "seconds", "env_steps", *(["status"] if all_completed else [])])
    print_table(json.loads(shown.to_json(orient="records")))
    times = "  ".join(f"{phase} {seconds:.1f} s" for phase, seconds in record.timing.items())
    failed = f", {summary['failed']} failed" if summary["failed"] else ""
    print(
        f"{summary['trials']} trials ({summary['diverged']} diverged{failed}), {summary['env_steps']:,} env steps; {times}"
    )
    _print_failures(record)
    return None


def _print_front(record: "SweepRecord", front: str, bounds: list[str], as_json: bool) -> None:
    from hpo import scores

    rows = json.loads(scores.front(record, front, _bounds(bounds)).drop(columns="status").to_json(orient="records"))
    return print_json(rows) if as_json else print_table(rows)


def _bounds(texts: list[str]) -> dict[str, tuple[float, float]]:
    """`name<=number` and `name>=number` as the lowest and highest value of each name."""
    bounds: dict[str, tuple[float, float]] = {}
    for text in texts:
        name, sign, number = text.partition("<=") if "<=" in text else text.partition(">=")
        low, high = bounds.get(name.strip(), (-math.inf, math.inf))
        try:
            bounds[name.strip()] = (low, float(number)) if sign == "<=" else (float(number), high)
        except ValueError as error:
            raise InputError(f"bound must be given as name<=number or name>=number, got {text!r}") from error
    return bounds


def _comparison_summary(comparison: "Comparison", files: list[Path]) -> dict[str, Any]:
    ranks = comparison.ranks
    return {
        "comparison": comparison.name, "settings": comparison.settings, "broken": comparison.broken,
        "tuners": json.loads(comparison.summary.to_json(orient="records")),
        "by_task": json.loads(comparison.by_task.to_json(orient="records")),
        "costs": json.loads(comparison.costs.to_json(orient="records")),
        "rank_test": {"reason": ranks.reason, "friedman": ranks.statistic, "p": ranks.p},
        "command": comparison.command, "files": [str(path) for path in files],
    }  # fmt: skip


def _print_comparison(comparison: "Comparison", files: list[Path]) -> None:
    costs = comparison.costs.set_index("tuner")
    rows = [
        {
            "tuner": row["tuner"], "score": row["score"], "95 %": _range(row["low"], row["high"]), "rank": row["rank"],
            "beats random": row["improvement"], "gap": row["gap"], "full runs": float(costs.full_runs[row["tuner"]]),
            "env steps": f"{costs.env_steps[row['tuner']]:,.0f}", "train s": float(costs.train[row["tuner"]]),
            "tuner s": float(costs.tuner_seconds[row["tuner"]]),
        }
        for row in comparison.summary.to_dict("records")
    ]  # fmt: skip
    print_table(rows)
    settings = comparison.settings
    print(
        f"score: interquartile mean of test returns, 0 the worst and 1 the best of the env, over {len(comparison.tasks)} "
        f"tasks x {settings['repeats']} repeats; costs: means of a sweep"
    )
    ranks = comparison.ranks
    print(ranks.reason or f"Friedman: chi2 {ranks.statistic:.2f}, p {ranks.p:.3g}")
    print(f"report: {files[0]}    data: {files[0].parent}/*.parquet")


def _range(low: float, high: float) -> str:
    return "" if low != low else f"{low:.3f} to {high:.3f}"


def _print_failures(record: "SweepRecord") -> None:
    """The commonest reasons why trials failed."""
    reasons = Counter(known.error for known in record.records.values() if known.error is not None)
    for reason, num in reasons.most_common(3):
        print(f"{num} failed: {reason}")


def _report_path(name: str) -> Path:
    return Path("results") / f"{name}.html"


def _complain(message: str) -> int:
    if message:
        print(f"arl: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
