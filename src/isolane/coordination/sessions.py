"""Sessions: the runs of a checkout, one file each, and the files that they lock.

    created ──> running <──> paused
       │           │            │
       └───────────┴────────────┴──> completed | failed | cancelled

``.isolane/sessions/`` holds, of each session, ``ID.json`` and, while it goes on, ``ID.lock``, which its process holds
(see :mod:`isolane.coordination.liveness`). Only that process writes ``ID.json``; where it has died, whoever looks next
closes the session as failed. All of them change things under one guard, for less than a millisecond.

Format history of ``ID.json``: 1, the first.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timezone
from enum import Enum
from pathlib import Path

from isolane.coordination.ancestry import process_space
from isolane.coordination.liveness import SESSIONS, guarded, hold, is_held, let_go, replace_file
from isolane.model.clock import Clock, SystemClock
from isolane.model.errors import IsolaneError, UsageError
from isolane.model.identity import new_run_id

FORMAT = 1
MOST_SESSIONS = 64
KEEP_SECONDS = 7 * 86_400.0
GUARD_SECONDS = 10.0
_MOST_UNREAD = 100
"""With more files than that a new session reads all of them, and removes the old; else only those that go on."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DIED = "its process died"


class SessionState(Enum):
    """What a session is in. The last three are its end."""

    CREATED = "created"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_end(self) -> bool:
        """Return whether nothing follows."""
        return self not in _NEXT


_ENDS = frozenset({SessionState.COMPLETED, SessionState.FAILED, SessionState.CANCELLED})
_NEXT = {
    SessionState.CREATED: frozenset({SessionState.RUNNING, *_ENDS}),
    SessionState.RUNNING: frozenset({SessionState.PAUSED, *_ENDS}),
    SessionState.PAUSED: frozenset({SessionState.RUNNING, *_ENDS}),
}


class SessionError(IsolaneError):
    """A session cannot do what it is asked: it is over, or another process's, or there are too many."""


@dataclass(frozen=True)
class Session:
    """A session as its file tells it. Times in seconds since the Unix epoch, UTC; None where that has not come yet.

    done, total: tasks. reason: why it ended as it did, where it did not simply complete. space: where its process
    number means that process.
    """

    session_id: str
    title: str
    state: SessionState
    process_id: int
    created: float
    started: float | None = None
    ended: float | None = None
    done: int = 0
    total: int = 0
    reason: str = ""
    space: str = ""

    def encode(self) -> bytes:
        """Return the file's content."""
        return json.dumps({"format": FORMAT, **asdict(self), "state": self.state.value}).encode()

    @classmethod
    def decode(cls, data: bytes) -> Session:
        """Return what :meth:`encode` wrote; ``ValueError`` for anything else."""
        raw = json.loads(data)
        if not isinstance(raw, dict) or raw.get("format") != FORMAT:
            raise ValueError("it is of another format")
        try:
            session = cls(**{name: raw[name] for name in cls.__dataclass_fields__ if name in raw})
            times = [one for one in (session.created, session.started, session.ended) if one is not None]
            numbers_are = all(isinstance(one, (int, float)) for one in (*times, session.done, session.total))
            if not numbers_are or not isinstance(session.process_id, int):
                raise ValueError("it has something else for a number")
            return replace(session, state=SessionState(session.state))
        except TypeError as error:
            raise ValueError(f"it is not whole: {error}") from None


class SessionManager:
    """The sessions of one checkout, seen from one process.

    home: the checkout's ``.isolane``, which is there. most: how many may go on at the same time. warnings: what was
    found damaged, and set aside, in a sentence each.

    >>> import tempfile
    >>> sessions = SessionManager(Path(tempfile.mkdtemp()))
    >>> one = sessions.create("pytest", total=20)
    >>> sessions.start(one.session_id).state.value, sessions.complete(one.session_id).state.value
    ('running', 'completed')
    """

    def __init__(
        self, home: Path, clock: Clock | None = None, *, most: int = MOST_SESSIONS, guard_seconds: float = GUARD_SECONDS
    ) -> None:
        if most < 1:
            raise ValueError(f"most {most} is from 1")
        self.directory = home / SESSIONS
        self.clock = clock or SystemClock()
        self.warnings: list[str] = []
        self._most = most
        self._guard_seconds = guard_seconds
        self._own: dict[str, int] = {}
        """The sessions of this process that go on, with the descriptor that says so."""
        self._process = os.getpid()

    # -- a session's life

    def create(self, title: str, *, session_id: str = "", total: int = 0, running: bool = False) -> Session:
        """Register a session of this process, and return it.

        session_id: a name of the caller's own, used by nobody before. running: start it at once. Raises
        :class:`SessionError` where as many go on as may, OSError where nothing can be written.
        """
        now = self.clock.now()
        name = session_id or new_run_id(now, "session")
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for a session")
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.guarded():
            names = {entry.name for entry in os.scandir(self.directory)}
            if f"{name}.json" in names:
                raise ValueError(f"there is a session {name!r} already")
            ended = len([one for one in names if one.endswith(".json")])
            active = self._read_all(names if ended > _MOST_UNREAD else {one for one in names if _goes_on(one, names)})
            active = [one for one in active if not one.state.is_end]
            if len(active) >= self._most:
                raise SessionError(
                    "too-many-sessions",
                    f"{len(active)} sessions go on in {self.directory.parent}, and no more may.",
                    f"Wait for one to end; the oldest is {active[0].session_id}.",
                )
            state = SessionState.RUNNING if running else SessionState.CREATED
            session = Session(
                name, title, state, os.getpid(), now, now if running else None, total=total, space=process_space()
            )
            descriptor = hold(self._lock(name))
            if descriptor is None:
                raise ValueError(f"there is a session {name!r} already")
            try:
                self._write(session)
            except BaseException:
                self._lock(name).unlink(missing_ok=True)
                let_go(descriptor)
                raise
            self._own[name] = descriptor
        return session

    def start(self, session_id: str) -> Session:
        """Go from created to running."""
        return self._change(session_id, SessionState.RUNNING, since=SessionState.CREATED)

    def pause(self, session_id: str) -> Session:
        """Go from running to paused."""
        return self._change(session_id, SessionState.PAUSED)

    def resume(self, session_id: str) -> Session:
        """Go from paused to running."""
        return self._change(session_id, SessionState.RUNNING, since=SessionState.PAUSED)

    def progress(self, session_id: str, done: int, total: int | None = None) -> Session:
        """Note how far it is: tasks done, and of how many where that has changed."""
        with self.guarded():
            session = self._of_ours(session_id)
            if not 0 <= done <= (session.total if total is None else total):
                raise ValueError(f"{done} of {session.total if total is None else total} tasks cannot be")
            total = session.total if total is None else total
            return self._write(replace(session, done=done, total=total), synced=False)

    def complete(self, session_id: str) -> Session:
        """End it: it came to its own end. What it has locked is free."""
        return self._change(session_id, SessionState.COMPLETED)

    def fail(self, session_id: str, reason: str) -> Session:
        """End it: it broke down. What it has locked is free."""
        return self._change(session_id, SessionState.FAILED, reason)

    def cancel(self, session_id: str, reason: str = "") -> Session:
        """End it: somebody wanted it to. What it has locked is free."""
        return self._change(session_id, SessionState.CANCELLED, reason)

    # -- what is known

    def sessions(self) -> list[Session]:
        """Return all sessions, the oldest first.

        Those whose process has died are closed as failed, those that ended more than seven days ago are removed.
        """
        if not self.directory.is_dir():
            return []
        with self.guarded():
            return self._read_all({entry.name for entry in os.scandir(self.directory)})

    def forget(self, session_id: str) -> None:
        """Remove what is on record of a session that has ended."""
        with self.guarded():
            session = self._read(self._file(session_id))
            if session is not None and session.state.is_end:
                self._file(session_id).unlink(missing_ok=True)

    def get(self, session_id: str) -> Session:
        """Return a session by its name, or the beginning of it. :class:`UsageError` where that is none, or several."""
        meant = [one for one in self.sessions() if one.session_id.startswith(session_id)]
        exactly = [one for one in meant if one.session_id == session_id]
        if not session_id or len(exactly or meant) != 1:
            what = f"{len(meant)} sessions begin with" if meant else "There is no session"
            raise UsageError("no-such-session", f"{what} {session_id!r}.", "isolane sessions lists them.")
        return (exactly or meant)[0]

    def lives(self, session_id: str) -> bool:
        """Return whether a session goes on: its process is there, and has not ended it."""
        return is_held(self._lock(session_id))

    def is_ours(self, session_id: str) -> bool:
        """Return whether it is a session of this very process that goes on."""
        return session_id in self._own and os.getpid() == self._process

    # -- the steps they share

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Be the only one of all processes that changes sessions or locks in this block."""
        if not self.directory.is_dir():  # a test may have removed it: it is not made again for a session's end
            raise SessionError("no-such-session", f"There is no session: {self.directory} is not there.")
        with guarded(self.directory / "guard", self.clock, self._guard_seconds):
            yield

    def _change(
        self, session_id: str, state: SessionState, reason: str = "", *, since: SessionState | None = None
    ) -> Session:
        with self.guarded():
            session = self._of_ours(session_id)
            if state not in _NEXT[session.state] or since not in (None, session.state):
                raise SessionError(
                    "bad-transition", f"Session {session_id} is {session.state.value}: it cannot become {state.value}."
                )
            now = self.clock.now()
            changed = replace(
                session,
                state=state,
                reason=reason,
                started=now if session.started is None and state is SessionState.RUNNING else session.started,
                ended=now if state.is_end else None,
            )
            self._write(changed)
            if state.is_end:
                self._lock(session_id).unlink(missing_ok=True)
                let_go(self._own.pop(session_id))
            return changed

    def _of_ours(self, session_id: str) -> Session:
        """Return a session that this process may change."""
        session = self._read(self._file(session_id)) if _NAME.fullmatch(session_id) else None
        if session is None:
            raise SessionError("no-such-session", f"There is no session {session_id!r} in {self.directory}.")
        if session.state.is_end:
            raise SessionError("session-over", f"Session {session_id} is {session.state.value}: it is over.")
        if not self.is_ours(session_id):
            raise SessionError(
                "not-our-session", f"Session {session_id} is of process {session.process_id}, not of this one."
            )
        return session

    def _read_all(self, names: Iterable[str]) -> list[Session]:
        """Return the sessions among these files, the oldest first."""
        now = self.clock.now()
        found = []
        for name in names:
            session = self._read(self.directory / name) if name.endswith(".json") else None
            if session is None:
                continue
            if session.ended is not None and now - session.ended > KEEP_SECONDS:
                with contextlib.suppress(OSError):
                    self._file(session.session_id).unlink(missing_ok=True)
                continue
            if not session.state.is_end and not self.lives(session.session_id):
                session = replace(session, state=SessionState.FAILED, reason=_DIED, ended=now)
                with contextlib.suppress(OSError):  # of a checkout that may only be read
                    self._write(session)
                    self._lock(session.session_id).unlink(missing_ok=True)
            found.append(session)
        return sorted(found, key=lambda one: (one.created, one.session_id))

    def _read(self, path: Path) -> Session | None:
        """Return the session of a file; one that holds none is set aside."""
        try:
            session = Session.decode(path.read_bytes())
            if session.session_id != path.stem:
                raise ValueError(f"it tells of {session.session_id!r}")
        except FileNotFoundError:
            return None
        except (ValueError, OSError, RecursionError) as error:
            self.set_aside(path, error)
            return None
        return session

    def set_aside(self, path: Path, error: Exception) -> None:
        """Rename what cannot be read, and say so: a damaged file must stop nobody."""
        aside = path.with_name(f"{path.name}.aside")
        said = f"isolane: {path} is not a file of isolane's sessions ({error})"
        try:
            path.replace(aside)
        except OSError:
            self.warnings.append(f"{said}; it is passed over.")
        else:
            self.warnings.append(f"{said}; it is set aside as {aside.name}.")

    def _write(self, session: Session, *, synced: bool = True) -> Session:
        replace_file(self._file(session.session_id), session.encode(), synced=synced)
        return session

    def _file(self, session_id: str) -> Path:
        return self.directory / f"{session_id}.json"

    def _lock(self, session_id: str) -> Path:
        return self.directory / f"{session_id}.lock"


def _goes_on(name: str, names: Container[str]) -> bool:
    """Return whether a session's file is of one that has not ended, unless its process has died."""
    return name.endswith(".json") and f"{name.removesuffix('.json')}.lock" in names


def utc_text(seconds: float) -> str:
    """Return a moment as people read it.

    >>> utc_text(0.0)
    '1970-01-01 00:00:00 UTC'
    """
    return datetime.fromtimestamp(seconds, tz=timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
