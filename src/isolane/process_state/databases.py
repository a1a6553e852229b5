"""Databases that a project has registered: how to see, for little, that rows have changed, and in which tables.

A file of SQLite is read only when its times or sizes have changed, over a connection that is open no longer than that:
one that is kept could not be used in a forked process. The file is never opened otherwise, since to close it would take
away the locks that the project's own connections have on it.
"""

from __future__ import annotations

import os
import sqlite3
import sys
import time
from collections.abc import Hashable, Mapping, Sequence
from contextlib import closing
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from isolane.model.errors import UsageError
from isolane.process_state.caches import CacheReference

COMPARED_ROWS = 10_000
"""Of a table with more rows than that, only their number and the last row's are compared."""
_TICK_NANOSECONDS = 20_000_000
"""A file that was written in the same tick of the system's clock may have been written once more since it was read."""
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"


class Table(NamedTuple):
    """What is compared of a table: how much is in it, in words or rows, and a checksum."""

    content: int | str
    checksum: int = 0


Tables = Mapping[str, Table]
"""The tables of a database by name."""


class Database(Protocol):
    """Where rows are."""

    @property
    def name(self) -> str:
        """Return what it goes by in reports."""
        ...

    def mark(self) -> Hashable:
        """Return what is equal as long as no row has changed; ``None`` where that is not known. Never raises."""
        ...

    def read(self) -> Tables | None:
        """Return what is in it; ``None`` where it cannot be read just now. Never raises."""
        ...


class SqliteFile:
    """A file. path: as it was registered, relative to ``root``; variables of the environment are put in when asked."""

    def __init__(self, path: str, root: Path) -> None:
        self.name = path
        self._root = root

    def _path(self) -> Path:
        return Path(self._root, os.path.expandvars(self.name))

    def mark(self) -> Hashable:
        """Return sizes and times of the file, and of its write-ahead log."""
        path = str(self._path())
        signatures = (_signature(path), _signature(f"{path}-wal"))
        written = max((one[-1] for one in signatures if one), default=0)
        return signatures if time.time_ns() - written > _TICK_NANOSECONDS else None

    def read(self) -> Tables | None:
        """Read it over a connection that cannot write; there are no tables where there is no file."""
        path = self._path()
        if not path.is_file():
            return {}
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0)) as connection:
                return _tables(connection)
        except sqlite3.Error:  # somebody is writing, or it is no database
            return None


class NamedDatabase:
    """``module:attribute``: an open connection of :mod:`sqlite3`, or a function.

    The function returns, by table, the number of rows, or any other number or text that tells whether they changed.
    """

    def __init__(self, reference: CacheReference) -> None:
        self.name = str(reference)
        self._reference = reference

    def _find(self) -> Any:
        """Return what stands there; ``None`` as long as its module is not loaded."""
        try:
            return attrgetter(self._reference.attributes)(sys.modules[self._reference.module])
        except (KeyError, AttributeError):
            return None

    def mark(self) -> Hashable:
        """Return what the connection counts; of a function nothing is known before it is called."""
        found = self._find()
        if isinstance(found, sqlite3.Connection):
            try:
                pragmas = [found.execute(f"PRAGMA {name}").fetchone()[0] for name in ("schema_version", "data_version")]
                return (id(found), found.total_changes, found.in_transaction, *pragmas)
            except (sqlite3.Error, TypeError, KeyError):
                return None
        return None if callable(found) else "nothing"

    def read(self) -> Tables | None:
        """Read over the connection, with what is not committed; or ask the function."""
        found = self._find()
        try:
            if isinstance(found, sqlite3.Connection):
                return _tables(found)
            return {str(name): Table(content) for name, content in found().items()} if callable(found) else {}
        except Exception:  # noqa: BLE001  # closed, used by another thread, or a function whose server is away
            return None


def databases(names: Sequence[str], root: Path) -> list[Database]:
    """Return what is registered: paths of SQLite files, and ``module:attribute``.

    Raises :class:`UsageError` for what is neither.
    """
    found: list[Database] = []
    for name in names:
        module, colon, _ = name.partition(":")
        if colon and "/" not in module:
            try:
                found.append(NamedDatabase(CacheReference.parse(name)))
            except UsageError:
                raise UsageError(
                    "bad-database", f"{name!r} is neither a path nor of the form module:attribute."
                ) from None
        else:
            found.append(SqliteFile(name, root))
    return found


def _signature(path: str) -> tuple[int, ...]:
    try:
        status = os.stat(path)  # noqa: PTH116  # before each test: pathlib would cost three times as much
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _tables(connection: sqlite3.Connection) -> Tables:
    cursor: Any = connection.cursor()
    cursor.row_factory = None
    found = {}
    for (name,) in cursor.execute(_TABLES).fetchall():
        quoted = '"' + name.replace('"', '""') + '"'
        try:
            found[name] = _table(cursor, quoted)
        except sqlite3.Error:  # a virtual table whose module is not there, text that is none
            continue
    return found


def _table(cursor: Any, table: str) -> Table:
    (count,) = cursor.execute(f"SELECT count(*) FROM {table}").fetchone()  # a name has to be quoted
    if count <= COMPARED_ROWS:
        rows = cursor.execute(f"SELECT * FROM {table}")
        return Table(count, sum(hash(repr(row)) for row in rows) & (1 << 64) - 1)
    try:
        (last,) = cursor.execute(f"SELECT max(rowid) FROM {table}").fetchone()
    except sqlite3.Error:  # it was made without
        last = 0
    return Table(count, hash(last))
