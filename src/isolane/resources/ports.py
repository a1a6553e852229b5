"""Leases of TCP and UDP ports: nobody else on the machine is given the same number while one lasts.

What makes a port one's own:

- **Against other leases**, of this process, other workers and other runs of the same user: a lock file a port, locked
  with ``flock`` for as long as the lease lasts. The kernel gives up the lock of a process that dies, whichever way.
- **Against all other programs**: a probe. The port is bound, on IPv4 and IPv6, TCP and UDP, and let go again.
- **Against the kernel**, which picks ports for outgoing connections and for whoever binds port 0: leases are taken from
  outside the range it picks from. A port found by binding port 0 has no such protection once it is let go.

Each owner starts at a random place and goes on from there, so that a port is seldom given out again soon.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from tempfile import gettempdir

from isolane.model.errors import IsolaneError, UsageError

FIRST, LAST = 10_000, 32_767
"""Below are the ports of well-known servers, above is where most kernels pick from by themselves."""
_FEWEST = 1000
_KERNELS_RANGE = "/proc/sys/net/ipv4/ip_local_port_range"
_BASES = ("/dev/shm", "/tmp")
"""Where the lock files' directory is: in memory, where the system has such a place. On a disk a lease takes a third
longer; ``bench/leases.py`` measures it."""
_TAKEN = (errno.EADDRINUSE, errno.EACCES, errno.EPERM)
_UNAVAILABLE = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


class LeaseError(IsolaneError):
    """No port is left."""


class PortLeases:
    """The ports that one owner, a test say, has leased.

    directory: where the lock files are; leases of different directories do not know of each other. candidates: the
    numbers to choose from, in the order in which they are tried, from a random place on.
    """

    def __init__(self, directory: Path | None = None, candidates: Sequence[int] | None = None) -> None:
        self._directory = str(lock_directory() if directory is None else directory)
        self._candidates = candidate_ports() if candidates is None else candidates
        self._held: dict[int, int] = {}
        self._process = os.getpid()
        # Not from ``random``, which pytest-randomly and careful tests seed alike in every worker.
        self._place = int.from_bytes(os.urandom(4), "big")

    @property
    def held(self) -> tuple[int, ...]:
        """The ports leased now, in the order in which they were leased."""
        return tuple(self._held)

    def lease(self) -> int:
        """Lease a port that nobody has leased or bound; :class:`LeaseError` if there is none."""
        count = len(self._candidates)
        for _ in range(count):
            port = self._candidates[self._place % count]
            self._place += 1
            descriptor = self._lock(port)
            if descriptor is None:
                continue
            self._held[port] = descriptor
            try:
                free = is_free(port)
            except BaseException:
                self.release(port)
                raise
            if free:
                return port
            self.release(port)
        raise LeaseError(
            "no-free-port",
            f"None of {count} ports is free.",
            "See which programs hold them; leases of tests end with their process.",
        )

    def release(self, port: int) -> None:
        """End a lease; :class:`UsageError` for a port that is not leased here."""
        descriptor = self._held.pop(port, None)
        if descriptor is None:
            raise UsageError("not-leased", f"Port {port} is not leased.")
        self._unlock(port, descriptor)

    def release_all(self) -> None:
        """End all leases."""
        while self._held:
            self._unlock(*self._held.popitem())

    def _lock(self, port: int) -> int | None:
        """Return the descriptor of the port's lock file, locked, or None where another has it locked."""
        path = self._path(port)
        while True:
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            except FileNotFoundError:
                make_own_directory(Path(self._directory))  # It was there, and has been tidied away.
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(descriptor).st_nlink:
                    return descriptor
            except BlockingIOError:
                os.close(descriptor)
                return None
            except BaseException:
                os.close(descriptor)
                raise
            # Its holder has removed it between our two calls: whoever comes now makes another file.
            os.close(descriptor)

    def _unlock(self, port: int, descriptor: int) -> None:
        """Remove the file while it is locked, so that none but its holder ever removes it.

        That ends the lease also where a child that was forked in the meantime has the descriptor, too; the child
        does not end its parent's lease.
        """
        try:
            if os.getpid() == self._process:
                with suppress(FileNotFoundError):
                    os.unlink(self._path(port))  # noqa: PTH108  # pathlib would cost more than the system call
        finally:
            os.close(descriptor)

    def _path(self, port: int) -> str:
        return f"{self._directory}/{port}.lock"


@contextmanager
def leased_port(directory: Path | None = None) -> Iterator[int]:
    """Lease one port for the time of a ``with`` block."""
    leases = PortLeases(directory)
    try:
        yield leases.lease()
    finally:
        leases.release_all()


def is_free(port: int) -> bool:
    """Return whether nobody has bound the port: not on any address, IPv4 or IPv6, TCP or UDP."""
    return all(_can_bind(family, kind, port) for family, kind in _sockets())


def _can_bind(family: int, kind: int, port: int) -> bool:
    # Without SO_REUSEADDR every other socket on the port stands in the way, also one that waits to be forgotten:
    # a server is then free to set that option or not.
    with socket.socket(family, kind) as probe:
        try:
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(("", port))
        except OSError as error:
            if error.errno in _TAKEN:
                return False
            raise
    return True


@cache
def _sockets() -> tuple[tuple[int, int], ...]:
    """Return the families and kinds of sockets that this machine has."""
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            try:
                _can_bind(family, kind, 0)
            except OSError as error:
                if error.errno not in _UNAVAILABLE:
                    raise
            else:
                found.append((int(family), int(kind)))
    return tuple(found)


@cache
def candidate_ports() -> Sequence[int]:
    """Return the ports from 10,000 to 32,767 that the kernel does not pick by itself.

    Where it picks from nearly all of them, as some machines are set up, all of them: there only the probe helps.
    """
    try:
        low, high = map(int, Path(_KERNELS_RANGE).read_text(encoding="ascii").split())
    except (OSError, ValueError):  # not Linux: macOS and the BSDs pick from 49,152 on
        return range(FIRST, LAST + 1)
    if low > LAST or high < FIRST:
        return range(FIRST, LAST + 1)
    left = [port for port in range(FIRST, LAST + 1) if not low <= port <= high]
    return left if len(left) >= _FEWEST else range(FIRST, LAST + 1)


@cache
def lock_directory() -> Path:
    """Return the user's directory for lock files, which is made where it is missing.

    It is the same for all of a user's processes, also those of tests that set HOME or TMPDIR. :class:`IsolaneError`
    where another user has taken its name.
    """
    bases = (Path(name) for name in _BASES)
    base = next((one for one in bases if one.is_dir() and os.access(one, os.W_OK | os.X_OK)), None)
    return make_own_directory((base or Path(gettempdir())) / f".isolane-{os.getuid()}")


def make_own_directory(path: Path) -> Path:
    """Make a directory for this user alone, or see that it is one, and return it."""
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise IsolaneError(
            "lock-directory",
            f"{path} is not a directory of this user, and leases are locked there.",
            "Have its owner remove it.",
        )
    return path
