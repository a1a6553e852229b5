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
    changes = [
        Change(kind, describe(item), position, None)
        for position, (key, item) in enumerate(zip(keys_before, before, strict=True))
        if key not in keys_after
    ]
    changes += [
        Change(kind, describe(item), None, position)
        for position, (key, item) in enumerate(zip(keys_after, after, strict=True))
        if key not in keys_before
    ]
    if not changes and keys_before != keys_after:
        changes.append(Change(kind, order, tuple(map(describe, before)), tuple(map(describe, after))))
    return changes


def rebase_items(pending: Sequence[Any], before: Sequence[Any], after: Sequence[Any]) -> tuple[Any, ...]:
    """Return ``pending`` with the edit ``before`` → ``after`` made to it as well.

    What the edit removed is removed; what it added goes next to the neighbour it was put beside.

    >>> rebase_items(["lib"], before=["test", "lib"], after=["session", "test", "lib"])
    ('session', 'lib')
    """
    if same_items(before, after):
        return tuple(pending)
    if same_items(pending, before):
        return tuple(after)
    keys_before, keys_after = _keys(before), _keys(after)
    gone = set(keys_before) - set(keys_after)
    merged = [(key, item) for key, item in zip(_keys(pending), pending, strict=True) if key not in gone]
    for position, (key, item) in enumerate(zip(keys_after, after, strict=True)):
        present = [present_key for present_key, _ in merged]
        if key in keys_before or key in present:
            continue
        merged.insert(_beside(keys_after, position, present), (key, item))
    return tuple(item for _, item in merged)


def _beside(keys: list[object], position: int, present: list[object]) -> int:
    """Return the place for ``keys[position]`` in ``present``: behind its nearest predecessor there, else in front
    of its nearest follower, else at the end."""
    for predecessor in reversed(keys[:position]):
        if predecessor in present:
            return present.index(predecessor) + 1
    for follower in keys[position + 1 :]:
        if follower in present:
            return present.index(follower)
    return len(present)


def _keys(items: Sequence[Any]) -> list[object]:
    """Return what tells items apart; the second of the same in a list is another one than the first."""
    seen: Counter[object] = Counter()
    keys: list[object] = []
    for item in items:
        what = item if type(item) is str else id(item)
        keys.append((what, seen[what]))
        seen[what] += 1
    return keys
