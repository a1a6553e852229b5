"""Versions by the names of directories, and by importlib.metadata where these do not say all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from isolane.engines import distributions

NAMES = ("pytest", "pytest-xdist", "isolane")


def asked_in(directories: list[Path]) -> str:
    """Return what an interpreter answers that looks in these directories, and whether it has asked for metadata."""
    text = Path(distributions.__file__).read_text(encoding="utf-8")
    question = f"{text}\nprint(sorted(versions({NAMES}).items()), 'importlib.metadata' in sys.modules)"
    paths = f"import sys\nsys.path[:0] = {[str(one) for one in directories]}\nexec({question!r})"
    command = (sys.executable, "-I", "-S", "-c", paths)
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def install(directory: Path, name: str, version: str = "") -> None:
    """Write what a distribution's installation leaves beside its packages."""
    place = directory / name
    place.mkdir(parents=True)
    metadata = f"Metadata-Version: 2.1\nName: {name.partition('-')[0].partition('.')[0]}\nVersion: {version}\n"
    (place / ("METADATA" if name.endswith(".dist-info") else "PKG-INFO")).write_text(metadata, encoding="utf-8")


def test_what_pip_has_installed_is_known_by_its_directory_and_the_first_counts(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    install(first, "pytest_xdist-3.8.0.dist-info")
    install(first, "pytest_cov-7.0.dist-info")
    install(second, "pytest_xdist-2.0.dist-info")
    install(second, "Pytest-9.2.0.dist-info")

    assert asked_in([first, tmp_path / "none", second]) == "[('pytest', '9.2.0'), ('pytest-xdist', '3.8.0')] False"


@pytest.mark.parametrize("others", [["isolane.egg-info"], []])
def test_what_is_installed_otherwise_is_asked_for(tmp_path, others):
    for name in others:
        install(tmp_path, name, "0.1.0")
        install(tmp_path, "pytest-9.2.0.dist-info", "9.2.0")
    found = [("isolane", "0.1.0"), ("pytest", "9.2.0")] if others else []

    assert asked_in([tmp_path]) == f"{found} True"
