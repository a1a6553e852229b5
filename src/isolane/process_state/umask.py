"""The permission bits that new files do not get."""

from __future__ import annotations

import os
import threading

from isolane.model.state import Change
from isolane.process_state.glance import Signs

_RESTRICTIVE = 0o077


class UmaskKind:
    """The process's umask, an integer of permission bits."""

    name = "umask"

    def snapshot(self) -> int:
        """Return the umask.

        It can only be read by setting it, which another thread that is creating a file would notice; so with
        threads running it is read from the kernel's own account where there is one (Linux), and otherwise the
        momentary value is one that makes that file too private rather than too public.
        """
        if threading.active_count() > 1:
            told = _told_by_kernel()
            if told is not None:
                return told
        current = os.umask(_RESTRICTIVE)
        os.umask(current)
        return current

    def signs(self) -> Signs:
        """Return the umask."""
        return Signs(values=(self.snapshot,))

    def diff(self, before: int, after: int) -> list[Change]:
        """Return at most one change, in octal."""
        return [] if before == after else [Change(self.name, "umask", f"{before:#05o}", f"{after:#05o}")]

    def rebase(self, pending: int, before: int, after: int) -> int:
        """Follow the change, if there was one."""
        return pending if before == after else after

    def restore(self, before: int) -> None:
        """Set it again."""
        if self.snapshot() != before:
            os.umask(before)


def _told_by_kernel() -> int | None:
    try:
        descriptor = os.open("/proc/self/status", os.O_RDONLY)
    except OSError:
        return None
    try:
        _, found, rest = os.read(descriptor, 4096).partition(b"\nUmask:\t")
    finally:
        os.close(descriptor)
    return int(rest.partition(b"\n")[0], 8) if found else None
