"""pytest-xdist's own tests, and what docs/xdist-compatibility.md says of each of them."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from downstream_preparation import Prepared, clean_environ
from downstream_suites import Suite
from xdist_probe import OUTCOMES

from isolane.engines.overlay import make_overlay, python_path

PAGE = Path(__file__).parents[2] / "docs" / "xdist-compatibility.md"
SUITE = Suite(
    name="pytest-xdist",
    version="3.8.0",
    sha256="7e578125ec9bc6050861aa93f2d59f1d8d085595d6551c2c90b6f4fad8d3a9f1",
    special="",
    python=(3, 10),
    quick=False,
    seconds=3600,
    arguments=("testing",),
    requirements=(
        "exceptiongroup==1.3.1 ; python_full_version < '3.11'",
        "execnet==2.1.2",
        "filelock==4.1.0 ; python_full_version < '3.11'",
        "filelock==4.2.11 ; python_full_version >= '3.11'",
        "iniconfig==2.3.1",
        "packaging==26.3",
        "pexpect==4.9.0",
        "pip==26.3",
        "pluggy==1.7.0",
        "psutil==7.2.2",
        "ptyprocess==0.7.0",
        "pygments==2.21.0",
        "pytest-timeout==2.4.0",
        "pytest==8.4.2",
        "setuptools-scm==10.3.4",
        "setuptools==84.2.1",
        "tomli==2.5.0 ; python_full_version < '3.11'",
        "typing-extensions==4.16.0 ; python_full_version < '3.11'",
        "vcs-versioning==2.6.0",
    ),
    tests=212,
    verdicts=("proven",),
)
"""With the newest pytest of its time: of 3.8.0's own tests, seven fail under pytest 9.2, whatever runs them."""

PASSES = "passes"
CHANGED = "passes, changed"
NO_WORKERS = "passes, no workers"
OVER_XDIST = "passes over xdist"
FAILS = "fails"
NOT_APPLICABLE = "does not apply"
VERDICTS = (PASSES, CHANGED, NO_WORKERS, OVER_XDIST, FAILS, NOT_APPLICABLE)

_ROW = re.compile(r"^\| `(?P<test>\w+\.py(?:::[^`]+)?)` \| (?P<verdict>[^|]+?) \|(?: (?P<why>.*?) \|)?$", re.MULTILINE)
_CHANGE = re.compile(r"`` (?P<old>.+?) `` → `` (?P<new>.+?) ``")


@dataclass(frozen=True)
class Row:
    """What the page says of a test, or of all tests of a class or a file.

    test: a node id below ``testing/``, or its beginning. changes: text of the test, and what stands there instead
    for the row to be true.
    """

    test: str
    verdict: str
    why: str
    changes: tuple[tuple[str, str], ...] = ()

    def covers(self, node_id: str) -> bool:
        """Return whether the row is about the test."""
        return node_id == self.test or (node_id.startswith(self.test) and node_id[len(self.test)] in "[:")


def read_page(page: Path = PAGE) -> list[Row]:
    """Return the rows of the page's tables.

    Raises ``ValueError`` for a verdict that is none, for changes where there should be none, and for none where there
    should be some.
    """
    rows = []
    for match in _ROW.finditer(page.read_text(encoding="utf-8")):
        why = match["why"] or ""
        changes = tuple((change["old"], change["new"]) for change in _CHANGE.finditer(why))
        row = Row(match["test"], match["verdict"], why, changes)
        if row.verdict not in VERDICTS:
            raise ValueError(f"{row.test}: {row.verdict!r} is not one of {VERDICTS}")
        if bool(changes) != (row.verdict == CHANGED):
            raise ValueError(f"{row.test}: {row.verdict!r} with {len(changes)} changes")
        if not why and row.verdict not in (PASSES, NO_WORKERS):
            raise ValueError(f"{row.test}: {row.verdict!r} without a reason")
        rows.append(row)
    return rows


def row_of(node_id: str, rows: Iterable[Row]) -> Row | None:
    """Return the row that says most exactly what the test is."""
    return max((row for row in rows if row.covers(node_id)), key=lambda row: len(row.test), default=None)


def change_test(source: str, row: Row) -> str:
    """Return a test file's text with the changes made in the test that the row is about.

    Raises ``ValueError`` where the text to be changed is not there exactly once.
    """
    names = row.test.partition("[")[0].split("::")[1:]
    node: ast.AST = ast.parse(source)
    for name in names:
        node = next(child for child in ast.iter_child_nodes(node) if getattr(child, "name", None) == name)
    assert isinstance(node, ast.FunctionDef)
    lines = source.splitlines(keepends=True)
    text = "".join(lines[node.lineno - 1 : node.end_lineno])
    for old, new in row.changes:
        if text.count(old) != 1:
            raise ValueError(f"{row.test}: {old!r} is there {text.count(old)} times")
        text = text.replace(old, new)
    return "".join([*lines[: node.lineno - 1], text, *lines[node.end_lineno :]])


class Noted(TypedDict):
    """What became of a test. engines: of the recorded runs inside it."""

    outcome: str
    engines: list[str]


@dataclass(frozen=True)
class Acceptance:
    """xdist's tests, changed as the page says, in a folder of their own."""

    prepared: Prepared
    folder: Path
    overlays: Path

    @property
    def suite(self) -> Path:
        """Return where the tests are: apart from where they run, which must not lie below somebody's ini file."""
        return self.folder / "suite"

    def copy_tests(self, rows: Iterable[Row]) -> None:
        """Copy the tests into the folder, and change them."""
        shutil.copytree(self.prepared.source / "testing", self.suite / "testing")
        shutil.copy(self.prepared.source / "pyproject.toml", self.suite)
        for row in rows:
            if row.changes:
                file = self.suite / "testing" / row.test.partition("::")[0]
                file.write_text(change_test(file.read_text(encoding="utf-8"), row), encoding="utf-8")

    def collect(self) -> list[str]:
        """Return the node ids of all tests, without ``testing/``."""
        printed = self._pytest("xdist", "--collect-only", "-q", "testing").stdout
        return [line.removeprefix("testing/") for line in printed.splitlines() if "::" in line]

    def run(self, engine: str, node_ids: Sequence[str]) -> Mapping[str, Noted]:
        """Run tests with ISOLANE_ENGINE; return for each its ``outcome`` and the ``engines`` of the runs inside it."""
        outcomes = self.folder / f"outcomes-{engine}.json"
        tests = [f"testing/{node_id}" for node_id in node_ids]
        done = self._pytest(engine, "--tb=short", f"--basetemp={self.folder / f'in-{engine}'}", "--timeout=300", *tests)
        print(done.stdout)
        noted = json.loads(outcomes.read_text(encoding="utf-8"))
        return {node_id.removeprefix("testing/"): one for node_id, one in noted.items()}

    def _pytest(self, engine: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        overlay = make_overlay(self.overlays, with_xdist=False)
        environ = {
            "PYTHONPATH": python_path(overlay, str(Path(__file__).parent)),
            "ISOLANE_ENGINE": engine,
            OUTCOMES: str(self.folder / f"outcomes-{engine}.json"),
        }
        return subprocess.run(
            [str(self.prepared.python), "-m", "pytest", "-p", "xdist_probe", "-p", "no:cacheprovider", *arguments],
            cwd=self.suite,
            env=clean_environ(environ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
