"""Waking the one thread that waits for a batch."""

from __future__ import annotations

import threading

_A_WHILE = 0.25
"""Seconds. A signal that comes when the thread is about to be blocked does not wake it: Ctrl-C would be lost."""


class Bell:
    """Wakes a thread; a ring that nobody hears yet is kept for who waits next. Those who ring take turns.

    It is a bare lock. The thread that waits may be the main one, where Ctrl-C arrives between any two steps of Python
    code: out of a ``threading.Condition`` that is just being entered it goes with the lock of all locked.
    """

    def __init__(self) -> None:
        self._silence = threading.Lock()
        self._silence.acquire()

    def ring(self) -> None:
        """Wake who waits, or will."""
        if self._silence.locked():
            self._silence.release()

    def wait(self) -> None:
        """Wait for a ring, or for a while: who waits looks whether there is anything."""
        self._silence.acquire(timeout=_A_WHILE)
