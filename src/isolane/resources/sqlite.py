"""SQLite databases of a test's own: in memory, or in a file; empty, or filled from a template database."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

from isolane.model.errors import UsageError

Build = str | Callable[[sqlite3.Connection], object]
"""What fills a template database: a script of SQL, or a function that is given an open connection."""

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
        _remove(path)


class TemplateDatabases:
    """Template databases, each made when it is first wanted, and kept.

    new_directory: makes, once, the directory that they are in.
    """

    def __init__(self, new_directory: Callable[[], Path]) -> None:
        self._new_directory = new_directory
        self._made: dict[Build, Path] = {}
        self._numbers = count(1)
        self._directory: Path | None = None

    def made_by(self, build: Build) -> Path:
        """Return the template that ``build`` fills; the same script or function makes one only once.

        Whatever the function raises, :class:`UsageError` for a script that SQLite does not take; then there is none.
        """
        path = self._made.get(build)
        if path is not None and path.exists():
            return path
        if self._directory is None or not self._directory.exists():
            self._directory = self._new_directory()
        path = self._directory / f"template-{next(self._numbers)}.sqlite3"
        try:
            with closing(sqlite3.connect(path)) as connection:
                if isinstance(build, str):
                    connection.executescript(build)
                else:
                    build(connection)
                connection.commit()
        except BaseException as error:
            _remove(path)
            if isinstance(build, str) and isinstance(error, sqlite3.Error):
                raise UsageError("bad-template", f"The script of a template database fails: {error}.") from error
            raise
        self._made[build] = path
        return path


class DatabaseCopies:
    """Copies of template databases in one directory, removed at the end of a ``with`` block.

    Called with what fills the template, or with the path of one; returns the path of a new copy.
    """

    def __init__(self, directory: Path, templates: TemplateDatabases) -> None:
        self._directory = directory
        self._templates = templates
        self._made: list[Path] = []

    def __call__(self, template: Build | Path) -> Path:
        """Make a copy; errors as in :meth:`TemplateDatabases.made_by`, or where the path is of no database."""
        path = self._directory / f"isolane-copy-{len(self._made) + 1}.sqlite3"
        self._made.append(path)
        if isinstance(template, Path):
            with closing(sqlite3.connect(path)) as connection:
                _fill(connection, template)
        else:
            # Nobody has it open, so that all of it is in the one file.
            shutil.copyfile(self._templates.made_by(template), path)
        return path

    def __enter__(self) -> DatabaseCopies:
        return self

    def __exit__(self, *_: object) -> None:
        for path in self._made:
            _remove(path)


def _remove(path: Path) -> None:
    """Remove a database file with all that SQLite put beside it."""
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
