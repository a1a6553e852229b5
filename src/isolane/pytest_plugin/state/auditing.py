"""What an audit hook hears of what this process does to the world outside: files, ports, databases, programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from isolane.model.touch import Sort, Touch

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NAMELESS = getattr(os, "O_TMPFILE", 0) & ~getattr(os, "O_DIRECTORY", 0)
_NO_DIRECTORY = -1
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
    path, _, flags = arguments
    nameless = _NAMELESS and flags & _NAMELESS == _NAMELESS
    # A file without a name is opened by its directory's.
    if nameless or isinstance(path, int) or (flags & _WRITES and os.path.isdir(path)):  # noqa: PTH112
        return iter(())
    return _path(path, writes=bool(flags & _WRITES))


def _first(arguments: tuple[Any, ...]) -> Heard:
    return _path(arguments[0])


def _made(arguments: tuple[Any, ...]) -> Heard:
    path, *_, directory = arguments
    if directory == _NO_DIRECTORY and not os.path.isdir(path):  # noqa: PTH112
        yield from _path(path)


def _in_directory(arguments: tuple[Any, ...]) -> Heard:
    return _path(arguments[0]) if arguments[-1] == _NO_DIRECTORY else iter(())


def _both(arguments: tuple[Any, ...]) -> Heard:
    source, target, *directories = arguments
    for path, directory in zip((source, target), directories, strict=True):
        if directory == _NO_DIRECTORY:
            yield from _path(path)


def _linked(arguments: tuple[Any, ...]) -> Heard:
    return _path(arguments[1])


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
    text = os.fsdecode(arguments[0]) if isinstance(arguments[0], (str, bytes, os.PathLike)) else ""
    writes = True
    if text.startswith("file:"):
        parts = urlsplit(text)
        options = parse_qs(parts.query)
        if options.get("mode") == ["memory"]:
            return
        writes = options.get("mode") != ["ro"] and options.get("immutable") != ["1"]
        text = unquote(parts.path)
    if text and not text.startswith(":memory:"):
        yield from _path(text, Sort.DATABASE, writes=writes)


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
    "open": _opened,
    "os.mkdir": _made,
    "os.remove": _in_directory,
    "os.rmdir": _in_directory,
    "os.rename": _both,
    "os.link": _linked,
    "os.symlink": _linked,
    "os.truncate": _first,
    "shutil.rmtree": _first,
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
