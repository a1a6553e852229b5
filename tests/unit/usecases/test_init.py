"""``isolane init``: what is written, what is kept, and what it reads from a project."""

from __future__ import annotations

import ast
from configparser import ConfigParser
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from isolane.model.errors import ProjectError
from isolane.usecases.init import init_project
from isolane.usecases.project_needs import find_needs

FILES = ["noxfile.py", ".coveragerc", "Makefile", ".github/workflows/tests.yml", "docs/testing.md"]


def written(project: Path, *, tox: bool = False) -> dict[str, bool]:
    return {str(one.path): one.written for one in init_project(project, tox=tox)}


def test_a_bare_project_gets_everything(tmp_path: Path) -> None:
    assert written(tmp_path) == dict.fromkeys(FILES, True)
    assert all((tmp_path / name).is_file() for name in FILES)


def test_tox_instead_of_nox(tmp_path: Path) -> None:
    assert next(iter(written(tmp_path, tox=True))) == "tox.ini"
    assert not (tmp_path / "noxfile.py").exists()
    assert "tox -e" in (tmp_path / "docs" / "testing.md").read_text()


@pytest.mark.parametrize("tox", [False, True])
def test_the_second_time_everything_is_kept(tmp_path: Path, tox: bool) -> None:
    written(tmp_path, tox=tox)
    before = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}

    assert set(written(tmp_path, tox=tox).values()) == {False}
    assert {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("name", FILES)
def test_no_file_is_overwritten(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("mine")

    lines = [str(one) for one in init_project(tmp_path, tox=False)]

    assert target.read_text() == "mine"
    kept = [line for line in lines if line.startswith("kept")]
    assert kept == ([] if name == "Makefile" else [f"kept     {name}  (was there already)"])


@pytest.mark.parametrize("name", ["Makefile", "makefile", "GNUmakefile"])
def test_a_makefile_is_told_what_to_include(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("all:\n")

    lines = [str(one) for one in init_project(tmp_path, tox=False)]

    assert f"written  isolane.mk  (put this line into {name}: include isolane.mk)" in lines
    assert (tmp_path / name).read_text() == "all:\n"


def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "noxfile.py").symlink_to(tmp_path / "elsewhere.py")

    assert written(tmp_path)["noxfile.py"] is False
    assert not (tmp_path / "elsewhere.py").exists()


def test_a_project_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is not a folder"):
        init_project(tmp_path / "nowhere", tox=False)


def test_a_broken_pyproject_is_one_line_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project\n")

    with pytest.raises(ProjectError, match=r"pyproject\.toml cannot be read"):
        init_project(tmp_path, tox=False)

    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


PYPROJECT = """
    [project]
    name = "bus"
    requires-python = ">=3.11.4,<3.14"

    [project.optional-dependencies]
    dev = ["ruff"]
    test = ["pytest"]

    [dependency-groups]
    testing = ["hypothesis"]

    [build-system]
    requires = ["hatchling"]
    """


def install_in(noxfile: Path) -> list[tuple[str, ...]]:
    """Return the value of ``install=`` in the noxfile's one call."""
    calls = [node for node in ast.walk(ast.parse(noxfile.read_text())) if isinstance(node, ast.Call)]
    return ast.literal_eval(calls[0].keywords[0].value)


def test_what_the_project_needs_is_installed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(dedent(PYPROJECT))
    (tmp_path / "requirements-test.txt").touch()

    init_project(tmp_path, tox=False)
    init_project(tmp_path, tox=True)

    assert install_in(tmp_path / "noxfile.py") == [
        ("-r", "requirements-test.txt"),
        ("--group", "testing"),
        ("-e", ".[test]"),
        ("isolane[coverage]", "pytest-randomly"),
    ]
    tox = ConfigParser(interpolation=None)
    tox.read(tmp_path / "tox.ini")
    assert tox["testenv"]["package"] == "editable"
    assert tox["testenv"]["extras"] == "test"
    assert tox["testenv"]["dependency_groups"] == "testing"
    assert tox["testenv"]["deps"].split() == ["-rrequirements-test.txt", "isolane[coverage]", "pytest-randomly"]


def test_a_folder_of_tests_alone_installs_no_project(tmp_path: Path) -> None:
    init_project(tmp_path, tox=True)

    assert "skip_install = true" in (tmp_path / "tox.ini").read_text()
    assert find_needs(tmp_path).pip_arguments == []


@pytest.mark.parametrize(
    ("requires", "expected"),
    [
        ("", ("3.10", "3.11", "3.12", "3.13", "3.14")),
        (">=3.11.4,<3.14", ("3.11", "3.12", "3.13")),
        (">=3.8", ("3.10", "3.11", "3.12", "3.13", "3.14")),
        (">=3.15", ("3.14",)),
        ("three", ("3.10", "3.11", "3.12", "3.13", "3.14")),
    ],
)
def test_pythons(tmp_path: Path, requires: str, expected: tuple[str, ...]) -> None:
    (tmp_path / "pyproject.toml").write_text(f'[project]\nname = "bus"\nrequires-python = "{requires}"\n')

    assert find_needs(tmp_path).pythons == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[tool.coverage.run]\nbranch = true\n"),
        ("setup.cfg", "[coverage:run]\nbranch = true\n"),
        ("tox.ini", "[coverage:report]\nfail_under = 90\n"),
    ],
)
def test_a_coverage_configuration_is_left_alone(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    assert ".coveragerc" not in written(tmp_path)


@pytest.mark.parametrize("tox", [False, True])
@pytest.mark.req("R1.2")
def test_the_workflow_runs_in_parallel_on_every_python(tmp_path: Path, tox: bool) -> None:
    init_project(tmp_path, tox=tox)
    workflow = yaml.safe_load((tmp_path / ".github" / "workflows" / "tests.yml").read_text())

    suite = workflow["jobs"]["suite"]
    assert suite["env"] == {"PYTEST_WORKERS": "auto"}
    assert suite["strategy"]["matrix"]["python"] == ["3.10", "3.11", "3.12", "3.13", "3.14"]
    assert any(step.get("uses", "").startswith("actions/upload-artifact@") for step in suite["steps"])
