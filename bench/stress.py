"""What `isolane stress 10 -n 2` takes, over what it cannot take less than.

    python bench/stress.py [PAIRS] [PROJECT]

The limit is one collection and ten times the tests over two workers, taken from a serial run of pytest beside it: all
of that process but its tests, and five times its tests. Goal: at most 1.10. A machine whose second processor has
other things to do cannot reach it: what it still has is shown as the time of two loops side by side over one alone.
"""

from __future__ import annotations

import multiprocessing
import shutil
import sys
import time
from pathlib import Path
from statistics import median

from pairs import QUIET, Timing, count_and_suite, pairs, report, temporary, timed

from isolane.history.runs import summaries

RUNS, WORKERS = 10, 2
_LOOPS = 4_000_000


def limit(directory: Path) -> Timing:
    """Return the limit, from a serial run that is made now."""
    shutil.rmtree(directory / ".isolane", ignore_errors=True)
    serial = timed((sys.executable, "-m", "pytest", *QUIET, "--isolane-record=on"), directory)
    (run,) = summaries(directory)
    assert run.end is not None
    tests = run.end.phases["tests"]
    share = serial.processor / serial.wall  # less than 1 where others had the processor meanwhile
    return Timing(serial.wall - tests + RUNS * tests / WORKERS, serial.processor + (RUNS - 1) * tests * share)


def loop(number: int) -> int:
    """Be busy."""
    return sum(range(_LOOPS)) + number


def slowdown() -> float:
    """Return how much longer two loops take side by side than one alone."""
    started = time.perf_counter()
    loop(0)
    alone = time.perf_counter() - started
    with multiprocessing.Pool(WORKERS) as pool:
        pool.map(loop, range(WORKERS))
        started = time.perf_counter()
        pool.map(loop, range(WORKERS), chunksize=1)
        return (time.perf_counter() - started) / alone


def main() -> None:
    with temporary() as name:
        count, directory = count_and_suite(Path(name), rounds=50_000)
        stress = (sys.executable, "-m", "isolane", "stress", str(RUNS), "-n", str(WORKERS), "--", *QUIET)
        slower = [slowdown() for _ in range(3)]
        measured, wall, processor = pairs(lambda: timed(stress, directory), lambda: limit(directory), count)
        slower += [slowdown() for _ in range(3)]
        title = f"stress {RUNS} -n {WORKERS} / (collection + {RUNS} × tests / {WORKERS})"
        report(title, measured, wall, processor, "1.10")
        print(f"two loops side by side / one alone on this machine: {median(slower):.2f}")


if __name__ == "__main__":
    main()
