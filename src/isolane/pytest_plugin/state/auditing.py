"""What an audit hook hears of what this process does to the world outside: files, ports, databases, programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from isolane.model.touch import Sort, Touch
from isolane.process_state.file_journal import CHANGED_BY, database, opened

_OURS = frozenset({"PYTEST_CURRENT_TEST"})

Heard = Iterator[Touch]


def touches_of(event: str, arguments: tuple[Any, ...]) -> Heard:
    """Yield what an audit event touches; paths are absolute, and those of no interest are among them."""
    hear = _EVENTS.get(event)
    if hear is not None:
        yield from hear(arguments)


def _path(value: Any, sort: Sort = Sort.FILE, *, writes: bool = True) -> Heard:
    if isinstance(value, (str, bytes, os.PathLike)) and os.fspath(value):
        # Symbolic links in the directories are followed: two names of one file are one file.
        head, tail = os.path.split(os.path.abspath(os.fsdecode(value)))  # noqa: PTH100
        yield Touch(sort, os.path.join(os.path.realpath(head), tail), writes)  # noqa: PTH118


def _opened(arguments: tuple[Any, ...]) -> Heard:
    found = opened(arguments)
    # A file without a name is opened by its directory's.
    if found is not None and not (found[1] and os.path.isdir(found[0])):  # noqa: PTH112
        yield from _path(found[0], writes=found[1])


def _changed(paths_of: Callable[[tuple[Any, ...]], tuple[Any, ...]], arguments: tuple[Any, ...]) -> Heard:
    for path in paths_of(arguments):
        yield from _path(path)


def _made(arguments: tuple[Any, ...]) -> Heard:
    if not os.path.isdir(arguments[0]):  # noqa: PTH112
        yield from _changed(CHANGED_BY["os.mkdir"], arguments)


def _bound(arguments: tuple[Any, ...]) -> Heard:
    address = arguments[1]
    if isinstance(address, tuple) and len(address) >= 2 and isinstance(address[1], int):
        if address[1]:
            yield Touch(Sort.PORT, str(address[1]))
    elif isinstance(address, (str, bytes)) and address and address[:1] not in ("\0", b"\0"):
        yield from _path(address)


def _connected(arguments: tuple[Any, ...]) -> Heard:
    address = arguments[1]
    if isinstance(address, tuple) and len(address) >= 2:
        yield Touch(Sort.CONNECTION, f"{address[0]}:{address[1]}")
    elif isinstance(address, (str, bytes)):
        yield Touch(Sort.CONNECTION, os.fsdecode(address).replace("\0", "@"))


def _database(arguments: tuple[Any, ...]) -> Heard:
    found = database(arguments)
    if found is not None:
        yield from _path(found[0], Sort.DATABASE, writes=found[1])


def _started(arguments: tuple[Any, ...]) -> Heard:
    program = arguments[0]
    if isinstance(program, (list, tuple)) and program:
        program = program[0]
    if isinstance(program, (str, bytes, os.PathLike)):
        yield Touch(Sort.PROGRAM, os.path.basename(os.fsdecode(program)))  # noqa: PTH119


def _popen(arguments: tuple[Any, ...]) -> Heard:
    executable, words, *_ = arguments
    return _started((executable if executable is not None else words,))


def _system(arguments: tuple[Any, ...]) -> Heard:
    command = os.fsdecode(arguments[0]).split()
    return _started((command[0] if command else "sh",))


def _spawned(arguments: tuple[Any, ...]) -> Heard:
    return _started(arguments[1:])


def _variable(arguments: tuple[Any, ...]) -> Heard:
    name = os.fsdecode(arguments[0])
    if name not in _OURS:
        yield Touch(Sort.VARIABLE, name)


_EVENTS: dict[str, Callable[[tuple[Any, ...]], Heard]] = {
    **{event: partial(_changed, paths_of) for event, paths_of in CHANGED_BY.items()},
    "open": _opened,
    "os.mkdir": _made,
    "socket.bind": _bound,
    "socket.connect": _connected,
    "sqlite3.connect": _database,
    "subprocess.Popen": _popen,
    "os.exec": _started,
    "os.posix_spawn": _started,
    "os.spawn": _spawned,
    "os.system": _system,
    "os.putenv": _variable,
    "os.unsetenv": _variable,
}
