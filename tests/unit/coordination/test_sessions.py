"""Sessions: their states, their files, and what becomes of those whose process has died."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from isolane.coordination.ancestry import ancestors, process_space
from isolane.coordination.sessions import MOST_SESSIONS, Session, SessionError, SessionManager, SessionState
from isolane.model.clock import FakeClock
from isolane.model.errors import IsolaneError, UsageError

Hold = Callable[[Callable[[], object]], int]
DAY = 86_400.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(start=1_000_000.0)


@pytest.fixture
def manager(tmp_path: Path, clock: FakeClock) -> SessionManager:
    return SessionManager(tmp_path, clock)


def end_process(process: int) -> None:
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)


def test_the_whole_life_is_on_record_with_its_times_in_utc(manager: SessionManager, clock: FakeClock) -> None:
    name = manager.create("pytest -n 4", total=20).session_id
    clock.advance(1)
    manager.start(name)
    clock.advance(1)
    manager.progress(name, 5)
    manager.pause(name)
    manager.resume(name)
    clock.advance(1)
    manager.progress(name, 20)
    manager.complete(name)

    (known,) = manager.sessions()
    assert known == Session(
        name,
        "pytest -n 4",
        SessionState.COMPLETED,
        os.getpid(),
        1_000_000.0,
        1_000_001.0,
        1_000_003.0,
        20,
        20,
        "",
        process_space(),
    )
    assert {path.name for path in manager.directory.iterdir()} == {f"{name}.json", "guard"}


STEPS = {
    "start": lambda manager, name: manager.start(name),
    "pause": lambda manager, name: manager.pause(name),
    "resume": lambda manager, name: manager.resume(name),
    "complete": lambda manager, name: manager.complete(name),
    "fail": lambda manager, name: manager.fail(name, "no"),
    "cancel": lambda manager, name: manager.cancel(name, "Ctrl-C"),
}
WAYS = {"created": (), "running": ("start",), "paused": ("start", "pause")}
ALLOWED = {
    "created": {"start": "running", "complete": "completed", "fail": "failed", "cancel": "cancelled"},
    "running": {"pause": "paused", "complete": "completed", "fail": "failed", "cancel": "cancelled"},
    "paused": {"resume": "running", "complete": "completed", "fail": "failed", "cancel": "cancelled"},
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", WAYS)
def test_every_other_change_is_refused_by_name(manager: SessionManager, state: str, step: str) -> None:
    name = manager.create("pytest").session_id
    for one in WAYS[state]:
        STEPS[one](manager, name)

    if step in ALLOWED[state]:
        assert STEPS[step](manager, name).state.value == ALLOWED[state][step]
        return
    with pytest.raises(SessionError, match=rf"{name} is {state}: it cannot become \w+\. \[bad-transition\]"):
        STEPS[step](manager, name)
    assert manager.get(name).state.value == state


@pytest.mark.parametrize("end", ["complete", "fail", "cancel"])
def test_what_is_over_stays_so(manager: SessionManager, end: str) -> None:
    name = manager.create("pytest", running=True).session_id
    ended = STEPS[end](manager, name)
    for step in STEPS.values():
        with pytest.raises(SessionError, match=f"is {ended.state.value}: it is over"):
            step(manager, name)
    with pytest.raises(SessionError, match="it is over"):
        manager.progress(name, 0)


def test_progress_that_cannot_be_is_refused(manager: SessionManager) -> None:
    name = manager.create("pytest", total=3).session_id
    for done, total in ((4, None), (-1, None), (1, 0)):
        with pytest.raises(ValueError, match="tasks cannot be"):
            manager.progress(name, done, total)
    assert manager.progress(name, 4, 5).total == 5


def test_no_more_go_on_at_the_same_time_than_may(tmp_path: Path, clock: FakeClock) -> None:
    manager = SessionManager(tmp_path, clock, most=2)
    first = manager.create("one").session_id
    clock.advance(1)
    manager.create("two")
    with pytest.raises(SessionError, match=rf"2 sessions go on .*; the oldest is {first}\. \[too-many-sessions\]"):
        manager.create("three")
    manager.complete(first)
    manager.create("three")
    assert MOST_SESSIONS > 2


def test_many_at_once_are_never_more_than_may(tmp_path: Path) -> None:
    def create(number: int) -> bool:
        try:
            SessionManager(tmp_path, most=3).create(f"run {number}")
        except SessionError:
            return False
        return True

    SessionManager(tmp_path).sessions()
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(16))) == 3
    assert len([one for one in SessionManager(tmp_path).sessions() if not one.state.is_end]) == 3


def test_ended_sessions_go_after_seven_days(manager: SessionManager, clock: FakeClock) -> None:
    old, going_on = manager.create("old").session_id, manager.create("goes on").session_id
    manager.complete(old)
    clock.advance(7 * DAY)
    assert {one.session_id for one in manager.sessions()} == {old, going_on}
    clock.advance(1)
    assert {one.session_id for one in manager.sessions()} == {going_on}
    assert not (manager.directory / f"{old}.json").exists()


def test_where_there_are_many_a_new_one_removes_the_old(
    manager: SessionManager, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isolane.coordination.sessions._MOST_UNREAD", 3)
    for number in range(4):
        manager.complete(manager.create("old", session_id=f"old-{number}").session_id)
    clock.advance(8 * DAY)
    manager.create("new", session_id="new")
    assert {path.name for path in manager.directory.glob("*.json")} == {"new.json"}


def test_what_has_ended_can_be_forgotten(manager: SessionManager) -> None:
    name = manager.create("pytest").session_id
    manager.forget(name)
    assert len(manager.sessions()) == 1, "it goes on"
    manager.complete(name)
    manager.forget(name)
    manager.forget(name)
    assert manager.sessions() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"format": 1, "session_id": "torn", "ti',
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b"null",
        b'{"format": 99}',
        b'{"format": 1}',
        b'{"format": 1, "session_id": "torn", "title": "", "state": "lost", "process_id": 1, "created": 1}',
        b'{"format": 1, "session_id": "torn", "title": "", "state": "running", "process_id": 1, "created": "x"}',
        b'{"format": 1, "session_id": "other", "title": "", "state": "running", "process_id": 1, "created": 1}',
    ],
)
def test_a_torn_or_foreign_file_is_set_aside_with_a_warning(manager: SessionManager, content: bytes) -> None:
    name = manager.create("pytest").session_id
    (manager.directory / "torn.json").write_bytes(content)

    assert [one.session_id for one in manager.sessions()] == [name]
    (warning,) = manager.warnings
    assert "torn.json is not a file of isolane's sessions" in warning
    assert (manager.directory / "torn.json.aside").read_bytes() == content
    assert len(manager.sessions()) == len(manager.warnings) == 1


def test_a_session_whose_process_was_killed_is_closed_as_failed(
    tmp_path: Path, manager: SessionManager, clock: FakeClock, hold_in_process: Hold
) -> None:
    process = hold_in_process(lambda: manager.create("pytest", session_id="killed", running=True))
    (going_on,) = manager.sessions()
    assert (going_on.state, going_on.process_id) == (SessionState.RUNNING, process)
    assert manager.lives("killed")
    for step in STEPS.values():
        with pytest.raises(SessionError, match=f"is of process {process}, not of this one"):
            step(manager, "killed")

    end_process(process)
    clock.advance(5)

    (known,) = manager.sessions()
    assert (known.state, known.reason, known.ended) == (SessionState.FAILED, "its process died", 1_000_005.0)
    assert json.loads((manager.directory / "killed.json").read_text())["state"] == "failed"
    assert {path.name for path in manager.directory.iterdir()} == {"killed.json", "guard"}


def test_a_forked_child_neither_keeps_its_parents_session_alive_nor_ends_it(
    manager: SessionManager, hold_in_process: Hold, tmp_path: Path
) -> None:
    def start_and_fork() -> None:
        manager.create("pytest", session_id="parent", running=True)
        if not os.fork():
            with pytest.raises(SessionError, match="not of this one"):
                manager.complete("parent")
            (tmp_path / "child").write_text(str(os.getpid()))
            signal.pause()
        while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
            os.sched_yield()

    process = hold_in_process(start_and_fork)
    try:
        assert manager.get("parent").state is SessionState.RUNNING
        end_process(process)
        assert manager.get("parent").state is SessionState.FAILED
    finally:
        os.kill(int((tmp_path / "child").read_text()), signal.SIGKILL)


def test_a_session_is_found_by_the_beginning_of_its_name(manager: SessionManager) -> None:
    for name in ("20260101-a", "20260101-ab", "20260202-c"):
        manager.create("pytest", session_id=name)
    assert manager.get("20260101-a").session_id == "20260101-a"
    assert manager.get("202602").session_id == "20260202-c"
    for name, said in (("2026", "3 sessions begin with"), ("x", "There is no session"), ("", "3 sessions begin with")):
        with pytest.raises(UsageError, match=said):
            manager.get(name)


@pytest.mark.parametrize("name", ["../x", ".hidden", "a/b", "a b", ""])
def test_a_name_that_is_a_path_is_refused(manager: SessionManager, name: str) -> None:
    with pytest.raises(SessionError, match="There is no session"):
        manager.complete(name)
    if name:
        with pytest.raises(ValueError, match="is not a name"):
            manager.create("pytest", session_id=name)


def test_a_name_is_used_once(manager: SessionManager) -> None:
    manager.create("pytest", session_id="one")
    with pytest.raises(ValueError, match="already"):
        manager.create("pytest", session_id="one")
    manager.complete("one")
    with pytest.raises(ValueError, match="already"):
        manager.create("pytest", session_id="one")


def test_where_there_is_nothing_nothing_is_made(manager: SessionManager) -> None:
    assert manager.sessions() == []
    assert not manager.directory.exists()


def test_where_nothing_can_be_written_nothing_stays_behind(
    manager: SessionManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            manager.create("pytest", session_id="one")
    assert {path.name for path in manager.directory.iterdir()} == {"guard"}
    assert manager.create("pytest", session_id="one").session_id == "one"


def test_a_stopped_process_that_has_the_guard_is_told_of_in_a_line(
    tmp_path: Path, clock: FakeClock, hold_in_process: Hold
) -> None:
    manager = SessionManager(tmp_path, clock)
    manager.create("pytest")
    guards = [manager.guarded()]
    hold_in_process(guards[0].__enter__)
    with pytest.raises(
        IsolaneError, match=r"guard has been locked by another process for 10 seconds\. .*\[sessions-busy"
    ):
        manager.sessions()
    assert clock.monotonic() >= 10


def test_a_process_knows_where_it_comes_from(hold_in_process: Hold, tmp_path: Path) -> None:
    hold_in_process(lambda: (tmp_path / "ancestors").write_text(json.dumps(ancestors())))
    assert json.loads((tmp_path / "ancestors").read_text())[:2] == [os.getpid(), os.getppid()]
