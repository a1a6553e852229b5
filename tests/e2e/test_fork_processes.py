"""What a fork copies: open descriptors are named, exit handlers and warnings stay the controller's."""

from __future__ import annotations

import re
import subprocess

from fork_runs import LOAD, TWO, lines_with, mark, processes_left

PLAIN = {"test_plain.py": "def test_one(): pass\ndef test_two(): pass\n"}
WARNING = "isolane: open before the workers are forked, so all of them share it: "


def test_what_is_open_at_the_fork_is_named_once(project):
    project.write(
        PLAIN
        | {
            "conftest.py": """
                import socket
                import sqlite3
                database = sqlite3.connect("lane.db")
                database.execute("create table if not exists lanes (number)")
                log = open("lane.log", "a")
                server = socket.socket()
                closed = open("closed.log", "a")
                closed.close()
            """
        }
    )
    ended = project.pytest(*LOAD)
    assert ended.code == 0
    (line,) = lines_with(ended.out, WARNING)
    named = re.sub(r" \(descriptor \d+\)", "", line.removeprefix(WARNING)).split(", ")
    assert sorted(named) == sorted([f"{project.path}/lane.db", f"{project.path}/lane.log", "a socket"])

    project.write({"test_more.py": "files = [open(f'{n}.log', 'a') for n in range(4)]\ndef test_more(): pass\n"})
    (line,) = lines_with(project.pytest(*LOAD).out, WARNING)
    assert line.endswith(" and 4 more")


def test_files_of_pytest_and_its_plugins_are_nothing_to_warn_of(project):
    words = ("pytest", *LOAD, "--junitxml=junit.xml", "--cov=.")
    with (project.write(PLAIN).path / "out.txt").open("w") as out:
        ended = subprocess.run(
            project.command(*words),
            cwd=project.path,
            env=project.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=60,
            check=False,
        )
    shown = (project.path / "out.txt").read_text()
    assert ended.returncode == 0, shown
    assert "2 passed" in shown
    assert WARNING not in shown


def test_exit_handlers_run_where_they_were_registered(project):
    project.write(
        {
            "conftest.py": """
                import atexit
                import multiprocessing.util
                import os
                import weakref

                def note(text):
                    with open("log", "a") as file:
                        file.write(f"{text} {os.environ.copy().get('PYTEST_XDIST_WORKER', 'controller')}\\n")

                class Lane: pass

                lane = Lane()
                atexit.register(note, "atexit")
                weakref.finalize(lane, note, "finalize")
                finalizer = multiprocessing.util.Finalize(lane, note, ("multiprocessing",), exitpriority=1)
            """,
            **{
                f"test_{name}.py": """
                    import atexit
                    import multiprocessing
                    import tempfile
                    from conftest import note

                    directory = []
                    def test_registers(worker_id):
                        atexit.register(note, "worker-atexit")
                        directory.append(tempfile.TemporaryDirectory(prefix="lane-", dir="."))
                        process = multiprocessing.get_context("fork").Process(target=note, args=("child",))
                        process.start()
                        process.join()
                        assert process.exitcode == 0
                """
                for name in "ab"
            },
        }
    )
    mark(project)
    ended = project.pytest(*TWO, "--dist", "loadfile")
    assert ended.code == 0, ended.text
    expected = ["atexit controller", "finalize controller", "multiprocessing controller"]
    expected += [f"{what} gw{number}" for what in ("child", "worker-atexit") for number in (0, 1)]
    assert sorted((project.path / "log").read_text().splitlines()) == sorted(expected)
    assert not list(project.path.glob("lane-*"))
    assert not processes_left(project)


def test_no_warning_of_the_fork_reaches_anybody(project):
    """From Python 3.12 on, forking beside a thread warns; a plugin's harmless thread is no reason to."""
    ended = project.write(PLAIN).pytest(*LOAD, "-W", "error", PYTHONWARNINGS="error::DeprecationWarning")
    assert ended.code == 0, ended.text
    assert "2 passed" in ended.out
    assert "DeprecationWarning" not in ended.text


def test_locks_and_threads_of_a_test_do_not_hold_up_the_end(project):
    project.write(
        {
            "test_threads.py": """
                import threading
                over = threading.Event()
                def test_daemon(): threading.Thread(target=over.wait, daemon=True).start()
                def test_fork_in_a_test():
                    import os
                    child = os.fork()
                    if child == 0:
                        raise RuntimeError("out of the test, in a child")
                    assert os.waitpid(child, 0)[1] != 0
                def test_after(): pass
            """
        }
    )
    mark(project)
    ended = project.pytest(*TWO)
    assert ended.code == 0, ended.text
    assert "3 passed" in ended.out
    assert not processes_left(project)
