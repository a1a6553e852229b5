"""A process in which the tests have been collected and none has run, kept until somebody needs it.

A serial run's own process is not that any more once tests have run in it.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import select
import signal
import threading
from collections.abc import Callable, Iterator
from typing import NoReturn

_CHUNK = 1 << 16


class PristineProcess:
    """A copy of this process that waits for one question, a text, and answers it line by line.

    It is nobody's child: tests that wait for any child of theirs do not meet it. It ends with this process, or with its
    answer. Raises OSError where no process can be made.
    """

    def __init__(self, answer: Callable[[str], Iterator[str]]) -> None:
        asked, self._question = os.pipe()
        self._answer, answering = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(self._question)
            os.close(self._answer)
            if os.fork():
                os._exit(0)
            _live(asked, answering, answer)
        os.close(asked)
        os.close(answering)
        os.waitpid(child, 0)

    def ask(self, question: str) -> Iterator[str]:
        """Ask, and yield the lines as they come."""
        with contextlib.suppress(BrokenPipeError), os.fdopen(self._question, "w", encoding="utf-8") as stream:
            stream.write(question)
        self._question = -1
        answer, self._answer = self._answer, -1
        with os.fdopen(answer, encoding="utf-8") as stream:
            yield from stream

    def close(self) -> None:
        """Let it go, unasked."""
        for descriptor in (self._question, self._answer):
            if descriptor >= 0:
                os.close(descriptor)
        self._question = self._answer = -1


def _live(asked: int, answering: int, answer: Callable[[str], Iterator[str]]) -> NoReturn:
    code = 1
    try:
        # With Ctrl-C, or when who asks has gone, what is asked ends, and cleans up.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        question = b""
        while part := os.read(asked, _CHUNK):
            question += part
        if question:
            threading.Thread(target=_end_with_reader, args=(answering,), daemon=True).start()
            for line in answer(question.decode()):
                data = f"{line}\n".encode()
                while data:
                    data = data[os.write(answering, data) :]
        code = 0
    finally:
        os._exit(code)


def _end_with_reader(answering: int) -> None:
    """Interrupt what is being done once nobody can read the answer any more."""
    gone = select.poll()
    gone.register(answering, 0)  # that is an error's, which is always told
    gone.poll()
    _thread.interrupt_main()
