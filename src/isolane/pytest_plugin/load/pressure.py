"""A process that keeps the machine busy until its parent is gone: ``python pressure.py KIND PARENT``.

It is run as a file by an interpreter that need not find isolane: the standard library only, and little of it.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

_ROUNDS = 20_000
_BLOCK = b"\0" * (1 << 20)
_WRITTEN = 32
"""Megabytes that one file grows to before it is begun anew."""
_LARGEST = 512
"""Megabytes of memory at most."""
_PAGE = 4096


def processor() -> None:
    """Use a processor for some milliseconds."""
    total = 0
    for number in range(_ROUNDS):
        total += number * number


def disk() -> None:
    """Write a file to the disk, and forget it."""
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(_WRITTEN):
            file.write(_BLOCK)
            os.fsync(file.fileno())


def memory() -> None:
    """Take memory, touch each of its pages, and give it back."""
    block = bytearray(_share_of_memory() << 20)
    for place in range(0, len(block), _PAGE):
        block[place] = 1
    time.sleep(0.01)


def _share_of_memory() -> int:
    """Return an eighth of what is free, in megabytes."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
    except (ValueError, OSError, AttributeError):
        return _LARGEST // 8
    return max(1, min(_LARGEST, free // 8))


KINDS = {"processor": processor, "disk": disk, "memory": memory}


def main(kind: str, parent: int) -> None:
    """Go on until the parent is another one."""
    press = KINDS[kind]
    while os.getppid() == parent:
        try:
            press()
        except (OSError, MemoryError):
            time.sleep(0.1)  # a full disk, or no memory: pressure enough


if __name__ == "__main__":
    try:
        main(sys.argv[1], int(sys.argv[2]))
    except KeyboardInterrupt:
        os._exit(0)
