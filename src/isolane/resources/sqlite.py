"""SQLite databases of a test's own: in memory, or in a file; empty, or filled from a template database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from isolane.model.errors import UsageError

_COMPANIONS = ("", "-journal", "-wal", "-shm")
"""What SQLite leaves beside a database file, by suffix of its name."""


@contextmanager
def memory_database(template: Path | None = None) -> Iterator[sqlite3.Connection]:
    """Open a database in memory, foreign keys enforced, and close it afterwards.

    template: a database file whose contents it starts with; :class:`UsageError` if that is none.
    """
    with closing(sqlite3.connect(":memory:")) as connection:
        if template is not None:
            _fill(connection, template)
        connection.execute("PRAGMA foreign_keys = ON")
        yield connection


@contextmanager
def file_database(directory: Path, template: Path | None = None) -> Iterator[Path]:
    """Make a database file in the directory, and remove it afterwards with all that SQLite put beside it.

    template: a database file whose contents it starts with, also what is still in its write-ahead log;
    :class:`UsageError` if that is none. No connection is left open: the test opens its own.
    """
    path = directory / "isolane.sqlite3"
    try:
        with closing(sqlite3.connect(path)) as connection:
            if template is not None:
                _fill(connection, template)
        yield path
    finally:
        for companion in _COMPANIONS:
            # Windows keeps a file that a connection of the test still has open; tmp_path goes later.
            with suppress(FileNotFoundError, PermissionError):
                path.with_name(path.name + companion).unlink()


def _fill(connection: sqlite3.Connection, template: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{template.absolute().as_uri()}?mode=ro", uri=True)) as source:
            source.backup(connection)
    except sqlite3.Error as error:
        raise UsageError("bad-template", f"{template} cannot be used as a template database: {error}.") from error
