"""A worker as a process: how it is made, told apart from others, and ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn


@dataclass
class Process:
    """A forked worker. handle: a descriptor that becomes readable when it ends; -1 where the platform has none."""

    pid: int
    handle: int
    status: int | None = None

    def poll(self) -> bool:
        """Return whether it has ended; its status is then known."""
        if self.status is None:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # a test suite's own SIGCHLD handler took it
                self.status = 0
                return True
            if pid:
                self.status = status
        return self.status is not None

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C would: a terminal asks what the tests have started, too."""
        try:
            os.killpg(self.pid, signal.SIGINT)
        except (ProcessLookupError, PermissionError):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        """End it at once, with all that it started and that stayed in its process group."""
        for end in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                end(self.pid, signal.SIGKILL)

    def end_group(self) -> None:
        """End what it has started and left behind in its process group; itself it has ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> None:
        """Wait for a process that was killed."""
        if self.status is None:
            with contextlib.suppress(ChildProcessError):
                self.status = os.waitpid(self.pid, 0)[1]

    def close(self) -> None:
        """Give the handle back; more than once does no harm."""
        if self.handle >= 0:
            os.close(self.handle)
            self.handle = -1

    def cause(self) -> str:
        """Return how it ended, in words."""
        status = self.status or 0
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            try:
                return f"killed by {signal.Signals(number).name}"
            except ValueError:
                return f"killed by signal {number}"
        return f"exited with code {os.WEXITSTATUS(status)}"


def fork(child: Callable[[], NoReturn]) -> Process:
    """Fork; ``child`` runs in the new process and never returns.

    The process leads a group of its own, so that it can be ended with everything it started.
    """
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(Exception):  # what is still in a buffer would be written by both
            stream.flush()  # type: ignore[union-attr]
    with warnings.catch_warnings():
        # From 3.12 on a warning, if there is a thread: whoever lets us fork has looked at the threads there are.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            with contextlib.suppress(OSError):
                os.setpgid(0, 0)
            child()
        finally:
            os._exit(70)  # only reached where child() broke its promise; never back into the controller's stack
    with contextlib.suppress(OSError):  # both sides set it: whoever comes first
        os.setpgid(pid, pid)
    handle = -1
    if hasattr(os, "pidfd_open"):
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(pid)
    return Process(pid, handle)
