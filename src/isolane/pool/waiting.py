"""How a thread of a pool waits, so that a test can do without."""

from __future__ import annotations

import threading
from typing import Protocol

from isolane.model.clock import Clock, SystemClock


class Waiting(Protocol):
    """Waits until there may be something to do."""

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Wait until the condition is notified, or for that long by the pool's clock. Its lock is held.

        To return early does no harm: who waits looks at the clock again.
        """
        ...


class SystemWaiting:
    """Really waits."""

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Block the calling thread."""
        condition.wait(min(seconds, threading.TIMEOUT_MAX))


class SleepingWaiting:
    """Asks the clock to sleep: a :class:`~isolane.model.clock.FakeClock` moves on and returns at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wait(self, condition: threading.Condition, seconds: float) -> None:
        """Let the clock sleep, without the lock."""
        condition.release()
        try:
            self._clock.sleep(seconds)
        finally:
            condition.acquire()


def waiting_by(clock: Clock) -> Waiting:
    """Return what fits a clock: real waiting for the machine's, sleeping for any other."""
    return SystemWaiting() if isinstance(clock, SystemClock) else SleepingWaiting(clock)
