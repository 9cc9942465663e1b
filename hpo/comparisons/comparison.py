"""Results of a comparison of tuners: its records as pandas DataFrames, and their statistics."""

import functools
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from arl import results, statistics
from arl.records.lineage import Chain, Ledger, chain
from arl.records.settings import ComparisonSettings
from arl.records.store import TrialRecord
from arl.records.sweep import SweepRecord
from arl.statistics import RankTest
from arl.text import plural, seed_list
from hpo.comparisons import REFERENCE, UNTUNED, incumbents, scales
from hpo.comparisons.incumbents import Incumbent
from hpo.comparisons.scales import Scale
from hpo.tasks import Task

if TYPE_CHECKING:
    from hpo.objectives import ObjectiveLike

NUM_POINTS = 32
_SHOWN = ["tuner", "score", "low", "high", "difference", "rank", "gap"]
_MEMBERS = ".summary, .by_task, .anytime, .pairs, .costs and .incumbents, DataFrames"

Test = tuple[str, tuple[int, ...]]  # task, and the seeds under which its incumbents are tested


@dataclass(frozen=True)
class Swept:
    """One sweep of a comparison.

    Attributes:
        tuner: its label in the comparison.
        budget: equivalent full runs that it might spend.
        test_seeds: those that its incumbents are tested under.
        order: its trials as they were asked for.
    """

    tuner: str
    repeat: int
    budget: float
    test_seeds: tuple[int, ...]
    record: SweepRecord
    order: Sequence[int]

    @property
    def task(self) -> str:
        return self.record.task

    @property
    def test(self) -> Test:
        """What its incumbents are tested in."""
        return self.task, self.test_seeds

    @cached_property
    def at_points(self) -> list[Incumbent | None]:
        """The incumbent at each budget point: after 1/32, 2/32, ... of the budget."""
        trajectory = incumbents.incumbents(self.record, self.order)
        return [incumbents.at(trajectory, self.budget * i / NUM_POINTS) for i in range(1, NUM_POINTS + 1)]

    @property
    def spent(self) -> float:
        """Equivalent full runs that it spent."""
        records, settings = self.record.records, self.record.settings
        ledger = Ledger(records, settings.task.fidelity, settings.seeds)
        return sum(ledger.charge(records[i]) for i in self.order)


@dataclass(frozen=True)
class Comparison:
    """The records of a comparison: tuners on tasks, all with the same repeats and budget.

    Scores are normalised by the task's scale, on which the median random config is 0 and the best config on record 1; regret
    is one minus the score. Before a tuner's first completed trial the worst return stands for its incumbent's.

    Attributes:
        settings: what was asked for.
        provenance: versions and device that it was done with.
        swept: the sweeps of the tuners that kept their contract.
        tests: by task and test seeds, the incumbents trained under these; None where no trial completed.
        scales: by task, the scores that are 0 and 1.
        broken: a line for each tuner that broke its contract; it is in no statistic.
    """

    name: str
    settings: ComparisonSettings
    provenance: dict[str, Any]
    swept: list[Swept]
    tests: Mapping[Test, SweepRecord | None]
    scales: Mapping[str, Scale]
    broken: Mapping[str, str]

    @property
    def tuners(self) -> list[str]:
        """Labels of the tuners in all statistics, in the order given."""
        return list(dict.fromkeys(swept.tuner for swept in self.swept))

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks, in the order given."""
        return list(dict.fromkeys(swept.task for swept in self.swept))

    @property
    def seeds_rotate(self) -> bool:
        """Whether tuning seeds and test seeds change from repeat to repeat."""
        settings = self.settings
        return all(len(set(by_repeat)) > 1 for by_repeat in (settings.seeds, settings.test_seeds))

    @cached_property
    def is_trained(self) -> bool:
        """Whether every run was trained; False where a landscape answered."""
        records = (record for swept in self.swept for record in swept.record.records.values())
        return all(run.outcome.source is None for record in records for run in record.runs)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """A row per task, tuner, repeat and budget point; `score` and `tuning` are normalised."""
        rows = [
            {
                "task": swept.task,
                "tuner": swept.tuner,
                "repeat": swept.repeat,
                "point": i,
                "budget": self.settings.budget * (i + 1) / NUM_POINTS,
                "spent": swept.budget * (i + 1) / NUM_POINTS,
                **self._scores(swept, incumbent),
            }
            for swept in self.swept
            for i, incumbent in enumerate(swept.at_points)
        ]
        return pd.DataFrame(rows)

    @cached_property
    def incumbents(self) -> pd.DataFrame:
        """A row per sweep and trial that was its incumbent at a budget point, with its scores under the test seeds.

        `config`: JSON, a list of links `[env steps in total, config]`.
        """
        columns = [
            "task",
            "tuner",
            "repeat",
            "spent",
            "trial",
            "fidelity",
            "tuning_score",
            "test_seeds",
            "test_trial",
            "test_score",
            "test_std",
            "links",
            "config",
        ]
        rows = [
            self._incumbent_row(swept, incumbent)
            for swept in self.swept
            for incumbent in dict.fromkeys(swept.at_points)
            if incumbent is not None
        ]
        return pd.DataFrame(rows, columns=columns)

    @cached_property
    def runs(self) -> pd.DataFrame:
        """A row per run: of every sweep (`phase` is `tuning`), and of the incumbents (`test`)."""
        rows = [row for swept in self.swept for row in _run_rows(swept.record, "tuning", swept.tuner, swept.repeat)]
        rows += [row for record in self.tests.values() if record for row in _run_rows(record, "test", None, None)]
        return pd.DataFrame(rows).astype({"repeat": "Int64", "parent": "Int64", "merged": "Int64"})

    @cached_property
    def costs(self) -> pd.DataFrame:
        """A row per tuner: means of a sweep. Runs taken over from other sweeps count as if they had been trained.

        `train`: seconds of its runs, each one's share of its worker's time; `wall`, `compile`, `tuner`: seconds that the
        sweep really took, the last one in the tuner's own code; `tuner_cpu`: CPU seconds of this process in that code.
        """
        rows = [
            {
                "task": swept.task,
                "tuner": swept.tuner,
                "repeat": swept.repeat,
                "full_runs": swept.spent,
                "trials": len(swept.order),
                "env_steps": int(swept.record.runs.env_steps.sum()),
                "train": float(swept.record.runs.seconds.sum()),
                **{name: swept.record.timing.get(key, 0.0) for name, key in _TIMES.items()},
                "diverged": int((swept.record.trials.status == "diverged").sum()),
                "failed": int((swept.record.trials.status == "failed").sum()),
            }
            for swept in self.swept
        ]
        means = pd.DataFrame(rows).drop(columns=["task", "repeat"]).groupby("tuner", sort=False).mean()
        return means.reset_index()

    @cached_property
    def scores(self) -> np.ndarray:
        """Normalised test scores `(tuner, task, repeat, point)`."""
        return self._array("score")

    @cached_property
    def final(self) -> np.ndarray:
        """Normalised test scores `(tuner, task, repeat)` when the budget is spent."""
        return self.scores[..., -1]

    @cached_property
    def gaps(self) -> np.ndarray:
        """By how much the final incumbents score higher under the tuning seeds, `(tuner, task, repeat)`."""
        return self._array("tuning")[..., -1] - self.final

    @cached_property
    def anytime(self) -> pd.DataFrame:
        """Interquartile mean and interval by tuner and budget point: the mean over tasks (`task` is None), and of each."""
        num = len(self.tasks)
        slices: list[tuple[str | None, slice]] = [(None, slice(num))] if num > 1 else []
        slices += [(task, slice(i, i + 1)) for i, task in enumerate(self.tasks)]
        budgets = [self.settings.budget * (i + 1) / NUM_POINTS for i in range(NUM_POINTS)]
        rows = [
            {"task": task, "tuner": tuner, "budget": budget, "score": mean, "low": low, "high": high}
            for task, chosen in slices
            for tuner, scores in zip(self.tuners, self.scores, strict=True)
            for budget, (mean, low, high) in zip(budgets, statistics.anytime(scores[chosen]), strict=True)
        ]
        return pd.DataFrame(rows)

    @cached_property
    def ranked(self) -> list[str]:
        """The tuners that are ranked: those that tune, with the comparison's budget."""
        full = {swept.tuner for swept in self.swept if swept.budget == self.settings.budget}
        return [tuner for tuner in self.tuners if tuner in full and tuner != UNTUNED]

    @cached_property
    def ranks(self) -> RankTest:
        """The test of the ranked tuners by their interquartile means over repeats, so that each task gives one ranking."""
        final = self.final[[self.tuners.index(tuner) for tuner in self.ranked]]
        return statistics.rank_test(statistics.iqm(final).T)

    @cached_property
    def pairs(self) -> pd.DataFrame:
        """A row per pair of tuners: the difference of their final scores, its interval, and the least detectable one.

        `p`: of the rank test of this pair, NaN where there is none.
        """
        rows = [
            {"tuner": tuner, "other": other, **self._difference(tuner, other), "p": self._rank_p(tuner, other)}
            for tuner, other in itertools.combinations(self.summary.tuner, 2)
        ]
        columns = ["tuner", "other", "difference", "low", "high", "error", "detectable", "p"]
        return pd.DataFrame(rows, columns=columns)

    @cached_property
    def summary(self) -> pd.DataFrame:
        """A row per tuner, best first: what it reached with the whole budget.

        `score`: mean over tasks of the interquartile mean of normalised test scores; `area`: mean score over all budget
        points; `partial`: share of these at which the incumbent was not fully trained; `rank`: mean rank, of ranked tuners;
        `difference`: score minus that of random search with the same budget; `detectable`: the least such difference that is
        found in 80 % of such comparisons; `improvement`: probability to beat random search; `gap`: tuning minus test score.
        `low` and `high`: 95 % intervals over repeats.
        """
        rows = [self._summary_row(i, tuner) for i, tuner in enumerate(self.tuners)]
        return pd.DataFrame(rows).sort_values("score", ascending=False, kind="stable", ignore_index=True)

    @cached_property
    def by_task(self) -> pd.DataFrame:
        """A row per task and tuner: mean and standard deviation over repeats of the final test return, not normalised."""
        last = self.curves[self.curves.point == NUM_POINTS - 1]
        groups = last.groupby(["task", "tuner"], sort=False)[["test_score", "tuning_score", "score"]]
        return (
            groups.agg(["mean", functools.partial(pd.Series.std, ddof=0)])
            .set_axis(["test", "test_std", "tuning", "tuning_std", "score", "score_std"], axis=1)
            .reset_index()
        )

    @property
    def headline(self) -> str:
        """What was compared, in a line."""
        settings = self.settings
        return (
            f"comparison {self.name!r}: {plural(len(self.tuners), 'tuner')} on {', '.join(self.tasks)}, "
            f"{plural(settings.repeats, 'repeat')}, budget {settings.budget:g}"
        )

    def __repr__(self) -> str:
        return results.as_text(self.headline, self.summary[_SHOWN], _MEMBERS)

    def _repr_html_(self) -> str:
        """Return the same for a notebook, with the scores over budget."""
        anytime = self.anytime
        overall = anytime[anytime.task.isna()] if len(self.tasks) > 1 else anytime
        curves = overall[["budget", "score", "tuner"]].rename(columns={"budget": "full runs", "score": "test score"})
        return results.as_html(self.headline, self.summary[_SHOWN], curves, "tuner", _MEMBERS)

    def export(self, directory: str | Path) -> list[Path]:
        """Write `runs.parquet`, `curves.parquet` and `incumbents.parquet`; those of an earlier time are replaced."""
        directory = Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        paths = [directory / f"{name}.parquet" for name in ("runs", "curves", "incumbents")]
        for path in paths:
            getattr(self, path.stem).to_parquet(path, compression="zstd", index=False)
        return paths

    def _summary_row(self, i: int, tuner: str) -> dict[str, Any]:
        final, gaps = self.final[i], self.gaps[i]
        low, high = statistics.bootstrap(final)
        gap_low, gap_high = statistics.bootstrap(gaps, statistics.pooled_mean)
        return {
            "tuner": tuner,
            "score": float(statistics.mean_iqm(final)),
            "low": low,
            "high": high,
            "area": float(self.scores[i].mean()),
            "partial": float(self._array("partial")[i].mean()),
            "rank": dict(zip(self.ranked, self.ranks.mean_ranks, strict=True)).get(tuner),
            **self._reference(tuner),
            **self._improvement(final),
            "gap": float(gaps.mean()),
            "gap_low": gap_low,
            "gap_high": gap_high,
        }

    def _improvement(self, final: np.ndarray) -> dict[str, float | None]:
        names = ("improvement", "improvement_low", "improvement_high")
        if REFERENCE not in self.tuners:
            return dict.fromkeys(names)
        others = self.final[self.tuners.index(REFERENCE)]
        low, high = statistics.improvement_interval(final, others)
        return dict(zip(names, (float(statistics.improvement(final, others)), low, high), strict=True))

    def _reference(self, tuner: str) -> dict[str, float | None]:
        """Return how much a tuner's score differs from that of random search; None of random search itself or without it."""
        names = {name: f"difference_{name}" for name in ("low", "high")}
        if tuner == REFERENCE or REFERENCE not in self.tuners:
            return dict.fromkeys(("difference", *names.values(), "detectable"))
        found = self._difference(tuner, REFERENCE)
        return {names.get(name, name): value for name, value in found.items() if name != "error"}

    def _difference(self, tuner: str, other: str) -> dict[str, float]:
        scores, others = (self.final[self.tuners.index(name)] for name in (tuner, other))
        value, *rest = statistics.difference(scores, others)
        return {"difference": value, **dict(zip(("low", "high", "error", "detectable"), rest, strict=True))}

    def _rank_p(self, tuner: str, other: str) -> float:
        if self.ranks.pairs is None or not {tuner, other} <= set(self.ranked):
            return np.nan
        first, second = sorted(self.ranked.index(name) for name in (tuner, other))
        return self.ranks.pairs[first, second]

    def _array(self, column: str) -> np.ndarray:
        shape = (len(self.tuners), len(self.tasks), self.settings.repeats, NUM_POINTS)
        ordered = self.curves.assign(
            tuner=self.curves.tuner.map(self.tuners.index), task=self.curves.task.map(self.tasks.index)
        ).sort_values(["tuner", "task", "repeat", "point"])
        return ordered[column].to_numpy(float).reshape(shape)

    def _scores(self, swept: Swept, incumbent: Incumbent | None) -> dict[str, Any]:
        worst, scale = swept.record.return_range[0], self.scales[swept.task]
        tuning = incumbent.score if incumbent else worst
        test = self._tested(swept.test, incumbent.chain).score if incumbent else worst
        return {
            "trial": incumbent.trial if incumbent else None,
            "tuning_score": tuning,
            "test_score": test,
            "partial": incumbent is not None and incumbent.fidelity < swept.record.settings.task.fidelity,
            "tuning": scale.normalized(tuning),
            "score": scale.normalized(test),
        }

    def _incumbent_row(self, swept: Swept, incumbent: Incumbent) -> dict[str, Any]:
        tested = self._tested(swept.test, incumbent.chain)
        scores = [run.score for run in tested.runs]
        return {
            "task": swept.task,
            "tuner": swept.tuner,
            "repeat": swept.repeat,
            "spent": incumbent.spent,
            "trial": incumbent.trial,
            "fidelity": incumbent.fidelity,
            "tuning_score": incumbent.score,
            "test_seeds": seed_list(swept.test_seeds),
            "test_trial": tested.trial,
            "test_score": tested.score,
            "test_std": float(np.std(scores)) if len(scores) > 1 else np.nan,
            "links": len(incumbent.chain),
            "config": json.dumps([[steps, json.loads(config)] for steps, config in incumbent.chain]),
        }

    def _tested(self, test: Test, chain: Chain) -> TrialRecord:
        """Return the chain's last trial under the test seeds; where a link failed there, the last one that was trained."""
        tested = self._by_chain[test]
        return next(tested[chain[:num]] for num in range(len(chain), 0, -1) if chain[:num] in tested)

    @cached_property
    def _by_chain(self) -> dict[Test, dict[Chain, TrialRecord]]:
        return {test: by_chain(record) for test, record in self.tests.items() if record}


def scale_of(
    task: Task, score: str, objective: "ObjectiveLike", swept: Sequence[Swept], tests: Mapping[Test, SweepRecord | None]
) -> Scale:
    """Return the scale of a task's scores, see `scales.of_task`.

    Args:
        score: the name of the score that tuners are judged by.
        objective: what answered.
        swept, tests: of the comparison, those of other tasks among them.
    """
    random = [done.record.records for done in swept if done.task == task.name and done.tuner == REFERENCE]
    tested = [record.records for (name, _), record in tests.items() if name == task.name and record]
    return scales.of_task(task, score, objective, random, tested)


_TIMES = {"wall": "total", "compile": "compile", "tuner_seconds": "tuner", "tuner_cpu": "tuner_cpu"}


def by_chain(record: SweepRecord) -> dict[Chain, TrialRecord]:
    """Return the trials of a sweep by how their agents were trained."""
    return {chain(trial, record.records): trial for trial in record.records.values()}


def _run_rows(record: SweepRecord, phase: str, tuner: str | None, repeat: int | None) -> list[dict[str, Any]]:
    return [
        {
            "phase": phase,
            "task": record.task,
            "tuner": tuner,
            "repeat": repeat,
            "sweep": record.name,
            "trial": trial.trial,
            "parent": trial.parent,
            "fidelity": trial.fidelity,
            "seed": run.seed,
            "status": run.status,
            "score": run.score,
            "env_steps": run.env_steps,
            "seconds": run.seconds,
            "shared": run.outcome.shared,
            "merged": run.outcome.merged,
            "config": json.dumps(dict(trial.config)),
        }
        for trial in record.records.values()
        for run in trial.runs
    ]
