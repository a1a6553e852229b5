"""Lists that a module keeps, ``sys.argv`` or ``sys.meta_path``: which object it is, and what is in it."""

from __future__ import annotations

from typing import Any, NamedTuple

from isolane.process_state.sequences import rebase_items, same_items


class ListSnapshot(NamedTuple):
    """The object that was there, usually a list, and its items then."""

    items: Any
    entries: tuple[Any, ...]


def look_at_list(module: Any, attribute: str) -> ListSnapshot:
    """Return the list as it is; nothing is taken to be in whatever a test has put in its place."""
    items = getattr(module, attribute, None)
    return ListSnapshot(items, tuple(items) if isinstance(items, (list, tuple)) else ())


def same_list(before: ListSnapshot, after: ListSnapshot) -> bool:
    """Return whether it is the same object, with the same items."""
    return before.items is after.items and same_items(before.entries, after.entries)


def rebase_list(pending: ListSnapshot, before: ListSnapshot, after: ListSnapshot) -> ListSnapshot:
    """Return ``pending`` with the same insertions and removals."""
    return ListSnapshot(
        pending.items if before.items is after.items else after.items,
        rebase_items(pending.entries, before.entries, after.entries),
    )


def restore_list(module: Any, attribute: str, before: ListSnapshot) -> None:
    """Put the object back in its place, then its items into it."""
    if getattr(module, attribute, None) is not before.items:
        setattr(module, attribute, before.items)
    if isinstance(before.items, list) and not same_items(before.items, before.entries):
        before.items[:] = before.entries
