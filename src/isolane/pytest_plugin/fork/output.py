"""A worker's output: its own capture files, and lines for the controller of what no capture holds."""

from __future__ import annotations

import contextlib
import faulthandler
import io
import os
import signal
import sys
from typing import Any

import pytest

from isolane.engines.fork.lane import Lane


class Output:
    """Descriptors 1 and 2 of a worker, and pytest's capture on top of them."""

    def __init__(self, config: pytest.Config, lane: Lane) -> None:
        self._config = config
        self._lane = lane
        self._terminal: list[int] = []
        self._pipes: tuple[int, int] = (-1, -1)

    def enter(self) -> None:
        """Give the worker its own: after the fork everything is still shared with the controller.

        A capture file is an open file, with one position for all who hold it: workers that went on writing to the
        controller's would write into each other's output. So files are exchanged, beneath objects that stay what they
        are: a suite may hold the ``sys.stdout`` that there was when it was collected, and compare.
        """
        capture: Any = self._config.pluginmanager.getplugin("capturemanager")
        files = capture._global_capturing if capture is not None else None
        if files is not None:
            capture.suspend_global_capture(in_=True)
        self._terminal = [_copy(descriptor) for descriptor in (0, 1, 2)]
        self._pipes = self._lane.enter()
        self._use_pipes()
        sys.stdout = _text_stream(sys.stdout, 1)
        sys.stderr = _text_stream(sys.stderr, 2)
        if files is not None:
            _exchange(files.in_, 0, sys.stdin)
            _exchange(files.out, 1, sys.stdout, self._lane.captured[0])
            _exchange(files.err, 2, sys.stderr, self._lane.captured[1])
            capture.read_global_capture()  # what is in memory and not in files; it is the controller's to show
            capture.resume_global_capture()
            capture.suspend_global_capture(in_=False)
        self._catch_fatal_errors()

    def _use_pipes(self) -> None:
        os.dup2(self._pipes[0], 1)
        os.dup2(self._pipes[1], 2)
        if not self._captures_input():
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)  # several readers of one terminal would each get some of its keys
            os.close(null)

    def _captures_input(self) -> bool:
        return bool(self._config.getoption("capture", "fd") != "no")

    def _catch_fatal_errors(self) -> None:
        """Have faulthandler write where the controller will look: the terminal is not this process's any more."""
        if faulthandler.is_enabled():
            faulthandler.enable(file=self._lane.crash_text)
        try:
            from _pytest.faulthandler import fault_handler_stderr_fd_key
        except ImportError:
            return
        descriptor = self._config.stash.get(fault_handler_stderr_fd_key, -1)
        if descriptor >= 0:
            os.dup2(self._pipes[1], descriptor, inheritable=False)

    # -- a debugger

    def use_terminal(self) -> None:
        """Put the worker at the terminal, as if it were the only process: it has been granted."""
        for descriptor, copy in enumerate(self._terminal):
            if copy >= 0:
                os.dup2(copy, descriptor)
        self._take_foreground(os.getpgrp())

    def leave_terminal(self) -> None:
        """Go back to the pipes."""
        self._take_foreground(os.getpgid(os.getppid()))
        self._use_pipes()

    def _take_foreground(self, group: int) -> None:
        terminal = self._terminal[0]
        if terminal < 0 or not os.isatty(terminal):
            return
        # A process that is not in the foreground is stopped by this signal when it asks to be.
        before = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        try:
            with contextlib.suppress(OSError):
                os.tcsetpgrp(terminal, group)
        finally:
            signal.signal(signal.SIGTTOU, before)


def _copy(descriptor: int) -> int:
    try:
        return os.dup(descriptor)
    except OSError:  # a suite that is run with its standard input closed
        return -1


def _exchange(capture: Any, descriptor: int, stream: Any, file: int = -1) -> None:
    """Have one of pytest's captures go back to what the descriptor is now, and write to another file.

    What is captured then lies in a file that the controller can read when this process is gone.
    """
    saved = getattr(capture, "targetfd_save", -1)
    if saved >= 0:
        os.dup2(descriptor, saved, inheritable=False)
    by_name = getattr(capture, "syscapture", capture)
    if hasattr(by_name, "_old"):
        by_name._old = stream
    if file >= 0:
        with contextlib.suppress(io.UnsupportedOperation, AttributeError, OSError):
            os.dup2(file, capture.tmpfile.fileno(), inheritable=False)


def _text_stream(stream: Any, descriptor: int) -> Any:
    """Return a stream that writes to the descriptor: this one, or a new one where it writes somewhere else."""
    with contextlib.suppress(Exception):  # a stream that some plugin put there may have no descriptor, or fail
        if stream.fileno() == descriptor:
            return stream
    return open(  # it lives as long as the process
        descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False
    )
