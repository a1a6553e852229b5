"""What a Postgres database of a test's own costs, on isolane's shared server.

    python bench/postgres.py [TIMES]

The schema has 60 tables, each with a serial key, an index and a row. Goals, medians: a clone of it in 60 ms, a test in
a transaction that is rolled back in 1 ms. Against them: the schema made by its SQL, and a new connection.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import psycopg

from isolane.resources.postgres import PostgresWorker, server

TABLES = "".join(
    f"CREATE TABLE t{number} (id serial PRIMARY KEY, name text, size int); CREATE INDEX ON t{number} (size);"
    f"INSERT INTO t{number} (name) VALUES ('one');"
    for number in range(60)
)


def milliseconds(action: Callable[[], object], times: int) -> list[float]:
    """Return what each of so many calls took."""
    found = []
    for _ in range(times):
        started = perf_counter()
        action()
        found.append((perf_counter() - started) * 1000)
    return found


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    started = perf_counter()
    with server() as url:
        print(f"server found or started: {(perf_counter() - started) * 1000:.0f} ms")
        with PostgresWorker(url) as worker:
            database, empty = worker.database(TABLES), worker.database()
            clones: list[str] = []

            def make() -> None:
                with psycopg.connect(worker.clone(empty.template), autocommit=True) as connection:
                    connection.execute(TABLES.encode())

            def rolled_back() -> None:
                with database.test() as test:
                    test.connection.execute("INSERT INTO t0 (name) VALUES ('two')")

            def connect() -> None:
                psycopg.connect(clones[0]).close()

            rolled_back()
            for what, action, count, goal in (
                ("clone", lambda: clones.append(worker.clone(database.template)), times, "60 ms"),
                ("drop", lambda: worker.drop(clones.pop()), times - 1, ""),
                ("the schema's SQL in a new database", make, times, ""),
                ("a test in a transaction, one INSERT, rolled back", rolled_back, 50 * times, "1 ms"),
                ("a new connection", connect, times, ""),
            ):
                found = sorted(milliseconds(action, count))
                line = f"{what}: median {median(found):.2f} ms, {found[0]:.2f} to {found[-1]:.2f}, {count} times"
                print(line + (f"; goal {goal}" if goal else ""))


if __name__ == "__main__":
    main()
