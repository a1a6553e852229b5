"""Lists that everybody edits (``sys.path``, handlers, filters): the same or not, what changed, two edits merged.

Items are compared by identity (strings by value), never by an ``__eq__`` that a test may have written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from operator import is_not
from typing import Any

from isolane.model.state import Change


def same_items(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Return whether both hold the same objects in the same order."""
    return len(first) == len(second) and not any(map(is_not, first, second))


def diff_items(
    kind: str, before: Sequence[Any], after: Sequence[Any], describe: Callable[[Any], str], order: str = "order"
) -> list[Change]:
    """Return a change for each item that came or went, told by its position.

    When the same items only changed places, that is one change, named ``order``.
    """
    if same_items(before, after):
        return []
    keys_before, keys_after = _keys(before), _keys(after)
    had, has = set(keys_before), set(keys_after)
    changes = [
        Change(kind, describe(item), position, None)
        for position, (key, item) in enumerate(zip(keys_before, before, strict=True))
        if key not in has
    ]
    changes += [
        Change(kind, describe(item), None, position)
        for position, (key, item) in enumerate(zip(keys_after, after, strict=True))
        if key not in had
    ]
    if not changes and keys_before != keys_after:
        changes.append(Change(kind, order, tuple(map(describe, before)), tuple(map(describe, after))))
    return changes


def rebase_items(pending: Sequence[Any], before: Sequence[Any], after: Sequence[Any]) -> tuple[Any, ...]:
    """Return ``pending`` with the edit ``before`` → ``after`` made to it as well.

    What the edit removed is removed; what it added goes next to the neighbour it was put beside: behind the nearest
    that is there, else in front of the first, else at the end.

    >>> rebase_items(["lib"], before=["test", "lib"], after=["session", "test", "lib"])
    ('session', 'lib')
    """
    if same_items(before, after):
        return tuple(pending)
    if same_items(pending, before):
        return tuple(after)
    known, keys_after = set(_keys(before)), _keys(after)
    gone = known - set(keys_after)
    kept = [(key, item) for key, item in zip(_keys(pending), pending, strict=True) if key not in gone]
    present = {key for key, _ in kept}
    leading: list[Any] = []
    behind: dict[object, list[Any]] = {}
    added = leading
    follower: object = None
    for key, item in zip(keys_after, after, strict=True):
        if key in present:
            follower = follower or key
            added = behind.setdefault(key, [])
        elif key not in known:
            added.append(item)
    merged: list[Any] = []
    for key, item in kept:
        merged += (*(leading if key == follower else ()), item, *behind.get(key, ()))
    return tuple(merged if follower else merged + leading)


def _keys(items: Sequence[Any]) -> list[object]:
    """Return what tells items apart; the second of the same in a list is another one than the first."""
    seen: Counter[object] = Counter()
    keys: list[object] = []
    for item in items:
        what = item if type(item) is str else id(item)
        keys.append((what, seen[what]))
        seen[what] += 1
    return keys
