"""Whether a dictionary was changed at all, told by CPython's own counter, without looking at what is in it.

Up to Python 3.11 every dictionary has a number that is a new one after each change, some later versions still keep
it. It is read from the dictionary's memory, so whether it is there, and does what it should, is tried out first.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

_OFFSET = struct.calcsize("PPn")
"""Behind the reference count, the type, and the number of items."""


def _version_reader() -> Callable[[dict[Any, Any]], bytes] | None:
    if sys.implementation.name != "cpython" or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    try:
        from ctypes import string_at
    except ImportError:
        return None

    def version(dictionary: dict[Any, Any]) -> bytes:
        return string_at(id(dictionary) + _OFFSET, 8)

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
