"""What sessions and locks cost, and that they lose nothing.

    python bench/locks.py            the figures
    python bench/locks.py runs 50    two real runs in one checkout at once, so many times

Goals: lock and unlock of one file, uncontended, 300 µs at most; 1,000 requests of 8 processes over 5 files, none lost,
no deadlock, each file whole; dashboard and session records together 1 % of a run of 5,000 tests at most.
"""

from __future__ import annotations

import os
import random
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from pairs import QUIET, clean_environment, quick_suite, temporary

from isolane.coordination.file_locks import FileLocks, LockConflictError
from isolane.coordination.sessions import SessionManager

PROCESSES, REQUESTS, FILES = 8, 125, 5


def processor() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def uncontended(home: Path, rounds: int = 300, batches: int = 9) -> None:
    manager = SessionManager(home)
    session = manager.create("bench", running=True).session_id
    locks = FileLocks(manager, home)
    walls, processors = [], []
    for _ in range(batches):
        wall, used = time.perf_counter(), processor()
        for _ in range(rounds):
            locks.lock_files(session, ["file"])
            locks.unlock_files(session, ["file"])
        walls.append((time.perf_counter() - wall) / rounds * 1e6)
        processors.append((processor() - used) / rounds * 1e6)
    manager.complete(session)
    print(
        f"lock and unlock of one file: {median(walls):.0f} µs ({min(walls):.0f} to {max(walls):.0f}), "
        f"of that {median(processors):.0f} µs of processor time; goal 300"
    )


def contender(home: Path, name: str) -> int:
    """Make this process's share of the requests, for one or two files in any order; return how many were deadlocks.

    Half of the requests are made while a file is held already: those can close a ring, and are then made again.
    """
    draw = random.Random(name)
    manager = SessionManager(home)
    manager.create("bench", session_id=name, running=True)
    locks = FileLocks(manager, home)
    refused = done = 0
    while done < REQUESTS:
        first, second = draw.sample(range(FILES), 2)
        got = []
        try:
            for wanted in ([first], [second]) if draw.random() < 0.5 else ([first, second],):
                chosen = [f"file-{number}" for number in wanted]
                tokens = locks.lock_files(name, chosen, conflict="wait", limit=120)
                got.append((chosen, tokens))
            for _, tokens in got:
                for path, token in tokens.items():
                    before = Path(path).read_bytes() if Path(path).exists() else b""
                    locks.write(name, path, before + f"{name} {done}\n".encode(), token)
            done += 1
        except LockConflictError as error:
            if error.slug != "deadlock":
                raise
            refused += 1
        for chosen, _ in got:
            locks.unlock_files(name, chosen)
    manager.complete(name)
    return refused


def contended(home: Path) -> None:
    started = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    children = []
    for number in range(PROCESSES):
        child = os.fork()
        if not child:
            code = 255
            try:
                code = min(254, contender(home, f"p{number}"))
            finally:
                os._exit(code)
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    lines = [line for path in home.glob("file-*") for line in path.read_text().splitlines()]
    whole = all(re.fullmatch(r"p\d \d+", line) for line in lines)
    print(
        f"{PROCESSES * REQUESTS} requests of {PROCESSES} processes over {FILES} files: {seconds:.1f} s, "
        f"{after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime:.1f} s of processor time; "
        f"{len(set(lines))} of {PROCESSES * REQUESTS} done, {len(lines)} lines of {2 * PROCESSES * REQUESTS}, "
        f"{'all whole' if whole else 'TORN'}, {sum(codes)} closed a ring and were made again; "
        f"{max(after.ru_maxrss, 0) // 1024} MB at most a process"
    )
    if 255 in codes or len(lines) != 2 * PROCESSES * REQUESTS or not whole:
        sys.exit("something was lost")


def watched(home: Path) -> None:
    suite = home / "suite"
    suite.mkdir()
    quick_suite(suite, 5000, rounds=50_000)
    command = (sys.executable, "-m", "pytest", *QUIET, "-n", "2", "--isolane-keep-runs=2")

    manager = SessionManager(home)
    used, wall = processor(), time.perf_counter()
    for _ in range(20):
        manager.complete(manager.create("bench", running=True).session_id)
    one_session = (processor() - used) / 20
    print(
        f"a session from its beginning to its end: {one_session * 1e3:.1f} ms of processor time, "
        f"{(time.perf_counter() - wall) / 20 * 1e3:.1f} ms by the clock (two fsyncs)"
    )
    shares = []
    for _ in range(3):
        run = subprocess.Popen(command, cwd=suite, env=clean_environment(), stdout=subprocess.DEVNULL)
        sessions = SessionManager(suite / ".isolane")
        while not (going_on := [one for one in sessions.sessions() if not one.state.is_end]):
            time.sleep(0.01)
        # What --isolane-live starts itself, so that what it takes can be told from what the run does.
        watch = subprocess.Popen(
            [sys.executable, "-m", "isolane.cli.live", str(suite), going_on[0].session_id],
            env=clean_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        ran = processor_of(run)
        assert watch.stdin is not None
        watch.stdin.close()
        taken = processor_of(watch)
        shares.append((taken + one_session) / ran)
        print(
            f"5,000 tests over 2 workers: {ran:.2f} s of processor time; who watches them {taken * 1e3:.0f} ms, "
            f"the session {one_session * 1e3:.0f} ms: {shares[-1]:.2%}"
        )
    print(f"share of the live view and of the session: {median(shares):.2%}; goal 1 %")


def processor_of(process: subprocess.Popen[bytes]) -> float:
    """Wait for a process, and return what it and its children took."""
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime


def two_runs(home: Path, times: int) -> None:
    """Start two runs that measure coverage at once, again and again; each must have counted its own alone."""
    (home / "code_under_test.py").write_text("def a():\n    return 1\n\n\ndef b():\n    return 2\n")
    for name in "ab":
        (home / f"test_{name}.py").write_text(
            f"import code_under_test\ndef test_1(): assert code_under_test.{name}()\ndef test_2(): pass\n"
        )
    (home / "pytest.ini").write_text("[pytest]\n")
    plugins = [word for word in QUIET if word != "-q"]
    without_coverage = plugins.index("no:cov")
    del plugins[without_coverage - 1 : without_coverage + 1]
    options = ("-n", "2", "--cov=code_under_test", "--cov-report=term-missing", *plugins, "--junitxml=junit.xml")
    wrong = 0
    for number in range(times):
        runs = [
            subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, f"test_{name}.py"],
                cwd=home,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for name in ("ab" if number % 2 else "ba")
        ]
        said = {name: run.communicate()[0] for name, run in zip("ab" if number % 2 else "ba", runs, strict=True)}
        right = {"a": "75%   6", "b": "75%   2"}
        good = all(run.returncode == 0 for run in runs) and all(right[name] in said[name] for name in "ab")
        if not good:
            wrong += 1
            print(said)
    kept = len(list((home / ".isolane" / "runs").glob("*/events.jsonl")))
    ended = [one.state.value for one in SessionManager(home / ".isolane").sessions()]
    print(
        f"two runs in one checkout, {times} times: {wrong} with wrong coverage or exit code, {kept} records, "
        f"{ended.count('completed')} of {len(ended)} sessions completed"
    )
    if wrong or kept != 2 * times:
        sys.exit("something was lost")


def main() -> None:
    with temporary() as name:
        home = Path(name)
        if sys.argv[1:2] == ["runs"]:
            two_runs(home, int(sys.argv[2]))
            return
        uncontended(home)
        contended(home)
        watched(home)


if __name__ == "__main__":
    main()
