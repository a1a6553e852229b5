"""Code is told apart by where it lies: a library's, or the project's."""

from __future__ import annotations

import atexit
import json
import sys
import types
from pathlib import Path

import pytest

from isolane.process_state.origins import is_library, is_library_file, is_library_module


def own() -> None:
    pass


class Own:
    def method(self) -> None:
        pass


@pytest.mark.parametrize("module", [json, sys, atexit, pytest], ids=lambda module: module.__name__)
def test_modules_of_python_and_of_installed_packages_are_libraries(module: types.ModuleType) -> None:
    assert is_library_module(module)


def test_the_projects_modules_and_those_from_nowhere_are_not() -> None:
    assert not is_library_module(sys.modules[__name__])
    assert not is_library_module(types.ModuleType("json"))
    assert not is_library_module(None)


def test_a_virtual_environment_within_the_project_is_no_part_of_it(tmp_path: Path) -> None:
    assert is_library_file(str(tmp_path / ".venv" / "lib" / "site-packages" / "requests" / "api.py"))
    assert not is_library_file(str(tmp_path / "src" / "app.py"))


def test_functions_and_objects_are_of_where_their_code_is() -> None:
    assert is_library(json.dumps)
    assert is_library(len)
    assert is_library(Path())
    assert not is_library(own)
    assert not is_library(Own().method)
    assert not is_library(Own())
