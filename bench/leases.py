"""What a lease of a port, and a unique name, cost; held against the usual way to find a port.

    python bench/leases.py [LEASES]

Goal: at most 200 microseconds a lease, found, locked, probed and given back. The usual way, to bind port 0 and let it
go again, locks nothing: it is here to show what the difference costs. So is a directory of lock files where temporary
files are, on a disk mostly. Many leases at once are what a test with many servers has; the crowd is every core leasing
at the same time.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from isolane.resources.names import unique_name
from isolane.resources.ports import PortLeases

GOAL = 200.0
MANY = 500


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    leases = PortLeases()
    print(f"{'':37} {'median':>9} {'95 of 100':>9}  goal  (microseconds)")
    tell("bind port 0, and let it go", [took(bind_any) for _ in range(count)])
    good = tell("lease and release", lease_many(count), GOAL)
    with tempfile.TemporaryDirectory() as directory:
        tell("the same, locked in the temporary one", lease_many(count, Path(directory)))
    held = [took(leases.lease) for _ in range(MANY)]
    good &= tell(f"lease, {MANY} held in the end", held, GOAL)
    leases.release_all()
    processes = os.cpu_count() or 1
    with multiprocessing.get_context("fork").Pool(processes) as pool:
        crowd = [time for times in pool.map(lease_many, [count] * processes) for time in times]
    good &= tell(f"lease and release, {processes} at the same time", crowd, GOAL)
    good &= tell("unique name", [took(lambda: unique_name("orders", worker="gw0")) for _ in range(count)], GOAL)
    sys.exit(0 if good else 1)


def lease_many(count: int, directory: Path | None = None) -> list[float]:
    leases = PortLeases(directory)
    return [took(lambda: leases.release(leases.lease())) for _ in range(count)]


def bind_any() -> None:
    with socket.socket() as one:
        one.bind(("", 0))


def took(what: Callable[[], object]) -> float:
    """Return microseconds."""
    started = time.perf_counter()
    what()
    return (time.perf_counter() - started) * 1e6


def tell(name: str, measured: list[float], goal: float | None = None) -> bool:
    """Print a line, and return whether the median is within the goal."""
    middle, late = median(measured), quantiles(measured, n=20)[-1]
    print(f"{name:37} {middle:9.1f} {late:9.1f}  {'none' if goal is None else f'{goal:.0f}'}")
    return goal is None or middle <= goal


if __name__ == "__main__":
    main()
