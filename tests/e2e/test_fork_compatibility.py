"""What users of pytest-xdist know of its runs holds for forked ones: found with xdist's own tests."""

from __future__ import annotations

import pytest
from fork_runs import FORK, LOAD, finished, lines_with, started

ALL_FAIL = """
    import pytest

    @pytest.fixture(params=range(3))
    def broken(request): raise RuntimeError

    def test_error(broken): pass

    @pytest.mark.parametrize("number", range(50))
    def test_fails(number): assert False
"""
COUNTS_FAILURES = """
    import pytest

    @pytest.fixture(autouse=True)
    def count(request, record_property):
        yield
        record_property("failed so far", request.session.testsfailed)

    def test_1(): assert False
    def test_2(): pass
    def test_3(): assert False
    def test_4(): pass
"""
CRASHES = """
    import os

    def test_1(): pass
    def test_2(): os._exit(1)
    def test_3(): pass
"""
STOPPED_BETWEEN_UNITS = {
    "conftest.py": """
        from multiprocessing import get_context

        # Made before the workers are forked: theirs, and the controller's.
        torn_down, told = get_context("fork").Event(), get_context("fork").Event()

        def pytest_runtest_logfinish(nodeid):
            if nodeid.endswith("::test_fails"):
                told.set()
    """,
    "test_a.py": """
        from conftest import torn_down

        def test_fails():
            torn_down.wait(60)
            assert False
    """,
    "test_b.py": """
        import pytest
        from conftest import told, torn_down

        @pytest.fixture(scope="module")
        def shared():
            yield
            torn_down.set()
            told.wait(60)

        def test_passes(shared): pass
    """,
    "test_c.py": "def test_never_starts(): pass\n",
}
BOTH_CRASH = """
    import os
    from multiprocessing import get_context

    both = get_context("fork").Barrier(2)

    def meet_and_crash():
        both.wait(60)
        os._exit(3)

    def test_1(): meet_and_crash()
    def test_2(): meet_and_crash()
    def test_3(): pass
"""
LOCKED = """
    from filelock import FileLock, SoftFileLock

    HARD = FileLock("hard.lock")
    SOFT = SoftFileLock("soft.lock")

    def test_1():
        with HARD, SOFT: pass

    def test_2():
        with HARD, HARD, SOFT: pass
"""


@pytest.mark.parametrize("failures", [1, 4])
def test_a_worker_starts_no_test_after_its_last_failure_that_is_allowed(project, failures):
    """It does not wait to be told: these tests are quicker than any message."""
    ended = project.write({"test_a.py": ALL_FAIL}).pytest(*FORK, "-n", "1", f"--maxfail={failures}")

    assert ended.code == 1, ended.text
    assert len(started(project.path)) == failures
    assert f"stopping after {failures} failures" in ended.out


def test_a_worker_that_has_taken_a_unit_and_may_not_begin_it_ends_as_others_do(project):
    """The next unit is taken before the last one is torn down, and in between the run is stopped."""
    ended = project.write(STOPPED_BETWEEN_UNITS).pytest(*FORK, "-n", "2", "--dist", "loadfile", "-x")

    assert ended.code == 1, ended.text
    assert sorted(started(project.path)) == ["test_fails", "test_passes"]
    assert "1 failed, 1 passed" in ended.out


def test_a_fixture_can_ask_how_many_tests_have_failed_in_its_worker(project):
    project.write({"test_a.py": COUNTS_FAILURES}).pytest(*FORK, "-n", "1", "--dist", "loadfile", "--junitxml=junit.xml")

    junit = (project.path / "junit.xml").read_text(encoding="utf-8")
    assert [f'name="failed so far" value="{count}"' in junit for count in range(4)] == [False, True, True, False]


def test_what_is_said_of_a_crash_stands_on_lines_of_its_own(project):
    ended = project.write({"test_a.py": CRASHES}).pytest(*FORK, "-n", "1")

    assert ended.code == 1, ended.text
    assert "[gw0] node down: exited with code 1" in ended.out.splitlines()
    assert "replacing crashed worker gw0" in ended.out.splitlines()
    assert "1 failed, 2 passed" in ended.out


def test_that_no_more_workers_are_started_is_said_once_and_in_the_summary(project):
    ended = project.write({"test_a.py": BOTH_CRASH}).pytest(*LOAD, "--max-worker-restart=0")

    assert ended.code == 1, ended.text
    assert "2 failed in" in ended.out
    first, last = lines_with(ended.out, "worker restarting disabled")
    assert last.strip("= ") == f"isolane: {first}"


def test_each_worker_has_some_of_the_work_where_there_is_enough(project):
    """However short the tests are: who comes up first leaves the other its first unit."""
    tests = "import pytest\n@pytest.mark.parametrize('n', range(2))\ndef test(n): pass\n"
    ended = project.write({"test_a.py": tests}).pytest(*LOAD)

    assert ended.code == 0, ended.text
    assert {test.worker for test in finished(project.path).values()} == {"gw0", "gw1"}


def test_locks_that_a_module_makes_when_it_is_imported_work_in_workers(project):
    ended = project.write({"test_a.py": LOCKED}).pytest(*LOAD)

    assert ended.code == 0, ended.text
    assert "2 passed" in ended.out


@pytest.mark.parametrize(("options", "order"), [((), "longest first"), (("--ff",), "as collected")])
def test_it_is_said_how_tests_are_scheduled(project, options, order):
    files = {"test_a.py": "def test_1(): pass\n", "test_b.py": "def test_1(): pass\ndef test_2(): pass\n"}
    ended = project.write(files).pytest(*FORK, "-n", "2", "-v", *options)

    assert lines_with(ended.out, "scheduling") == [f"scheduling tests via loadscope: 2 units, {order}"]
