"""Imports do no harm; modules replaced, removed or made by hand are told, and put right."""

from __future__ import annotations

import gc
import importlib
import subprocess
import sys
import types
import weakref
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from isolane.model.state import Change, Level
from isolane.process_state import dict_version, modules
from isolane.process_state.modules import ModulesKind


@pytest.fixture(params=["version", "compared"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModulesKind:
    """Look as where dictionaries have versions, and as where they have not."""
    if request.param == "compared":
        monkeypatch.setattr(modules, "version_of", None)
    elif dict_version.version_of is None:
        pytest.skip("dictionaries have no versions in this Python")
    return ModulesKind()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of the project's, isolane_moved, with modules inner and itself; nothing of it is imported."""
    directory = tmp_path / "isolane_moved"
    directory.mkdir()
    (directory / "__init__.py").write_text("")
    (directory / "inner.py").write_text("value = 1\n")
    (directory / "itself.py").write_text("import sys\nclass Settings: pass\nsys.modules[__name__] = Settings()\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "isolane_moved"
    for name in [name for name in sys.modules if name.partition(".")[0] == "isolane_moved"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def test_a_late_import_does_no_harm_and_stays(kind: ModulesKind, package: str) -> None:
    before = kind.snapshot()
    inner = importlib.import_module(f"{package}.inner")
    importlib.import_module(f"{package}.itself")
    changes = kind.diff(before, kind.snapshot())
    assert {(change.name, change.level) for change in changes} == {
        (name, Level.HARMLESS) for name in (package, f"{package}.inner", f"{package}.itself")
    }
    kind.restore(before)
    assert sys.modules[f"{package}.inner"] is inner


def test_a_late_import_of_the_standard_library_does_no_harm() -> None:
    # In a process of its own, where none of these is imported; pyexpat makes modules that have no spec.
    script = """
from isolane.process_state.modules import ModulesKind
kind = ModulesKind()
before = kind.snapshot()
import asyncio, xml.dom.minidom, xml.etree.ElementTree, unittest.mock, email.mime.text
changes = kind.diff(before, kind.snapshot())
print(len(changes) > 50, [change.name for change in changes if change.level.value != "harmless"])
"""
    child = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert child.stdout == "True []\n"


@pytest.mark.parametrize(
    ("stub", "told"),
    [
        (types.ModuleType("isolane_stub"), "module made by hand"),
        (mock.MagicMock(), "unittest.mock.MagicMock object"),
        (types.SimpleNamespace(), "types.SimpleNamespace object"),
        (None, "None"),
    ],
    ids=["module", "mock", "namespace", "none"],
)
def test_what_never_was_a_module_is_told_and_taken_out(kind: ModulesKind, stub: object, told: str) -> None:
    before = kind.snapshot()
    sys.modules["isolane_stub"] = stub  # type: ignore[assignment]
    try:
        assert kind.diff(before, kind.snapshot()) == [Change("modules", "isolane_stub", None, told, Level.DANGEROUS)]
        kind.restore(before)
        assert "isolane_stub" not in sys.modules
        assert kind.diff(before, kind.snapshot()) == []
    finally:
        sys.modules.pop("isolane_stub", None)


def test_a_stub_below_a_library_is_told(kind: ModulesKind) -> None:
    before = kind.snapshot()
    sys.modules["json.isolane_stub"] = types.ModuleType("json.isolane_stub")
    try:
        assert [change.level for change in kind.diff(before, kind.snapshot())] == [Level.DANGEROUS]
    finally:
        del sys.modules["json.isolane_stub"]


def test_a_module_imported_anew_is_told_and_the_old_one_is_put_back(kind: ModulesKind, package: str) -> None:
    old = importlib.import_module(f"{package}.inner")
    before = kind.snapshot()
    del sys.modules[f"{package}.inner"]
    new = importlib.import_module(f"{package}.inner")
    assert new is not old
    told = f"module from {old.__file__}"
    assert kind.diff(before, kind.snapshot()) == [Change("modules", f"{package}.inner", told, told, Level.DANGEROUS)]
    kind.restore(before)
    assert sys.modules[f"{package}.inner"] is sys.modules[package].inner is old  # type: ignore[attr-defined]


def test_a_module_replaced_in_its_place_is_told_and_put_back(kind: ModulesKind, package: str) -> None:
    old = importlib.import_module(f"{package}.inner")
    before = kind.snapshot()
    sys.modules[f"{package}.inner"] = mock.MagicMock()
    (change,) = kind.diff(before, kind.snapshot())
    assert (change.name, change.after) == (f"{package}.inner", "unittest.mock.MagicMock object")
    kind.restore(before)
    assert sys.modules[f"{package}.inner"] is old


def test_a_removed_module_is_told_and_put_back(kind: ModulesKind, package: str) -> None:
    old = importlib.import_module(package)
    before = kind.snapshot()
    del sys.modules[package]
    assert [(change.name, change.after) for change in kind.diff(before, kind.snapshot())] == [(package, None)]
    kind.restore(before)
    assert sys.modules[package] is old


def test_a_dictionary_that_was_patched_and_put_back_is_as_it_was(kind: ModulesKind) -> None:
    before = kind.snapshot()
    with mock.patch.dict(sys.modules, isolane_stub=types.ModuleType("isolane_stub")):
        assert len(kind.diff(before, kind.snapshot())) == 1
    assert kind.diff(before, kind.snapshot()) == []


def test_a_weak_proxy_comes_and_goes_as_its_module_does(kind: ModulesKind) -> None:
    before = kind.snapshot()
    module = types.ModuleType("isolane_template")
    sys.modules["isolane_template"] = weakref.proxy(module, lambda _: sys.modules.pop("isolane_template", None))
    with_it = kind.snapshot()
    assert [change.level for change in kind.diff(before, with_it)] == [Level.HARMLESS]
    del module
    gc.collect()
    assert "isolane_template" not in sys.modules
    assert [change.level for change in kind.diff(with_it, kind.snapshot())] == [Level.HARMLESS]
    kind.restore(with_it)
    assert "isolane_template" not in sys.modules


def test_what_a_fixture_did_is_not_the_tests(kind: ModulesKind, package: str) -> None:
    old = importlib.import_module(package)
    initial = kind.snapshot()
    stub = types.ModuleType("isolane_stub")
    with mock.patch.dict(sys.modules, isolane_stub=stub):
        del sys.modules[package]
        pending = kind.rebase(initial, initial, kind.snapshot())
        sys.modules["isolane_moved.other"] = types.ModuleType("isolane_moved.other")
        kind.restore(pending)
        assert sys.modules["isolane_stub"] is stub
        assert package not in sys.modules
        assert "isolane_moved.other" not in sys.modules
    assert sys.modules[package] is old


def test_what_a_library_makes_with_itself_does_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "site-packages" / "isolane_library"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text(
        "import sys, types\n"
        "for name in ('isolane_library.native', 'isolane_library.native.floats', '_cython_9_9'):\n"
        "    sys.modules[name] = types.ModuleType(name)\n"
    )
    monkeypatch.syspath_prepend(library.parent)
    kind = ModulesKind()
    before = kind.snapshot()
    try:
        importlib.import_module("isolane_library")
        assert {change.level for change in kind.diff(before, kind.snapshot())} <= {Level.HARMLESS}
    finally:
        for name in [name for name in sys.modules if name.startswith(("isolane_library", "_cython_9_9"))]:
            del sys.modules[name]
