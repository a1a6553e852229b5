"""Which files hold coverage data, and whether they can be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from isolane.model.errors import RecordError, UsageError

_MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_SQLITE_COMPANIONS = ("-journal", "-wal", "-shm")


def find_data_files(directory: Path, data_file: Path) -> list[Path]:
    """Return the files to merge into ``data_file``, sorted.

    In the data file's own directory those are its parts, named like it with a dot and more, as coverage names
    them; the data file itself stands in where there is none (pytest-cov, say, has merged them already). Any
    other directory holds nothing but coverage data: every file in it is taken, those of its directories too.

    Raises :class:`UsageError` if the directory is not there.
    """
    if not directory.is_dir():
        raise UsageError(
            "no-directory", f"{directory} is not a directory.", "Name the one that holds the coverage data."
        )
    if directory.resolve() == data_file.parent.resolve():
        parts = [path for path in directory.iterdir() if path.name.startswith(f"{data_file.name}.")]
        return _data_only(parts) or [path for path in (data_file,) if path.is_file()]
    return [path for path in _data_only(directory.rglob("*")) if path.resolve() != data_file.resolve()]


def check_data_files(paths: Sequence[Path]) -> list[Path]:
    """Read every file, and return those that hold something.

    Done before anything is merged or removed. An empty or torn file is one that a killed process had begun: what
    the others measured is not lost for it.
    Raises :class:`RecordError` that names the first file which is not coverage data, or which does not go with
    the others: branches cannot be merged with lines alone.
    """
    whole = [path for path in paths if path.stat().st_size and not is_torn(path)]
    kinds: dict[bool, Path] = {}
    for path in whole:
        with_branches = _has_branches(path)
        if with_branches is not None:
            kinds[with_branches] = path
        if len(kinds) > 1:
            raise RecordError(
                "mixed-coverage-data",
                f"{kinds[True]} holds branches, {kinds[False]} only lines: they cannot be merged.",
                "Measure both with the same branch setting.",
            )
    return whole


def is_torn(path: Path) -> bool:
    """Return whether a file is an SQLite database that was not written to its end.

    coverage switches SQLite's journal off, so a process that is killed while it saves leaves half a file. The
    size that a database should have stands in its first page.
    Source: the database file format, https://www.sqlite.org/fileformat.html, "The Database Header".
    """
    with path.open("rb") as file:
        head = file.read(_HEADER_BYTES)
    if not head.startswith(_MAGIC):
        return False
    page = int.from_bytes(head[16:18], "big")
    pages = int.from_bytes(head[28:32], "big")
    return len(head) < _HEADER_BYTES or path.stat().st_size < pages * (65536 if page == 1 else page)


def _has_branches(path: Path) -> bool | None:
    """Return whether branches were measured, None where nothing was.

    Read by the schema that coverage documents, and read only: coverage's own reader would turn any SQLite
    database into coverage data.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as database:
            database.execute("SELECT version FROM coverage_schema").fetchone()
            problem = database.execute("PRAGMA quick_check(1)").fetchone()
            if problem != ("ok",):
                raise sqlite3.DatabaseError(problem)
            row = database.execute("SELECT value FROM meta WHERE key = 'has_arcs'").fetchone()
    except sqlite3.Error:
        raise RecordError(
            "corrupt-coverage-data",
            f"{path} cannot be read as coverage data: it is damaged, or something else.",
            "Remove it, and measure again if it was a worker's.",
        ) from None
    return None if row is None else bool(int(row[0]))


def _data_only(paths: Iterable[Path]) -> list[Path]:
    return sorted(path for path in paths if path.is_file() and not path.name.endswith(_SQLITE_COMPANIONS))
