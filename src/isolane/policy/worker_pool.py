"""Worker processes that are kept warm."""

from __future__ import annotations

import atexit
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from isolane.policy.worker_process import WorkerProcess

MOST_IDLE = max(2, os.cpu_count() or 2)
"""How many are kept that nobody uses."""


class WorkerPool:
    """Processes by their memory limit. One is used by one runtime at a time, and begins a fresh Lua state for each.

    There is no lock in here: a runtime that is garbage gives its process back whenever Python likes, perhaps in the
    midst of :meth:`take`. Each step is a single operation on a container, which no other thread can come between.
    """

    def __init__(self) -> None:
        self._idle: dict[int, deque[WorkerProcess]] = {}
        self._all: set[WorkerProcess] = set()

    @property
    def processes(self) -> list[WorkerProcess]:
        """Return all that are there, used and idle."""
        return [one for one in self._all.copy() if one.is_usable]

    def take(self, memory_mb: int) -> WorkerProcess:
        """Return a process for the caller alone, a new one where none is idle."""
        idle = self._idle.setdefault(memory_mb, deque())
        while True:
            try:
                process = idle.pop()
            except IndexError:
                process = WorkerProcess(memory_mb)
                self._all.add(process)
                return process
            if process.is_usable:
                return process
            self.drop(process)

    def give_back(self, process: WorkerProcess) -> None:
        """Keep a process for the next one to take, unless there are enough of them, or it has ended."""
        if process.is_usable and sum(map(len, list(self._idle.values()))) < MOST_IDLE:
            self._idle.setdefault(process.memory_mb, deque()).append(process)
        else:
            self.drop(process)

    def prepare(self, count: int, memory_mb: int) -> None:
        """Start so many processes ahead, at most as many as are kept; nobody waits for them here."""
        idle = self._idle.setdefault(memory_mb, deque())
        while len(idle) < min(count, MOST_IDLE):
            process = WorkerProcess(memory_mb)
            self._all.add(process)
            idle.append(process)

    def drop(self, process: WorkerProcess) -> None:
        """End a process."""
        self._all.discard(process)
        process.end()

    @contextmanager
    def kept_as_it_is(self) -> Iterator[None]:
        """End, at the end of the block, the processes that were started in it."""
        before = self._all.copy()
        yield
        for one in self._all - before:
            self.drop(one)

    def close(self) -> None:
        """End all of them, also those in use; the pool can be used again."""
        self._idle.clear()
        while self._all:
            self._all.pop().end()


POOL = WorkerPool()
"""The pool of this process. A forked child begins with an empty one."""
atexit.register(POOL.close)
os.register_at_fork(after_in_child=POOL.close)
