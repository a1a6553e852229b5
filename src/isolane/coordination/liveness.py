"""Files that say whether their process lives, and files that are replaced as a whole.

A process holds such a file locked with ``flock``. The kernel lets the lock go when the process ends, whichever way; a
process number alone would not do, since it is given out again, and means nothing in another container. A forked child
shares its parent's locks by the kernel's rules, and would keep a dead parent alive: so each child lets go of them.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from isolane.model.clock import Clock
from isolane.model.errors import IsolaneError

SESSIONS = "sessions"
"""In a checkout's ``.isolane``: where sessions are. ``ID.lock`` there is held while the session goes on."""
_PAUSE = 0.0005
_LONGEST_PAUSE = 0.01
_held: set[int] = set()
"""The descriptors that hold a lock in this process."""


def _let_go_in_child() -> None:
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


def hold(path: Path) -> int | None:
    """Lock the file, which is made where it is not there; return the descriptor, None where another holds it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    _held.add(descriptor)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        let_go(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor


def let_go(descriptor: int) -> None:
    """Unlock. Of a descriptor that a parent held a forked child has nothing left: that is passed over."""
    if descriptor in _held:
        _held.discard(descriptor)
        with contextlib.suppress(OSError):  # a test may have closed every descriptor
            os.close(descriptor)


def held_descriptors() -> frozenset[int]:
    """Return the descriptors that hold a lock in this process; forked children have none of them."""
    return frozenset(_held)


def is_held(path: Path) -> bool:
    """Return whether a process that lives holds the file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextlib.contextmanager
def guarded(path: Path, clock: Clock, limit: float) -> Iterator[None]:
    """Be the only one in this block on the machine. limit: seconds to wait; a stopped process must not stop others."""
    give_up = clock.monotonic() + limit
    pause = _PAUSE
    while (descriptor := hold(path)) is None:
        if clock.monotonic() >= give_up:
            raise IsolaneError(
                "sessions-busy",
                f"{path} has been locked by another process for {limit:g} seconds.",
                "It is held for less than a millisecond: look for a stopped process (ps, state T).",
            )
        clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    try:
        yield
    finally:
        let_go(descriptor)


def replace_file(path: Path, data: bytes, *, synced: bool = False) -> None:
    """Write a file so that a reader sees the old data or the new, never a part. Raises OSError.

    synced: the data is on the disk before the name stands for it, so that not even a loss of power leaves a part.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            # mkstemp makes files for the owner alone; a report is for whoever may read the directory.
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(descriptor, 0o666 & ~mask)
            if synced:
                file.flush()
                os.fsync(descriptor)
        os.replace(temporary, path)  # noqa: PTH105  # pathlib would cost more than the system call
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
