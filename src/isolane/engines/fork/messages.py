"""What a worker tells its controller: typed messages, each in a frame with its length before it.

A worker answers no questions and the controller asks none, so a message may come at any moment and none waits for
another. Tests are named by their position in the collection, which both sides have.
"""

from __future__ import annotations

import marshal
import pickle
import struct
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_HEADER = struct.Struct("<IB")
_PLAIN, _OBJECTS = 0, 1
_DEEPEST = 20


class Started(NamedTuple):
    """A test is about to run. location: as ``Item.location``."""

    test: int
    location: tuple[str, int | None, str]


class Reported(NamedTuple):
    """A phase of a test has a report.

    values: the report's own attributes where it is pytest's plain :class:`TestReport`, else what
    ``pytest_report_to_serializable`` made of it. keywords: None where they are those of the test's report before.
    """

    test: int
    serialized: bool
    values: Mapping[str, Any]
    keywords: Mapping[str, Any] | None


class SubtestsFailed(NamedTuple):
    """A test that is about to be reported has failed subtests."""

    test: int
    failures: int


UNCHECKED, STANDS, AGAIN = 0, 1, 2
"""What is known when a test has ended: nobody has looked at what it left; all that ran since the last look was right;
somebody among them left the process dirty, so that they are to be run again, each looked after."""


class Finished(NamedTuple):
    """A test's protocol is over, teardown included. verdict: one of the three above."""

    test: int
    verdict: int = STANDS


class WantsWork(NamedTuple):
    """The worker has come to the end of what it was given, and waits."""


class Warned(NamedTuple):
    """A warning was recorded; as ``pytest_warning_recorded``."""

    message: Mapping[str, Any]
    when: str
    node_id: str
    location: tuple[str, int, str] | None


class SuiteProperties(NamedTuple):
    """``record_testsuite_property`` was called; name and value of each."""

    properties: tuple[tuple[str, str], ...]


class StopAsked(NamedTuple):
    """A test, or a plugin, set ``session.shouldstop`` or ``session.shouldfail``."""

    reason: str
    failing: bool


class ExitAsked(NamedTuple):
    """A test called ``pytest.exit``."""

    reason: str
    returncode: int | None


class Interrupted(NamedTuple):
    """A test was ended by ``KeyboardInterrupt``; the worker tears down."""


class Broken(NamedTuple):
    """pytest, or a plugin, failed outside any test."""

    text: str


class WantsTerminal(NamedTuple):
    """A debugger wants the terminal to itself (True), or has done with it."""

    wanted: bool


class Goodbye(NamedTuple):
    """The worker has torn everything down and is about to end. output: ``config.workeroutput``.

    renews: it was given more, and a fresh process is to go on with that.
    """

    output: Mapping[str, Any]
    renews: bool = False


Message = (
    Started
    | Reported
    | SubtestsFailed
    | Finished
    | WantsWork
    | Warned
    | SuiteProperties
    | StopAsked
    | ExitAsked
    | Interrupted
    | Broken
    | WantsTerminal
    | Goodbye
)
_CLASSES: tuple[type[Any], ...] = (
    Started,
    Reported,
    SubtestsFailed,
    Finished,
    WantsWork,
    Warned,
    SuiteProperties,
    StopAsked,
    ExitAsked,
    Interrupted,
    Broken,
    WantsTerminal,
    Goodbye,
)


_CODES = {cls: code for code, cls in enumerate(_CLASSES)}


def encode(message: Message) -> bytes:
    """Return the message's frame: its length, its format, its fields.

    Fields of built-in types are marshalled, which both sides can do within microseconds since they are one
    interpreter. Where there are other objects in them (a user property may be anything), they are pickled, with
    their texts beside them for a controller that cannot load them.
    """
    content = (_CODES[type(message)], *message)
    try:
        body = marshal.dumps(content)
        kind = _PLAIN
    except ValueError:
        kind = _OBJECTS
        try:
            objects = pickle.dumps(content)
        except Exception:  # noqa: BLE001  # whatever __reduce__ of a stranger's object raises
            objects = b""
        body = marshal.dumps((objects, _plain(content)))
    return _HEADER.pack(len(body), kind) + body


def _decode(kind: int, body: memoryview) -> Message:
    content = marshal.loads(body)
    if kind == _OBJECTS:
        objects, plain = content
        try:
            content = pickle.loads(objects) if objects else plain
        except Exception:  # noqa: BLE001  # a class that only the worker knows
            content = plain
    message: Message = _CLASSES[content[0]](*content[1:])
    return message


def _plain(value: Any, depth: int = 0) -> Any:
    """Return the value in built-in types; what is not one becomes its text."""
    if value is None or type(value) in (bool, int, float, str, bytes):
        return value
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {_plain(key, depth + 1): _plain(item, depth + 1) for key, item in value.items()}
        if type(value) in (tuple, list, set, frozenset):
            return type(value)(_plain(item, depth + 1) for item in value)
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # a stranger's __str__
        return f"<{type(value).__name__}>"


class Decoder:
    """Cuts a stream of bytes back into messages."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield the messages that are whole now."""
        self._buffer += data
        view = memoryview(self._buffer)
        start, end = 0, len(view)
        messages: list[Message] = []
        try:
            while end - start >= _HEADER.size:
                length, kind = _HEADER.unpack_from(view, start)
                body = start + _HEADER.size
                if end - body < length:
                    break
                messages.append(_decode(kind, view[body : body + length]))
                start = body + length
        finally:
            view.release()
        del self._buffer[:start]
        return iter(messages)
