"""Files that this process creates, changes or removes are told by name; its own are removed again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.base import RestoreError
from isolane.process_state.files import FilesKind


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "known.txt").write_text("known")
    return tmp_path


@pytest.fixture
def kind(root: Path) -> FilesKind:
    return FilesKind([root])


def told(kind: FilesKind, before: object) -> list[str]:
    return [f"{change.name}: {change.before} → {change.after}" for change in kind.diff(before, kind.snapshot())]


CREATIONS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_text("abc"),
    "descriptor": lambda path: os.close(os.open(path, os.O_CREAT | os.O_WRONLY)),
    "directory": lambda path: path.mkdir(),
    "directories": lambda path: (path / "inner").mkdir(parents=True),
    "copy": lambda path: shutil.copy(path.parent / "data" / "known.txt", path),
    "tree": lambda path: shutil.copytree(path.parent / "data", path),
    "symlink": lambda path: path.symlink_to("data"),
    "hard link": lambda path: os.link(path.parent / "data" / "known.txt", path),
    "bytes": lambda path: open(os.fsencode(path), "wb").close(),  # noqa: PTH123  # Path takes no bytes
    "database": lambda path: sqlite3.connect(path).execute("create table one (number)").connection.close(),
    "database by its address": lambda path: (
        sqlite3.connect(f"file:{path}?mode=rwc", uri=True).execute("create table one (number)").connection.close()
    ),
}


@pytest.mark.parametrize("create", CREATIONS.values(), ids=CREATIONS)
def test_what_was_created_is_told_and_removed(kind: FilesKind, root: Path, create: Callable[[Path], object]) -> None:
    before = kind.snapshot()
    create(root / "new")
    (change,) = kind.diff(before, kind.snapshot())
    assert (change.kind, change.name, change.before, change.level) == ("files", "new", None, Level.SUSPECT)
    kind.restore(before)
    assert sorted(path.name for path in root.rglob("*")) == ["data", "known.txt"]
    assert kind.diff(before, kind.snapshot()) == []


def test_what_was_changed_removed_or_renamed_is_told_and_cannot_be_had_back(kind: FilesKind, root: Path) -> None:
    (root / "moved.txt").write_text("moved")
    (root / "removed.txt").write_text("removed")
    (root / "tree" / "inner").mkdir(parents=True)
    before = kind.snapshot()
    (root / "data" / "known.txt").write_text("other")
    (root / "moved.txt").rename(root / "there.txt")
    (root / "removed.txt").unlink()
    shutil.rmtree(root / "tree")
    assert told(kind, before) == [
        "data/known.txt: 5 bytes → 5 bytes, other ones",
        "moved.txt: 5 bytes → None",
        "removed.txt: 7 bytes → None",
        "there.txt: None → 5 bytes",
        "tree: a directory → None",
    ]
    levels = {change.level for change in kind.diff(before, kind.snapshot()) if change.before is not None}
    assert levels == {Level.DANGEROUS}
    with pytest.raises(RestoreError, match=r"had back: data/known\.txt, moved\.txt, removed\.txt, tree\."):
        kind.restore(before)
    assert not (root / "there.txt").exists()


def test_what_is_as_it_was_again_is_no_change(kind: FilesKind, root: Path) -> None:
    before = kind.snapshot()
    (root / "data" / "known.txt").write_text("other")
    (root / "data" / "known.txt").write_text("known")
    (root / "new.txt").write_text("new")
    (root / "new.txt").unlink()
    (root / "data" / "known.txt").read_text()
    assert kind.snapshot() is before


def test_what_one_test_created_and_another_removed_is_told_of_both(kind: FilesKind, root: Path) -> None:
    first = kind.snapshot()
    (root / "new.txt").write_text("new")
    second = kind.snapshot()
    (root / "new.txt").write_text("newer")
    third = kind.snapshot()
    (root / "new.txt").unlink()
    assert [kind.diff(first, second)[0].after, kind.diff(second, third)[0].after] == ["3 bytes", "5 bytes"]
    assert told(kind, third) == ["new.txt: 5 bytes → None"]
    assert kind.diff(first, kind.snapshot()) == []


def test_relative_names_are_understood(kind: FilesKind, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root / "data")
    before = kind.snapshot()
    Path("new.txt").write_text("new")
    monkeypatch.chdir(root.parent)
    assert told(kind, before) == ["data/new.txt: None → 3 bytes"]


@pytest.mark.parametrize(
    "name",
    [
        ".pytest_cache/v",
        "data/__pycache__/a.pyc",
        ".isolane/events.jsonl",
        ".coverage.host.1",
        "reports/junit.xml",
        "kept/a",
    ],
)
def test_what_tools_keep_is_not_a_tests(root: Path, name: str) -> None:
    path = root / name
    path.parent.mkdir(exist_ok=True)
    kind = FilesKind([root], without=[root / "kept"])
    before = kind.snapshot()
    path.write_text("x")
    assert kind.diff(before, kind.snapshot()) == []


def test_pytests_own_temporary_directories_and_lock_files_of_leases_are_not_a_tests(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    kind = FilesKind([root / "data", root])
    (root / "pytest-of-someone").mkdir()
    before = kind.snapshot()
    (root / "pytest-of-someone" / "file").write_text("x")
    (root / ".isolane-1000").mkdir()
    (root / ".isolane-1000" / "12345.lock").touch()
    (root / "elsewhere").write_text("x")
    assert [Path(change.name).name for change in kind.diff(before, kind.snapshot())] == ["elsewhere"]


def test_what_is_outside_the_roots_is_not_told(root: Path) -> None:
    kind = FilesKind([root / "data"])
    before = kind.snapshot()
    (root / "new.txt").write_text("new")
    assert kind.snapshot() is before


def test_names_that_tempfile_makes_up_do_no_harm(kind: FilesKind, root: Path) -> None:
    before = kind.snapshot()
    directory = Path(tempfile.mkdtemp(dir=root))
    (directory / "inner").write_text("x")
    with tempfile.TemporaryFile(dir=root), tempfile.NamedTemporaryFile(dir=root):
        pass
    assert kind.diff(before, kind.snapshot()) == [Change("files", directory.name, None, "a directory", Level.HARMLESS)]
    kind.restore(before)
    assert directory.exists()


def test_what_a_fixture_wrote_is_not_the_tests(kind: FilesKind, root: Path) -> None:
    initial = kind.snapshot()
    (root / "fixture.txt").write_text("x")
    pending = kind.rebase(initial, initial, kind.snapshot())
    (root / "test.txt").write_text("x")
    assert told(kind, pending) == ["test.txt: None → 1 bytes"]
    kind.restore(pending)
    assert (root / "fixture.txt").exists()
    assert not (root / "test.txt").exists()


def test_project_home_and_temporary_directory_are_watched_by_default(tmp_path: Path) -> None:
    # In a process of its own: they are taken from its environment.
    places = {name: tmp_path / name for name in ("project", "home", "temporary", "other")}
    for place in places.values():
        place.mkdir()
    script = f"""
from pathlib import Path
from isolane.process_state.files import FilesKind
kind = FilesKind()
before = kind.snapshot()
for place in {[str(place) for place in places.values()]}:
    Path(place, "new").write_text("x")
print([change.name for change in kind.diff(before, kind.snapshot())])
"""
    environment = {**os.environ, "HOME": str(places["home"]), "TMPDIR": str(places["temporary"])}
    child = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, check=True, cwd=places["project"], env=environment,
    )  # fmt: skip
    assert child.stdout.strip() == str([str(places["home"] / "new"), "new", str(places["temporary"] / "new")])
