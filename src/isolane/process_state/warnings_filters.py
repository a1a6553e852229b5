"""Warnings: which are shown, hidden or raised, and how they are shown."""

from __future__ import annotations

import sys
import warnings
from itertools import chain
from typing import Any, NamedTuple

from isolane.model.state import Change
from isolane.process_state.glance import Signs
from isolane.process_state.sequences import diff_items, rebase_items, same_items

_HOOKS = ("showwarning", "formatwarning", "_showwarnmsg_impl")
"""What programs replace to show warnings their way; the last is what ``catch_warnings(record=True)`` replaces."""


class WarningsSnapshot(NamedTuple):
    """``warnings.filters`` and what was in it, the hooks, and the context where there is one.

    From Python 3.14 on, with ``-X context_aware_warnings``, the filters in force are those of a context object,
    and ``warnings.filters`` is only where it started from. Without that flag the context is the module itself.
    """

    filters: list[Any]
    entries: tuple[Any, ...]
    hooks: tuple[Any, ...]
    context: Any
    context_entries: tuple[Any, ...]


class WarningsKind:
    """The filters in force, by identity and content, and the functions that show a warning."""

    name = "warnings"

    def snapshot(self) -> WarningsSnapshot:
        """Copy the filters."""
        filters: Any = getattr(warnings, "filters", None)
        context = _context()
        return WarningsSnapshot(
            filters,
            _entries(filters),
            tuple([getattr(warnings, hook, None) for hook in _HOOKS]),
            context,
            () if context is None else _entries(_filters_of(context)),
        )

    def signs(self) -> Signs:
        """Return all that is in a snapshot."""
        return Signs(objects=(lambda: chain(*[part if type(part) is tuple else (part,) for part in self.snapshot()]),))

    def diff(self, before: WarningsSnapshot, after: WarningsSnapshot) -> list[Change]:
        """Return a change a filter that came or went, and one a hook that was replaced."""
        changes = diff_items(self.name, before.entries, after.entries, _describe, "order of filters")
        if before.context is not None:
            changes += diff_items(
                self.name, before.context_entries, after.context_entries, _describe, "order of context filters"
            )
        for hook, old, new in zip(_HOOKS, before.hooks, after.hooks, strict=True):
            if old is not new:
                changes.append(Change(self.name, f"warnings.{hook}", _name_of(old), _name_of(new)))
        if before.filters is not after.filters and not changes:
            changes.append(Change(self.name, "warnings.filters", "the list", "another object"))
        return changes

    def rebase(self, pending: WarningsSnapshot, before: WarningsSnapshot, after: WarningsSnapshot) -> WarningsSnapshot:
        """Make the same insertions and removals, and the same replacements of hooks."""
        return WarningsSnapshot(
            pending.filters if before.filters is after.filters else after.filters,
            rebase_items(pending.entries, before.entries, after.entries),
            tuple(
                kept if old is new else new
                for kept, old, new in zip(pending.hooks, before.hooks, after.hooks, strict=True)
            ),
            pending.context if before.context is after.context else after.context,
            rebase_items(pending.context_entries, before.context_entries, after.context_entries),
        )

    def restore(self, before: WarningsSnapshot) -> None:
        """Put lists, contents and hooks back, and make Python forget what it decided by the filters until now."""
        mutated = False
        if before.context is not None and _context() is not before.context:
            warnings._set_context(before.context)  # type: ignore[attr-defined]
            mutated = True
        if getattr(warnings, "filters", None) is not before.filters:
            warnings.filters = before.filters
            mutated = True
        for filters, entries in (
            (before.filters, before.entries),
            (_filters_of(before.context), before.context_entries),
        ):
            if isinstance(filters, list) and not same_items(filters, entries):
                filters[:] = entries
                mutated = True
        if mutated:
            # Entering and leaving this is the public way to say so to the C code, in every version of Python.
            with warnings.catch_warnings():
                pass
        for hook, function in zip(_HOOKS, before.hooks, strict=True):
            if function is not None and getattr(warnings, hook, None) is not function:
                setattr(warnings, hook, function)


def _context() -> Any:
    """Return the context whose filters are in force, or ``None`` where it is always the module itself."""
    if not getattr(sys.flags, "context_aware_warnings", False):
        return None
    return warnings._get_context()  # type: ignore[attr-defined]


def _filters_of(context: Any) -> Any:
    return getattr(context, "_filters", None)


def _entries(filters: object) -> tuple[Any, ...]:
    return tuple(filters) if isinstance(filters, (list, tuple)) else ()


def _describe(entry: object) -> str:
    """Return a filter as ``-W`` takes it: ``action:message:category:module:line``."""
    if not isinstance(entry, tuple) or len(entry) != 5:
        return repr(entry)
    action, message, category, module, line = entry
    parts = [
        str(action),
        str(getattr(message, "pattern", message) or ""),
        getattr(category, "__name__", repr(category)),
        str(getattr(module, "pattern", module) or ""),
        str(line or ""),
    ]
    return ":".join(parts).rstrip(":")


def _name_of(function: object) -> str | None:
    return None if function is None else str(getattr(function, "__qualname__", type(function).__name__))
