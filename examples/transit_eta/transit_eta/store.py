"""Everything the service keeps, in SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from typing import Any

from transit_eta.learning import Learned, Observation

_SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS timetable (segment TEXT PRIMARY KEY, seconds REAL NOT NULL);
CREATE TABLE IF NOT EXISTS learned (
    segment TEXT PRIMARY KEY REFERENCES timetable,
    count INTEGER NOT NULL, mean REAL NOT NULL, squares REAL NOT NULL,
    recent REAL NOT NULL, last_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS observations (
    id INTEGER PRIMARY KEY,
    segment TEXT NOT NULL REFERENCES timetable,
    device TEXT NOT NULL, seconds REAL NOT NULL, confidence REAL NOT NULL, at REAL NOT NULL,
    rejected TEXT -- why it was not learned from, NULL if it was
);
CREATE TABLE IF NOT EXISTS responses (
    idempotency_key TEXT PRIMARY KEY, request TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL
);
COMMIT;
"""


def connect(path: str) -> sqlite3.Connection:
    """Open a database; a connection that has to wait for another one waits up to half a minute."""
    connection = sqlite3.connect(path, timeout=30.0, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


class Store:
    """The tables, through one connection. Two stores on one file see each other's finished transactions."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that is written inside, or, after an exception, nothing.

        IMMEDIATE takes the write lock before anything is read: of two connections the second reads what the
        first has written, and never decides on what is out of date already.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.commit()
        except BaseException:
            self._connection.rollback()
            raise

    def set_timetable(self, segment: str, seconds: float) -> None:
        """Say how long a segment takes by the timetable."""
        self._connection.execute(
            "INSERT INTO timetable VALUES (?, ?) ON CONFLICT (segment) DO UPDATE SET seconds = excluded.seconds",
            (segment, seconds),
        )

    def segment(self, segment: str) -> tuple[float, Learned] | None:
        """Return the timetable's seconds and what was learned, None for a segment that no timetable has."""
        row = self._connection.execute(
            "SELECT seconds, count, mean, squares, recent, last_at"
            " FROM timetable LEFT JOIN learned USING (segment) WHERE segment = ?",
            (segment,),
        ).fetchone()
        return None if row is None else (row[0], _learned(row[1:]))

    def set_learned(self, segment: str, learned: Learned) -> None:
        """Keep what was learned about a segment."""
        self._connection.execute(
            "INSERT OR REPLACE INTO learned VALUES (?, ?, ?, ?, ?, ?)", (segment, *astuple(learned))
        )

    def add_observation(self, observation: Observation, rejected: str | None) -> None:
        """Keep an observation, and why it was not learned from."""
        self._connection.execute(
            "INSERT INTO observations (segment, device, seconds, confidence, at, rejected) VALUES (?, ?, ?, ?, ?, ?)",
            (*astuple(observation), rejected),
        )

    def observation_count(self) -> int:
        """Return how many observations there are, rejected ones included."""
        count: int = self._connection.execute("SELECT COUNT(*) FROM observations").fetchone()[0]
        return count

    def response(self, key: str) -> tuple[str, int, str] | None:
        """Return the request and the status and body it was answered with, None for a new idempotency key."""
        row: tuple[str, int, str] | None = self._connection.execute(
            "SELECT request, status, body FROM responses WHERE idempotency_key = ?", (key,)
        ).fetchone()
        return row

    def add_response(self, key: str, request: str, status: int, body: str) -> None:
        """Keep the answer to a request; a key that is there already is a ``sqlite3.IntegrityError``."""
        self._connection.execute("INSERT INTO responses VALUES (?, ?, ?, ?)", (key, request, status, body))

    def summaries(self) -> list[dict[str, Any]]:
        """Return each segment's aggregate over all devices, by the segment's name.

        devices: how many different ones were learned from. rejected: observations that were not learned from.
        """
        rows = self._connection.execute(
            "SELECT segment, timetable.seconds, count, mean, squares, recent, last_at,"
            " COUNT(DISTINCT CASE WHEN rejected IS NULL THEN device END), COUNT(rejected)"
            " FROM timetable LEFT JOIN learned USING (segment) LEFT JOIN observations USING (segment)"
            " GROUP BY segment ORDER BY segment"
        )
        return [_summary(row) for row in rows]


def _learned(columns: tuple[Any, ...]) -> Learned:
    return Learned() if columns[0] is None else Learned(*columns)


def _summary(row: tuple[Any, ...]) -> dict[str, Any]:
    segment, timetable_seconds, *columns, devices, rejected = row
    learned = _learned(tuple(columns))
    return {
        "segment": segment,
        "timetable_seconds": timetable_seconds,
        "count": learned.count,
        "mean_seconds": learned.mean,
        "deviation_seconds": learned.deviation,
        "devices": devices,
        "rejected": rejected,
    }
