"""One server for all workers and all runs of a user on this machine: found by lock files, stopped by its last user.

A lock that a live process holds is the count of users, never a number in a file: who is killed is counted out.

    HOME/start    locked by who looks for the server, or starts it: one at a time
    HOME/users    shared lock of each user; the keeper waits for the exclusive one, and then stops the server
    HOME/keeper   locked while the keeper lives

Locks belong to the open file: they are given back when the process ends, however it ends. A process that is forked
(not started) from a user is part of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from isolane.model.errors import ServerUnavailableError
from isolane.resources import server_keeper

MOST_WORKERS = 1000
"""That one server has."""
_LONGEST_HOME = 70
"""So that a socket's path in it stays under the 103 bytes that every system takes."""
_MEMORY = Path("/dev/shm")
_ENOUGH_MEMORY = 4 * 1024**3
"""In all, not just free: every worker has to find the same place."""
_POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Server:
    """What to run: the fields are those of :func:`server_keeper.keep`. name: of the folder, with the version in it."""

    name: str
    serve: Sequence[str]
    ready: str
    address: Any
    prepare: Sequence[Sequence[str]] = ()
    seconds: float = 60.0
    user: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    signal: int = signal.SIGTERM


@contextmanager
def use(home: Path, server: Server) -> Iterator[Any]:
    """Use the server of that home, which is started if it does not run; yield its address.

    home: its folder, from :func:`server_home`. Raises :class:`ServerUnavailableError` if it cannot be started.
    """
    with _open(home / server_keeper.USERS) as users:
        # Waits while a keeper stops a server.
        fcntl.flock(users, fcntl.LOCK_SH)
        with _open(home / "start") as start:
            fcntl.flock(start, fcntl.LOCK_EX)
            found = _find_or_start(home, server)
        yield found["address"]


def server_home(name: str, *, others_pass: bool = False) -> Path:
    """Return the folder of a shared server, made if it is not there: in memory where there is plenty, else on disk.

    others_pass: whether another user, which the server runs as, has to be able to reach into it. Raises
    :class:`ServerUnavailableError` if somebody else's folder is in its place.
    """
    root = _place(others_pass) / f"isolane-{os.getuid()}"
    _make_own(root, 0o711 if others_pass else 0o700)
    home = root / name
    _make_own(home, 0o711 if others_pass else 0o700)
    return home


@contextmanager
def lease_place(kind: str, url: str, most: int = MOST_WORKERS) -> Iterator[int]:
    """Lease a worker's place on a server: a number that no other worker of this user on this machine has there.

    Raises :class:`ServerUnavailableError` where so many as ``most`` have one.
    """
    with lease_number(server_home("leases"), place_name(kind, url), range(most)) as number:
        if number is None:
            raise ServerUnavailableError(f"no-{kind}-place", f"{most} workers use this server already.")
        yield number


def place_name(kind: str, url: str) -> str:
    """Return the name that leases of a server's have: one server's are not another's."""
    return f"{kind}-{hashlib.sha256(url.encode()).hexdigest()[:8]}"


@contextmanager
def lease_number(folder: Path, name: str, numbers: Sequence[int]) -> Iterator[int | None]:
    """Lease the first number that nobody on this machine has; None where all are taken.

    The lease is a lock: it ends with the process. folder: where the lock files are. name: of what is leased.
    """
    safe = re.sub(r"[^A-Za-z0-9.-]", "_", name)
    for number in numbers:
        with _open(folder / f"{safe}-{number}.lease") as lease:
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
    yield None


def _find_or_start(home: Path, server: Server) -> dict[str, Any]:
    """Return what the keeper wrote; where there is no keeper, start one, and end a server whose keeper was killed.

    A keeper that has written nothing is about to end with its server, or to be ready for somebody who was killed
    while it started: one or the other comes soon.
    """
    with _open(home / server_keeper.KEEPER) as keeper:
        while True:
            try:
                fcntl.flock(keeper, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                with suppress(OSError, ValueError):
                    found: dict[str, Any] = json.loads((home / server_keeper.STATE).read_text(encoding="utf-8"))
                    return found
                time.sleep(_POLL_SECONDS)
            else:
                _end_orphan(home)
                return _start(home, server, keeper.fileno())


def _start(home: Path, server: Server, lock: int) -> dict[str, Any]:
    """Start a keeper, which inherits the locked descriptor: at no moment nobody has the lock."""
    wanted = asdict(server)
    wanted["environment"] = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **server.environment}
    with (home / "keeper.log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(Path(server_keeper.__file__)), str(home)],
            pass_fds=[lock],
            input=json.dumps(wanted).encode(),
            stdout=subprocess.PIPE,
            stderr=log,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
            check=False,
        )
    answer: dict[str, Any] = json.loads(done.stdout) if done.stdout.strip() else {}
    if "address" in answer:
        return answer
    said = answer.get("error") or f"its keeper ended with {done.returncode}"
    raise ServerUnavailableError(
        f"{server.name}-not-started", f"{server.name} cannot be started: {said}.", f"Its output is in {home}."
    )


def _end_orphan(home: Path) -> None:
    """Kill the server that a killed keeper left, if the process of that number still works in this home."""
    with suppress(OSError, ValueError, KeyError):
        pid = int(json.loads((home / server_keeper.STATE).read_text(encoding="utf-8"))["pid"])
        words = subprocess.run(
            ["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        if str(home) in words.stdout:
            os.killpg(pid, signal.SIGKILL)


def _place(others_pass: bool) -> Path:
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).total >= _ENOUGH_MEMORY:
        return _MEMORY
    chosen = Path(tempfile.gettempdir())
    if len(str(chosen)) > _LONGEST_HOME or (others_pass and not _all_may_pass(chosen)):
        return Path("/tmp")
    return chosen


def _all_may_pass(folder: Path) -> bool:
    return all(one.stat().st_mode & stat.S_IXOTH for one in (folder, *folder.parents))


def _make_own(folder: Path, mode: int) -> None:
    with suppress(FileExistsError):
        folder.mkdir(mode=mode)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise ServerUnavailableError(
            "unsafe-directory",
            f"{folder} is not a folder that only you can write to.",
            "Remove it, or have its owner remove it.",
        )
    if stat.S_IMODE(found.st_mode) | mode != stat.S_IMODE(found.st_mode):
        folder.chmod(stat.S_IMODE(found.st_mode) | mode)


def _open(path: Path) -> IO[bytes]:
    return path.open("ab")
