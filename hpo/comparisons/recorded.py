"""Comparisons in the store: which sweeps they are made of, and the comparison that is made of these again.

A member is a JSON object: `sweep`, its name, and `test_seeds`; of a sweep that tunes also `tuner`, `repeat`, `budget` and
`order`, its trials as they were asked for, unless that is the order of their ids; of one that tests incumbents `task`.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from arl.errors import InputError, unknown
from arl.records.settings import ComparisonSettings
from arl.records.store import ComparisonRecord, Store, now
from arl.records.sweep import load_sweep
from hpo import tasks
from hpo.comparisons.comparison import Comparison, Swept, scale_of
from hpo.comparisons.design import Design

Member = dict[str, Any]


def begin(design: Design, provenance: Mapping[str, Any], store: Store) -> None:
    """Record that a comparison has begun, unless it is on record."""
    before, settings = store.comparison(design.name), design.settings().to_json()
    if before is None or before.settings != settings:
        store.set_comparison(ComparisonRecord(design.name, settings, dict(provenance), list(_members(design)), {}))


def forget_if_empty(design: Design, store: Store) -> None:
    """Delete the record of a comparison of which no sweep is on record, and with it a store that holds nothing else."""
    if store.exists() and not any(member["sweep"] in store for member in _members(design)):
        store.withdraw(design.name)


def end(comparison: Comparison, design: Design, store: Store) -> None:
    """Record that a comparison has come to its end, unless that is on record."""
    before = store.comparison(design.name)
    orders = {swept.record.name: list(swept.order) for swept in comparison.swept}
    members = [_with_order(member, orders.get(member["sweep"], [])) for member in _members(design)]
    record = ComparisonRecord(
        design.name,
        comparison.settings.to_json(),
        comparison.provenance,
        members,
        dict(comparison.broken),
        created_at=now() if before is None else before.created_at,
        ended_at=now(),
    )
    if before is None or before.ended_at is None or _content(before) != _content(record):
        store.set_comparison(record)


def _content(record: ComparisonRecord) -> tuple[Any, ...]:
    return record.settings, record.members, record.broken


def load(name: str, store: Store | str | Path | None = None) -> Comparison:
    """Return a comparison that has come to its end.

    Args:
        name: the comparison's name.
        store: a file, URL or Store; by default `$ARL_STORE`, else `results/store.sqlite`.

    Raises:
        InputError: no such comparison, one that has not ended, or a sweep of it that was deleted.
    """
    store = store if isinstance(store, Store) else Store(store)
    record = store.comparison(name)
    if record is None:
        raise unknown("comparison", name, [other.name for other in store.comparisons()], f"in {store.location}")
    if record.ended_at is None:
        raise InputError(
            f"comparison {name!r} must have ended, got one that was stopped: the same command goes on with it"
        )
    settings = ComparisonSettings.from_json(record.settings)
    tuned = [member for member in record.members if "tuner" in member and member["tuner"] not in record.broken]
    swept = [_swept(member, store) for member in tuned]
    tests = {
        (member["task"], tuple(member["test_seeds"])): load_sweep(member["sweep"], store)
        if member["sweep"] in store
        else None
        for member in record.members
        if "task" in member
    }
    spaces = {done.task: done.record.space for done in swept}
    chosen = [tasks.of_record(settings.tasks[task], space) for task, space in spaces.items()]
    of_tasks = {task.name: scale_of(task, settings.scores[0], settings.objective, swept, tests) for task in chosen}
    return Comparison(name, settings, dict(record.provenance), swept, tests, of_tasks, record.broken)


def _members(design: Design) -> Iterator[Member]:
    """Yield the members in the order in which they are run."""
    for task in design.tasks:
        for repeat in range(design.repeats):
            for entry in design.entries:
                yield {
                    "sweep": design.sweep_name(task, entry, repeat),
                    "tuner": entry.label,
                    "repeat": repeat,
                    "budget": design.budget * entry.factor,
                    "test_seeds": list(design.test_seeds[repeat]),
                }
    for task in design.tasks:
        for seeds in dict.fromkeys(design.test_seeds):
            yield {"sweep": design.test_name(task, seeds), "task": task.name, "test_seeds": list(seeds)}


def _with_order(member: Member, order: Sequence[int]) -> Member:
    return member if order == sorted(order) else {**member, "order": list(order)}


def _swept(member: Mapping[str, Any], store: Store) -> Swept:
    record = load_sweep(member["sweep"], store)
    order = member.get("order", sorted(record.records))
    return Swept(member["tuner"], member["repeat"], member["budget"], tuple(member["test_seeds"]), record, order)
