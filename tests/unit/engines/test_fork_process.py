"""Forked processes: how they end, in words, and what ends with them."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import warnings

import pytest

from isolane.engines.fork.process import fork


def dies(how):
    def child():
        how()
        os._exit(0)

    process = fork(child)
    process.reap()
    process.close()
    return process.cause()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (lambda: os._exit(0), "exited with code 0"),
        (lambda: os._exit(7), "exited with code 7"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "killed by SIGKILL"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "killed by SIGTERM"),
        (lambda: os.kill(os.getpid(), 50), "killed by signal 50"),
        (lambda: 1 / 0, "exited with code 70"),
    ],
    ids=["0", "7", "kill", "term", "real-time signal", "broken promise"],
)
def test_how_it_ended_is_said_in_words(how, words):
    if words == "killed by SIGTERM":

        def how():
            signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whatever the suite around this test has made of it
            os.kill(os.getpid(), signal.SIGTERM)

    assert dies(how) == words


def test_what_is_in_a_buffer_is_written_once(tmp_path):
    program = """
import os, sys
from isolane.engines.fork.process import fork
print("before", end="")
def child():
    sys.stdout.flush()
    os._exit(0)
fork(child).reap()
"""
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before"


def test_whatever_the_worker_started_ends_with_it(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def child():
        subprocess.run(["sh", "-c", 'echo $$ > "$0"; exec sleep 1000', str(pipe)], check=False)
        os._exit(0)

    process = fork(child)
    grandchild = int(pipe.read_text())
    assert os.getpgid(grandchild) == process.pid
    handle = os.pidfd_open(grandchild)
    process.kill()
    process.reap()
    process.close()
    assert process.cause() == "killed by SIGKILL"
    assert select.select([handle], [], [], 10)[0], "what it had started lives on"
    os.close(handle)


def test_a_process_is_seen_to_end_and_one_that_somebody_else_waited_for_too():
    process = fork(lambda: os._exit(3))
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert process.poll()
    assert process.cause() == "exited with code 3"
    process.close()
    other = fork(lambda: os._exit(3))
    os.waitpid(other.pid, 0)
    assert other.poll()
    other.kill()
    other.interrupt()
    other.close()


def test_python_does_not_warn_of_the_fork():
    """From 3.12 on it does where there are threads; whoever lets the engine fork has looked at them."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            process = fork(lambda: os._exit(0))
    finally:
        over.set()
        thread.join()
    process.reap()
    process.close()
    assert seen == []
