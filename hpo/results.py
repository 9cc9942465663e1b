"""Conversion of learning curves to a trial's record, for the store, and of the record to a result, for the tuner."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from arl.records.store import COMPLETED, DIVERGED, FAILED, PointRecord, RunRecord, TrialRecord
from hpo.trial import Cost, Result, Trial

if TYPE_CHECKING:
    from arl.training.runner import Curve


def run_record(seed: int, curve: "Curve", worst: float, made_with: Mapping[str, Any]) -> RunRecord:
    """Return the record of a run from its curve.

    Args:
        worst: the score of a run that diverged.
        made_with: versions, device and lanes that it was trained with.
    """
    points = [
        PointRecord(
            int(steps),
            float(mean),
            float(std),
            float(length),
            {name: float(curve.metrics[name][i]) for name in curve.metrics},
        )
        for i, (steps, mean, std, length) in enumerate(
            zip(curve.env_steps, curve.return_mean, curve.return_std, curve.length_mean, strict=True)
        )
    ]
    status, score = (DIVERGED, worst) if curve.diverged else (COMPLETED, points[-1].return_mean)
    return RunRecord(seed, status, score, curve.trained_steps, curve.seconds, made_with, points)


def trial_record(trial: Trial, runs: Sequence[RunRecord]) -> TrialRecord:
    """Return the record of a trial from its runs, one per seed."""
    status = next((bad for bad in (FAILED, DIVERGED) if any(run.status == bad for run in runs)), COMPLETED)
    score = float(np.mean([run.score for run in runs]))
    seeds = tuple(run.seed for run in runs)
    begun = [_with_network_seed(run, trial.network_seed) for run in runs]
    return TrialRecord(trial.id, dict(trial.config), trial.fidelity, trial.parent, seeds, status, score, begun)


def _with_network_seed(run: RunRecord, network_seed: int) -> RunRecord:
    return dataclasses.replace(run, outcome=dataclasses.replace(run.outcome, network_seed=network_seed))


def result(trial: Trial, record: TrialRecord, scores: Mapping[str, float] | None = None) -> Result:
    """Return a trial's record as the result for a tuner, the same to the last bit for a record that was read back.

    `scores`: added to the metrics, where a sweep has several. A failed trial has no curve and no other metrics.
    """
    runs = record.runs
    whole = [] if record.status == FAILED else runs
    curves = np.array([[point.return_mean for point in run.points] for run in whole])
    steps = [point.env_steps for point in whole[0].points] if whole else []
    last = [run.points[-1].metrics for run in whole]
    names = list(last[0]) if last else []
    means = np.mean([[metrics[name] for name in names] for metrics in last], axis=0).tolist() if names else []
    return Result(
        trial,
        record.score,
        {run.seed: run.score for run in runs},
        list(zip(steps, curves.mean(axis=0).tolist(), strict=True)) if whole else [],
        {**dict(zip(names, means, strict=True)), **(scores or {})},
        Cost(sum(run.env_steps for run in runs), sum(run.seconds for run in runs)),
        record.status,
    )
