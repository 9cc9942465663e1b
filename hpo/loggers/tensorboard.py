"""Event files for TensorBoard: a run per trial, below `results/tensorboard/SWEEP`."""

from pathlib import Path
from typing import Any

from arl.records.settings import SweepSettings
from arl.records.store import PointRecord, RunRecord, TrialRecord
from hpo.loggers.base import Logger, required, values


class TensorBoard(Logger):
    """Learning curves and training metrics over env steps; hyperparameters beside scores."""

    directory = Path("results/tensorboard")

    def __init__(self, sweep: str, settings: SweepSettings):
        super().__init__(sweep, settings)
        self.library = required("tensorboardX", "tensorboard")
        self.writers: dict[int, Any] = {}

    def on_point(self, trial: TrialRecord, run: RunRecord, point: PointRecord) -> None:
        writer = self._writer(trial)
        for name, value in values(run, point).items():
            writer.add_scalar(name, value, point.env_steps)

    def on_trial(self, trial: TrialRecord) -> None:
        writer, scores = self._writer(trial), {"score": trial.score}
        for summary in self.library.summary.hparams(
            dict(trial.config), scores
        ):  # add_hparams would open the file again
            writer.file_writer.add_summary(summary)
        writer.add_scalar("score", trial.score, trial.fidelity)
        self.writers.pop(trial.trial).close()

    def _writer(self, trial: TrialRecord) -> Any:
        if trial.trial not in self.writers:
            folder = self.directory / self.sweep / f"trial-{trial.trial}"
            self.writers[trial.trial] = self.library.SummaryWriter(str(folder))
        return self.writers[trial.trial]
