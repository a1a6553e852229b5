"""What was in a place and what is in it now, compared without running an ``__eq__`` that a test may have written."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import is_not
from typing import Any, NamedTuple

_ATOM_TYPES = (str, int, float, complex, bool, bytes, type(None), type(...), type(NotImplemented), range)
ATOMS = frozenset(map(id, _ATOM_TYPES))
"""Types whose values are only values: immutable, referring to nothing, and the same when they are equal.

Types are looked up by their ``id``: a class's hash and equality are its metaclass's to define.
"""


class Absent:
    """What stands for a value that is not there."""


ABSENT: Any = Absent()


class Content(NamedTuple):
    """What is in a place. keys: empty where the values have no names, only an order."""

    keys: tuple[Any, ...]
    values: tuple[Any, ...]


Edit = tuple[Any, Any, Any]
"""A key, what was there, and what is there: :data:`ABSENT` for nothing."""


def same(first: object, second: object) -> bool:
    """Return whether two values are the same object, or equal ones of a type where that is all there is to it."""
    return first is second or (type(first) is type(second) and id(type(first)) in ATOMS and bool(first == second))


def is_same_object(first: object, second: object) -> bool:
    """Return whether two values are the same object."""
    return first is second


def identical(first: Content, second: Content) -> bool:
    """Return whether two contents hold the same objects, in the same order."""
    return all(len(old) == len(new) and not any(map(is_not, old, new)) for old, new in zip(first, second, strict=True))


def same_content(first: Content, second: Content) -> bool:
    """Return whether two contents hold the same, in the same order."""
    for old, new in zip(first, second, strict=True):
        if len(old) != len(new):
            return False
        if any(map(is_not, old, new)) and not all(map(same, old, new)):
            return False
    return True


def edits(before: Content, after: Content, same: Callable[[object, object], bool] = same) -> list[Edit]:
    """Return what changed, a key each."""
    old = {token_of(key): (key, value) for key, value in zip(before.keys, before.values, strict=False)}
    new = {token_of(key): (key, value) for key, value in zip(after.keys, after.values, strict=False)}
    found = []
    for token in {**old, **new}:
        key, was = old.get(token, (None, ABSENT))
        now_key, now = new.get(token, (None, ABSENT))
        if not same(was, now):
            found.append((key if was is not ABSENT else now_key, was, now))
    return found


def with_edits(content: Content, made: Iterable[Edit]) -> Content:
    """Return the content with the edits made to it, too."""
    kept = {token_of(key): (key, value) for key, value in zip(content.keys, content.values, strict=False)}
    for key, _, now in made:
        if now is ABSENT:
            kept.pop(token_of(key), None)
        else:
            kept[token_of(key)] = key, now
    return Content(tuple(key for key, _ in kept.values()), tuple(value for _, value in kept.values()))


def token_of(key: object) -> object:
    """Return what tells keys apart without their own ``__hash__`` and ``__eq__``."""
    return (type(key), key) if id(type(key)) in ATOMS else id(key)
