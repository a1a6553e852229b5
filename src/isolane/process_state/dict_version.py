"""Whether a dictionary was changed at all, told by CPython's own counter, without looking at what is in it.

Up to Python 3.11 every dictionary has a number that is a new one after each change, some later versions still keep
it. It is read from the dictionary's memory, so whether it is there, and does what it should, is tried out first.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial
from typing import Any

from isolane.process_state.memory import Piece, piece_at

_OFFSET = struct.calcsize("PPn")
"""Behind the reference count, the type, and the number of items."""
_SIZE = 8
_OFTEN = 100
"""How often a statement has to run until CPython has replaced it by a quicker form, and some more."""


def _version_reader() -> Callable[[dict[Any, Any]], bytes] | None:
    if piece_at is None:
        return None
    from ctypes import string_at

    def version(dictionary: dict[Any, Any]) -> bytes:
        return string_at(id(dictionary) + _OFFSET, _SIZE)

    return version if _works(version) else None


def _works(version: Callable[[dict[Any, Any]], bytes]) -> bool:
    """Try all ways to change a dictionary: each gives a version not seen before, and reading gives none."""
    tried: dict[Any, Any] = {"replaced": 1, "removed": 2}
    other = {"replaced": 3}
    seen = {version(tried)}
    changes: tuple[Callable[[], object], ...] = (
        partial(tried.__setitem__, "replaced", 4),
        partial(tried.__setitem__, "added", 5),
        partial(tried.pop, "removed"),
        partial(tried.update, other),
        partial(tried.setdefault, "default", 6),
        partial(tried.__delitem__, "default"),
        tried.popitem,
        tried.clear,
        partial(tried.update, replaced=7),
    )
    for number, change in enumerate(changes, start=2):
        change()
        seen.add(version(tried))
        if len(seen) != number or version(tried) not in seen or tried.get("nothing"):
            return False
    return True


version_of = _version_reader()
"""Returns bytes that differ after every change of a dictionary; ``None`` where there is no such thing."""


class _Example:
    attribute = 0


def _tells_of_attributes() -> bool:
    """Try whether it also counts what is set on an object: Python 3.13 writes past its dictionary."""
    if version_of is None:
        return False
    example = _Example()
    example.attribute = -1
    attributes = vars(example)
    for number in range(_OFTEN):
        before = version_of(attributes)
        example.attribute = number
        if version_of(attributes) == before:
            return False
    return True


tells_of_attributes = _tells_of_attributes()
"""Whether the version of an object's ``__dict__`` differs after an attribute was set, too."""


def version_piece(dictionary: dict[Any, Any]) -> Piece:
    """Return the piece of memory that is a dictionary's version; only where there is a :data:`version_of`."""
    assert piece_at is not None
    return piece_at(id(dictionary) + _OFFSET, _SIZE)
