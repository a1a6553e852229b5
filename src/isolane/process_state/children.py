"""Child processes that are alive: started by a test, and still running when it is over."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.glance import Signs, Unsure

Children = Mapping[int, str]
"""Command lines by process id."""

_GRACE = 0.01
"""Seconds in which processes that are about to end may do so. Only waited for where a test has left one running."""
_PATIENCE = 1.0
"""Seconds that a process gets to end when it is asked to, before it is killed."""
_LONGEST = 200
_TASKS = "/proc/self/task"
_NONE: Children = {}


class ChildrenKind:
    """The processes that this one has started and that have not ended.

    Most processes have no children at all, which one call of the system tells. What they are is looked up only for
    new ones. That a process has ended is no change, and one that has ended without anybody asking how is not alive.

    Where the system does not tell, as on macOS, it is those that multiprocessing, subprocess or psutil know of.
    """

    name = "children"

    def __init__(self) -> None:
        self._told: Children = _NONE

    def snapshot(self) -> Children:
        """Return the command lines of the children by process id."""
        if _has_none():
            return _NONE
        pids = _children()
        if pids != self._told.keys():
            self._told = {pid: self._told.get(pid) or _command(pid) for pid in sorted(pids)}
        return self._told

    def signs(self) -> Signs:
        """Return whether there are none."""
        return Signs(values=(lambda: None if _has_none() else Unsure(),))

    def diff(self, before: Children, after: Children) -> list[Change]:
        """Return a change a process that goes on."""
        if before is after:
            return []
        started = [pid for pid in after if pid not in before]
        return [
            Change(self.name, _name(pid, after[pid]), None, f"alive, process {pid}", _level(pid))
            for pid in _going_on(started)
        ]

    def rebase(self, pending: Children, before: Children, after: Children) -> Children:
        """Add the processes that were started."""
        if before is after:
            return pending
        return {**pending, **{pid: command for pid, command in after.items() if pid not in before}}

    def restore(self, before: Children) -> None:
        """Ask what was started since to end, kill what does not, and wait until it is gone."""
        started = {pid: command for pid, command in self.snapshot().items() if pid not in before}
        for pid in [pid for pid in started if _level(pid) is Level.HARMLESS]:
            del started[pid]
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in started:
                with suppress(OSError):
                    os.kill(pid, number)
            deadline = monotonic() + _PATIENCE
            for pid in list(started):
                if _reaped(pid, deadline):
                    del started[pid]
        if started:
            raise RestoreError("children-run-on", f"could not be killed: {', '.join(started.values())}.")


def _has_none() -> bool:
    """Whether the system says that there are no children, alive or dead."""
    if not hasattr(os, "waitid"):
        return False
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    except OSError:
        return False
    return False


def _children() -> Collection[int]:
    try:
        tasks = os.listdir(_TASKS)  # noqa: PTH208  # names only, after each test of a process with children
    except OSError:
        return _known_to_libraries()
    pids: set[int] = set()
    for task in tasks:
        # Each thread has its own children; those of one that has ended are another's.
        try:
            descriptor = os.open(f"{_TASKS}/{task}/children", os.O_RDONLY)
        except OSError:
            if task == str(os.getpid()):
                return _known_to_libraries()  # A kernel without this file, or no descriptor is left to open it with.
            continue
        try:
            while numbers := os.read(descriptor, 65536):
                pids.update(map(int, numbers.split()))
        finally:
            os.close(descriptor)
    return {pid for pid in pids if not _has_ended(pid)}


def _known_to_libraries() -> Collection[int]:
    """Return what those who start processes know of them. They are not asked to look: that would end zombies."""
    pids: set[int | None] = set()
    multiprocessing = sys.modules.get("multiprocessing.process")
    for process in tuple(getattr(multiprocessing, "_children", ())):
        if getattr(process._popen, "returncode", None) is None:
            pids.add(process.pid)
    for process in tuple(getattr(sys.modules.get("subprocess"), "_active", None) or ()):
        pids.add(process.pid)
    if "psutil" in sys.modules:
        with suppress(Exception):
            pids.update(child.pid for child in sys.modules["psutil"].Process().children())
    return {pid for pid in pids if pid is not None and not _has_ended(pid)}


def _has_ended(pid: int) -> bool:
    if hasattr(os, "waitid"):
        try:
            return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except OSError:
            return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _command(pid: int) -> str:
    """Return the command line; for a fork of this process, what multiprocessing calls it."""
    multiprocessing = sys.modules.get("multiprocessing.process")
    for process in tuple(getattr(multiprocessing, "_children", ())):
        if process.pid == pid:
            return f"multiprocessing {process.name}"
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return f"process {pid}"
    return os.fsdecode(b" ".join(arguments))[:_LONGEST] or f"process {pid}"


def _name(pid: int, told: str) -> str:
    """Return the command line; one that had only just been started was not yet there to be read."""
    return _command(pid) if told == f"process {pid}" else told


def _going_on(pids: Iterable[int]) -> list[int]:
    """Return those that do not end by themselves at once."""
    deadline = monotonic() + _GRACE
    return [pid for pid in pids if not _has_ended(pid) and not _ends_before(pid, deadline)]


def _ends_before(pid: int, deadline: float) -> bool:
    """Wait for a process's end, without asking how it ended; where that cannot be waited for, do not."""
    if not hasattr(os, "pidfd_open"):
        return _has_ended(pid)
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return _has_ended(pid)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(max(0.0, deadline - monotonic()) * 1000))
    finally:
        os.close(descriptor)


def _reaped(pid: int, deadline: float) -> bool:
    """Wait until the process has ended, and let the system forget it."""
    while True:
        _ends_before(pid, deadline)
        try:
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return True
        except ChildProcessError:
            return True
        if monotonic() > deadline:
            return False
        sleep(0.001)  # As subprocess does, for want of anything that tells.


def _level(pid: int) -> Level:
    """Return harmless for the processes that multiprocessing starts once, for all that comes after."""
    tracker = getattr(sys.modules.get("multiprocessing.resource_tracker"), "_resource_tracker", None)
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    helpers = (getattr(tracker, "_pid", None), getattr(server, "_forkserver_pid", None))
    return Level.HARMLESS if pid in helpers else Level.DANGEROUS
