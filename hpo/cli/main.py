"""The command `arl`. Everything heavy is imported inside the command that needs it: `arl --help` answers at once."""

import gc
import os
import shlex
import signal
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from arl import files
from arl.errors import InputError, unknown
from arl.text import plural
from hpo.cli import completion, landscape, parsing, printing, tables, workers
from hpo.cli.options import App, env_steps

app = App(
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="AutoRL benchmark: tune reinforcement learning with whole training runs as lanes of one compiled program.",
    epilog="First steps: arl list tasks; arl sweep ppo/CartPole-v1 --trials 8 --name first; arl show first",
)

app.add_typer(landscape.app, name="landscape")

_AGENTS = Path("results") / "agents"
_INTERRUPTED = 130
_READER_GONE = 141

TaskArgument = Annotated[
    str,
    typer.Argument(
        autocompletion=completion.tasks,
        help="algorithm/env, e.g. ppo/CartPole-v1 (see arl list tasks); the env may be of a library, as in "
        "ppo/gymnax/Seaquest-MinAtar?return_range=0,100, or your own, file.py:Class or module:Class.",
    ),
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
SpaceOption = Annotated[
    str,
    typer.Option(
        help="Space: published or full; or your own, a YAML or JSON file in ConfigSpace's form, file.py:NAME or module:NAME. "
        "Hyperparameters that it omits have the defaults of full."
    ),
]
FixOption = Annotated[
    list[str] | None,
    typer.Option("--fix", help="Hyperparameter that is not tuned but has this value, name=value; repeatable."),
]
FidelityOption = Annotated[
    int | None,
    typer.Option(
        help="Env steps of a full run, e.g. 1e5.", parser=env_steps, metavar="ENV_STEPS", show_default="the task's"
    ),
]
EpisodesOption = Annotated[
    int | None, typer.Option(help="Episodes of each evaluation.", show_default="the task's, 128")
]
ObjectiveOption = Annotated[
    str,
    typer.Option(
        help="How trials are scored: by training; from a landscape (table, exact, pool or surrogate); or by a class of "
        "yours, file.py:Class or module:Class (see arl list objectives)."
    ),
]
ScoreOption = Annotated[
    str,
    typer.Option(
        help="Score to maximise: final, auc, best, iqm, worst, cvar, runtime or parameters; of several, comma-separated, "
        "the first one ranks the trials."
    ),
]
LogOption = Annotated[
    list[str] | None,
    typer.Option(
        "--log",
        help="Logger that hears of every trial: tensorboard, wandb, mlflow, or a class of yours, file.py:Class or "
        "module:Class; repeatable.",
    ),
]
EnqueueOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONFIG",
        help="Config to try before the tuner is asked: default, or a JSON object of the values that differ from it; "
        "repeatable.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def main() -> None:
    """Run the command line: bad input is one line and exit status 2, Ctrl-C is 130, a reader that goes away 141."""
    gc.set_threshold(100_000)  # what is imported and traced stays: to look through it for garbage takes 0.4 s
    signal.signal(signal.SIGINT, _end_at_once)
    warnings.formatwarning = lambda message, *_, **__: f"arl: {' '.join(str(message).split())}\n"
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
    """End at once, as Ctrl-C does: workers are in the middle of a segment, and what is finished is in the store.

    Not by KeyboardInterrupt: Python drops an exception that is raised inside a callback, and JAX has some.
    """
    show_cursor = "\x1b[?25h\r" if sys.stderr.isatty() else ""
    sys.stderr.write(f"{show_cursor}interrupted: finished trials are kept; the same command goes on from here\n")
    sys.stderr.flush()
    os._exit(_INTERRUPTED)


def _end_quietly() -> int:
    """End as a closed pipe does. Python flushes once more when it ends; into nothing, else it would complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return _READER_GONE


def _print_version(wanted: bool) -> None:
    from arl import distribution

    if wanted:
        print(f"arl {distribution.version()}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def sweep(
    task: TaskArgument,
    tuner: Annotated[
        str,
        typer.Option(
            autocompletion=completion.tuners,
            help="A registered tuner (see arl list tuners), file.py:Class or module:Class.",
        ),
    ] = "random",
    trials: Annotated[
        int | None, typer.Option(help="Number of trials.", show_default="64, unless --budget is given")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(
            help="Equivalent full runs to spend, instead of or besides --trials.",
            show_default="64 for tuners of several fidelities, instead of --trials",
        ),
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
    fix: FixOption = None,
    fidelity: FidelityOption = None,
    episodes: EpisodesOption = None,
    tuner_seed: Annotated[int, typer.Option(help="Seed of the tuner.")] = 0,
    batch: Annotated[
        int | None,
        typer.Option(
            help="Trials asked for at a time.", show_default="an eighth of all; all if the tuner learns nothing"
        ),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", "-o", help="Option of the tuner, name=value; repeatable.")
    ] = None,
    enqueue: EnqueueOption = None,
    warm_start: Annotated[
        str | None,
        typer.Option(
            metavar="SWEEP|LANDSCAPE",
            help="Earlier sweep, or landscape such as ppo/CartPole-v1, whose trials the tuner is told before it is asked.",
        ),
    ] = None,
    objective: ObjectiveOption = "training",
    score: ScoreOption = "final",
    log: LogOption = None,
    save_agents: Annotated[
        str | None,
        typer.Option(
            metavar="best",
            help="Save the incumbent's agents, one per seed, in results/agents/NAME.",
            show_default=False,
        ),
    ] = None,
    cluster: workers.ClusterOption = None,
    cluster_host: workers.HostOption = None,
    cluster_wait: workers.WaitOption = 300.0,
    synchronous: Annotated[
        bool, typer.Option("--synchronous", help="Tell the tuner results a batch at a time on a cluster, too.")
    ] = False,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Tune the hyperparameters of a task: run a sweep, or finish one that was begun."""
    from hpo import agents, plans, sweeps

    if save_agents not in (None, "best"):
        raise unknown("agents to save", str(save_agents), ["best"])
    trials, budget = plans.limits(tuner, trials, budget)
    with printing.one_document(as_json):
        record = sweeps.sweep(
            task,
            tuner,
            trials=trials,
            budget=budget,
            seeds=parsing.seeds(seeds),
            tuner_seed=tuner_seed,
            space=space,
            fix=parsing.assignments(fix or [], "fix"),
            episodes=episodes,
            fidelity=fidelity,
            batch=batch,
            options=parsing.assignments(option or [], "option"),
            enqueue=[parsing.config(text) for text in enqueue or []],
            warm_start=warm_start,
            score=score,
            objective=objective,
            name=name,
            store=store,
            view=_view(as_json),
            log=log or [],
            save_agents=_AGENTS if save_agents else None,
            cluster=workers.address(cluster, cluster_host, cluster_wait),
            synchronous=synchronous,
        )
    saved = [str(path) for path in agents.paths(record, _AGENTS).values()] if save_agents else []
    if as_json:
        printing.print_json({**printing.summary(record, 5), **({"agents": saved} if save_agents else {})})
        return _fail_if_all_failed(record)
    printing.print_sweep(record, 5)
    for path in saved:
        print(f"agent: {path}")
    quoted = shlex.quote(record.name)
    print(f"more: arl show {quoted}    report: arl report {quoted}")
    printing.print_training(record)
    return _fail_if_all_failed(record)


def _fail_if_all_failed(record: Any) -> None:
    """End with exit status 1 if none of a sweep's trials could be trained."""
    if all(trial.status == "failed" for trial in record.records.values()):
        raise typer.Exit(1)


@app.command()
def compare(
    tuners: Annotated[
        str, typer.Option(help="Tuners, comma-separated: registered names, file.py:Class or module:Class.")
    ],
    tasks: Annotated[str, typer.Option(help="Tasks, comma-separated, e.g. ppo/CartPole-v1,ppo/Acrobot-v1.")],
    repeats: Annotated[int, typer.Option(help="Sweeps of each tuner on each task, with tuner seeds 0, 1, ...")] = 10,
    budget: Annotated[float, typer.Option(help="Equivalent full runs that each sweep may spend.")] = 32.0,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Number of tuning seeds, others in each repeat, or the seeds themselves, comma-separated.",
            show_default="3; of a landscape half of its seeds, up to 3",
        ),
    ] = None,
    test_seeds: Annotated[
        str | None,
        typer.Option(
            help="Number of test seeds, others in each repeat (from 1000 on; a landscape's next ones), or the seeds "
            "themselves.",
            show_default="5; of a landscape its others, up to 5",
        ),
    ] = None,
    space: SpaceOption = "published",
    fix: FixOption = None,
    fidelity: Annotated[
        str | None,
        typer.Option(
            help="Env steps of a full run: of all tasks, or one per task, comma-separated.", show_default="the tasks'"
        ),
    ] = None,
    episodes: EpisodesOption = None,
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
    enqueue: EnqueueOption = None,
    objective: ObjectiveOption = "training",
    score: ScoreOption = "final",
    log: LogOption = None,
    name: Annotated[
        str, typer.Option(help="Name of the comparison; the same command with the same name goes on with it.")
    ] = "comparison",
    out: Annotated[
        Path | None, typer.Option(help="Directory for the report and the Parquet files.", show_default="results/NAME")
    ] = None,
    cluster: workers.ClusterOption = None,
    cluster_host: workers.HostOption = None,
    cluster_wait: workers.WaitOption = 300.0,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare tuners on tasks with equal budgets; their incumbents are trained again under test seeds."""
    from hpo.cli import reporting
    from hpo.comparisons import compare
    from hpo.reports.comparison_report import write_report

    directory = out or Path("results") / name
    files.check_directory(directory, "out")
    with printing.one_document(as_json):
        comparison = compare.compare(
            parsing.listed(tuners),
            parsing.listed(tasks),
            repeats=repeats,
            budget=budget,
            space=space,
            fix=parsing.assignments(fix or [], "fix"),
            episodes=episodes,
            batch=batch,
            seeds=None if seeds is None else parsing.seeds(seeds),
            test_seeds=None if test_seeds is None else parsing.seeds(test_seeds),
            fidelity=parsing.fidelities(fidelity),
            options=parsing.tuner_options(option or []),
            baselines=baselines,
            objective=objective,
            score=score,
            enqueue=[parsing.config(text) for text in enqueue or []],
            name=name,
            store=store,
            view=_comparison_view(as_json),
            log=log or [],
            cluster=workers.address(cluster, cluster_host, cluster_wait),
        )
    command = reporting.command_of(comparison)
    written = [write_report(comparison, directory / "report.html", command), *comparison.export(directory)]
    if as_json:
        printing.print_json(printing.comparison_summary(comparison, written, command))
    else:
        printing.print_comparison(comparison, written)
    if comparison.broken:
        raise InputError("; ".join(comparison.broken.values()))


@app.command()
def train(
    task: Annotated[
        str | None, typer.Argument(help="algorithm/env, as for arl sweep; not needed with --from.", show_default=False)
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="SWEEP[:TRIAL]",
            help="Train the complete config of a sweep's incumbent, or of one of its trials, to the same env steps; "
            "--seeds as a number then counts seeds that the sweep has not used.",
        ),
    ] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="Value of a hyperparameter, name=value; a list has a value per interval; repeatable. The others have the "
            "defaults of the space, or the values of --from. --set network=NAME sets the network (see arl list networks; or "
            "file.py:Class, module:Class), --set env.NAME=value a param of the env, e.g. env.length=0.7.",
        ),
    ] = None,
    schedule: Annotated[
        Path | None, typer.Option(help="JSON file of hyperparameters, with names and values as for --set.")
    ] = None,
    seeds: SeedsOption = "1",
    name: Annotated[
        str | None,
        typer.Option(help="Name under which the training is recorded.", show_default="from task and settings"),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            help="Space whose defaults and fixed values the config has, as for arl sweep.", show_default="full"
        ),
    ] = None,
    fidelity: FidelityOption = None,
    episodes: EpisodesOption = None,
    log: LogOption = None,
    out: Annotated[Path, typer.Option(help="Directory for the picture and the agents.")] = Path("results"),
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train one config under some seeds: its learning curve in the terminal and as a picture, its agents saved."""
    from arl.records.store import Store
    from hpo.autorl import schedules
    from hpo.cli import train as train_command
    from hpo.cli import trials

    changes = {**(schedules.read(schedule) if schedule else {}), **parsing.assignments(assign or [], "hyperparameter")}
    opened = Store(store)
    if from_ is not None and space is not None:
        raise InputError(f"space must not be given with --from, which has all values, got {space!r}")
    if from_ is None and task is None:
        raise InputError("task must be given unless --from is, got neither")
    with printing.one_document(as_json):
        if from_ is not None:
            source = train_command.from_sweep(from_, task, fidelity, changes, opened)
        else:
            source = train_command.from_task(str(task), space or "full", fidelity, changes)
        source = train_command.with_episodes(source, episodes)
        trained = train_command.train(source, parsing.seeds(seeds), name, opened, out, _view(as_json), log or [])
    if as_json:
        return printing.print_json(
            {
                **printing.summary(trained.record, 1),
                "picture": str(trained.picture),
                "agents": [str(path) for path in trained.agents],
            }
        )
    record = trained.record
    trials.print_curve(record, record.records[max(record.records)])
    printing.print_sweep(record, 1)
    print(f"picture: {trained.picture}")
    print(f"agents:  {trained.agents[0].parent} ({plural(len(trained.agents), 'file')})")
    return None


@app.command()
def evaluate(
    agents: Annotated[
        list[Path], typer.Argument(help="Files of agents, or folders of them, e.g. results/agents/first.")
    ],
    episodes: Annotated[int, typer.Option(help="Episodes that each agent plays.", min=1)] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the episodes; other seeds give other start states.", min=0)] = 0,
    as_json: JsonOption = False,
) -> None:
    """Let saved agents play whole episodes in their environment, and print their returns."""
    from hpo.cli import evaluation

    with printing.one_document(as_json):
        rows = evaluation.rows(agents, episodes, seed)
    printing.print_json(rows) if as_json else tables.print_table(rows)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a sweep.")],
    top: Annotated[int, typer.Option(help="How many of the best trials to show.", min=1)] = 10,
    trial: Annotated[
        int | None,
        typer.Option(help="Show this trial instead: config, curve, seeds, lineage, and what goes on from it."),
    ] = None,
    front: Annotated[
        str | None,
        typer.Option(help="Show the trials that no other beats in all these scores instead, e.g. auc,parameters."),
    ] = None,
    bound: Annotated[
        list[str] | None, typer.Option(help="With --front: a bound on a score or metric, e.g. 'kl<=0.05'; repeatable.")
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a sweep: whether it is running, its best trials, what it cost, and where its report is; or one of its trials."""
    from arl.records.store import Store
    from hpo.records import load_sweep

    opened = Store(store)
    record = load_sweep(name, opened)
    if bound and front is None:
        raise InputError(f"bound must be given with --front, got {bound[0]!r} alone")
    if trial is not None and front is not None:
        raise InputError(f"trial must not be given with --front, got {trial}")
    if trial is not None:
        return _show_trial(record, trial, as_json)
    if front is not None:
        return printing.print_front(record, front, bound or [], as_json)
    outline = opened.outlines([name])[0]
    if as_json:
        return printing.print_json({**printing.progress(outline), **printing.summary(record, top)})
    printing.print_sweep(record, top)
    print(printing.progress_line(outline))
    report, command = printing.report_path(name), f"arl report {shlex.quote(name)}"
    print(f"report: {report}" if report.exists() else f"report: not written yet; write it with  {command}")
    printing.print_training(record)
    return None


def _show_trial(record: Any, number: int, as_json: bool) -> None:
    from hpo.cli import trials

    trial = record.trial(number)
    if as_json:
        printing.print_json(trials.summary(record, trial))
    else:
        trials.show(record, trial)


@app.command()
def play(
    agent: Annotated[Path, typer.Argument(help="File of an agent, as arl train writes it.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="GIF or MP4 to write, or an HTML page of a robot of Brax.",
            show_default="only its return",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the episode.")] = 0,
    explore: Annotated[bool, typer.Option("--explore", help="Act as in training, not by the best actions.")] = False,
    fps: Annotated[float, typer.Option(help="Pictures a second.", min=1.0, max=100.0)] = 30.0,
    as_json: JsonOption = False,
) -> None:
    """Play one episode of a saved agent, and show it as a GIF or MP4 where the environment can be drawn."""
    from arl.training import backend, episodes, saved_agents

    if out is not None:
        episodes.check_ending(out)
        files.check_directory(out.parent, "out")
    backend.setup()
    saved = saved_agents.load(agent)
    with printing.one_document(as_json):
        episode = episodes.play(saved, seed, explore)
        written = None if out is None else episodes.save(out, saved, episode, fps)
    end = "terminated" if episode.terminated else "truncated"
    if as_json:
        facts = {"return": episode.episode_return, "env_steps": len(episode.rewards), "end": end}
        return printing.print_json({"env": saved.env_name, **facts, "file": str(written) if written else None})
    print(f"{saved.env_name}: return {episode.episode_return:.6g}, {plural(len(episode.rewards), 'env step')}, {end}")
    if written is not None:
        print(written)
    return None


@app.command()
def reproduce(
    name: Annotated[str, typer.Argument(help="Name of a sweep, or a landscape, e.g. ppo/CartPole-v1.")],
    trial: Annotated[
        int | None, typer.Option(help="Number of the trial, or of the landscape's config.", show_default="the best")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run.", show_default="the trial's first")] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            help="How far mean returns may differ on another device or version, as a part of the return range."
        ),
    ] = 0.05,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train one recorded run again, and say whether the numbers are the same; exit status 1 if they are not."""
    from hpo import reproduction

    with printing.one_document(as_json):
        result = reproduction.reproduce(name, trial, seed, store, tolerance)
    if as_json:
        printing.print_json(result.summary())
    else:
        print("\n".join(result.lines()))
    if not result.agrees:
        raise typer.Exit(1)


@app.command()
def report(
    name: Annotated[str, typer.Argument(help="Name of a sweep or a comparison.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="HTML file to write.", show_default="results/NAME.html, of a comparison results/NAME/report.html"
        ),
    ] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Write each figure as a PDF file, too.")] = False,
    png: Annotated[bool, typer.Option("--png", help="Write each figure as a PNG file, too.")] = False,
    svg: Annotated[bool, typer.Option("--svg", help="Write each figure as an SVG file, too.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Write each table as a LaTeX file, too.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Write each table as a CSV file, too.")] = False,
    store: StoreOption = None,
) -> None:
    """Write the report of a sweep or a comparison, rebuilt from the store: one self-contained HTML file.

    Figures and tables as files of their own are in a folder beside it, with its name.
    """
    from arl.records.store import Store
    from hpo.cli import reporting

    chosen = {"pdf": pdf, "png": png, "svg": svg, "tex": latex, "csv": csv}
    paths = reporting.write(name, out, [form for form, wanted in chosen.items() if wanted], Store(store))
    print("\n".join(map(str, paths)))


@app.command()
def export(
    name: Annotated[str, typer.Argument(help="Name of a sweep.")],
    target: Annotated[Path, typer.Argument(help="New directory for the Parquet files; with --optuna an SQLite file.")],
    optuna: Annotated[
        bool,
        typer.Option("--optuna", help="Export an Optuna study of the same name, to a new file or one of Optuna's."),
    ] = False,
    store: StoreOption = None,
) -> None:
    """Export a sweep's trials, runs and curves to Parquet, or the sweep as an Optuna study."""
    from hpo.records import load_sweep

    record = load_sweep(name, store)
    if optuna:
        from hpo.reports import optuna_study

        print(optuna_study.export(record, target))
    else:
        print(record.export(target))


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(help="Names of sweeps, or patterns, e.g. 'mine-*'.")],
    yes: Annotated[bool, typer.Option("--yes", help="Delete the sweeps; without --yes they are only listed.")] = False,
    store: StoreOption = None,
) -> None:
    """Delete sweeps with all their trials, so that they can begin anew, as they must when the tuner's code was changed."""
    import fnmatch

    from arl.records.store import Store

    opened = Store(store)
    recorded = opened.names()
    matches = {name: [name] if name in recorded else fnmatch.filter(recorded, name) for name in names}
    for pattern, sweeps in matches.items():
        if not sweeps:
            raise unknown("sweep", pattern, recorded, f"in {opened.location}")
    chosen = sorted({name for sweeps in matches.values() for name in sweeps})
    if yes:
        opened.delete(chosen)
    print("\n".join(chosen))
    print("deleted" if yes else "not deleted: say --yes")


@app.command("list")
def list_(
    what: Annotated[
        str, typer.Argument(help="tasks, envs, tuners, objectives, algorithms, networks, spaces or sweeps")
    ],
    pattern: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="PATTERN",
            help="List what has this text in a column, e.g. running or 'ppo/*'; sweeps of comparisons one by one.",
        ),
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ENV",
            help="Measure env steps per second of this env on this machine, e.g. CartPole-v1 or '*-MinAtar', and list it.",
        ),
    ] = None,
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> None:
    """List tasks, envs, tuners, objectives, algorithms and spaces with hyperparameters, networks, or a store's sweeps."""
    from hpo.cli import listings

    if measure and what != "envs":
        raise InputError(f"--measure must be for a listing of envs, got {what!r}")
    rows = listings.measured_envs(measure) if measure else listings.rows(what, store, pattern)
    if as_json:
        printing.print_json(rows)
    else:
        tables.print_table(rows)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="Folder to write to; it is made if there is none.")] = Path("."),
) -> None:
    """Write a folder to start from: a space, an env, a tuner and a notebook of yours, each of which runs as it is."""
    from hpo.cli import init as project

    for path, command in zip(project.write(folder), project.COMMANDS.values(), strict=True):
        print(f"{path!s:24} {command}")


@app.command()
def dashboard(
    store: StoreOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines read the store.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=1, max=65535)] = 8765,
) -> None:
    """Show sweeps while they run, their trials, comparisons and landscapes, as web pages on this machine.

    Nothing is changed. Needs the extra dashboard.
    """
    from hpo.cli import dashboard as command

    command.serve(store, host, port)


@app.command()
def worker(
    scheduler: Annotated[str, typer.Argument(help="File or address of the scheduler, as for --cluster.")],
    processes: Annotated[
        int | None, typer.Option(min=1, help="Processes that work.", show_default="one for each GPU or core")
    ] = None,
    wait: Annotated[float, typer.Option(help="Seconds to wait for a scheduler.")] = 300.0,
) -> None:
    """Train for the sweeps of a scheduler until it ends; more workers may come and go at any time."""
    workers.work(scheduler, processes, wait)


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Check in less than a minute whether this machine computes what training needs; exit status 1 if it does not.

    Networks, losses, advantages and evaluation run at several sizes beside the same in double precision.
    """
    from hpo.cli import doctor as checks

    diagnosis = checks.diagnosis()
    if as_json:
        printing.print_json(diagnosis)
    else:
        checks.show(diagnosis)
    raise typer.Exit(int(diagnosis["verdict"] == "wrong"))


def _view(as_json: bool) -> Any:
    from hpo import progress

    return progress.View() if as_json else progress.SweepView(progress.stderr())


def _comparison_view(as_json: bool) -> Any:
    from hpo import progress
    from hpo.comparisons.progress import ComparisonView, View

    return View() if as_json else ComparisonView(progress.stderr())


def _complain(message: str) -> int:
    if message:
        print(f"arl: {' '.join(message.split())}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    main()
