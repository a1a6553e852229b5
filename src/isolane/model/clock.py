"""Where every room gets its time from, so that a unit test never sleeps."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall time, monotonic time and waiting, all in seconds."""

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start that never go backwards."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for that many seconds."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        """Return seconds since the Unix epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Return ``time.monotonic()``."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Block the calling thread."""
        time.sleep(seconds)


class FakeClock:
    """A clock that stands still until a test moves it; ``sleep`` moves it and returns at once.

    >>> clock = FakeClock(start=100.0)
    >>> clock.advance(2.5)
    >>> clock.now(), clock.monotonic()
    (102.5, 2.5)
    """

    def __init__(self, start: float = 0.0) -> None:
        self._start = start
        self._elapsed = 0.0
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return the start time plus all that the clock was advanced."""
        with self._lock:
            return self._start + self._elapsed

    def monotonic(self) -> float:
        """Return all that the clock was advanced."""
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Advance instead of waiting."""
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move time forward; a negative number is a ``ValueError``."""
        if seconds < 0:
            raise ValueError(f"time cannot go back: {seconds}")
        with self._lock:
            self._elapsed += seconds
