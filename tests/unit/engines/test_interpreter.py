"""Which interpreter runs a project's tests; each that cannot is one clear error."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from isolane.engines.interpreter import find_interpreter
from isolane.model.errors import ExitCode, ProjectError

StandIn = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without an environment of its own, and none active."""
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def refused(project: Path, python: str | Path | None) -> ProjectError:
    """Return the error, which is one for people: a line, with what to do, and pytest's code for a usage error."""
    with pytest.raises(ProjectError) as caught:
        find_interpreter(project, None if python is None else str(python))
    error = caught.value
    assert "\n" not in str(error)
    assert error.hint
    assert error.exit_code is ExitCode.USAGE_ERROR
    assert error.__cause__ is None
    return error


def answer(version: tuple[int, ...], **packages: str) -> str:
    """Return a stand-in that answers as an interpreter of that version would."""
    said = json.dumps({"version": version, "packages": packages})
    return f"#!/bin/sh\necho 'isolane-answer {said}'\n"


# -- found


def test_an_interpreter_tells_its_version_and_what_it_has(project: Path) -> None:
    found = find_interpreter(project, sys.executable)

    assert found.python == sys.executable
    assert found.version == sys.version_info[:3]
    assert found.packages["pytest"] == pytest.__version__
    assert found.has("isolane")
    assert found.has("pytest-xdist")
    assert not found.has("something-else")


def test_a_relative_path_is_meant_from_where_one_stands(
    project: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = stand_in(path="here/python")
    monkeypatch.chdir(path.parent)

    assert find_interpreter(project, "./python").python == str(path)


def test_a_path_may_begin_at_home(project: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stand_in(path="home/bin/python")
    monkeypatch.setenv("HOME", str(path.parents[1]))

    assert find_interpreter(project, "~/bin/python").python == str(path)


def test_a_name_is_looked_for_on_the_path(project: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    path = stand_in(path="bin/python-of-ours")
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")

    assert find_interpreter(project, "python-of-ours").python == str(path)


def test_a_link_is_called_by_its_own_name(project: Path, stand_in: StandIn) -> None:
    # A virtual environment's python is a link, and knows its place by the link's name.
    link = project / "link"
    link.symlink_to(stand_in())

    assert find_interpreter(project, str(link)).python == str(link)


def test_where_none_is_named_the_projects_own_comes_first(
    project: Path, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_interpreter(project, None).python == sys.executable

    active = stand_in(path="active/bin/python")
    monkeypatch.setenv("VIRTUAL_ENV", str(active.parents[1]))
    assert find_interpreter(project, None).python == str(active)

    plain = stand_in(path="project/venv/bin/python")
    assert find_interpreter(project, None).python == str(plain)

    hidden = stand_in(path="project/.venv/bin/python")
    assert find_interpreter(project, None).python == str(hidden)

    named = stand_in(path="named/python")
    assert find_interpreter(project, str(named)).python == str(named)


def test_an_empty_environment_variable_is_no_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "")

    assert find_interpreter(project, None).python == sys.executable


def test_what_an_interpreter_prints_when_it_starts_is_passed_over(project: Path, stand_in: StandIn) -> None:
    chatty = stand_in(f'#!/bin/sh\necho hello\necho isolane-answer? >&2\nexec "{sys.executable}" "$@"\n')

    assert find_interpreter(project, str(chatty)).version == sys.version_info[:3]


def test_the_interpreter_that_runs_this_is_known_as_it_would_tell_it_in_the_project(
    project: Path, stand_in: StandIn
) -> None:
    information = project / "pytest_randomly-0.0.1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: pytest-randomly\nVersion: 0.0.1\n")
    another = stand_in(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')

    known, asked = (find_interpreter(project, str(python)) for python in (sys.executable, another))

    assert known.packages == asked.packages
    assert known.version == asked.version
    assert known.packages["pytest-randomly"] == "0.0.1"


def test_the_oldest_versions_that_will_do(project: Path, stand_in: StandIn) -> None:
    found = find_interpreter(project, str(stand_in(answer((3, 10, 0), pytest="8.0.0"))))

    assert found.version == (3, 10, 0)
    assert not found.has("pytest-xdist")


@pytest.mark.parametrize("version", ["8.0.0rc1", "8.4", "10.0.1", "9.1.0.dev3+g0123abc"])
def test_versions_of_pytest_that_will_do(project: Path, stand_in: StandIn, version: str) -> None:
    assert find_interpreter(project, str(stand_in(answer((3, 12, 0), pytest=version)))).packages["pytest"] == version


# -- refused


def test_a_project_that_is_not_there(tmp_path: Path) -> None:
    error = refused(tmp_path / "nowhere", sys.executable)

    assert error.slug == "no-project"
    assert error.what == f"{tmp_path / 'nowhere'} does not exist."


def test_a_project_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    error = refused(tmp_path / "file", sys.executable)

    assert error.slug == "no-project"
    assert error.what == f"{tmp_path / 'file'} is not a folder."


def test_an_interpreter_that_is_not_there(project: Path) -> None:
    error = refused(project, "/no/such/python")

    assert error.slug == "no-interpreter"
    assert error.what == "/no/such/python is not there."
    assert "--python" in error.hint


def test_a_name_that_is_not_on_the_path(project: Path) -> None:
    error = refused(project, "no-such-python")

    assert error.slug == "no-interpreter"
    assert error.what == "There is no no-such-python on the PATH."


def test_a_folder_is_no_interpreter(project: Path) -> None:
    assert refused(project, project).slug == "no-interpreter"


def test_a_file_that_may_not_be_executed(project: Path, stand_in: StandIn) -> None:
    path = stand_in()
    path.chmod(0o644)

    error = refused(project, path)

    assert error.slug == "no-interpreter"
    assert error.what == f"{path} cannot be run: Permission denied."


def test_a_file_that_is_no_program(project: Path, stand_in: StandIn) -> None:
    path = stand_in(b"\x00\x01\x02 nothing")

    error = refused(project, path)

    assert error.slug == "no-interpreter"
    assert error.what == f"{path} cannot be run: Exec format error."


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho first\necho what is this\n", "what is this"),
        ("#!/bin/sh\necho out\necho something broke >&2\nexit 3\n", "something broke"),
        ("#!/bin/sh\nexit 3\n", "exit code 3"),
        ("#!/bin/sh\nexit 0\n", "exit code 0"),
        ("#!/bin/sh\nkill -KILL $$\n", f"exit code -{signal.SIGKILL.value}"),
        ("#!/bin/sh\necho not isolane-answer {}\n", "not isolane-answer {}"),
        ("#!/bin/sh\necho It ends with a full stop.\n", "It ends with a full stop"),
        (f"#!/bin/sh\necho {'x' * 300}\n", "x" * 200 + "…"),
    ],
    ids=["nonsense", "complains", "exits", "silent", "killed", "not at the start", "a sentence", "at length"],
)
def test_a_program_that_is_no_python(project: Path, stand_in: StandIn, text: str, said: str) -> None:
    path = stand_in(text)

    error = refused(project, path)

    assert error.slug == "no-interpreter"
    assert error.what == f"{path} is not a Python that isolane can use: {said}."


def test_a_program_that_prints_what_is_no_text(project: Path, stand_in: StandIn) -> None:
    assert refused(project, stand_in(b"#!/bin/sh\nprintf '\\377\\376\\200'\n")).slug == "no-interpreter"


def test_a_python_that_is_too_old(project: Path, stand_in: StandIn) -> None:
    path = stand_in(answer((3, 9, 25), pytest="8.4.0"))

    error = refused(project, path)

    assert error.slug == "old-python"
    assert error.what == f"{path} is Python 3.9.25; isolane needs 3.10 or newer."


def test_an_environment_without_pytest(project: Path, bare_python: Path) -> None:
    error = refused(project, bare_python)

    assert error.slug == "no-pytest"
    assert error.what == f"{bare_python} has no pytest."
    assert f"{bare_python} -m pip install pytest" in error.hint


@pytest.mark.parametrize("version", ["7.4.4", "4.6.11", "7.99"])
def test_a_pytest_that_is_too_old(project: Path, stand_in: StandIn, version: str) -> None:
    path = stand_in(answer((3, 12, 0), pytest=version))

    error = refused(project, path)

    assert error.slug == "old-pytest"
    assert error.what == f"{path} has pytest {version}; isolane needs 8.0 or newer."


def test_a_pytest_that_came_by_links_is_found(
    project: Path, python_with_pytest: Path, clean_run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    found = find_interpreter(project, str(python_with_pytest))

    assert found.packages == {"pytest": pytest.__version__}
    assert clean_run(python_with_pytest, "-m", "pytest", "--version").returncode == 0
