"""Every registered tuner passes the public suite, and the suite fails tuners that break their promises."""

import copy
import importlib.util
import os
import sys
from pathlib import Path

import pytest
from ConfigSpace import ConfigurationSpace

from arl import spaces
from hpo import testing, tuners
from hpo.trial import Trial

HAS_TORCH = importlib.util.find_spec("torch") is not None
EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "random_search.py"
OPTIONS: dict[str, dict] = {"external": {"command": [sys.executable, str(EXAMPLE)]}}
NAMES = [name for name in tuners.names() if name != "gp" or HAS_TORCH]


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_the_contract(name):
    testing.check_here(name, OPTIONS.get(name, {}))


def test_they_answer_the_same_in_another_process():
    testing.check_elsewhere([(name, OPTIONS.get(name, {})) for name in NAMES])


class Base:
    """Keeps every promise; each class below breaks one."""

    def __init__(self, space, fidelity, seed=0):
        self.space, self.fidelity, self.seed, self.num_asked, self.told = space, fidelity, seed, 0, []

    def ask(self, n):
        self.num_asked += n
        return [self.trial(i) for i in range(self.num_asked - n, self.num_asked)]

    def trial(self, i):
        return Trial(i, spaces.sample(self.space, [self.seed, i]), self.fidelity)

    def tell(self, results):
        self.told += results


class Greedy(Base):
    def ask(self, n):
        return super().ask(n + 1)


class SameId(Base):
    def trial(self, i):
        return Trial(i // 2, spaces.sample(self.space, [i]), self.fidelity)


class SameConfig(Base):
    def trial(self, i):
        return Trial(i, spaces.sample(self.space, [i // 2]), self.fidelity)


class Raw(Base):
    def trial(self, i):
        return Trial(i, dict(self.space.sample_configuration()), self.fidelity)


class Inactive(Base):
    def trial(self, i):
        defaults = {name: self.space[name].default_value for name in self.space}
        return Trial(i, defaults | spaces.sample(self.space, [i]), self.fidelity)


class TooFar(Base):
    def trial(self, i):
        return Trial(i, spaces.sample(self.space, [i]), self.fidelity + 1)


class Orphan(Base):
    def trial(self, i):
        return Trial(i, spaces.sample(self.space, [i]), self.fidelity, parent=999)


class Fragile(Base):
    def tell(self, results):
        max(result.curve[-1] for result in results)


class Shared(Base):
    made = 0

    def __init__(self, space, fidelity, seed=0):
        Shared.made += 1
        super().__init__(space, fidelity, Shared.made)


class Hashed(Base):
    def trial(self, i):
        return Trial(i, spaces.sample(self.space, [hash(("salt", i)) % 1000]), self.fidelity)


class Grows(Base):
    def __init__(self, space, fidelity, seed=0):
        super().__init__(copy.deepcopy(space), fidelity, seed)
        space.add(ConfigurationSpace(space={"more": (0.0, 1.0)})["more"])


class Wanders(Base):
    told = 0

    def warm_start(self, results):
        Wanders.told += 1
        self.seed = Wanders.told


class Repeats(Base):
    def warm_start(self, results):
        self.trial = lambda i: results[0].trial


class Silent(Base):
    def ask(self, n):
        return []


def test_one_that_keeps_its_promises_passes():
    testing.check_tuner(Base)


def test_a_file_is_checked_by_its_name(tmp_path):
    code = "from hpo.tuners.random import Random\n\n\nclass Mine(Random):\n    pass\n"
    (tmp_path / "mine.py").write_text(code)
    testing.check_tuner(f"{tmp_path}/mine.py:Mine")


@pytest.mark.parametrize(
    ("tuner", "message"),
    [
        (Greedy, r"ask\(4\) must give at most 4 trials, got 5"),
        (SameId, "id of its own"),
        (SameConfig, "trials of a batch must differ"),
        (Raw, "plain Python scalars"),
        (Inactive, "space 'conditional', trial 0: config .* is not in the space"),
        (TooFar, r"fidelity must be in \[1, 900\], got 901"),
        (Orphan, "parent must be a finished trial, got 999"),
        (Fragile, "trials that fail: the tuner must go on, got IndexError"),
        (Shared, "resumed after batch 1: the tuner must ask the same"),
        (Hashed, "in another process, whose hashes differ: the tuner must ask the same"),
        (Grows, "leave the space as it was"),
        (Wanders, "told earlier trials, hashed scores: the tuner must ask the same"),
        (Repeats, "told earlier trials: each trial must have an id of its own"),
        (Silent, "at least one trial"),
    ],
)
def test_a_broken_promise_is_named(tuner, message):
    with pytest.raises(AssertionError, match=message):
        testing.check_tuner(tuner)


def test_the_hashes_of_the_other_process_differ(monkeypatch):
    monkeypatch.setenv("PYTHONHASHSEED", os.environ.get("PYTHONHASHSEED", "0"))
    with pytest.raises(AssertionError, match="another process"):
        testing.check_elsewhere([(Hashed, {})])
