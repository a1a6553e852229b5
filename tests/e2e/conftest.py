"""A throw-away project, and an interpreter to run it with."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from throwaway_project import Project, clean_environment


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """An empty project; ``write`` gives it files."""
    folder = tmp_path / "project"
    folder.mkdir()
    # A suite of its own, wherever the temporary directory is.
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return Project(folder, clean_environment())


@pytest.fixture
def bare_environment() -> Callable[[], dict[str, str]]:
    """The environment for processes that are not of a project."""
    return clean_environment


@pytest.fixture(scope="session")
def other_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An interpreter that has pytest, and neither isolane nor xdist: packages are linked, nothing is downloaded."""
    import importlib.metadata as metadata
    import sysconfig
    import venv

    home = tmp_path_factory.mktemp("other") / "venv"
    venv.create(home, symlinks=True, with_pip=False)
    target = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    wanted, done = ["pytest"], set()
    while wanted:
        name = wanted.pop()
        if name in done:
            continue
        done.add(name)
        distribution = metadata.distribution(name)
        for file in distribution.files or ():
            top = file.parts[0]
            source = Path(str(distribution.locate_file(top)))
            if top != ".." and source.exists() and not (target / top).exists():
                (target / top).symlink_to(source)
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement and ("python_version" not in requirement or sys.version_info < (3, 11)):
                needed = requirement.split(";")[0].strip()
                bare = "".join(c if c.isalnum() or c in "-_." else " " for c in needed).split()[0]
                if "sys_platform" not in requirement:
                    wanted.append(bare)
    return str(home / "bin" / "python")
