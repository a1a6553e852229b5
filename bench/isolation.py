"""What keeping tests apart costs, and whether the cheap way comes to the same outcomes as the dear one.

    python bench/isolation.py [--suites jinja2,click] [--rounds 5] [--empty 10000] [--no-test]

Each suite is run with two forked workers with --isolane-isolation none, leak and (once) test, in turn, round by round;
so is a suite of empty tests. Told: leak / none, the median of the ratios within the rounds, of wall and processor time;
leak / test; and how many tests ended otherwise under leak than with a process for each test.

Goals: leak / none at most 1.12 in the geometric mean, none over 1.25; leak / test at most 0.20 on click; the same
outcomes.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import suites
from downstream_preparation import Prepared
from pairs import quick_suite, temporary
from process_tree import Finished
from suites import Way

from isolane.model.outcome import Outcome
from isolane.planning.compare import compare

MODES = ("none", "leak")


@dataclass
class Result:
    """Of one suite: runs by mode, and what differs between leak and test."""

    name: str
    tests: int
    runs: dict[str, list[Finished]]
    differing: int | None = None
    example: str = ""

    def ratio(self, ours: str, theirs: str, figure: str = "wall") -> float:
        """Return the median of the ratios within the rounds; NaN where one was not run."""
        pairs = list(zip(self.runs.get(ours, []), self.runs.get(theirs, []), strict=False))
        return median(getattr(one, figure) / getattr(other, figure) for one, other in pairs) if pairs else math.nan


def way(mode: str) -> Way:
    """Return the way to run a suite with an isolation."""
    forked = suites.fork(2)
    return replace(forked, name=f"fork {mode}", environment=(*forked.environment, ("ISOLANE_ISOLATION", mode)))


def outcomes(prepared: Prepared) -> dict[str, Outcome]:
    """Return the outcomes of the newest run."""
    return suites.newest_record(prepared).outcomes


def measure(prepared: Prepared, rounds: int, *, with_test: bool) -> Result:
    """Run a suite in every mode."""
    result = Result(prepared.suite.name, 0, {mode: [] for mode in (*MODES, "test")})
    result.tests = suites.tests_of(suites.run(prepared, way("none")))
    for number in range(rounds):
        for mode in MODES if number % 2 else MODES[::-1]:
            result.runs[mode].append(suites.run(prepared, way(mode)))
    if with_test:
        suites.run(prepared, way("leak"))
        ours = outcomes(prepared)
        result.runs["test"] = [suites.run(prepared, way("test"))]
        found = compare(outcomes(prepared), ours)
        result.differing = len(found)
        result.example = f"{found[0][0]}: {found[0][1]} alone, {found[0][2]} under leak" if found else ""
    return result


def empty_suite(directory: Path, tests: int, model: Prepared) -> Prepared:
    """Return a suite of tests that do nothing, to be run with another suite's interpreter."""
    quick_suite(directory, tests)
    suite = replace(model.suite, name=f"{tests} empty", arguments=(), environment={})
    return replace(model, suite=suite, source=directory)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--suites", default="jinja2,structlog,click,marshmallow,more-itertools")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--empty", type=int, default=10000)
    parser.add_argument("--no-test", action="store_true")
    options = parser.parse_args()
    prepared = suites.prepared_suites(options.suites.split(","))
    results = []
    print("| suite | tests | leak / none, wall | processor | leak / test, wall | end otherwise |")
    print("|---|---:|---:|---:|---:|---:|")
    with temporary() as name:
        if options.empty:
            prepared.append(empty_suite(Path(name), options.empty, prepared[0]))
        for one in prepared:
            result = measure(one, options.rounds, with_test=not options.no_test and "empty" not in one.suite.name)
            results.append(result)
            differing = "" if result.differing is None else str(result.differing)
            wall, processor = result.ratio("leak", "none"), result.ratio("leak", "none", "processor")
            alone = result.ratio("leak", "test")
            print(
                f"| {result.name} | {result.tests:,} | {wall:.2f} | {processor:.2f} | {alone:.2f} | {differing} |",
                flush=True,
            )
            if result.example:
                print(f"  {result.example}", file=sys.stderr)
    mean = math.exp(sum(math.log(result.ratio("leak", "none")) for result in results) / len(results))
    print(f"\nleak / none, geometric mean {mean:.2f}; goal 1.12")


if __name__ == "__main__":
    main()
