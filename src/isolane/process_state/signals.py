"""Signals: what handles each, which are held back, and the timers that send them."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from functools import partial
from types import FunctionType
from typing import Any, NamedTuple

from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs
from isolane.process_state.slots import name_of

_raw: Any = sys.modules.get("_signal", signal)
"""The functions without the enumerations around them: a fifth of the time, for sixty signals."""
_TIMERS = tuple(name for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(signal, name))
_ALARM = getattr(signal, "SIGALRM", None)
_HAS_MASK = hasattr(signal, "pthread_sigmask")
_DEFAULT = _raw.SIG_DFL

Timer = tuple[bool, float]
"""Whether it runs, and after how many seconds it goes off again, 0 for never. How long it still runs is no state."""
_STOPPED: Timer = (False, 0.0)


class SignalsSnapshot(NamedTuple):
    """Handlers by position of the signal, timers, and the signals held back.

    pytest-timeout has a handler and a timer for each test. Here they count as none: that is what it leaves.
    """

    handlers: tuple[Any, ...]
    timers: tuple[Timer, ...]
    blocked: frozenset[int] | None
    """``None`` in another thread than the main one, where it is another state."""
    of_timeout: Any
    """pytest-timeout's handler, if there was one."""


class SignalsKind:
    """Handlers, interval timers (``signal.alarm`` is one of them), and the main thread's signal mask."""

    name = "signals"

    def __init__(self) -> None:
        self._numbers = tuple(int(number) for number in sorted(signal.valid_signals()))
        self._alarm = self._numbers.index(_ALARM) if _ALARM in self._numbers else 0
        self._timers = tuple(int(getattr(signal, name)) for name in _TIMERS)
        self._main = threading.main_thread().ident

    def snapshot(self) -> SignalsSnapshot:
        """Ask Python for the handlers, the kernel for the rest."""
        handlers = list(map(_raw.getsignal, self._numbers))
        timers = self._read_timers()
        of_timeout = handlers[self._alarm]
        if type(of_timeout) is FunctionType and of_timeout.__module__ == "pytest_timeout":
            handlers[self._alarm] = _DEFAULT
            timers[0] = _STOPPED
        else:
            of_timeout = None
        blocked = None
        if _HAS_MASK and threading.get_ident() == self._main:
            blocked = frozenset(_raw.pthread_sigmask(_raw.SIG_BLOCK, ()))
        return SignalsSnapshot(tuple(handlers), tuple(timers), blocked, of_timeout)

    def signs(self) -> Signs:
        """Return what the kernel and Python say, as they say it."""
        values: tuple[Callable[[], object], ...] = (self._read_timers,)
        if _HAS_MASK and threading.get_ident() == self._main:
            values += (partial(_raw.pthread_sigmask, _raw.SIG_BLOCK, ()),)
        return Signs(values, objects=(lambda: map(_raw.getsignal, self._numbers),))

    def _read_timers(self) -> list[Timer]:
        return [(remaining > 0, interval) for remaining, interval in map(_raw.getitimer, self._timers)]

    def diff(self, before: SignalsSnapshot, after: SignalsSnapshot) -> list[Change]:
        """Return a change a signal that is handled otherwise, is held back or no more, and one a timer."""
        if _equal(before[:3], after[:3]):
            return []
        changes = [
            Change(self.name, _name_of_signal(number), _tell(old), _tell(new))
            for number, old, new in zip(self._numbers, before.handlers, after.handlers, strict=True)
            if old is not new
        ]
        changes += [
            Change(self.name, name, _tell_timer(old), _tell_timer(new))
            for name, old, new in zip(_TIMERS, before.timers, after.timers, strict=True)
            if not _same_timer(old, new)
        ]
        if before.blocked is not None and after.blocked is not None:
            changes += [
                Change(
                    self.name, f"{_name_of_signal(number)} blocked", number in before.blocked, number in after.blocked
                )
                for number in sorted(before.blocked ^ after.blocked)
            ]
        return changes

    def rebase(self, pending: SignalsSnapshot, before: SignalsSnapshot, after: SignalsSnapshot) -> SignalsSnapshot:
        """Take over each handler and timer that changed, and what is held back."""
        alarm_changed = before.handlers[self._alarm] is not after.handlers[self._alarm]
        return SignalsSnapshot(
            tuple(
                kept if old is new else new
                for kept, old, new in zip(pending.handlers, before.handlers, after.handlers, strict=True)
            ),
            tuple(
                kept if _same_timer(old, new) else new
                for kept, old, new in zip(pending.timers, before.timers, after.timers, strict=True)
            ),
            pending.blocked if before.blocked == after.blocked else after.blocked,
            None if alarm_changed else pending.of_timeout,
        )

    def restore(self, before: SignalsSnapshot) -> None:
        """Stop the timers that were not there, put handlers back, start what was stopped, let through what waits.

        In this order, so that nothing goes off meanwhile. pytest-timeout's timer that a test has stopped stays so:
        there is no more of the test for it to watch.
        """
        now = self.snapshot()
        changed = [
            timer
            for timer, old, new in zip(self._timers, before.timers, now.timers, strict=True)
            if not _same_timer(old, new)
        ]
        for timer in changed:
            signal.setitimer(timer, 0)
        lost = []
        for position, (number, old) in enumerate(zip(self._numbers, before.handlers, strict=True)):
            if old is now.handlers[position]:
                continue
            handler = before.of_timeout if position == self._alarm and before.of_timeout else old
            try:
                _raw.signal(number, handler)
            except (ValueError, TypeError, OSError):
                lost.append(_name_of_signal(number))
        for timer, (runs, interval) in zip(self._timers, before.timers, strict=True):
            if timer in changed and runs and interval:
                signal.setitimer(timer, interval, interval)
        if before.blocked is not None and now.blocked is not None and before.blocked != now.blocked:
            signal.pthread_sigmask(signal.SIG_SETMASK, before.blocked)
        if lost:
            raise RestoreError(
                "signal-handlers-lost",
                f"the handlers of {', '.join(lost)} cannot be put back: only the main thread may do that, "
                "and only with handlers that were set in Python.",
            )


def _equal(first: object, second: object) -> bool:
    try:
        return bool(first == second)
    except Exception:  # noqa: BLE001  # a test's handler may compare itself in its own way
        return False


def _same_timer(before: Timer, after: Timer) -> bool:
    """Whether nobody has touched it: that a timer that goes off once has done so is no change."""
    return before == after or (before == (True, 0.0) and after == _STOPPED)


def _name_of_signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the real-time signals have none
        return f"signal {number}"


def _tell(handler: Any) -> str | None:
    if handler is None:
        return "not set in Python"
    return signal.Handlers(handler).name if isinstance(handler, int) else name_of(handler)


def _tell_timer(timer: Timer) -> str | None:
    runs, interval = timer
    if not runs:
        return None
    return f"every {interval:g} s" if interval else "once"
