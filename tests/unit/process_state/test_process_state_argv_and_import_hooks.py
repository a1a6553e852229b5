"""The command line and the import hooks are given back, the lists themselves and what is in them."""

from __future__ import annotations

import importlib
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from isolane.model.state import Change, Level
from isolane.process_state.argv import ArgumentsKind
from isolane.process_state.import_hooks import ImportHooksKind

ARGUMENTS = ArgumentsKind()
HOOKS = ImportHooksKind()
LISTS = ("argv", "meta_path", "path_hooks")


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    lists = [(name, getattr(sys, name), list(getattr(sys, name))) for name in LISTS]
    yield
    for name, items, entries in lists:
        setattr(sys, name, items)
        items[:] = entries
    sys.path_importer_cache.clear()


class Finder:
    @staticmethod
    def find_spec(*args: object) -> None:
        return None


@pytest.mark.req("R2.4")
@pytest.mark.parametrize(
    "change", [lambda: sys.argv.append("-x"), lambda: setattr(sys, "argv", ["program", "-x"])], ids=["edit", "replace"]
)
def test_arguments_are_told_whole_and_given_back(change: object) -> None:
    sys.argv[:] = ["program"]
    argv = sys.argv
    before = ARGUMENTS.snapshot()
    change()
    assert ARGUMENTS.diff(before, ARGUMENTS.snapshot()) == [Change("argv", "sys.argv", ("program",), ("program", "-x"))]
    ARGUMENTS.restore(before)
    assert sys.argv is argv
    assert argv == ["program"]
    assert ARGUMENTS.diff(before, ARGUMENTS.snapshot()) == []


def test_another_list_of_the_same_arguments_is_harmless_and_anything_else_does_no_harm() -> None:
    argv = sys.argv
    before = ARGUMENTS.snapshot()
    sys.argv = list(argv)
    assert [change.level for change in ARGUMENTS.diff(before, ARGUMENTS.snapshot())] == [Level.HARMLESS]
    for value, told in ((None, ()), (5, ()), ([Path("p"), "x"], (f"{type(Path()).__name__} object", "x"))):
        sys.argv = value
        assert [change.after for change in ARGUMENTS.diff(before, ARGUMENTS.snapshot())] == [told]
        ARGUMENTS.restore(before)
        assert sys.argv is argv
    del sys.argv
    ARGUMENTS.restore(before)
    assert sys.argv is argv


def test_a_fixtures_arguments_stay() -> None:
    initial = ARGUMENTS.snapshot()
    sys.argv = ["test's"]
    before = ARGUMENTS.snapshot()
    sys.argv = ["fixture's"]
    pending = ARGUMENTS.rebase(initial, before, ARGUMENTS.snapshot())
    sys.argv = ["again"]
    ARGUMENTS.restore(pending)
    assert sys.argv == ["fixture's"]
    assert ARGUMENTS.rebase(initial, before, before) is initial


@pytest.mark.req("R2.4")
def test_finders_are_told_and_given_back() -> None:
    meta_path, finders = sys.meta_path, list(sys.meta_path)
    before = HOOKS.snapshot()
    sys.meta_path.insert(0, Finder())
    sys.meta_path.append(Finder)
    removed = sys.meta_path.pop(1)
    own = f"{__name__}.Finder"
    first, *others = HOOKS.diff(before, HOOKS.snapshot())
    assert (first.before, first.after) == (0, None)
    assert others == [
        Change("import_hooks", f"sys.meta_path {own} object", None, 0),
        Change("import_hooks", f"sys.meta_path {own}", None, len(finders)),
    ]
    sys.meta_path = []
    HOOKS.restore(before)
    assert sys.meta_path is meta_path
    assert meta_path == finders
    assert removed in meta_path
    assert HOOKS.diff(before, HOOKS.snapshot()) == []


def test_an_order_and_another_list_are_told() -> None:
    before = HOOKS.snapshot()
    sys.path_hooks.reverse()
    assert [change.name for change in HOOKS.diff(before, HOOKS.snapshot())] == ["sys.path_hooks order"]
    HOOKS.restore(before)
    sys.path_hooks = list(sys.path_hooks)
    assert HOOKS.diff(before, HOOKS.snapshot()) == [
        Change("import_hooks", "sys.path_hooks", "the list", "another object")
    ]


def test_a_finder_that_a_library_brings_with_it_is_harmless() -> None:
    before = HOOKS.snapshot()
    sys.meta_path.append(type("_SixMetaPathImporter", (Finder,), {})())
    with_it = HOOKS.snapshot()
    assert [change.level for change in HOOKS.diff(before, with_it)] == [Level.HARMLESS]
    assert [change.level for change in HOOKS.diff(with_it, before)] == [Level.DANGEROUS]


@pytest.mark.req("R2.4")
def test_directories_are_searched_by_the_hooks_that_are_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "modules.zip"
    with zipfile.ZipFile(archive, "w") as written:
        written.writestr("isolane_in_archive.py", "")
    monkeypatch.syspath_prepend(str(archive))
    before = HOOKS.snapshot()
    sys.path_hooks[:] = [lambda path: Finder()]
    sys.path_importer_cache.clear()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("isolane_in_archive")
    HOOKS.restore(before)
    try:
        importlib.import_module("isolane_in_archive")
    finally:
        sys.modules.pop("isolane_in_archive", None)


def test_a_fixtures_finder_stays_and_the_tests_goes() -> None:
    initial = HOOKS.snapshot()
    sys.meta_path.insert(0, by_test := Finder())
    before = HOOKS.snapshot()
    sys.meta_path.insert(0, by_fixture := Finder())
    HOOKS.restore(HOOKS.rebase(initial, before, HOOKS.snapshot()))
    assert sys.meta_path[0] is by_fixture
    assert by_test not in sys.meta_path
