"""An audit trail in an SQLite database."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isolane.pool.audit import AuditRecord, to_json
from isolane.pool.errors import AuditError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS call (
    state_id TEXT NOT NULL,
    call_index INTEGER NOT NULL,
    row_index INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    request TEXT NOT NULL,
    response TEXT NOT NULL,
    retryable INTEGER,
    error TEXT NOT NULL,
    started_at REAL NOT NULL,
    duration_us INTEGER NOT NULL,
    delay_us INTEGER NOT NULL,
    permit_wait_us INTEGER NOT NULL,
    throttle_ms REAL NOT NULL,
    PRIMARY KEY (state_id, call_index)
) WITHOUT ROWID
"""
_COLUMNS = (
    "state_id",
    "call_index",
    "row_index",
    "attempt",
    "outcome",
    "request",
    "response",
    "retryable",
    "error",
    "started_at",
    "duration_us",
    "delay_us",
    "permit_wait_us",
    "throttle_ms",
)
_JSON = frozenset({"request", "response", "error"})
_INSERT = f"INSERT INTO call ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_BUSY_SECONDS = 30.0


class SqliteAudit:
    """Adds records to the table ``call`` of a database file; request, response and error are JSON.

    Each record is a transaction of its own, which takes the lock when it begins (BEGIN IMMEDIATE): several processes
    may have the same file. The log is written ahead and synchronised at checkpoints: a process that is killed loses
    nothing, a machine that loses its power may lose the last records, whole ones. Raises :class:`AuditError` for a
    file that cannot be used.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        with self._told():
            connection = sqlite3.connect(
                self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute(_SCHEMA)
            except BaseException:
                connection.close()
                raise
            self._connection = connection

    def next_call_index(self, state_id: str) -> int:
        """Return the index of the next call for that name."""
        with self._lock, self._told():
            row = self._open().execute("SELECT max(call_index) FROM call WHERE state_id = ?", (state_id,)).fetchone()
        return 0 if row[0] is None else int(row[0]) + 1

    def write(self, record: AuditRecord) -> None:
        """Add a record."""
        data = record.as_data()
        values = [to_json(data[name]) if name in _JSON else data[name] for name in _COLUMNS]
        with self._lock, self._told():
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                connection.execute(_INSERT, values)
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the database; more than once does no harm."""
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    def __enter__(self) -> SqliteAudit:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise AuditError(f"{self.path} is closed.", "Close the audit after the executor.")
        return self._connection

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            what = f"{self.path} cannot be written: {error}."
            raise AuditError(what, "Free the disk or the lock, or name another file.") from error
