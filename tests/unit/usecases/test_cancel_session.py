"""Cancelling sessions of other processes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from isolane.coordination.sessions import SessionManager, SessionState
from isolane.model.clock import FakeClock
from isolane.model.errors import IsolaneError, UsageError
from isolane.usecases.sessions import cancel_session, list_sessions

Hold = Callable[[Callable[[], object]], int]


@pytest.fixture
def manager(tmp_path: Path) -> SessionManager:
    (tmp_path / ".isolane" / "sessions").mkdir(parents=True)
    return SessionManager(tmp_path / ".isolane")


def test_its_process_is_interrupted_and_waited_for(
    manager: SessionManager, tmp_path: Path, hold_in_process: Hold
) -> None:
    hold_in_process(lambda: manager.create("pytest", session_id="one", running=True))
    (tmp_path / "sub").mkdir()
    ended = cancel_session(tmp_path / "sub", "on", seconds=60)
    assert (ended.session_id, ended.state) == ("one", SessionState.FAILED)  # this process knows nothing of Ctrl-C
    assert list_sessions(tmp_path) == ([ended], [])
    with pytest.raises(UsageError, match="one is over: failed"):
        cancel_session(tmp_path, "one", seconds=60)


def test_one_that_does_not_end_is_told_of(manager: SessionManager, tmp_path: Path, hold_in_process: Hold) -> None:
    def ignore() -> None:
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)
        manager.create("pytest", session_id="one", running=True)

    process = hold_in_process(ignore)
    with pytest.raises(IsolaneError, match=rf"has not ended 5 s after it was interrupted\. .* kill -9 {process} "):
        cancel_session(tmp_path, "one", seconds=5, clock=FakeClock())


def test_one_of_another_machine_is_left_alone(manager: SessionManager, tmp_path: Path, hold_in_process: Hold) -> None:
    hold_in_process(lambda: manager.create("pytest", session_id="one", running=True))
    file = manager.directory / "one.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"space": "elsewhere"}))
    with pytest.raises(UsageError, match="on another machine or in another container"):
        cancel_session(tmp_path, "one", seconds=5)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a folder"):
        list_sessions(tmp_path / "missing")
    assert list_sessions(tmp_path) == ([], [])
