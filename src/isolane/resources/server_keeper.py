"""The process that keeps one shared server: it starts it, and stops it when its last user is gone.

    python -I -S server_keeper.py HOME < what to run, as JSON

Nothing of isolane, and nothing but the standard library, is imported: this runs beside whatever suite is tested, for
longer than it. Who uses the server holds a shared lock on HOME/users, so the count of users is kept by the kernel, and
a user that is killed is counted out at that moment. The keeper waits for the exclusive lock: when it has it, nobody
uses the server. HOME/keeper is locked while the keeper lives, by a descriptor that it inherits; HOME/server.json says
how to reach the server.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

USERS, KEEPER, STATE, DATA, LOG = "users", "keeper", "server.json", "data", "log"
_STOPPING_SECONDS = 20.0
_POLL_SECONDS = 0.01


def keep(home: Path, wanted: dict[str, Any], answer: int) -> None:
    """Start the server, write one line of JSON to the descriptor ``answer``, and stay until nobody uses it.

    wanted: ``prepare`` (commands that are run first, lists of words), ``serve`` (the server's words), ``ready`` (what
    its output has once it serves), ``seconds`` (how long that may take), ``user`` (the name of the user to run as, or
    None), ``environment``, ``signal`` (the number that stops it), ``files`` (path in HOME/data: text, written
    before the rest), ``address`` (anything, handed on to users). What is
    answered is ``{"address": …}`` or ``{"error": …}``.
    """
    log = home / LOG
    server: subprocess.Popen[bytes] | None = None
    try:
        _make_data(home, wanted["user"], wanted["files"])
        with log.open("wb") as output:
            for words in wanted["prepare"]:
                if _start(words, home, wanted, output).wait():
                    raise RuntimeError(f"{Path(words[0]).name} failed: {_end_of(log)}")
            server = _start(wanted["serve"], home, wanted, output)
        _wait_until_ready(server, log, wanted["ready"], wanted["seconds"])
        state = {"address": wanted["address"], "pid": server.pid, "keeper": os.getpid()}
        partial = home / f"{STATE}.partial"
        partial.write_text(json.dumps(state), encoding="utf-8")
        partial.replace(home / STATE)
    except (OSError, RuntimeError, LookupError) as error:
        if server is not None:
            _stop(server, wanted["signal"])
        _clear(home)
        os.write(answer, json.dumps({"error": str(error)}).encode() + b"\n")
        return
    # Who asked may have been killed; others may have come.
    with suppress(OSError):
        os.write(answer, json.dumps(state).encode() + b"\n")
    os.close(answer)
    stopping = threading.Event()
    threading.Thread(target=_leave_with, args=(server, home, stopping), daemon=True).start()
    with (home / USERS).open("wb") as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        stopping.set()
        # Who comes now waits for this lock, and then finds no server.
        (home / STATE).unlink(missing_ok=True)
        _stop(server, wanted["signal"])
        _clear(home)
        os._exit(0)


def _make_data(home: Path, user: str | None, files: dict[str, str]) -> None:
    _clear(home)
    data = home / DATA
    data.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(data, user)
    for name, text in files.items():
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text(text, encoding="utf-8")


def _start(words: list[str], home: Path, wanted: dict[str, Any], output: Any) -> subprocess.Popen[bytes]:
    user = wanted["user"]
    identity: dict[str, Any] = {} if user is None else {"user": user, "group": _group(user), "extra_groups": []}
    return subprocess.Popen(
        words,
        cwd=home / DATA,
        env=wanted["environment"],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        **identity,
    )


def _group(user: str) -> int:
    import pwd

    return pwd.getpwnam(user).pw_gid


def _wait_until_ready(server: subprocess.Popen[bytes], log: Path, ready: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while ready not in log.read_text(encoding="utf-8", errors="replace"):
        if server.poll() is not None:
            raise RuntimeError(f"it ended with {server.returncode} when it was started: {_end_of(log)}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"it was not ready in {seconds:g} s: {_end_of(log)}")
        time.sleep(_POLL_SECONDS)


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    return " / ".join(line.strip() for line in lines if line.strip())[-400:]


def _leave_with(server: subprocess.Popen[bytes], home: Path, stopping: threading.Event) -> None:
    """End, so that the next user starts another one, when the server ends by itself."""
    server.wait()
    if not stopping.is_set():
        _clear(home)
        os._exit(1)


def _stop(server: subprocess.Popen[bytes], number: int) -> None:
    for signal_number in (number, signal.SIGKILL):
        try:
            os.killpg(server.pid, signal_number)
        except (ProcessLookupError, PermissionError):
            return
        try:
            server.wait(_STOPPING_SECONDS)
            return
        except subprocess.TimeoutExpired:
            continue


def _clear(home: Path) -> None:
    (home / STATE).unlink(missing_ok=True)
    shutil.rmtree(home / DATA, ignore_errors=True)


def _main() -> None:
    home = Path(sys.argv[1])
    wanted = json.load(sys.stdin)
    if os.fork():
        # The process that asked waits for this one only: it shall have no child that outlives it.
        os._exit(0)
    os.setsid()
    os.umask(0o077)
    os.chdir(home)
    answer = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    keep(home, wanted, answer)


if __name__ == "__main__":
    _main()
