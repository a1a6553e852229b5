"""The process that runs rules: what it can still do when a rule gets out of Lua, and when it ends.

It is a fresh interpreter, not a fork: it has nobody's memory, descriptors or environment. Started with the memory limit
and the folders to import from; reads requests from descriptor 0 and answers on descriptor 1.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue

from isolane.policy.interpreter import Interpreter
from isolane.policy.requests import CHECK, CONDITION, LENGTH, READY, Request

_MEGABYTE = 2**20
_REST = 64 * _MEGABYTE
"""What Python may take beside Lua."""


def main(memory_mb: int) -> None:
    """Answer requests until nobody is there who could ask."""
    requests: SimpleQueue[bytes] = SimpleQueue()
    interpreter = Interpreter(memory_mb)
    # Whoever started us is gone when its end of the pipe is: also by kill -9, and in the midst of a rule, since Lua
    # runs without the interpreter's lock. A signal at the parent's death would come with the end of the thread that
    # started us.
    threading.Thread(target=_read, args=(requests.put,), daemon=True).start()
    _give_up_rights(memory_mb)
    _write(READY)
    serve(interpreter, memory_mb, iter(requests.get, None), _write)


def serve(interpreter: Interpreter, memory_mb: int, requests: Iterator[bytes], answer: Callable[[bytes], None]) -> None:
    """Answer one request after the other. The Lua state is renewed where one asks for it, and after a limit."""
    used = False
    for payload in requests:
        request, anew = Request.of(payload)
        if interpreter.is_spent or (anew and used):
            interpreter = Interpreter(memory_mb)
        used = True
        if request.kind == CHECK:
            answer(interpreter.check(request.code))
            continue
        _allow_processor_time(request.seconds)
        answer(
            interpreter.run(
                request.code,
                request.state,
                seconds=request.seconds,
                instructions=request.instructions,
                condition=request.kind == CONDITION,
            )
        )


def _give_up_rights(memory_mb: int) -> None:
    """Open no file or socket, start no process, write no file, dump no core, and take no more memory than this."""
    limits = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NPROC: 0,
    }
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limits[resource.RLIMIT_AS] = pages * resource.getpagesize() + 4 * memory_mb * _MEGABYTE + _REST
    limits[resource.RLIMIT_NOFILE] = 0  # the last: the line above opens a file
    for limit, value in limits.items():
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (value, value))


def _allow_processor_time(seconds: float) -> None:
    """Have the system end this process should it run on and nobody kill it."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    with contextlib.suppress(OSError, ValueError, OverflowError):
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds + 2), hard))


def _read(put: Callable[[bytes], None]) -> None:
    """Read frames; end the process with the input."""
    while True:
        (length,) = LENGTH.unpack(_exactly(LENGTH.size))
        put(_exactly(length))


def _exactly(count: int) -> bytes:
    parts = []
    while count:
        part = os.read(0, min(count, _MEGABYTE))
        if not part:
            os._exit(0)
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def _write(payload: bytes) -> None:
    for part in (LENGTH.pack(len(payload)), payload):
        rest = memoryview(part)
        while rest:
            rest = rest[os.write(1, rest) :]
