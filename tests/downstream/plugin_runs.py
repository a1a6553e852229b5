"""Nested suites that use a plugin for what it is for, run over xdist's workers and over forked ones."""

from __future__ import annotations

import os
import re
import subprocess
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

from downstream_preparation import cache_folder, clean_environ, prepare_environment

from isolane.engines.overlay import make_overlay, python_path

HERE = Path(__file__).parent
AGES = ("newest", "oldest")
"""Of the pinned environments: everything as new as can be, and pytest 8.4.0, xdist 3.6.1 and plugins of their time."""
ENGINES = {"xdist": "xdist", "fork": "auto"}
"""What is asked for to get an engine: nothing needs to be asked for to be forked."""
_SECONDS = re.compile(r"\b\d+\.\d+ ?s\b")


@dataclass(frozen=True)
class Run:
    """What a run came to. folder: the suite's, with what the run wrote. outcomes: by test, from the JUnit file."""

    folder: Path
    code: int
    output: str
    outcomes: Mapping[str, str]

    def lines(self, pattern: str) -> list[str]:
        """Return the printed lines in which the pattern is found, without times and trailing blanks."""
        found = (line.rstrip() for line in self.output.splitlines() if re.search(pattern, line))
        return [_SECONDS.sub("N s", line) for line in found]

    def counts(self) -> str:
        """Return the last line's counts, as ``2 failed, 1 passed``."""
        [line] = self.lines(r"^=+ .* in (N|\d+\.\d+) ?s")
        return line.strip("= ").rpartition(" in ")[0]

    def properties(self, name: str) -> dict[str, str]:
        """Return what ``record_property`` recorded under the name, by test."""
        found = {}
        for case in ElementTree.parse(self.folder / "junit.xml").iter("testcase"):
            for one in case.iter("property"):
                if one.get("name") == name:
                    found[str(case.get("name"))] = str(one.get("value"))
        return found


@dataclass(frozen=True)
class Laboratory:
    """An environment in which nested suites run. python: its interpreter. overlay: isolane, for PYTHONPATH."""

    python: Path
    overlay: Path
    folder: Path

    def write(self, name: str, files: Mapping[str, str]) -> Path:
        """Write a suite into a folder of that name."""
        folder = self.folder / name
        for path, text in files.items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text), encoding="utf-8")
        return folder

    def both(self, files: Mapping[str, str], *arguments: str, plugins: str = "") -> tuple[Run, Run]:
        """Run the suite, written anew for each, over xdist's workers and over forked ones."""
        xdist, fork = (
            self.pytest(self.write(engine, files), engine, *arguments, plugins=plugins) for engine in ENGINES
        )
        return xdist, fork

    def pytest(
        self, folder: Path, engine: str, *arguments: str, plugins: str = "", environ: Mapping[str, str] | None = None
    ) -> Run:
        """Run ``pytest -n 2``; a fork that was not possible is an error.

        plugins: the entry points' names of those that are loaded beside xdist's and isolane's; ``all``: every one.
        """
        asked = ENGINES[engine]
        loaded = [] if plugins == "all" else [f"-p{name}" for name in ("xdist", *plugins.split(), "isolane")]
        run = self.python_run(
            folder,
            *("-m", "pytest", *loaded, "-n2", f"--isolane-engine={asked}", "--junitxml=junit.xml", *arguments),
            autoload=plugins == "all",
            environ=environ,
        )
        assert f"isolane: engine {engine}" in run.output, run.output
        assert "after all" not in run.output, run.output
        return run

    def python_run(
        self, folder: Path, *arguments: str, autoload: bool = False, environ: Mapping[str, str] | None = None
    ) -> Run:
        """Run the environment's interpreter in a suite's folder."""
        (folder / "junit.xml").unlink(missing_ok=True)
        variables = {
            "PYTHONPATH": python_path(self.overlay, str(folder)),
            "COLUMNS": "120",
            "ISOLANE_RECORD": "off",
            **(environ or {}),
            **({} if autoload else {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}),
        }
        done = subprocess.run(
            [str(self.python), *arguments],
            cwd=folder,
            env=clean_environ(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=60,
        )
        print(f"$ {' '.join(arguments)}\n{done.stdout}")
        return Run(folder, done.returncode, done.stdout, _outcomes(folder / "junit.xml"))


def laboratory(age: str, folder: Path) -> Laboratory:
    """Return an environment of that age; it is installed when it is first asked for."""
    cache = cache_folder()
    python = prepare_environment(HERE / f"plugins-{age}.txt", cache)
    return Laboratory(python, make_overlay(cache / "overlays", with_xdist=False), folder)


def alike(first: Run, second: Run) -> None:
    """Assert that two runs ended the same, test by test."""
    assert second.outcomes == first.outcomes
    assert first.outcomes
    assert second.code == first.code
    assert second.counts() == first.counts()


def _outcomes(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    outcomes: dict[str, str] = {}
    for case in ElementTree.parse(file).iter("testcase"):
        marks = [child.tag for child in case if child.tag in ("failure", "error", "skipped")]
        outcomes[f"{case.get('classname')}::{case.get('name')}"] = "+".join(marks) or "passed"
    return outcomes


def names_in(folder: Path) -> set[str]:
    """Return the files below a folder, but caches and pytest's own."""
    left_out = ("__pycache__", ".pytest_cache", "junit.xml", ".isolane", ".hypothesis")
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {os.fspath(path) for path in paths if not set(path.parts) & set(left_out)}
