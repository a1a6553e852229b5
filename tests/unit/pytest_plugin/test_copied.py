"""What a run in a copy of a project imports comes from the copy."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from isolane.pytest_plugin.hunt.copied import import_from_copy


def test_packages_of_an_editable_installation_come_from_the_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    (copy / "fares").mkdir(parents=True)
    module = ModuleType("editable_finder_of_fares")
    elsewhere = {"gone": str(original / "gone"), "other": "/elsewhere"}
    module.__dict__["MAPPING"] = {"fares": str(original / "fares"), **elsewhere}
    of_setuptools = type("Finder", (), {"__module__": module.__name__})
    of_hatch = type("Redirecting", (), {"_redirections": {"fares": str(original / "fares")}})
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, of_setuptools, of_hatch])
    monkeypatch.setattr(sys, "path", [*sys.path, str(original / "fares")])

    import_from_copy(str(original), str(copy))

    assert vars(module)["MAPPING"] == {"fares": str(copy / "fares"), **elsewhere}
    assert vars(of_hatch)["_redirections"] == {"fares": str(copy / "fares")}
    assert sys.path[-1] == str(copy / "fares")
