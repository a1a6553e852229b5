"""Who is asked, and in what order, when a module is imported: ``sys.meta_path`` and ``sys.path_hooks``."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from isolane.model.state import Change, Level
from isolane.process_state.glance import Signs
from isolane.process_state.lists import ListSnapshot, look_at_list, rebase_list, restore_list, same_list
from isolane.process_state.sequences import diff_items
from isolane.process_state.slots import name_of

_LISTS = ("meta_path", "path_hooks")
_OF_LIBRARIES = ("_SixMetaPathImporter", "VendorImporter", "DistutilsMetaFinder")
"""Finders that libraries (six and those that carry it with them, setuptools) add when they are imported, each for
modules of its own only."""


class ImportHooksSnapshot(NamedTuple):
    """Both lists."""

    meta_path: ListSnapshot
    path_hooks: ListSnapshot


class ImportHooksKind:
    """Both lists, by identity and content. What was imported through a hook stays imported."""

    name = "import_hooks"

    def snapshot(self) -> ImportHooksSnapshot:
        """Copy both lists."""
        return ImportHooksSnapshot(look_at_list(sys, "meta_path"), look_at_list(sys, "path_hooks"))

    def signs(self) -> Signs:
        """Return both lists and what is in them."""
        return Signs(objects=(lambda: (sys.meta_path, *sys.meta_path, sys.path_hooks, *sys.path_hooks),))

    def diff(self, before: ImportHooksSnapshot, after: ImportHooksSnapshot) -> list[Change]:
        """Return a change a finder or hook that came, went or moved, and one a list that is another object."""
        changes: list[Change] = []
        for attribute, old, new in zip(_LISTS, before, after, strict=True):
            if same_list(old, new):
                continue
            where = f"sys.{attribute}"
            told = diff_items(self.name, old.entries, new.entries, partial(_describe, where), f"{where} order")
            changes += [_with_level(change) for change in told]
            if old.items is not new.items:
                changes.append(Change(self.name, where, "the list", "another object"))
        return changes

    def rebase(
        self, pending: ImportHooksSnapshot, before: ImportHooksSnapshot, after: ImportHooksSnapshot
    ) -> ImportHooksSnapshot:
        """Make the same insertions and removals."""
        return ImportHooksSnapshot(*map(rebase_list, pending, before, after))

    def restore(self, before: ImportHooksSnapshot) -> None:
        """Put both lists back; if path hooks changed, have Python ask them anew for every directory."""
        for attribute, old in zip(_LISTS, before, strict=True):
            if same_list(old, look_at_list(sys, attribute)):
                continue
            restore_list(sys, attribute, old)
            if attribute == "path_hooks":
                sys.path_importer_cache.clear()


def _describe(where: str, hook: Any) -> str:
    return f"{where} {name_of(hook)}"


def _with_level(change: Change) -> Change:
    added = change.before is None
    return (
        replace(change, level=Level.HARMLESS)
        if added and any(name in change.name for name in _OF_LIBRARIES)
        else change
    )
