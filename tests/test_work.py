"""Work: what is to be done is given to threads that can do it, and they wait for what may follow."""

import threading

from arl.training.runner import _spread
from arl.training.work import Work


def test_blocks_come_first():
    work = Work(["first", "second"])
    assert work.take(compiles=True, trains=True) == "first"
    work.done(blocks=["block"])
    assert work.take(compiles=True, trains=True) == "block"
    work.done(compilations=["third"])
    assert [work.take(compiles=True, trains=False) for _ in range(2)] == ["second", "third"]


def test_nothing_is_left_when_all_is_done():
    work = Work(["first"])
    work.take(compiles=True, trains=True)
    work.done()
    assert work.take(compiles=True, trains=True) is None


def test_a_thread_waits_for_what_may_follow():
    work, taken = Work(["first"]), []
    work.take(compiles=True, trains=False)
    thread = threading.Thread(target=lambda: taken.append(work.take(compiles=False, trains=True)), daemon=True)
    thread.start()
    assert taken == []
    work.done(blocks=["block"])
    thread.join(timeout=60)
    assert taken == ["block"]


def test_work_that_is_stopped_wakes_all_who_wait():
    work, taken = Work(["first", "second"]), []
    work.take(compiles=True, trains=False)
    thread = threading.Thread(target=lambda: taken.append(work.take(compiles=False, trains=True)), daemon=True)
    thread.start()
    work.stop()
    thread.join(timeout=60)
    assert taken == [None]
    assert work.take(compiles=True, trains=True) is None


def test_workers_compile_far_apart():
    assert _spread([[i] for i in range(7)], 2) == [[0], [4], [1], [5], [2], [6], [3]]
    assert _spread([[i] for i in range(3)], 4) == [[0], [1], [2]]
    assert _spread([], 4) == []
