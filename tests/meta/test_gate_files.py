"""The files that run this project's gate: they parse, and they fit each other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

CHECKOUT = Path(__file__).parents[2]
YAML_FILES = sorted((CHECKOUT / ".github").rglob("*.yml"))
LOCKED = re.compile(r"^(?P<name>[a-z0-9][a-z0-9.-]*)==(?P<version>\S+)(?: ; (?P<marker>.+?))? \\$", re.MULTILINE)


def load(name: str) -> Any:
    return yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))


def pyproject() -> Any:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    return tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", YAML_FILES, ids=lambda path: path.name)
def test_yaml_parses(path: Path) -> None:
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)


@pytest.mark.req("R1.2")
@pytest.mark.req("R4.1")
def test_ci_runs_every_session_in_parallel_on_every_python() -> None:
    workflow = load(".github/workflows/ci.yml")
    suite = workflow["jobs"]["suite"]

    assert workflow["env"]["PYTEST_WORKERS"] == "auto"
    assert suite["strategy"]["matrix"]["python"] == ["3.10", "3.11", "3.12", "3.13", "3.14"]
    assert "fromJSON" in suite["strategy"]["matrix"]["session"]
    supported = [one.rpartition(" ")[2] for one in pyproject()["project"]["classifiers"] if ":: 3." in one]
    assert suite["strategy"]["matrix"]["python"] == supported


@pytest.mark.req("R3.2")
def test_ci_keeps_coverage_html_and_reports() -> None:
    workflow = load(".github/workflows/ci.yml")
    kept = [
        step["with"]["path"]
        for job in workflow["jobs"].values()
        for step in job["steps"]
        if step.get("uses", "").startswith("actions/upload-artifact@")
    ]

    assert any("reports/" in paths for paths in kept)
    assert any("reports/coverage/" in paths for paths in kept)


def test_every_session_that_ci_names_is_there() -> None:
    text = (CHECKOUT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"nox -s ([a-z-]+)", text))
    listing = [sys.executable, "-m", "nox", "-f", str(CHECKOUT / "noxfile.py"), "-l"]
    listed = subprocess.run(listing, capture_output=True, text=True, check=True).stdout

    assert named
    assert named <= set(re.findall(r"^[*-] ([a-z-]*[a-z])", listed, re.MULTILINE))


@pytest.mark.req("R6.3")
def test_a_flaky_test_is_reported_with_what_is_needed_to_see_it() -> None:
    form = load(".github/ISSUE_TEMPLATE/flaky-test.yml")
    asked = {field["id"]: field for field in form["body"] if "id" in field}

    assert {"test", "frequency", "command", "alone", "proof"} <= asked.keys()
    assert asked["test"]["validations"]["required"]
    assert "PYTEST_WORKERS=1 pytest -k" in str(asked["alone"])


def test_the_gate_is_a_program_that_bash_can_read() -> None:
    gate = CHECKOUT / ".ci" / "run"

    assert os.access(gate, os.X_OK)
    subprocess.run(["bash", "-n", str(gate)], check=True)


def test_every_dependency_is_locked_at_a_version_that_fits() -> None:
    data = pyproject()
    groups = data["dependency-groups"]
    wanted = [
        *data["project"]["dependencies"],
        *(one for extra in data["project"]["optional-dependencies"].values() for one in extra),
        *(one for group in groups.values() for one in group if isinstance(one, str)),
        *data["build-system"]["requires"],
    ]
    locked: dict[str, list[Version]] = {}
    for match in LOCKED.finditer((CHECKOUT / "requirements" / "dev.txt").read_text(encoding="utf-8")):
        locked.setdefault(match["name"], []).append(Version(match["version"]))

    for requirement in map(Requirement, wanted):
        versions = locked.get(requirement.name.lower().replace("_", "-"), [])
        assert versions, f"{requirement} is not locked: make lock"
        assert all(version in requirement.specifier for version in versions), f"{requirement}: make lock"


@pytest.mark.parametrize("name", ["dev.txt", "uv.txt"])
def test_every_locked_package_has_hashes(name: str) -> None:
    lines = (CHECKOUT / "requirements" / name).read_text(encoding="utf-8").splitlines()
    packages = [number for number, line in enumerate(lines) if not line.startswith(" ")]

    assert packages
    assert all(re.match(r"    --hash=sha256:[0-9a-f]{64}", lines[number + 1]) for number in packages)


@pytest.mark.req("FR-1")
def test_xdist_and_randomly_are_in_the_dev_dependencies() -> None:
    names = {Requirement(one).name for one in pyproject()["dependency-groups"]["test"] if isinstance(one, str)}

    assert {"pytest-xdist", "pytest-randomly"} <= names
    assert {"include-group": "test"} in pyproject()["dependency-groups"]["dev"]


def test_the_changelog_can_be_built() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "0.1.0", "--date", "2000-01-01"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert "## 0.1.0 (2000-01-01)" in done.stdout
    assert "#2" in done.stdout
