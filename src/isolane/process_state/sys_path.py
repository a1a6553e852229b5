"""The import path, ``sys.path``."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from isolane.model.state import Change
from isolane.process_state.glance import Signs
from isolane.process_state.sequences import diff_items, rebase_items, same_items


class PathSnapshot(NamedTuple):
    """The list that was ``sys.path``, and what was in it."""

    path: list[str]
    entries: tuple[str, ...]


class ImportPathKind:
    """``sys.path``, by identity and content. Modules that were imported through it stay imported."""

    name = "sys_path"

    def snapshot(self) -> PathSnapshot:
        """Copy the entries."""
        path: Any = sys.path
        return PathSnapshot(path, tuple(path) if isinstance(path, (list, tuple)) else ())

    def signs(self) -> Signs:
        """Return the list and its entries."""
        return Signs(objects=(lambda: (sys.path, *sys.path),))

    def diff(self, before: PathSnapshot, after: PathSnapshot) -> list[Change]:
        """Return a change an entry that came, went or moved, and one if the list is another object."""
        changes = diff_items(self.name, before.entries, after.entries, str)
        if before.path is not after.path:
            changes.append(Change(self.name, "sys.path", "the list", "another object"))
        return changes

    def rebase(self, pending: PathSnapshot, before: PathSnapshot, after: PathSnapshot) -> PathSnapshot:
        """Make the same insertions and removals."""
        return PathSnapshot(
            pending.path if before.path is after.path else after.path,
            rebase_items(pending.entries, before.entries, after.entries),
        )

    def restore(self, before: PathSnapshot) -> None:
        """Put the list back in its place, then its entries."""
        if sys.path is not before.path:
            sys.path = before.path
        if not same_items(before.path, before.entries):
            before.path[:] = before.entries
