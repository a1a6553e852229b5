"""Child processes that go on after a test are told by their command line, and ended on request."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from isolane.model.state import Level
from isolane.process_state.children import ChildrenKind

WAITS = "import sys; print('up', flush=True); sys.stdin.read()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"
Start = Callable[..., "subprocess.Popen[str]"]
linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of every child")


@pytest.fixture
def kind() -> ChildrenKind:
    return ChildrenKind()


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a Python that goes on until the test is over; it is up when it is returned."""
    processes = []

    def start(script: str = WAITS) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


@linux
def test_a_process_that_goes_on_is_told_by_its_command_line(kind: ChildrenKind, start: Start) -> None:
    before = kind.snapshot()
    process = start()
    (change,) = kind.diff(before, kind.snapshot())
    assert change.name == f"{sys.executable} -c {WAITS}"[:200]
    assert (change.before, change.after, change.level) == (None, f"alive, process {process.pid}", Level.DANGEROUS)


@linux
def test_a_process_that_has_ended_is_no_change_whether_it_was_waited_for_or_not(
    kind: ChildrenKind, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kind.snapshot()
    process = start()
    assert kind.diff(before, kind.snapshot())
    with_it = kind.snapshot()
    process.kill()
    monkeypatch.setattr("isolane.process_state.children._GRACE", 60)
    assert kind.diff(before, with_it) == []  # Waited for.
    unasked = kind.snapshot()
    assert process.returncode is None
    assert kind.diff(before, unasked) == kind.diff(with_it, unasked) == []
    process.wait()
    assert kind.diff(with_it, kind.snapshot()) == []


@linux
def test_a_process_that_is_about_to_end_is_waited_for(
    kind: ChildrenKind, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isolane.process_state.children._GRACE", 60)  # For a machine that is busy with other tests.
    before = kind.snapshot()
    process = start()
    after = kind.snapshot()
    process.send_signal(signal.SIGTERM)
    assert kind.diff(before, after) == []


@linux
def test_what_is_left_is_asked_to_end_and_killed_if_it_does_not(
    kind: ChildrenKind, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = start()
    before = kind.snapshot()
    willing, stubborn = start(), start(STUBBORN)
    monkeypatch.setattr("isolane.process_state.children._PATIENCE", 0.2)
    kind.restore(before)
    assert kind.snapshot() == before
    assert kept.poll() is None
    for process in (willing, stubborn):
        assert process.stdout is not None
        assert process.stdout.read() == ""  # Its end of the pipe is closed: it is gone.


@linux
def test_a_fixtures_process_is_not_the_tests(kind: ChildrenKind, start: Start) -> None:
    initial = kind.snapshot()
    of_fixture = start()
    pending = kind.rebase(initial, initial, kind.snapshot())
    of_test = start()
    (change,) = kind.diff(pending, kind.snapshot())
    assert change.after == f"alive, process {of_test.pid}"
    kind.restore(pending)
    assert of_fixture.poll() is None


def stay(connection: object) -> None:
    connection.recv()  # type: ignore[attr-defined]


def test_a_process_of_multiprocessing_is_told_by_its_name(kind: ChildrenKind) -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=stay, args=(there,), name="loader")
    before = kind.snapshot()
    process.start()
    try:
        assert [change.name for change in kind.diff(before, kind.snapshot())] == ["multiprocessing loader"]
    finally:
        here.send(None)
        process.join()
        here.close()
        there.close()
    assert kind.diff(before, kind.snapshot()) == []


def test_without_the_kernels_word_those_that_libraries_know_of_are_told(
    kind: ChildrenKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isolane.process_state.children._TASKS", "/nowhere")
    test_a_process_of_multiprocessing_is_told_by_its_name(kind)


@linux
def test_the_tracker_that_multiprocessing_starts_once_does_no_harm(kind: ChildrenKind) -> None:
    # In a process of its own: the tracker stays until its process ends.
    script = """
from multiprocessing import resource_tracker
from isolane.process_state.children import ChildrenKind
kind = ChildrenKind()
before = kind.snapshot()
resource_tracker.ensure_running()
print([change.level.value for change in kind.diff(before, kind.snapshot())])
kind.restore(before)
print(len(kind.snapshot()))
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout == "['harmless']\n1\n"
