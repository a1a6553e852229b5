"""How isolane itself is called in a printed command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from isolane.usecases.suggestion import own_command


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program of an environment in which this isolane is taken to run; the PATH leads elsewhere."""
    program = tmp_path / "here" / ".venv" / "bin" / "isolane"
    _make_program(program)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.setattr(sys, "executable", str(program.with_name("python")))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return program


def _make_program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def test_it_is_called_by_its_name_where_the_path_leads_to_it(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(installed.parent))

    assert own_command() == ["isolane"]


def test_a_link_on_the_path_leads_to_it_too(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "isolane").symlink_to(installed)

    assert own_command() == ["isolane"]


def test_another_isolane_on_the_path_is_not_this_one(installed: Path, tmp_path: Path) -> None:
    _make_program(tmp_path / "isolane")

    assert own_command() == ["here/.venv/bin/isolane"]


def test_elsewhere_its_path_is_absolute(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert own_command() == [str(installed)]


def test_in_its_own_folder_a_bare_name_would_be_looked_for_on_the_path(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(installed.parent)

    assert own_command() == ["./isolane"]


def test_the_program_that_was_called_goes_before_the_one_beside_the_interpreter(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = tmp_path / "bin" / "isolane"
    _make_program(called)
    monkeypatch.setattr(sys, "argv", [str(called)])

    assert own_command() == ["bin/isolane"]


def test_without_a_program_it_is_called_by_its_interpreter(installed: Path) -> None:
    installed.unlink()

    assert own_command() == ["here/.venv/bin/python", "-m", "isolane"]
