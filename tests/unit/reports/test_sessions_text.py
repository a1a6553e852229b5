"""Sessions in words and as data."""

from __future__ import annotations

from isolane.coordination.sessions import Session, SessionState
from isolane.reports.sessions_text import cancelled_line, session_as_data, session_lines

RUNNING = Session("20260101-a", "pytest -n 2", SessionState.RUNNING, 42, 100.0, 100.0)
FAILED = Session("b", "pytest", SessionState.FAILED, 7, 100.0, None, 103.0, reason="its process died")


def test_each_is_a_line() -> None:
    assert list(session_lines([RUNNING, FAILED], now=190.0)) == [
        "session     state      process      time  command",
        "20260101-a  running         42  1 min 30 s  pytest -n 2",
        "b           failed           7    3.00 s  pytest (its process died)",
    ]


def test_where_there_is_none_it_says_how_to_get_one() -> None:
    assert list(session_lines([], now=0.0)) == ["No session is on record here. Recorded runs are sessions: pytest -n 2"]


def test_as_data_and_cancelled() -> None:
    assert session_as_data(FAILED)["state"] == "failed"
    assert cancelled_line(FAILED) == "Session b is failed at 1970-01-01 00:01:43 UTC."
