"""What every kind of process state can do.

A kind is a file: a class here named, with its four verbs, and a line in :mod:`isolane.process_state.kinds`.
"""

from __future__ import annotations

from typing import Protocol, TypeVar

from isolane.model.errors import IsolaneError
from isolane.model.state import Change

Snapshot = TypeVar("Snapshot")


class RestoreError(IsolaneError):
    """The world outside has made it impossible to put a kind of state back: a directory is gone, say."""


class Kind(Protocol[Snapshot]):
    """A kind of state that every test of a process shares.

    A snapshot is taken before each test, so it has to be cheap: references and shallow copies, compared by
    identity first. It is opaque to everyone but its kind.
    """

    @property
    def name(self) -> str:
        """The word that options, markers and reports use."""
        ...

    def snapshot(self) -> Snapshot:
        """Return the state as it is now. Never raises."""
        ...

    def diff(self, before: Snapshot, after: Snapshot) -> list[Change]:
        """Return what differs, in plain data."""
        ...

    def rebase(self, pending: Snapshot, before: Snapshot, after: Snapshot) -> Snapshot:
        """Return ``pending`` with what happened from ``before`` to ``after`` added to it.

        This is how a change that is not the test's own (a session fixture's, set up late) survives the
        restoration after the test.
        """
        ...

    def restore(self, before: Snapshot) -> None:
        """Make the state what it was: the same objects, with the same contents.

        Whatever a test did, this succeeds; :class:`RestoreError` is for what cannot be had back.
        """
        ...
