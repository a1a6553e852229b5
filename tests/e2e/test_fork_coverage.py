"""Coverage of a forked run is that of a serial one: lines, branches, terminal report, threshold."""

from __future__ import annotations

import re

import pytest
from coverage import CoverageData
from fork_runs import LOAD, TWO, finished

from isolane.model.outcome import Category

SUITE = {
    "lane.py": """
        def sign(number):
            if number < 0:
                return -1
            if number == 0:
                return 0
            return 1

        def late(number):
            return [sign(one) for one in range(number)]

        def never():
            return 17

        def only_in_a_dying_worker():
            return 18

        def before():
            return 16

        def at_the_end():
            return 19
    """,
    "conftest.py": """
        import pytest
        import lane

        @pytest.fixture(scope="session", autouse=True)
        def session():
            yield
            lane.at_the_end()
    """,
    "test_a.py": """
        import lane
        def test_negative(): assert lane.sign(-1) == -1
        def test_nothing(): assert lane.sign(0) == 0
    """,
    "test_b.py": """
        import threading
        import lane
        def test_thread():
            thread = threading.Thread(target=lane.late, args=(3,))
            thread.start()
            thread.join()
    """,
    "test_dies.py": """
        import os
        import signal
        import lane
        def test_before(): assert lane.before() == 16
        def test_dies():
            if os.environ.get("DIES"):
                lane.only_in_a_dying_worker()
                os.kill(os.getpid(), signal.SIGKILL)
        def test_after(): pass
    """,
    ".coveragerc": "[run]\nbranch = true\n",
}
COVERAGE = ("--cov=lane", "--cov=.", "--cov-report=term-missing")
BY_TEST = "--cov-context=test"


def measured(project) -> dict[str, tuple[list[int], list[tuple[int, int]]]]:
    """Return lines and arcs of each file, by its name, as the data file has them."""
    data = CoverageData(str(project.path / ".coverage"))
    data.read()
    files = {name.rpartition("/")[2]: name for name in data.measured_files()}
    return {short: (sorted(data.lines(name)), sorted(data.arcs(name))) for short, name in files.items()}


def contexts(project) -> set[str]:
    data = CoverageData(str(project.path / ".coverage"))
    data.read()
    # A session's fixtures are set up and torn down by another test in each worker.
    return {name for name in data.measured_contexts() if name.endswith("|run")}


def table(out: str) -> list[str]:
    """Return the rows of the terminal's coverage report."""
    return re.findall(r"^(\S+\.py +\d+ .*|TOTAL .*)$", out, re.MULTILINE)


@pytest.mark.req("R1.1", "R3.1")
def test_lines_branches_contexts_and_the_report_are_those_of_a_serial_run(project):
    project.write(SUITE)
    serial = project.pytest("-n", "0", *COVERAGE, BY_TEST)
    expected, expected_contexts = measured(project), contexts(project)
    assert serial.code == 0, serial.text
    for arguments, fail_under in (((*TWO, "--dist", "loadfile"), 50), (LOAD, 99)):
        ended = project.pytest(*arguments, *COVERAGE, BY_TEST, f"--cov-fail-under={fail_under}", "--cov-report=xml")
        assert ended.code == (0 if fail_under == 50 else 1), ended.text
        assert ("Required test coverage of 99% not reached" in ended.out) == (fail_under == 99)
        assert measured(project) == expected
        assert contexts(project) == expected_contexts
        assert table(ended.out) == table(serial.out)
        assert len(table(ended.out)) == 6
        assert not list(project.path.glob(".coverage.*"))
        assert (project.path / "coverage.xml").is_file()


@pytest.mark.req("R3.1")
@pytest.mark.parametrize("more", [(), (BY_TEST,)], ids=["plain", "by test"])
def test_a_killed_worker_loses_what_its_last_test_ran_and_nothing_else(project, more):
    project.write(SUITE)
    serial = project.pytest("-n", "0", *COVERAGE, *more)
    assert serial.code == 0
    expected = measured(project)
    ended = project.pytest(*TWO, "--dist", "loadfile", *COVERAGE, *more, DIES="yes")
    assert ended.code == 1
    assert [name for name, test in finished(project.path).items() if test.category is Category.CRASHED] == ["test_dies"]
    found = measured(project)
    assert found["lane.py"] == expected["lane.py"]  # before() was called in the worker that died
    assert found["test_a.py"] == expected["test_a.py"]
    lost = set(expected["test_dies.py"][0]) - set(found["test_dies.py"][0])
    lines = SUITE["test_dies.py"].split("\n")
    assert {lines[line - 1].strip() for line in lost} == {'if os.environ.get("DIES"):'}
    assert not list(project.path.glob(".coverage.*"))


def test_coverage_run_around_pytest_measures_the_workers_too(project):
    project.write(SUITE | {".coveragerc": "[run]\nbranch = true\nparallel = true\nsource = .\n"})
    seen = []
    for arguments in (("-n", "0"), TWO):
        ended = project.module("coverage", "run", "-m", "pytest", *arguments)
        assert ended.code == 0, ended.text
        combined = project.module("coverage", "combine")
        assert combined.code == 0, combined.text
        found = measured(project)
        seen.append({name: found[name] for name in ("lane.py", "test_a.py", "test_b.py", "test_dies.py")})
    assert seen[0] == seen[1]
