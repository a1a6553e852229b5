"""One server for all: found by locks, started once, stopped by the last user, replaced when it or its keeper dies."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest

from isolane.model.errors import ServerUnavailableError
from isolane.resources import shared_server
from isolane.resources.shared_server import Server, lease_number, lease_place, server_home, use

BEGIN = """
import fcntl, os, pathlib, signal, sys
alive = open(f"{sys.argv[1]}.{os.getpid()}", "w")
fcntl.flock(alive, fcntl.LOCK_EX)
with open(sys.argv[1], "a") as log:
    log.write(f"{os.getpid()}\\n")
"""
"""What a server does first: it is alive as long as the file of its number is locked."""
SERVE = """
print("serving", flush=True)
signal.pause()
"""
PROGRAM = f"""{BEGIN}
assert pathlib.Path("settings").read_text() == "text"
{SERVE}"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def served(tmp_path: Path, home: Path) -> Server:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="utf-8")
    return Server(
        name="sample",
        serve=[sys.executable, "-S", str(program), str(tmp_path / "started"), str(home)],
        ready="serving",
        address="here",
        files={"settings": "text"},
    )


def started(home: Path) -> list[int]:
    """The servers' process ids, in the order of their starts."""
    log = home.parent / "started"
    return [int(line) for line in log.read_text(encoding="utf-8").split()] if log.exists() else []


def is_alive(home: Path, pid: int) -> bool:
    with started_file(home, pid) as alive:
        try:
            fcntl.flock(alive, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def wait_for_end_of(home: Path, pid: int) -> None:
    with started_file(home, pid) as alive:
        fcntl.flock(alive, fcntl.LOCK_EX)


def started_file(home: Path, pid: int) -> IO[bytes]:
    return (home.parent / f"started.{pid}").open("rb")


def wait_for_end_of_keeper(home: Path) -> None:
    with (home / "keeper").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)


def is_stopped(home: Path) -> bool:
    """Whether, when the keeper has ended, nothing of the server's is left."""
    wait_for_end_of_keeper(home)
    return not (home / "data").exists() and not (home / "server.json").exists()


def test_all_share_one_and_the_last_one_stops_it(home: Path, served: Server) -> None:
    with ExitStack() as outer:
        with ExitStack() as inner:
            for stack in (outer, inner, inner):
                assert stack.enter_context(use(home, served)) == "here"
        (pid,) = started(home)
        assert is_alive(home, pid)
        with use(home, served):
            assert started(home) == [pid]
    assert is_stopped(home)
    assert not is_alive(home, pid)
    with use(home, served):
        assert len(started(home)) == 2
    assert is_stopped(home)


def test_who_come_at_once_start_one(home: Path, served: Server) -> None:
    with ExitStack() as stack, ThreadPoolExecutor(12) as threads:
        for context in [use(home, served) for _ in range(12)]:
            stack.push(context)
            threads.submit(context.__enter__)
        threads.shutdown()
        assert len(started(home)) == 1
    assert is_stopped(home)


def test_a_server_that_dies_is_replaced_for_who_comes_next(home: Path, served: Server) -> None:
    with use(home, served):
        os.kill(started(home)[0], signal.SIGKILL)
        assert is_stopped(home)
        with use(home, served):
            assert len(started(home)) == 2
            assert is_alive(home, started(home)[1])
    assert is_stopped(home)
    assert not is_alive(home, started(home)[1])


def test_the_server_of_a_keeper_that_was_killed_is_ended_and_replaced(home: Path, served: Server) -> None:
    with use(home, served):
        os.kill(json.loads((home / "server.json").read_text(encoding="utf-8"))["keeper"], signal.SIGKILL)
        wait_for_end_of_keeper(home)
        orphan = started(home)[0]
        assert is_alive(home, orphan)
        with use(home, served):
            wait_for_end_of(home, orphan)
            assert len(started(home)) == 2
    assert is_stopped(home)


STARTER = """
import sys
from isolane.resources.shared_server import Server, use
from pathlib import Path
with use(Path(sys.argv[1]), Server(name="sample", serve=sys.argv[2:], ready="serving", address="here")):
    pass
"""
SLOW = f"""{BEGIN}
for gate in sys.argv[2:4]:
    open(gate).read()
{SERVE}"""


def test_who_is_killed_while_the_server_starts_does_not_keep_others_from_it(home: Path, served: Server) -> None:
    begun, gate = home.parent / "begun", home.parent / "gate"
    for fifo in (begun, gate):
        os.mkfifo(fifo)
    words = [sys.executable, "-S", "-c", SLOW, str(home.parent / "started"), str(begun), str(gate), str(home)]
    with subprocess.Popen([sys.executable, "-c", STARTER, str(home), *words]) as starter:
        begun.write_text("Now somebody reads.", encoding="utf-8")
        starter.kill()
    with ThreadPoolExecutor(1) as threads, ExitStack() as stack:
        found = threads.submit(stack.enter_context, use(home, replace(served, serve=words)))
        gate.write_text("open", encoding="utf-8")
        assert found.result(30) == "here"
        assert len(started(home)) == 1
    assert is_stopped(home)


def test_a_process_of_that_number_that_is_another_one_is_left_alone(home: Path, served: Server) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as other:
        (home / "server.json").write_text(json.dumps({"address": "gone", "pid": other.pid}), encoding="utf-8")
        with use(home, served) as address:
            assert address == "here"
            assert other.poll() is None
        other.communicate(b"\n")
    assert is_stopped(home)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("raise SystemExit('port is taken')", "it ended with 1 when it was started: port is taken"),
        ("print('starting', flush=True); import signal; signal.pause()", "it was not ready in 0.5 s: starting"),
    ],
)
def test_a_server_that_does_not_start_is_one_line_and_leaves_nothing(
    home: Path, served: Server, program: str, said: str
) -> None:
    words = [sys.executable, "-S", "-c", program]
    with pytest.raises(ServerUnavailableError) as caught, use(home, replace(served, serve=words, seconds=0.5)):
        pass
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert is_stopped(home)
    with use(home, served):
        assert len(started(home)) == 1
    assert is_stopped(home)


def test_a_preparation_that_fails_is_told(home: Path, served: Server) -> None:
    prepare = [[sys.executable, "-S", "-c", "raise SystemExit('no room')"]]
    with pytest.raises(ServerUnavailableError, match="failed: no room"), use(home, replace(served, prepare=prepare)):
        pass
    assert started(home) == []


def test_a_number_is_leased_to_one_at_a_time(tmp_path: Path) -> None:
    with lease_number(tmp_path, "a/b", range(2)) as first:
        with lease_number(tmp_path, "a/b", range(2)) as second, lease_number(tmp_path, "a/b", range(2)) as third:
            assert (first, second, third) == (0, 1, None)
            with lease_number(tmp_path, "other", range(2)) as other:
                assert other == 0
        with lease_number(tmp_path, "a/b", range(2)) as again:
            assert again == 1


def test_a_server_that_has_enough_workers_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_server, "_place", lambda others_pass: tmp_path)
    with (
        lease_place("sample", "here", most=1) as place,
        lease_place("sample", "there", most=1) as elsewhere,
        pytest.raises(ServerUnavailableError, match=r"1 workers use this server already.*no-sample-place"),
        lease_place("sample", "here", most=1),
    ):
        pass
    assert (place, elsewhere) == (0, 0)


def test_a_folder_of_somebody_elses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_server, "_place", lambda others_pass: tmp_path)
    home = server_home("sample")
    assert home.parent.parent == tmp_path
    assert home.stat().st_mode & 0o077 == 0
    assert server_home("sample", others_pass=True).stat().st_mode & 0o777 == 0o711
    home.parent.chmod(0o777)
    with pytest.raises(ServerUnavailableError, match="is not a folder that only you can write to"):
        server_home("sample")
    home.rmdir()
    home.parent.rmdir()
    home.parent.symlink_to(tmp_path)
    with pytest.raises(ServerUnavailableError, match="is not a folder that only you can write to"):
        server_home("sample")
