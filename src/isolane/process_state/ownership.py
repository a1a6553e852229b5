"""Whose change is it: the test's, to be undone after it, or that of a fixture which outlives it?

    test starts                  begin(test)                     what was there: E
      session fixture, late        begin(fixture)                E + the test's changes so far
        sets BMTC_DB_PATH
      fixture is ready             adopt(fixture)                what was there for the test: E + BMTC_DB_PATH
      test sets BMTC_API_KEY
    test ends                    undo(test)                      E + BMTC_DB_PATH again; BMTC_API_KEY is gone

A fixture that fails while it is set up owns nothing, and is undone like a test.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from isolane.process_state.base import Kind


class _Frame:
    """One owner at work, and what is to be put back if what it does is not to stay."""

    def __init__(self, owner: object, pending: dict[Kind[Any], Any]) -> None:
        self.owner = owner
        self.pending = pending


class StateStack:
    """The owners at work now, the outermost first, each with the state from before it."""

    def __init__(self, kinds: Sequence[Kind[Any]]) -> None:
        self._kinds = tuple(kinds)
        self._frames: list[_Frame] = []

    @property
    def is_empty(self) -> bool:
        """Whether nobody is at work."""
        return not self._frames

    def begin(self, owner: object, without: Collection[str] = ()) -> None:
        """Remember the state from before ``owner``, except for the kinds named in ``without``."""
        pending = {kind: kind.snapshot() for kind in self._kinds if kind.name not in without}
        self._frames.append(_Frame(owner, pending))

    def adopt(self, owner: object) -> None:
        """Let stay what ``owner`` changed, whatever happens to those within whose time it worked."""
        frame = self._pop(owner)
        if frame is None or not self._frames:
            return
        for kind, before in frame.pending.items():
            after = kind.snapshot()
            for outer in self._frames:
                if kind in outer.pending:
                    outer.pending[kind] = kind.rebase(outer.pending[kind], before, after)

    def undo(self, owner: object) -> list[Exception]:
        """Put back what was there before ``owner``, every kind even if another fails; return the failures."""
        frame = self._pop(owner)
        failures: list[Exception] = []
        for kind, before in frame.pending.items() if frame else ():
            try:
                kind.restore(before)
            except Exception as error:  # noqa: BLE001  # the caller's to tell, when all kinds had their turn
                failures.append(error)
        return failures

    def _pop(self, owner: object) -> _Frame | None:
        """Take off the owner's frame, and with it those that an error left above it."""
        for position in range(len(self._frames) - 1, -1, -1):
            if self._frames[position].owner is owner:
                frame = self._frames[position]
                del self._frames[position:]
                return frame
        return None
