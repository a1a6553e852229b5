"""An environment that has pytest and nothing of isolane, and stand-ins for interpreters."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

PYTEST_NEEDS = ("pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli", "typing_extensions")


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment in which nothing is installed."""
    return _new_environment(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="session")
def python_with_pytest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a virtual environment that has pytest with what it needs, by links to ours."""
    directory = tmp_path_factory.mktemp("with-pytest")
    python = _new_environment(directory)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(directory), "platbase": str(directory)}))
    for name in ("pytest", *PYTEST_NEEDS):
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # some are for older versions of Python alone
        for part in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            (packages / part).symlink_to(Path(str(distribution.locate_file(part))))
    return python


def _new_environment(directory: Path) -> Path:
    venv.EnvBuilder(with_pip=False, symlinks=True).create(directory)
    return directory / "bin" / "python"


@pytest.fixture
def stand_in(tmp_path: Path) -> Callable[..., Path]:
    """Make an executable file of that text, by default one that is our own interpreter."""

    def make(text: str | bytes = f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', path: str = "bin/stand-in") -> Path:
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        file.chmod(0o755)
        return file

    return make


@pytest.fixture
def clean_run() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a command without what this test run itself has in its environment for Python and pytest."""

    def run(*command: object, cwd: Path | None = None, **environment: object) -> subprocess.CompletedProcess[str]:
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYTEST", "ISOLANE", "COV"))}
        return subprocess.run(
            [str(word) for word in command],
            cwd=cwd,
            env={**inherited, **{name: str(value) for name, value in environment.items()}},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
