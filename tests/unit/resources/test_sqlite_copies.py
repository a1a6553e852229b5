"""Template databases are made once; each copy is a file of its own, removed with all beside it."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from isolane.model.errors import UsageError
from isolane.resources.sqlite import DatabaseCopies, TemplateDatabases

SCRIPT = "CREATE TABLE stop (id INTEGER); INSERT INTO stop VALUES (1);"


def numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [number for (number,) in connection.execute("SELECT id FROM stop")]


def insert(path: Path, number: int) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("INSERT INTO stop VALUES (?)", (number,))


@pytest.fixture
def templates(tmp_path: Path) -> TemplateDatabases:
    def new_directory() -> Path:
        path = tmp_path / "templates"
        path.mkdir()
        return path

    return TemplateDatabases(new_directory)


def test_copies_of_a_script_do_not_know_of_each_other(tmp_path: Path, templates: TemplateDatabases) -> None:
    with DatabaseCopies(tmp_path, templates) as copies:
        first, second = copies(SCRIPT), copies(SCRIPT)
        insert(first, 2)

        assert (numbers(first), numbers(second), numbers(copies(SCRIPT))) == ([1, 2], [1], [1])
    assert [path.name for path in tmp_path.iterdir()] == ["templates"]
    assert len(list((tmp_path / "templates").iterdir())) == 1


def test_a_function_fills_a_template_once(tmp_path: Path, templates: TemplateDatabases) -> None:
    calls = []

    def fill(connection: sqlite3.Connection) -> None:
        calls.append(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCRIPT)
        connection.execute("INSERT INTO stop VALUES (5)")  # Not committed: that is done for it.

    for _ in range(3):
        with DatabaseCopies(tmp_path, templates) as copies:
            copy = copies(fill)
            assert numbers(copy) == [1, 5]
            insert(copy, 6)
    assert len(calls) == 1
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        calls[0].execute("SELECT 1")


def test_a_template_by_path_is_copied_with_what_is_in_its_log(tmp_path: Path, templates: TemplateDatabases) -> None:
    path = tmp_path / "given.sqlite3"
    with closing(sqlite3.connect(path)) as connection, DatabaseCopies(tmp_path, templates) as copies:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(SCRIPT)

        copy = copies(path)
        insert(copy, 3)

        assert (numbers(copy), numbers(path)) == ([1, 3], [1])


def test_a_copy_is_removed_although_it_is_still_open(tmp_path: Path, templates: TemplateDatabases) -> None:
    with DatabaseCopies(tmp_path, templates) as copies:
        connection = sqlite3.connect(copies(SCRIPT))
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("INSERT INTO stop VALUES (2)")
        assert len(list(tmp_path.iterdir())) > 2
    connection.close()

    assert [path.name for path in tmp_path.iterdir()] == ["templates"]


def test_a_template_that_fails_is_told_and_tried_again(tmp_path: Path, templates: TemplateDatabases) -> None:
    calls = []

    def fill(connection: sqlite3.Connection) -> None:
        connection.executescript(SCRIPT)
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("not yet")

    with DatabaseCopies(tmp_path, templates) as copies:
        with pytest.raises(ValueError, match="not yet"):
            copies(fill)
        assert numbers(copies(fill)) == [1]
        for _ in range(2):
            with pytest.raises(UsageError, match=r"database fails: near .NONSENSE.*bad-template"):
                copies("NONSENSE;")
        (tmp_path / "none").write_text("no database at all" * 99)
        with pytest.raises(UsageError, match="bad-template"):
            copies(tmp_path / "none")


def test_a_template_that_somebody_has_removed_is_made_again(tmp_path: Path, templates: TemplateDatabases) -> None:
    with DatabaseCopies(tmp_path, templates) as copies:
        copies(SCRIPT)
        (template,) = (tmp_path / "templates").iterdir()
        template.unlink()
        (tmp_path / "templates").rmdir()

        assert numbers(copies(SCRIPT)) == [1]


def test_templates_that_are_made_again_are_not_each_others(tmp_path: Path, templates: TemplateDatabases) -> None:
    scripts = [SCRIPT.replace("(1)", f"({number})") for number in range(2)]
    with DatabaseCopies(tmp_path, templates) as copies:
        for _ in range(2):
            assert [numbers(copies(script)) for script in scripts] == [[0], [1]]
            shutil.rmtree(tmp_path / "templates")
