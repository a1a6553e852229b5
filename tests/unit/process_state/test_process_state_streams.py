"""Streams are given back, closed ones are told of, and pytest's capture goes on as it likes."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _pytest.capture import CaptureIO

from isolane.model.state import Change
from isolane.process_state.base import RestoreError
from isolane.process_state.streams import StreamsKind

NAMES = ("stdin", "stdout", "stderr", "__stdin__", "__stdout__", "__stderr__")


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    streams = [getattr(sys, name) for name in NAMES]
    yield
    for name, stream in zip(NAMES, streams, strict=True):
        setattr(sys, name, stream)


@pytest.mark.req("R2.4")
@pytest.mark.parametrize("name", NAMES)
def test_a_replaced_stream_is_told_and_given_back(name: str) -> None:
    kind = StreamsKind()
    stream = getattr(sys, name)
    before = kind.snapshot()
    setattr(sys, name, io.StringIO())
    (change,) = kind.diff(before, kind.snapshot())
    assert (change.name, change.after) == (f"sys.{name}", "_io.StringIO object")
    kind.restore(before)
    assert getattr(sys, name) is stream
    assert kind.diff(before, kind.snapshot()) == []


def test_pytests_capture_may_come_and_go_with_output_but_not_with_input() -> None:
    kind = StreamsKind()
    before = kind.snapshot()
    sys.stdout, sys.stderr = CaptureIO(), sys.__stderr__
    assert kind.diff(before, kind.snapshot()) == []
    captured = sys.stdout
    kind.restore(before)
    assert sys.stdout is captured, "left to pytest, which puts back itself what it took"

    sys.stdin = CaptureIO()
    assert [change.name for change in kind.diff(before, kind.snapshot())] == ["sys.stdin"]


def test_streams_that_a_worker_gets_after_its_kinds_are_its_own() -> None:
    kind = StreamsKind()
    sys.stdout = workers = io.StringIO()
    before = kind.snapshot()
    sys.stdout = CaptureIO()
    captured = kind.snapshot()
    assert kind.diff(before, captured) == []
    sys.stdout = workers
    assert kind.diff(captured, kind.snapshot()) == []
    sys.stdout = io.StringIO()
    assert [change.name for change in kind.diff(captured, kind.snapshot())] == ["sys.stdout"]


@pytest.mark.parametrize("spoil", [io.TextIOWrapper.close, io.TextIOWrapper.detach])
def test_a_stream_of_no_more_use_is_told_of_and_cannot_be_had_back(spoil: object, tmp_path: Path) -> None:
    kind = StreamsKind()
    sys.stdin = (tmp_path / "input").open("a+")
    buffer = sys.stdin.buffer
    before = kind.snapshot()
    spoil(sys.stdin)
    try:
        assert kind.diff(before, kind.snapshot()) == [Change("streams", "sys.stdin closed", False, True)]
        with pytest.raises(RestoreError, match=r"sys\.stdin was closed.*\[stream-closed\]"):
            kind.restore(before)
    finally:
        buffer.close()


def test_a_replacement_that_was_closed_is_no_loss() -> None:
    kind = StreamsKind()
    before = kind.snapshot()
    sys.stdin = io.StringIO()
    sys.stdin.close()
    kind.restore(before)
    assert kind.diff(before, kind.snapshot()) == []


def test_a_fixtures_stream_stays_and_the_tests_goes() -> None:
    kind = StreamsKind()
    initial = kind.snapshot()
    sys.stdin = io.StringIO("by the test")
    before = kind.snapshot()
    sys.stderr = fixtures = io.StringIO("by the fixture")
    kind.restore(kind.rebase(initial, before, kind.snapshot()))
    assert sys.stderr is fixtures
    assert sys.stdin is initial[0]


@pytest.mark.parametrize("capture", ["fd", "sys", "no"])
def test_in_a_real_run_only_the_test_that_leaks_is_found(capture: str, tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(
        """
import pytest
from isolane.process_state.streams import StreamsKind
kind = StreamsKind()
last = kind.snapshot()

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    global last
    yield
    now = kind.snapshot()
    with open("found", "a") as found:
        for change in kind.diff(last, now):
            print(item.name, change.name, file=found)
    last = now
"""
    )
    (tmp_path / "test_streams.py").write_text(
        """
import io, sys
def test_prints(): print("out"); print("err", file=sys.stderr)
def test_captures(capsys): print("out")
def test_captures_descriptors(capfd): print("out")
def test_disables(capsys):
    with capsys.disabled():
        print("shown")
def test_leaks(): sys.stdin = io.StringIO()
def test_prints_again(): print("out")
"""
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-n", "0"]
    child = subprocess.run(
        [*command, f"--capture={capture}", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "ISOLANE_", "COV"))},
    )
    assert child.returncode == 0, child.stdout
    assert (tmp_path / "found").read_text().splitlines() == ["test_leaks sys.stdin"]
