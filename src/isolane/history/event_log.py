"""The event log of a run: one JSON object a line, written as it happens, read back whole or while it grows."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from isolane.model.errors import RecordError
from isolane.model.events import GAVE_UP, CollectionFinished, Event, RunFinished, RunStarted, decode, encode

FILE_NAME = "events.jsonl"
_TAIL_BYTES = 65536
_HEAD_LINES = 3
"""A header, the collection, and the header of the engine that took over."""
_BLOCK_BYTES = 4096
_REMEDY = "Free the disk or make the directory writable."

# Bound here: a test that replaces os.write or os.getpid, for a whole module even, does not mean the log.
_write, _process_id = os.write, os.getpid


class EventLogWriter:
    """Appends events to a file; after the first failure nothing is written any more, and ``failure`` says why.

    Events go out by ``write`` calls on an unbuffered descriptor, so a process that is killed loses nothing
    that had happened. A child that a test forked writes nothing: its events are not the run's.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.failure: str | None = None
        self._owner = _process_id()
        self._held = ""
        self._descriptor = -1
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._cut_torn_line()
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            self._give_up(error)

    @property
    def is_open(self) -> bool:
        """Whether events are still written."""
        return self._descriptor >= 0

    def write(self, event: Event, *, with_next: bool = False) -> None:
        """Append one event; never raises. with_next: as for :meth:`write_line`."""
        self.write_line(encode(event), with_next=with_next)

    def write_line(self, line: str, *, with_next: bool = False) -> None:
        """Append an encoded event.

        with_next: another event follows at once, and both may go in one call: half the price of a test.
        """
        if self._descriptor < 0 or _process_id() != self._owner:
            return
        if with_next:
            self._held += f"{line}\n"
            return
        data = f"{self._held}{line}\n".encode("utf-8", "backslashreplace")
        self._held = ""
        self._append(data)

    def _append(self, data: bytes) -> None:
        try:
            while data:
                data = data[_write(self._descriptor, data) :]
        except OSError as error:
            self._give_up(error)

    def close(self) -> None:
        """Close the file; more than once does no harm."""
        if self._held and self._descriptor >= 0 and _process_id() == self._owner:
            held, self._held = self._held, ""
            self._append(held.encode("utf-8", "backslashreplace"))
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):  # a full network disk, or a test that closed every descriptor
                os.close(descriptor)

    def _cut_torn_line(self) -> None:
        """Drop what a writer that was killed left of its last line: the next event would be glued to it."""
        if self.path.is_file():
            data = self.path.read_bytes()
            whole = data.rfind(b"\n") + 1
            if whole < len(data):
                os.truncate(self.path, whole)

    def _give_up(self, error: OSError) -> None:
        self.close()
        self.failure = f"{GAVE_UP}: {self.path}: {error.strerror}. {_REMEDY[:-1]}, or use --isolane-record=off."


class EventLogReader:
    """Reads a log that may still grow: each :meth:`read` returns the events that have come since the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> list[Event]:
        """Return the new whole lines' events; a log that is not there yet has none."""
        if not self.path.is_file():  # not there yet, or a device that would never end
            return []
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise RecordError("unreadable-record", f"{self.path} cannot be read: {error.strerror}.") from error
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        where = str(self.path)
        return [
            decode(line, where) for line in b"\n".join(lines).decode("utf-8", "replace").split("\n") if line.strip()
        ]


class RunLogFile:
    """A run's log as an engine knows it: read along while another process writes, appended to when that has gone."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._reader = EventLogReader(directory / FILE_NAME)

    def read(self) -> list[Event]:
        """Return the events that have come since the last call."""
        return self._reader.read()

    def append(self, events: Sequence[Event]) -> None:
        """Add events at the end."""
        writer = EventLogWriter(self.directory / FILE_NAME)
        for event in events:
            writer.write(event)
        writer.close()

    def trouble(self) -> str:
        """Return in a sentence why nothing can be written there, or nothing."""
        try:
            try_to_write(self.directory)
        except OSError as error:
            return f"{self.directory}: {error.strerror}. {_REMEDY}"
        return ""


def try_to_write(directory: Path) -> None:
    """Write a block into a directory, and leave nothing there. Raises OSError: a full disk still makes empty files."""
    with tempfile.TemporaryFile(dir=directory, buffering=0) as probe:
        probe.write(bytes(_BLOCK_BYTES))


def read_events(path: Path) -> Iterator[Event]:
    """Yield a log's events. A torn last line, which a killed process may leave, is passed over."""
    if not path.is_file():
        raise RecordError("no-such-record", f"{path} is not there.", "isolane keeps a run's record in .isolane/runs.")
    yield from EventLogReader(path).read()


def _header_of(lines: Sequence[bytes], where: str) -> RunStarted | None:
    """Return the last header at the beginning of a log: there are two where another engine had to take over."""
    header: RunStarted | None = None
    for line in lines:
        try:
            event = decode(line.decode("utf-8", "replace"), where)
        except RecordError as error:
            if error.slug == "newer-format":
                raise
            break
        if isinstance(event, RunStarted):
            header = event
        elif header is None or not isinstance(event, CollectionFinished):
            break
    return header


def read_ends(path: Path) -> tuple[RunStarted, RunFinished | None] | None:
    """Return a log's header and its last event where that ends the run, without reading what is between.

    None where there is no header: an empty or foreign file.
    """
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            head = [file.readline() for _ in range(_HEAD_LINES)]
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            last = file.read().rstrip(b"\n").rpartition(b"\n")[2]
    except OSError:
        return None
    header = _header_of(head, str(path))
    if header is None:
        return None
    try:
        end = decode(last.decode("utf-8", "replace"), str(path))
    except RecordError:
        return header, None
    return header, end if isinstance(end, RunFinished) else None
