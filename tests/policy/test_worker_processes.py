"""The process that rules run in: what it has, what it may, and when it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from isolane.model.errors import RuleLimitError
from isolane.policy.codec import decode, encode
from isolane.policy.interpreter import INSTRUCTIONS, Interpreter
from isolane.policy.lua_runtime import LuaRuntime
from isolane.policy.requests import CHECK, RUN, Request
from isolane.policy.worker import serve
from isolane.policy.worker_pool import MOST_IDLE, POOL, WorkerPool
from isolane.policy.worker_process import WorkerLateError, WorkerLostError, WorkerProcess

pytest.importorskip("lupa.lua54")
pytestmark = pytest.mark.usefixtures("processes")
PROC = Path("/proc/self/fd").exists()
needs_proc = pytest.mark.skipif(not PROC, reason="what a process has is read from /proc")
LOOP = Request(RUN, b"while true do end", encode(None), 60.0, 10**15).as_bytes(anew=False)


def request(code: str, kind: int = RUN, *, anew: bool = False) -> bytes:
    return Request(kind, code.encode(), encode(None), 10.0, INSTRUCTIONS).as_bytes(anew=anew)


@pytest.fixture
def process() -> WorkerProcess:
    process = WorkerProcess(16)
    assert process.ask(request("return 1"), 30) == b"v" + encode(1)
    yield process
    process.end()


@needs_proc
def test_it_has_no_environment_no_descriptors_and_few_rights(
    process: WorkerProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    with (tmp_path / "open").open("w") as kept:
        os.set_inheritable(kept.fileno(), True)
        other = WorkerProcess(16)
        other.ask(request("return 1"), 30)
        proc = Path(f"/proc/{other.process_id}")
        environment = (proc / "environ").read_bytes()
        descriptors = {entry.name: str(entry.readlink()) for entry in (proc / "fd").iterdir()}
        limits = (proc / "limits").read_text()
        other.end()

    assert b"A_SECRET" not in environment
    assert b"PATH=" not in environment.replace(b"LD_LIBRARY_PATH=", b"")
    assert sorted(descriptors) == ["0", "1", "2"]
    assert descriptors["2"] == os.devnull
    rows = {line[:26].strip(): line[26:].split()[:2] for line in limits.splitlines()}
    for nothing in ("Max open files", "Max processes", "Max file size", "Max core file size"):
        assert rows[nothing] == ["0", "0"], nothing
    assert int(rows["Max address space"][1]) < 2**32


def test_a_late_answer_is_the_end_of_the_process(process: WorkerProcess) -> None:
    with pytest.raises(WorkerLateError):
        process.ask(LOOP, 0.05)
    assert not process.is_usable


def test_another_thread_can_kill_it(process: WorkerProcess) -> None:
    threading.Timer(0.05, process.kill).start()
    with pytest.raises(WorkerLostError):
        process.ask(LOOP, 60)
    assert not process.is_usable


def test_a_process_that_is_killed_from_outside_is_replaced() -> None:
    with LuaRuntime() as runtime:
        runtime.execute("kept = 1")
        runtime._side._process._process.kill()
        runtime._side._process._process.wait()
        assert runtime.execute("return kept == nil")


def test_a_process_that_is_killed_while_it_works_is_a_rules_end() -> None:
    with LuaRuntime() as runtime:
        runtime.execute("return 1")
        killing = threading.Timer(0.05, os.kill, (runtime._side._process.process_id, signal.SIGKILL))
        killing.start()
        with pytest.raises(RuleLimitError, match="The process that it ran in ended"):
            runtime.execute("while true do end")
        assert runtime.execute("return 1") == 1


def test_an_answer_that_is_too_long_is_not_read(process: WorkerProcess) -> None:
    process._largest = 1000
    with pytest.raises(WorkerLostError):
        process.ask(request("return ('x'):rep(5000)"), 30)


def test_a_process_goes_from_one_runtime_to_the_next_without_its_globals() -> None:
    POOL.close()
    with LuaRuntime() as one:
        one.execute("kept = 1")
        first = one._side._process.process_id
    with LuaRuntime() as other:
        assert other.execute("return kept") is None
        assert other._side._process.process_id == first


def test_the_pool_keeps_a_few() -> None:
    pool = WorkerPool()
    pool.prepare(100, 16)
    assert len(pool.processes) == MOST_IDLE
    taken = [pool.take(16) for _ in range(MOST_IDLE + 1)]
    pool.drop(taken.pop())
    for one in taken:
        pool.give_back(one)
    assert len(pool.processes) == MOST_IDLE
    os.kill(taken[-1].process_id, signal.SIGKILL)
    taken[-1]._process.wait()
    assert pool.take(16) is not taken[-1]
    pool.close()
    assert pool.processes == []


def test_what_is_started_in_a_block_ends_with_it() -> None:
    pool = WorkerPool()
    first = pool.take(16)
    with pool.kept_as_it_is():
        other = pool.take(16)
        pool.give_back(other)
    assert pool.processes == [first]
    assert not other.is_usable
    pool.close()


def test_a_forked_child_does_not_use_its_parents_processes() -> None:
    with LuaRuntime() as runtime:
        runtime.execute("kept = 1")
        child = os.fork()
        if child == 0:
            os._exit(0 if POOL.processes == [] and runtime.execute("return kept == nil") is True else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert runtime.execute("return kept") == 1


PARENT = """
    import sys, threading
    from isolane.policy.lua_runtime import LuaRuntime
    runtime = LuaRuntime(timeout=600)
    runtime.execute("return 1")
    print(runtime._side._process.process_id, flush=True)
    WAY
    """
BUSY = """
    rule = "return (('a'):rep(60)):find(('a*'):rep(30) .. 'b')"
    threading.Thread(target=runtime.execute, args=(rule,)).start()
    threading.Event().wait()
    """


@pytest.mark.parametrize(
    "way",
    [BUSY, "threading.Event().wait()"],
    ids=["in the midst of a pattern", "idle"],
)
def test_none_is_left_when_its_parent_is_killed(way: str) -> None:
    worker = end_of_parent(way, kill=True)
    wait_for_the_end(worker)


@pytest.mark.parametrize("way", ["pass", "raise ValueError", "sys.exit(3)"])
def test_none_is_left_when_its_parent_ends(way: str) -> None:
    worker = end_of_parent(way, kill=False)
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


def end_of_parent(way: str, *, kill: bool) -> int:
    program = textwrap.dedent(PARENT).replace("WAY", textwrap.dedent(way))
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    if kill:
        parent.kill()
    parent.wait(60)
    parent.stdout.close()
    return worker


def wait_for_the_end(worker: int) -> None:
    """Wait until a process that is not our child has ended; whoever adopts it may leave its entry for a while."""
    try:
        descriptor = os.pidfd_open(worker)
    except ProcessLookupError:
        return
    except (AttributeError, OSError):
        pytest.skip("there is nothing to wait for other processes with")
    import select

    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    ended = poller.poll(20_000)
    os.close(descriptor)
    assert ended


def test_what_the_process_does_with_requests() -> None:
    """The loop itself, in this process: what the other does is not seen by who measures coverage."""
    answers: list[bytes] = []
    asked = [
        request("kept = 1 return 1"),
        request("return kept"),
        request("return kept", anew=True),
        request("x +", CHECK),
        request("return x", CHECK),
    ]
    serve(Interpreter(16), 16, iter(asked), answers.append)

    assert answers[:3] == [b"v" + encode(1), b"v" + encode(1), b"v" + encode(None)]
    assert decode(answers[3][1:])["kind"] == "syntax"
    assert answers[4] == b"v" + encode(None)
