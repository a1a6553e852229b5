"""``isolane sessions`` and ``isolane cancel``: the runs of a checkout, and the end of one."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from isolane.coordination.ancestry import process_space
from isolane.coordination.liveness import SESSIONS
from isolane.coordination.sessions import Session, SessionManager
from isolane.history.runs import DIRECTORY
from isolane.model.clock import Clock, SystemClock
from isolane.model.errors import IsolaneError, UsageError

_POLL = 0.05


def sessions_of(project: Path, clock: Clock | None = None) -> SessionManager:
    """Return the sessions of the checkout that a folder is in. :class:`UsageError` where it is no folder."""
    if not project.is_dir():
        raise UsageError("no-such-project", f"{project} is not a folder.")
    root = project.resolve()
    checkout = next((one for one in (root, *root.parents) if (one / DIRECTORY / SESSIONS).is_dir()), root)
    return SessionManager(checkout / DIRECTORY, clock)


def list_sessions(project: Path) -> tuple[list[Session], list[str]]:
    """Return the sessions of a checkout, the oldest first, and what was found damaged."""
    manager = sessions_of(project)
    return manager.sessions(), manager.warnings


def cancel_session(project: Path, name: str, seconds: float, clock: Clock | None = None) -> Session:
    """Interrupt a run as Ctrl-C does, wait for its end, and return what it ended as.

    seconds: how long that may take. Raises :class:`UsageError` for one that is over or not on this machine, and
    :class:`IsolaneError` where it has not ended in that time.
    """
    clock = clock or SystemClock()
    manager = sessions_of(project, clock)
    session = manager.get(name)
    if session.state.is_end:
        raise UsageError("session-over", f"Session {session.session_id} is over: {session.state.value}.")
    where = f"Session {session.session_id} is process {session.process_id}"
    if session.space != process_space():
        raise UsageError("elsewhere", f"{where} on another machine or in another container.", "Cancel it there.")
    try:
        os.kill(session.process_id, signal.SIGINT)
    except PermissionError:
        raise UsageError("not-allowed", f"{where} of another user.", "Have them cancel it.") from None
    except ProcessLookupError:
        pass  # it has just ended
    give_up = clock.monotonic() + seconds
    while manager.lives(session.session_id):
        if clock.monotonic() >= give_up:
            raise IsolaneError(
                "still-running",
                f"{where}, and has not ended {seconds:g} s after it was interrupted.",
                f"It may be in its last fixtures. To end it at once: kill -9 {session.process_id}",
            )
        clock.sleep(_POLL)
    return manager.get(session.session_id)
