"""How good the order is: the makespan of a suite's tests over what no order can beat, with 2 to 256 workers.

    python bench/dispatch_simulation.py [--suites click,jinja2] [--workers 2,4,16,64,256] [--check]

Durations are those of the newest run in each downstream suite's event logs (bench/fork_engine.py leaves some).
isolane's order goes by what is expected: the very durations ("durations known": what the order itself is worth), those
of the run before ("isolane": as it is), nothing ("first run"). isolane's units and order are the real ones
(planning.units, planning.dispatch), given out as engines/fork/dispatcher.py does; xdist's are handed out by its own
schedulers. Nothing but tests takes time.

The bound: all tests over the workers; the longest unit; and, where few units are left for each worker, that of so many
of the longest units one worker gets several. Units are single tests for load and worksteal, else what the mode keeps
together. Goal: at most 1.05, wherever the bound is the workers' share.

--check runs a suite of tests that sleep, for real, with 4 workers in every mode, and compares.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from collections.abc import Sequence
from pathlib import Path

import suites
from downstream_preparation import Prepared
from pairs import QUIET, temporary
from process_tree import run_tree
from simulated_workers import XdistSimulation, forked_makespan

from isolane.history.event_log import FILE_NAME, read_events
from isolane.history.runs import run_names, runs_directory
from isolane.model.record import RunRecord
from isolane.planning.dispatch import dispatch_order
from isolane.planning.units import make_units

MODES = ("load", "loadscope", "loadfile", "worksteal")
GOAL = 1.05


def recorded_seconds(prepared: Prepared) -> tuple[list[str], list[float], list[float]]:
    """Return the tests of the newest whole run, what they took, and what they took in the one before."""
    found: list[dict[str, float]] = []
    for name in reversed(run_names(prepared.source)):
        record = RunRecord.of(read_events(runs_directory(prepared.source) / name / FILE_NAME))
        if (
            record.end is not None
            and len(record.finished) == prepared.suite.tests
            and set(record.finished) == set(record.node_ids)
        ):
            seconds = {node_id: record.finished[node_id].seconds for node_id in record.node_ids}
            if not found or len(found[0].keys() & seconds.keys()) > 0.9 * len(seconds):
                found.append(seconds)
        if len(found) == 2:
            break
    if not found:
        return [], [], []
    newest, before = found[0], found[-1]
    mean = sum(before.values()) / len(before)
    return list(newest), list(newest.values()), [before.get(node_id, mean) for node_id in newest]


def bound(lengths: Sequence[float], workers: int) -> tuple[float, bool]:
    """Return the seconds that no order can beat, and whether they are the workers' even share.

    Of the k·m + 1 longest units one of m workers gets k + 1, at best the shortest of them (Graham, "Bounds on
    multiprocessing timing anomalies", 1969; Dell'Amico and Martello, 1995, call it L2 for k = 1).
    """
    longest = sorted(lengths, reverse=True)
    share = sum(longest) / workers
    crowded = [
        sum(longest[last - k : last + 1])
        for k in range(len(longest) // workers + 1)
        if (last := k * workers) < len(longest)
    ]
    return max(share, *crowded), share >= max(crowded)


def ours(node_ids: Sequence[str], seconds: list[float], expected: list[float] | None, dist: str, workers: int) -> float:
    """Return the makespan of isolane's order."""
    units = dispatch_order(make_units(node_ids, dist, workers, seconds=expected), dist, workers)
    return forked_makespan(units, seconds, workers)


def lengths_of(node_ids: Sequence[str], seconds: list[float], dist: str, workers: int) -> list[float]:
    """Return how long each unit is that the mode itself does not allow to be cut."""
    if dist in ("load", "worksteal"):
        return seconds
    return [unit.seconds or 0.0 for unit in make_units(node_ids, dist, workers, seconds=seconds)]


def simulate(name: str, data: tuple[list[str], list[float], list[float]], counts: Sequence[int]) -> list[str]:
    """Print a line a mode and number of workers; return what is over the goal."""
    node_ids, seconds, expected = data
    missed = []
    for dist in MODES:
        for workers in counts:
            lengths = lengths_of(node_ids, seconds, dist, workers)
            least, even = bound(lengths, workers)
            known = ours(node_ids, seconds, expected, dist, workers) / least
            exactly = ours(node_ids, seconds, seconds, dist, workers) / least
            unknown = ours(node_ids, seconds, None, dist, workers) / least
            theirs = XdistSimulation(dist, node_ids, seconds, workers).makespan() / least
            note = "" if even else "the longest unit" if least == max(lengths) else "few units"
            ratios = " | ".join(f"{one:.3f}" for one in (exactly, known, unknown, theirs))
            print(f"| {name} | {dist} | {workers} | {least:.3f} | {ratios} | {note} |", flush=True)
            if even and exactly > GOAL:
                missed.append(f"{name} {dist} with {workers}: {exactly:.3f}")
    return missed


SLEEPERS = """
import time
import pytest

@pytest.mark.parametrize("number, seconds", enumerate({seconds}))
def test_sleeps(number, seconds):
    time.sleep(seconds)
"""


def check() -> None:
    """Compare simulated and real makespans."""
    generator = random.Random(1)
    with temporary() as name:
        directory = Path(name)
        (directory / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        for number in range(12):
            chosen = [round(generator.choice((0.02, 0.05, 0.1, 0.4)), 2) for _ in range(generator.randrange(2, 16))]
            text = SLEEPERS.format(seconds=chosen)
            (directory / f"test_{number:02}.py").write_text(text, encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "ISOLANE_"))}

        def real(*words: str) -> RunRecord:
            command = (sys.executable, "-m", "pytest", *QUIET, "--isolane-record=on", *words)
            finished = run_tree(command, directory, environment)
            assert finished.exit_code == 0, finished.output
            return RunRecord.of(read_events(runs_directory(directory) / run_names(directory)[-1] / FILE_NAME))

        record = real()
        node_ids, expected = list(record.node_ids), [record.finished[one].seconds for one in record.node_ids]
        print("| mode | engine | simulated s | real s |\n|---|---|---:|---:|")
        for dist in MODES:
            for engine in ("fork", "xdist"):
                simulated = (
                    ours(node_ids, expected, expected, dist, 4)
                    if engine == "fork"
                    else XdistSimulation(dist, node_ids, expected, 4).makespan()
                )
                run = real("-n4", "--dist", dist, f"--isolane-engine={engine}")
                assert run.end is not None
                print(f"| {dist} | {engine} | {simulated:.2f} | {_span(run):.2f} |", flush=True)


def _span(run: RunRecord) -> float:
    """Return the time from the first test's begin to the last one's end; xdist tells of a start when it is over."""
    ends = [one.at for one in run.finished.values()]
    return max(ends) - min(one.at - one.seconds for one in run.finished.values())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", default="")
    parser.add_argument("--workers", default="2,4,8,16,32,64,128,256")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    if options.check:
        check()
        return
    counts = [int(count) for count in options.workers.split(",")]
    missed = []
    print("| suite | mode | -n | bound s | durations known | isolane | first run | xdist | not even, because of |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---|")
    for prepared in suites.prepared_suites([name for name in options.suites.split(",") if name]):
        data = recorded_seconds(prepared)
        if data[0]:
            missed += simulate(prepared.suite.name, data, counts)
        else:
            print(f"{prepared.suite.name}: there is no whole run in its event logs", file=sys.stderr)
    print(f"\nover {GOAL} where the bound is the workers' even share: {'; '.join(missed) or 'nothing'}")


if __name__ == "__main__":
    main()
