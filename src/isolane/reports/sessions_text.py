"""The sessions of a checkout in words and as data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from isolane.coordination.sessions import Session, utc_text
from isolane.reports.figures import seconds_text


def session_lines(sessions: Sequence[Session], now: float) -> Iterator[str]:
    """Yield a line for each session. now: seconds since the Unix epoch; what goes on has lasted until then."""
    if not sessions:
        yield "No session is on record here. Recorded runs are sessions: pytest -n 2"
        return
    width = max(len(one.session_id) for one in sessions)
    yield f"{'session':<{width}}  {'state':<9}  {'process':>7}  {'time':>8}  command"
    for one in sessions:
        lasted = seconds_text(max(0.0, (now if one.ended is None else one.ended) - one.created))
        why = f" ({one.reason})" if one.reason else ""
        yield f"{one.session_id:<{width}}  {one.state.value:<9}  {one.process_id:>7}  {lasted:>8}  {one.title}{why}"


def cancelled_line(session: Session) -> str:
    """Return what became of a session that was interrupted."""
    when = "" if session.ended is None else f" at {utc_text(session.ended)}"
    return f"Session {session.session_id} is {session.state.value}{when}."


def session_as_data(session: Session) -> dict[str, Any]:
    """Return a session as what JSON can hold; times in seconds since the Unix epoch, UTC."""
    return {**asdict(session), "state": session.state.value}
