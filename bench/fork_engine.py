"""The fork engine against pytest-xdist, pytest-parallex and a serial run, over the downstream suites.

    python bench/fork_engine.py [--suites jinja2,click] [--workers 2,4] [--rounds 5] [--dist MODE] [--json FILE]

All ways to run a suite are taken in turn, round by round, and compared within a round; figures are medians over the
rounds. A run that told of another number of tests than the serial one is not counted (xdist gives a suite up whose
workers collect in different seconds), and said so. The suites are fetched on the first call, as by `nox -s downstream`.

Goals: wall time over the best xdist mode's, geometric mean, at most 0.75 with 2 workers and none over 0.95, at most
0.55 with 4; over the limit (start + collection + the longer of tests ÷ 2 and the longest unit, from a serial run's
event log) at most 1.10; processor time over serial at most 1.10; never slower than serial on suites over a second.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import suites
from downstream_preparation import Prepared
from process_tree import Finished
from suites import XDIST_MODES, Way

from isolane.planning.units import make_units
from isolane.planning.workers import DEFAULT_DIST


@dataclass
class Runs:
    """All runs of a suite with a number of workers, by way. limits: the seconds that no order can beat, by round."""

    suite: str
    workers: int
    tests: int = 0
    by_way: dict[str, list[Finished | None]] = field(default_factory=dict)
    limits: list[float] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    engine: str = "fork"
    """Which one isolane chose: a suite that cannot be forked goes to xdist."""

    def wall(self, way: str) -> float:
        """Return the median; NaN where no run counts."""
        return _median(one.wall for one in self.by_way.get(way, []) if one)

    def processor(self, way: str) -> float:
        """Return the median; NaN where no run counts."""
        return _median(one.processor for one in self.by_way.get(way, []) if one)

    def ratio(self, ours: str, theirs: str, figure: str = "wall") -> float:
        """Return the median of the ratios within the rounds."""
        pairs = zip(self.by_way.get(ours, []), self.by_way.get(theirs, []), strict=False)
        return _median(getattr(one, figure) / getattr(other, figure) for one, other in pairs if one and other)

    def over_limit(self, way: str) -> float:
        """Return the median of wall time over the limit."""
        pairs = zip(self.by_way[way], self.limits, strict=False)
        return _median(one.wall / limit for one, limit in pairs if one)

    @property
    def best_xdist(self) -> str:
        """Return the quickest of xdist's modes."""
        counted = [f"xdist {mode}" for mode in XDIST_MODES if not math.isnan(self.wall(f"xdist {mode}"))]
        return min(counted, key=self.wall, default="")


def measure(prepared: Prepared, workers: int, dist: str, rounds: int) -> Runs:
    """Run a suite in every way, round by round."""
    fork = suites.fork(workers, dist)
    ways = [fork, *(suites.xdist(workers, mode) for mode in XDIST_MODES), suites.serial(), suites.parallex(workers)]
    runs = Runs(prepared.suite.name, workers)
    for way in (suites.recorded(), fork, ways[1], suites.parallex(workers)):  # bytecode, durations, the disk's cache
        runs.tests = max(runs.tests, suites.tests_of(suites.run(prepared, way)))
        if way is fork:
            header = suites.newest_record(prepared).header
            runs.engine = header.engine if header is not None else "none"
    for number in range(rounds):
        shift = number % len(ways)  # whoever comes after a long run finds another machine: take turns
        for way in ways[shift:] + ways[:shift]:
            _count(runs, way, suites.run(prepared, way))
        suites.run(prepared, suites.recorded())
        runs.limits.append(limit(prepared, workers, dist))
    return runs


def _count(runs: Runs, way: Way, finished: Finished) -> None:
    right = finished.exit_code in (0, 1) and suites.tests_of(finished) == runs.tests
    if not right:
        runs.refused[way.name] = runs.refused.get(way.name, 0) + 1
    runs.by_way.setdefault(way.name, []).append(finished if right else None)


def limit(prepared: Prepared, workers: int, dist: str) -> float:
    """Return start + collection + the longer of tests ÷ processors and the longest unit, of the newest (serial) run.

    A test's time is from the end of the one before it to its own, so that it holds what pytest itself does around it.
    With more workers than processors the tests still take their time, so never more than two count.
    """
    record = suites.newest_record(prepared)
    assert record.end is not None
    phases = record.end.phases
    (sequence,) = record.sequences.values()
    ends = [record.finished[node_id].at for node_id in sequence]
    begin = ends[-1] - phases["tests"]
    seconds = [end - before for end, before in zip(ends, [begin, *ends], strict=False)]
    units = make_units(sequence, dist or DEFAULT_DIST, workers, seconds=seconds)
    longest = max(unit.seconds or 0.0 for unit in units)
    return phases["start"] + phases["collection"] + max(phases["tests"] / min(workers, 2), longest)


def table(all_runs: Sequence[Runs], fork: str) -> str:
    """Return a Markdown table with a line a suite and number of workers."""
    head = (
        "suite", "-n", "tests", "serial s", "fork s", "best xdist s", "fork / xdist", "fork / limit", "fork / serial",
        "processor / serial", "xdist's processor / serial", "parallex s", "fork / parallex", "not counted",
    )  # fmt: skip
    rows = [head, tuple("---" for _ in head)]
    for runs in all_runs:
        best = runs.best_xdist
        rows.append(
            (
                runs.suite if runs.engine == "fork" else f"{runs.suite} (not forked: {runs.engine})",
                f"{runs.workers}",
                f"{runs.tests:,}",
                f"{runs.wall('serial'):.2f}",
                f"{runs.wall(fork):.2f}",
                f"{runs.wall(best):.2f} ({best.partition(' ')[2]})",
                f"{runs.ratio(fork, best):.2f}",
                f"{runs.over_limit(fork):.2f}",
                f"{runs.ratio(fork, 'serial'):.2f}",
                f"{runs.ratio(fork, 'serial', 'processor'):.2f}",
                f"{runs.ratio(best, 'serial', 'processor'):.2f}",
                f"{runs.wall('parallex'):.2f}",
                f"{runs.ratio(fork, 'parallex'):.2f}",
                ", ".join(f"{way} {count}" for way, count in runs.refused.items()),
            )
        )
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def goals(all_runs: Sequence[Runs], fork: str) -> str:
    """Return the goals, and what was seen over the suites that were forked."""
    lines = []
    for workers, mean_goal, worst_goal in ((2, 0.75, 0.95), (4, 0.55, None)):
        chosen = [runs for runs in all_runs if runs.workers == workers and runs.engine == "fork"]
        if not chosen:
            continue
        against = {runs.suite: runs.ratio(fork, runs.best_xdist) for runs in chosen}
        over = f", goal {worst_goal}" if worst_goal else ""
        lines += [
            f"-n {workers}, wall over best xdist: geometric mean {_geometric(against.values()):.2f}, goal {mean_goal}; "
            f"worst {_worst(against)}{over}",
            f"-n {workers}, wall over parallex: geometric mean "
            f"{_geometric(runs.ratio(fork, 'parallex') for runs in chosen):.2f}",
        ]
        if workers == 2:
            limits = {runs.suite: runs.over_limit(fork) for runs in chosen}
            work = {runs.suite: runs.ratio(fork, "serial", "processor") for runs in chosen}
            long = {runs.suite: runs.ratio(fork, "serial") for runs in chosen if runs.wall("serial") > 1.0}
            lines += [
                f"-n 2, wall over the limit: geometric mean {_geometric(limits.values()):.2f}; worst {_worst(limits)}, "
                "goal 1.10",
                f"-n 2, processor over serial: geometric mean {_geometric(work.values()):.2f}; worst {_worst(work)}, "
                "goal 1.10",
                f"-n 2, wall over serial, suites over 1 s: worst {_worst(long)}, goal 1.00",
            ]
    return "\n".join(lines)


def _worst(figures: dict[str, float]) -> str:
    counted = {name: figure for name, figure in figures.items() if not math.isnan(figure)}
    name = max(counted, key=counted.__getitem__, default="")
    return f"{counted[name]:.2f} ({name})" if name else "none"


def _geometric(figures: Iterable[float]) -> float:
    counted = [figure for figure in figures if not math.isnan(figure)]
    return math.exp(sum(map(math.log, counted)) / len(counted)) if counted else math.nan


def _median(figures: Iterable[float]) -> float:
    counted = list(figures)
    return median(counted) if counted else math.nan


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suites", default="", help="names, with commas; all of them where none is given")
    parser.add_argument("--workers", default="2,4", help="numbers of workers, with commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dist", default="", help="of the fork engine; what -n alone means where it is not given")
    parser.add_argument("--json", type=Path, help="where each run's figures go besides")
    options = parser.parse_args()
    fork = suites.fork(2, options.dist).name
    all_runs = []
    for prepared in suites.prepared_suites([name for name in options.suites.split(",") if name]):
        for workers in map(int, options.workers.split(",")):
            runs = measure(prepared, workers, options.dist, options.rounds)
            all_runs.append(runs)
            print(table([runs], fork).splitlines()[2], flush=True)
    print(f"\n{table(all_runs, fork)}\n{goals(all_runs, fork)}")
    if options.json:
        options.json.write_text(json.dumps([_as_data(runs) for runs in all_runs], indent=1), encoding="utf-8")


def _as_data(runs: Runs) -> dict[str, object]:
    return {
        "suite": runs.suite,
        "workers": runs.workers,
        "tests": runs.tests,
        "limits": runs.limits,
        "seconds": {
            way: [one and {"wall": one.wall, "processor": one.processor} for one in measured]
            for way, measured in runs.by_way.items()
        },
    }


if __name__ == "__main__":
    main()
