"""The Python objects that own open descriptors: found by number, and closed."""

from __future__ import annotations

import gc
import io
import socket
from contextlib import suppress
from typing import Any

_OUTERMOST_FIRST: tuple[type[Any], ...] = (
    io.TextIOWrapper,
    io.BufferedRandom,
    io.BufferedWriter,
    io.BufferedReader,
    io.FileIO,
    socket.socket,
)


def close_object(number: int) -> bool:
    """Close the file or socket objects of a descriptor, so that what they have buffered is written; say if any was.

    They are looked for among all objects of the process, which takes some hundredths of a second.
    """
    candidates = [item for item in gc.get_objects() if issubclass(type(item), _OUTERMOST_FIRST)]
    closed = False
    for kind in _OUTERMOST_FIRST:
        for item in candidates:
            with suppress(Exception):
                if issubclass(type(item), kind) and not getattr(item, "closed", False) and item.fileno() == number:
                    item.close()
                    closed = True
    return closed
