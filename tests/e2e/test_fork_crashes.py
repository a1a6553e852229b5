"""A worker that dies costs the test it was running: named, with how it ended and what it had printed. Nothing else."""

from __future__ import annotations

import os
import random
import re
import select
import signal
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from fork_runs import FORK, LOAD, TWO, events, finished, mark, processes_left, started, test_cases

from isolane.model.events import TestFinished, WorkerStarted, WorkerStopped
from isolane.model.identity import CONTROLLER
from isolane.model.outcome import Category

DEATHS = {
    "test_deaths.py": """
        import ctypes
        import os
        import resource
        import signal
        import sys
        import pytest

        @pytest.fixture(scope="module")
        def module(): print("module up"); yield

        def test_before(module): pass

        def test_killed(module):
            print("killed out")
            print("killed err", file=sys.stderr)
            os.kill(os.getpid(), signal.SIGKILL)

        def test_between(module): pass

        def test_segfault():
            print("segfault out")
            ctypes.string_at(0)

        def test_exits(): os._exit(7)
        def test_aborts(): os.abort()

        @pytest.fixture
        def dies_later(): yield; os.kill(os.getpid(), signal.SIGTERM)
        def test_teardown(dies_later): print("passed before")

        def test_last(module): pass
    """
}


@pytest.mark.req("S3.1")
def test_exactly_the_running_test_is_lost_and_told_of(project):
    mark(project)
    ended = project.write(DEATHS).pytest(*LOAD, "-rA", "--junitxml=junit.xml", "-p", "no:faulthandler", COLUMNS="200")
    assert ended.code == 1
    assert re.search(r"= 5 failed, 4 passed in", ended.out), ended.text  # of test_teardown the call had passed
    causes = {
        "test_killed": "killed by SIGKILL",
        "test_segfault": "killed by SIGSEGV",
        "test_exits": "exited with code 7",
        "test_aborts": "killed by SIGABRT",
        "test_teardown": "killed by SIGTERM",
    }
    tests = finished(project.path)
    for name, cause in causes.items():
        worker = tests[name].worker
        line = f"worker '{worker}' crashed while running 'test_deaths.py::{name}': {cause}"
        assert tests[name].category is Category.CRASHED
        assert cause in tests[name].message
        assert ended.out.splitlines().count(line) == 1, ended.out
        assert f"[{worker}] node down: {cause}" in ended.out
    assert ended.out.count("replacing crashed worker gw") in (4, 5)  # at the very end there is nobody to replace
    assert {name for name, test in tests.items() if test.category is Category.PASSED} == {
        *("test_before", "test_between", "test_last")
    }
    killed = ended.out.partition("__ test_killed __")[2]
    assert killed.index("Captured stdout call") < killed.index("killed out") < killed.index("Captured stderr call")
    assert killed.index("Captured stderr call") < killed.index("killed err") < killed.index("\n____")
    cases = test_cases(project.path / "junit.xml")
    assert [case.get("name") for case in cases].count("test_killed") == 1
    assert [case.get("name") for case in cases].count("test_teardown") == 1
    died = [event for event in events(project.path) if isinstance(event, WorkerStopped) and event.reason]
    assert Counter(event.reason for event in died) == Counter(causes.values())
    assert len([event for event in events(project.path) if isinstance(event, WorkerStarted)]) in (6, 7)
    assert not processes_left(project)


def test_where_a_segmentation_fault_happened_is_shown_without_pytests_own_frames(project):
    ended = project.write(DEATHS).pytest(*LOAD, "-k", "segfault")
    assert ended.code == 1
    trace = ended.out.partition("Fatal error")[2]
    assert "Segmentation fault" in trace
    assert re.search(r'File ".*test_deaths.py", line \d+ in test_segfault', trace)
    assert "_pytest" not in trace
    assert "Fatal Python error" not in ended.err


def test_after_five_crashes_of_a_unit_its_rest_is_named_and_not_run(project):
    project.write(
        {
            "test_always.py": """
                import os
                import pytest
                @pytest.mark.parametrize("number", range(8))
                def test_dies(number): os._exit(number + 1)
            """,
            "test_other.py": "import pytest\n@pytest.mark.parametrize('n', range(3))\ndef test_other(n): pass\n",
        }
    )
    ended = project.pytest(*TWO, "--dist", "loadfile", COLUMNS="200")
    assert ended.code == 1
    assert "8 failed, 3 passed" in ended.out, ended.text
    assert started(project.path).count("test_dies[5]") == 0
    assert len(re.findall(r"^worker 'gw\d' crashed while running", ended.out, re.MULTILINE)) == 5
    not_run = "not run: the tests it belongs with have crashed worker after worker (last: exited with code 5)"
    assert ended.out.splitlines().count(not_run) == 3
    assert [name for name in started(project.path) if "dies" in name] == [f"test_dies[{number}]" for number in range(5)]


@pytest.mark.parametrize(
    ("restarts", "said"),
    [(0, "worker gw0 crashed and worker restarting disabled"), (2, "maximum crashed workers reached: 2")],
)
def test_max_worker_restart_ends_the_run_and_says_so(project, restarts, said):
    project.write(
        {
            "test_dies.py": """
                import os
                import pytest
                @pytest.mark.parametrize("number", range(6))
                def test_dies(number): os._exit(0)
            """
        }
    )
    ended = project.pytest(*FORK, "-n", "1", "--dist", "load", f"--max-worker-restart={restarts}")
    assert ended.code == 1, ended.text
    assert started(project.path) == list(finished(project.path)) == [f"test_dies[{n}]" for n in range(restarts + 1)]
    assert f"= isolane: {said} =" in ended.out.replace("==", "=").replace("==", "=").replace("==", "=")
    assert ended.out.count("exited with code 0") >= restarts + 1


FIXTURES = {
    "conftest.py": """
        import os
        import pytest

        def note(text):
            with open("log", "a") as file:
                file.write(f"{text} {os.environ['PYTEST_XDIST_WORKER']}\\n")

        @pytest.fixture(scope="session", autouse=True)
        def session(): note("up"); yield; note("down")
    """,
    "test_crash.py": """
        import os
        def test_first(): pass
        def test_dies(): os._exit(1)
        def test_after(): pass
    """,
}


def test_the_worker_that_goes_on_has_fixtures_of_its_own(project):
    ended = project.write(FIXTURES).pytest(*TWO, "--dist", "loadfile")
    assert "1 failed, 2 passed" in ended.out, ended.text
    workers = {name: test.worker for name, test in finished(project.path).items()}
    first, second = workers["test_first"], workers["test_after"]
    assert workers["test_dies"] == first != second
    assert (project.path / "log").read_text().splitlines() == [f"up {first}", f"up {second}", f"down {second}"]


TESTS = 300
KILLS_A_RUN = 8
RANDOMLY_KILLED = {
    "conftest.py": """
        import os
        import pytest

        pipe = os.open("pipe", os.O_WRONLY)

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_protocol(item, nextitem):
            def note(what):
                name = f"{item.path.name}::{item.name}"
                os.write(pipe, f"{what} {os.environ['PYTEST_XDIST_WORKER']} {name}\\n".encode())
            note("start")
            result = yield
            note("end")
            return result
    """,
    **{
        f"test_{letter}.py": """
            import pytest

            @pytest.fixture(scope="module")
            def module(): yield

            @pytest.mark.parametrize("number", range(30))
            def test_one(module, number, tmp_path):
                print(f"output {number}")
                (tmp_path / "file").write_text("x" * number)
        """
        for letter in "abcdefghij"
    },
}


class Notes:
    """What the tests of a run themselves say of their starts and ends: the truth that the run is held against."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._pipe = os.open(path, os.O_RDWR | os.O_NONBLOCK)  # for writing, too: so it never ends
        self._rest = b""
        self.lines: list[tuple[str, str, str]] = []

    def read(self, seconds: float) -> bool:
        """Wait for more; return whether some came."""
        if not select.select([self._pipe], [], [], seconds)[0]:
            return False
        *lines, self._rest = (self._rest + os.read(self._pipe, 1 << 16)).split(b"\n")
        self.lines += [tuple(line.decode().split(" ", 2)) for line in lines]  # type: ignore[misc]
        return True

    def close(self) -> None:
        while self.read(0):
            pass
        os.close(self._pipe)


def killed_at_random(project, arguments: Sequence[str], choose: random.Random, notes: Notes) -> tuple[set[str], str]:
    """Run the suite and kill workers at moments that nobody chose; return their names, and what the run said."""
    killed: set[str] = set()
    with project.start("pytest", *arguments) as process:
        for moment in sorted(choose.sample(range(5, int(TESTS * 1.6)), KILLS_A_RUN)):
            alive: dict[str, int] = {}
            while len(notes.lines) < moment or not alive:
                assert notes.read(60), f"the run stands still after {len(notes.lines)} notes; {moment} are waited for"
                if len(notes.lines) >= moment:
                    recorded = events(project.path)
                    ended = {event.worker for event in recorded if isinstance(event, WorkerStopped)} | killed
                    of_all = [event for event in recorded if isinstance(event, WorkerStarted)]
                    alive = {event.worker: event.process_id or 0 for event in of_all if event.worker not in ended}
            for _ in range(choose.randrange(3000)):  # under a test's time, so that any moment of it can be hit
                pass
            name = choose.choice(sorted(alive))
            os.kill(alive[name], signal.SIGKILL)
            killed.add(name)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1, out + err
    return killed, out


@pytest.mark.slow
@pytest.mark.req("S3.1")
@pytest.mark.parametrize("seed", range(13))
def test_a_hundred_workers_killed_at_random_moments(project, seed):
    """13 runs in which 8 workers are killed each: all other tests are told of once, the culprits are named."""
    mark(project)
    choose = random.Random(seed)
    dist = choose.choice(["load", "worksteal", "loadfile", "loadscope"])
    notes = Notes(project.write(RANDOMLY_KILLED).path / "pipe")
    try:
        killed, out = killed_at_random(
            project, (*FORK, "-n", str(choose.choice([2, 3])), "--dist", dist), choose, notes
        )
    finally:
        notes.close()
    assert not processes_left(project)

    recorded = events(project.path)
    ends = [event for event in recorded if isinstance(event, TestFinished)]
    assert Counter(event.node_id for event in ends) == Counter(
        f"test_{letter}.py::test_one[{number}]" for letter in "abcdefghij" for number in range(30)
    )
    assert {event.category for event in ends} <= {Category.PASSED, Category.CRASHED}
    assert Counter(name for what, _, name in notes.lines if what == "start").most_common(1)[0][1] == 1

    reasons = {event.worker: event.reason for event in recorded if isinstance(event, WorkerStopped) and event.reason}
    assert reasons == dict.fromkeys(killed, "killed by SIGKILL")
    crashed = [event for event in ends if event.category is Category.CRASHED]
    # By chance five of them were in one unit: the rest of that is not run, and no worker's.
    given_up = [event for event in crashed if event.worker == CONTROLLER]
    assert len(killed) >= 5 or not given_up
    culprits = {event.worker: event.node_id for event in crashed if event not in given_up}
    assert len(culprits) == len(crashed) - len(given_up)
    assert culprits.keys() <= killed
    of_workers: dict[str, list[tuple[str, str]]] = {}
    for what, worker, name in notes.lines:
        of_workers.setdefault(worker, []).append((what, name))
    for worker in killed:
        what, name = of_workers.get(worker, [("end", "")])[-1]
        if what == "start":  # it died in this test
            assert culprits.get(worker) == name
        elif worker in culprits:  # it died between two: after the last note, or before the first of the next test
            noted = [one for _, one in of_workers.get(worker, [])]
            assert culprits[worker] == name or culprits[worker] not in noted
    assert len(culprits) >= KILLS_A_RUN // 2  # it does happen in the midst of tests
    for worker, name in culprits.items():
        assert f"worker '{worker}' crashed while running '{name}': killed by SIGKILL" in out
    assert f"= {len(crashed)} failed, " in out
