"""What some threads have to do: programs to compile, and blocks to train once their programs are compiled."""

import collections
import threading
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

Compilation = TypeVar("Compilation")
Block = TypeVar("Block")


class Work(Generic[Compilation, Block]):
    """Compilations and blocks that wait for a thread. Either may bring more: a compilation its blocks.

    Args:
        compilations: the first ones to do.
    """

    def __init__(self, compilations: Iterable[Compilation]):
        self._compilations, self._blocks = collections.deque(compilations), collections.deque[Block]()
        self._num_taken, self.is_stopped, self._changed = 0, False, threading.Condition()

    def take(self, compiles: bool, trains: bool) -> Compilation | Block | None:
        """Return what a thread that compiles, trains, or both, has to do next: blocks first.

        It waits while there is nothing but may be; None says that all is done, or that the work is stopped. The thread calls
        `done` after what it took.
        """
        waiting: list[collections.deque[Any]] = []
        waiting += [self._blocks] if trains else []
        waiting += [self._compilations] if compiles else []
        with self._changed:
            self._changed.wait_for(lambda: any(waiting) or self._is_over())
            if self.is_stopped or not any(waiting):
                return None
            self._num_taken += 1
            return next(tasks for tasks in waiting if tasks).popleft()

    def _is_over(self) -> bool:
        return self.is_stopped or not (self._num_taken or self._blocks or self._compilations)

    def done(self, compilations: Iterable[Compilation] = (), blocks: Iterable[Block] = ()) -> None:
        """Note that what a thread took is done, and what is to be done because of it."""
        with self._changed:
            self._num_taken -= 1
            self._compilations.extend(compilations)
            self._blocks.extend(blocks)
            self._changed.notify_all()

    def stop(self) -> None:
        """Give no more work; what is under way goes on."""
        with self._changed:
            self.is_stopped = True
            self._changed.notify_all()
