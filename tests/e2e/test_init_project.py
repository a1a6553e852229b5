"""What ``isolane init`` writes works: sessions with an environment of their own, make targets, tox environments.

isolane is this checkout built as a wheel, which uv takes wherever isolane is asked for; everything else that is
installed comes from uv's cache, or from the package index.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
FILES = {
    "pyproject.toml": """
        [project]
        name = "fares"
        version = "1.0"

        [build-system]
        requires = ["hatchling"]
        build-backend = "hatchling.build"

        [dependency-groups]
        test = ["pytest-timeout"]

        [tool.pytest.ini_options]
        testpaths = ["tests"]
        timeout = 60
        """,
    "fares/__init__.py": """
        def fare(stops):
            return 2 + stops
        """,
    "tests/test_fares.py": """
        from fares import fare

        def test_fare():
            assert fare(3) == 5
        """,
    "tests/test_place.py": """
        import sys

        def test_environment_is_not_that_of_whoever_started_it(pytestconfig):
            assert sys.prefix.startswith(str(pytestconfig.rootpath))
        """,
}


pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    wheels = tmp_path_factory.mktemp("wheels")
    build = (sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(wheels))
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    return next(wheels.iterdir())


@pytest.fixture
def begun(project: Any, tmp_path: Path, wheel: Path) -> Any:
    """A fresh project after ``isolane init``, in a shell that knows of no nox, CI or coverage around it."""
    (project.path / "pytest.ini").unlink()
    override = tmp_path / "override.txt"
    override.write_text(f"isolane[coverage] @ {wheel.as_uri()}\n")
    strangers = ("NOX", "TOX", "COV", "UV_", "PYTEST_", "VIRTUAL_ENV")
    kept = {name: value for name, value in os.environ.items() if name != "CI" and not name.startswith(strangers)}
    project.environment = kept | {"UV_OVERRIDE": str(override)}
    return project.write(FILES)


def run(project: Any, *command: str, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=project.path,
        env=project.environment | (environment or {}),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_nox_makes_one_environment_for_all_sessions(begun: Any) -> None:
    run(begun, sys.executable, "-m", "isolane", "init")
    nox = (sys.executable, "-m", "nox")

    printed = run(begun, *nox, "-s", "parallel", "coverage-combine", environment={"ISOLANE_WORKERS": "2"})

    assert printed.count("2 passed") == 2
    assert printed.count("Creating virtual environment") == 1
    assert "threshold" not in printed
    assert (begun.path / "reports" / "coverage" / "html" / "index.html").is_file()

    again = run(begun, *nox, "-s", "serial")

    assert "Creating virtual environment" not in again
    assert "2 passed" in again


def test_tox_runs_the_same(begun: Any, tmp_path: Path) -> None:
    run(begun, sys.executable, "-m", "isolane", "init", "--tox")
    uv = (sys.executable, "-m", "uv")
    run(begun, *uv, "venv", str(tmp_path / "tox"))
    run(begun, *uv, "pip", "install", "--python", str(tmp_path / "tox"), "tox", "tox-uv")

    printed = run(begun, str(tmp_path / "tox" / "bin" / "tox"), "-e", "parallel,coverage-combine")

    assert "engine fork" in printed
    assert printed.count("2 passed") == 3
    assert (begun.path / "reports" / "coverage" / "trend.md").is_file()


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_targets_are_serial_by_default(begun: Any) -> None:
    (begun.path / "Makefile").write_text("include isolane.mk\n")
    printed = run(begun, sys.executable, "-m", "isolane", "init")
    assert "kept     Makefile" in printed
    (begun.path / "Makefile").write_text("all:\n")
    run(begun, sys.executable, "-m", "isolane", "init")
    (begun.path / "Makefile").write_text("include isolane.mk\n")
    here = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), begun.environment["PATH"]])}

    def make(*arguments: str, **environment: str) -> str:
        return run(begun, "make", *arguments, environment=here | environment)

    assert "engine serial" in make("pytest", "ARGS=-k test_fare")
    assert "engine fork, 2 workers" in make("pytest", "ARGS=-k test_fare", PYTEST_WORKERS="2")
    assert "nox -s stress -- 10 -k 'a or b'" in make("-n", "stress", "ARGS=10 -k 'a or b'")
