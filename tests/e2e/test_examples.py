"""The two examples, run as their readers would run them: one is not safe, the other is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parents[1] / "examples"
COUNTS = {"test_learning": 9, "test_integration": 8, "test_idempotency": 6, "test_global_aggregation": 10}
IN_FILE_ORDER = ("-p", "no:randomly")
SHELL = {"BMTC_N0": "1", "BMTC_MAPMATCH_MIN_CONF": "0", "BMTC_API_KEY": "shell-key", "BMTC_DB_PATH": "/no/such/db"}
"""Variables of somebody who has the service configured in the shell that runs the tests."""

REMEDIES = {"settings": 7, "environment": 3, "rows": 4}
"""How many of the unsafe example's failures each cause has to itself (transit_eta_remedy takes one away)."""


@dataclass(frozen=True)
class Run:
    """What a run of pytest said about each test, by ``module::name``: its outcome, its message, its output."""

    exit_code: int
    tests: Mapping[str, tuple[str, str, str]]

    @property
    def failing(self) -> set[str]:
        return {name for name, (outcome, _, _) in self.tests.items() if outcome != "passed"}

    def counts(self) -> dict[str, int]:
        modules = [name.partition("::")[0] for name in self.tests]
        return {module: modules.count(module) for module in modules}

    def of(self, module: str) -> dict[str, tuple[str, str, str]]:
        return {name: told for name, told in self.tests.items() if name.startswith(f"{module}::")}


class Example:
    """A copy of an example, so that the checkout stays as it is, and what its runs leave behind can be seen."""

    def __init__(self, name: str, directory: Path) -> None:
        self.folder = directory / name
        self._directory = directory
        shutil.copytree(
            EXAMPLES / name, self.folder, ignore=shutil.ignore_patterns("__pycache__", ".*", "reports", "htmlcov")
        )

    def run(self, *arguments: str, **environment: str) -> Run:
        """Run pytest in the example. Plugins from this folder can be loaded with ``-p``."""
        outside = Path(tempfile.mkdtemp(dir=self._directory))
        report = outside / "junit.xml"
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "ISOLANE_", "BMTC_"))
        }
        path = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])
        places = (f"--basetemp={outside / 'temporary'}", f"--junitxml={report}", "-p", "no:cacheprovider")
        quick_start = ("-p", "no:hypothesispytest", "-p", "no:rerunfailures")  # unused here, and half of a start
        process = subprocess.run(
            [sys.executable, "-m", "pytest", *places, *quick_start, *arguments],
            cwd=self.folder,
            env={**inherited, "PYTHONPATH": path, "ISOLANE_RECORD": "off", **environment},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert process.returncode in (0, 1), process.stdout + process.stderr
        return Run(process.returncode, dict(_told(case) for case in ElementTree.parse(report).iter("testcase")))

    def run_each(self, runs: Sequence[Sequence[str]]) -> list[Run]:
        """Run several at once, two at a time; nothing in one may be seen by another."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            return list(pool.map(lambda arguments: self.run(*arguments), runs))

    def files(self) -> set[str]:
        return {
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and "__pycache__" not in path.parts
        }


def _told(case: ElementTree.Element) -> tuple[str, tuple[str, str, str]]:
    name = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name')}"
    problem = next((child for child in case if child.tag in ("failure", "error", "skipped")), None)
    output = "".join(child.text or "" for child in case if child.tag.startswith("system-"))
    if problem is None:
        return name, ("passed", "", output)
    return name, (problem.tag, problem.get("message", ""), output)


@dataclass(frozen=True)
class Probed:
    """The isolated example in parallel: its outcomes, and what was to be seen around each test."""

    run: Run
    tests: list[dict[str, Any]]
    caches_at_the_end: list[list[str]]

    def of(self, module: str) -> list[dict[str, Any]]:
        return [seen for seen in self.tests if seen["module"] == module]


@pytest.fixture(scope="module")
def unsafe(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return Example("transit_eta", tmp_path_factory.mktemp("unsafe"))


@pytest.fixture(scope="module")
def isolated(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return Example("transit_eta_isolated", tmp_path_factory.mktemp("isolated"))


@pytest.fixture(scope="module")
def together(unsafe: Example) -> Run:
    return unsafe.run()


@pytest.fixture(scope="module")
def serial(isolated: Example) -> Run:
    return isolated.run(*IN_FILE_ORDER)


@pytest.fixture(scope="module")
def probed(isolated: Example, tmp_path_factory: pytest.TempPathFactory) -> Probed:
    file = tmp_path_factory.mktemp("probe") / "seen.jsonl"
    arguments = ("-n", "2", "--dist", "loadfile", "-p", "transit_eta_probe", *IN_FILE_ORDER)
    run = isolated.run(*arguments, PROBE=str(file), **SHELL)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    return Probed(
        run,
        [line for line in lines if "module" in line],
        [line["caches_at_the_end"] for line in lines if "caches_at_the_end" in line],
    )


def test_unsafe_modules_pass_alone_and_fail_together_in_the_same_way_each_time(unsafe: Example, together: Run) -> None:
    files = unsafe.files()
    again, *alone = unsafe.run_each([(), *((f"tests/{module}.py",) for module in COUNTS)])
    assert [run.exit_code for run in alone] == [0, 0, 0, 0]
    assert [len(run.tests) for run in alone] == list(COUNTS.values())
    assert together.counts() == COUNTS
    assert together.exit_code == 1
    assert again.failing == together.failing
    assert unsafe.files() == files


def test_unsafe_has_victims_of_each_of_the_three_causes_and_of_nothing_else(unsafe: Example, together: Run) -> None:
    with ThreadPoolExecutor(max_workers=2) as pool:
        runs = list(pool.map(lambda cause: unsafe.run("-p", "transit_eta_remedy", REMEDY=cause), REMEDIES))
    victims = {cause: together.failing - run.failing for cause, run in zip(REMEDIES, runs, strict=True)}
    assert {cause: len(names) for cause, names in victims.items()} == REMEDIES
    assert set().union(*victims.values()) == together.failing
    assert all(run.failing < together.failing for run in runs), "a remedy makes no test fail that passed"


@pytest.mark.req("AC1")
def test_isolated_passes_in_parallel(probed: Probed, unsafe: Example, together: Run) -> None:
    assert probed.run.exit_code == 0
    assert probed.run.failing == set()
    assert probed.run.counts() == COUNTS
    assert len({seen["worker"] for seen in probed.tests}) == 2
    assert probed.run.tests.keys() == together.tests.keys(), "before and after have the same tests"


@pytest.mark.req("AC3")
def test_isolated_module_alone_gives_what_it_gives_in_the_full_run(isolated: Example, serial: Run) -> None:
    files = isolated.files()
    runs = isolated.run_each([(f"tests/{module}.py", *IN_FILE_ORDER) for module in COUNTS])
    assert serial.exit_code == 0
    for module, run in zip(COUNTS, runs, strict=True):
        assert run.tests == serial.of(module)
        assert len(run.tests) == COUNTS[module]
    assert isolated.files() == files


@pytest.mark.req("AC5")
def test_isolated_passes_in_any_order(isolated: Example) -> None:
    runs = isolated.run_each([(f"--randomly-seed={seed}",) for seed in (1, 2, 12345)])
    assert [run.exit_code for run in runs] == [0, 0, 0]
    assert all(run.counts() == COUNTS for run in runs)
    assert len({tuple(run.tests) for run in runs}) == 3, "three orders"


@pytest.mark.req("AC4")
@pytest.mark.req("FR-5")
def test_environment_is_seen_by_no_other_test(probed: Probed) -> None:
    """Neither what a test sets nor what the shell has set: each test finds the shell's, and works without them."""
    assert len(probed.tests) == sum(COUNTS.values())
    for seen in probed.tests:
        assert seen["environment_before"] == SHELL
        if seen["module"] == "test_integration":
            assert seen["environment"] == {"BMTC_API_KEY": "integration-key", "BMTC_DB_PATH": seen["file"]}
        else:
            assert seen["environment"] == {}


@pytest.mark.req("FR-3")
def test_settings_come_by_fixture(probed: Probed) -> None:
    """Each module has the four values that it asks for, and only the deployed service fills the settings cache."""
    asked = {
        "test_learning": [20.0, 30.0, 3.0, 0.7],
        "test_global_aggregation": [4.0, 30.0, 3.0, 0.7],
        "test_idempotency": [20.0, 30.0, 3.0, 0.7],
    }
    for module, values in asked.items():
        given = [seen["settings"] for seen in probed.of(module) if seen["settings"]]
        assert given
        assert all(each == values for each in given)
        assert all(seen["caches_after"] == [] for seen in probed.of(module))


@pytest.mark.req("AC6")
def test_settings_are_an_instance_for_each_test(probed: Probed) -> None:
    assert sum(seen["settings"] is not None for seen in probed.tests) > 20
    assert not any(seen["settings_were_seen"] for seen in probed.tests)


@pytest.mark.req("FR-6")
@pytest.mark.req("AC6")
def test_teardown_clears_the_caches(probed: Probed) -> None:
    assert all(seen["caches_after"] == ["settings", "application", "start"] for seen in probed.of("test_integration"))
    assert all(seen["caches_before"] == [] for seen in probed.tests)
    assert probed.caches_at_the_end == [[], []]


@pytest.mark.req("FR-4")
def test_unit_tests_have_a_memory_database_and_the_others_a_file_of_their_own(probed: Probed) -> None:
    assert [seen["file"] for seen in probed.of("test_learning")] == [""] * COUNTS["test_learning"]
    assert sum(seen["memory"] for seen in probed.of("test_learning")) == 1
    files = [seen["file"] for seen in probed.tests if seen["module"] != "test_learning"]
    assert "" not in files
    assert len(set(files)) == len(files)
    assert not any(Path(file).exists() for file in files), "a test's database is removed after it"


@pytest.mark.req("AC7")
def test_database_is_fresh_for_each_test(probed: Probed) -> None:
    assert all(seen["rows_before"] == 0 for seen in probed.tests)
    assert sum(seen["rows_after"] > 0 for seen in probed.tests) > 20


def test_examples_share_the_service_but_for_what_isolation_changed() -> None:
    before, after = (EXAMPLES / name / "transit_eta" for name in ("transit_eta", "transit_eta_isolated"))
    names = {path.name for path in before.glob("*.py")}
    assert names == {path.name for path in after.glob("*.py")}
    changed = {name for name in names if (before / name).read_text() != (after / name).read_text()}
    assert changed == {"api.py", "lifespan.py"}
