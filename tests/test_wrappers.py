"""Optimisers of other libraries become tuners in one line, and those tuners keep the contract."""

import sys

import numpy as np
import pytest
from cmaes import CMA

import hpo
from arl.errors import InputError
from hpo import testing
from hpo.tuners.unit_cube import from_vector

FILES = {
    "optuna": """
import optuna
import hpo
Mine = hpo.tuners.from_optuna(optuna.samplers.TPESampler, n_startup_trials=5)
""",
    "smac": """
import smac
import hpo
Mine = hpo.tuners.from_smac(smac.HyperbandFacade)
""",
    "cmaes": """
import numpy as np
from cmaes import CMA
import hpo
Mine = hpo.tuners.from_vector(
    lambda dim, seed: CMA(np.full(dim, 0.5), 0.3, bounds=np.tile([0.0, 1.0], (dim, 1)), seed=seed)
)
""",
    "nevergrad": """
import nevergrad as ng
import hpo

def make(dim, seed, budget):
    cube = ng.p.Array(shape=(dim,), lower=0.0, upper=1.0)
    cube.random_state.seed(seed)
    return ng.optimizers.NGOpt(cube, budget=int(budget), num_workers=64)

Mine = hpo.tuners.from_vector(make)
""",
}


@pytest.mark.parametrize("library", FILES)
def test_a_file_of_few_lines_brings_a_tuner(library, tmp_path):
    pytest.importorskip(library)
    file = tmp_path / f"mine_{library}.py"
    file.write_text(FILES[library])
    testing.check_here(f"{file}:Mine", {})


def test_they_answer_the_same_in_another_process(tmp_path):
    files = {library: tmp_path / f"mine_{library}.py" for library in ("optuna", "cmaes")}
    for library, file in files.items():
        file.write_text(FILES[library])
    testing.check_elsewhere([(f"{file}:Mine", {}) for file in files.values()])


class Noted:
    """Asks for the two ends of the diagonal in turn and keeps what it is told."""

    def __init__(self, dim):
        self.dim, self.num, self.told = dim, 0, []

    def ask(self):
        self.num += 1
        return [self.num % 2] * self.dim

    def tell(self, point, loss):
        self.told.append((point[0], loss))


def test_losses_are_negated_scores_and_the_worst_for_those_without():
    noted = Noted(2)
    tuner = from_vector(lambda: noted)(testing.continuous(), 900)
    trials = tuner.ask(3)
    assert trials[0].config["x"] == 1.0
    tuner.tell([testing.result(trial, np.nan if trial.id == 1 else float(trial.id)) for trial in trials])
    assert noted.told == [(1, 0.0), (0, 0.0), (1, -2.0)]


def test_a_generation_is_told_at_once():
    told = []

    class Generations(Noted):
        population_size = 4

        def tell(self, pairs):
            told.append([loss for _, loss in pairs])

    tuner = from_vector(lambda dim: Generations(dim))(testing.continuous(), 900)
    sizes = []
    for size in (3, 3, 9):
        trials = tuner.ask(size)
        sizes.append(len(trials))
        tuner.tell([testing.result(trial, float(trial.id)) for trial in trials])
    assert sizes == [3, 1, 4]
    assert told == [[0.0, -1.0, -2.0, -3.0], [-4.0, -5.0, -6.0, -7.0]]
    assert tuner.ask(3)
    assert len(tuner.ask(3)) == 1


def test_points_of_another_size_are_refused():
    with pytest.raises(InputError, match="points with 2 axes"):
        from_vector(lambda: Noted(3))(testing.continuous(), 900).ask(1)


def test_a_wrapped_optimiser_finds_the_optimum():
    mine = hpo.tuners.from_vector(lambda dim, seed: CMA(np.full(dim, 0.5), 0.3, seed=seed))
    tuner = mine(testing.continuous(), 900, seed=0)
    best = -np.inf
    for _ in range(20):
        results = [
            testing.result(t, -((np.log10(t.config["rate"]) + 3) ** 2) - t.config["x"] ** 2) for t in tuner.ask(99)
        ]
        best = max([best, *(result.score for result in results)])
        tuner.tell(results)
    assert best > -1e-3


def test_the_wrappers_are_attributes_of_hpo_tuners():
    assert hpo.tuners.from_vector is from_vector
    assert "hpo.tuners" in sys.modules
    with pytest.raises(AttributeError, match="from_nowhere"):
        _ = hpo.tuners.from_nowhere
