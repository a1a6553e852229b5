"""What many tasks of several sessions in one checkout cost: time, processor time, memory.

    python bench/sessions.py

Each session is a run of pytest over forked workers, of 40 tests that wait 20 ms each, all begun at once. Memory is the
proportional set size of all processes together: what forked workers share counts once. It is looked at every 30 ms.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from pairs import QUIET, clean_environment, temporary

from isolane.coordination.sessions import SessionManager, SessionState
from isolane.history.runs import summaries

TASKS = 40
WAIT = 0.02
SHAPES = ((1, 1), (1, 4), (3, 1), (3, 2), (3, 4), (3, 8), (6, 2))
"""How many sessions, and how many workers each has."""


def main() -> None:
    print("sessions x workers | done | by the clock | processor | a task | memory at most | of a worker")
    for sessions, workers in SHAPES:
        with temporary() as name:
            measure(Path(name), sessions, workers)


def measure(home: Path, sessions: int, workers: int) -> None:
    (home / "pytest.ini").write_text("[pytest]\n")
    source = f"import pytest, time\n@pytest.mark.parametrize('n', range({TASKS}))\ndef test(n): time.sleep({WAIT})\n"
    for number in range(sessions):
        (home / f"test_{number}.py").write_text(source)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "pytest", *QUIET, "-n", str(workers), "--dist=load", f"test_{number}.py"],
            cwd=home,
            env=clean_environment(),
            stdout=subprocess.DEVNULL,
        )
        for number in range(sessions)
    ]
    most, processes = 0, 1
    while any(run.poll() is None for run in runs):
        held = [size for process in below(os.getpid()) if (size := proportional(process))]
        if sum(held) > most:
            most, processes = sum(held), len(held)
        time.sleep(0.03)
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    done = sum(sum(run.end.counts.values()) for run in summaries(home) if run.end)
    ended = [one.state for one in SessionManager(home / ".isolane").sessions()]
    print(
        f"{sessions} x {workers} | {done} of {sessions * TASKS} | {seconds:.2f} s | {used:.2f} s | "
        f"{used / done * 1e3:.1f} ms | {most / 1e6:.0f} MB | {most / processes / 1e6:.1f} MB"
    )
    if done != sessions * TASKS or ended != [SessionState.COMPLETED] * sessions or any(run.returncode for run in runs):
        sys.exit(f"something was lost: {ended}")


def below(process: int) -> list[int]:
    """Return the processes that this one has started, and those that they have."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *below(child)]
    return found


def proportional(process: int) -> int:
    """Return a process's share of the memory, in bytes; 0 where it has gone."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
