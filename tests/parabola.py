"""An objective of one's own: a parabola of the learning rate, which answers at once."""

import math

import hpo
from hpo.records import PointRecord, RunRecord, trial_record


class Parabola(hpo.Objective):
    """Under seed s, a trial scores -(log10(learning_rate) + 2)^2 - s / 100."""

    label = "parabola"

    def evaluate(self, trials, on_segment=lambda progress: None):
        for trial in trials:
            yield trial_record(trial, [self.run(trial, seed) for seed in self.seeds_of(trial)])

    def run(self, trial, seed):
        score = -((math.log10(trial.config["learning_rate"]) + 2) ** 2) - seed / 100
        point = PointRecord(trial.fidelity, score, 0.0, 1.0, {})
        return RunRecord(seed, "completed", score, trial.fidelity, 0.0, self.provenance(), [point])
