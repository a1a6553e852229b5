"""Every leak that is planted in ``planted`` is found and named, nothing else is, and nobody behind one meets it."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from isolane.model.explanation import Explained, line_of
from isolane.model.plan import EXPLANATIONS_NAME
from isolane.process_state.kinds import KINDS

PLANTED = Path(__file__).parent / "planted"
WITHOUT = "-p no:hypothesispytest -p no:randomly -p no:cacheprovider"
UNWARNED = ("-p", "no:warnings")
"""pytest's plugin puts the filters back after each test, so that no leak of one is ever left."""
FORK = ("-n", "2", "--isolane-engine", "fork", "--dist", "loadfile")
ENGINES = {
    "serial": ("-p", "no:xdist"),
    "fork": (*FORK, "--isolane-isolation", "none"),
    "fork-leak": (*FORK, "--isolane-isolation", "leak"),
    "xdist": ("-n", "2", "--isolane-engine", "xdist", "--dist", "loadfile"),
}
LINE = re.compile(
    r"^(?P<owner>fixture \S+ of \S+|\S+::\S+): (?P<kind>[a-z_]+) (?P<name>.+?): .* \((?:suspect|dangerous)\)$"
)


@dataclass(frozen=True)
class Plant:
    """A planted leak. gap: why it is not found, where it is known that it is not. only: see the marker."""

    test: str
    kind: str
    name: str
    gap: str = ""
    only: str = ""


def plants() -> list[Plant]:
    """Read the table: it is in the markers of the planted tests."""
    found = []
    for file in sorted(PLANTED.glob("test_*.py")):
        for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                for mark in function.decorator_list:
                    if isinstance(mark, ast.Call) and ast.unparse(mark.func).endswith("leaves"):
                        words = [ast.literal_eval(one) for one in mark.args]
                        more = {str(one.arg): ast.literal_eval(one.value) for one in mark.keywords}
                        found.append(Plant(f"{file.name}::{function.name}", *words, **more))
    return found


ALL = plants()
FINDABLE = [one for one in ALL if not one.gap and not one.only]
GAPS = [one for one in ALL if one.gap]


def marked_lines() -> dict[str, str]:
    """Return ``file:line`` of what each planted test does: the line ends with ``# leaks``.

    With a test's name behind it where that line is not in the test itself.
    """
    found = {}
    for file in sorted(PLANTED.rglob("*.py")):
        place = file.relative_to(PLANTED).as_posix()
        test = ""
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if line.startswith("def test_"):
                test = f"{place}::{line[4:].partition('(')[0]}"
            _, mark, of_another = line.partition("  # leaks")
            if mark:
                name = of_another.removeprefix(": ")
                found[f"test_project.py::{name}" if name else test] = f"{place}:{number}"
    return found


@dataclass
class Suite:
    """A copy of the planted suite, with a home and a temporary directory of its own."""

    path: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-rfE", "--isolane-leaks=report", *arguments],
            cwd=self.path,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    path = tmp_path / "planted"
    shutil.copytree(PLANTED, path, ignore=shutil.ignore_patterns("__pycache__", ".isolane"))
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    for name in ("there.txt", "gone.txt"):
        (path / name).write_text("there", encoding="utf-8")
    ours = ("PYTEST_", "ISOLANE_", "COV", "PYTHONHASHSEED", "LC_", "LANG")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    environment |= {
        "PYTEST_ADDOPTS": WITHOUT,
        "HOME": str(home),
        "TMPDIR": str(temporary),
        "TZ": "UTC",
        "PLANTED_HOME": str(home),
        "PLANTED_THERE": "there",
        "PLANTED_CLEARED": "there",
    }
    return Suite(path, environment)


def leaks_in(output: str) -> dict[str, set[tuple[str, str]]]:
    """Return kinds and names by who left them, of what is suspect or dangerous."""
    found: dict[str, set[tuple[str, str]]] = {}
    for line in output.splitlines():
        match = LINE.match(line)
        if match:
            found.setdefault(match["owner"], set()).add((match["kind"], match["name"]))
    return found


def is_found(plant: Plant, found: Mapping[str, set[tuple[str, str]]]) -> bool:
    return any(kind == plant.kind and fnmatchcase(name, plant.name) for kind, name in found.get(plant.test, ()))


def expected(plant: Plant) -> bool:
    """Whether it can be planted here."""
    return plant.test.partition("::")[0] != "test_numbers.py" or _has_numpy()


def _has_numpy() -> bool:
    import importlib.util

    return importlib.util.find_spec("numpy") is not None


def test_there_is_a_plant_for_each_kind() -> None:
    assert len(FINDABLE) >= 60
    assert set(KINDS) - {one.kind for one in FINDABLE} == {"caches"}  # those that a project names: they are emptied


@pytest.mark.parametrize("engine", ENGINES)
def test_every_planted_leak_is_named_and_nothing_else(suite: Suite, engine: str) -> None:
    """Where tests are kept apart, the victims run as well; elsewhere they would fail, as they should."""
    ended = suite.run(*UNWARNED, *ENGINES[engine], *(() if engine == "fork-leak" else ("-k", "not victim")))
    found = leaks_in(ended.stdout)
    named = {one.test for one in ALL}

    assert ended.returncode == 0, ended.stdout
    assert [one for one in FINDABLE if expected(one) and not is_found(one, found)] == [], ended.stdout
    assert {owner for owner in found if owner not in named} == {"fixture forgets of test_fixtures.py"}
    assert found["fixture forgets of test_fixtures.py"] == {("env", "PLANTED_BY_A_FIXTURE")}


@pytest.mark.parametrize("isolation", ["leak", "test"])
def test_nobody_meets_what_was_planted(suite: Suite, isolation: str) -> None:
    """Each planted test has one behind it, in its module, that fails where anything was left to it."""
    ended = suite.run(
        *UNWARNED, *FORK, f"--isolane-isolation={isolation}", "--isolane-leaks=off", "-k", "victim or leaves"
    )

    assert ended.returncode == 0, ended.stdout


def test_the_victims_are_able_to_fail(suite: Suite) -> None:
    """Without isolation nearly all do: what a victim cannot see, it does not prove."""
    ended = suite.run(*UNWARNED, "-p", "no:xdist", "test_project.py")
    failed = set(re.findall(r"^FAILED test_project\.py::(\w+)_victim", ended.stdout, re.MULTILINE))
    leaking = {one.test.partition("::")[2] for one in FINDABLE if one.test.startswith("test_project.py")}

    assert failed == leaking, ended.stdout


@pytest.mark.slow
def test_the_line_of_every_planted_leak_is_explained(suite: Suite, tmp_path: Path) -> None:
    """In one run, each test in a fork. The lines are marked in the planted source."""
    path = os.pathsep.join((str(Path(__file__).parent), suite.environment.get("PYTHONPATH", "")))
    suite.environment = {**suite.environment, "PYTHONPATH": path, "EXPLAIN_INTO": str(tmp_path)}
    ended = suite.run(
        *(*UNWARNED, "-p", "no:xdist", "-p", "explaining_plugin", "-s", "-m", "leaves", "--isolane-leaks=off")
    )
    told: dict[str, set[str]] = {}
    for text in (tmp_path / EXPLANATIONS_NAME).read_text(encoding="utf-8").splitlines():
        explained = Explained.from_plain(json.loads(text))
        line = line_of(explained.blame.since) if explained.blame else None
        told.setdefault(explained.leak.owner, set()).add(line.place if line else "nowhere")
    marked = marked_lines()
    findable = {one.test for one in ALL if not one.gap and expected(one)}

    assert ended.returncode == 0, ended.stdout
    assert findable <= marked.keys()
    assert {test: told.get(test) for test in findable} == {test: {marked[test]} for test in findable}


@pytest.mark.parametrize("engine", ["serial", "fork-leak"])
def test_tests_that_leave_nothing_are_not_named(suite: Suite, engine: str) -> None:
    """With pytest's own plugin for warnings, as most suites run."""
    ended = suite.run(*ENGINES[engine], "test_clean.py", "test_clean_module.py")

    assert ended.returncode == 0, ended.stdout
    assert "state left behind" not in ended.stdout


def test_a_stream_that_no_capture_puts_back(suite: Suite) -> None:
    (plant,) = (one for one in ALL if one.only == "-s")
    ended = suite.run("-s", *FORK, "test_uncaptured.py")

    assert ended.returncode == 0, ended.stdout
    assert is_found(plant, leaks_in(ended.stdout)), ended.stdout


@pytest.mark.parametrize(
    "plant",
    [pytest.param(one, marks=pytest.mark.xfail(strict=True, reason=one.gap)) for one in GAPS],
    ids=lambda plant: plant.test,
)
def test_a_known_gap(suite: Suite, plant: Plant) -> None:
    """What is planted and not found, with the reason why not; ``docs/leaks.md`` lists the same."""
    ended = suite.run("-p", "no:xdist", plant.test)

    if ended.returncode:
        pytest.fail(ended.stdout)
    assert plant.test in leaks_in(ended.stdout)
