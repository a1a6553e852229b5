"""Which session holds which files, and who waits for whom: the decisions alone, no file is touched here.

Each call is one step that nobody interrupts: whoever keeps the table sees to that. So what can go wrong goes wrong
between calls, and ``tests/property`` tries every order of them for small programs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class Holding(NamedTuple):
    """A file that is held. token: the fence token. times: how often its session has locked it. since: seconds, UTC."""

    session: str
    token: int
    times: int
    since: float


class Blocked(NamedTuple):
    """A request that got nothing. path: the first file that another holds. cycle: the sessions that wait for each
    other in a ring, where waiting would never end; empty where it may.
    """

    path: str
    holding: Holding
    cycle: tuple[str, ...] = ()


class LockTable:
    """held: by canonical path. waiting: what a session has asked for and not got yet. last_token: the newest.

    changes: what has happened since somebody took note of it, to be told to :meth:`apply` of another table: lists
    that JSON can hold.
    """

    def __init__(self) -> None:
        self.last_token = 0
        self.held: dict[str, Holding] = {}
        self.waiting: dict[str, tuple[str, ...]] = {}
        self.changes: list[list[Any]] = []

    # -- what is asked of it

    def request(
        self, session: str, paths: Sequence[str], now: float, lives: Callable[[str], bool], *, waits: bool = False
    ) -> Blocked | Mapping[str, int]:
        """Give a session all the files, and return their tokens; or none, and return who is in the way.

        Of sessions that live no longer nothing stays. waits: the session is going to ask again until it gets them:
        that is noted, unless it would close a ring of sessions that wait for each other.
        """
        obstacle = self._obstacle(session, paths)
        while obstacle is not None and not lives(obstacle[1].session):
            self.release_all(obstacle[1].session)
            obstacle = self._obstacle(session, paths)
        if obstacle is not None:
            cycle = self._ring(session, paths, lives)
            if not waits or cycle:
                self.stop_waiting(session)
            elif self.waiting.get(session) != tuple(paths):
                self._change("waits", session, list(paths))
            return Blocked(*obstacle, cycle)
        tokens = {}
        token = self.last_token
        for path in paths:
            holding = self.held.get(path)
            if holding is None:
                token += 1
            tokens[path] = token if holding is None else holding.token
        self._change("locked", session, tokens, now)
        return tokens

    def release(self, session: str, paths: Sequence[str]) -> str | None:
        """Take back one locking of each file; return the first that the session does not hold, and change nothing."""
        stranger = next((path for path in paths if not self.is_of(session, path)), None)
        if stranger is None:
            self._change("unlocked", session, list(paths))
        return stranger

    def release_all(self, session: str) -> None:
        """Take back all that a session holds and waits for."""
        self._change("ended", session)

    def stop_waiting(self, session: str) -> None:
        """Forget what a session has asked for: it asks no more."""
        if session in self.waiting:
            self._change("waits", session, [])

    def is_of(self, session: str, path: str, token: int | None = None) -> bool:
        """Return whether the session holds the file, under that very token if one is given."""
        holding = self.held.get(path)
        return holding is not None and holding.session == session and token in (None, holding.token)

    # -- what has happened

    def whole(self) -> list[Any]:
        """Return the change that makes any table be like this one."""
        return ["table", self.last_token, self.held, self.waiting]

    def apply(self, change: Sequence[Any]) -> None:
        """Do what a change says. Raises one of several errors for what is none."""
        kind, *rest = change
        if kind == "locked":
            session, tokens, at = rest
            self.waiting.pop(session, None)
            for path, token in tokens.items():
                known = self.held.get(path) or Holding(session, token, 0, at)
                self.held[path] = known._replace(times=known.times + 1)
                self.last_token = max(self.last_token, token)
        elif kind == "unlocked":
            session, paths = rest
            for path in paths:
                holding = self.held.pop(path)
                if holding.times > 1:
                    self.held[path] = holding._replace(times=holding.times - 1)
        elif kind == "ended":
            (session,) = rest
            self.held = {path: one for path, one in self.held.items() if one.session != session}
            self.waiting.pop(session, None)
        elif kind == "waits":
            session, paths = rest
            self.waiting.pop(session, None)
            if paths:
                self.waiting[session] = tuple(paths)
        elif kind == "table":
            self.last_token, held, waiting = rest
            self.held = {path: Holding(*one) for path, one in held.items()}
            self.waiting = {session: tuple(paths) for session, paths in waiting.items()}
        else:
            raise ValueError(f"{kind!r} is no change of a table")

    def _change(self, *change: Any) -> None:
        self.apply(change)
        self.changes.append(list(change))

    def _obstacle(self, session: str, paths: Sequence[str]) -> tuple[str, Holding] | None:
        return next(
            ((path, self.held[path]) for path in paths if path in self.held and self.held[path].session != session),
            None,
        )

    def _ring(self, session: str, paths: Sequence[str], lives: Callable[[str], bool]) -> tuple[str, ...]:
        """Return the sessions from the one that holds a wanted file to the one that waits for this session's."""
        ways: list[tuple[str, ...]] = [(holder,) for holder in self._holders(session, paths)]
        seen = {session}
        while ways:
            way = ways.pop()
            last = way[-1]
            if last in seen or not lives(last):
                continue
            seen.add(last)
            for holder in self._holders(last, self.waiting.get(last, ())):
                if holder == session:
                    return way
                ways.append((*way, holder))
        return ()

    def _holders(self, session: str, paths: Sequence[str]) -> list[str]:
        holders = dict.fromkeys(self.held[path].session for path in paths if path in self.held)
        holders.pop(session, None)
        return list(holders)
