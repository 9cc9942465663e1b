"""MLflow: a run per trial, in an experiment per sweep, where `$MLFLOW_TRACKING_URI` says."""

import time

from arl.records.settings import SweepSettings
from arl.records.store import COMPLETED, PointRecord, RunRecord, TrialRecord
from hpo.loggers.base import Logger, required, values


class MLflow(Logger):
    """Learning curves and training metrics over env steps, configs as params, and scores."""

    def __init__(self, sweep: str, settings: SweepSettings):
        super().__init__(sweep, settings)
        self.library = required("mlflow", "mlflow")
        self.client = self.library.MlflowClient()
        self.runs: dict[int, str] = {}

    def on_point(self, trial: TrialRecord, run: RunRecord, point: PointRecord) -> None:
        self._log(trial, values(run, point), point.env_steps)

    def on_trial(self, trial: TrialRecord) -> None:
        self._log(trial, {"score": trial.score}, trial.fidelity)
        status = "FINISHED" if trial.status == COMPLETED else "FAILED"
        self.client.set_terminated(self.runs.pop(trial.trial), status)

    def _log(self, trial: TrialRecord, numbers: dict[str, float], env_steps: int) -> None:
        now, entities = int(time.time() * 1000), self.library.entities
        metrics = [entities.Metric(name, value, now, env_steps) for name, value in numbers.items()]
        self.client.log_batch(self._run(trial), metrics=metrics)

    def _run(self, trial: TrialRecord) -> str:
        if trial.trial not in self.runs:
            run = self.client.create_run(self._experiment(), run_name=f"{self.sweep}-{trial.trial}").info.run_id
            params = [self.library.entities.Param(name, str(value)) for name, value in trial.config.items()]
            self.client.log_batch(run, params=params)
            self.runs[trial.trial] = run
        return self.runs[trial.trial]

    def _experiment(self) -> str:
        experiment = self.client.get_experiment_by_name(self.sweep)
        return experiment.experiment_id if experiment else self.client.create_experiment(self.sweep)
