"""What an audit event touches."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from isolane.model.touch import Sort, Touch
from isolane.pytest_plugin.state.auditing import touches_of


@pytest.mark.parametrize(
    ("event", "arguments", "expected"),
    [
        ("socket.bind", (None, ("127.0.0.1", 8080)), [Touch(Sort.PORT, "8080")]),
        ("socket.bind", (None, ("::1", 8080, 0, 0)), [Touch(Sort.PORT, "8080")]),
        ("socket.bind", (None, ("127.0.0.1", 0)), []),
        ("socket.bind", (None, "\0abstract"), []),
        ("socket.connect", (None, ("localhost", 5432)), [Touch(Sort.CONNECTION, "localhost:5432")]),
        ("sqlite3.connect", (":memory:",), []),
        ("sqlite3.connect", ("",), []),
        ("sqlite3.connect", ("file:x?mode=memory&cache=shared",), []),
        ("subprocess.Popen", (None, ["git", "status"], None, None), [Touch(Sort.PROGRAM, "git")]),
        ("subprocess.Popen", ("/bin/sh", ["sh", "-c", "ls"], None, None), [Touch(Sort.PROGRAM, "sh")]),
        ("os.system", (b"ls -l",), [Touch(Sort.PROGRAM, "ls")]),
        ("os.spawn", (0, "/bin/true", ["true"], None), [Touch(Sort.PROGRAM, "true")]),
        ("os.posix_spawn", ("/bin/true", ["true"], {}), [Touch(Sort.PROGRAM, "true")]),
        ("os.putenv", (b"APP_KEY", b"1"), [Touch(Sort.VARIABLE, "APP_KEY")]),
        ("os.unsetenv", (b"APP_KEY",), [Touch(Sort.VARIABLE, "APP_KEY")]),
        ("os.putenv", (b"PYTEST_CURRENT_TEST", b"x"), []),
        ("open", (7, "w", os.O_WRONLY), []),
        ("import", ("os", None, None, None, None), []),
    ],
)
def test_events(event: str, arguments: tuple[Any, ...], expected: list[Touch]) -> None:
    assert list(touches_of(event, arguments)) == expected


@pytest.mark.parametrize(
    ("flags", "writes"), [(os.O_RDONLY, False), (os.O_WRONLY | os.O_CREAT, True), (os.O_RDWR, True)]
)
def test_files_are_named_by_their_real_place(tmp_path: Path, flags: int, writes: bool) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    found = list(touches_of("open", (str(tmp_path / "link" / "a"), None, flags)))

    assert found == [Touch(Sort.FILE, os.path.realpath(tmp_path / "real" / "a"), writes)]


def test_a_database_that_is_opened_to_be_read(tmp_path: Path) -> None:
    name = os.path.realpath(tmp_path / "a b.db")

    assert list(touches_of("sqlite3.connect", (tmp_path / "a b.db",))) == [Touch(Sort.DATABASE, name)]
    for options in ("mode=ro", "immutable=1"):
        uri = f"file:{name.replace(' ', '%20')}?{options}"
        assert list(touches_of("sqlite3.connect", (uri,))) == [Touch(Sort.DATABASE, name, writes=False)]


def test_a_directory_that_is_there_is_not_made(tmp_path: Path) -> None:
    assert list(touches_of("os.mkdir", (str(tmp_path), 0o777, -1))) == []
    (made,) = touches_of("os.mkdir", (str(tmp_path / "new"), 0o777, -1))
    assert made.writes


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason=f"{sys.platform} has no files without a name")
def test_a_file_without_a_name_is_nobody_elses(tmp_path: Path) -> None:
    assert list(touches_of("open", (str(tmp_path), None, os.O_RDWR | os.O_TMPFILE))) == []
    assert list(touches_of("open", (str(tmp_path), "w+b", os.O_RDWR | os.O_CREAT))) == []


def test_a_renamed_file_is_two() -> None:
    assert [one.name for one in touches_of("os.rename", ("/a", "/b", -1, -1))] == ["/a", "/b"]
    assert list(touches_of("os.rename", ("a", "b", 5, 6))) == []
