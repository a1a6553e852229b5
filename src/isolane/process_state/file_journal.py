"""The files that this process is about to create, change or remove, told as it happens.

An audit hook hears of each of them by name. It cannot be removed again, so there is one a process, put there when
somebody first wants to listen. Why an audit hook, see :mod:`isolane.process_state.files`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Protocol
from weakref import WeakSet

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NAMELESS = getattr(os, "O_TMPFILE", 0) & ~getattr(os, "O_DIRECTORY", 0)
_NO_DIRECTORY = -1


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


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    paths_of = _PATHS_OF.get(event)
    if paths_of is None:
        return
    try:
        for path in paths_of(arguments):
            text = os.fsdecode(path)
            for listener in tuple(_listeners):
                listener.note(os.path.abspath(text), temporary=event in _MAKING_NAMES)  # noqa: PTH100  # no symlinks
    except Exception:  # noqa: BLE001, S110  # an error here would be the error of whoever opens a file
        pass


def _opened(arguments: tuple[Any, ...]) -> Iterable[Any]:
    path, _, flags = arguments
    if not flags & _WRITES or isinstance(path, int) or (_NAMELESS and flags & _NAMELESS == _NAMELESS):
        return ()
    return (path,)


def _first(arguments: tuple[Any, ...]) -> Iterable[Any]:
    return arguments[:1] if isinstance(arguments[0], (str, bytes, os.PathLike)) else ()


def _in_directory(arguments: tuple[Any, ...]) -> Iterable[Any]:
    """Return the path, unless it is relative to an open directory: of a tree that is removed, its top is told."""
    return _first(arguments) if arguments[-1] == _NO_DIRECTORY else ()


def _both(arguments: tuple[Any, ...]) -> Iterable[Any]:
    return arguments[:2] if arguments[2:] == (_NO_DIRECTORY, _NO_DIRECTORY) else ()


def _linked(arguments: tuple[Any, ...]) -> Iterable[Any]:
    return arguments[1:2] if arguments[-1] == _NO_DIRECTORY else ()


def _connected(arguments: tuple[Any, ...]) -> Iterable[Any]:
    """Return an SQLite database that is a file."""
    paths = _first(arguments)
    return (path for path in paths if path and not os.fsdecode(path).startswith((":", "file:")))


_PATHS_OF: dict[str, Callable[[tuple[Any, ...]], Iterable[Any]]] = {
    "open": _opened,
    "os.remove": _in_directory,
    "os.rmdir": _in_directory,
    "os.mkdir": _in_directory,
    "os.rename": _both,
    "os.link": _linked,
    "os.symlink": _linked,
    "os.truncate": _first,
    "shutil.rmtree": _first,
    "sqlite3.connect": _connected,
    "tempfile.mkstemp": _first,
    "tempfile.mkdtemp": _first,
}
_MAKING_NAMES = ("tempfile.mkstemp", "tempfile.mkdtemp")
