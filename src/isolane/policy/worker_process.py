"""A worker process, from the side of whoever asks it."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

import isolane
from isolane.policy.libraries import import_lua
from isolane.policy.requests import LENGTH, READY

START_SECONDS = 30.0
"""How long a new process may take until it is ready, on a machine that has much else to do."""
_CHUNK = 2**18
_MEGABYTE = 2**20
_PROGRAM = "import sys; sys.path += sys.argv[2:]; from isolane.policy.worker import main; main(int(sys.argv[1]))"


class WorkerLostError(Exception):
    """The process ended before it answered."""


class WorkerStartError(WorkerLostError):
    """The process ended before it was ready."""


class WorkerLateError(WorkerLostError):
    """The process did not answer in time, and was killed."""


@cache
def _folders() -> tuple[str, ...]:
    """Return where the worker imports isolane and lupa from; it has no site-packages."""
    (ours,) = isolane.__path__
    return str(Path(ours).parent), str(Path(import_lua().__file__).parents[1])


class WorkerProcess:
    """A process that runs one rule at a time.

    Starting takes it some 50 ms, which nobody waits for before the first request. Only one thread may ask at a time;
    any may kill.
    """

    def __init__(self, memory_mb: int) -> None:
        self.memory_mb = memory_mb
        self._largest = (memory_mb + 1) * _MEGABYTE
        self._owner = os.getpid()
        self._is_ready = False
        # An environment of its own: it holds no secret. A session of its own: Ctrl-C is for whoever started it.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, str(memory_mb), *_folders()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
            cwd="/",
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._from, False)

    @property
    def process_id(self) -> int:
        """Return the process's id."""
        return self._process.pid

    @property
    def is_usable(self) -> bool:
        """Return whether it can be asked: it runs, and it is ours, not that of the process we were forked from."""
        return self._owner == os.getpid() and self._process.poll() is None

    def ask(self, request: bytes, seconds: float) -> bytes:
        """Return the reply to a request; :class:`WorkerLateError` after so many seconds, and the process is gone.

        Raises :class:`WorkerLostError` where it ended, or was killed by another thread.
        """
        try:
            if not self._is_ready:
                self._wait_until_ready()
            return self._exchange(LENGTH.pack(len(request)) + request, time.monotonic() + seconds)
        except BaseException:
            # Whatever it would still say belongs to a question that nobody asks any more.
            self.end()
            raise

    def _wait_until_ready(self) -> None:
        try:
            self._is_ready = self._exchange(b"", time.monotonic() + START_SECONDS) == READY
        except WorkerLostError:
            self._is_ready = False
        if not self._is_ready:
            raise WorkerStartError

    def _exchange(self, frame: bytes, deadline: float) -> bytes:
        rest, reply = memoryview(frame), bytearray()
        poller = select.poll()
        poller.register(self._from, select.POLLIN)
        if rest:
            poller.register(self._to, select.POLLOUT)
        wanted = LENGTH.size
        while len(reply) < wanted:
            left = deadline - time.monotonic()
            if left <= 0:
                raise WorkerLateError
            for descriptor, _ in poller.poll(max(1, min(left, 3600) * 1000)):
                if descriptor == self._to:
                    rest = self._write(rest)
                    if not rest:
                        poller.unregister(self._to)
                else:
                    reply += self._read()
            if wanted == LENGTH.size and len(reply) >= wanted:
                wanted += LENGTH.unpack_from(reply)[0]
                if wanted > self._largest:
                    raise WorkerLostError
        if len(reply) > wanted:
            raise WorkerLostError
        return bytes(reply[LENGTH.size :])

    def _write(self, rest: memoryview) -> memoryview:
        try:
            return rest[os.write(self._to, rest[:_CHUNK]) :]
        except BlockingIOError:
            return rest
        except BrokenPipeError:
            raise WorkerLostError from None

    def _read(self) -> bytes:
        try:
            part = os.read(self._from, _CHUNK)
        except BlockingIOError:
            return b""
        if not part:
            raise WorkerLostError
        return part

    def kill(self) -> None:
        """Kill it; whoever waits for its answer is told at once."""
        if self._owner == os.getpid():
            self._process.kill()

    def end(self) -> None:
        """Kill it, wait for its end, and close what led to it."""
        self.kill()
        if self._owner != os.getpid():
            self._process.returncode = 0  # it is not our child: there is nothing to wait for
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()
