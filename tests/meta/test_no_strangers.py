"""No file of the project names the machine it was made on, a package registry, or a shared path."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
REGISTRIES = re.compile(r"pypi\.(?:org|python\.org)|pythonhosted|(?:^|\s)(?:--(?:extra-)?index-url|--find-links)[ =]\S")
HOMES = re.compile(r"(?<![\w.])/(?:root|home/[a-z]\w*|Users/[A-Za-z]\w*)/|[A-Z]:\\Users\\")
SHARED = re.compile(r"""["'](?:/var)?/tmp\b(?!/pytest-of-)|gettempdir\(\)|tempfile\.tempdir|["']/dev/shm\b""")


def project_files() -> list[Path]:
    """Return every file that is, or could be, committed; without git, every file of the source tree."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode == 0:
        files = [CHECKOUT / name for name in listing.stdout.split("\0") if name]
    else:
        files = [path for folder in ("src", "tests", "docs") for path in (CHECKOUT / folder).rglob("*")]
    return [path for path in files if path.is_file() and path != Path(__file__)]


def lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    found = []
    for path in files:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if pattern.search(line):
                found.append(f"{path.relative_to(CHECKOUT)}:{number}: {line.strip()[:100]}")
    return found


def test_there_is_something_to_look_at() -> None:
    names = {str(path.relative_to(CHECKOUT)) for path in project_files()}

    assert {"pyproject.toml", "noxfile.py", "requirements/dev.txt"} <= names


def test_no_machine_path() -> None:
    # A checkout in the temporary directory lies in a folder that any test may name.
    outside = CHECKOUT if Path(tempfile.gettempdir()) == CHECKOUT.parent else CHECKOUT.parent
    here = re.escape(f"{outside}/") if outside != Path("/") else "(?!)"

    assert lines_with(re.compile(f"{HOMES.pattern}|(?<![\\w.]){here}"), project_files()) == []


def test_no_registry_host() -> None:
    assert lines_with(REGISTRIES, project_files()) == []


@pytest.mark.req("R2.1")
def test_no_test_uses_a_path_that_all_share() -> None:
    tests = [path for path in project_files() if path.suffix == ".py" and "src" not in path.parts]

    assert lines_with(SHARED, tests) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (HOMES, "see /home/somebody/project/x.py"),
        (HOMES, "C:\\Users\\Somebody"),
        (REGISTRIES, "--index-url https://registry.example/simple"),
        (REGISTRIES, "https://files.pythonhosted.org/packages"),
        (SHARED, "path = '/tmp/shared'"),
        (SHARED, "Path(tempfile.gettempdir())"),
    ],
)
def test_what_is_looked_for_would_be_found(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [(HOMES, "docs/home/page.md"), (REGISTRIES, "fetched from PyPI"), (SHARED, "tmp_path / 'tmp'")],
)
def test_what_is_harmless_is_not_found(pattern: re.Pattern[str], line: str) -> None:
    assert not pattern.search(line)
