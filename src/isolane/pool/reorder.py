"""Results that come in any order, handed out in the order of submission."""

from __future__ import annotations

import threading
from typing import Any, NamedTuple

from isolane.model.clock import Clock, SystemClock


class ReadyResult(NamedTuple):
    """A result whose turn it is. submit_index: its place, from 0. completed_as: how many were completed before it.

    submitted_at, completed_at: by the monotonic clock, in seconds.
    """

    submit_index: int
    completed_as: int
    submitted_at: float
    completed_at: float
    result: Any


class ReorderBuffer:
    """Keeps results until all before them are there. One a batch; safe with many threads.

    What was handed out is forgotten: the buffer is as large as what is waited for. What cannot be (a result for a place
    that was not submitted, or a second one) is a ``ValueError``: who calls it is wrong.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._monotonic = (clock or SystemClock()).monotonic
        self._lock = threading.Lock()
        self._waiting: dict[int, float] = {}
        self._complete: dict[int, ReadyResult] = {}
        self._next = self._submitted = self._completed = 0

    def submit(self) -> int:
        """Take the next place, and return its index."""
        with self._lock:
            index = self._submitted
            self._submitted = index + 1
            self._waiting[index] = self._monotonic()
            return index

    def complete(self, index: int, result: Any) -> bool:
        """Put a result in its place, and return whether any is ready to be handed out."""
        with self._lock:
            submitted_at = self._waiting.pop(index, None)
            if submitted_at is None:
                known = 0 <= index < self._submitted
                raise ValueError(f"place {index} has its result" if known else f"place {index} was never submitted")
            self._complete[index] = ReadyResult(index, self._completed, submitted_at, self._monotonic(), result)
            self._completed += 1
            return self._next in self._complete

    def take_ready(self) -> list[ReadyResult]:
        """Return, once, the results that are complete without a gap, in order."""
        with self._lock:
            ready: list[ReadyResult] = []
            while (entry := self._complete.pop(self._next, None)) is not None:
                ready.append(entry)
                self._next += 1
            return ready

    def take_all(self) -> list[ReadyResult]:
        """Return, once, every result that is there, over all gaps, in order."""
        with self._lock:
            entries = [self._complete[index] for index in sorted(self._complete)]
            self._complete.clear()
            return entries

    @property
    def submitted_count(self) -> int:
        """How many places were taken so far."""
        return self._submitted

    @property
    def pending_count(self) -> int:
        """How many places wait for their result."""
        with self._lock:
            return len(self._waiting)
