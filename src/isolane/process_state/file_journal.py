"""The files that this process is about to create, change or remove, told as it happens.

An audit hook hears of each of them by name. It cannot be removed again, so there is one a process, put there when
somebody first wants to listen. Why an audit hook, see :mod:`isolane.process_state.files`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit
from weakref import WeakSet

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NAMELESS = getattr(os, "O_TMPFILE", 0) & ~getattr(os, "O_DIRECTORY", 0)
_NO_DIRECTORY = -1

Arguments = tuple[Any, ...]
"""What an audit event comes with."""


class Listener(Protocol):
    """Who wants to know."""

    def note(self, path: str, *, temporary: bool) -> None:
        """Something is about to happen to ``path``; temporary: under a name that ``tempfile`` has made up."""
        ...


_listeners: WeakSet[Listener] = WeakSet()
_installed = False


def listen(listener: Listener) -> None:
    """Tell the listener from now on, as long as it lives."""
    global _installed
    _listeners.add(listener)
    if not _installed:
        _installed = True
        sys.addaudithook(_hear)


def _hear(event: str, arguments: Arguments) -> None:
    paths_of = _PATHS_OF.get(event)
    if paths_of is None:
        return
    try:
        for path in paths_of(arguments):
            text = os.fsdecode(path)
            for listener in tuple(_listeners):
                listener.note(os.path.abspath(text), temporary=event in NAME_MAKERS)  # noqa: PTH100  # no symlinks
    except Exception:  # noqa: BLE001, S110  # an error here would be the error of whoever opens a file
        pass


# -- what the events say of files, also for those who listen to more


def opened(arguments: Arguments) -> tuple[Any, bool] | None:
    """Return what an ``open`` opens, and whether to write; ``None`` for a descriptor, or a file without a name."""
    path, _, flags = arguments
    if isinstance(path, int) or (_NAMELESS and flags & _NAMELESS == _NAMELESS):
        return None
    return path, bool(flags & _WRITES)


def database(arguments: Arguments) -> tuple[str, bool] | None:
    """Return the path of an SQLite database, and whether it may be written; ``None`` for one that is no file."""
    (path,) = _first(arguments) or ("",)
    text = os.fsdecode(path)
    writes = True
    if text.startswith("file:"):
        parts = urlsplit(text)
        options = parse_qs(parts.query)
        if options.get("mode") == ["memory"]:
            return None
        writes = options.get("mode") != ["ro"] and options.get("immutable") != ["1"]
        text = unquote(parts.path)
    return (text, writes) if text and not text.startswith(":memory:") else None


def _first(arguments: Arguments) -> Arguments:
    return arguments[:1] if isinstance(arguments[0], (str, bytes, os.PathLike)) else ()


def _in_directory(arguments: Arguments) -> Arguments:
    """Return the path, unless it is relative to an open directory: of a tree that is removed, its top is told."""
    return _first(arguments) if arguments[-1] == _NO_DIRECTORY else ()


def _both(arguments: Arguments) -> Arguments:
    return tuple(
        path for path, directory in zip(arguments[:2], arguments[2:], strict=True) if directory == _NO_DIRECTORY
    )


def _linked(arguments: Arguments) -> Arguments:
    return arguments[1:2] if arguments[-1] == _NO_DIRECTORY else ()


CHANGED_BY: dict[str, Callable[[Arguments], Arguments]] = {
    "os.remove": _in_directory,
    "os.rmdir": _in_directory,
    "os.mkdir": _in_directory,
    "os.rename": _both,
    "os.link": _linked,
    "os.symlink": _linked,
    "os.truncate": _first,
    "shutil.rmtree": _first,
}
"""What names the paths that an event makes, changes or removes; opening is apart."""
NAME_MAKERS = ("tempfile.mkstemp", "tempfile.mkdtemp")
"""Events whose path is a name that nobody else has."""


def _written(what: tuple[Any, bool] | None) -> Arguments:
    return what[:1] if what is not None and what[1] else ()


_PATHS_OF: dict[str, Callable[[Arguments], Arguments]] = {
    **CHANGED_BY,
    **dict.fromkeys(NAME_MAKERS, _first),
    "open": lambda arguments: _written(opened(arguments)),
    "sqlite3.connect": lambda arguments: _written(database(arguments)),
}
