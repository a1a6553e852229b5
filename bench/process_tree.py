"""A command and everything that it starts, timed to the last process."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_CHILD_SUBREAPER = 36
_FAREWELL_SECONDS = 5.0


@dataclass(frozen=True)
class Finished:
    """What became of a command. wall, processor: seconds; processor is user and system time of the whole tree."""

    wall: float
    processor: float
    exit_code: int
    output: str


def run_tree(
    command: Sequence[str | Path], directory: Path, environment: Mapping[str, str], most_seconds: float = 1800.0
) -> Finished:
    """Run a command to its end and return what it took.

    A process counts once it has been waited for, by its parent or, where that has gone, by this process: orphans
    come here (PR_SET_CHILD_SUBREAPER, Linux). The wall clock stops when the command itself ends; what it left
    running is killed. After ``most_seconds`` the command is killed too, and its exit code is -9.
    """
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with tempfile.TemporaryFile() as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        previous = signal.signal(signal.SIGALRM, lambda *_: os.killpg(process.pid, signal.SIGKILL))
        signal.setitimer(signal.ITIMER_REAL, most_seconds)
        try:
            processor, wall = _wait_for(process, started)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, previous)
        output.seek(0)
        return Finished(wall, processor, process.returncode, output.read().decode("utf-8", "replace"))


def _wait_for(process: subprocess.Popen[bytes], started: float) -> tuple[float, float]:
    """Return the processor time of all, and the wall time until the command itself ended."""
    processor = wall = 0.0
    while True:
        pid, status, usage = os.wait4(-1, 0)
        processor += usage.ru_utime + usage.ru_stime
        if pid == process.pid:
            wall = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
            break
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    deadline = time.perf_counter() + _FAREWELL_SECONDS
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
            if pid:
                processor += usage.ru_utime + usage.ru_stime
                continue
            if time.perf_counter() > deadline:
                _kill_children()
            time.sleep(0.01)
    return processor, wall


def _kill_children() -> None:
    for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text(encoding="ascii").split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(child), signal.SIGKILL)
