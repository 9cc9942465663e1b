"""What some threads have to do: programs to compile, and blocks to train once their programs are compiled."""

import collections
import threading
from collections.abc import Iterable
from typing import Generic, TypeVar

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

    def take(self) -> Compilation | Block | None:
        """Return what to do next, blocks first; wait while there is nothing but may be; None if all is done or stopped.

        The thread calls `done` after it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._blocks or self._compilations or self.is_stopped or not self._num_taken)
            if self.is_stopped or not (self._blocks or self._compilations):
                return None
            self._num_taken += 1
            return self._blocks.popleft() if self._blocks else self._compilations.popleft()

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
