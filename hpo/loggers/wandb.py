"""Weights & Biases: a run per trial, in a group per sweep of the project `$WANDB_PROJECT`, `arl` by default."""

import os
from typing import Any

from arl.records.settings import SweepSettings
from arl.records.store import PointRecord, RunRecord, TrialRecord
from hpo.loggers.base import Logger, required, values


class WandB(Logger):
    """Learning curves and training metrics over env steps, configs, and scores as summaries."""

    def __init__(self, sweep: str, settings: SweepSettings):
        super().__init__(sweep, settings)
        self.library = required("wandb", "wandb")
        self.runs: dict[int, Any] = {}

    def on_point(self, trial: TrialRecord, run: RunRecord, point: PointRecord) -> None:
        self._run(trial).log({"env_steps": point.env_steps, **values(run, point)})

    def on_trial(self, trial: TrialRecord) -> None:
        run = self._run(trial)
        run.summary.update({"score": trial.score, "status": trial.status, "fidelity": trial.fidelity})
        self.runs.pop(trial.trial).finish()

    def _run(self, trial: TrialRecord) -> Any:
        if trial.trial not in self.runs:
            run = self.library.init(
                project=os.environ.get("WANDB_PROJECT", "arl"),
                group=self.sweep,
                name=f"{self.sweep}-{trial.trial}",
                config={**trial.config, "trial": trial.trial},
                reinit="create_new",
            )
            run.define_metric(
                "*", step_metric="env_steps"
            )  # seeds come one after the other: steps go back to the first
            self.runs[trial.trial] = run
        return self.runs[trial.trial]
