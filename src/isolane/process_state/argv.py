"""The command line that the program was started with, ``sys.argv``."""

from __future__ import annotations

import sys

from isolane.model.state import Change, Level
from isolane.process_state.glance import Signs
from isolane.process_state.lists import ListSnapshot, look_at_list, restore_list, same_list


class ArgumentsKind:
    """``sys.argv``, by identity and content."""

    name = "argv"

    def snapshot(self) -> ListSnapshot:
        """Copy the arguments."""
        return look_at_list(sys, "argv")

    def signs(self) -> Signs:
        """Return the list and the arguments."""
        return Signs(objects=(lambda: (sys.argv, *sys.argv),))

    def diff(self, before: ListSnapshot, after: ListSnapshot) -> list[Change]:
        """Return at most one change, with all arguments: one by one they mean little.

        Another list of the same arguments is harmless: hardly anyone keeps the list.
        """
        if same_list(before, after):
            return []
        old, new = _tell(before), _tell(after)
        if old == new:
            return [Change(self.name, "sys.argv", "the list", "another object", Level.HARMLESS)]
        return [Change(self.name, "sys.argv", old, new)]

    def rebase(self, pending: ListSnapshot, before: ListSnapshot, after: ListSnapshot) -> ListSnapshot:
        """Take over the new arguments whole."""
        return pending if same_list(before, after) else after

    def restore(self, before: ListSnapshot) -> None:
        """Put the list back in its place, then the arguments."""
        restore_list(sys, "argv", before)


def _tell(arguments: ListSnapshot) -> tuple[str, ...]:
    return tuple(item if isinstance(item, str) else f"{type(item).__name__} object" for item in arguments.entries)
