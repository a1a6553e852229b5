"""A copy of a project is put back as it was, whatever was done to it, and the original is never touched."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from isolane.engines import scratch as scratch_module
from isolane.engines.scratch import ScratchKeeper, configured_root, scratch_copy


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "data" / "deep").mkdir(parents=True)
    (root / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (root / "data" / "one.txt").write_text("one", encoding="utf-8")
    (root / "data" / "deep" / "two.txt").write_text("two", encoding="utf-8")
    (root / "run.sh").write_text("#!/bin/sh\n", encoding="utf-8")
    (root / "run.sh").chmod(0o750)
    (root / "link").symlink_to("data/one.txt")
    os.utime(root / "data", (1, 1))  # what is made there now changes it, however coarse the clock
    return root


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """Return all that is there: modes, contents, where links lead."""
    found = {}
    for path in sorted(root.rglob("*")):
        content = b""
        if path.is_symlink():
            content = os.fsencode(path.readlink())
        elif path.is_file():
            content = path.read_bytes()
        found[str(path.relative_to(root))] = (path.lstat().st_mode, content)
    return found


def rewrite_in_place(copy: Path) -> None:
    """The same length, and the time that it had."""
    file = copy / "data" / "one.txt"
    times = file.stat()
    file.write_text("eno", encoding="utf-8")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def replace_file_by_directory(copy: Path) -> None:
    (copy / "run.sh").unlink()
    (copy / "run.sh").mkdir()
    (copy / "run.sh" / "inside").write_text("x", encoding="utf-8")


def replace_directory_by_file(copy: Path) -> None:
    shutil.rmtree(copy / "data")
    (copy / "data").write_text("x", encoding="utf-8")


def lock_directory(copy: Path) -> None:
    (copy / "data" / "new.txt").write_text("x", encoding="utf-8")
    (copy / "data").chmod(0o500)


def listen_on_socket(copy: Path) -> None:
    here = Path.cwd()
    os.chdir(copy)  # the path of a socket may be no longer than 107 bytes
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("server.sock")
    finally:
        os.chdir(here)


CHANGES = {
    "written": lambda copy: (copy / "data" / "one.txt").write_text("one more", encoding="utf-8"),
    "rewritten": rewrite_in_place,
    "deleted": lambda copy: (copy / "data" / "deep" / "two.txt").unlink(),
    "added": lambda copy: (copy / "data" / "new.txt").write_text("new", encoding="utf-8"),
    "directory added": lambda copy: (copy / "a" / "b").mkdir(parents=True),
    "directory removed": lambda copy: shutil.rmtree(copy / "data"),
    "all removed": shutil.rmtree,
    "parent removed": lambda copy: shutil.rmtree(copy.parent),
    "mode of a file": lambda copy: (copy / "run.sh").chmod(0o600),
    "mode of a directory": lambda copy: (copy / "data").chmod(0o700),
    "directory locked": lock_directory,
    "directory closed": lambda copy: (copy / "data").chmod(0),
    "link turned": lambda copy: ((copy / "link").unlink(), (copy / "link").symlink_to("run.sh")),
    "link replaced": lambda copy: ((copy / "link").unlink(), (copy / "link").write_text("x", encoding="utf-8")),
    "link added": lambda copy: (copy / "new").symlink_to("/"),
    "file for a directory": replace_directory_by_file,
    "directory for a file": replace_file_by_directory,
    "made and deleted": lambda copy: ((copy / "data" / "new").mkdir(), (copy / "data" / "new").rmdir()),
    "socket": listen_on_socket,
    "pipe": lambda copy: os.mkfifo(copy / "pipe"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_done_to_the_copy_is_undone(project, change):
    before = tree(project)
    with scratch_copy(project) as scratch:
        keeper = ScratchKeeper(scratch.original, scratch.copy)
        assert tree(scratch.copy) == before
        change(scratch.copy)
        assert keeper.refresh()
        assert tree(scratch.copy) == before
        assert not keeper.refresh()
        assert tree(project) == before
    assert not scratch.copy.parent.exists()


@pytest.mark.parametrize("name", ["__pycache__", ".pytest_cache", ".hypothesis"])
def test_what_every_run_leaves_is_no_change(project, name):
    with scratch_copy(project) as scratch:
        keeper = ScratchKeeper(scratch.original, scratch.copy)
        (scratch.copy / "data" / name).mkdir()
        (scratch.copy / "data" / name / "file").write_text("x", encoding="utf-8")
        assert not keeper.refresh()


def test_environments_caches_sockets_and_pipes_are_left_out(project):
    (project / "env").mkdir()
    (project / "env" / "pyvenv.cfg").write_text("home = /usr\n", encoding="utf-8")
    (project / ".isolane").mkdir()
    os.mkfifo(project / "pipe")
    with scratch_copy(project) as scratch:
        names = {path.name for path in scratch.copy.iterdir()}
    assert names == {"pytest.ini", "data", "run.sh", "link"}


def test_a_link_that_names_the_project_by_its_whole_path_leads_into_the_copy(project):
    (project / "absolute").symlink_to(project / "data" / "one.txt")
    with scratch_copy(project) as scratch:
        keeper = ScratchKeeper(scratch.original, scratch.copy)
        for _ in range(2):
            (scratch.copy / "absolute").write_text("changed", encoding="utf-8")
            (scratch.copy / "absolute").unlink()
            keeper.refresh()
            assert (scratch.copy / "absolute").read_text(encoding="utf-8") == "one"
    assert (project / "data" / "one.txt").read_text(encoding="utf-8") == "one"


def test_a_link_that_leads_nowhere_is_copied_as_it_is(project):
    (project / "nowhere").symlink_to("gone")
    with scratch_copy(project) as scratch:
        assert (scratch.copy / "nowhere").readlink() == Path("gone")


def test_the_copy_may_lie_in_what_is_copied(project, monkeypatch):
    (project / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(project / "tmp"))
    with scratch_copy(project) as scratch:
        assert scratch.copy.is_relative_to(project)
        assert list((scratch.copy / "tmp").iterdir()) == []
    assert list((project / "tmp").iterdir()) == []


@pytest.mark.parametrize(("limit", "value"), [("MOST_FILES", 3), ("MOST_BYTES", 10)])
def test_what_is_too_large_is_not_copied(project, monkeypatch, limit, value):
    monkeypatch.setattr(scratch_module, limit, value)
    with scratch_copy(project) as scratch:
        assert scratch is None


@pytest.mark.parametrize(
    ("name", "text", "is_one"),
    [
        ("pytest.ini", "", True),
        (".pytest.ini", "", True),
        ("pytest.toml", "", True),
        ("pyproject.toml", "[tool.pytest.ini_options]\n", True),
        ("pyproject.toml", "[tool.ruff]\n", False),
        ("tox.ini", "[pytest]\n", True),
        ("tox.ini", "[tox]\n", False),
        ("setup.cfg", "[tool:pytest]\n", True),
        ("setup.cfg", "[metadata]\n", False),
    ],
)
def test_a_project_begins_where_pytest_has_its_settings(tmp_path, name, text, is_one):
    inner = tmp_path / "tests" / "unit"
    inner.mkdir(parents=True)
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert configured_root(inner) == (tmp_path if is_one else inner)


def test_the_part_that_is_asked_for_is_found_in_the_copy(project):
    with scratch_copy(project / "data" / "deep") as scratch:
        assert scratch.original == project
        assert scratch.project == scratch.copy / "data" / "deep"
        assert stat.S_IMODE((scratch.copy / "run.sh").stat().st_mode) == 0o750
