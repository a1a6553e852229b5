"""Following runs from another process: a picture on a terminal, lines elsewhere."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path

import pytest

from isolane.cli.live import PERIOD, watch_along
from isolane.coordination.sessions import SessionManager
from isolane.history.event_log import FILE_NAME, EventLogWriter
from isolane.history.runs import make_home, runs_directory
from isolane.model.clock import FakeClock
from isolane.model.errors import UsageError
from isolane.model.events import CollectionFinished, TestFinished, TestStarted, WorkerStarted
from isolane.model.outcome import Category
from isolane.usecases.top import Watch


class Run:
    """A session with a log that grows."""

    def __init__(self, root: Path, name: str, tests: int = 10) -> None:
        self.name = name
        self.manager = SessionManager(make_home(root))
        self.manager.create("pytest", session_id=name, running=True)
        self.log = EventLogWriter(runs_directory(root) / name / FILE_NAME)
        self.log.write(CollectionFinished(1.0, tuple(f"t::{number}" for number in range(tests))))
        self.log.write(WorkerStarted(1.0, "gw0", None))

    def fail(self, number: int) -> None:
        self.log.write(TestStarted(1.0, f"t::{number}", "gw0"))
        self.log.write(TestFinished(2.0, f"t::{number}", "gw0", Category.FAILED, message="E: no\x1b[2J"))


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_a_minute_and_a_line_a_failure(tmp_path: Path) -> None:
    run = Run(tmp_path, "one")
    clock = FakeClock()
    stream = StringIO()

    def pause(seconds: float) -> bool:
        clock.advance(seconds)
        step = round(clock.monotonic() / PERIOD)
        if step == 3:
            run.fail(0)
        if step == 75:
            run.manager.complete("one")
        return True

    watch_along(Watch(tmp_path), stream, clock, pause)
    first, minute = stream.getvalue().splitlines()
    assert first == "isolane: failed: t::0: E: no\\x1b[2J"
    assert re.match(r"isolane: one: \[##\.+\] 1/10, 1 failed, .*", minute)


def test_many_failures_between_two_looks_are_counted(tmp_path: Path) -> None:
    run = Run(tmp_path, "one")
    for number in range(8):
        run.fail(number)
    stream = StringIO()
    watch_along(Watch(tmp_path), stream, FakeClock(), lambda seconds: False)
    assert stream.getvalue().splitlines() == [
        "isolane: 3 more tests failed",
        *(f"isolane: failed: t::{number}: E: no\\x1b[2J" for number in range(3, 8)),
    ]


def test_a_terminal_gets_a_picture_that_goes_when_it_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "30")
    run = Run(tmp_path, "one")
    Run(tmp_path, "two")
    stream = Terminal()
    looks = []

    def pause(seconds: float) -> bool:
        looks.append(stream.getvalue())
        run.fail(len(looks))
        return len(looks) < 3

    watch_along(Watch(tmp_path, "on"), stream, FakeClock(), pause)
    assert "0/10" in looks[0]
    assert "2/10, 2 failed" in looks[2]
    assert "failed  t::2  E: no\\x1b[2J" in looks[2]
    assert "two" not in looks[2]
    assert stream.getvalue().endswith("\x1b[2K")


def test_a_damaged_log_hides_no_other(tmp_path: Path) -> None:
    broken, whole = Run(tmp_path, "broken"), Run(tmp_path, "whole")
    (runs_directory(tmp_path) / broken.name / FILE_NAME).write_text("nonsense\n")
    watch = Watch(tmp_path)
    assert watch.look()
    assert watch.dashboard.runs.keys() == {whole.name}
    assert len(watch.dashboard.active) == 2


def test_a_session_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no session 'x'"):
        Watch(tmp_path, "x")
