"""Signal handlers, timers and the mask are given back; pytest-timeout's alarm is left to it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType, FunctionType

import pytest

from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.signals import SignalsKind

KIND = SignalsKind()
LONG = 1000
"""Seconds: no timer goes off in a test unless it is meant to."""


def ignore(number: int, frame: FrameType | None) -> None:
    """A handler."""


def of_pytest_timeout() -> FunctionType:
    """A new handler, as pytest-timeout makes one for each test."""

    def handler(number: int, frame: FrameType | None) -> None: ...

    handler.__module__ = "pytest_timeout"
    return handler


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """Start without pytest-timeout's own, which watches over these tests as well; it is back afterwards."""
    signals = (signal.SIGALRM, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPROF)
    handlers = [(number, signal.getsignal(number)) for number in signals]
    timer = signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    yield
    for which in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(which, 0)
    for number, handler in handlers:
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.setitimer(signal.ITIMER_REAL, *timer)


@pytest.mark.req("R2.4")
def test_handlers_are_told_and_given_back() -> None:
    signal.signal(signal.SIGUSR2, ignore)
    before = KIND.snapshot()
    signal.signal(signal.SIGUSR1, ignore)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    own = f"{__name__}.ignore"
    assert sorted(KIND.diff(before, KIND.snapshot()), key=lambda change: change.name) == [
        Change("signals", "SIGUSR1", "SIG_DFL", own),
        Change("signals", "SIGUSR2", own, "SIG_IGN"),
    ]
    KIND.restore(before)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGUSR2) is ignore
    assert KIND.diff(before, KIND.snapshot()) == []


@pytest.mark.req("R2.4")
@pytest.mark.parametrize("name", ["ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF"])
def test_a_timer_left_running_is_told_and_stopped(name: str) -> None:
    timer = getattr(signal, name)
    before = KIND.snapshot()
    signal.setitimer(timer, LONG)
    assert KIND.diff(before, KIND.snapshot()) == [Change("signals", name, None, "once")]
    signal.setitimer(timer, LONG, 2 * LONG)
    assert KIND.diff(before, KIND.snapshot()) == [Change("signals", name, None, "every 2000 s")]
    KIND.restore(before)
    assert signal.getitimer(timer) == (0, 0)


def test_a_repeating_timer_that_was_stopped_runs_again_and_time_that_passes_is_no_change() -> None:
    signal.setitimer(signal.ITIMER_REAL, LONG, LONG)
    before = KIND.snapshot()
    signal.setitimer(signal.ITIMER_REAL, LONG / 2, LONG)
    assert KIND.diff(before, KIND.snapshot()) == []
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert KIND.diff(before, KIND.snapshot()) == [Change("signals", "ITIMER_REAL", "every 1000 s", None)]
    KIND.restore(before)
    assert signal.getitimer(signal.ITIMER_REAL)[1] == LONG


def test_a_timer_that_went_off_once_has_done_what_it_was_for() -> None:
    went_off = threading.Event()
    signal.signal(signal.SIGALRM, lambda *_: went_off.set())
    before = KIND.snapshot()._replace(timers=((True, 0.0), (False, 0.0), (False, 0.0)))
    signal.setitimer(signal.ITIMER_REAL, 0.001)
    assert went_off.wait(10)
    assert KIND.diff(before, KIND.snapshot()) == []
    KIND.restore(before)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.req("R2.4")
def test_signals_held_back_are_told_and_let_through() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    before = KIND.snapshot()
    signal.pthread_sigmask(signal.SIG_SETMASK, {signal.SIGUSR2})
    assert {(change.name, change.before, change.after) for change in KIND.diff(before, KIND.snapshot())} == {
        ("SIGUSR1 blocked", True, False),
        ("SIGUSR2 blocked", False, True),
    }
    KIND.restore(before)
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == {signal.SIGUSR1}


def test_the_alarm_of_pytest_timeout_comes_goes_and_changes_unnoticed() -> None:
    without = KIND.snapshot()
    signal.signal(signal.SIGALRM, of_pytest_timeout())
    signal.setitimer(signal.ITIMER_REAL, LONG)
    first = KIND.snapshot()
    signal.signal(signal.SIGALRM, second_handler := of_pytest_timeout())
    signal.setitimer(signal.ITIMER_REAL, LONG)
    second = KIND.snapshot()
    assert KIND.diff(without, first) == KIND.diff(first, second) == KIND.diff(second, without) == []
    for before in (without, first, second):
        KIND.restore(before)
        assert signal.getsignal(signal.SIGALRM) is second_handler
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0, "still running: the test has not ended"


def test_a_tests_alarm_in_the_place_of_pytest_timeouts_is_told_and_does_not_go_off_there() -> None:
    signal.signal(signal.SIGALRM, handler := of_pytest_timeout())
    signal.setitimer(signal.ITIMER_REAL, LONG)
    before = KIND.snapshot()
    signal.signal(signal.SIGALRM, ignore)
    signal.alarm(LONG)
    assert [(change.name, change.after) for change in KIND.diff(before, KIND.snapshot())] == [
        ("SIGALRM", f"{__name__}.ignore"),
        ("ITIMER_REAL", "once"),
    ]
    KIND.restore(before)
    assert signal.getsignal(signal.SIGALRM) is handler
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_another_thread_says_that_it_cannot_put_back_and_does_not_look_at_its_own_mask() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    before = KIND.snapshot()
    signal.signal(signal.SIGUSR1, ignore)
    results: list[object] = []

    def elsewhere() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        results.append([change.name for change in KIND.diff(before, KIND.snapshot())])
        try:
            KIND.restore(before)
        except RestoreError as error:
            results.append(str(error))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    changes, refusal = results
    assert changes == ["SIGUSR1"]
    assert "the handlers of SIGUSR1 cannot be put back: only the main thread may" in refusal


def test_a_handler_from_outside_python_cannot_be_had_back() -> None:
    before = KIND.snapshot()
    position = sorted(signal.valid_signals()).index(signal.SIGUSR1)
    foreign = before._replace(handlers=(*before.handlers[:position], None, *before.handlers[position + 1 :]))
    assert KIND.diff(foreign, before) == [Change("signals", "SIGUSR1", "not set in Python", "SIG_DFL")]
    signal.signal(signal.SIGUSR2, ignore)
    with pytest.raises(RestoreError, match=r"SIGUSR1.*\[signal-handlers-lost\]"):
        KIND.restore(foreign)
    assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL, "the others are put back all the same"


def test_handlers_that_cannot_be_compared_do_no_harm() -> None:
    class Contrary:
        def __call__(self, *_: object) -> None: ...

        def __eq__(self, other: object) -> bool:
            if isinstance(other, int):  # Python's own comparison, with SIG_DFL
                return False
            raise RuntimeError("compared")

        __hash__ = None  # type: ignore[assignment]

    signal.signal(signal.SIGUSR1, first := Contrary())
    before = KIND.snapshot()
    signal.signal(signal.SIGUSR1, Contrary())
    assert [change.name for change in KIND.diff(before, KIND.snapshot())] == ["SIGUSR1"]
    KIND.restore(before)
    assert signal.getsignal(signal.SIGUSR1) is first


def test_a_fixtures_handler_stays_and_the_tests_goes() -> None:
    initial = KIND.snapshot()
    signal.signal(signal.SIGUSR1, ignore)
    before = KIND.snapshot()
    signal.signal(signal.SIGUSR2, ignore)
    signal.signal(signal.SIGALRM, ignore)
    signal.setitimer(signal.ITIMER_REAL, LONG, LONG)
    pending = KIND.rebase(initial, before, KIND.snapshot())
    signal.setitimer(signal.ITIMER_REAL, 0)
    KIND.restore(pending)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    assert signal.getsignal(signal.SIGUSR2) is ignore
    assert signal.getitimer(signal.ITIMER_REAL)[1] == LONG


def test_asyncio_and_subprocesses_leave_nothing() -> None:
    script = """
import asyncio, subprocess, sys
from isolane.process_state.signals import SignalsKind
kind = SignalsKind()
before = kind.snapshot()
async def main():
    await (await asyncio.create_subprocess_exec(sys.executable, "-c", "")).wait()
asyncio.run(main())
subprocess.run([sys.executable, "-c", ""])
print(kind.diff(before, kind.snapshot()))
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (child.stdout, child.stderr) == ("[]\n", "")
