"""What the controller hears: the workers' messages, and what they print past every capture."""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from isolane.engines.fork.known_worker import Worker
from isolane.engines.fork.messages import Message

_READ = 1 << 18


class Hearing:
    """Listens to all workers at once, or, while one has the terminal, to that one alone.

    workers: those there are, by name; the controller's own. message, printed: what hears of a message, and of a line
    with its stream.
    """

    def __init__(
        self,
        workers: Mapping[str, Worker],
        message: Callable[[Worker, Message], None],
        printed: Callable[[str, str, str], None],
        now: Callable[[], float],
    ) -> None:
        self.terminal_of: str | None = None
        self._selector = selectors.DefaultSelector()
        self._workers = workers
        self._message = message
        self._printed = printed
        self._now = now

    def wait(self, timeout: float) -> None:
        """Hear what there is; wait for it, at most so many seconds."""
        registered = self._selector.get_map()
        for key, _ in self._selector.select(timeout):
            # What was heard a moment ago may have deafened us to this one: two may ask for the terminal at once.
            if key.fd in registered:
                key.data()

    def begin(self, worker: Worker, ended: Callable[[], None]) -> None:
        """Listen to a worker. ended: called when its process has, where the system can say so."""
        self._listen(worker)
        if worker.process.handle >= 0:
            self._selector.register(worker.process.handle, selectors.EVENT_READ, ended)

    def end(self, worker: Worker) -> None:
        """Listen to it no more."""
        self._deafen(worker)
        if worker.process.handle >= 0:
            self._selector.unregister(worker.process.handle)

    def close(self) -> None:
        """Give up the selector."""
        self._selector.close()

    def only(self, worker: Worker) -> None:
        """Hear this worker alone, until :meth:`all_again`; what it has printed so far is heard first."""
        self.terminal_of = worker.name
        for other in self._workers.values():
            if other is not worker:
                self._deafen(other)
        for source, stream in worker.sources().items():
            while stream != "messages" and source not in worker.at_end and self.hear(worker, source, stream):
                pass

    def all_again(self) -> None:
        """Hear everyone."""
        self.terminal_of = None
        for worker in self._workers.values():
            self._listen(worker)

    def hear(self, worker: Worker, source: Any, stream: str) -> bool:
        """Read what has come, as much as is there; return whether there may be more."""
        if self._workers.get(worker.name) is not worker:  # it ended in this very turn, and was heard out
            return False
        try:
            data = source.recv(_READ) if stream == "messages" else os.read(source, _READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            worker.at_end.add(source)
            if source in self._selector.get_map():
                self._selector.unregister(source)
            return False
        if stream == "messages":
            worker.last_heard = self._now()
            for message in worker.decoder.feed(data):
                self._message(worker, message)
            return True
        *lines, rest = (worker.partial_lines.get(stream, b"") + data).split(b"\n")
        worker.partial_lines[stream] = rest
        for line in lines:
            self._print(worker, stream, line)
        return True

    def hear_out(self, worker: Worker) -> None:
        """Read what is left in its connections; others may hold them open, so their end is not waited for."""
        for source, stream in worker.sources().items():
            while source not in worker.at_end and self.hear(worker, source, stream):
                pass
            rest = worker.partial_lines.pop(stream, b"")
            if rest:
                self._print(worker, stream, rest)

    def _print(self, worker: Worker, stream: str, line: bytes) -> None:
        self._printed(worker.name, stream, line.decode("utf-8", "replace"))

    def _listen(self, worker: Worker) -> None:
        registered = self._selector.get_map()
        for source, stream in worker.sources().items():
            if source not in worker.at_end and source not in registered:
                self._selector.register(source, selectors.EVENT_READ, partial(self.hear, worker, source, stream))

    def _deafen(self, worker: Worker) -> None:
        registered = self._selector.get_map()
        for source in worker.sources():
            if source in registered:
                self._selector.unregister(source)
