"""Runs that end early: what runs is finished and torn down, nothing starts, nothing is left behind."""

from __future__ import annotations

import os
import signal
import time

import pytest
from fork_runs import LOAD, TWO, finished, lines_with, mark, processes_left, started

NOTES = """
    import os
    import pytest

    def note(text):
        with open("log", "a") as file:
            file.write(f"{text} {os.environ['PYTEST_XDIST_WORKER']}\\n")

    @pytest.fixture(scope="session", autouse=True)
    def session(): note("up"); yield; note("down")

    @pytest.fixture(scope="module")
    def module(): yield; note("module-down")

    def pytest_runtest_logreport(report):
        if report.failed and hasattr(report, "node"):
            open("seen", "w").close()

    @pytest.fixture
    def wait_for():
        def wait_for(name):
            import threading
            for _ in range(2000):
                if os.path.exists(name):
                    return
                threading.Event().wait(0.01)
            raise AssertionError(f"{name} never came")
        return wait_for
"""


def notes(project) -> list[str]:
    return (project.path / "log").read_text().splitlines()


ONE_FAILS = {
    "conftest.py": NOTES,
    "test_a_fails.py": """
        def test_fails(module, wait_for):
            wait_for("running")
            assert 0
        def test_never(module): pass
        def test_never_either(module): pass
    """,
    "test_b_runs.py": """
        def test_runs(module, wait_for):
            open("running", "w").close()
            wait_for("seen")  # the controller has seen the failure while this test runs
        def test_not_any_more(module): pass
        def test_nor_this_one(module): pass
    """,
    "test_c_waits.py": "def test_in_the_queue(): pass\n",
}


def test_x_lets_nothing_start_and_all_fixtures_are_torn_down(project):
    ended = project.write(ONE_FAILS).pytest(*TWO, "-x", "--dist", "loadfile")
    assert ended.code == 1
    assert "1 failed, 1 passed" in ended.out, ended.text
    assert "stopping after 1 failures" in ended.out
    assert sorted(started(project.path)) == ["test_fails", "test_runs"]
    assert sorted(notes(project)) == sorted(f"{what} gw{n}" for what in ("up", "module-down", "down") for n in (0, 1))


def test_maxfail_counts_the_failures_of_all_workers(project):
    project.write(
        {
            "test_all.py": """
                import pytest
                @pytest.mark.parametrize("number", range(40))
                def test_fails(number): assert 0
            """
        }
    )
    ended = project.pytest(*LOAD, "--maxfail=3")
    assert ended.code == 1
    count = len(started(project.path))
    assert 3 <= count <= 3 + 2  # at most one test of each worker was running still
    assert f"stopping after {count} failures" in ended.out
    assert f"{count} failed in" in ended.out
    assert len(finished(project.path)) == len(started(project.path))


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("pytest.exit('enough', returncode=7)", 7, "Exit: enough"),
        ("request.session.shouldstop = 'lane closed'", 2, "Interrupted: lane closed"),
        ("raise KeyboardInterrupt", 2, "KeyboardInterrupt"),
    ],
)
def test_a_test_may_end_the_run(project, line, code, said):
    mark(project)
    project.write(
        {
            "conftest.py": NOTES,
            "test_a.py": f"""
                import pytest
                def test_ends(request, wait_for):
                    wait_for("running")
                    {line}
                def test_never(): pass
            """,
            "test_b.py": """
                def test_runs(): open("running", "w").close()
                def test_waits(): __import__("threading").Event().wait(0.2)
                def test_perhaps(): __import__("threading").Event().wait(0.2)
                def test_hardly(): __import__("threading").Event().wait(30)
                def test_not_any_more(): pass
            """,
            "test_c.py": "def test_in_the_queue(): pass\n",
        }
    )
    ended = project.pytest(*TWO, "--dist", "loadfile")
    assert ended.code == code, ended.text
    assert said in ended.text
    assert "INTERNALERROR" not in ended.text
    assert "test_never" not in started(project.path)
    assert "test_not_any_more" not in started(project.path)
    assert started(project.path).count("test_ends") == 1
    assert sorted(notes(project)) == ["down gw0", "down gw1", "up gw0", "up gw1"]
    assert not processes_left(project)


WAITING = {
    "conftest.py": NOTES,
    "test_wait.py": """
        import os
        import signal
        import subprocess
        import sys
        import pytest

        @pytest.mark.parametrize("number", range(6))
        def test_wait(module, number, tmp_path, request):
            child = subprocess.Popen([sys.executable, "-S", "-c", "import signal; signal.pause()"])
            if os.environ.get("DEAF"):
                signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            with open(request.config.rootpath / "pipe", "w") as pipe:
                pipe.write("!")
            while True:
                signal.pause()
    """,
}


@pytest.mark.parametrize("deaf", ["", "yes"], ids=["workers that hear it", "workers that do not"])
def test_ctrl_c_ends_all_within_two_seconds_and_nothing_is_left(project, tmp_path, deaf):
    """As from a terminal: the signal goes to the whole foreground group, of which the workers are no part."""
    mark(project)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    os.mkfifo(project.write(WAITING).path / "pipe")
    environment = {"TMPDIR": str(temporary), "DEAF": deaf}

    def at_a_terminal():
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    with project.start("pytest", *LOAD, env=environment, preexec_fn=at_a_terminal) as process:
        with (project.path / "pipe").open() as pipe:
            running = pipe.read()
        if len(running) < 2:
            with (project.path / "pipe").open() as pipe:
                running += pipe.read()
        assert running == "!!"
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=20)
        took = time.monotonic() - began
    # Who does not hear it is killed after 1.5 s; then comes the summary, on a machine with other things to do.
    assert took < (3.0 if deaf else 2.0)
    assert process.returncode == 2, out + err
    assert "KeyboardInterrupt" in out
    assert len(lines_with(out, "no tests ran")) == 1
    assert "Traceback" not in err
    if not deaf:
        assert sorted(notes(project)) == sorted(
            f"{what} gw{n}" for what in ("up", "module-down", "down") for n in (0, 1)
        )
    assert not processes_left(project)
    assert [path.name.rpartition("-")[0] for path in temporary.iterdir()] == ["pytest-of"]


def test_a_controller_that_is_killed_takes_its_workers_with_it(project):
    mark(project)
    os.mkfifo(project.write(WAITING).path / "pipe")
    with project.start("pytest", *LOAD) as process:
        with (project.path / "pipe").open() as pipe:
            assert pipe.read().startswith("!")
        process.kill()
        process.communicate(timeout=20)  # ends when the last worker has closed what it had of the controller's output
    deadline = time.monotonic() + 5
    while any("pytest" in command for command in processes_left(project)):
        assert time.monotonic() < deadline, processes_left(project)
    for command in processes_left(project):
        assert "signal.pause" in command  # a test's own child, of which only the test knew
    end_marked(project)


def end_marked(project) -> None:
    for folder in os.listdir("/proc"):  # noqa: PTH208
        if folder.isdigit():
            try:
                with open(f"/proc/{folder}/environ", "rb") as file:  # noqa: PTH123
                    if f"ISOLANE_TEST_MARK={project.path}".encode() in file.read():
                        os.kill(int(folder), signal.SIGKILL)
            except OSError:
                continue


HANGS = {
    "test_hangs.py": """
        import os
        import signal
        import subprocess
        import sys

        def test_before(): pass
        def test_hangs():
            print("last words")
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
            subprocess.run([sys.executable, "-S", "-c", "import signal; signal.pause()"])
        def test_after(): pass
    """,
    "test_other.py": """
        import threading
        def test_slow(): threading.Event().wait(0.7)
        def test_slow_too(): threading.Event().wait(0.7)
    """,
}


@pytest.mark.req("RK-5")
def test_a_hung_worker_is_killed_with_all_it_started_and_its_test_named(project):
    mark(project)
    ended = project.write(HANGS).pytest(*TWO, "--dist", "loadfile", "--isolane-worker-timeout", "2")
    assert ended.code == 1
    assert "1 failed, 4 passed" in ended.out, ended.text
    worker = finished(project.path)["test_hangs"].worker
    assert (
        f"worker '{worker}' crashed while running 'test_hangs.py::test_hangs': nothing was heard of it for 2 s"
        in ended.out
    )
    assert "last words" in ended.out
    assert not processes_left(project)


@pytest.mark.req("RK-5")
@pytest.mark.parametrize("method", ["signal", "thread"])
def test_pytest_timeout_works_in_a_worker(project, method):
    project.write(
        {
            "test_hangs.py": """
                import signal
                def test_hangs():
                    print("last words")
                    while True: signal.pause()
                def test_after(): pass
            """
        }
    )
    ended = project.pytest(*TWO, "--timeout", "0.5", "--timeout-method", method)
    assert ended.code == 1
    assert "1 failed, 1 passed" in ended.out, ended.text
    assert "last words" in ended.out
    assert "Timeout" in ended.text
    assert finished(project.path).keys() == {"test_hangs", "test_after"}
