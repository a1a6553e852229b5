"""make's targets, run in a throw-away project with the interpreter of this very test."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[2]
MAKE = shutil.which("make")

pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")

PASSES = {
    "test_passes.py": """
        import os

        def test_no_make_around():
            assert [name for name in os.environ if name.startswith(("MAKE", "MFLAGS", "PROJECT", "ARGS"))] == []
        """
}
FLAKY = {
    "test_flaky.py": """
        import pathlib

        def test_every_other_time():
            seen = pathlib.Path("seen")
            seen.unlink() if seen.exists() else seen.touch()
            assert seen.exists()
        """
}


def make(project: Any, *arguments: str, code: int = 0, **environment: str) -> str:
    """Run the checkout's Makefile in the project; the environment it needs is there already."""
    done = subprocess.run(
        ["make", "-f", str(CHECKOUT / "Makefile"), f"VENV={sys.prefix}", "READY=", *arguments],
        cwd=project.path,
        env=project.environment | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.req("R5.3")
def test_pytest_is_serial_and_obeys_pytest_workers(project: Any) -> None:
    project.write(PASSES)

    assert "engine serial" in make(project, "pytest")
    assert "engine fork, 2 workers" in make(project, "pytest", PYTEST_WORKERS="2")
    assert "engine fork, 2 workers" in make(project, "pytest-parallel", PYTEST_WORKERS="2")
    assert "PYTEST_WORKERS=auto" in make(project, "pytest-parallel")


@pytest.mark.slow
def test_prove_ends_with_0_where_the_suite_is_proven(project: Any) -> None:
    printed = make(project.write(PASSES), "prove", f"PROJECT={project.path}", f"PYTHON={sys.executable}")

    assert "PROVEN" in printed
    assert "make" not in printed
    assert (project.path / "reports" / "proof.json").is_file()


@pytest.mark.slow
def test_prove_ends_with_1_where_it_is_not(project: Any) -> None:
    printed = make(project.write(FLAKY), "prove", f"PROJECT={project.path}", code=1)

    assert "INCONCLUSIVE" in printed
    assert "make" not in printed


def test_prove_of_what_is_not_there_is_an_error_of_make(project: Any) -> None:
    printed = make(project, "prove", f"PROJECT={project.path / 'nowhere'}", code=2)

    assert "nowhere does not exist" in printed
    assert "Error 4" in printed


@pytest.mark.slow
def test_arguments_reach_pytest_as_they_are_quoted(project: Any) -> None:
    project.write(PASSES)

    assert "1 passed" in make(project, "pytest", "ARGS=-k 'no_make and not other'")
    assert "1 deselected" in make(project, "pytest", "ARGS=-k 'other or more'", code=2)


def test_a_dry_run_runs_nothing(project: Any) -> None:
    printed = make(project.write(PASSES), "-n", "prove", f"PROJECT={project.path}")

    assert f"isolane prove {project.path}" in printed.replace('"', "")
    assert not (project.path / "reports").exists()


def test_help_names_every_target_and_every_session(project: Any) -> None:
    helped = set(re.findall(r"^  make ([a-z-]+)  ", make(project, "help"), re.MULTILINE))
    text = (CHECKOUT / "Makefile").read_text(encoding="utf-8")
    phony = {word for line in re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE) for word in line.split()}
    sessions = set(re.search(r"^SESSIONS := (.*)$", text, re.MULTILINE).group(1).split())  # type: ignore[union-attr]
    listed = subprocess.run(
        [sys.executable, "-m", "nox", "-f", str(CHECKOUT / "noxfile.py"), "-l"],
        env=project.environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    assert helped == (phony - {"proof", "$(SESSIONS)"}) | sessions | {"prove"}
    assert sessions == set(re.findall(r"^[*-] ([a-z-]*[a-z])", listed, re.MULTILINE)) - {"environment", "prove"}


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ("version_info", "isolane needs Python 3.10 or newer"),
        ("ensurepip", "it has no ensurepip: install python3-venv"),
    ],
)
def test_a_python_that_will_not_do_is_one_line(project: Any, lacks: str, said: str) -> None:
    python = project.path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *{lacks}*) exit 1;; esac\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    for name in ("requirements", "pyproject.toml"):
        (project.path / name).symlink_to(CHECKOUT / name)
    done = subprocess.run(
        ["make", "-f", str(CHECKOUT / "Makefile"), "setup", f"SETUP_PYTHON={python}"],
        cwd=project.path,
        env=project.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 2  # that line, and make's own
    assert not (project.path / ".venv").exists()
