"""``isolane init``: sessions, make targets, a CI workflow and a page on testing for a project that has none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Template

from isolane.model.errors import ProjectError
from isolane.usecases.project_needs import ProjectNeeds, find_needs

_TEMPLATES = Path(__file__).with_name("templates")
ISOLANE = ("isolane[coverage]", "pytest-randomly")
"""What the sessions need besides the project's own."""

_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")


@dataclass(frozen=True)
class InitFile:
    """One file. path: relative to the project. written: False where one was there, which is kept. note: what to do."""

    path: Path
    written: bool
    note: str = ""

    def __str__(self) -> str:
        """Return one line for the terminal."""
        line = f"{'written' if self.written else 'kept   '}  {self.path}"
        return f"{line}  ({self.note})" if self.note else line


def init_project(project: Path, *, tox: bool) -> list[InitFile]:
    """Write what the project lacks and return every file, in the order of writing; nothing is overwritten.

    tox: a tox.ini instead of a noxfile. Raises :class:`ProjectError` where ``project`` is not a folder, OSError
    where it cannot be written to.
    """
    if not project.is_dir():
        raise ProjectError("no-project", f"{project} is not a folder.", "Name the folder of your project.")
    needs = find_needs(project)
    return [_write(project, *one, values=_values(needs, tox=tox)) for one in _wanted(project, needs, tox=tox)]


def _wanted(project: Path, needs: ProjectNeeds, *, tox: bool) -> Iterator[tuple[str, str, str]]:
    """Yield path, template and note of every file."""
    if tox:
        yield "tox.ini", "tox.ini", ""
    else:
        yield "noxfile.py", "noxfile.py", ""
    if not needs.configures_coverage or (project / ".coveragerc").exists():
        yield ".coveragerc", "coveragerc", ""
    makefile = next((name for name in _MAKEFILES if (project / name).exists()), None)
    if makefile is None or _has_our_targets(project / makefile):
        yield makefile or "Makefile", "Makefile", ""
    else:
        yield "isolane.mk", "Makefile", f"put this line into {makefile}: include isolane.mk"
    yield ".github/workflows/tests.yml", "workflow-tox.yml" if tox else "workflow-nox.yml", ""
    yield "docs/testing.md", "testing.md", ""


def _has_our_targets(makefile: Path) -> bool:
    text = makefile.read_text(encoding="utf-8", errors="replace")
    return "pytest-parallel:" in text or "include isolane.mk" in text


def _write(project: Path, path: str, template: str, note: str, *, values: dict[str, str]) -> InitFile:
    target = project / path
    text = Template((_TEMPLATES / f"{template}.template").read_text(encoding="utf-8")).substitute(values)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return InitFile(Path(path), written=False, note=note or "was there already")
    return InitFile(Path(path), written=True, note=note)


def _values(needs: ProjectNeeds, *, tox: bool) -> dict[str, str]:
    calls = [*needs.pip_arguments, ISOLANE]
    lines = ["(" + ", ".join(f'"{argument}"' for argument in call) + ")," for call in calls]
    return {
        "nox_install": "\n".join(f"        {line}" for line in lines),
        "tox_package": "\n".join(needs.tox_settings),
        "tox_deps": "\n".join(f"    {one}" for one in [*(f"-r{name}" for name in needs.requirement_files), *ISOLANE]),
        "session": "tox -e" if tox else "nox -s",
        "pythons": "[" + ", ".join(f'"{version}"' for version in needs.pythons) + "]",
        "newest_python": needs.pythons[-1],
    }
