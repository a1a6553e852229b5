"""What a project's interpreter has to offer: asked of it once, unless it is the one that runs this."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from isolane.engines import distributions
from isolane.model.errors import ProjectError

_OLDEST_PYTHON = (3, 10)
_OLDEST_PYTEST = (8, 0)
_SECONDS = 60
_LONGEST_ANSWER = 200
_ASKED_FOR = ("pytest", "pytest-xdist", "pytest-randomly", "isolane")
_QUESTION = f"""
import json
found = versions({_ASKED_FOR})
print("isolane-answer", json.dumps({{"version": sys.version_info[:3], "packages": found}}))
"""


@dataclass(frozen=True)
class Interpreter:
    """An interpreter that can run pytest. python: how to call it. packages: versions of those isolane cares for."""

    python: str
    version: tuple[int, int, int]
    packages: Mapping[str, str]

    def has(self, package: str) -> bool:
        """Return whether a distribution is installed there."""
        return package in self.packages


def find_interpreter(project: Path, python: str | None) -> Interpreter:
    """Return the interpreter that runs the project's tests.

    python: a path or a program's name; where it is None, the project's own ``.venv`` or ``venv``, else the active
    virtual environment, else the one that isolane itself runs in. Raises :class:`ProjectError` where the project is
    no folder, where there is no such interpreter, it is too old, or has no pytest.
    """
    if not project.is_dir():
        state = "is not a folder" if project.exists() else "does not exist"
        raise ProjectError("no-project", f"{project} {state}.", "Name the folder that holds the project's tests.")
    called = _resolve(project, python)
    version, packages = _known(project) if _is_this_one(called) else _asked(called, project)
    if version < _OLDEST_PYTHON:
        raise ProjectError(
            "old-python",
            f"{called} is Python {'.'.join(map(str, version))}; isolane needs 3.10 or newer.",
            "Name a newer interpreter with --python.",
        )
    if "pytest" not in packages:
        raise ProjectError("no-pytest", f"{called} has no pytest.", f"Install it there: {called} -m pip install pytest")
    if _leading_numbers(packages["pytest"]) < _OLDEST_PYTEST:
        raise ProjectError(
            "old-pytest", f"{called} has pytest {packages['pytest']}; isolane needs 8.0 or newer.", "Upgrade it there."
        )
    return Interpreter(called, version, packages)


def _is_this_one(called: str) -> bool:
    """Return whether it is the interpreter that runs this, and finds in any folder what this one has found."""
    # Beside it, for an environment's python3 and python are one, and another environment's python is the same file.
    beside = os.path.dirname(called) == os.path.dirname(sys.executable)  # noqa: PTH120 - no link is to be followed
    if not beside or not Path(called).samefile(sys.executable):
        return False
    flags = sys.flags
    typed = flags.ignore_environment, flags.no_site, flags.no_user_site, getattr(flags, "safe_path", False)
    places = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return not any(typed) and all(map(os.path.isabs, places))


def _known(project: Path) -> tuple[tuple[int, int, int], dict[str, str]]:
    """Return version and packages of this interpreter, as it would tell them if it were started in the project."""
    found = distributions.versions(_ASKED_FOR, [str(project), *sys.path[1:]])
    return sys.version_info[:3], found


def _asked(called: str, project: Path) -> tuple[tuple[int, int, int], dict[str, str]]:
    """Return what another interpreter says of itself."""
    try:
        answer = subprocess.run(
            [called, "-c", Path(distributions.__file__).read_text(encoding="utf-8") + _QUESTION],
            cwd=project,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = error.strerror if isinstance(error, OSError) else f"no answer in {_SECONDS} seconds"
        raise ProjectError(
            "no-interpreter", f"{called} cannot be run: {reason}.", "Name the project's interpreter with --python."
        ) from None
    match = re.search(r"^isolane-answer (.*)$", answer.stdout, re.MULTILINE)
    if match is None:
        said = (answer.stderr.strip() or answer.stdout.strip() or f"exit code {answer.returncode}").splitlines()[-1]
        raise ProjectError(
            "no-interpreter",
            f"{called} is not a Python that isolane can use: {_cut(said)}.",
            "Name the project's interpreter with --python.",
        )
    found = json.loads(match.group(1))
    return tuple(found["version"]), found["packages"]


def _resolve(project: Path, python: str | None) -> str:
    if python:
        if os.sep in python:
            # Not resolved: a virtual environment's python is a link, and knows its place by the link's name.
            path = Path(python).expanduser()
            if not path.is_file():
                state = "is no program" if path.exists() else "is not there"
                raise ProjectError(
                    "no-interpreter", f"{python} {state}.", "Name the project's interpreter with --python."
                )
            return os.path.abspath(path)  # noqa: PTH100 - Path.resolve would follow the link
        found = shutil.which(python)
        if found is None:
            raise ProjectError(
                "no-interpreter", f"There is no {python} on the PATH.", "Name the project's interpreter with --python."
            )
        return found
    for environment in (project / ".venv", project / "venv", Path(os.environ.get("VIRTUAL_ENV", ""))):
        candidate = environment / "bin" / "python"
        if environment != Path() and candidate.is_symlink() and not candidate.exists():
            raise ProjectError(
                "no-interpreter",
                f"{candidate} is a link to a Python that is gone.",
                "Make the environment anew, or name the project's interpreter with --python.",
            )
        if environment != Path() and candidate.is_file():
            return os.path.abspath(candidate)  # noqa: PTH100 - as above
    return sys.executable


def _cut(text: str) -> str:
    whole = text.rstrip(".")
    return whole if len(whole) <= _LONGEST_ANSWER else f"{whole[:_LONGEST_ANSWER]}…"


def _leading_numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
