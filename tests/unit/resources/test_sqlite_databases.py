"""A database of the test's own: empty or from a template, closed and removed afterwards."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from isolane.model.errors import UsageError
from isolane.resources.sqlite import file_database, memory_database


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "template #1 %.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE stop (id INTEGER PRIMARY KEY);"
            "CREATE TABLE arrival (stop INTEGER REFERENCES stop (id));"
            "INSERT INTO stop VALUES (7);"
        )
    return path


@pytest.mark.req("FR-4")
def test_a_database_in_memory_enforces_foreign_keys_and_is_closed() -> None:
    with memory_database() as connection:
        connection.execute("CREATE TABLE stop (id INTEGER PRIMARY KEY)")
        connection.execute("CREATE TABLE arrival (stop INTEGER REFERENCES stop (id))")
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO arrival VALUES (1)")
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")


@pytest.mark.req("FR-4")
def test_a_database_file_is_empty_usable_and_removed_with_its_companions(tmp_path: Path) -> None:
    with file_database(tmp_path) as path:
        assert path.parent == tmp_path
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as connection:
            assert connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("CREATE TABLE stop (id INTEGER)")
            connection.commit()
            assert path.with_name(path.name + "-wal").exists()
            left_open = sqlite3.connect(path)
            left_open.execute("SELECT * FROM stop").fetchall()
    left_open.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.req("FR-4")
def test_both_start_from_a_template_and_leave_it_as_it_is(template: Path, tmp_path: Path) -> None:
    before = template.read_bytes()
    with memory_database(template) as connection:
        assert connection.execute("SELECT id FROM stop").fetchall() == [(7,)]
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO arrival VALUES (1)")
    (tmp_path / "test").mkdir()
    with file_database(tmp_path / "test", template) as path, closing(sqlite3.connect(path)) as own:
        own.execute("INSERT INTO stop VALUES (8)")
        own.commit()
        assert own.execute("SELECT count(*) FROM stop").fetchone() == (2,)
    assert template.read_bytes() == before


def test_what_a_template_has_only_in_its_log_is_copied_too(template: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(template)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("INSERT INTO stop VALUES (8)")
        writer.commit()
        with memory_database(template) as connection:
            assert connection.execute("SELECT count(*) FROM stop").fetchone() == (2,)


@pytest.mark.parametrize("content", [None, b"this is no database, but long enough to be looked at" * 20])
def test_a_template_that_is_none_is_one_clear_line(tmp_path: Path, content: bytes | None) -> None:
    wrong = tmp_path / "wrong.sqlite3"
    if content is not None:
        wrong.write_bytes(content)
    for database in (memory_database(wrong), file_database(tmp_path, wrong)):
        with pytest.raises(UsageError, match=r"cannot be used as a template database: .*\[bad-template\]"), database:
            pytest.fail("there is a database")
    assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else ["wrong.sqlite3"])
