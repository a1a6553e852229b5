"""Whole processes timed in pairs, in turn, on one machine: what every figure here is made of."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

QUIET = (
    "-q",
    "-p",
    "no:randomly",
    "-p",
    "no:hypothesispytest",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:timeout",
    "-p",
    "no:cov",
)
"""Keeps other plugins out of the figure."""
_NOT_PASSED_ON = ("PYTEST_", "ISOLANE_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Timing:
    """Wall and processor seconds of a process and its children."""

    wall: float
    processor: float


def clean_environment() -> dict[str, str]:
    """Return the environment without what changes how pytest runs, and with bytecode kept, as it is where people work.

    Without that pytest rewrites and compiles every plugin's modules, and the tests, at each start, which says nothing
    of what they do.
    """
    return {name: value for name, value in os.environ.items() if not name.startswith(_NOT_PASSED_ON)}


def timed(command: Sequence[str], directory: Path, **environment: str) -> Timing:
    """Run a command to its end and return what it took; it must exit with 0 or 1."""
    clean = clean_environment()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    done = subprocess.run(command, cwd=directory, env=clean | environment, capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return Timing(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def pairs(
    ours: Callable[[], Timing], theirs: Callable[[], Timing], count: int
) -> tuple[list[tuple[Timing, Timing]], float, float]:
    """Return the pairs, and the median ratio ours / theirs of wall and of processor time; one warm-up each first."""
    ours(), theirs()
    measured = []
    for number in range(count):
        # The second of a pair finds a warmer machine: take turns.
        if number % 2:
            other = theirs()
            measured.append((ours(), other))
        else:
            mine = ours()
            measured.append((mine, theirs()))
    return (
        measured,
        median(one.wall / other.wall for one, other in measured),
        median(one.processor / other.processor for one, other in measured),
    )


def report(name: str, measured: list[tuple[Timing, Timing]], wall: float, processor: float, goal: str) -> None:
    """Print a figure in a line."""
    ours, theirs = median(one.wall for one, _ in measured), median(other.wall for _, other in measured)
    spread = sorted(one.wall / other.wall for one, other in measured)
    print(
        f"{name}: {ours:.3f} s / {theirs:.3f} s; ratio of wall time {wall:.3f} "
        f"({spread[0]:.3f} to {spread[-1]:.3f}), of processor time {processor:.3f}, {len(measured)} pairs; goal {goal}"
    )


def quick_suite(directory: Path, tests: int, files: int = 50, rounds: int = 100) -> Path:
    """Write a suite of that many tests, each adding up that many numbers, spread over files.

    rounds: 100 take a microsecond, so that such tests are as good as empty; 50,000 take about a millisecond, which
    is less than a test of click, jinja2 or structlog takes on average.
    """
    for number in range(files):
        lines = [f"def work():\n    return sum(range({rounds}))\n"]
        lines += [f"def test_{test}():\n    assert work() == {sum(range(rounds))}\n" for test in range(tests // files)]
        (directory / f"test_quick_{number}.py").write_text("\n".join(lines), encoding="utf-8")
    (directory / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return directory


def count_and_suite(directory: Path, files: int = 50, rounds: int = 100) -> tuple[int, Path]:
    """Return how many pairs are asked for, and a copy of the suite that is named; 1,000 tests where none is."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    suite = directory / "project"
    if len(sys.argv) > 2:
        shutil.copytree(sys.argv[2], suite, ignore=shutil.ignore_patterns(".isolane", "reports"))
    else:
        suite.mkdir()
        quick_suite(suite, 1000, files, rounds)
    return count, suite


def temporary() -> tempfile.TemporaryDirectory[str]:
    """Return a directory that goes when it is left."""
    return tempfile.TemporaryDirectory(prefix="isolane-bench-")
