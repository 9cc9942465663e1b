"""Errors of names: what is meant stands first, and the line stays short."""

import pytest

from arl.errors import unknown


@pytest.mark.parametrize(
    ("name", "names", "hint"),
    [
        ("lr", ["gamma", "learning_rate", "lambda"], "did you mean 'learning_rate'? "),
        ("optuna", ["pbt", "tpe", "cmaes"], ""),
        ("bayes", ["cmaes", "tpe"], ""),
        ("reward", ["cvar", "worst"], ""),
        ("rundom", ["default", "random"], "did you mean 'random'? "),
    ],
)
def test_only_a_name_that_is_near_is_suggested(name, names, hint):
    assert str(unknown("name", name, names)) == f"unknown name {name!r}: {hint}known are {', '.join(names)}"


def test_of_many_names_only_the_nearest_are_listed():
    names = [f"big-random-{i}" for i in range(100)] + ["first"]
    line = str(unknown("sweep", "fist", names, "in store.sqlite"))
    assert line == "unknown sweep 'fist' in store.sqlite: did you mean 'first'? 101 are known, such as first"
    assert str(unknown("sweep", "xyz", names)).endswith(
        ": 101 are known, such as big-random-0, big-random-1, big-random-2, big-random-3, big-random-4"
    )
