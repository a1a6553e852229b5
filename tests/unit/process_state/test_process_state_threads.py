"""Threads that go on after a test are told; those that end, or are others' business, are not."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.threads import ThreadsKind

KIND = ThreadsKind()
Start = Callable[..., threading.Thread]


def stay(done: threading.Event) -> None:
    done.wait()


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a thread that goes on until the test is over."""
    done = threading.Event()
    threads = []

    def start(name: str, daemon: bool = False) -> threading.Thread:
        thread = threading.Thread(target=stay, args=(done,), name=name, daemon=daemon)
        thread.start()
        threads.append(thread)
        return thread

    yield start
    done.set()
    for thread in threads:
        thread.join()


@pytest.mark.parametrize(("daemon", "told"), [(True, "daemon"), (False, "not a daemon")])
def test_a_thread_that_goes_on_is_told_with_what_it_runs(start: Start, daemon: bool, told: str) -> None:
    before = KIND.snapshot()
    start("consumer", daemon)
    (change,) = KIND.diff(before, KIND.snapshot())
    assert change == Change("threads", "consumer", None, f"alive, {told}, runs {__name__}.stay", Level.SUSPECT)


def test_a_thread_that_is_about_to_end_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("isolane.process_state.threads._GRACE", 60)  # For a machine that is busy with other tests.
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    before = KIND.snapshot()
    thread.start()
    after = KIND.snapshot()
    end.set()  # It may take a moment from here until it is gone.
    try:
        assert KIND.diff(before, after) == []
        assert not thread.is_alive()
    finally:
        thread.join()


def test_a_thread_that_has_ended_is_no_change() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    before = KIND.snapshot()
    end.set()
    thread.join()
    after = KIND.snapshot()
    assert before != after
    assert KIND.diff(before, after) == []


def test_the_idle_threads_of_a_pool_are_told_until_it_is_shut_down() -> None:
    before = KIND.snapshot()
    with ThreadPoolExecutor(1, thread_name_prefix="loaders") as pool:
        pool.submit(int).result()
        assert [change.name for change in KIND.diff(before, KIND.snapshot())] == ["loaders_0"]
    assert KIND.diff(before, KIND.snapshot()) == []


def test_the_timer_of_pytest_timeout_is_not_a_tests() -> None:
    timer = threading.Timer(3600, print)
    timer.name = "pytest_timeout test_x.py::test_x"
    before = KIND.snapshot()
    timer.start()
    try:
        assert KIND.diff(before, KIND.snapshot()) == []
    finally:
        timer.cancel()
        timer.join()


def test_a_timer_is_cancelled() -> None:
    timer = threading.Timer(3600, print)
    before = KIND.snapshot()
    timer.start()
    try:
        assert [change.name for change in KIND.diff(before, KIND.snapshot())] == [timer.name]
        KIND.restore(before)
        timer.join(10)
        assert not timer.is_alive()
    finally:
        timer.cancel()
        timer.join()


def test_any_other_thread_is_said_to_run_on(start: Start) -> None:
    before = KIND.snapshot()
    start("consumer")
    with pytest.raises(RestoreError, match=r"cannot be stopped from outside: consumer\."):
        KIND.restore(before)


def test_a_thread_of_the_process_itself_is_no_change_whatever_else_ends(start: Start) -> None:
    start("server")
    before = KIND.snapshot()
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    assert KIND.diff(before, KIND.snapshot()) == []


def test_a_fixtures_thread_is_not_the_tests(start: Start) -> None:
    initial = KIND.snapshot()
    before = KIND.snapshot()
    start("of the fixture")
    pending = KIND.rebase(initial, before, KIND.snapshot())
    start("of the test")
    assert [change.name for change in KIND.diff(pending, KIND.snapshot())] == ["of the test"]
    assert KIND.rebase(initial, before, before) is initial


def test_a_snapshot_keeps_no_thread_alive() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    snapshot = KIND.snapshot()
    end.set()
    thread.join()
    gone = weakref.ref(thread)
    del thread
    gc.collect()
    assert gone() is None
    assert KIND.diff(snapshot, KIND.snapshot()) == []
