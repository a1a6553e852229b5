"""The command that is printed for a plan, and how isolane itself is called in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from isolane.engines.interpreter import Interpreter
from isolane.model.plan import RunPlan
from isolane.usecases.suggestion import own_command, suggest
from isolane.usecases.workshop import Workshop

BARE, XDIST, BOTH = ("pytest",), ("pytest", "pytest-xdist"), ("pytest", "pytest-xdist", "isolane")


@pytest.mark.parametrize(
    ("installed_there", "engine", "command"),
    [
        (BOTH, None, "py -m pytest -n 2 --dist loadscope tests"),
        (BOTH, "xdist", "py -m pytest -n 2 --dist loadscope --isolane-engine xdist tests"),
        (BOTH, "fork", "py -m pytest -n 2 --dist loadscope --isolane-engine fork tests"),
        (XDIST, "xdist", "py -m pytest -n 2 --dist loadscope tests"),
        (XDIST, None, "run {project} --python py -n 2 -- tests"),
        (XDIST, "fork", "run {project} --python py -n 2 --engine fork -- tests"),
        (BARE, None, "run {project} --python py -n 2 -- tests"),
        (BARE, "xdist", "run {project} --python py -n 2 --engine xdist -- tests"),
    ],
)
def test_workers_are_those_of_the_engine_that_is_meant(
    installed_there: tuple[str, ...], engine: str | None, command: str, tmp_path: Path
) -> None:
    there = Interpreter("py", (3, 11, 0), dict.fromkeys(installed_there, "9"))
    plan = RunPlan(tmp_path, "py", ("tests",), workers=2, engine=engine)

    suggestion = suggest(Workshop(tmp_path, there, tmp_path / ".isolane", None), plan, ())

    assert suggestion.text.endswith(command.format(project=tmp_path))


def test_a_run_in_one_process_names_no_engine(tmp_path: Path) -> None:
    there = Interpreter("py", (3, 11, 0), dict.fromkeys(BOTH, "9"))
    plan = RunPlan(tmp_path, "py", ("tests",), engine="fork")

    assert "engine" not in suggest(Workshop(tmp_path, there, tmp_path / ".isolane", None), plan, ()).text


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
