"""What the controller has open when it forks, and every worker would use as if it were its own."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Container
from pathlib import Path

from isolane.coordination.liveness import held_descriptors

_OWN_FILES = ("events.jsonl",)
_streams: set[tuple[int, int]] = set()
"""Device and inode of the process's standard streams as it was started with them."""


def note_standard_streams() -> None:
    """Remember them, before pytest's capture replaces them: copies are kept of them, and no worker uses those."""
    for descriptor in range(3):
        with contextlib.suppress(OSError):
            _streams.add(_identity(os.fstat(descriptor)))


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def shared_descriptors(known: Container[int] = ()) -> list[str]:
    """Return sockets, and files of the project's that are open, as words for a warning (Linux; elsewhere none).

    known: descriptors of which workers make no use. Pipes, terminals and devices are not named, nor files without a
    name: pytest's capture files are such.
    """
    if sys.platform != "linux":
        return []
    found = []
    own = held_descriptors()
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  # a Path a descriptor would cost more than the rest
        descriptor = int(name)
        if descriptor <= 2 or descriptor in known or descriptor in own:
            continue
        try:
            status = os.fstat(descriptor)
            target = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
        except OSError:
            continue
        if _identity(status) in _streams:
            continue
        if stat.S_ISSOCK(status.st_mode):
            found.append(f"a socket (descriptor {descriptor})")
        elif stat.S_ISREG(status.st_mode) and not target.endswith(" (deleted)") and Path(target).name not in _OWN_FILES:
            found.append(f"{target} (descriptor {descriptor})")
    return found
