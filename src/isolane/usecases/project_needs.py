"""What a project's tests need to be installed, read from its files."""

from __future__ import annotations

import sys
from configparser import ConfigParser
from configparser import Error as ConfigError
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from isolane.model.errors import ProjectError

# pytest itself needs tomli where the standard library has none.
_toml: Any = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
_NAMES = ("test", "tests", "testing", "dev")
"""What projects call the extra, or the dependency group, that their tests need; the first that is there counts."""
_REQUIREMENT_FILES = (
    "requirements.txt",
    "requirements-test.txt",
    "requirements-dev.txt",
    "test-requirements.txt",
    "dev-requirements.txt",
    "requirements/test.txt",
    "requirements/dev.txt",
)


@dataclass(frozen=True)
class ProjectNeeds:
    """is_package: whether the project itself can be installed. extra, group: what to install with it, if any.

    pythons: those that the project allows and isolane supports, oldest first, at least one.
    """

    is_package: bool
    extra: str | None
    group: str | None
    requirement_files: tuple[str, ...]
    pythons: tuple[str, ...]
    configures_coverage: bool

    @property
    def pip_arguments(self) -> list[tuple[str, ...]]:
        """Return the arguments of each ``pip install``, in their order."""
        calls: list[tuple[str, ...]] = [("-r", name) for name in self.requirement_files]
        if self.group:
            calls.append(("--group", self.group))
        if self.is_package:
            calls.append(("-e", f".[{self.extra}]" if self.extra else "."))
        return calls

    @property
    def tox_settings(self) -> list[str]:
        """Return the lines of a tox environment that say the same, but for requirement files."""
        lines = ["package = editable"] if self.is_package else ["skip_install = true"]
        if self.is_package and self.extra:
            lines.append(f"extras = {self.extra}")
        if self.group:
            lines.append(f"dependency_groups = {self.group}")
        return lines


def find_needs(project: Path) -> ProjectNeeds:
    """Return what can be read from the project's files; raises :class:`ProjectError` for a broken pyproject.toml."""
    data = _pyproject(project)
    table = data.get("project", {})
    is_package = "build-system" in data or (project / "setup.py").is_file()
    return ProjectNeeds(
        is_package=is_package,
        extra=_first(table.get("optional-dependencies", {})) if is_package else None,
        group=_first(data.get("dependency-groups", {})),
        requirement_files=tuple(name for name in _REQUIREMENT_FILES if (project / name).is_file()),
        pythons=_pythons(str(table.get("requires-python", ""))),
        configures_coverage="coverage" in data.get("tool", {}) or _has_coverage_section(project),
    )


def _pyproject(project: Path) -> dict[str, Any]:
    path = project / "pyproject.toml"
    if not path.is_file():
        return {}
    try:
        return dict(_toml.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:  # what is wrong with the text, or with its encoding
        raise ProjectError("broken-pyproject", f"{path} cannot be read: {error}.", "Mend it first.") from None


def _first(table: dict[str, Any]) -> str | None:
    return next((name for name in _NAMES if name in table), None)


def _pythons(requires: str) -> tuple[str, ...]:
    try:
        allowed = SpecifierSet(requires)
    except InvalidSpecifier:
        return PYTHONS
    # A version's last release stands for all of it: 3.10.99 is allowed by >=3.10.4.
    return tuple(version for version in PYTHONS if allowed.contains(f"{version}.99")) or PYTHONS[-1:]


def _has_coverage_section(project: Path) -> bool:
    if (project / ".coveragerc").is_file():
        return True
    for name in ("setup.cfg", "tox.ini"):
        parser = ConfigParser(interpolation=None)
        try:
            parser.read(project / name, encoding="utf-8")
        except (ConfigError, UnicodeDecodeError):
            continue
        if any(section.startswith("coverage:") for section in parser.sections()):
            return True
    return False
