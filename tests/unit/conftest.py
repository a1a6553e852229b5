"""Processes that hold something until they are killed."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

Hold = Callable[[Callable[[], object]], int]


@pytest.fixture
def hold_in_process() -> Iterator[Hold]:
    """Fork a process that does something, and then waits to be killed; return its number when it has done it."""
    children: list[int] = []

    def hold(action: Callable[[], object]) -> int:
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            try:
                action()
                os.write(writer, b"1")
                while True:
                    signal.pause()
            except BaseException as error:  # noqa: BLE001  # a forked copy of the test run must not go on
                print(error, file=sys.stderr)
            finally:
                os._exit(1)
        children.append(child)
        os.close(writer)
        with open(reader, "rb") as pipe:  # noqa: PTH123  # a descriptor has no path
            assert pipe.read(1) == b"1"
        return child

    yield hold
    for child in children:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
