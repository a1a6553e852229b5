"""Open descriptors: files, sockets and pipes that a test opened and did not close.

To list them takes 15 µs, but seldom is there anything to list. On Linux from 6.2 on the size of ``/proc/self/fd`` is
how many are open (2.5 µs), and a new descriptor gets the lowest free number (0.6 µs to try): with both unchanged the
same numbers are open, save that one was closed and its very number opened again. Elsewhere they are listed each time.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs, Unsure
from isolane.process_state.open_objects import close_object
from isolane.process_state.origins import is_library_file

Descriptors = Mapping[int, str]
"""What is open, by number."""

_OTHERS = ("/.isolane/", "/.coverage")
"""Files that we, or coverage, keep open around tests: in no test's name."""
_LISTENING = "a socket listening on "
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random", "/dev/zero")
_LONGEST_PATH = 1024


class DescriptorsKind:
    """The numbers that are open, and what they are.

    One that has been closed is a change only if it was open at the first look: what a test left open, the garbage
    collector may close in anybody's time.
    """

    name = "descriptors"

    def __init__(self) -> None:
        self._mark: tuple[int, int] | None = None
        self._open: Descriptors = {}
        self._first: Descriptors | None = None

    def snapshot(self) -> Descriptors:
        """Return what is open, the very same mapping as long as nothing was opened or closed."""
        mark = _mark()
        if mark is None or mark != self._mark:
            numbers = _numbers()
            if numbers != self._open.keys():
                known = self._open
                found = {number: known.get(number) or _describe(number) for number in sorted(numbers)}
                self._open = {number: what for number, what in found.items() if what}
            self._mark = _mark()
        if self._first is None:
            self._first = self._open
        return self._open

    def signs(self) -> Signs:
        """Return how many there are, and which is free next."""
        return Signs(values=(lambda: _mark() or Unsure(),))

    def diff(self, before: Descriptors, after: Descriptors) -> list[Change]:
        """Return a change a descriptor that is open, and one a descriptor of the process's own that is not."""
        if before is after:
            return []
        first = self._first or {}
        changes = [
            Change(self.name, what, None, f"open, descriptor {number}", _level(number, what))
            for number, what in after.items()
            if before.get(number) != what and not any(other in what for other in _OTHERS)
        ]
        return changes + [
            Change(
                self.name,
                what,
                f"open, descriptor {number}",
                None,
                Level.HARMLESS if _level(number, what) is Level.HARMLESS else Level.DANGEROUS,
            )
            for number, what in before.items()
            if number not in after and first.get(number) == what and not any(other in what for other in _OTHERS)
        ]

    def rebase(self, pending: Descriptors, before: Descriptors, after: Descriptors) -> Descriptors:
        """Add what was opened, remove what was closed."""
        if before is after:
            return pending
        kept = {number: what for number, what in pending.items() if number in after or number not in before}
        return {**kept, **{number: what for number, what in after.items() if before.get(number) != what}}

    def restore(self, before: Descriptors) -> None:
        """Close the file and socket objects that were left open.

        A number that belongs to no such object is not closed: whoever owns it would close it once more, later, when
        it is somebody else's.
        """
        for number, what in self.snapshot().items():
            if before.get(number) != what and _level(number, what) is not Level.HARMLESS:
                close_object(number)
        self._mark = None
        after = self.snapshot()
        left = [
            f"{change.name} ({change.before or change.after})"
            for change in self.diff(before, after)
            if change.level is not Level.HARMLESS
        ]
        if left:
            raise RestoreError(
                "descriptors-differ",
                f"cannot be closed, or opened again, from outside: {', '.join(left)}.",
                "Let the test close what it opens, and nothing else.",
            )


def _mark() -> tuple[int, int] | None:
    """Return what changes when a descriptor is opened or closed, or ``None`` where nothing quick does."""
    try:
        size = os.stat("/proc/self/fd").st_size  # noqa: PTH116  # after each test: pathlib would cost twice as much
    except OSError:
        return None
    return (size, _lowest_free()) if size else None


def _lowest_free() -> int:
    for stream in (1, 2, 0):
        try:
            lowest = os.dup(stream)
        except OSError:
            continue
        os.close(lowest)
        return lowest
    return 0  # The streams themselves are closed.


def _numbers() -> set[int]:
    """Return the numbers that are open. One more is while they are listed: the one that is free again afterwards."""
    for place in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            return set(map(int, os.listdir(place))) - {_lowest_free()}  # noqa: PTH208  # names only
    return {number for number in range(256) if _is_open(number)}


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError as error:
        return error.errno != errno.EBADF
    return True


def _describe(number: int) -> str:
    """Return what a descriptor is, without what differs from run to run; nothing for one that is not open."""
    try:
        mode = os.fstat(number).st_mode
    except OSError:
        return ""
    if stat.S_ISSOCK(mode):
        return _describe_socket(number)
    if stat.S_ISFIFO(mode):
        return "a pipe"
    path = _path(number)
    if path.startswith("anon_inode:"):
        return f"an {path.removeprefix('anon_inode:').strip('[]')}"
    if path.endswith(" (deleted)"):
        return f"a deleted file of {Path(path).parent}"
    return path or "a file"


def _path(number: int) -> str:
    if sys.platform == "darwin":
        with suppress(OSError, AttributeError):
            return os.fsdecode(fcntl.fcntl(number, fcntl.F_GETPATH, bytes(_LONGEST_PATH)).rstrip(b"\0"))
        return ""
    try:
        return os.readlink(f"/proc/self/fd/{number}")  # noqa: PTH115  # the target need not be a path
    except OSError:
        return ""


def _describe_socket(number: int) -> str:
    try:
        with socket.socket(fileno=os.dup(number)) as same:
            if same.type == socket.SOCK_STREAM and same.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                return _LISTENING + _address(same.getsockname())
            with suppress(OSError):
                peer = same.getpeername()
                return f"a socket connected to {_address(peer)}" if peer else "a connected socket"
            own = same.getsockname()
            return f"a socket bound to {_address(own)}" if own and own[1:2] != (0,) else "a socket"
    except (OSError, ValueError, AttributeError):
        return "a socket"


def _address(address: object) -> str:
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    return os.fsdecode(address) if isinstance(address, bytes) else str(address)


def _level(number: int, what: str) -> Level:
    """Return dangerous for what keeps others from the same address, harmless for what libraries open once for all."""
    if what.startswith(_LISTENING):
        return Level.DANGEROUS
    if what in _DEVICES or number in _of_multiprocessing():
        return Level.HARMLESS
    if what.startswith("/") and is_library_file(what):
        return Level.HARMLESS
    return Level.SUSPECT


def _of_multiprocessing() -> tuple[int | None, ...]:
    """Return the descriptors by which multiprocessing holds on to its helper processes."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    return (
        getattr(tracker, "_fd", None),
        getattr(server, "_forkserver_alive_fd", None),
    )
