"""Files locked by sessions: all or none of those asked for, with a fence token each.

What happens to the locks is a line each in ``.isolane/sessions/locks.jsonl``, appended under the sessions' guard; the
table of what is held is what the lines add up to. A lock is in force as long as its session lives, so nothing has to
be given back when a process is killed. A last line that a killed process left torn has not happened.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isolane.coordination.canonical_paths import canonical_path
from isolane.coordination.liveness import replace_file
from isolane.coordination.lock_table import Blocked, Holding, LockTable
from isolane.coordination.sessions import SessionError, SessionManager, utc_text

STRATEGIES = ("fail", "wait", "retry")
_POLL = 0.01
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 1.0
_MOST_BYTES = 256 * 1024
"""From there on the file is made anew: from the newest times that locks were given, and the table as it is."""
_NEWEST = 500


_LOCKED = b'["locked",'


class LockConflictError(SessionError):
    """Another session holds what is asked for: now (fail), still (wait, retry), or for ever (a deadlock).

    holding: who has it, under which token, since when. path: which file.
    """

    def __init__(self, slug: str, what: str, hint: str, path: str, holding: Holding) -> None:
        super().__init__(slug, what, hint)
        self.path = path
        self.holding = holding


class StaleTokenError(SessionError):
    """A fence token is in force no more: the lock was given back, and somebody else may have it."""


@dataclass(frozen=True)
class Acquired:
    """Locks that were given together. tokens: by canonical path."""

    session: str
    tokens: Mapping[str, int]
    at: float


class FileLocks:
    """Locks files for the sessions of one process.

    base: what relative paths are relative to. ignores_case: as for
    :func:`~isolane.coordination.canonical_paths.canonical_path`.
    """

    def __init__(
        self, sessions: SessionManager, base: Path, *, ignores_case: Callable[[Path], bool] | None = None
    ) -> None:
        self._sessions = sessions
        self._clock = sessions.clock
        self._base = base
        self._ignores_case = ignores_case
        self._file = sessions.directory / "locks.jsonl"
        self._table = LockTable()
        self._read_up_to = (0, 0)
        """The file that the table stands for, by its inode, and up to which byte of it."""

    def lock_files(
        self,
        session_id: str,
        paths: Iterable[str | os.PathLike[str]],
        *,
        conflict: str = "fail",
        limit: float = 600.0,
        on_wait: Callable[[str], None] | None = None,
    ) -> Mapping[str, int]:
        """Lock all the files for a session of this process, or none; return their fence tokens by canonical path.

        A file that the session has locked already keeps its token, and must be unlocked as often as it was locked.
        conflict, where another session holds one of them: ``fail`` at once; ``wait``, asking a hundred times a second;
        ``retry``, asking after pauses that double, up to a second. limit: for how many seconds. on_wait: told once, in
        a line, who is waited for. Raises :class:`LockConflictError`, which names the holder; at once where waiting
        could never end, since the holder waits, itself or through others, for this session.
        """
        if conflict not in STRATEGIES:
            raise ValueError(f"{conflict!r} is not one of {', '.join(STRATEGIES)}")
        names = sorted({self.name_of(path) for path in paths})
        give_up = self._clock.monotonic() + limit
        pause = _FIRST_PAUSE
        waited = False
        try:
            while True:
                answer = self._ask(session_id, names, waits=conflict != "fail")
                if not isinstance(answer, Blocked):
                    return answer
                self._raise_where_hopeless(answer, conflict, limit, self._clock.monotonic() >= give_up)
                if not waited and on_wait is not None:
                    on_wait(f"{self.who_holds(answer)}; waiting for up to {limit:g} s")
                waited = True
                left = max(0.0, give_up - self._clock.monotonic())
                self._clock.sleep(min(left, _POLL if conflict == "wait" else pause))
                pause = min(2 * pause, _LONGEST_PAUSE)
        except BaseException:
            if waited:
                with self._changing() as table:
                    table.stop_waiting(session_id)
            raise

    def unlock_files(self, session_id: str, paths: Iterable[str | os.PathLike[str]]) -> None:
        """Take back one locking of each; :class:`SessionError` where the session does not hold one of them."""
        names = sorted({self.name_of(path) for path in paths})
        with self._changing() as table:
            stranger = table.release(session_id, names)
        if stranger is not None:
            raise SessionError("not-locked", f"Session {session_id} has not locked {stranger}.")

    @contextmanager
    def locked(
        self, session_id: str, paths: Iterable[str | os.PathLike[str]], **more: Any
    ) -> Iterator[Mapping[str, int]]:
        """Lock for the time of a ``with`` block; more: as for :meth:`lock_files`."""
        chosen = list(paths)
        tokens = self.lock_files(session_id, chosen, **more)
        try:
            yield tokens
        finally:
            self.unlock_files(session_id, chosen)

    def write(self, session_id: str, path: str | os.PathLike[str], data: bytes, token: int) -> None:
        """Write a locked file as a whole; :class:`StaleTokenError` where the token is in force no more.

        Nobody can get the lock between the look at the token and the write.
        """
        name = self.name_of(path)
        with self._sessions.guarded():
            if not (self._sessions.is_ours(session_id) and self._read().is_of(session_id, name, token)):
                raise StaleTokenError(
                    "stale-token", f"Session {session_id} has not locked {name} under token {token} any more."
                )
            replace_file(Path(name), data)

    def held(self) -> dict[str, Holding]:
        """Return what is held by sessions that live, by canonical path."""
        with self._sessions.guarded():
            table = self._read()
            return {path: one for path, one in table.held.items() if self._sessions.lives(one.session)}

    def order(self) -> list[Acquired]:
        """Return which locks were given, in that order; of very many only the newest are kept."""
        with self._sessions.guarded():
            data = self._file.read_bytes() if self._file.is_file() else b""
        changes = [json.loads(line) for line in data.split(b"\n")[:-1] if line.startswith(_LOCKED)]
        return [Acquired(session, tokens, at) for _, session, tokens, at in changes]

    def name_of(self, path: str | os.PathLike[str]) -> str:
        """Return a file's canonical path."""
        return canonical_path(os.fspath(path), self._base, self._ignores_case)

    def who_holds(self, blocked: Blocked) -> str:
        """Return in a line who holds what since when."""
        holding = blocked.holding
        return f"{blocked.path} is held by session {holding.session} since {utc_text(holding.since)}"

    def _raise_where_hopeless(self, answer: Blocked, conflict: str, limit: float, late: bool) -> None:
        said = self.who_holds(answer)
        if answer.cycle and conflict != "fail":
            ring = " -> ".join(answer.cycle)
            raise LockConflictError(
                "deadlock",
                f"{said}, which waits for this session ({ring}).",
                "Lock all files in one call, or give back what is held first.",
                answer.path,
                answer.holding,
            )
        if conflict == "fail":
            raise LockConflictError("locked", f"{said}.", "Wait for it to end.", answer.path, answer.holding)
        if late:
            raise LockConflictError(
                "locked", f"{said}; it was not given back in {limit:g} s.", "Wait longer.", answer.path, answer.holding
            )

    def _ask(self, session_id: str, names: list[str], *, waits: bool) -> Blocked | Mapping[str, int]:
        if not self._sessions.is_ours(session_id):
            raise SessionError("not-our-session", f"Session {session_id} is not one of this process that goes on.")
        with self._changing() as table:
            now = self._clock.now()
            return table.request(session_id, names, now, self._sessions.lives, waits=waits)

    @contextmanager
    def _changing(self) -> Iterator[LockTable]:
        """Yield the table as it is now, and write down what has become of it."""
        with self._sessions.guarded():
            table = self._read()
            try:
                yield table
                if table.changes:
                    self._append(table)
            except BaseException:
                self._read_up_to = (0, 0)
                raise

    def _read(self) -> LockTable:
        """Return the table with what others have written since it was read last."""
        inode, offset = self._read_up_to
        try:
            with self._file.open("rb") as file:
                found = os.fstat(file.fileno())
                if found.st_ino != inode or found.st_size < offset:
                    self._table, offset = LockTable(), 0
                file.seek(offset)
                data = file.read()
        except FileNotFoundError:
            self._table, self._read_up_to = LockTable(), (0, 0)
            return self._table
        whole = data.rfind(b"\n") + 1
        try:
            for line in data[:whole].splitlines():
                self._table.apply(json.loads(line))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # Tokens go on from a number that nobody has had: whoever holds an old one must not be believed.
            self._sessions.set_aside(self._file, error)
            self._table, self._read_up_to = LockTable(), (0, 0)
            self._table.last_token = int(self._clock.now() * 1e6)
            return self._table
        self._read_up_to = (found.st_ino, offset + whole)
        return self._table

    def _append(self, table: LockTable) -> None:
        changes, table.changes = table.changes, []
        data = b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in changes)
        _, offset = self._read_up_to
        if offset > _MOST_BYTES:
            lines = (self._file.read_bytes() + data).split(b"\n")
            newest = [line for line in lines if line.startswith(_LOCKED)][-_NEWEST:]
            data = b"\n".join([*newest, json.dumps(table.whole()).encode(), b""])
            replace_file(self._file, data)
            self._read_up_to = (self._file.stat().st_ino, len(data))
            return
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            if os.fstat(descriptor).st_size > offset:
                os.ftruncate(descriptor, offset)  # a process was killed while it wrote its line
            if os.pwrite(descriptor, data, offset) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._file))
            self._read_up_to = (os.fstat(descriptor).st_ino, offset + len(data))
        finally:
            os.close(descriptor)
