"""Rows in registered databases: which table has others, told by number and content, in a file or over a connection."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from isolane.model.errors import UsageError
from isolane.model.state import Level
from isolane.process_state.base import RestoreError
from isolane.process_state.databases import COMPARED_ROWS, databases
from isolane.process_state.rows import RowsKind

SCHEMA = "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, stop TEXT)"


def run(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            connection.execute(statement)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    run(path, SCHEMA, "INSERT INTO orders (stop) VALUES ('harbour')")
    return path


@pytest.fixture
def kind(path: Path) -> RowsKind:
    return RowsKind(databases([path.name], path.parent))


def told(kind: RowsKind, before: object) -> list[tuple[object, ...]]:
    changes = kind.diff(before, kind.snapshot())  # type: ignore[arg-type]
    return [(one.name, one.before, one.after) for one in changes]


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_rows_are_told_by_their_table(kind: RowsKind, path: Path, journal: str) -> None:
    with closing(sqlite3.connect(path)) as kept:
        kept.execute(f"PRAGMA journal_mode={journal}")
        before = kind.snapshot()
        kept.execute("INSERT INTO orders (stop) VALUES ('market')")
        kept.commit()
        assert told(kind, before) == [("shop.db orders", "1 row", "2 rows")]
        before = kind.snapshot()
        kept.execute("UPDATE orders SET stop = 'mill' WHERE id = 2")
        kept.commit()
        assert told(kind, before) == [("shop.db orders", "2 rows", "2 rows, other ones")]
        before = kind.snapshot()
        kept.execute("DELETE FROM orders")
        kept.execute("CREATE TABLE stops (name)")
        kept.commit()
        assert told(kind, before) == [("shop.db orders", "2 rows", "0 rows"), ("shop.db stops", None, "0 rows")]


def test_a_table_that_is_new_is_suspect_and_other_rows_are_dangerous(kind: RowsKind, path: Path) -> None:
    before = kind.snapshot()
    run(path, "CREATE TABLE stops (name)", "DELETE FROM orders")
    levels = {one.name: one.level for one in kind.diff(before, kind.snapshot())}
    assert levels == {"shop.db orders": Level.DANGEROUS, "shop.db stops": Level.SUSPECT}


def test_a_file_that_nobody_writes_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (database,) = databases([path.name], path.parent)
    kind = RowsKind([database])
    os.utime(path, (1, 1))
    before = kind.snapshot()
    monkeypatch.setattr(database, "read", lambda: pytest.fail("it was read"))
    assert kind.snapshot() is before


def test_rows_that_are_taken_back_are_none(kind: RowsKind, path: Path) -> None:
    before = kind.snapshot()
    run(path, "INSERT INTO orders (id, stop) VALUES (7, 'market')", "DELETE FROM orders WHERE id = 7")
    assert told(kind, before) == []


def test_a_file_may_come_and_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_NAME", "main")
    kind = RowsKind(databases(["${SHOP_NAME}.db"], tmp_path))
    before = kind.snapshot()
    run(tmp_path / "main.db", SCHEMA)
    assert told(kind, before) == [("${SHOP_NAME}.db orders", None, "0 rows")]
    (tmp_path / "main.db").unlink()
    assert told(kind, before) == []


def test_who_writes_just_now_is_looked_at_later(kind: RowsKind, path: Path) -> None:
    before = kind.snapshot()
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("DELETE FROM orders")
        assert kind.snapshot() is before
        writer.commit()
    assert told(kind, before) == [("shop.db orders", "1 row", "0 rows")]


def test_what_is_no_database_has_no_tables(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no database, but long enough to be taken for one" * 20)
    assert RowsKind(databases(["notes.txt"], tmp_path)).snapshot() == {}


def test_of_large_tables_number_and_last_row_are_compared(kind: RowsKind, path: Path) -> None:
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i <= {COMPARED_ROWS})"
    run(path, f"INSERT INTO orders (id) {numbers} SELECT i FROM n")
    before = kind.snapshot()
    last = COMPARED_ROWS + 1
    run(path, f"DELETE FROM orders WHERE id = {last}", f"INSERT INTO orders (id) VALUES ({last + 5})")
    assert told(kind, before) == [("shop.db orders", f"{last} rows", f"{last} rows, other ones")]


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("isolane_app")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module


@pytest.fixture
def connection(module: ModuleType) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute(SCHEMA)
        module.state = ModuleType("state")  # type: ignore[attr-defined]
        module.state.connection = connection  # type: ignore[attr-defined]
        yield connection


def test_an_open_connection_is_looked_through(connection: sqlite3.Connection, tmp_path: Path) -> None:
    kind = RowsKind(databases(["isolane_app:state.connection"], tmp_path))
    before = kind.snapshot()
    assert kind.snapshot() is before
    connection.execute("INSERT INTO orders (stop) VALUES ('market')")
    assert told(kind, before) == [("isolane_app:state.connection orders", "0 rows", "1 row")]
    connection.rollback()
    assert told(kind, before) == []
    connection.execute("DROP TABLE orders")
    assert told(kind, before) == [("isolane_app:state.connection orders", "0 rows", None)]


def test_a_connection_that_was_closed_tells_nothing_new(connection: sqlite3.Connection, tmp_path: Path) -> None:
    kind = RowsKind(databases(["isolane_app:state.connection"], tmp_path))
    before = kind.snapshot()
    connection.close()
    assert kind.snapshot() is before


def test_a_function_counts_for_itself(module: ModuleType, tmp_path: Path) -> None:
    kind = RowsKind(databases(["isolane_app:rows"], tmp_path))
    assert kind.snapshot() == {}
    rows = {"orders": 1}
    module.rows = lambda: rows  # type: ignore[attr-defined]
    before = kind.snapshot()
    rows["orders"] = 2
    assert told(kind, before) == [("isolane_app:rows orders", "1 row", "2 rows")]


def test_rows_of_a_fixture_are_its_own_and_nobody_can_put_rows_back(kind: RowsKind, path: Path) -> None:
    before = kind.snapshot()
    run(path, "CREATE TABLE stops (name)")
    owned = kind.rebase(before, before, kind.snapshot())
    assert told(kind, owned) == []
    run(path, "DELETE FROM orders")
    with pytest.raises(RestoreError, match=r"rows cannot be had back: shop\.db orders\."):
        kind.restore(owned)


def test_what_is_neither_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'shop:' is neither a path nor of the form module:attribute\."):
        databases(["shop:"], tmp_path)
