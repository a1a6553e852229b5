"""A run of a proof in which pytest itself fails is one difference with its reason, not one for each test."""

from __future__ import annotations

import pytest

FAST = ("--workers", "2", "--seeds", "1", "--no-hunt")
TESTS = {
    "test_a.py": "def test_a1(): pass\ndef test_a2(): pass\n",
    "test_b.py": "def test_b1(): pass\ndef test_b2(): pass\n",
}
ONE_MODULE = {"test_a.py": TESTS["test_a.py"]}
PARALLEL, ALONE = "parallel, 2 workers", "alone: test_b.py"
INTERNAL_ERROR = """
    def pytest_runtest_logreport(report):
        if hasattr(report, "node") and report.nodeid.endswith("2"):
            raise KeyError("a report of a worker")
"""
USAGE_ERROR = """
    import pytest

    def pytest_configure(config):
        if getattr(config.option, "tx", None):
            raise pytest.UsageError("this suite wants one process")
"""
WORKERS_CONFTEST = """
    import os

    if "PYTEST_XDIST_WORKER" in os.environ:
        raise RuntimeError("no workers here")
"""
CONFTEST_ALONE = """
    import sys

    if "test_b.py" in sys.argv:
        raise ImportError("not this one alone")
"""
DIFFERENT_TESTS = """
    import os

    def pytest_generate_tests(metafunc):
        if metafunc.function.__name__ == "test_n":
            metafunc.parametrize("n", [os.environ.get("PYTEST_XDIST_WORKER", "none")])
"""
DIFFERENT = "Different tests were collected between gw"
EXIT = """
    import pytest

    def pytest_runtest_setup(item):
        if item.session.testscollected == 2 and item.name == "test_b2":
            pytest.exit("enough of it")
"""


@pytest.mark.parametrize(
    ("conftest", "tests", "phase", "code", "missing", "message"),
    [
        (INTERNAL_ERROR, ONE_MODULE, PARALLEL, 3, None, "KeyError: 'a report of a worker'"),
        (USAGE_ERROR, ONE_MODULE, PARALLEL, 4, 2, "this suite wants one process"),
        (WORKERS_CONFTEST, ONE_MODULE, PARALLEL, 5, 2, "worker gw"),
        (CONFTEST_ALONE, TESTS, ALONE, 4, 2, "ImportError: not this one alone"),
        (DIFFERENT_TESTS, ONE_MODULE | {"test_c.py": "def test_n(n): pass\n"}, PARALLEL, 1, 3, DIFFERENT),
        (EXIT, TESTS, ALONE, 2, 1, "_pytest.outcomes.Exit: enough of it"),
    ],
    ids=["internal error", "usage error", "conftest of workers", "conftest alone", "different tests", "exit"],
)
def test_it_is_told_in_one_line(project, conftest, tests, phase, code, missing, message):
    project.write(tests | {"conftest.py": conftest})
    # Workers that load conftest and collect for themselves are xdist's.
    engine = {"ISOLANE_ENGINE": "xdist"} if phase == PARALLEL else {}
    ended = project.isolane("prove", *FAST, "--json", **engine)
    proof = ended.data
    assert (ended.code, proof["verdict"]) == (1, "not proven"), proof
    (one,) = [one for one in proof["differences"] if one["phase"] == phase]
    assert (one["node_id"], one["found"]) == ("(pytest itself)", {"outcome": "failed", "detail": f"exit code {code}"})
    assert one["message"].startswith(message)
    assert one["shown_again"]
    assert one["missing"] == missing or (missing is None and one["missing"] > 0)
    assert proof["reason"] == f"pytest itself failed in {phase}: {one['message']}"


def test_what_tests_did_before_it_is_told_beside_it(project):
    """The process dies in one test: that test crashed, those after it did not run."""
    dies = "import os, sys\ndef test_b2():\n    if 'test_b.py' in sys.argv: os.kill(os.getpid(), 9)\n"
    project.write(TESTS | {"test_b.py": f"def test_b1(): pass\n{dies}def test_b3(): pass\ndef test_b4(): pass\n"})
    ended = project.isolane("prove", *FAST)
    assert ended.code == 1
    assert "[ 4] alone: test_b.py: 2 tests, 1 failed, pytest itself failed, " in ended.err
    text = " ".join(ended.out.split())
    why = "the process was killed by SIGKILL while test_b.py::test_b2 ran"
    assert f"NOT PROVEN: 1 test ends otherwise than in the serial run; pytest itself failed in {ALONE}: {why}." in text
    assert f"pytest itself failed and 1 test ends otherwise in: {ALONE} (depends on other modules):" in text
    assert f"(pytest itself) passed -> crashed, 2 tests did not run: {why}" in text
    assert "test_b.py::test_b2: passed -> crashed (was killed by SIGKILL)" in text


def test_a_second_serial_run_that_breaks_is_inconclusive_with_its_reason(project):
    project.write(
        TESTS
        | {
            "conftest.py": """
            from pathlib import Path

            def pytest_collection_modifyitems():
                mark = Path(__file__).with_name("mark")
                if mark.exists():
                    raise KeyError("again")
                mark.touch()
            """
        }
    )
    ended = project.isolane("prove", *FAST, "--json")
    assert (ended.code, ended.data["verdict"]) == (1, "inconclusive")
    assert ended.data["reason"] == "the second serial run ended early, and the first did not: KeyError: 'again'"
    assert [one["node_id"] for one in ended.data["flaky"]] == ["(pytest itself)"]


def test_a_serial_run_that_ends_early_is_nothing_to_compare_with(project):
    project.write(TESTS | {"test_b.py": "import pytest\ndef test_b1(): pytest.exit('enough')\ndef test_b2(): pass\n"})
    ended = project.isolane("prove", *FAST, "--json")
    assert (ended.code, ended.data["verdict"]) == (1, "inconclusive")
    assert ended.data["reason"] == "the serial run ended early: _pytest.outcomes.Exit: enough"
