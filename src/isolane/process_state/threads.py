"""Threads that are alive: started by a test, and still running when it is over."""

from __future__ import annotations

import threading
from time import monotonic
from typing import Any
from weakref import ReferenceType, ref

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs, Unsure
from isolane.process_state.slots import name_of

Threads = tuple["ReferenceType[threading.Thread]", ...]
"""Weak, so that looking keeps no thread object alive, nor what it was given to work on."""

_GRACE = 0.01
"""Seconds in which threads that are about to end may do so. Only waited for where a test has left one running."""
_OTHERS = ("pytest_timeout ",)
"""How the threads are named that others start around a test: the timer of pytest-timeout."""


class ThreadsKind:
    """The threads that :mod:`threading` knows of. Idle threads of an executor's pool are threads, too.

    That a thread has ended is no change: nobody can count on it to go on.
    """

    name = "threads"

    def snapshot(self) -> Threads:
        """Refer to every thread."""
        return tuple(map(ref, threading.enumerate()))

    def signs(self) -> Signs:
        """Return whether there is only one: which others there are, their number would not tell."""
        active: Any = threading._active  # type: ignore[attr-defined]
        starting: Any = threading._limbo  # type: ignore[attr-defined]
        return Signs(values=(lambda: Unsure() if len(active) + len(starting) > 1 else None,))

    def diff(self, before: Threads, after: Threads) -> list[Change]:
        """Return a change a thread that goes on; threads that only had to be waited for are none."""
        if before == after:
            return []
        return [
            Change(self.name, thread.name, None, _describe(thread), _level(thread))
            for thread in _going_on(_new(before, after))
        ]

    def rebase(self, pending: Threads, before: Threads, after: Threads) -> Threads:
        """Add the threads that were started."""
        if before == after:
            return pending
        return (*pending, *map(ref, _new(before, after)))

    def restore(self, before: Threads) -> None:
        """Cancel timers that have not gone off. No other thread can be stopped from outside: say which."""
        started = _new(before, self.snapshot())
        for thread in started:
            if isinstance(thread, threading.Timer):
                thread.cancel()
        left = [thread.name for thread in _going_on(started) if _level(thread) is not Level.HARMLESS]
        if left:
            raise RestoreError(
                "threads-run-on",
                f"a started thread cannot be stopped from outside: {', '.join(left)}.",
                "Let the test tell its threads to end, and join them; shut executors down.",
            )


def _new(before: Threads, after: Threads) -> list[threading.Thread]:
    """Return the threads started in between that are not others' business."""
    known = set(map(id, before))
    threads = (reference() for reference in after if id(reference) not in known)
    return [
        thread
        for thread in threads
        if thread is not None and thread.is_alive() and not str(thread.name).startswith(_OTHERS)
    ]


def _going_on(threads: list[threading.Thread]) -> list[threading.Thread]:
    """Return those that do not end by themselves at once."""
    deadline = monotonic() + _GRACE
    for thread in threads:
        if thread is not threading.current_thread() and not _is_foreign(thread):
            thread.join(max(0.0, deadline - monotonic()))
    return [thread for thread in threads if thread.is_alive()]


def _is_foreign(thread: threading.Thread) -> bool:
    """Whether a C library started it: then Python does not know when it ends."""
    return isinstance(thread, threading._DummyThread)


def _level(thread: threading.Thread) -> Level:
    return Level.HARMLESS if _is_foreign(thread) else Level.SUSPECT


def _describe(thread: threading.Thread) -> str:
    if _is_foreign(thread):
        return "started outside Python, may have ended"
    target = name_of(getattr(thread, "_target", None)) or name_of(thread)
    return f"alive, {'daemon' if thread.daemon else 'not a daemon'}, runs {target}"
