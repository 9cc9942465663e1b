"""Building landscapes: every config of a sequence trained under every seed, one resumable sweep per seed."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from arl import files, spaces
from arl.errors import InputError, unknown
from arl.records.store import TRAINED, Store, TrialRecord
from arl.records.sweep import SweepRecord
from arl.scalars import Scalar
from hpo import cluster as clusters
from hpo import plans, sweeps, tasks
from hpo.cluster import ClusterLike
from hpo.errors import interruptible
from hpo.objectives import tabular
from hpo.tasks import Task
from hpo.trial import Trial
from hpo.tuners.sobol import Sobol
from landscapes import cards, catalogue, collect, dataset
from landscapes.dataset import Landscape

BATCH = 128


class DefaultThenSobol:
    """The default config, then the Sobol sequence: a longer landscape holds a shorter one."""

    any_batch = True
    asynchronous = True

    def __init__(self, space, fidelity: int):
        default = Trial(0, spaces.default(space), fidelity)
        points = Sobol(space, fidelity, seed=0)
        following = (Trial(i, points.ask(1)[0].config, fidelity) for i in itertools.count(1))
        self.trials = itertools.chain([default], following)

    def ask(self, n: int) -> list[Trial]:
        return list(itertools.islice(self.trials, n))

    def tell(self, results) -> None:
        pass


@interruptible()
def build(
    task: str,
    configs: int = 256,
    seeds: int = 10,
    space: str = "published",
    out: str | Path | None = None,
    store: Store | str | Path | None = None,
    make_view: Callable[[], sweeps.View] = sweeps.View,
    fidelity: int | None = None,
    cluster: ClusterLike | None = None,
) -> Landscape:
    """Train what is missing of a landscape, and write it: the default config and `configs` of the Sobol sequence.

    After each seed, the landscape of the seeds so far is written. Stopped at any moment, the same call goes on from the
    store's records and ends with the same files. Runs that a landscape holds already, the user's own or one that comes
    with the package, are copied into the store. `fidelity`: env steps of a full run, if not the task's; `cluster`: the
    workers that train, see `hpo.cluster.connect`.

    Raises:
        InputError: unknown names, no configs or seeds, fewer than there are already, or a directory that holds a landscape
            of the task as it was with other settings.
    """
    for name, value in {"configs": configs, "seeds": seeds}.items():
        if value < 1:
            raise InputError(f"{name} must be at least 1, got {value}")
    if space not in tasks.PRESETS:
        raise unknown("space of a landscape", space, tasks.PRESETS)
    chosen = tasks.get(task, space, fidelity)
    store = store if isinstance(store, Store) else Store(store)
    label = catalogue.directory_name(chosen.landscape)
    directory = Path(out or catalogue.directories()[0]) / label
    files.check_directory(directory, "out")
    names = [f"landscape-{label}-seed{seed}" for seed in range(seeds)]
    before = _at(directory)
    _check_grows(before, chosen, configs, seeds, store, names)
    written = [before, *(_at(parent / label) for parent in catalogue.directories())]
    restorable = [landscape for landscape in written if landscape and _can_restore(landscape, chosen)]
    for seed, name in enumerate(names):
        _restore(store, name, chosen, seed, configs, restorable)
    with clusters.connect_if(cluster, make_view().note) as connected:
        records = []
        for seed, name in enumerate(names):
            record = sweeps.sweep(
                chosen,
                DefaultThenSobol,
                trials=configs + 1,
                seeds=[seed],
                batch=BATCH,
                name=name,
                store=store,
                view=make_view(),
                cluster=connected,
            )
            records.append(record)
            if before and seed + 1 < len(before.seeds):  # the files must not shrink while the build goes on
                continue
            landscape = _write(chosen, directory, records)
    return landscape


def _write(task: Task, directory: Path, records: Sequence[SweepRecord]) -> Landscape:
    """Write the landscape of the seeds so far, and its card."""
    metadata = {"name": task.landscape, **collect.metadata(records)}
    if alike := train_alike(task, [trial.config for trial in records[0].records.values()]):
        metadata["caveats"] = alike
    landscape = dataset.write(directory, metadata, collect.tables(records), collect.build(records))
    cards.write(landscape)
    return landscape


def train_alike(task: Task, configs: Sequence[Mapping[str, Scalar]]) -> list[str]:
    """Return a sentence for each group of choices, and each range of numbers, that make no difference to any of the configs.

    Examples are PPO's minibatches beyond the whole rollout, and intervals of DQN's target that each of its iterations
    passes. The algorithm's `canonical` says which configs train the same.
    """
    return [
        f"{name} {values} train alike, as {value}."
        for name in task.space
        for value, values in _equal_values(task, configs, name).items()
    ]


def _equal_values(task: Task, configs: Sequence[Mapping[str, Scalar]], name: str) -> dict[Scalar, str]:
    """Return, by value, the choices of a hyperparameter that become this same value in every config, as text.

    A range of numbers is such a group if its bounds and some between them are.
    """
    canonical, choices = task.algorithm.canonical, spaces.choices(task.space[name])
    tried = choices or list(dict.fromkeys(spaces.value_at(task.space[name], u) for u in (0.0, 0.25, 0.5, 0.75, 1.0)))
    groups: dict[Scalar, list[Scalar]] = {}
    for choice in tried:
        values = {getattr(canonical(task.full({**config, name: choice})), name) for config in configs if name in config}
        if len(values) == 1:
            groups.setdefault(values.pop(), []).append(choice)
    if choices is None:
        return {value: f"{tried[0]} to {tried[-1]}" for value, group in groups.items() if group == tried}
    return {value: ", ".join(map(str, group)) for value, group in groups.items() if len(group) > 1}


def _check_grows(
    before: Landscape | None, task: Task, configs: int, seeds: int, store: Store, names: Sequence[str]
) -> None:
    """Refuse a build that would lose recorded runs: one of fewer configs or seeds, or of another task."""
    recorded = [len(store.trials(name)) - 1 for name in names if name in store]
    num_configs = {store.location: max(recorded, default=0)}
    if before is not None:
        directory = str(before.directory)
        if tabular.difference(before, task):
            raise InputError(f"directory {directory!r} holds a landscape with other settings: choose another --out")
        if seeds < len(before.seeds):
            raise InputError(f"seeds must be at least the {len(before.seeds)} that {directory} holds, got {seeds}")
        num_configs[directory] = before.num_configs - 1
    for place, num in num_configs.items():
        if configs < num:
            raise InputError(f"configs must be at least the {num} that {place} holds of this landscape, got {configs}")


def _at(directory: Path) -> Landscape | None:
    """Return the landscape in a directory, or None if it holds none."""
    return dataset.read(directory) if (directory / "landscape.json").is_file() else None


def _can_restore(landscape: Landscape, task: Task) -> bool:
    """Return whether a landscape's runs can be taken over: it is of the same task, all in lanes of the same shape."""
    return isinstance(landscape.metadata["lanes"], Mapping) and tabular.difference(landscape, task) is None


def _restore(store: Store, name: str, task: Task, seed: int, configs: int, written: Sequence[Landscape]) -> None:
    """Take a seed's runs from a landscape of the task into a store that has none."""
    landscape = next((landscape for landscape in written if seed in landscape.seeds), None)
    if landscape is None or (name in store and store.trials(name)):
        return
    trials = [Trial(i, config, task.fidelity) for i, config in enumerate(landscape.plain_configs[: configs + 1])]
    made_with = landscape.provenance
    exact = tabular.Exact(task, [seed], len(trials), landscape)
    records = [_as_trained(record, {**made_with, **landscape.metadata["lanes"]}) for record in exact.evaluate(trials)]
    plan = plans.plan(task, DefaultThenSobol, trials=len(trials), seeds=[seed], batch=BATCH)
    if name not in store:
        store.add_sweep(name, plan.settings.to_json(), made_with, task.space.to_serialized_dict())
    store.add_trials(name, records)


def _as_trained(record: TrialRecord, provenance: Mapping[str, Any]) -> TrialRecord:
    """Return a landscape's answer as the record of the training that it came from."""
    runs = [dataclasses.replace(run, provenance=provenance, outcome=TRAINED) for run in record.runs]
    return dataclasses.replace(record, runs=runs)
